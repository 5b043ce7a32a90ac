/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_FAULT_NTH_H
#define SELFTESTS_FAULT_NTH_H

#include <stdbool.h>

#include <linux/types.h>

/*
 * Faults on purpose, in the calls that this thread makes: the Nth allocation of the
 * kernel or access to the device that can fail does.
 */
enum fault_kind {
	FAULT_NONE,		/* there were fewer than N */
	FAULT_ALLOCATION,
	FAULT_READ,		/* the register gave all ones */
	FAULT_WRITE,		/* it was not written to */
};

struct fault {
	unsigned int n;
	enum fault_kind kind;
	u32 reg;		/* of the device, if it was an access */
};

/* How many accesses to a device have failed, as the driver counts them. */
struct fault_counts {
	unsigned long long reads;
	unsigned long long writes;
	u32 last;
};

/*
 * Can this kernel do it, and the driver? Then the allocators are set up for it, in
 * silence, and the memory of this process is locked: it must not be its own page
 * faults that fail.
 */
bool fault_nth_setup(void);

/* Ends the program, as skipped, if not. */
void fault_nth_or_skip(void);

/* Whether allocations count, and can fail: they do, until told otherwise. */
void fault_allocations(bool on);

/* The @n-th from here on fails, n > 0. No call but the one under test until disarmed. */
void fault_arm(unsigned int n);

/* Whether it has failed. Keeps errno. */
bool fault_disarm(void);

void fault_counts_read(const char *bdf, struct fault_counts *counts);

/* Around the call under test, on a device: what has become of it. */
void fault_begin(struct fault *fault, const char *bdf, unsigned int n);
void fault_end(struct fault *fault, const char *bdf);

/* In words, for the log; valid until the next call. */
const char *fault_text(const struct fault *fault);

#endif /* SELFTESTS_FAULT_NTH_H */
