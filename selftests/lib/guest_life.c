// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of igbvf in messages: the order is that of igbvf_reset(), igbvf_up()
 * and of what "ip link" makes it do then.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <linux/kernel.h>
#include <linux/types.h>

#include "guest_life.h"
#include "vf_request.h"

#define FRAMES		3
#define MAX_FRAME	1522
#define VID_BEFORE	100
#define VID_AFTER	4094

static const u8 mac_before[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x0e, 0x01 };
static const u8 mac_after[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x0e, 0x02 };
static const u8 group_before[MAC_LEN] = { 0x01, 0x00, 0x5e, 0x12, 0x34, 0x56 };
static const u8 group_after[MAC_LEN] = { 0x01, 0x00, 0x5e, 0x65, 0x43, 0x21 };
static const u8 further[2][MAC_LEN] = {
	{ 0x02, 0x76, 0x6d, 0x66, 0x0f, 0x01 },
	{ 0x02, 0x76, 0x6d, 0x66, 0x0f, 0x02 },
};

static bool __printf(2, 3) wrong(struct guest_life *life, const char *format, ...)
{
	va_list args;

	/* What comes after the first is a consequence. */
	if (*life->error)
		return false;
	va_start(args, format);
	vsnprintf(life->error, sizeof(life->error), format, args);
	va_end(args);
	return false;
}

int life_open(struct guest_life *life, unsigned int guest, unsigned int peer)
{
	int ret;

	memset(life, 0, sizeof(*life));
	ret = testnet_open(&life->net, guest, peer);
	mailbox_init(&life->mbx, life->net.guest.vf);
	return ret;
}

void life_close(struct guest_life *life)
{
	testnet_close(&life->net);
}

void life_moved(struct guest_life *life, struct vf *vf)
{
	life->net.guest.vf = vf;
	life->mbx.vf = vf;
}

static bool expect_reply(struct guest_life *life, int ret, u32 reply, u32 want)
{
	if (ret)
		return wrong(life, "%s: %s", life->doing, strerror(-ret));
	if (reply != want)
		return wrong(life, "%s: answer %#x instead of %#x", life->doing, reply, want);
	return true;
}

static bool reset(struct guest_life *life)
{
	u32 reply[3] = { 0 };
	int ret;

	life->doing = "VF_RESET";
	ret = mailbox_reset(&life->mbx, reply);
	/* No CTS in this one, and no address from the host. */
	return expect_reply(life, ret, reply[0], VF_MSG_RESET | VF_MSG_NACK);
}

/* One message, of which the PF thinks as @verdict says; 0 if it may think as it likes. */
static bool ask(struct guest_life *life, const char *doing, const u32 *msg, unsigned int words,
		unsigned int reply_words, u32 verdict)
{
	u32 reply[VF_MBMEM_WORDS] = { 0 };
	int ret;

	life->doing = doing;
	ret = mailbox_post(&life->mbx, msg, words);
	if (!ret)
		ret = mailbox_fetch(&life->mbx, reply, reply_words);
	if (!verdict)
		verdict = reply[0] & VF_MSG_ACK ? VF_MSG_ACK : VF_MSG_NACK;
	return expect_reply(life, ret, reply[0], msg[0] | VF_MSG_CTS | verdict);
}

static bool ask_mac(struct guest_life *life, const char *doing, u32 kind, const u8 *mac,
		    u32 verdict)
{
	u32 msg[3] = { kind };

	if (mac)
		memcpy(&msg[1], mac, MAC_LEN);
	return ask(life, doing, msg, 3, 3, verdict);
}

static bool ask_vlan(struct guest_life *life, u16 vid, bool add)
{
	u32 msg[2] = { VF_MSG_SET_VLAN | (u32)add << VF_MSG_INFO_SHIFT, vid };

	return ask(life, add ? "SET_VLAN, add" : "SET_VLAN, remove", msg, 2, 2, VF_MSG_ACK);
}

/* igbvf_set_rx_mode() */
static bool set_rx_mode(struct guest_life *life, const u8 *group)
{
	u32 msg[VF_MBMEM_WORDS];
	u16 hash = vf_multicast_hash(group);
	unsigned int i;
	bool ok;

	/* What igbvf has after the hashes is what was on its stack. */
	memset(msg, 0xa5, sizeof(msg));
	msg[0] = VF_MSG_SET_MULTICAST | 1 << VF_MSG_INFO_SHIFT;
	memcpy(&msg[1], &hash, sizeof(hash));
	ok = ask(life, "SET_MULTICAST", msg, VF_MBMEM_WORDS, 1, VF_MSG_ACK);
	/* Without an address igb always refuses it, and igbvf goes on. */
	ok &= ask_mac(life, "MAC_FILTER_CLR", VF_MSG_MAC_FILTER_CLR, NULL, 0);
	for (i = 0; i < ARRAY_SIZE(further); i++)
		ok &= ask_mac(life, "MAC_FILTER_ADD", VF_MSG_MAC_FILTER_ADD, further[i],
			      VF_MSG_ACK);
	return ok;
}

