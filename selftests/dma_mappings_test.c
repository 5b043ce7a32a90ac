// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA logging, and an address space that changes: descriptors are read through
 * the mappings that the device has.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/iommufd.h>
#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "log_lab.h"
#include "migration.h"

#include "kselftest_harness.h"

FIXTURE(mappings) {
	struct log_lab lab;
	struct ring_guest *guest;
	int fd;
};

FIXTURE_VARIANT(mappings) {
	const char *mode;
};

FIXTURE_VARIANT_ADD(mappings, container) {
	.mode = MODE_VFIO_TYPE1V2_IOMMU,
};

FIXTURE_VARIANT_ADD(mappings, iommufd) {
	.mode = MODE_IOMMUFD,
};

FIXTURE_SETUP(mappings)
{
	ASSERT_EQ(0, log_lab_open(&self->lab, variant->mode, LOG_LAB_RAM));
	self->guest = &self->lab.guest;
	self->fd = log_lab_fd(&self->lab);
	ring_guest_setup(self->guest, &ring_shape_usual, true);
}

FIXTURE_TEARDOWN(mappings)
{
	log_lab_close(&self->lab);
}

/* A descriptor that cannot be read: all pages are reported, until it was, or another is there. */
TEST_F(mappings, a_ring_that_cannot_be_read)
{
	struct vf *vf = self->guest->vf;
	struct dma_bitmap bitmap;

	ASSERT_EQ(0, log_lab_start(&self->lab));
	iommu_unmap(vf->iommu, &vf->ram);
	ring_guest_post(self->guest, 20);
	EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_EQ(self->guest->oracle.pages, dma_bitmap_count(&bitmap));
	iommu_map(vf->iommu, &vf->ram);
	ASSERT_TRUE(log_lab_receive(&self->lab, 4));
	EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_EQ(self->guest->oracle.pages, dma_bitmap_count(&bitmap));
	EXPECT_LT(0, self->guest->oracle.sum_changed);

	/* The rest of them likewise, and then it is as before. */
	ASSERT_TRUE(log_lab_receive(&self->lab, 16));
	EXPECT_EQ(0, log_lab_settle(&self->lab));
	ring_guest_clean(self->guest);
	EXPECT_EQ(20, self->guest->frames);
	ring_guest_post(self->guest, 20);
	ASSERT_TRUE(log_lab_receive(&self->lab, 20));
	EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_GT(20, dma_bitmap_count(&bitmap));
}

struct mapper {
	struct iommu *iommu;
	struct dma_region region;
	bool stop;
	unsigned long rounds;
};

static void *map_and_unmap(void *arg)
{
	struct mapper *mapper = arg;

	while (!__atomic_load_n(&mapper->stop, __ATOMIC_RELAXED)) {
		iommu_map(mapper->iommu, &mapper->region);
		iommu_unmap(mapper->iommu, &mapper->region);
		mapper->rounds++;
		/* The lock of a container is not fair. */
		usleep(100);
	}
	return NULL;
}

