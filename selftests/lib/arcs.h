/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_ARCS_H
#define SELFTESTS_ARCS_H

#include <stdbool.h>

#define ARCS_MAX	65

/* What the driver's debugfs file says that an arc has cost. */
struct arc {
	char from[16];
	char to[16];
	unsigned long long calls;
	unsigned long long reads;
	unsigned long long writes;
	unsigned long long mmio_ns;
	unsigned long long total_ns;
};

struct arcs {
	struct arc arc[ARCS_MAX];
	int n;
};

/* All arcs that the device has made so far; false if there is no such file. */
bool arcs_read(const char *bdf, struct arcs *arcs);

/* What an arc has cost between two readings; 0 calls if it was not made. */
struct arc arcs_delta(const struct arcs *before, const struct arcs *after, const char *from,
		      const char *to);

#endif /* SELFTESTS_ARCS_H */
