// SPDX-License-Identifier: GPL-2.0-only
/*
 * The uAPI of DMA logging: what it is asked for, when, and what guests can do to
 * it. That no page is missed is in dma_oracle_test.c.
 */
#include <errno.h>
#include <string.h>

#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "log_lab.h"
#include "migration.h"

#include "kselftest_harness.h"

FIXTURE(dma_log) {
	struct log_lab lab;
	struct ring_guest *guest;
	struct guest_ram *ram;
	int fd;
};

FIXTURE_VARIANT(dma_log) {
	const char *mode;
};

FIXTURE_VARIANT_ADD(dma_log, container) {
	.mode = MODE_VFIO_TYPE1V2_IOMMU,
};

FIXTURE_VARIANT_ADD(dma_log, iommufd) {
	.mode = MODE_IOMMUFD,
};

FIXTURE_SETUP(dma_log)
{
	ASSERT_EQ(0, log_lab_open(&self->lab, variant->mode, LOG_LAB_RAM));
	self->guest = &self->lab.guest;
	self->ram = &self->guest->ram;
	self->fd = log_lab_fd(&self->lab);
	ring_guest_setup(self->guest, &ring_shape_usual, true);
	ring_guest_setup_tx(self->guest, 16, false);
}

FIXTURE_TEARDOWN(dma_log)
{
	log_lab_close(&self->lab);
}

TEST_F(dma_log, features_are_there)
{
	EXPECT_EQ(0, dma_log_probe(self->fd));
	EXPECT_EQ(0, mig_feature(self->fd, VFIO_DEVICE_FEATURE_PROBE |
				 VFIO_DEVICE_FEATURE_SET |
				 VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, NULL, 0));
	EXPECT_EQ(0, mig_feature(self->fd, VFIO_DEVICE_FEATURE_PROBE |
				 VFIO_DEVICE_FEATURE_GET |
				 VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, NULL, 0));
}

TEST_F(dma_log, started_and_stopped_twice)
{
	struct dma_bitmap bitmap = { 0 };
	int round;

	for (round = 0; round < 3; round++) {
		EXPECT_EQ(-EINVAL, dma_log_report(self->fd, self->ram->iova, self->ram->size,
						  DMA_LOG_PAGE, &bitmap));
		ASSERT_EQ(0, log_lab_start(&self->lab));
		EXPECT_EQ(-EINVAL, log_lab_start(&self->lab));
		EXPECT_EQ(0, log_lab_check(&self->lab));
		EXPECT_EQ(0, dma_log_stop(self->fd));
		EXPECT_EQ(0, dma_log_stop(self->fd));
	}
}

TEST_F(dma_log, page_size_is_at_least_4k)
{
	static const u64 sizes[][2] = {
		{ 1, 4096 }, { 512, 4096 }, { 4096, 4096 }, { 8192, 8192 }, { 65536, 65536 },
	};
	struct vfio_device_feature_dma_logging_range range = {
		.iova = self->ram->iova,
		.length = self->ram->size,
	};
	unsigned int i;
	u64 size;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		size = sizes[i][0];
		ASSERT_EQ(0, dma_log_start(self->fd, &range, 1, &size));
		EXPECT_EQ(sizes[i][1], size);
		ASSERT_EQ(0, dma_log_stop(self->fd));
	}
}

TEST_F(dma_log, nothing_and_parts_of_pages)
{
	struct dma_bitmap bitmap = { 0 };

	ASSERT_EQ(0, log_lab_start(&self->lab));
	ring_guest_post(self->guest, 8);
	ASSERT_TRUE(log_lab_receive(&self->lab, 4));
	/* No byte is asked for: whatever the core makes of that, nothing is lost. */
	dma_log_report(self->fd, self->ram->iova, 0, DMA_LOG_PAGE, &bitmap);
	ASSERT_EQ(0, dma_log_report(self->fd, self->ram->iova + 1, 100, DMA_LOG_PAGE, &bitmap));
	EXPECT_EQ(0, log_lab_check(&self->lab));
	EXPECT_LT(0, self->guest->oracle.sum_changed);
}

/* What the guest posted before anyone was interested. */
TEST_F(dma_log, buffers_from_before_the_start)
{
	u32 posted = ring_guest_post(self->guest, ring_shape_usual.slots);

	ASSERT_EQ(ring_shape_usual.slots - 1, posted);
	ASSERT_TRUE(log_lab_receive(&self->lab, 5));
	ASSERT_EQ(0, log_lab_start(&self->lab));
	ASSERT_TRUE(log_lab_receive(&self->lab, 20));
	EXPECT_EQ(0, log_lab_check(&self->lab));
	ring_guest_clean(self->guest);
	EXPECT_EQ(25, self->guest->frames);
	/* 20 buffers of half a page, and the ring. */
	EXPECT_LE(11, self->guest->oracle.sum_changed);
	EXPECT_LE(45, log_lab_precision(&self->lab));
}