/* User space changes its address space as it likes, also where the device is told to look. */
TEST_F_TIMEOUT(mappings, mappings_that_come_and_go, 60)
{
	struct guest_ram other;
	struct mapper mapper;
	pthread_t thread;
	int i;

	guest_ram_init(&other, 0x10000);
	mapper = (struct mapper){
		.iommu = self->guest->vf->iommu,
		.region = { .vaddr = other.vaddr, .iova = 0x40000000, .size = other.size },
	};
	ASSERT_EQ(0, log_lab_start(&self->lab));
	/* The other queue has its ring there; it is never used. */
	vf_write(self->guest->vf, VF_RDBAL(1), mapper.region.iova);
	vf_write(self->guest->vf, VF_RDLEN(1), 0x1000);
	vf_write(self->guest->vf, VF_RXDCTL(1), VF_QUEUE_ENABLE);
	ASSERT_EQ(0, pthread_create(&thread, NULL, map_and_unmap, &mapper));
	for (i = 1; i < 150 || __atomic_load_n(&mapper.rounds, __ATOMIC_RELAXED) < 20; i++) {
		vf_write(self->guest->vf, VF_RDT(1), i * 37 % 256);
		ring_guest_clean(self->guest);
		ring_guest_post(self->guest, 8);
		ASSERT_TRUE(log_lab_receive(&self->lab, 4));
		ASSERT_EQ(0, log_lab_check(&self->lab));
	}
	__atomic_store_n(&mapper.stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	vf_write(self->guest->vf, VF_RXDCTL(1), 0);
	EXPECT_LT(0, self->guest->oracle.sum_changed);
	guest_ram_free(&other);
}

/* What only iommufd can do. */
FIXTURE(attach) {
	struct log_lab lab;
	struct ring_guest *guest;
	int fd;
};

FIXTURE_SETUP(attach)
{
	ASSERT_EQ(0, log_lab_open(&self->lab, MODE_IOMMUFD, LOG_LAB_RAM));
	self->guest = &self->lab.guest;
	self->fd = log_lab_fd(&self->lab);
	ring_guest_setup(self->guest, &ring_shape_usual, true);
}

FIXTURE_TEARDOWN(attach)
{
	log_lab_close(&self->lab);
}

/* A log can be started anywhere; without memory to read in it is one of everything. */
static bool logs_everything(struct log_lab *lab)
{
	struct dma_bitmap bitmap;
	unsigned int i;

	VFIO_ASSERT_EQ(log_lab_start(lab), 0);
	for (i = 0; i < 3; i++)
		VFIO_ASSERT_EQ(log_lab_check_in(lab, DMA_LOG_PAGE, &bitmap), 0);
	VFIO_ASSERT_EQ(dma_log_stop(log_lab_fd(lab)), 0);
	return dma_bitmap_count(&bitmap) == lab->guest.oracle.pages;
}

/* Only where memory can be read it can be known what was posted. */
TEST_F(attach, what_the_device_is_attached_to)
{
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };
	u32 ioas, hwpt, none = 0x7fffffff;
	struct dma_bitmap bitmap;

	ioas = self->guest->vf->iommu->ioas_id;
	hwpt = ioas;
	ASSERT_EQ(0, vf_attach_to(self->fd, &hwpt));
	ASSERT_NE(ioas, hwpt);
	EXPECT_FALSE(logs_everything(&self->lab));

	/* One that fails does not attach what was not. */
	ASSERT_EQ(0, ioctl(self->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach));
	EXPECT_GT(0, vf_attach_to(self->fd, &none));
	EXPECT_TRUE(logs_everything(&self->lab));
	ASSERT_EQ(0, vf_attach_to(self->fd, &ioas));
	ioas = self->guest->vf->iommu->ioas_id;
	EXPECT_EQ(0, log_lab_start(&self->lab));

	/* One that fails leaves the device where it is. */
	EXPECT_GT(0, vf_attach_to(self->fd, &none));
	ring_guest_post(self->guest, 20);
	ASSERT_TRUE(log_lab_receive(&self->lab, 20));
	EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_GT(20, dma_bitmap_count(&bitmap));
	EXPECT_EQ(0, dma_log_stop(self->fd));
}

/* The page table behind an IOAS, by its own id: what VMMs attach devices to. */
TEST_F(attach, attached_to_a_page_table)
{
	u32 hwpt = self->guest->vf->iommu->ioas_id;

	ASSERT_EQ(0, vf_attach_to(self->fd, &hwpt));
	ASSERT_EQ(0, vf_attach_to(self->fd, &hwpt));
	ASSERT_EQ(0, log_lab_start(&self->lab));
	ring_guest_post(self->guest, 20);
	ASSERT_TRUE(log_lab_receive(&self->lab, 20));
	EXPECT_EQ(0, log_lab_check(&self->lab));
	EXPECT_LE(45, log_lab_precision(&self->lab));
	EXPECT_EQ(0, dma_log_stop(self->fd));
}

