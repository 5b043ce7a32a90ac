// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reports of DMA logging that are lost, or are many: none of them loses a page, or makes
 * the next one dearer.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "log_lab.h"

#include "kselftest_harness.h"

/* Only with iommufd there is more to tell than that all pages are dirty. */
FIXTURE(dma_report) {
	struct log_lab lab;
	struct ring_guest *guest;
	struct guest_ram *ram;
	int fd;
};

FIXTURE_SETUP(dma_report)
{
	ASSERT_EQ(0, log_lab_open(&self->lab, MODE_IOMMUFD, LOG_LAB_RAM));
	self->guest = &self->lab.guest;
	self->ram = &self->guest->ram;
	self->fd = log_lab_fd(&self->lab);
	ring_guest_setup(self->guest, &ring_shape_usual, true);
	ring_guest_setup_tx(self->guest, 16, false);
}

FIXTURE_TEARDOWN(dma_report)
{
	log_lab_close(&self->lab);
}

/*
 * A report that does not reach the user has told nothing, even if a part of it has. The
 * core does not tell the driver, and may not even tell the user.
 */
TEST_F(dma_report, a_bitmap_that_cannot_be_written)
{
	size_t len = self->ram->size / DMA_LOG_PAGE / 8;
	struct ram_oracle *oracle = &self->guest->oracle;
	struct dma_bitmap bitmap;
	void *pages, *at[2];
	unsigned int i;

	pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, mprotect(pages + 4096, 4096, PROT_NONE));
	at[0] = pages + 4096;
	at[1] = pages + 4096 - len / 2;
	ASSERT_EQ(0, log_lab_start(&self->lab));
	for (i = 0; i < ARRAY_SIZE(at); i++) {
		/* Nothing is left of what was to be reported twice. */
		ASSERT_EQ(0, log_lab_check(&self->lab));
		ASSERT_EQ(0, log_lab_check(&self->lab));
		ring_guest_clean(self->guest);
		ring_guest_post(self->guest, 40);
		ring_guest_transmit(self->guest, self->lab.peer.mac, 3, true);
		ASSERT_TRUE(log_lab_receive(&self->lab, LOG_LAB_BURST));
		oracle->sum_changed = 0;
		dma_log_report(self->fd, self->ram->iova, self->ram->size, DMA_LOG_PAGE, at[i]);
		EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap)) {
			TH_LOG("bitmap %u: page %d is missed", i, oracle->first_missed);
		}
		EXPECT_LT(10, oracle->sum_changed);
	}
	munmap(pages, 8192);
}

#define HOLES		8000
#define HOLES_BATCH	100

/* The time that some reports take, of one page and not of the next. 0 if one fails. */
static u64 time_of_holes(int fd, iova_t iova, unsigned int first)
{
	struct dma_bitmap bitmap;
	u64 start = now_ns();
	unsigned int i;

	for (i = first; i < first + HOLES_BATCH; i++)
		if (dma_log_report(fd, iova + i * 2 * DMA_LOG_PAGE, DMA_LOG_PAGE, DMA_LOG_PAGE,
				   &bitmap))
			return 0;
	return now_ns() - start;
}

/* What is known page by page after all pages were marked does not add up. */
TEST_F_TIMEOUT(dma_report, reports_of_single_pages, 900)
{
	u64 size = 2 * HOLES * DMA_LOG_PAGE, took, early = ~0ull, late = ~0ull;
	struct dma_bitmap bitmap = { 0 };
	unsigned int i;

	ASSERT_EQ(0, dma_log_start_simple(self->fd, self->ram->iova, size));
	vf_write(self->guest->vf, VF_RDT(0), ring_shape_usual.slots);
	ASSERT_NE(0, time_of_holes(self->fd, self->ram->iova, 0));
	ring_guest_setup(self->guest, &ring_shape_usual, true);
	/* The quickest of each: others run on this machine as well. */
	for (i = 0; i < HOLES; i += HOLES_BATCH) {
		took = time_of_holes(self->fd, self->ram->iova, i);
		ASSERT_NE(0, took);
		if (i < HOLES / 8 && took < early)
			early = took;
		if (i >= HOLES - HOLES / 8 && took < late)
			late = took;
	}
	TH_LOG("%llu us at first, %llu us at last", (unsigned long long)early / 1000,
	       (unsigned long long)late / 1000);
	EXPECT_GT(8 * early, late);

	/* Those that were left out are still to come. */
	ASSERT_EQ(0, dma_log_report(self->fd, self->ram->iova, DMA_LOG_PAGES_MAX * DMA_LOG_PAGE,
				    DMA_LOG_PAGE, &bitmap));
	for (i = 1; i < DMA_LOG_PAGES_MAX; i += 2)
		ASSERT_TRUE(dma_bitmap_test(&bitmap, i));
}

int main(int argc, char **argv)
{
	log_lab_or_skip();
	return test_harness_run(argc, argv);
}
