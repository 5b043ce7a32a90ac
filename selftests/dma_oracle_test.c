// SPDX-License-Identifier: GPL-2.0-only
/*
 * No page that the device writes to is missed: random guests, and a second copy
 * of their memory to compare with. The seed is printed, and taken from $VMF_SEED.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "log_lab.h"
#include "migration.h"

#include "kselftest_harness.h"

#define ROUNDS		5000
#define ROUNDS_NS	35000000000ull

static unsigned int choose_seed(void)
{
	const char *given = getenv("VMF_SEED");
	unsigned int seed = given ? strtoul(given, NULL, 0) : time(NULL) ^ getpid();

	srandom(seed);
	return seed;
}

FIXTURE(dma_oracle) {
	struct log_lab lab;
	struct ring_guest *guest;
	int fd;
	unsigned int seed;
};

FIXTURE_VARIANT(dma_oracle) {
	const char *mode;
};

FIXTURE_VARIANT_ADD(dma_oracle, container) {
	.mode = MODE_VFIO_TYPE1V2_IOMMU,
};

FIXTURE_VARIANT_ADD(dma_oracle, iommufd) {
	.mode = MODE_IOMMUFD,
};

FIXTURE_SETUP(dma_oracle)
{
	self->seed = choose_seed();
	ASSERT_EQ(0, log_lab_open(&self->lab, variant->mode, LOG_LAB_RAM));
	self->guest = &self->lab.guest;
	self->fd = log_lab_fd(&self->lab);
	ring_guest_setup(self->guest, &ring_shape_usual, true);
	ring_guest_setup_tx(self->guest, 16, false);
}

FIXTURE_TEARDOWN(dma_oracle)
{
	log_lab_close(&self->lab);
}

static void print_sums(const struct log_lab *lab, unsigned int seed, unsigned int rounds)
{
	const struct ram_oracle *oracle = &lab->guest.oracle;

	ksft_print_msg("seed %u: %u rounds, %u frames, %llu pages written, %llu reported: %u%%\n",
		       seed, rounds, lab->guest.frames, (unsigned long long)oracle->sum_changed,
		       (unsigned long long)oracle->sum_reported, log_lab_precision(lab));
}

/* Traffic as that of a guest with igbvf, which stays what it is. */
TEST_F_TIMEOUT(dma_oracle, usual_traffic_is_reported_precisely, 60)
{
	unsigned int i;

	ASSERT_EQ(0, log_lab_start(&self->lab));
	for (i = 0; i < 300; i++) {
		ring_guest_clean(self->guest);
		ring_guest_post(self->guest, 16);
		ASSERT_TRUE(log_lab_receive(&self->lab, 1 + random() % 16));
		if (i % 4 == 0)
			ring_guest_transmit(self->guest, self->lab.peer.mac, 1 + random() % 8,
					    true);
		ASSERT_EQ(0, log_lab_check(&self->lab));
	}
	print_sums(&self->lab, self->seed, i);
	EXPECT_LT(1000, self->guest->frames);
	/* All is reported twice. */
	EXPECT_LE(45, log_lab_precision(&self->lab));
}

/* A ring that takes more than a page, full, and around its end. */
TEST_F_TIMEOUT(dma_oracle, a_large_ring, 60)
{
	struct ring_shape shape = ring_shape_usual;
	unsigned int i;

	shape.slots = 256;
	shape.ring_offset = 128 * 7;
	shape.stride = 2064;
	ASSERT_EQ(0, log_lab_start(&self->lab));
	ring_guest_setup(self->guest, &shape, true);
	for (i = 0; i < 40; i++) {
		ring_guest_clean(self->guest);
		ring_guest_post(self->guest, shape.slots);
		ASSERT_TRUE(log_lab_receive(&self->lab, LOG_LAB_BURST));
		ASSERT_EQ(0, log_lab_check(&self->lab));
	}
	print_sums(&self->lab, self->seed, i);
	EXPECT_EQ(40 * LOG_LAB_BURST - LOG_LAB_BURST, self->guest->frames);
}

/* The heads are where they were, and all of the rings was written to. */
TEST_F(dma_oracle, exactly_once_around)
{
	struct ring_shape shape = ring_shape_usual;
	unsigned int i;

	shape.slots = 16;
	ring_guest_setup(self->guest, &shape, true);
	ASSERT_EQ(0, log_lab_start(&self->lab));
	for (i = 0; i < 20; i++) {
		ring_guest_post(self->guest, 8);
		ASSERT_TRUE(log_lab_receive(&self->lab, 8));
		ring_guest_clean(self->guest);
		ring_guest_post(self->guest, 8);
		ASSERT_TRUE(log_lab_receive(&self->lab, 8));
		ring_guest_clean(self->guest);
		ring_guest_transmit(self->guest, self->lab.peer.mac, 8, true);
		ring_guest_transmit(self->guest, self->lab.peer.mac, 8, true);
		ASSERT_EQ(0, vf_read(self->guest->vf, VF_TDH(0)));
		vf_flush(self->guest->vf);
		ASSERT_EQ(0, vf_read(self->guest->vf, VF_RDH(0)));
		ASSERT_EQ(0, log_lab_check(&self->lab));
	}
	EXPECT_EQ(320, self->guest->frames);
}

