/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_MDEV_H
#define SELFTESTS_MDEV_H

#include <stdbool.h>
#include <stddef.h>

struct vfio_pci_device;

/* The module with the function in software, and the type of its devices. */
#define MDEV_MODULE	"igbvf_mdev"
#define MDEV_TYPE	MDEV_MODULE "-82576vf"

/* Is this how a mediated device is addressed, by a UUID, and not a PCI function? */
bool is_mdev(const char *address);

/* Where @file of a device is in sysfs, whichever way it is addressed. */
void device_path(char *path, size_t size, const char *address, const char *file);

/* Make a device, that of the module above or of another @parent, and take it away; 0 or -errno. */
int mdev_create(const char *uuid);
int mdev_create_of(const char *parent, const char *type, const char *uuid);
int mdev_remove(const char *uuid);

/*
 * What libvfio does for PCI functions only: open the device, in a container or by IOMMUFD;
 * and the path of its character device.
 */
void device_open(struct vfio_pci_device *pci);
void device_cdev_path(char *path, size_t size, const char *address);

#endif /* SELFTESTS_MDEV_H */
