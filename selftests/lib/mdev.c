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

bool is_mdev(const char *address)
{
	return strlen(address) == 36 && address[8] == '-';
}

void device_path(char *path, size_t size, const char *address, const char *file)
{
	snprintf_assert(path, size, "/sys/bus/%s/devices/%s/%s", is_mdev(address) ? "mdev" : "pci",
			address, file);
}

int mdev_create_of(const char *parent, const char *type, const char *uuid)
{
	char path[PATH_MAX];

	snprintf_assert(path, sizeof(path),
			"/sys/class/mdev_bus/%s/mdev_supported_types/%s/create", parent, type);
	return sysfs_write(path, uuid);
}

int mdev_create(const char *uuid)
{
	return mdev_create_of(MDEV_MODULE, MDEV_TYPE, uuid);
}

int mdev_remove(const char *uuid)
{
	char path[PATH_MAX];

	device_path(path, sizeof(path), uuid, "remove");
	return sysfs_write(path, "1");
}

static void group_setup(struct vfio_pci_device *pci, const char *address)
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

void device_open(struct vfio_pci_device *pci)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
	};
	char path[PATH_MAX];

	if (pci->iommu->mode->container_path) {
		group_setup(pci, pci->bdf);
		vfio_container_set_iommu(pci);
		__vfio_pci_group_get_device_fd(pci, pci->bdf, NULL);
		VFIO_ASSERT_GE(pci->fd, 0, "VFIO_GROUP_GET_DEVICE_FD %s\n", pci->bdf);
		return;
	}

	device_cdev_path(path, sizeof(path), pci->bdf);
	pci->fd = open(path, O_RDWR);
	VFIO_ASSERT_GE(pci->fd, 0, "open(%s) failed\n", path);
	VFIO_ASSERT_EQ(__vfio_device_bind_iommufd(pci->fd, pci->iommu->iommufd, NULL), 0);
	attach.pt_id = pci->iommu->ioas_id;
	ioctl_assert(pci->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);
}
