/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_IGBVF_DEVICE_H
#define SELFTESTS_IGBVF_DEVICE_H

#include <linux/vmf.h>

#include <libvfio.h>

#define VF_MAX			4
#define VF_VECTORS		3

/* An interrupt that the throttle has put off comes even if it is masked by then. */
#define VF_THROTTLE_US		50000

#define VF_BAR0_SIZE		0x4000
#define VF_PAGE_SIZE		0x1000
#define VF_PAGES		(VF_BAR0_SIZE / VF_PAGE_SIZE)
/* What the pages of BAR0 are for; the first is for all else. */
#define VF_PAGE_IRQ		1
#define VF_PAGE_RX		2
#define VF_PAGE_TX		3

/*
 * The memory of one "virtual machine". Every device that plays this machine,
 * before and after a migration, has it mapped at the same IOVA.
 */
struct guest_ram {
	void *vaddr;
	iova_t iova;
	size_t size;
	size_t used;
};

/* One function, opened through VFIO, with an address space of its own. */
struct vf {
	const char *bdf;
	struct vfio_pci_device *pci;
	struct iommu *iommu;
	struct dma_region ram;
	u64 bar0;
	void *pages[VF_PAGES];	/* of BAR0, those that can be mapped */
	bool irqs_on;
};

/*
 * The provider under test, by the environment that the init of the test guest gives, or
 * who has another provider: functions, each by the address of a PCI function or the UUID
 * of a mediated device ($VMF_VFS), and a network interface at the switch that they are
 * connected to ($VMF_WIRE).
 */
const char *vf_bdf(unsigned int index);
const char *vf_wire(void);

/* The PF, of functions that have one. */
const char *vf_pf_bdf(void);
const char *vf_pf_netdev(void);

const char *vf_default_iommu_mode(void);
bool vf_iommu_mode_available(const char *mode);

void guest_ram_init(struct guest_ram *ram, size_t size);
void guest_ram_free(struct guest_ram *ram);
void *guest_ram_alloc(struct guest_ram *ram, size_t size);
iova_t guest_ram_iova(struct guest_ram *ram, void *vaddr);

/*
 * libvfio's own opener maps whole BARs and knows nothing of sparse areas, so
 * the VF is opened here, with each page of BAR0 mapped that the driver lets be.
 */
struct vf *vf_open_mode(const char *bdf, const char *iommu_mode, struct guest_ram *ram);
struct vf *vf_open(const char *bdf, struct guest_ram *ram);
void vf_close(struct vf *vf);

/* All goes through the driver from here on. */
void vf_unmap(struct vf *vf);

/* Does a page that is mapped show the device, and not what its driver has put there? */
bool vf_shows_device(struct vf *vf, unsigned int page);

int vf_fd(struct vf *vf);

/* Attach to an IOAS or a page table; says which page table it is then. 0 or -errno. */
int vf_attach_to(int fd, u32 *pt_id);

/* What a guest is shown that has it: what configuration space says. */
void vf_presented(struct vf *vf, struct vmf_presented *id);

u32 vf_read(struct vf *vf, u32 reg);
void vf_write(struct vf *vf, u32 reg, u32 val);

/* What the device holds, or the driver for it: never through the mapping. */
u32 vf_ask(struct vf *vf, u32 reg);

/* What was written before has arrived: e1e_flush() of igbvf. */
void vf_flush(struct vf *vf);
int vf_region_access(struct vf *vf, bool write, u32 reg, void *data, size_t size);

void vf_reset(struct vf *vf);
void vf_bus_master(struct vf *vf, bool on);
void vf_irq_enable(struct vf *vf);
void vf_irq_disable(struct vf *vf);
bool vf_irq_wait(struct vf *vf, unsigned int vector, int timeout_ms);
void vf_irq_drain(struct vf *vf);

/* What a VMM gives to a destination before it lets it run. */
void vf_vmm_setup(struct vf *vf);

/*
 * Sparse mmap areas of BAR0, at most @max; 0 when the capability is missing.
 * @flags gets the flags of the region.
 */
int vf_sparse_areas(struct vf *vf, struct vfio_region_sparse_mmap_area *areas, int max,
		    u32 *flags);

#endif /* SELFTESTS_IGBVF_DEVICE_H */
