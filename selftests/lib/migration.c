// SPDX-License-Identifier: GPL-2.0-only
/*
 * Thin helpers over the VFIO migration uAPI. Nothing here retries, hides an
 * errno or changes the state behind the back of a test.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio/assert.h>

#include "migration.h"

static const char * const state_names[MIG_STATES] = {
	[VFIO_DEVICE_STATE_ERROR] = "ERROR",
	[VFIO_DEVICE_STATE_STOP] = "STOP",
	[VFIO_DEVICE_STATE_RUNNING] = "RUNNING",
	[VFIO_DEVICE_STATE_STOP_COPY] = "STOP_COPY",
	[VFIO_DEVICE_STATE_RESUMING] = "RESUMING",
	[VFIO_DEVICE_STATE_RUNNING_P2P] = "RUNNING_P2P",
	[VFIO_DEVICE_STATE_PRE_COPY] = "PRE_COPY",
	[VFIO_DEVICE_STATE_PRE_COPY_P2P] = "PRE_COPY_P2P",
};

const char *mig_name(u32 state)
{
	return state < MIG_STATES ? state_names[state] : "?";
}

int mig_feature(int fd, u32 flags, void *data, size_t size)
{
	struct vfio_device_feature *feature;
	size_t argsz = sizeof(*feature) + size;
	int ret;

	feature = calloc_assert(1, argsz);
	feature->argsz = argsz;
	feature->flags = flags;
	if (size)
		memcpy(feature->data, data, size);
	ret = ioctl(fd, VFIO_DEVICE_FEATURE, feature) ? -errno : 0;
	if (size)
		memcpy(data, feature->data, size);
	free(feature);
	return ret;
}

int mig_flags(int fd, u64 *flags)
{
	struct vfio_device_feature_migration mig = { 0 };
	int ret;

	ret = mig_feature(fd, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIGRATION,
			  &mig, sizeof(mig));
	*flags = mig.flags;
	return ret;
}

int mig_get(int fd, u32 *state)
{
	struct vfio_device_feature_mig_state mig = { .data_fd = 12345 };
	int ret;

	ret = mig_feature(fd, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
			  &mig, sizeof(mig));
	if (!ret)
		VFIO_ASSERT_EQ(mig.data_fd, -1, "GET must return a data_fd of -1\n");
	*state = mig.device_state;
	return ret;
}

int mig_state(int fd)
{
	u32 state;

	return mig_get(fd, &state) ? -1 : (int)state;
}

int mig_set(int fd, u32 state, int *data_fd)
{
	struct vfio_device_feature_mig_state mig = {
		.device_state = state,
		.data_fd = -1,
	};
	int ret;

	ret = mig_feature(fd, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE,
			  &mig, sizeof(mig));
	if (data_fd)
		*data_fd = ret ? -1 : mig.data_fd;
	else if (!ret && mig.data_fd >= 0)
		close(mig.data_fd);
	return ret;
}

int mig_data_size(int fd, u64 *size)
{
	struct vfio_device_feature_mig_data_size data = { 0 };
	int ret;

	ret = mig_feature(fd, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_MIG_DATA_SIZE,
			  &data, sizeof(data));
	*size = data.stop_copy_length;
	return ret;
}

int mig_precopy_info(int data_fd, struct vfio_precopy_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	return ioctl(data_fd, VFIO_MIG_GET_PRECOPY_INFO, info) ? -errno : 0;
}

void mig_buf_append(struct mig_buf *buf, const void *data, size_t len)
{
	if (buf->len + len > buf->room) {
		buf->room = 2 * (buf->len + len);
		buf->data = realloc(buf->data, buf->room);
		VFIO_ASSERT_NOT_NULL(buf->data);
	}
	memcpy(buf->data + buf->len, data, len);
	buf->len += len;
}

void mig_buf_copy(struct mig_buf *dst, const struct mig_buf *src)
{
	dst->len = 0;
	mig_buf_append(dst, src->data, src->len);
}

void mig_buf_free(struct mig_buf *buf)
{
	free(buf->data);
	memset(buf, 0, sizeof(*buf));
}

bool mig_buf_equal(const struct mig_buf *a, const struct mig_buf *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

int mig_read(int data_fd, struct mig_buf *buf, size_t chunk)
{
	u8 *tmp = malloc_assert(chunk);
	ssize_t n;
	int ret;

	for (;;) {
		n = read(data_fd, tmp, chunk);
		if (n <= 0)
			break;
		mig_buf_append(buf, tmp, n);
	}
	ret = n < 0 ? -errno : 0;
	free(tmp);
	return ret;
}

int mig_write(int data_fd, const void *data, size_t len, size_t chunk)
{
	size_t done, n;
	ssize_t ret;

	for (done = 0; done < len; done += n) {
		n = len - done < chunk ? len - done : chunk;
		ret = write(data_fd, data + done, n);
		if (ret < 0)
			return -errno;
		VFIO_ASSERT_EQ((size_t)ret, n, "write() took a part only\n");
	}
	return 0;
}

int mig_save(int fd, struct mig_buf *buf)
{
	int data_fd, ret;

	buf->len = 0;
	ret = mig_set(fd, VFIO_DEVICE_STATE_STOP_COPY, &data_fd);
	if (ret)
		return ret;
	ret = mig_read(data_fd, buf, MIG_CHUNK);
	close(data_fd);
	return ret;
}

int mig_load(int fd, const struct mig_buf *buf)
{
	int data_fd, ret;

	ret = mig_set(fd, VFIO_DEVICE_STATE_RESUMING, &data_fd);
	if (ret)
		return ret;
	ret = mig_write(data_fd, buf->data, buf->len, MIG_CHUNK);
	close(data_fd);
	if (ret)
		return ret;
	return mig_set(fd, VFIO_DEVICE_STATE_STOP, NULL);
}
