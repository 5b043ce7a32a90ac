/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TRACES_H
#define SELFTESTS_TRACES_H

#include "igbvf_regs.h"

/* What a destination leaves as it is before it has agreed to a stream. */
struct traces {
	u32 regs[VF_REGS_MAX];
	unsigned long long mmio;
	unsigned long long loads;
	long long messages;
};

void traces_read(struct vf *vf, struct traces *t);

/* The first thing that was done between two readings, or NULL. */
const char *traces_differ(const struct traces *a, const struct traces *b);

#endif /* SELFTESTS_TRACES_H */
