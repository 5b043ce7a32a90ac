// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptor, check and last error of a function, by its file descriptor.
 */
#include <string.h>

#include <linux/types.h>

#include <libvfio/assert.h>

#include "fd_handshake.h"
#include "handshake.h"

#define HEAD	offsetof(struct fd_bytes, data)

int fd_get(int fd, u32 feature, struct fd_bytes *bytes, u32 room)
{
	memset(bytes, FD_UNTOUCHED, sizeof(*bytes));
	bytes->size = room;
	bytes->flags = 0;
	return mig_feature(fd, VFIO_DEVICE_FEATURE_GET | feature, bytes, HEAD + room);
}

int fd_descriptor(int fd, struct mig_buf *buf)
{
	struct fd_bytes bytes;
	int ret;

	ret = fd_get(fd, VFIO_DEVICE_FEATURE_X_MIG_DESCRIPTOR, &bytes,
		     VFIO_DEVICE_FEATURE_X_MIG_SIZE_MAX);
	buf->len = 0;
	if (!ret)
		mig_buf_append(buf, bytes.data, bytes.size);
	return ret;
}

int fd_check(int fd, const void *data, size_t len)
{
	struct fd_bytes bytes = { .size = len };

	VFIO_ASSERT_LE(len, sizeof(bytes.data));
	memcpy(bytes.data, data, len);
	return mig_feature(fd, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_X_MIG_CHECK, &bytes,
			   HEAD + len);
}

void fd_last_error(int fd, char *text)
{
	struct fd_bytes bytes;

	VFIO_ASSERT_EQ(0, fd_get(fd, VFIO_DEVICE_FEATURE_X_MIG_LAST_ERROR, &bytes,
				 FORMAT_TEXT_MAX - 1));
	memcpy(text, bytes.data, bytes.size);
	text[bytes.size] = '\0';
}
