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

/* Where the device is in sysfs. */
void device_path(char *path, size_t size, const char *address);

/* Make a device, and take it away; 0 or -errno. */
int mdev_create(const char *uuid);
int mdev_remove(const char *uuid);

/* What libvfio does for PCI functions only: the device's group in its container, or its fd. */
void mdev_group_setup(struct vfio_pci_device *pci, const char *uuid);
void mdev_cdev_open(struct vfio_pci_device *pci, const char *uuid);

#endif /* SELFTESTS_MDEV_H */