/* A guest that was paused goes on, and is paused again, with no report in between. */
TEST_F(dma_oracle, stopped_twice)
{
	unsigned int i;

	ASSERT_EQ(0, log_lab_start(&self->lab));
	for (i = 0; i < 4; i++) {
		ring_guest_clean(self->guest);
		ring_guest_post(self->guest, 8);
		ASSERT_TRUE(log_lab_receive(&self->lab, 8));
		ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_STOP, NULL));
		EXPECT_EQ(0, log_lab_check(&self->lab)) {
			TH_LOG("stopped for the %uth time", i);
		}
		ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_RUNNING, NULL));
	}
}

/* One thing that a guest or its VMM may do between reports. */
static int random_step(struct log_lab *lab)
{
	struct ring_guest *guest = &lab->guest;
	struct ring_shape shape;
	int fd = log_lab_fd(lab), what = random() % 256;
	int ret;

	if (what < 96) {
		ring_guest_clean(guest);
		ring_guest_post(guest, 1 + random() % 32);
		return 0;
	}
	if (what < 192)
		return log_lab_receive(lab, 1 + random() % 12) ? 0 : -ETIMEDOUT;
	if (what < 236) {
		ring_guest_transmit(guest, random() % 2 ? lab->peer.mac : guest->mac,
				    1 + random() % (guest->tx_slots - 1), random() % 4);
		return 0;
	}
	if (what < 244) {
		ring_guest_setup_tx(guest, 8 + 8 * (random() % 4), random() % 2);
		return 0;
	}
	if (what < 250) {
		shape = ring_shape_random(guest, 128);
		ring_guest_setup(guest, &shape, random() % 4);
		return 0;
	}
	if (what < 251) {
		shape = ring_shape_random(guest, 64);
		ret = ring_guest_reset(guest);
		ring_guest_setup(guest, &shape, true);
		ring_guest_setup_tx(guest, 16, random() % 2);
		return ret;
	}
	if (what < 253) {
		/* Of what was not reported by then nobody hears any more. */
		ret = dma_log_stop(fd);
		return ret ? ret : log_lab_start(lab);
	}
	ret = mig_set(fd, VFIO_DEVICE_STATE_STOP, NULL);
	if (!ret && random() % 2)
		ret = log_lab_check(lab);
	if (!ret && random() % 2)
		ring_guest_post(guest, 1 + random() % 8);
	return ret ? ret : mig_set(fd, VFIO_DEVICE_STATE_RUNNING, NULL);
}

TEST_F_TIMEOUT(dma_oracle, random_guests, 90)
{
	u64 end = now_ns() + ROUNDS_NS;
	unsigned int round, steps;
	int ret;

	ASSERT_EQ(0, log_lab_start(&self->lab));
	for (round = 0; round < ROUNDS && now_ns() < end; round++) {
		for (steps = 1 + random() % 4; steps; steps--) {
			ret = random_step(&self->lab);
			ASSERT_EQ(0, ret) {
				TH_LOG("seed %u, round %u", self->seed, round);
			}
		}
		ret = log_lab_check(&self->lab);
		ASSERT_EQ(0, ret) {
			TH_LOG("seed %u, round %u, page %d: %u slots, DESCTYPE %u, %u KiB, %u + %u",
			       self->seed, round, self->guest->oracle.first_missed,
			       self->guest->shape.slots, self->guest->shape.desctype,
			       self->guest->shape.kib, self->guest->shape.stride,
			       self->guest->shape.offset);
		}
		ring_guest_clean(self->guest);
	}
	print_sums(&self->lab, self->seed, round);
	EXPECT_EQ(0, self->guest->oracle.sum_strayed);
	EXPECT_LT(100, self->guest->frames);
}

/* Memory and device go to another VF, and both arrive. */
TEST_F_TIMEOUT(dma_oracle, a_migration, 60)
{
	struct ring_guest *guest = self->guest;
	struct mig_buf stream = { 0 };
	struct guest_ram to;
	struct vf *vf;
	int round, data_fd;

	guest_ram_init(&to, guest->ram.size);
	ring_guest_post(guest, 63);
	ASSERT_EQ(0, log_lab_start(&self->lab));
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_PRE_COPY, &data_fd));
	memcpy(to.vaddr, guest->ram.vaddr, to.size);
	for (round = 0; round < 10; round++) {
		ASSERT_TRUE(log_lab_receive(&self->lab, 5));
		ASSERT_EQ(0, log_lab_copy(&self->lab, &to));
	}
	ASSERT_TRUE(log_lab_receive(&self->lab, 5));
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_STOP_COPY, NULL));
	ASSERT_EQ(0, log_lab_copy(&self->lab, &to));
	ASSERT_EQ(0, mig_read(data_fd, &stream, MIG_CHUNK));
	close(data_fd);
	EXPECT_EQ(0, memcmp(to.vaddr, guest->ram.vaddr, to.size));

	vf = vf_open_mode(vf_bdf(2), variant->mode, &to);
	ASSERT_EQ(0, mig_load(vf_fd(vf), &stream));
	vf_bus_master(vf, true);
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING, NULL));
	vf_close(guest->vf);
	guest->vf = vf;
	/* The guest finds the frames from before and after. */
	memcpy(guest->ram.vaddr, to.vaddr, to.size);
	ASSERT_TRUE(log_lab_receive(&self->lab, 5));
	memcpy(guest->ram.vaddr, to.vaddr, to.size);
	ring_guest_clean(guest);
	EXPECT_EQ(60, guest->frames);

	vf_close(guest->vf);
	guest->vf = NULL;
	guest_ram_free(&to);
	mig_buf_free(&stream);
}

int main(int argc, char **argv)
{
	log_lab_or_skip();
	return test_harness_run(argc, argv);
}
