/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_GUEST_LIFE_H
#define SELFTESTS_GUEST_LIFE_H

#include "igbvf_mailbox.h"
#include "testnet.h"

/*
 * All that igbvf asks of its PF from "up" on: reset, address, receive mode, VLANs,
 * frame size, then other ones of them, and its checks of the link. The accesses
 * go through @mbx, whose hook may move the guest to another VF at any of them.
 */
struct guest_life {
	struct testnet net;
	struct igbvf_mailbox mbx;
	const char *doing;	/* for the log */
	char error[160];	/* the first thing that was not as it should be, or "" */
};

/* Guest on VF @guest, peer on VF @peer. 0 or -errno. */
int life_open(struct guest_life *life, unsigned int guest, unsigned int peer);
void life_close(struct guest_life *life);

/* The guest goes on with @vf. */
void life_moved(struct guest_life *life, struct vf *vf);

/* A whole life. Every message has the answer that is due; false if not. */
bool life_run(struct guest_life *life);

/*
 * What the guest has asked for at the end of its life is what it has, and nothing
 * that it had before: frames of all kinds. What it holds of tables that VFs share
 * is given back then.
 */
bool life_check(struct guest_life *life);

#endif /* SELFTESTS_GUEST_LIFE_H */