TEST_F(dma_log, only_ranges_that_were_asked_for)
{
	struct ram_oracle *oracle = &self->guest->oracle;
	iova_t bufs = guest_ram_iova(self->ram, self->guest->bufs);
	struct vfio_device_feature_dma_logging_range ranges[] = {
		{ .iova = bufs + 0x8000, .length = 0x4000 },
		{ .iova = self->ram->iova, .length = 0x2000 },
		{ .iova = bufs + 0x1000, .length = 0x1000 },
		{ .iova = 0x100000000000, .length = 0x10000000 },
	};
	u64 size = DMA_LOG_PAGE;
	unsigned int i;

	ASSERT_EQ(0, dma_log_start(self->fd, ranges, ARRAY_SIZE(ranges), &size));
	oracle_reset(oracle);
	for (i = 0; i < 3; i++)
		oracle_expect(oracle, ranges[i].iova, ranges[i].length);
	for (i = 0; i < 8; i++) {
		ring_guest_clean(self->guest);
		ring_guest_post(self->guest, 20);
		ASSERT_TRUE(log_lab_receive(&self->lab, 20));
		ASSERT_EQ(0, log_lab_check(&self->lab));
	}
	EXPECT_LT(0, oracle->sum_changed);
	EXPECT_EQ(0, oracle->sum_strayed);
}

TEST_F(dma_log, reports_in_larger_pages)
{
	static const u64 sizes[] = { 8192, 16384, 65536, 1 << 20 };
	struct dma_bitmap bitmap;
	unsigned int i;

	ASSERT_EQ(0, log_lab_start(&self->lab));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ring_guest_clean(self->guest);
		ring_guest_post(self->guest, 20);
		ASSERT_TRUE(log_lab_receive(&self->lab, 20));
		EXPECT_EQ(0, log_lab_check_in(&self->lab, sizes[i], &bitmap));
		EXPECT_GE(LOG_LAB_RAM / sizes[i], dma_bitmap_count(&bitmap));
		EXPECT_LT(0, dma_bitmap_count(&bitmap));
	}
	/* All of it was told. */
	EXPECT_EQ(0, log_lab_settle(&self->lab));
	EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_GE(LOG_LAB_IN_DOUBT, dma_bitmap_count(&bitmap));
}

/* Reports of parts leave the rest for later. */
TEST_F(dma_log, reports_of_parts)
{
	struct dma_bitmap bitmap = { 0 };
	struct dma_bitmap part;
	u64 at, step = 3 * DMA_LOG_PAGE;
	unsigned int i;

	ASSERT_EQ(0, log_lab_start(&self->lab));
	ring_guest_post(self->guest, 40);
	ASSERT_TRUE(log_lab_receive(&self->lab, 20));
	oracle_look(&self->guest->oracle);
	for (at = 0; at < self->ram->size; at += step) {
		memset(&part, 0, sizeof(part));
		ASSERT_EQ(0, dma_log_report(self->fd, self->ram->iova + at, step, DMA_LOG_PAGE,
					    &part));
		for (i = 0; i < 3; i++)
			if (dma_bitmap_test(&part, i)) {
				unsigned int page = at / DMA_LOG_PAGE + i;

				bitmap.words[page / 64] |= 1ull << (page % 64);
			}
	}
	EXPECT_EQ(0, oracle_check(&self->guest->oracle, &bitmap, DMA_LOG_PAGE));
	EXPECT_LT(0, self->guest->oracle.sum_changed);
}

/* What the first report after STOP tells is all, and the next tells it once more. */
TEST_F(dma_log, a_stopped_device)
{
	struct dma_bitmap bitmap;

	ASSERT_EQ(0, log_lab_start(&self->lab));
	ring_guest_post(self->guest, 40);
	ring_guest_transmit(self->guest, self->lab.peer.mac, 3, true);
	ASSERT_TRUE(log_lab_receive(&self->lab, 10));
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_STOP, NULL));
	EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_LT(0, dma_bitmap_count(&bitmap));
	EXPECT_EQ(0, log_lab_check(&self->lab));
	EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_EQ(0, dma_bitmap_count(&bitmap));

	/* Buffers that come while it is stopped, and are used when it is not. */
	ring_guest_clean(self->guest);
	ASSERT_LT(0, ring_guest_post(self->guest, 30));
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_RUNNING, NULL));
	ASSERT_TRUE(log_lab_receive(&self->lab, 24));
	ASSERT_TRUE(log_lab_receive(&self->lab, 24));
	EXPECT_EQ(0, log_lab_check(&self->lab));
	ring_guest_clean(self->guest);
	EXPECT_EQ(58, self->guest->frames);
	EXPECT_LE(40, log_lab_precision(&self->lab));
}

