/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_FD_HANDSHAKE_H
#define SELFTESTS_FD_HANDSHAKE_H

#include <stddef.h>

#include <linux/types.h>
#include <linux/vfio_handshake.h>

#include "migration.h"

/*
 * What handshake.h has of a function, by its file descriptor. Functions that return int
 * return 0 or -errno.
 */
#define FD_BYTES_ROOM	(VFIO_DEVICE_FEATURE_X_MIG_SIZE_MAX + 512)
/* What was in data[] before. */
#define FD_UNTOUCHED	0xa5

/* A struct vfio_device_feature_x_mig_bytes with room. */
struct fd_bytes {
	u32 size;
	u32 flags;
	u8 data[FD_BYTES_ROOM];
};

/* Get a feature, with so much room for it. */
int fd_get(int fd, u32 feature, struct fd_bytes *bytes, u32 room);

int fd_descriptor(int fd, struct mig_buf *buf);
int fd_check(int fd, const void *data, size_t len);

/* As a string of FORMAT_TEXT_MAX bytes at most, empty if there is none. */
void fd_last_error(int fd, char *text);

#endif /* SELFTESTS_FD_HANDSHAKE_H */
