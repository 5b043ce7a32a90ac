/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TAP_H
#define SELFTESTS_TAP_H

/* A TAP interface that is up, for another to be its far end: a file descriptor, or -errno. */
int tap_open(const char *name);

#endif /* SELFTESTS_TAP_H */
