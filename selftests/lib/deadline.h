/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_DEADLINE_H
#define SELFTESTS_DEADLINE_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * What may hang is done by a child: then the test fails, and does not hang with it.
 */

/* Begin @call(@arg) in a child that ends with what it returns, 0 or -errno. */
pid_t deadline_begin(int (*call)(void *arg), void *arg);

/* Its result; -ETIMEDOUT, and it is killed, if it does not end within @ms. */
int deadline_end(pid_t pid, unsigned int ms);

/* Both. */
int deadline_call(int (*call)(void *arg), void *arg, unsigned int ms);

/* Does a child end within @ms? It is reaped then. */
bool deadline_reap(pid_t pid, unsigned int ms, int *status);

#endif /* SELFTESTS_DEADLINE_H */
