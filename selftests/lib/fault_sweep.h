/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_FAULT_SWEEP_H
#define SELFTESTS_FAULT_SWEEP_H

#include <linux/compiler.h>

#include "fault_nth.h"
#include "testnet.h"

/*
 * A system call, made again and again, each time with the next of all that can fail in
 * it failing, until there is nothing left to fail.
 */
struct sweep {
	struct testnet net;
	struct vf *there;	/* another VF of the guest, if one is open */
	struct mig_buf good;	/* what a save gave before the call */
	struct mig_buf now;
	int data_fd;
	const char *name;	/* of what is swept */
	struct fault fault;	/* the present one */
	unsigned int injected[FAULT_WRITE + 1];
	unsigned int refused;	/* calls that gave an errno */
	unsigned int bad;	/* things that are not as they should be */
	unsigned int lost;	/* writes that were, and the guest has felt it */
	const char *bdf;	/* of the device whose accesses fail */
};

struct sweep_op {
	/* The device as it is before the call, without faults. 0 or -errno. */
	int (*prepare)(struct sweep *s);
	/* The call: -errno, or what it gave. */
	int (*call)(struct sweep *s);
	/* Looks at what has become of it, and has frames sent and received at the end. */
	void (*judge)(struct sweep *s, int ret);
	/* The VF whose accesses fail, by number, after prepare(); NULL: the guest's. */
	const char *(*bdf)(struct sweep *s);
	bool device_only;	/* the kernel cannot bear that an allocation fails here */
	bool spotless;	/* there need not be anything that can fail */
};

/* Guest, peer and PF. 0 or -errno. */
int sweep_open(struct sweep *s);
void sweep_close(struct sweep *s);

/* All of it, and a line of figures. False if anything was not as it should be. */
bool sweep_run(struct sweep *s, const char *name, const struct sweep_op *op);

/* Something is not as it should be. */
void sweep_complain(struct sweep *s, const char *fmt, ...) __printf(2, 3);

/*
 * The guest feels that a fault went unnoticed. That is a defect if it was an answer that
 * the driver has not got. A write is posted: one that is lost while all others arrive is
 * more than a bus does, and is said and counted only.
 */
void sweep_feel(struct sweep *s, const char *fmt, ...) __printf(2, 3);

/* A frame each way on each path; false if one is missing. */
bool sweep_traffic(struct sweep *s);

/*
 * The guest goes back to RUNNING, by the way that the uAPI has: out of ERROR by a reset,
 * after which its driver starts anew. Then frames have to flow. @lost: where the guest's
 * driver has to start anew whatever the state.
 */
void sweep_recover(struct sweep *s, bool lost);

/*
 * The guest's device saves, and is stopped. The state in @now has to be that in @good, or
 * the fault was taken for an answer.
 */
void sweep_compare(struct sweep *s, struct vf *vf);

/* Save to @good, and run on. 0 or -errno. */
int sweep_remember(struct sweep *s);

/* A data file is closed, if one is open. */
void sweep_close_data(struct sweep *s);

#endif /* SELFTESTS_FAULT_SWEEP_H */
