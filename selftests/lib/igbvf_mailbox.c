// SPDX-License-Identifier: GPL-2.0-only
/*
 * The mailbox as mbx.c and vf.c of drivers/net/ethernet/intel/igbvf use it. Only
 * time is another: a busy emulator gets more of it than igbvf gives to the PF.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include "igbvf_mailbox.h"
#include "igbvf_regs.h"
#include "igbvf_user.h"

#define POLL_US		200
#define RESET_US	10000
#define RESET_BITS	(VF_MBX_RSTI | VF_MBX_RSTD)
#define CLEARED_BITS	(VF_MBX_PFSTS | VF_MBX_PFACK | VF_MBX_RSTD)
#define ATTEMPTS	3

static const char * const access_names[MBX_ACCESSES + 1] = {
	[MBX_CTRL_READ] = "read CTRL",
	[MBX_CTRL_RESET] = "write CTRL.RST",
	[MBX_RESET_SEEN] = "check RSTI, RSTD",
	[MBX_TAKE] = "write VFU",
	[MBX_TAKEN] = "check VFU",
	[MBX_FLUSH] = "flush bits",
	[MBX_WORD_OUT] = "write VMBMEM",
	[MBX_REQUEST] = "write REQ",
	[MBX_POLL_ACK] = "poll PFACK",
	[MBX_POLL_REPLY] = "poll PFSTS",
	[MBX_WORD_IN] = "read VMBMEM",
	[MBX_DONE] = "write ACK",
	[MBX_STATUS] = "read STATUS",
	[MBX_ACCESSES] = "nothing",
};

const char *mailbox_access_name(enum mailbox_access access)
{
	return access_names[access];
}

void mailbox_init(struct igbvf_mailbox *mbx, struct vf *vf)
{
	memset(mbx, 0, sizeof(*mbx));
	mbx->vf = vf;
	mbx->link_unknown = true;
}

static u32 mbx_read(struct igbvf_mailbox *mbx, enum mailbox_access access, u32 reg, bool again)
{
	if (mbx->before && mbx->before(mbx, access, again))
		return 0;
	return vf_read(mbx->vf, reg);
}

static void mbx_write(struct igbvf_mailbox *mbx, enum mailbox_access access, u32 reg, u32 val,
		      bool again)
{
	if (mbx->before && mbx->before(mbx, access, again))
		return;
	vf_write(mbx->vf, reg, val);
}

/* e1000_read_v2p_mailbox: bits that the read clears are kept for who asks later. */
static u32 read_control(struct igbvf_mailbox *mbx, enum mailbox_access access, bool again)
{
	u32 val = mbx_read(mbx, access, VF_MAILBOX, again) | mbx->unread;

	mbx->unread |= val & CLEARED_BITS;
	return val;
}

/* e1000_check_for_bit_vf */
static bool check_bit(struct igbvf_mailbox *mbx, enum mailbox_access access, u32 mask, bool again)
{
	u32 val = read_control(mbx, access, again);

	mbx->unread &= ~mask;
	return val & mask;
}

static int poll_bit(struct igbvf_mailbox *mbx, enum mailbox_access access, u32 mask)
{
	u64 end = now_ns() + NIC_TIMEOUT_MS * 1000000ull;
	bool again = false;

	while (!check_bit(mbx, access, mask, again)) {
		if (now_ns() > end) {
			mbx->dead = true;
			return -ETIMEDOUT;
		}
		usleep(POLL_US);
		again = true;
	}
	return 0;
}

/* e1000_obtain_mbx_lock_vf */
static int take_buffer(struct igbvf_mailbox *mbx)
{
	u64 end = now_ns() + NIC_TIMEOUT_MS * 1000000ull;
	bool again = false;

	for (;;) {
		mbx_write(mbx, MBX_TAKE, VF_MAILBOX, VF_MBX_VFU, again);
		if (read_control(mbx, MBX_TAKEN, again) & VF_MBX_VFU)
			return 0;
		if (now_ns() > end)
			return -EBUSY;
		usleep(1000);
		again = true;
	}
}

/* e1000_read_mbx_vf */
static int read_buffer(struct igbvf_mailbox *mbx, u32 *msg, unsigned int words)
{
	unsigned int i;
	int ret;

	ret = take_buffer(mbx);
	if (ret)
		return ret;
	for (i = 0; i < words; i++)
		msg[i] = mbx_read(mbx, MBX_WORD_IN, VF_MBMEM(i), false);
	mbx_write(mbx, MBX_DONE, VF_MAILBOX, VF_MBX_ACK, false);
	return 0;
}

