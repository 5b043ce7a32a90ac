/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_IGBVF_MAILBOX_H
#define SELFTESTS_IGBVF_MAILBOX_H

#include <stdbool.h>

#include <linux/types.h>

#include "igbvf_device.h"

/*
 * The mailbox between a VF and its PF, with the accesses to page 0 that
 * drivers/net/ethernet/intel/igbvf makes, one by one and in its order.
 */

/* What an access is for: one name for each place in igbvf that makes one. */
enum mailbox_access {
	MBX_CTRL_READ,
	MBX_CTRL_RESET,
	MBX_RESET_SEEN,		/* has the PF been reset? */
	MBX_TAKE,
	MBX_TAKEN,		/* is the buffer ours? */
	MBX_FLUSH,
	MBX_WORD_OUT,
	MBX_REQUEST,
	MBX_POLL_ACK,		/* has the PF taken the message? */
	MBX_POLL_REPLY,		/* has it answered? */
	MBX_WORD_IN,
	MBX_DONE,		/* the reply is read, the buffer free again */
	MBX_STATUS,
	MBX_ACCESSES,
};

/* The driver's side: in guest memory, so that it moves with the guest. */
struct igbvf_mailbox {
	struct vf *vf;		/* the device that the guest has now */
	u32 unread;		/* bits that a read has cleared and nobody has asked for */
	bool dead;		/* there was a time-out: no messages until a reset */
	bool link_unknown;	/* the next check of the link reads the mailbox */
	/*
	 * Called before each access, which is not made if this returns true. @again:
	 * the same was done just before, and its result has to be waited for.
	 */
	bool (*before)(struct igbvf_mailbox *mbx, enum mailbox_access access, bool again);
	void *context;
};

const char *mailbox_access_name(enum mailbox_access access);

void mailbox_init(struct igbvf_mailbox *mbx, struct vf *vf);

/* write_posted: send a message, and wait until the PF has taken it. 0 or -errno. */
int mailbox_post(struct igbvf_mailbox *mbx, const u32 *msg, unsigned int words);

/* read_posted: wait for the reply, and read it. 0 or -errno. */
int mailbox_fetch(struct igbvf_mailbox *mbx, u32 *reply, unsigned int words);

/* reset_hw: CTRL.RST and VF_RESET, and its reply of three words. 0 or -errno. */
int mailbox_reset(struct igbvf_mailbox *mbx, u32 *reply);

/* check_for_link, as the watchdog calls it: is the link up? */
bool mailbox_link(struct igbvf_mailbox *mbx);

/*
 * One request, whose reply replaces @msg; again if a ping of the PF took the place
 * of the reply, which igbvf does not look for. 0 or -errno.
 */
int mailbox_request(struct igbvf_mailbox *mbx, u32 *msg, unsigned int words,
		    unsigned int reply_words);

/* The same for who has no state to keep. */
int nic_mailbox(struct vf *vf, u32 *msg, unsigned int words, unsigned int reply_words);

#endif /* SELFTESTS_IGBVF_MAILBOX_H */
