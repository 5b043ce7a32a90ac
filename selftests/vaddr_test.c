// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM that replaces itself while DMA is logged takes its addresses away for a time,
 * or hands its memory to another process. The device goes on, and so does the log; the
 * kernel has nothing to warn of.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/iommufd.h>
#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "binding.h"
#include "kernel_log.h"
#include "log_lab.h"

#include "kselftest_harness.h"

FIXTURE(vaddr) {
	struct log_lab lab;
	struct ring_guest *guest;
	struct iommu *iommu;
	int fd;
	int log;
};

FIXTURE_VARIANT(vaddr) {
	bool all;
};

FIXTURE_VARIANT_ADD(vaddr, of_all) {
	.all = true,
};

FIXTURE_VARIANT_ADD(vaddr, of_a_mapping) {
	.all = false,
};

FIXTURE_SETUP(vaddr)
{
	/* As it is for who has set nothing: containers are not read. */
	ASSERT_EQ(0, module_reload(""));
	ASSERT_EQ(0, log_lab_open(&self->lab, MODE_VFIO_TYPE1V2_IOMMU, LOG_LAB_RAM));
	self->guest = &self->lab.guest;
	self->iommu = self->guest->vf->iommu;
	self->fd = log_lab_fd(&self->lab);
	ring_guest_setup(self->guest, &ring_shape_usual, true);
	self->log = kernel_log_open();
	ASSERT_LE(0, self->log);
	/* That it may be done at all is what makes this a test. */
	ASSERT_LT(0, ioctl(self->iommu->container_fd, VFIO_CHECK_EXTENSION, VFIO_UPDATE_VADDR));
}

FIXTURE_TEARDOWN(vaddr)
{
	log_lab_close(&self->lab);
	close(self->log);
	EXPECT_EQ(0, module_reload(NULL));
}

static int take_vaddr(struct iommu *iommu, const struct guest_ram *ram, bool all)
{
	struct vfio_iommu_type1_dma_unmap unmap = {
		.argsz = sizeof(unmap),
		.flags = VFIO_DMA_UNMAP_FLAG_VADDR | (all ? VFIO_DMA_UNMAP_FLAG_ALL : 0),
		.iova = all ? 0 : ram->iova,
		.size = all ? 0 : ram->size,
	};

	return ioctl(iommu->container_fd, VFIO_IOMMU_UNMAP_DMA, &unmap) ? -errno : 0;
}

static int give_vaddr(struct iommu *iommu, const struct guest_ram *ram, void *vaddr)
{
	struct vfio_iommu_type1_dma_map map = {
		.argsz = sizeof(map),
		.flags = VFIO_DMA_MAP_FLAG_VADDR,
		.vaddr = (u64)vaddr,
		.iova = ram->iova,
		.size = ram->size,
	};

	return ioctl(iommu->container_fd, VFIO_IOMMU_MAP_DMA, &map) ? -errno : 0;
}

/* Frames come in, and nothing of it is missed. */
static void expect_traffic(struct __test_metadata *_metadata, struct log_lab *lab,
			   struct dma_bitmap *bitmap)
{
	u32 frames = lab->guest.frames;

	ASSERT_EQ(20, ring_guest_post(&lab->guest, 20));
	ASSERT_TRUE(log_lab_receive(lab, 20));
	EXPECT_EQ(0, log_lab_check_in(lab, DMA_LOG_PAGE, bitmap));
	ring_guest_clean(&lab->guest);
	EXPECT_EQ(frames + 20, lab->guest.frames);
}

TEST_F(vaddr, container_without_addresses)
{
	struct guest_ram *ram = &self->guest->ram;
	struct dma_bitmap bitmap;
	void *elsewhere;
	int i;

	ASSERT_EQ(0, log_lab_start(&self->lab));
	for (i = 0; i < 2; i++) {
		expect_traffic(_metadata, &self->lab, &bitmap);
		ASSERT_EQ(0, take_vaddr(self->iommu, ram, variant->all));
		expect_traffic(_metadata, &self->lab, &bitmap);
		EXPECT_EQ(self->guest->oracle.pages, dma_bitmap_count(&bitmap));

		/* The same memory at another address, as the next VMM has it. */
		elsewhere = mremap(ram->vaddr, 0, ram->size, MREMAP_MAYMOVE);
		ASSERT_NE(MAP_FAILED, elsewhere);
		ASSERT_EQ(0, give_vaddr(self->iommu, ram, elsewhere));
		expect_traffic(_metadata, &self->lab, &bitmap);
	}
	EXPECT_FALSE(kernel_log_has(self->log, "WARNING:", ""));
	EXPECT_LT(0, self->guest->oracle.sum_changed);
}

