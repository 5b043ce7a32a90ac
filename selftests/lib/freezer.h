/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_FREEZER_H
#define SELFTESTS_FREEZER_H

#include "guest_life.h"
#include "migration.h"

/*
 * A guest_life that is frozen between two of its accesses to the mailbox, where
 * something becomes of it. Points are counted from before the first access of a
 * life to after its last; an access that is repeated until it succeeds is one.
 */
struct freezer;

/* What becomes of the guest; 0 or -errno. */
typedef int (*freeze_t)(struct freezer *f);

struct freezer {
	struct guest_life life;
	struct vf *there;	/* the VF that the guest is not on */
	struct mig_buf stream;
	int precopy_fd;
	freeze_t freeze;	/* NULL: not in this life */
	bool requests_only;	/* points right after REQ, which no PF has seen */
	unsigned int stride;	/* each so many points, from @first on */
	unsigned int first;
	unsigned int points;	/* of this life, until now */
	unsigned int frozen;	/* over all */
	unsigned int moves;
	enum mailbox_access last;
	char where[96];		/* the last freeze, for the log */
	/* Before the first access and after the last one is MBX_ACCESSES. */
	unsigned int seen[MBX_ACCESSES + 1][MBX_ACCESSES + 1];
	unsigned int pairs[MBX_ACCESSES + 1][MBX_ACCESSES + 1];
};

/* Two VFs for the guest, and one for its peer. 0 or -errno. */
int freezer_open(struct freezer *f);
void freezer_close(struct freezer *f);

/* To the other VF, or nowhere. */
int freeze_move(struct freezer *f);
int freeze_cancel(struct freezer *f);

/*
 * To the other VF, after all accesses since the last freeze were made in PRE_COPY,
 * and back.
 */
int freeze_precopy_there_and_back(struct freezer *f);

/*
 * With @requests_only: REQ is made, and the PF of the source is too slow to see it.
 * The second goes through a VF that never runs, and so has not sent it either.
 */
int freeze_move_requested(struct freezer *f);
int freeze_move_requested_twice(struct freezer *f);

/* From the start to frames of all kinds; false if anything was not as it should be. */
bool freezer_live(struct freezer *f);

/*
 * As many lives as it takes to freeze at each point once. The first one is left
 * alone, and tells how many there are. Prints what was covered.
 */
bool freezer_live_all(struct freezer *f, freeze_t freeze);

#endif /* SELFTESTS_FREEZER_H */
