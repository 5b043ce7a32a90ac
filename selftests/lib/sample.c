// SPDX-License-Identifier: GPL-2.0-only
/*
 * Medians: on a machine that others use the mean tells more of them than of us.
 */
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>

#include <libvfio/assert.h>

#include "sample.h"

void sample_add(struct sample *sample, u64 value)
{
	VFIO_ASSERT_LT(sample->n, (unsigned int)SAMPLE_MAX);
	sample->values[sample->n++] = value;
}

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

unsigned long long sample_at(const struct sample *sample, unsigned int percent)
{
	struct sample sorted = *sample;

	if (!sorted.n)
		return 0;
	qsort(sorted.values, sorted.n, sizeof(sorted.values[0]), by_value);
	return sorted.values[(u64)percent * (sorted.n - 1) / 100];
}

unsigned long long sample_median(const struct sample *sample)
{
	return sample_at(sample, 50);
}
