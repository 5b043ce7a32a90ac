/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_MIGRATION_H
#define SELFTESTS_MIGRATION_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>
#include <linux/vfio.h>

#define MIG_STATES	8
#define MIG_CHUNK	(1024 * 1024)

/* VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2, in capitals. */
#define MIG_FEATURE_PRECOPY_INFO_V2	12

/* A migration stream in memory. */
struct mig_buf {
	u8 *data;
	size_t len;
	size_t room;
};

const char *mig_name(u32 state);

/* Feature calls; all return 0 or -errno. */
int mig_flags(int fd, u64 *flags);
int mig_feature(int fd, u32 flags, void *data, size_t size);
int mig_get(int fd, u32 *state);
int mig_data_size(int fd, u64 *size);

/*
 * Ask for @state. @data_fd gets the new fd of a session, or -1; pass NULL to
 * have it closed at once.
 */
int mig_set(int fd, u32 state, int *data_fd);

/* The current state, or -1. */
int mig_state(int fd);

int mig_precopy_info(int data_fd, struct vfio_precopy_info *info);

/* read() until end of stream (0) or an error (-errno); appends to @buf. */
int mig_read(int data_fd, struct mig_buf *buf, size_t chunk);

/* write() all in pieces of @chunk; 0 or -errno. A short write is an error. */
int mig_write(int data_fd, const void *data, size_t len, size_t chunk);

/* To STOP_COPY from where the device is, and the whole stream read. */
int mig_save(int fd, struct mig_buf *buf);

/* To RESUMING, the stream written, and to STOP. */
int mig_load(int fd, const struct mig_buf *buf);

void mig_buf_append(struct mig_buf *buf, const void *data, size_t len);
void mig_buf_copy(struct mig_buf *dst, const struct mig_buf *src);
void mig_buf_free(struct mig_buf *buf);
bool mig_buf_equal(const struct mig_buf *a, const struct mig_buf *b);

#endif /* SELFTESTS_MIGRATION_H */
