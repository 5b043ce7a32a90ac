// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA logging of a device whose writes arrive later than its heads say, as silicon
 * may have it. The model of the lab writes at once: what it has written is taken
 * back, and put there again after some reports, by the one who has the memory.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>

#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "binding.h"
#include "log_lab.h"
#include "migration.h"

#include "kselftest_harness.h"

/* More than any page is reported for having been written once. */
#define REPORTS		5
#define ROUNDS		20

FIXTURE(late) {
	struct log_lab lab;
	struct ring_guest *guest;
	struct guest_ram *ram;
	struct guest_ram held;	/* RAM with all that the device has written */
	struct guest_ram to;	/* the copy that a VMM makes */
	int fd;
};

FIXTURE_VARIANT(late) {
	const char *params;
	bool model;
};

FIXTURE_VARIANT_ADD(late, silicon) {
	.params = "recognise_models=0",
};

/* The heads are relied on, so that a late write is lost: the tests see the difference. */
FIXTURE_VARIANT_ADD(late, model) {
	.params = "recognise_models=1",
	.model = true,
};

FIXTURE_SETUP(late)
{
	ASSERT_EQ(0, module_reload(variant->params));
	ASSERT_EQ(0, log_lab_open(&self->lab, MODE_IOMMUFD, LOG_LAB_RAM));
	self->guest = &self->lab.guest;
	self->ram = &self->guest->ram;
	self->fd = log_lab_fd(&self->lab);
	guest_ram_init(&self->held, self->ram->size);
	guest_ram_init(&self->to, self->ram->size);
	ring_guest_setup(self->guest, &ring_shape_usual, true);
	ring_guest_setup_tx(self->guest, 16, true);
}

FIXTURE_TEARDOWN(late)
{
	guest_ram_free(&self->held);
	guest_ram_free(&self->to);
	log_lab_close(&self->lab);
	EXPECT_EQ(0, module_reload(NULL));
}

/* What the device has written since the log was started is still under way. */
static void hold_back(struct guest_ram *ram, struct guest_ram *held, struct ram_oracle *oracle)
{
	memcpy(held->vaddr, ram->vaddr, ram->size);
	/* The oracle's copy has what the guest has written, and nothing of the device. */
	memcpy(ram->vaddr, oracle->copy, ram->size);
}

static void arrive(struct guest_ram *ram, const struct guest_ram *held)
{
	memcpy(ram->vaddr, held->vaddr, ram->size);
}

static int start(struct log_lab *lab, struct guest_ram *to)
{
	int ret = log_lab_start(lab);

	memcpy(to->vaddr, lab->guest.ram.vaddr, to->size);
	return ret;
}

/* The guest's own writes are the VMM's to know. */
static bool is_copy(const struct log_lab *lab, struct guest_ram *to)
{
	const struct ring_guest *guest = &lab->guest;
	size_t tx_bufs = guest->tx_bufs - (u8 *)guest->ram.vaddr;

	memcpy(to->vaddr + tx_bufs, guest->tx_bufs, guest->tx_slots * NIC_BUF_SIZE);
	return !memcmp(to->vaddr, guest->ram.vaddr, to->size);
}

/* What was written arrives after some reports, and the report after that has it. */
static bool survives(struct log_lab *lab, struct guest_ram *held, struct guest_ram *to)
{
	unsigned int i;

	hold_back(&lab->guest.ram, held, &lab->guest.oracle);
	for (i = 0; i < REPORTS; i++)
		VFIO_ASSERT_EQ(log_lab_copy(lab, to), 0);
	arrive(&lab->guest.ram, held);
	VFIO_ASSERT_EQ(log_lab_copy(lab, to), 0);
	return is_copy(lab, to);
}

TEST_F_TIMEOUT(late, received, 60)
{
	ring_guest_post(self->guest, 40);
	ASSERT_EQ(0, start(&self->lab, &self->to));
	ASSERT_TRUE(log_lab_receive(&self->lab, 4));
	EXPECT_NE(variant->model, survives(&self->lab, &self->held, &self->to));
}

/* Descriptors that look written back when they are handed over tell nothing later. */
TEST_F_TIMEOUT(late, received_into_descriptors_that_look_done, 60)
{
	union vf_rx_desc desc;
	unsigned int i;

	for (i = 0; i < 8; i++) {
		desc.read.pkt_addr = htole64(guest_ram_iova(self->ram, self->guest->bufs) +
					     i * ring_shape_usual.stride);
		desc.read.hdr_addr = htole64(1);
		oracle_write(&self->guest->oracle, &self->guest->rx[i], &desc, sizeof(desc));
	}
	ASSERT_EQ(0, start(&self->lab, &self->to));
	vf_write(self->guest->vf, VF_RDT(0), i);
	vf_flush(self->guest->vf);
	ASSERT_TRUE(log_lab_receive(&self->lab, 4));
	EXPECT_NE(variant->model, survives(&self->lab, &self->held, &self->to));
}

