// SPDX-License-Identifier: GPL-2.0-only
/*
 * migration_format/ and last_error of a bound function.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio/assert.h>

#include "binding.h"
#include "handshake.h"
#include "mdev.h"
#include "vmf_descriptor.h"

void format_path(char *path, size_t size, const char *bdf, const char *file)
{
	char name[64];

	snprintf_assert(name, sizeof(name), "migration_format%s%s", *file ? "/" : "", file);
	device_path(path, size, bdf, name);
}

static int open_file(const char *bdf, const char *file, int flags)
{
	char path[128];
	int fd;

	format_path(path, sizeof(path), bdf, file);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int format_text(const char *bdf, const char *file, char *text, size_t size)
{
	int fd = open_file(bdf, file, O_RDONLY);
	ssize_t len;
	int ret = 0;

	if (fd < 0)
		return fd;
	len = read(fd, text, size - 1);
	if (len < 0)
		ret = -errno;
	else if (!len || text[len - 1] != '\n')
		ret = -EPROTO;
	else
		text[len - 1] = '\0';
	close(fd);
	return ret;
}

int format_descriptor(const char *bdf, struct mig_buf *buf)
{
	int fd = open_file(bdf, "descriptor", O_RDONLY), ret = 0;
	u8 page[VMF_PREAMBLE_MAX];
	ssize_t len;

	if (fd < 0)
		return fd;
	buf->len = 0;
	len = read(fd, page, sizeof(page));
	if (len < 0)
		ret = -errno;
	else
		mig_buf_append(buf, page, len);
	close(fd);
	return ret;
}

int format_check(const char *bdf, const void *data, size_t len)
{
	int fd = open_file(bdf, "check", O_WRONLY), ret;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = write(fd, data, len);
	if (n < 0)
		ret = -errno;
	else
		ret = n == (ssize_t)len ? 0 : -EPROTO;
	close(fd);
	return ret;
}

int format_set_target(const char *bdf, const char *version)
{
	char path[128];

	format_path(path, sizeof(path), bdf, "target_profile_version");
	return sysfs_write(path, version);
}

int format_set_max(const char *bdf, const char *version)
{
	char path[128];

	format_path(path, sizeof(path), bdf, "max_profile_version");
	return sysfs_write(path, version);
}

int format_target(const char *bdf, char *version, size_t size)
{
	return format_text(bdf, "target_profile_version", version, size);
}

bool read_last_error(const char *bdf, char *text, size_t size)
{
	char path[128];

	snprintf_assert(path, sizeof(path), "/sys/kernel/debug/%s/%s/last_error",
			is_mdev(bdf) ? MDEV_MODULE : MODULE_NAME, bdf);
	if (!sysfs_read(path, text, size))
		return false;
	text[strcspn(text, "\n")] = '\0';
	return true;
}
