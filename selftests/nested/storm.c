// SPDX-License-Identifier: GPL-2.0-only
/*
 * Begins and ends the log of another process' device, as fast as it is told.
 *
 *   storm PID INTERVAL_US ROUNDS
 *
 * Each time all mappings of the page that the guest rings its doorbells in are emptied, in the
 * middle of whatever KVM is doing with it.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/types.h>
#include <linux/vfio.h>

/* Of the guest's memory; what is logged does not matter. */
#define RANGE	(64 << 20)

/* The number of the VFIO device in the process, or -errno. */
static int find_device(const char *pid)
{
	char path[64], target[64];
	struct dirent *entry;
	int found = -ENOENT;
	ssize_t len;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (found < 0 && (entry = readdir(dir))) {
		len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
		if (len < 0)
			continue;
		target[len] = '\0';
		if (!strcmp(target, "anon_inode:[vfio-device]") ||
		    !strncmp(target, "/dev/vfio/devices/", 18))
			found = atoi(entry->d_name);
	}
	closedir(dir);
	return found;
}

/* A file descriptor of our own for it, or -errno. */
static int borrow_device(const char *pid)
{
	int process, fd, theirs = find_device(pid);

	if (theirs < 0)
		return theirs;
	process = syscall(SYS_pidfd_open, atoi(pid), 0);
	if (process < 0)
		return -errno;
	fd = syscall(SYS_pidfd_getfd, process, theirs, 0);
	if (fd < 0)
		fd = -errno;
	close(process);
	return fd;
}

static int log_start(int fd)
{
	struct vfio_device_feature_dma_logging_range range = { .length = RANGE };
	struct {
		struct vfio_device_feature feature;
		struct vfio_device_feature_dma_logging_control control;
	} call = {
		.feature.argsz = sizeof(call),
		.feature.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
		.control = { .page_size = 4096, .num_ranges = 1, .ranges = (uintptr_t)&range },
	};

	return ioctl(fd, VFIO_DEVICE_FEATURE, &call) ? -errno : 0;
}

static int log_stop(int fd)
{
	struct vfio_device_feature feature = {
		.argsz = sizeof(feature),
		.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP,
	};

	return ioctl(fd, VFIO_DEVICE_FEATURE, &feature) ? -errno : 0;
}

static int storm(int argc, char **argv)
{
	int fd, i, rounds, interval, ret = 0;

	if (argc != 4)
		return -EINVAL;
	fd = borrow_device(argv[1]);
	if (fd < 0)
		return fd;
	interval = atoi(argv[2]);
	rounds = atoi(argv[3]);
	for (i = 0; !ret && i < rounds; i++) {
		ret = log_start(fd);
		usleep(interval);
		if (!ret)
			ret = log_stop(fd);
		usleep(interval);
	}
	return ret;
}

int main(int argc, char **argv)
{
	int ret = storm(argc, argv);

	if (ret)
		fprintf(stderr, "storm: %s\n", strerror(-ret));
	return !!ret;
}
