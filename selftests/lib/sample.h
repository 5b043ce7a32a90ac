/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_SAMPLE_H
#define SELFTESTS_SAMPLE_H

#include <linux/types.h>

#define SAMPLE_MAX	1024

/* What was measured again and again. */
struct sample {
	u64 values[SAMPLE_MAX];
	unsigned int n;
};

void sample_add(struct sample *sample, u64 value);

/* The value that is greater than @percent of all; 0 if there is none. */
unsigned long long sample_at(const struct sample *sample, unsigned int percent);
unsigned long long sample_median(const struct sample *sample);

#endif /* SELFTESTS_SAMPLE_H */
