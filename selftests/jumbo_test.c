// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames that are longer than 1518 bytes: the guest has asked the PF for them, gets
 * them in several buffers each, and does so at the destination.
 */
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "filters.h"
#include "probe.h"
#include "testnet.h"
#include "vf_request.h"

/* What igbvf asks for: the MTU, the header, a tag and the check sum. */
#define JUMBO_FRAME	(9000 + 14 + 4 + 4)
#define PLAIN_FRAME	(1500 + 14 + 4 + 4)
#define FCS		4
#define BURST		5
#define STREAM		90

FIXTURE(jumbo)
{
	struct testnet net;
	struct mig_buf stream;
};

FIXTURE_VARIANT(jumbo)
{
	bool split;
};

/* How igbvf receives at an MTU of 1500, and at larger ones. */
FIXTURE_VARIANT_ADD(jumbo, one_buffer) { .split = false };
FIXTURE_VARIANT_ADD(jumbo, split_headers) { .split = true };

FIXTURE_SETUP(jumbo)
{
	struct nic *guest = &self->net.guest;

	self->stream = (struct mig_buf){ 0 };
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_EQ(0, vf_set_max_frame(self->net.peer.vf, JUMBO_FRAME));
	if (variant->split) {
		/* A change of the MTU is a new start of the driver. */
		guest->split = true;
		ASSERT_EQ(0, nic_up(guest, guest->vf));
	}
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

FIXTURE_TEARDOWN(jumbo)
{
	testnet_close(&self->net);
	mig_buf_free(&self->stream);
}

static bool length(struct testnet *net, size_t len, enum fate want)
{
	return probe_length(&net->peer, &net->guest, len, want);
}

/* The guest on VF @to; does its stream say that frames have @max_frame bytes at most? */
static bool moves(struct testnet *net, struct mig_buf *stream, unsigned int to, u32 max_frame)
{
	const u8 *filters = filters_move(net, stream, to);

	return filters && !(filters_flags(filters) & MAX_FRAME_VALID) == !max_frame &&
	       filters_max_frame(filters) == max_frame;
}

TEST_F(jumbo, T13_larger_frames)
{
	struct testnet *net = &self->net;

	EXPECT_TRUE(length(net, FRAME_MAX, UNTAGGED));
	EXPECT_TRUE(length(net, PLAIN_FRAME, DROPPED));
	EXPECT_TRUE(length(net, FRAME_JUMBO_MAX, DROPPED));
	ASSERT_TRUE(moves(net, &self->stream, 2, 0));
	EXPECT_TRUE(length(net, PLAIN_FRAME, DROPPED));

	ASSERT_EQ(0, vf_set_max_frame(net->guest.vf, JUMBO_FRAME));
	EXPECT_TRUE(length(net, PLAIN_FRAME, UNTAGGED));
	EXPECT_TRUE(length(net, FRAME_JUMBO_MAX, UNTAGGED));
	ASSERT_TRUE(moves(net, &self->stream, 3, JUMBO_FRAME));
	EXPECT_TRUE(length(net, PLAIN_FRAME, UNTAGGED));
	EXPECT_TRUE(length(net, FRAME_JUMBO_MAX, UNTAGGED));
	/* The limit itself has come along, and not something above it. */
	EXPECT_TRUE(length(net, JUMBO_FRAME - FCS, UNTAGGED));
	EXPECT_TRUE(length(net, JUMBO_FRAME - FCS + 1, DROPPED));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));

	/* And back. */
	ASSERT_EQ(0, vf_set_max_frame(net->guest.vf, PLAIN_FRAME));
	EXPECT_TRUE(length(net, PLAIN_FRAME, DROPPED));
	ASSERT_TRUE(moves(net, &self->stream, 0, PLAIN_FRAME));
	EXPECT_TRUE(length(net, FRAME_MAX, UNTAGGED));
	EXPECT_TRUE(length(net, PLAIN_FRAME, DROPPED));
	EXPECT_TRUE(length(net, FRAME_JUMBO_MAX, DROPPED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* More than the PF can do is as much as it can do. */
TEST_F(jumbo, T13_limit_of_the_device)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, vf_set_max_frame(net->guest.vf, 100000));
	ASSERT_TRUE(moves(net, &self->stream, 2, 0x2600));
	EXPECT_TRUE(length(net, 0x2600 - FCS, UNTAGGED));
	ASSERT_TRUE(moves(net, &self->stream, 0, 0x2600));
	EXPECT_TRUE(length(net, 0x2600 - FCS, UNTAGGED));
}

/* Both ways: frames that wait in the ring, over several of its slots, are moved too. */
TEST_F(jumbo, T13_migrated_under_load)
{
	struct testnet *net = &self->net;
	struct ledger to, from, *at_guest[] = { &to }, *at_peer[] = { &from };
	unsigned int i;

	ASSERT_EQ(0, vf_set_max_frame(net->guest.vf, JUMBO_FRAME));
	ledger_init_lengths(&to, STREAM, PLAIN_FRAME, FRAME_JUMBO_MAX);
	ledger_init_lengths(&from, STREAM + 1, PLAIN_FRAME, FRAME_JUMBO_MAX);
	for (i = 0; i < 6; i++) {
		ASSERT_TRUE(nic_send(&net->peer, 0, &to, net->guest.mac, BURST));
		ASSERT_TRUE(nic_send(&net->guest, 0, &from, net->peer.mac, BURST));
		testnet_settle(net);
		ASSERT_EQ(0, testnet_migrate(net, i & 1 ? 0 : 2, false));
		ASSERT_TRUE(nic_send(&net->guest, 0, &from, net->peer.mac, BURST));
		ASSERT_TRUE(nic_send(&net->peer, 0, &to, net->guest.mac, BURST));
		ASSERT_TRUE(nic_collect(&net->peer, at_peer, 1, NIC_TIMEOUT_MS));
		ASSERT_TRUE(nic_collect(&net->guest, at_guest, 1, NIC_TIMEOUT_MS));
	}
	EXPECT_TRUE(ledger_complete(&to));
	EXPECT_TRUE(ledger_complete(&from));
	ledger_print(&to, "large frames to the guest");
	ledger_print(&from, "large frames from the guest");
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

TEST_HARNESS_MAIN