/* The buffers of a state that was loaded were posted elsewhere: from then on it is all pages. */
TEST_F(dma_log, a_device_that_becomes_another)
{
	struct mig_buf stream = { 0 };
	struct dma_bitmap bitmap;

	ring_guest_post(self->guest, 40);
	ASSERT_EQ(0, mig_save(self->fd, &stream));
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_RUNNING, NULL));
	ASSERT_EQ(0, log_lab_start(&self->lab));
	ASSERT_EQ(0, mig_load(self->fd, &stream));
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_RUNNING, NULL));
	ASSERT_TRUE(log_lab_receive(&self->lab, 10));
	EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_EQ(self->guest->oracle.pages, dma_bitmap_count(&bitmap));
	mig_buf_free(&stream);

	EXPECT_EQ(0, dma_log_stop(self->fd));
	ASSERT_EQ(0, log_lab_start(&self->lab));
	ring_guest_clean(self->guest);
	ring_guest_post(self->guest, 10);
	ASSERT_TRUE(log_lab_receive(&self->lab, 10));
	EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_GT(20, dma_bitmap_count(&bitmap));
}

/* Logging ends with the session that a reset ends. */
TEST_F(dma_log, a_reset_ends_it)
{
	ASSERT_EQ(0, log_lab_start(&self->lab));
	vf_reset(self->guest->vf);
	EXPECT_EQ(-EINVAL, log_lab_check(&self->lab));
	ASSERT_EQ(0, ring_guest_up(self->guest, self->guest->vf));
	ring_guest_setup(self->guest, &ring_shape_usual, true);
	ASSERT_EQ(0, log_lab_start(&self->lab));
	ring_guest_post(self->guest, 20);
	ASSERT_TRUE(log_lab_receive(&self->lab, 10));
	EXPECT_EQ(0, log_lab_check(&self->lab));
	EXPECT_LT(0, self->guest->oracle.sum_changed);
}

TEST_F(dma_log, close_ends_it)
{
	ASSERT_EQ(0, log_lab_start(&self->lab));
	vf_close(self->guest->vf);
	self->guest->vf = NULL;
	self->guest->vf = vf_open_mode(vf_bdf(0), variant->mode, self->ram);
	EXPECT_EQ(-EINVAL, log_lab_check(&self->lab));
}

/* Whatever a guest writes, the host survives, and logs what it can. */
TEST_F(dma_log, values_that_make_no_sense)
{
	static const u32 values[][2] = {
		{ VF_RDLEN(0), 0 }, { VF_RDT(0), 5 }, { VF_RDLEN(0), 0x80 },
		{ VF_RDT(0), 8 }, { VF_RDT(0), 0xffff }, { VF_RDT(0), 3 },
		{ VF_RDH(0), 9 }, { VF_RDT(0), 4 }, { VF_RDH(0), 0xffffffff },
		{ VF_RDLEN(0), 0xffffffff }, { VF_RDT(0), 65534 }, { VF_RDT(0), 1 },
		{ VF_RDBAH(0), 0xffffffff }, { VF_RDBAL(0), 0xffffffff }, { VF_RDT(0), 65533 },
		{ VF_SRRCTL(0), 0xffffffff }, { VF_RDT(0), 65530 }, { VF_RDT(0), 0xffffffff },
		{ VF_TDBAH(0), 0xffffffff }, { VF_TDLEN(0), 0xffffffff },
		{ VF_TDWBAL(0), 0xffffffff }, { VF_TDWBAH(0), 0xffffffff },
	};
	unsigned int i, q;

	ASSERT_EQ(0, log_lab_start(&self->lab));
	/* The queue that nothing is received into, and the other one while it is off. */
	for (q = 0; q < 2; q++) {
		vf_write(self->guest->vf, VF_RXDCTL(q), q ? VF_QUEUE_ENABLE : 0);
		vf_write(self->guest->vf, VF_TXDCTL(q), 0);
		for (i = 0; i < ARRAY_SIZE(values); i++) {
			vf_write(self->guest->vf, values[i][0] + q * 0x100, values[i][1]);
			vf_flush(self->guest->vf);
			ASSERT_EQ(0, log_lab_check(&self->lab));
		}
	}
	vf_write(self->guest->vf, VF_RXDCTL(1), 0);
	ASSERT_EQ(0, ring_guest_reset(self->guest));
	ring_guest_setup(self->guest, &ring_shape_usual, true);
	ring_guest_setup_tx(self->guest, 16, false);
	ring_guest_post(self->guest, 20);
	ASSERT_TRUE(log_lab_receive(&self->lab, 20));
	EXPECT_EQ(0, log_lab_check(&self->lab));
	ring_guest_clean(self->guest);
	EXPECT_EQ(20, self->guest->frames);
}

