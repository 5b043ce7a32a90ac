/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_HANDSHAKE_H
#define SELFTESTS_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>

#include "migration.h"

/*
 * What a bound function says of its streams without being open: the files in
 * migration_format/ of sysfs, and last_error of debugfs. Functions that return
 * int return 0 or -errno.
 */
#define FORMAT_TEXT_MAX		512

/* Path of @file; with an empty @file that of the directory. */
void format_path(char *path, size_t size, const char *bdf, const char *file);

/* One line of text, without its end. */
int format_text(const char *bdf, const char *file, char *text, size_t size);

/* File header and DESCRIPTOR, in one read(): they may change between two. */
int format_descriptor(const char *bdf, struct mig_buf *buf);

/* The verdict on a DESCRIPTOR, in one write(). */
int format_check(const char *bdf, const void *data, size_t len);

/* Which version of the profile is saved from now on. */
int format_set_target(const char *bdf, const char *version);
int format_target(const char *bdf, char *version, size_t size);

/* The newest version that is read or saved: as a driver that knows no newer one. */
int format_set_max(const char *bdf, const char *version);

/* The text in last_error, without its end; false if the kernel has no debugfs. */
bool read_last_error(const char *bdf, char *text, size_t size);

#endif /* SELFTESTS_HANDSHAKE_H */
