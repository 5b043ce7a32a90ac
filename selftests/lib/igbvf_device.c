// SPDX-License-Identifier: GPL-2.0-only
/*
 * A function under test: opened through VFIO on top of libvfio's public pieces, with
 * registers reached through mmap() where that is offered, and else through the
 * region's read and write (which a driver may trap).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/compiler.h>
#include <linux/types.h>
#include <linux/vfio.h>

#include "igbvf_device.h"
#include "igbvf_regs.h"
#include "mdev.h"

#define GUEST_RAM_IOVA	0x10000000UL

static const char *env_or_skip(const char *name)
{
	const char *value = getenv(name);

	if (!value || !*value) {
		fprintf(stderr, "$%s is not set, skipping test.\n", name);
		exit(KSFT_SKIP);
	}
	return value;
}

const char *vf_bdf(unsigned int index)
{
	static char names[VF_MAX][40];
	static unsigned int count;

	if (!count) {
		char *list = strdup(env_or_skip("VMF_VFS"));
		char *save, *word;

		VFIO_ASSERT_NOT_NULL(list);
		for (word = strtok_r(list, " ", &save); word && count < VF_MAX;
		     word = strtok_r(NULL, " ", &save))
			snprintf_assert(names[count++], sizeof(names[0]), "%s", word);
		free(list);
	}
	VFIO_ASSERT_LT(index, count, "$VMF_VFS names too few VFs\n");
	return names[index];
}

const char *vf_pf_bdf(void)
{
	return env_or_skip("VMF_PF");
}

const char *vf_pf_netdev(void)
{
	return env_or_skip("VMF_PF_NETDEV");
}

const char *vf_wire(void)
{
	return env_or_skip("VMF_WIRE");
}

bool vf_iommu_mode_available(const char *mode)
{
	if (!strcmp(mode, MODE_IOMMUFD)) {
		char path[128];

		device_path(path, sizeof(path), vf_bdf(0), "vfio-dev");
		return !access("/dev/iommu", R_OK | W_OK) && !access(path, F_OK) &&
		       !access("/dev/vfio/devices", F_OK);
	}
	return !access("/dev/vfio/vfio", R_OK | W_OK);
}

const char *vf_default_iommu_mode(void)
{
	const char *mode = getenv("VMF_IOMMU_MODE");

	if (mode && *mode)
		return mode;
	if (vf_iommu_mode_available(MODE_IOMMUFD))
		return MODE_IOMMUFD;
	return MODE_VFIO_TYPE1V2_IOMMU;
}

void guest_ram_init(struct guest_ram *ram, size_t size)
{
	memset(ram, 0, sizeof(*ram));
	ram->vaddr = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	VFIO_ASSERT_NE(ram->vaddr, MAP_FAILED);
	ram->iova = GUEST_RAM_IOVA;
	ram->size = size;
}

void guest_ram_free(struct guest_ram *ram)
{
	if (ram->vaddr)
		VFIO_ASSERT_EQ(munmap(ram->vaddr, ram->size), 0);
	ram->vaddr = NULL;
}

void *guest_ram_alloc(struct guest_ram *ram, size_t size)
{
	void *p = ram->vaddr + ram->used;

	size = (size + 4095) & ~4095UL;
	VFIO_ASSERT_LE(ram->used + size, ram->size, "guest RAM is too small\n");
	ram->used += size;
	return p;
}

iova_t guest_ram_iova(struct guest_ram *ram, void *vaddr)
{
	return ram->iova + (vaddr - ram->vaddr);
}

static void vf_region_info(struct vf *vf, u32 index, struct vfio_region_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	info->index = index;
	ioctl_assert(vf_fd(vf), VFIO_DEVICE_GET_REGION_INFO, info);
}

struct vf *vf_open_mode(const char *bdf, const char *iommu_mode, struct guest_ram *ram)
{
	struct vfio_region_info bar0;
	struct vf *vf;
	int i;

	vf = calloc_assert(1, sizeof(*vf));
	vf->bdf = bdf;
	vf->iommu = iommu_init(iommu_mode);
	vf->pci = vfio_pci_device_alloc(bdf, vf->iommu);
	for (i = 0; i < (int)ARRAY_SIZE(vf->pci->msi_eventfds); i++)
		vf->pci->msi_eventfds[i] = -1;
	device_open(vf->pci);

	vf_region_info(vf, VFIO_PCI_CONFIG_REGION_INDEX, &vf->pci->config_space);
	vf_region_info(vf, VFIO_PCI_BAR0_REGION_INDEX, &bar0);
	VFIO_ASSERT_EQ(bar0.size, VF_BAR0_SIZE);
	vf->bar0 = bar0.offset;

	for (i = 0; i < VF_PAGES; i++) {
		void *map = mmap(NULL, VF_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, vf_fd(vf),
				 vf->bar0 + i * VF_PAGE_SIZE);

		if (map != MAP_FAILED)
			vf->pages[i] = map;
	}

	if (ram) {
		vf->ram.vaddr = ram->vaddr;
		vf->ram.iova = ram->iova;
		vf->ram.size = ram->size;
		iommu_map(vf->iommu, &vf->ram);
	}
	return vf;
}

struct vf *vf_open(const char *bdf, struct guest_ram *ram)
{
	return vf_open_mode(bdf, vf_default_iommu_mode(), ram);
}

void vf_unmap(struct vf *vf)
{
	unsigned int i;

	for (i = 0; i < VF_PAGES; i++) {
		if (vf->pages[i])
			VFIO_ASSERT_EQ(munmap(vf->pages[i], VF_PAGE_SIZE), 0);
		vf->pages[i] = NULL;
	}
}

void vf_close(struct vf *vf)
{
	if (!vf)
		return;
	vf_unmap(vf);
	vfio_pci_device_cleanup(vf->pci);
	iommu_cleanup(vf->iommu);
	free(vf);
}

bool vf_shows_device(struct vf *vf, unsigned int page)
{
	/* That of a function in software is memory: it holds what the guest has written. */
	return vf->pages[page] && !is_mdev(vf->bdf);
}

