/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_KERNEL_LOG_H
#define SELFTESTS_KERNEL_LOG_H

#include <stdbool.h>

/* The kernel's log from here on; -errno if it cannot be read. */
int kernel_log_open(void);

/* Is there a line with both words, among those that were not looked at yet? */
bool kernel_log_has(int fd, const char *word, const char *other);

#endif /* SELFTESTS_KERNEL_LOG_H */