/* A tail outside of the ring lets the device go round for ever: that is all pages. */
TEST_F(dma_log, a_tail_outside_of_the_ring)
{
	struct dma_bitmap bitmap;

	ASSERT_EQ(0, log_lab_start(&self->lab));
	vf_write(self->guest->vf, VF_RDT(0), ring_shape_usual.slots);
	EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_EQ(self->guest->oracle.pages, dma_bitmap_count(&bitmap));
	ring_guest_setup(self->guest, &ring_shape_usual, true);
	EXPECT_EQ(0, log_lab_settle(&self->lab));
	EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_GE(LOG_LAB_IN_DOUBT, dma_bitmap_count(&bitmap));
}

/* Neither has a ring of no length an end. A container is reported as a whole anyway. */
static void expect_all_and_then_little(struct __test_metadata *_metadata, struct log_lab *lab)
{
	bool precise = !strcmp(lab->guest.vf->iommu->mode->name, MODE_IOMMUFD);
	struct dma_bitmap bitmap;

	EXPECT_EQ(0, log_lab_check_in(lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_EQ(lab->guest.oracle.pages, dma_bitmap_count(&bitmap));
	ASSERT_TRUE(log_lab_receive(lab, 4));
	EXPECT_EQ(0, log_lab_check_in(lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_EQ(lab->guest.oracle.pages, dma_bitmap_count(&bitmap));

	ring_guest_setup(&lab->guest, &ring_shape_usual, true);
	ring_guest_setup_tx(&lab->guest, 16, false);
	/* What was reported is reported once more. */
	EXPECT_EQ(0, log_lab_check(lab));
	EXPECT_EQ(0, log_lab_check(lab));
	ring_guest_post(&lab->guest, 20);
	ASSERT_TRUE(log_lab_receive(lab, 20));
	EXPECT_EQ(0, log_lab_check_in(lab, DMA_LOG_PAGE, &bitmap));
	if (precise)
		EXPECT_GT(20, dma_bitmap_count(&bitmap));
}

TEST_F(dma_log, a_receive_ring_of_no_length)
{
	ASSERT_EQ(0, log_lab_start(&self->lab));
	ring_guest_post(self->guest, 20);
	vf_write(self->guest->vf, VF_RDLEN(0), 0);
	ASSERT_NE(vf_read(self->guest->vf, VF_RDH(0)), vf_read(self->guest->vf, VF_RDT(0)));
	expect_all_and_then_little(_metadata, &self->lab);
}

/* The guest comes to the tail only then. */
TEST_F(dma_log, a_tail_in_a_ring_of_no_length)
{
	ASSERT_EQ(0, log_lab_start(&self->lab));
	vf_write(self->guest->vf, VF_RDLEN(0), 0);
	vf_write(self->guest->vf, VF_RDT(0), 5);
	expect_all_and_then_little(_metadata, &self->lab);
}

TEST_F(dma_log, a_transmit_ring_of_no_length)
{
	ASSERT_EQ(0, log_lab_start(&self->lab));
	vf_write(self->guest->vf, VF_TDLEN(0), 0);
	vf_write(self->guest->vf, VF_TDT(0), 5);
	ASSERT_NE(vf_read(self->guest->vf, VF_TDH(0)), vf_read(self->guest->vf, VF_TDT(0)));
	expect_all_and_then_little(_metadata, &self->lab);
}

/* The guest comes to that right before it is stopped. */
TEST_F(dma_log, a_transmit_ring_of_no_length_at_the_stop)
{
	struct dma_bitmap bitmap;
	unsigned int i;

	ASSERT_EQ(0, log_lab_start(&self->lab));
	vf_write(self->guest->vf, VF_TDLEN(0), 0);
	for (i = 0; i < 3; i++)
		ASSERT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	ASSERT_GT(self->guest->oracle.pages, dma_bitmap_count(&bitmap));
	vf_write(self->guest->vf, VF_TDT(0), 5);
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_STOP, NULL));
	ASSERT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_EQ(self->guest->oracle.pages, dma_bitmap_count(&bitmap));
}

int main(int argc, char **argv)
{
	log_lab_or_skip();
	return test_harness_run(argc, argv);
}
