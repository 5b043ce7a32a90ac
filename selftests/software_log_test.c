// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the function in software writes is reported, exactly, whatever it is opened through.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "log_lab.h"
#include "migration.h"
#include "software.h"

#define UUID	"82576000-0000-4000-8000-000000000002"
#define ROUNDS	100
#define BURST	16

static const u8 guest_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x1a };

struct logged {
	struct software software;
	struct ring_guest guest;
	struct ledger to_guest;
	int fd;
};

FIXTURE(software_log)
{
	struct logged all;
};

FIXTURE_VARIANT(software_log)
{
	const char *mode;
};

FIXTURE_VARIANT_ADD(software_log, container)
{
	.mode = MODE_VFIO_TYPE1V2_IOMMU,
};

FIXTURE_VARIANT_ADD(software_log, iommufd)
{
	.mode = MODE_IOMMUFD,
};

FIXTURE_SETUP(software_log)
{
	struct logged *all = &self->all;
	struct ring_guest *guest = &all->guest;

	ASSERT_EQ(0, software_create(&all->software, UUID));
	ledger_init(&all->to_guest, 8);
	ring_guest_init(guest, LOG_LAB_RAM, guest_mac);
	ASSERT_EQ(0, ring_guest_up(guest, vf_open_mode(UUID, variant->mode, &guest->ram)));
	all->fd = vf_fd(guest->vf);
	ring_guest_setup(guest, &ring_shape_usual, true);
	ring_guest_setup_tx(guest, 16, false);
}

FIXTURE_TEARDOWN(software_log)
{
	struct logged *all = &self->all;

	vf_close(all->guest.vf);
	ring_guest_free(&all->guest);
	EXPECT_EQ(0, software_remove(&all->software));
}

/* Frames from the wire, until they are in the guest's memory. */
static bool receive(struct logged *all, u32 count)
{
	u32 frames = all->guest.frames + count;
	u64 end = now_ns() + NIC_TIMEOUT_MS * 1000000ull;

	if (!pf_send(&all->software.wire, &all->to_guest, guest_mac, count))
		return false;
	while (all->guest.frames < frames && now_ns() < end)
		ring_guest_clean(&all->guest);
	return all->guest.frames == frames;
}

static int log_start(struct logged *all)
{
	struct guest_ram *ram = &all->guest.ram;

	oracle_reset(&all->guest.oracle);
	oracle_expect(&all->guest.oracle, ram->iova, ram->size);
	return dma_log_start_simple(all->fd, ram->iova, ram->size);
}

static int report(struct logged *all, struct dma_bitmap *bitmap)
{
	struct guest_ram *ram = &all->guest.ram;

	memset(bitmap, 0, sizeof(*bitmap));
	return dma_log_report(all->fd, ram->iova, ram->size, DMA_LOG_PAGE, bitmap);
}

/* No page too few, and of those that are told twice none too many. */
TEST_F_TIMEOUT(software_log, exact, 90)
{
	struct logged *all = &self->all;
	struct dma_bitmap bitmap;
	unsigned int i;

	ASSERT_EQ(0, log_start(all));
	for (i = 0; i < ROUNDS; i++) {
		ring_guest_clean(&all->guest);
		ring_guest_post(&all->guest, BURST);
		ASSERT_TRUE(receive(all, 1 + i % BURST));
		if (i % 4 == 0)
			ring_guest_transmit(&all->guest, all->software.wire.mac, 1 + i % 8, true);
		oracle_look(&all->guest.oracle);
		ASSERT_EQ(0, report(all, &bitmap));
		ASSERT_EQ(0, oracle_check(&all->guest.oracle, &bitmap, DMA_LOG_PAGE));
	}
	ksft_print_msg("%llu pages written, %llu reported\n",
		       (unsigned long long)all->guest.oracle.sum_changed,
		       (unsigned long long)all->guest.oracle.sum_reported);
	EXPECT_LE(all->guest.oracle.sum_reported, all->guest.oracle.sum_changed * 2);
	/* Nothing happens, and nothing is said after all was told twice. */
	for (i = 0; i < 2; i++)
		ASSERT_EQ(0, report(all, &bitmap));
	EXPECT_EQ(0, dma_bitmap_count(&bitmap));
}

/* Who copies what is reported has all of it when the device has stopped. */
TEST_F_TIMEOUT(software_log, memory_is_equal, 60)
{
	struct logged *all = &self->all;
	struct guest_ram *ram = &all->guest.ram;
	u8 *copy = malloc(ram->size);
	struct dma_bitmap bitmap;
	unsigned int i, page;

	ASSERT_NE(NULL, copy);
	ASSERT_EQ(0, log_start(all));
	memcpy(copy, ram->vaddr, ram->size);
	for (i = 0; i <= ROUNDS; i++) {
		ring_guest_post(&all->guest, BURST);
		if (i == ROUNDS)
			ASSERT_EQ(0, mig_set(all->fd, VFIO_DEVICE_STATE_STOP, NULL));
		ASSERT_TRUE(i == ROUNDS || receive(all, BURST));
		ASSERT_EQ(0, report(all, &bitmap));
		for (page = 0; page < ram->size / DMA_LOG_PAGE; page++)
			if (dma_bitmap_test(&bitmap, page))
				memcpy(copy + page * DMA_LOG_PAGE,
				       ram->vaddr + page * DMA_LOG_PAGE, DMA_LOG_PAGE);
	}
	/* The buffers: what the guest itself writes, a VMM knows from KVM. */
	for (page = 0; page < ram->size / DMA_LOG_PAGE; page++) {
		void *here = ram->vaddr + page * DMA_LOG_PAGE;

		if (here >= (void *)all->guest.bufs)
			EXPECT_EQ(0, memcmp(copy + page * DMA_LOG_PAGE, here, DMA_LOG_PAGE)) {
				TH_LOG("page %u", page);
			}
	}
	free(copy);
}

TEST_F(software_log, started_and_stopped)
{
	struct logged *all = &self->all;
	struct guest_ram *ram = &all->guest.ram;
	struct dma_bitmap bitmap;

	EXPECT_EQ(0, dma_log_probe(all->fd));
	EXPECT_EQ(-EINVAL, report(all, &bitmap));
	EXPECT_EQ(0, dma_log_stop(all->fd));
	ASSERT_EQ(0, log_start(all));
	EXPECT_EQ(-EINVAL, dma_log_start_simple(all->fd, ram->iova, ram->size));
	EXPECT_EQ(0, report(all, &bitmap));
	/* What was written is not undone by that. */
	vf_reset(all->guest.vf);
	EXPECT_EQ(0, report(all, &bitmap));
	EXPECT_EQ(0, dma_log_stop(all->fd));
	EXPECT_EQ(-EINVAL, report(all, &bitmap));
}

int main(int argc, char **argv)
{
	software_or_skip();
	log_lab_or_skip();
	return test_harness_run(argc, argv);
}