/* e1000_write_posted_mbx with e1000_write_mbx_vf */
int mailbox_post(struct igbvf_mailbox *mbx, const u32 *msg, unsigned int words)
{
	unsigned int i;
	int ret;

	if (mbx->dead)
		return -EPIPE;
	ret = take_buffer(mbx);
	if (ret)
		return ret;
	check_bit(mbx, MBX_FLUSH, VF_MBX_PFACK, false);
	check_bit(mbx, MBX_FLUSH, VF_MBX_PFSTS, false);
	for (i = 0; i < words; i++)
		mbx_write(mbx, MBX_WORD_OUT, VF_MBMEM(i), msg[i], false);
	mbx_write(mbx, MBX_REQUEST, VF_MAILBOX, VF_MBX_REQ, false);
	return poll_bit(mbx, MBX_POLL_ACK, VF_MBX_PFACK);
}

/* e1000_read_posted_mbx */
int mailbox_fetch(struct igbvf_mailbox *mbx, u32 *reply, unsigned int words)
{
	int ret = poll_bit(mbx, MBX_POLL_REPLY, VF_MBX_PFSTS);

	return ret ? ret : read_buffer(mbx, reply, words);
}

/* e1000_reset_hw_vf */
int mailbox_reset(struct igbvf_mailbox *mbx, u32 *reply)
{
	u64 end = now_ns() + NIC_TIMEOUT_MS * 1000000ull;
	u32 msg = VF_MSG_RESET, ctrl;
	bool again = false;
	int ret;

	ctrl = mbx_read(mbx, MBX_CTRL_READ, VF_CTRL, false);
	mbx_write(mbx, MBX_CTRL_RESET, VF_CTRL, ctrl | VF_CTRL_RST, false);
	/*
	 * A PF that is looking at its VFs at this moment can take the message below
	 * for the earlier one of the two. igbvf lives with that, a test must not.
	 */
	usleep(RESET_US);
	while (check_bit(mbx, MBX_RESET_SEEN, RESET_BITS, again)) {
		if (now_ns() > end)
			return -EAGAIN;
		usleep(POLL_US);
		again = true;
	}
	mbx->dead = false;
	ret = mailbox_post(mbx, &msg, 1);
	if (ret)
		return ret;
	usleep(RESET_US);
	return mailbox_fetch(mbx, reply, 3);
}

/* e1000_check_for_link_vf */
bool mailbox_link(struct igbvf_mailbox *mbx)
{
	u32 msg = 0;

	if (check_bit(mbx, MBX_RESET_SEEN, RESET_BITS, false) || mbx->dead)
		mbx->link_unknown = true;
	if (!mbx->link_unknown)
		return true;
	if (!(mbx_read(mbx, MBX_STATUS, VF_STATUS, false) & VF_STATUS_LU))
		return false;
	if (read_buffer(mbx, &msg, 1))
		return false;
	if (!(msg & VF_MSG_CTS) || mbx->dead)
		return false;
	mbx->link_unknown = false;
	return true;
}

int mailbox_request(struct igbvf_mailbox *mbx, u32 *msg, unsigned int words,
		    unsigned int reply_words)
{
	u32 reply[VF_MBMEM_WORDS];
	int attempt, ret = -EIO;

	for (attempt = 0; attempt < ATTEMPTS; attempt++) {
		ret = mailbox_post(mbx, msg, words);
		if (!ret)
			ret = mailbox_fetch(mbx, reply, reply_words);
		if (ret)
			return ret;
		if ((reply[0] & 0xffff) == (msg[0] & 0xffff) &&
		    reply[0] & (VF_MSG_ACK | VF_MSG_NACK)) {
			memcpy(msg, reply, reply_words * sizeof(*msg));
			return 0;
		}
		ret = -EPROTO;
	}
	return ret;
}

int nic_mailbox(struct vf *vf, u32 *msg, unsigned int words, unsigned int reply_words)
{
	struct igbvf_mailbox mbx;

	mailbox_init(&mbx, vf);
	return mailbox_request(&mbx, msg, words, reply_words);
}
