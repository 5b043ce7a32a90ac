/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_COUNTERS_H
#define SELFTESTS_COUNTERS_H

#include <stdbool.h>

/* A counter that the driver keeps of itself, in debugfs; -1 if there is none. */
long long counter_read(const char *bdf, const char *name);

#endif /* SELFTESTS_COUNTERS_H */
