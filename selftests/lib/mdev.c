// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices by their address, and mediated ones made and taken away.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "binding.h"
#include "mdev.h"

#define TYPES	"/sys/class/mdev_bus/" MDEV_MODULE "/mdev_supported_types/"

bool is_mdev(const char *address)
{
	return strlen(address) == 36 && address[8] == '-';
}

void device_path(char *path, size_t size, const char *address, const char *file)
{
	snprintf_assert(path, size, "/sys/bus/%s/devices/%s/%s", is_mdev(address) ? "mdev" : "pci",
			address, file);
}

int mdev_create(const char *uuid)
{
	return sysfs_write(TYPES MDEV_TYPE "/create", uuid);
}

int mdev_remove(const char *uuid)
{
	char path[PATH_MAX];

	device_path(path, sizeof(path), uuid, "remove");
	return sysfs_write(path, "1");
}

void device_group_setup(struct vfio_pci_device *pci, const char *address)
{
	char path[PATH_MAX], target[PATH_MAX] = "";

	device_path(path, sizeof(path), address, "iommu_group");
	VFIO_ASSERT_GT(readlink(path, target, sizeof(target) - 1), 0, "no group: %s\n", path);
	snprintf_assert(path, sizeof(path), "/dev/vfio/%s", strrchr(target, '/') + 1);
	pci->group_fd = open(path, O_RDWR);
	VFIO_ASSERT_GE(pci->group_fd, 0, "open(%s) failed\n", path);
	ioctl_assert(pci->group_fd, VFIO_GROUP_SET_CONTAINER, &pci->iommu->container_fd);
}

void device_cdev_path(char *path, size_t size, const char *address)
{
	struct dirent *entry;
	DIR *dir;

	device_path(path, size, address, "vfio-dev");
	dir = opendir(path);
	VFIO_ASSERT_NOT_NULL(dir, "no %s\n", path);
	while ((entry = readdir(dir)) && strncmp(entry->d_name, "vfio", 4))
		;
	VFIO_ASSERT_NOT_NULL(entry, "nothing in %s\n", path);
	snprintf_assert(path, size, "/dev/vfio/devices/%s", entry->d_name);
	closedir(dir);
}