/* There are none when logging begins. */
TEST_F(vaddr, logging_begins_without_addresses)
{
	struct guest_ram *ram = &self->guest->ram;
	struct dma_bitmap bitmap;

	ASSERT_EQ(20, ring_guest_post(self->guest, 20));
	ASSERT_EQ(0, take_vaddr(self->iommu, ram, variant->all));
	ASSERT_EQ(0, log_lab_start(&self->lab));
	ASSERT_TRUE(log_lab_receive(&self->lab, 20));
	EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_EQ(self->guest->oracle.pages, dma_bitmap_count(&bitmap));
	ring_guest_clean(self->guest);
	ASSERT_EQ(0, give_vaddr(self->iommu, ram, ram->vaddr));
	expect_traffic(_metadata, &self->lab, &bitmap);
	EXPECT_FALSE(kernel_log_has(self->log, "WARNING:", ""));
}

/* With iommufd memory in a file changes hands instead. */
FIXTURE(process) {
	struct log_lab lab;
	struct ring_guest *guest;
	struct iommu *iommu;
	int memory;
};

static int map_file(struct iommu *iommu, const struct guest_ram *ram, int memory)
{
	struct iommu_ioas_map_file map = {
		.size = sizeof(map),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE |
			 IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = iommu->ioas_id,
		.fd = memory,
		.length = ram->size,
		.iova = ram->iova,
	};

	return ioctl(iommu->iommufd, IOMMU_IOAS_MAP_FILE, &map) ? -errno : 0;
}

static int take_over(struct iommu *iommu)
{
	struct iommu_ioas_change_process change = { .size = sizeof(change) };

	return ioctl(iommu->iommufd, IOMMU_IOAS_CHANGE_PROCESS, &change) ? -errno : 0;
}

FIXTURE_SETUP(process)
{
	struct guest_ram *ram;

	ASSERT_EQ(0, log_lab_open(&self->lab, MODE_IOMMUFD, LOG_LAB_RAM));
	self->guest = &self->lab.guest;
	self->iommu = self->guest->vf->iommu;
	ram = &self->guest->ram;
	self->memory = memfd_create("ram", MFD_CLOEXEC);
	ASSERT_LE(0, self->memory);
	ASSERT_EQ(0, ftruncate(self->memory, ram->size));
	iommu_unmap(self->iommu, &self->guest->vf->ram);
	ASSERT_EQ(ram->vaddr, mmap(ram->vaddr, ram->size, PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_FIXED, self->memory, 0));
	ASSERT_EQ(0, map_file(self->iommu, ram, self->memory));
	oracle_reset(&self->guest->oracle);
	ring_guest_setup(self->guest, &ring_shape_usual, true);
}

FIXTURE_TEARDOWN(process)
{
	log_lab_close(&self->lab);
	close(self->memory);
}

/* What another process owns, and then one that is gone, is read as before. */
TEST_F(process, iommufd_changes_hands)
{
	struct dma_bitmap bitmap;
	int status, tell[2];
	pid_t pid;
	char c;

	ASSERT_EQ(0, pipe(tell));
	ASSERT_EQ(0, log_lab_start(&self->lab));
	expect_traffic(_metadata, &self->lab, &bitmap);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(tell[1]);
		status = take_over(self->iommu);
		/* Until the test has no more use for it. */
		if (!status && read(tell[0], &c, 1) != 1)
			status = -EPIPE;
		_exit(-status);
	}
	usleep(200000);
	expect_traffic(_metadata, &self->lab, &bitmap);
	EXPECT_GT(40, dma_bitmap_count(&bitmap));
	ASSERT_EQ(1, write(tell[1], "x", 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	expect_traffic(_metadata, &self->lab, &bitmap);
	EXPECT_GT(40, dma_bitmap_count(&bitmap));

	EXPECT_EQ(0, take_over(self->iommu));
	expect_traffic(_metadata, &self->lab, &bitmap);
	EXPECT_GT(40, dma_bitmap_count(&bitmap));
	EXPECT_LT(0, self->guest->oracle.sum_changed);
	close(tell[0]);
	close(tell[1]);
}

int main(int argc, char **argv)
{
	log_lab_or_skip();
	return test_harness_run(argc, argv);
}
