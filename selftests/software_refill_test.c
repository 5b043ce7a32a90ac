// SPDX-License-Identifier: GPL-2.0-only
/*
 * Descriptors that the guest hands over while the function in software is in the middle of
 * frames for it: they are there for the next of them, as they are on hardware.
 */
#include <string.h>
#include <unistd.h>

#include <linux/bits.h>
#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "fault_area.h"
#include "ring_guest.h"
#include "software.h"

#define UUID		"82576000-0000-4000-8000-000000000006"
#define RAM		0x200000
#define SRRCTL_DROP_EN	BIT(31)
/* Handed over at first; the buffers of the last two are in one page. */
#define FIRST		4
#define FRAMES		12

static const u8 guest_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x2a };

FIXTURE(refill)
{
	struct software software;
	struct ring_guest guest;
};

FIXTURE_SETUP(refill)
{
	struct ring_guest *guest = &self->guest;

	ASSERT_EQ(0, software_create(&self->software, UUID));
	ring_guest_init(guest, RAM, guest_mac);
	ASSERT_EQ(0, ring_guest_up(guest, vf_open(UUID, &guest->ram)));
	ring_guest_setup(guest, &ring_shape_usual, true);
	/* As igbvf sets it: what finds no descriptor is not waited for. */
	vf_write(guest->vf, VF_SRRCTL(0), vf_read(guest->vf, VF_SRRCTL(0)) | SRRCTL_DROP_EN);
	ASSERT_EQ(FIRST, ring_guest_post(guest, FIRST));
}

FIXTURE_TEARDOWN(refill)
{
	vf_close(self->guest.vf);
	ring_guest_free(&self->guest);
	EXPECT_EQ(0, software_remove(&self->software));
}

TEST_F(refill, in_the_middle_of_a_round)
{
	struct ring_guest *guest = &self->guest;
	u8 *page = guest->bufs + (FIRST - 2) * ring_shape_usual.stride;
	struct ledger frames;
	u64 end;
	int fault;

	ASSERT_EQ(VF_PAGE_SIZE, 2 * ring_shape_usual.stride);
	ASSERT_EQ(0, (unsigned long)page % VF_PAGE_SIZE);
	fault = make_area_fault(page, VF_PAGE_SIZE);
	ASSERT_LE(0, fault);
	ledger_init(&frames, 1);
	ASSERT_TRUE(pf_send(&self->software.wire, &frames, guest->mac, FRAMES));
	ASSERT_EQ(0, area_wait(fault, NIC_TIMEOUT_MS)) {
		TH_LOG("the function does not wait in a fault");
	}
	/* One store, by which nobody is trapped. */
	ASSERT_EQ(FRAMES, ring_guest_fill(guest, FRAMES));
	vf_write(guest->vf, VF_RDT(0), guest->tail);
	ASSERT_EQ(0, area_answer(fault, page, VF_PAGE_SIZE));
	for (end = now_ns() + NIC_TIMEOUT_MS * 1000000ull; now_ns() < end; usleep(1000)) {
		ring_guest_clean(guest);
		if (guest->frames == FRAMES)
			break;
	}
	EXPECT_EQ(FRAMES, guest->frames);
	close(fault);
}

int main(int argc, char **argv)
{
	software_or_skip();
	userfaults_or_skip();
	return test_harness_run(argc, argv);
}