/* Buffers that the device has come to before the start, and writes to after it. */
TEST_F_TIMEOUT(late, received_before_the_start, 60)
{
	unsigned int i;

	ring_guest_post(self->guest, 40);
	ASSERT_TRUE(log_lab_receive(&self->lab, 4));
	hold_back(self->ram, &self->held, &self->guest->oracle);
	ASSERT_EQ(0, start(&self->lab, &self->to));
	for (i = 0; i < REPORTS; i++)
		ASSERT_EQ(0, log_lab_copy(&self->lab, &self->to));
	arrive(self->ram, &self->held);
	ASSERT_EQ(0, log_lab_copy(&self->lab, &self->to));
	EXPECT_NE(variant->model, is_copy(&self->lab, &self->to));
}

TEST_F_TIMEOUT(late, transmitted, 60)
{
	ASSERT_EQ(0, start(&self->lab, &self->to));
	ring_guest_transmit(self->guest, self->lab.peer.mac, 3, true);
	memcpy(self->to.vaddr, self->guest->oracle.copy, self->to.size);
	EXPECT_NE(variant->model, survives(&self->lab, &self->held, &self->to));
}

/* The last moment at which anything can arrive is the arc that stops the device. */
TEST_F_TIMEOUT(late, arrives_with_the_stop, 60)
{
	unsigned int i;

	ring_guest_post(self->guest, 40);
	ASSERT_EQ(0, start(&self->lab, &self->to));
	ring_guest_transmit(self->guest, self->lab.peer.mac, 3, true);
	ASSERT_TRUE(log_lab_receive(&self->lab, 4));
	memcpy(self->to.vaddr, self->guest->oracle.copy, self->to.size);
	hold_back(self->ram, &self->held, &self->guest->oracle);
	for (i = 0; i < REPORTS; i++)
		ASSERT_EQ(0, log_lab_copy(&self->lab, &self->to));
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_STOP, NULL));
	arrive(self->ram, &self->held);
	ASSERT_EQ(0, log_lab_copy(&self->lab, &self->to));
	EXPECT_NE(variant->model, is_copy(&self->lab, &self->to));
}

static bool reports(struct dma_bitmap *bitmap, struct guest_ram *ram, void *vaddr)
{
	return dma_bitmap_test(bitmap, (vaddr - ram->vaddr) / DMA_LOG_PAGE);
}

/* Both rings are in the first report after STOP, moved or not, and once more in the next. */
TEST_F_TIMEOUT(late, rings_after_the_stop, 60)
{
	struct dma_bitmap bitmap;
	unsigned int i;

	ring_guest_post(self->guest, 40);
	ASSERT_EQ(0, log_lab_start(&self->lab));
	for (i = 0; i < REPORTS; i++)
		EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_EQ(variant->model, !dma_bitmap_count(&bitmap));
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_STOP, NULL));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
		EXPECT_TRUE(reports(&bitmap, self->ram, self->guest->rx));
		EXPECT_TRUE(reports(&bitmap, self->ram, self->guest->tx));
		EXPECT_TRUE(reports(&bitmap, self->ram, self->guest->tx_head));
	}
	EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_EQ(0, dma_bitmap_count(&bitmap));
}

/* As many frames as there is room for, all the time: the pages of a round stay what they are. */
TEST_F_TIMEOUT(late, rounds_under_load, 110)
{
	struct ram_oracle *oracle = &self->guest->oracle;
	struct dma_bitmap bitmap;
	u64 changed, reported;
	unsigned int i;

	ring_guest_post(self->guest, ring_shape_usual.slots);
	ASSERT_EQ(0, log_lab_start(&self->lab));
	for (i = 0; i < ROUNDS; i++) {
		changed = oracle->sum_changed;
		reported = oracle->sum_reported;
		ASSERT_TRUE(log_lab_receive(&self->lab, LOG_LAB_BURST));
		ring_guest_transmit(self->guest, self->lab.peer.mac, 8, true);
		ASSERT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
		ring_guest_clean(self->guest);
		ring_guest_post(self->guest, LOG_LAB_BURST);
		changed = oracle->sum_changed - changed;
		reported = oracle->sum_reported - reported;
		ksft_print_msg("round %u: %llu pages written, %llu reported\n", i,
			       (unsigned long long)changed, (unsigned long long)reported);
		EXPECT_GE(2 * changed, reported);
	}
	/* Nothing is written any more, and nothing is told any more but of rings in doubt. */
	for (i = 0; i < REPORTS; i++)
		EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_GE(variant->model ? 0 : 2, dma_bitmap_count(&bitmap));
}

int main(int argc, char **argv)
{
	log_lab_or_skip();
	return test_harness_run(argc, argv);
}