int vf_fd(struct vf *vf)
{
	return vf->pci->fd;
}

int vf_attach_to(int fd, u32 *pt_id)
{
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = *pt_id };
	int ret = ioctl(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) ? -errno : 0;

	*pt_id = attach.pt_id;
	return ret;
}

void vf_presented(struct vf *vf, struct vmf_presented *id)
{
	u8 config[64];

	VFIO_ASSERT_EQ(pread(vf_fd(vf), config, sizeof(config), vf->pci->config_space.offset),
		       (ssize_t)sizeof(config));
	memset(id, 0, sizeof(*id));
	memcpy(&id->vendor, config, 4);
	memcpy(&id->subvendor, config + 0x2c, 4);
	id->revision = config[8];
	memcpy(id->class, config + 9, 3);
	id->flags = VMF_PRESENTED_IS_VF;
}

int vf_region_access(struct vf *vf, bool write, u32 reg, void *data, size_t size)
{
	ssize_t ret;

	if (write)
		ret = pwrite(vf_fd(vf), data, size, vf->bar0 + reg);
	else
		ret = pread(vf_fd(vf), data, size, vf->bar0 + reg);
	return ret < 0 ? -errno : ret;
}

/* Where a register is mapped, or NULL. */
static u32 *mapped(struct vf *vf, u32 reg)
{
	void *page = reg < VF_BAR0_SIZE ? vf->pages[reg / VF_PAGE_SIZE] : NULL;

	return page ? page + reg % VF_PAGE_SIZE : NULL;
}

u32 vf_read(struct vf *vf, u32 reg)
{
	u32 *map = mapped(vf, reg), val;

	if (map)
		return READ_ONCE(*map);
	VFIO_ASSERT_EQ(vf_region_access(vf, false, reg, &val, sizeof(val)), 4,
		       "%s: read of register %#x\n", vf->bdf, reg);
	return val;
}

