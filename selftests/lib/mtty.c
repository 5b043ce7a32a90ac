// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sample of a serial device in software: a UART for each port, whose output is its input.
 */
#include <stdlib.h>
#include <unistd.h>

#include <linux/kernel.h>
#include <linux/serial_reg.h>
#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "igbvf_device.h"
#include "mdev.h"
#include "mtty.h"

struct mtty {
	const char *uuid;
	struct iommu *iommu;
	struct vfio_pci_device *pci;
	u64 ports[2];		/* where their registers are in the file of the device */
};

struct mtty *mtty_open(const char *uuid, unsigned int ports)
{
	struct mtty *mtty = calloc_assert(1, sizeof(*mtty));
	unsigned int i;

	VFIO_ASSERT_EQ(mdev_create_of("mtty", ports == 1 ? "mtty-1" : "mtty-2", uuid), 0);
	mtty->uuid = uuid;
	mtty->iommu = iommu_init(vf_default_iommu_mode());
	mtty->pci = vfio_pci_device_alloc(uuid, mtty->iommu);
	for (i = 0; i < ARRAY_SIZE(mtty->pci->msi_eventfds); i++)
		mtty->pci->msi_eventfds[i] = -1;
	device_open(mtty->pci);
	for (i = 0; i < ports; i++) {
		struct vfio_region_info info = {
			.argsz = sizeof(info), .index = VFIO_PCI_BAR0_REGION_INDEX + i,
		};

		ioctl_assert(mtty_fd(mtty), VFIO_DEVICE_GET_REGION_INFO, &info);
		VFIO_ASSERT_EQ(info.size, 8);
		mtty->ports[i] = info.offset;
	}
	return mtty;
}

void mtty_close(struct mtty *mtty)
{
	if (!mtty)
		return;
	vfio_pci_device_cleanup(mtty->pci);
	iommu_cleanup(mtty->iommu);
	VFIO_ASSERT_EQ(mdev_remove(mtty->uuid), 0);
	free(mtty);
}

int mtty_fd(const struct mtty *mtty)
{
	return mtty->pci->fd;
}

u8 mtty_read(const struct mtty *mtty, unsigned int port, unsigned int reg)
{
	u8 val;

	VFIO_ASSERT_EQ(pread(mtty_fd(mtty), &val, 1, mtty->ports[port] + reg), 1);
	return val;
}

void mtty_write(const struct mtty *mtty, unsigned int port, unsigned int reg, u8 val)
{
	VFIO_ASSERT_EQ(pwrite(mtty_fd(mtty), &val, 1, mtty->ports[port] + reg), 1);
}

void mtty_send(const struct mtty *mtty, unsigned int port, const char *text)
{
	while (*text)
		mtty_write(mtty, port, UART_TX, *text++);
}

void mtty_receive(const struct mtty *mtty, unsigned int port, char *text, unsigned int size)
{
	unsigned int i;

	for (i = 0; i < size && mtty_read(mtty, port, UART_LSR) & UART_LSR_DR; i++)
		text[i] = mtty_read(mtty, port, UART_RX);
	text[i] = '\0';
}