/* If there is another IOAS, nobody tells which one the page table is of. */
TEST_F(attach, attached_to_a_page_table_of_one_of_two)
{
	struct iommu_ioas_alloc second = { .size = sizeof(second) };
	struct iommu_destroy destroy = { .size = sizeof(destroy) };
	struct iommu *iommu = self->guest->vf->iommu;
	struct dma_bitmap bitmap;
	u32 ioas = iommu->ioas_id;
	u32 hwpt = ioas;

	ASSERT_EQ(0, vf_attach_to(self->fd, &hwpt));
	ASSERT_EQ(0, log_lab_start(&self->lab));
	ASSERT_EQ(0, ioctl(iommu->iommufd, IOMMU_IOAS_ALLOC, &second));
	ASSERT_EQ(0, vf_attach_to(self->fd, &hwpt));

	/* The log that is on does not know any more, and says so. */
	ring_guest_post(self->guest, 20);
	ASSERT_TRUE(log_lab_receive(&self->lab, 10));
	EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_EQ(self->guest->oracle.pages, dma_bitmap_count(&bitmap));
	EXPECT_EQ(0, dma_log_stop(self->fd));
	EXPECT_TRUE(logs_everything(&self->lab));

	/* Its own id says it, and so does it being the only one again. */
	ASSERT_EQ(0, vf_attach_to(self->fd, &ioas));
	EXPECT_FALSE(logs_everything(&self->lab));
	destroy.id = second.out_ioas_id;
	ASSERT_EQ(0, ioctl(iommu->iommufd, IOMMU_DESTROY, &destroy));
	ASSERT_EQ(0, vf_attach_to(self->fd, &hwpt));
	EXPECT_FALSE(logs_everything(&self->lab));
}

struct mover {
	int fd;
	u32 ioas;
	bool stop;
	unsigned long rounds;
	int err;
};

static void *move_about(void *arg)
{
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };
	struct mover *mover = arg;
	u32 id;

	while (!mover->err && !__atomic_load_n(&mover->stop, __ATOMIC_RELAXED)) {
		if (ioctl(mover->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach))
			mover->err = -errno;
		id = mover->ioas;
		if (!mover->err)
			mover->err = vf_attach_to(mover->fd, &id);
		mover->rounds++;
		usleep(100);
	}
	return NULL;
}

/* The device loses its memory while its doorbells ring. */
TEST_F_TIMEOUT(attach, while_doorbells_ring, 60)
{
	struct mover mover = { .fd = self->fd, .ioas = self->guest->vf->iommu->ioas_id };
	struct vf *vf = self->guest->vf;
	pthread_t thread;
	int i;

	/* A queue that nothing is received into, and no frames: DMA would fault. */
	vf_write(vf, VF_RDBAL(1), guest_ram_iova(&self->guest->ram, self->guest->rx_area));
	vf_write(vf, VF_RDLEN(1), 0x1000);
	vf_write(vf, VF_RXDCTL(1), VF_QUEUE_ENABLE);
	ASSERT_EQ(0, log_lab_start(&self->lab));
	ASSERT_EQ(0, pthread_create(&thread, NULL, move_about, &mover));
	for (i = 1; i < 1000 || __atomic_load_n(&mover.rounds, __ATOMIC_RELAXED) < 20; i++) {
		vf_write(vf, VF_RDT(1), i * 37 % 256);
		ASSERT_EQ(0, log_lab_check(&self->lab));
	}
	__atomic_store_n(&mover.stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, mover.err);
	vf_write(vf, VF_RXDCTL(1), 0);

	/* All is as it was. */
	EXPECT_EQ(0, dma_log_stop(self->fd));
	ASSERT_EQ(0, log_lab_start(&self->lab));
	ring_guest_post(self->guest, 20);
	ASSERT_TRUE(log_lab_receive(&self->lab, 20));
	EXPECT_EQ(0, log_lab_check(&self->lab));
	EXPECT_LT(0, self->guest->oracle.sum_changed);
}

int main(int argc, char **argv)
{
	log_lab_or_skip();
	return test_harness_run(argc, argv);
}
