/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TESTNET_H
#define SELFTESTS_TESTNET_H

#include "igbvf_user.h"
#include "migration.h"
#include "pf_socket.h"

/*
 * Three stations at the NIC's own switch: a guest that migrates, a peer that
 * stays on its VF, and the PF's network interface.
 */
enum testnet_path {
	GUEST_TO_PEER,
	GUEST_TO_PF,
	PEER_TO_GUEST,
	PF_TO_GUEST,
	PATHS,
};

struct testnet {
	struct nic guest;
	struct nic peer;
	struct pf_socket pf;
	struct ledger ledgers[PATHS];
};

/* Each queue of the guest has a path of its own, so that order is defined. */
#define GUEST_QUEUE_PEER	0
#define GUEST_QUEUE_PF		1

/* Frames that may be under way on each path: a part of the smallest ring. */
#define TESTNET_BURST		12

const char *testnet_path_name(unsigned int path);

/* Guest on VF @guest, peer on VF @peer, both drivers up. 0 or -errno. */
int testnet_open(struct testnet *net, unsigned int guest, unsigned int peer);
void testnet_close(struct testnet *net);

/* Send @count frames on @path without receiving them. */
bool testnet_send(struct testnet *net, enum testnet_path path, u32 count);

/*
 * Wait for what is under way to the guest: a wire takes its time, and a device that is
 * stopped meanwhile may lose it.
 */
void testnet_settle(struct testnet *net);

/* Receive at all stations until nothing is missing; false if something is. */
bool testnet_collect(struct testnet *net, int timeout_ms);

/* Some frames from the guest to both others, as a guest does that finds itself stopped. */
bool testnet_queue(struct testnet *net);

/* Nothing of the guest arrives anywhere, for a while. */
bool testnet_silent(struct testnet *net);

/* Send @count frames on every path, in bursts, and receive them all. */
bool testnet_exchange(struct testnet *net, u32 count);

/* Every frame that was sent has arrived once, in order and unharmed. */
bool testnet_complete(struct testnet *net);

/*
 * The PF is reset, with the registers of all VFs, and the peer comes up again. The
 * guest is left as it is then. 0 or -errno.
 */
int testnet_reset_pf(struct testnet *net);

void testnet_print(struct testnet *net);

/*
 * Twice around the ring. A guest that gives buffers back as fast as it gets them, on a busy
 * machine, has to wait for who carries that over.
 */
bool testnet_go_around(struct testnet *net);

/* What the guest's device writes is logged, all of its RAM. 0 or -errno. */
int testnet_log_start(struct testnet *net);
int testnet_log_stop(struct testnet *net);

/* The guest's device goes to @state. 0 or -errno. */
int testnet_set(struct testnet *net, u32 state);

/*
 * The state of the guest, taken to VF @to, which is left in STOP; NULL if that
 * fails. @stream gets the stream unless it is NULL.
 */
struct vf *testnet_arrive(struct testnet *net, unsigned int to, bool precopy,
			  struct mig_buf *stream);

/* The same with a stream that was read before. */
struct vf *testnet_land(struct testnet *net, unsigned int to, const struct mig_buf *stream);

/* The guest runs on @vf from here on, and the old one is closed. */
int testnet_depart(struct testnet *net, struct vf *vf);

/* Both of it. */
int testnet_migrate(struct testnet *net, unsigned int to, bool precopy);

#endif /* SELFTESTS_TESTNET_H */