/* @told: after an interrupt of the mailbox, as every migration makes one. */
static bool check_link(struct guest_life *life, bool told)
{
	life->doing = "check of the link";
	life->mbx.link_unknown = told;
	return mailbox_link(&life->mbx) || wrong(life, "the link is down");
}

static bool bring_up(struct guest_life *life)
{
	u32 frame[2] = { VF_MSG_SET_LPE, MAX_FRAME };
	bool ok;

	ok = reset(life);
	ok &= ask_mac(life, "SET_MAC", VF_MSG_SET_MAC, mac_before, VF_MSG_ACK);
	ok &= set_rx_mode(life, group_before);
	ok &= ask_vlan(life, 0, true);
	ok &= ask_vlan(life, VID_BEFORE, true);
	nic_setup(&life->net.guest);
	ok &= ask(life, "SET_LPE", frame, 2, 1, VF_MSG_ACK);
	return ok & check_link(life, true);
}

static bool change(struct guest_life *life)
{
	bool ok;

	ok = ask_mac(life, "SET_MAC", VF_MSG_SET_MAC, mac_after, VF_MSG_ACK);
	ok &= set_rx_mode(life, group_after);
	ok &= ask_vlan(life, VID_BEFORE, false);
	ok &= ask_vlan(life, VID_AFTER, true);
	ok &= check_link(life, false);
	return ok & check_link(life, true);
}

bool life_run(struct guest_life *life)
{
	bool ok = bring_up(life);

	ok &= change(life);
	memcpy(life->net.guest.mac, mac_after, MAC_LEN);
	return ok;
}

/*
 * Frames that must not arrive, and after them frames that must. A multicast group
 * that was left is not among them: igb lets its hash stay in the table of the PF.
 */
static bool exchange_special(struct guest_life *life)
{
	enum { MAC, VLAN, OLD, GROUP = OLD, UNICAST0, UNICAST1, WANTED };
	static const char * const names[WANTED] = {
		"own address", "VLAN", "multicast", "first further address",
		"second further address",
	};
	struct ledger want[WANTED], old[OLD], *all[WANTED + OLD];
	struct pf_socket *pf = &life->net.pf;
	unsigned int i, n = 0;
	bool ok;

	for (i = 0; i < WANTED; i++) {
		ledger_init(&want[i], 200 + i);
		all[n++] = &want[i];
	}
	for (i = 0; i < OLD; i++) {
		ledger_init(&old[i], 210 + i);
		all[n++] = &old[i];
	}
	ok = pf_send(pf, &old[MAC], mac_before, FRAMES);
	ok &= pf_send_tagged(pf, &old[VLAN], mac_after, VID_BEFORE, FRAMES);
	/* Nothing is waited for that must not come; it is before the rest in any case. */
	for (i = 0; i < OLD; i++)
		old[i].sent = 0;
	ok &= pf_send(pf, &want[MAC], mac_after, FRAMES);
	ok &= pf_send(pf, &want[GROUP], group_after, FRAMES);
	ok &= pf_send_tagged(pf, &want[VLAN], mac_after, VID_AFTER, FRAMES);
	ok &= pf_send(pf, &want[UNICAST0], further[0], FRAMES);
	ok &= pf_send(pf, &want[UNICAST1], further[1], FRAMES);
	if (!ok)
		return wrong(life, "the PF does not send: %s", strerror(errno));
	nic_collect(&life->net.guest, all, n, NIC_TIMEOUT_MS);
	for (i = 0; i < WANTED; i++)
		if (!ledger_complete(&want[i]))
			return wrong(life, "%s: %u of %u frames, %u twice", names[i],
				     want[i].received, want[i].sent, want[i].duplicated);
	for (i = 0; i < OLD; i++)
		if (old[i].received)
			return wrong(life, "%s: the one of before still works", names[i]);
	return true;
}

bool life_check(struct guest_life *life)
{
	bool ok = true;

	life->doing = "frames";
	if (!testnet_exchange(&life->net, FRAMES)) {
		testnet_print(&life->net);
		ok = wrong(life, "frames are missing");
	}
	ok &= exchange_special(life);
	if (vf_clear_unicast(life->net.guest.vf, mac_after))
		ok &= wrong(life, "the further addresses stay in the PF");
	return ok;
}