void vf_write(struct vf *vf, u32 reg, u32 val)
{
	u32 *map = mapped(vf, reg);

	if (map) {
		/* Descriptors must be in memory before the doorbell rings. */
		__sync_synchronize();
		WRITE_ONCE(*map, val);
		return;
	}
	VFIO_ASSERT_EQ(vf_region_access(vf, true, reg, &val, sizeof(val)), 4,
		       "%s: write of register %#x\n", vf->bdf, reg);
}

u32 vf_ask(struct vf *vf, u32 reg)
{
	u32 val = ~0;

	VFIO_ASSERT_EQ(vf_region_access(vf, false, reg, &val, sizeof(val)), 4);
	return val;
}

void vf_flush(struct vf *vf)
{
	u32 status;

	VFIO_ASSERT_EQ(vf_region_access(vf, false, VF_STATUS, &status, sizeof(status)), 4);
}

void vf_reset(struct vf *vf)
{
	vfio_pci_device_reset(vf->pci);
}

void vf_bus_master(struct vf *vf, bool on)
{
	if (on)
		vfio_pci_cmd_set(vf->pci, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	else
		vfio_pci_cmd_clear(vf->pci, PCI_COMMAND_MASTER);
}

void vf_irq_enable(struct vf *vf)
{
	int i;

	vfio_pci_msix_enable(vf->pci, 0, VF_VECTORS);
	for (i = 0; i < VF_VECTORS; i++)
		fcntl_set_nonblock(vf->pci->msi_eventfds[i]);
	vf->irqs_on = true;
}

void vf_irq_disable(struct vf *vf)
{
	vfio_pci_msix_disable(vf->pci);
	vf->irqs_on = false;
}

bool vf_irq_wait(struct vf *vf, unsigned int vector, int timeout_ms)
{
	struct pollfd pfd = {
		.fd = vf->pci->msi_eventfds[vector],
		.events = POLLIN,
	};
	u64 count;
	int ret;

	do {
		ret = poll(&pfd, 1, timeout_ms);
	} while (ret < 0 && errno == EINTR);
	if (ret <= 0)
		return false;
	return read(pfd.fd, &count, sizeof(count)) == sizeof(count);
}

void vf_irq_drain(struct vf *vf)
{
	unsigned int i;

	for (i = 0; i < VF_VECTORS; i++)
		vf_irq_wait(vf, i, 0);
}

void vf_vmm_setup(struct vf *vf)
{
	vf_bus_master(vf, true);
	if (!vf->irqs_on)
		vf_irq_enable(vf);
}

int vf_sparse_areas(struct vf *vf, struct vfio_region_sparse_mmap_area *areas, int max,
		    u32 *flags)
{
	struct vfio_region_info_cap_sparse_mmap *sparse;
	struct vfio_info_cap_header *hdr;
	struct vfio_region_info *info;
	u32 offset, i, n = 0;
	char buf[4096] = { 0 };

	info = (void *)buf;
	info->argsz = sizeof(buf);
	info->index = VFIO_PCI_BAR0_REGION_INDEX;
	ioctl_assert(vf_fd(vf), VFIO_DEVICE_GET_REGION_INFO, info);
	*flags = info->flags;
	if (!(info->flags & VFIO_REGION_INFO_FLAG_CAPS))
		return 0;

	for (offset = info->cap_offset; offset; offset = hdr->next) {
		VFIO_ASSERT_LE(offset + sizeof(*hdr), sizeof(buf));
		hdr = (void *)(buf + offset);
		if (hdr->id != VFIO_REGION_INFO_CAP_SPARSE_MMAP)
			continue;
		sparse = (void *)hdr;
		for (i = 0; i < sparse->nr_areas && n < (u32)max; i++)
			areas[n++] = sparse->areas[i];
	}
	return n;
}
