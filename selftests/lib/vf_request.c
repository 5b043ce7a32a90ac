// SPDX-License-Identifier: GPL-2.0-only
/*
 * Requests to the PF: what drivers/net/ethernet/intel/igbvf/vf.c sends.
 */
#include <errno.h>
#include <string.h>

#include <linux/types.h>

#include "igbvf_user.h"
#include "vf_request.h"

/* More than the table of any PF has. */
#define UNICAST_MAX	64

/* igbvf reads as many words of a reply as it has use for. */
static int request(struct vf *vf, u32 *msg, unsigned int words, unsigned int reply_words)
{
	int ret = nic_mailbox(vf, msg, words, reply_words);

	if (ret)
		return ret;
	return msg[0] & VF_MSG_ACK ? 0 : -EACCES;
}

static int request_mac(struct vf *vf, u32 kind, const u8 *mac)
{
	u32 msg[3] = { kind };

	memcpy(&msg[1], mac, MAC_LEN);
	return request(vf, msg, 3, 3);
}

int vf_join(struct vf *vf, const u8 *mac)
{
	u32 msg[3] = { VF_MSG_RESET };
	int ret;

	/* NACK only says that the host has set no address. */
	ret = nic_mailbox(vf, msg, 1, 3);
	return ret ? ret : request_mac(vf, VF_MSG_SET_MAC, mac);
}

int vf_add_unicast(struct vf *vf, const u8 *mac)
{
	return request_mac(vf, VF_MSG_MAC_FILTER_ADD, mac);
}

int vf_clear_unicast(struct vf *vf, const u8 *mac)
{
	return request_mac(vf, VF_MSG_MAC_FILTER_CLR, mac);
}

unsigned int vf_unicast_room(struct vf *vf)
{
	u8 mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x67, 0x00, 0x00 };
	unsigned int n;

	for (n = 0; n < UNICAST_MAX; n++) {
		mac[5] = n;
		if (vf_add_unicast(vf, mac))
			break;
	}
	return vf_clear_unicast(vf, mac) ? 0 : n;
}

int vf_set_vlan(struct vf *vf, u16 vid, bool add)
{
	u32 msg[2] = { VF_MSG_SET_VLAN | (u32)add << VF_MSG_INFO_SHIFT, vid };

	return request(vf, msg, 2, 2);
}

u16 vf_multicast_hash(const u8 *mac)
{
	return (mac[4] >> 4 | mac[5] << 4) & 0xfff;
}

int vf_set_multicast(struct vf *vf, const u16 *hashes, unsigned int count)
{
	u32 msg[VF_MBMEM_WORDS] = { VF_MSG_SET_MULTICAST | count << VF_MSG_INFO_SHIFT };

	/* All words are sent, as igbvf does it; 30 hashes fit. */
	memcpy(&msg[1], hashes, (count < 30 ? count : 30) * sizeof(*hashes));
	return request(vf, msg, VF_MBMEM_WORDS, 1);
}

int vf_set_max_frame(struct vf *vf, u32 bytes)
{
	u32 msg[2] = { VF_MSG_SET_LPE, bytes };

	return request(vf, msg, 2, 1);
}

int vf_set_multi_promisc(struct vf *vf, bool on)
{
	u32 msg[1] = { VF_MSG_SET_PROMISC };

	if (on)
		msg[0] |= VF_MSG_PROMISC_MULTI << VF_MSG_INFO_SHIFT;
	return request(vf, msg, 1, 1);
}
