// SPDX-License-Identifier: GPL-2.0-only
/*
 * Further unicast addresses of the guest: they move along, and leave nothing behind in
 * the table of the PF, which all VFs share.
 */
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "probe.h"
#include "testnet.h"
#include "vf_request.h"
#include "vmf_descriptor.h"
#include "vmf_stream.h"

#define ADDRESSES	3
/* Time for the PF to notice a reset. */
#define RESET_NOTICE_US	50000

static const u8 other_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x01, 0x0a };
static const u8 third_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x02, 0x0a };

FIXTURE(unicast)
{
	struct testnet net;
	struct mig_buf stream;
};

FIXTURE_SETUP(unicast)
{
	self->stream = (struct mig_buf){ 0 };
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

FIXTURE_TEARDOWN(unicast)
{
	testnet_close(&self->net);
	mig_buf_free(&self->stream);
}

TEST_F(unicast, T12_addresses_move_along)
{
	struct testnet *net = &self->net;
	struct vmf_section s;
	struct vf *vf;
	const u8 *at;
	u16 flags;

	EXPECT_TRUE(probe_both(net, other_mac, DROPPED));
	ASSERT_EQ(0, vf_add_unicast(net->guest.vf, other_mac));
	ASSERT_EQ(0, vf_add_unicast(net->guest.vf, third_mac));
	ASSERT_TRUE(probe_both(net, other_mac, UNTAGGED));

	vf = testnet_arrive(net, 2, true, &self->stream);
	ASSERT_NE(NULL, vf);
	EXPECT_EQ(VMF_FEATURE_UNICAST, vmf_required(self->stream.data, self->stream.len));
	ASSERT_TRUE(vmf_announces(self->stream.data, self->stream.len, VMF_UNICAST, &flags));
	EXPECT_EQ(VMF_CRITICAL, flags);
	ASSERT_TRUE(vmf_lookup(self->stream.data, self->stream.len, VMF_UNICAST, 0, &s));
	at = self->stream.data + s.payload;
	EXPECT_EQ(2, vmf_get32(at, 0));
	EXPECT_EQ(0, memcmp(at + 8, other_mac, MAC_LEN));
	EXPECT_EQ(0, memcmp(at + 8 + MAC_LEN, third_mac, MAC_LEN));

	ASSERT_EQ(0, testnet_depart(net, vf));
	EXPECT_TRUE(probe_both(net, other_mac, UNTAGGED));
	EXPECT_TRUE(probe_both(net, third_mac, UNTAGGED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));

	/* On, and then out of use: neither filter nor feature are left. */
	ASSERT_EQ(0, testnet_migrate(net, 3, false));
	EXPECT_TRUE(probe_both(net, third_mac, UNTAGGED));
	ASSERT_EQ(0, vf_clear_unicast(net->guest.vf, other_mac));
	EXPECT_TRUE(probe_both(net, other_mac, DROPPED));
	vf = testnet_arrive(net, 0, false, &self->stream);
	ASSERT_NE(NULL, vf);
	EXPECT_EQ(0, vmf_required(self->stream.data, self->stream.len));
	EXPECT_FALSE(vmf_lookup(self->stream.data, self->stream.len, VMF_UNICAST, 0, &s));
	ASSERT_EQ(0, testnet_depart(net, vf));
	EXPECT_TRUE(probe_both(net, other_mac, DROPPED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* The table of the PF is one for all: what guests leave there is missing for ever. */
TEST_F(unicast, T12_filters_go_with_the_guest)
{
	struct testnet *net = &self->net;
	unsigned int before, i;
	struct vf *vf;

	before = vf_unicast_room(net->peer.vf);
	TH_LOG("room for %u addresses", before);
	ASSERT_LT(3, before);
	ASSERT_EQ(0, vf_add_unicast(net->guest.vf, other_mac));
	EXPECT_EQ(before - 1, vf_unicast_room(net->peer.vf));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, testnet_migrate(net, i & 1 ? 0 : 2, false));
		EXPECT_EQ(before - 1, vf_unicast_room(net->peer.vf)) {
			TH_LOG("after migration %u", i);
		}
	}
	for (i = 0; i < 2; i++) {
		vf = vf_open(vf_bdf(3), NULL);
		ASSERT_EQ(0, vf_join(vf, third_mac));
		ASSERT_EQ(0, vf_add_unicast(vf, other_mac));
		EXPECT_EQ(before - 2, vf_unicast_room(net->peer.vf));
		if (i)
			vf_reset(vf);
		vf_close(vf);
		EXPECT_EQ(before - 1, vf_unicast_room(net->peer.vf)) {
			TH_LOG("after %sclose", i ? "reset and " : "");
		}
	}
}

/* As often as would fill the table if a migration left something in it. */
TEST_F_TIMEOUT(unicast, T12_zero_to_three_addresses, 60)
{
	static const unsigned int hops[ADDRESSES + 1] = { 2, 2, 2, 10 };
	struct testnet *net = &self->net;
	unsigned int n, i, before;
	u8 mac[MAC_LEN];

	memcpy(mac, other_mac, MAC_LEN);
	before = vf_unicast_room(net->peer.vf);
	ASSERT_LT(ADDRESSES, before);
	ASSERT_LT(before, ADDRESSES * hops[ADDRESSES]);
	for (n = 0; n <= ADDRESSES; n++) {
		if (n) {
			mac[4] = n;
			ASSERT_EQ(0, vf_add_unicast(net->guest.vf, mac));
		}
		for (i = 0; i < hops[n]; i++)
			ASSERT_EQ(0, testnet_migrate(net, net->guest.vf->bdf == vf_bdf(0) ? 2 : 0,
						     i & 1));
		EXPECT_EQ(before - n, vf_unicast_room(net->peer.vf));
		for (i = 1; i <= ADDRESSES; i++) {
			mac[4] = i;
			EXPECT_TRUE(probe_both(net, mac, i <= n ? UNTAGGED : DROPPED));
		}
	}
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/*
 * Reset by its driver, the guest is stopped before that has told the PF who it is. The
 * PF keeps addresses and frame size over a reset, and so has a migration to do.
 */
TEST_F(unicast, T12_T13_between_reset_and_VF_RESET)
{
	struct testnet *net = &self->net;
	unsigned int i;

	ASSERT_EQ(0, vf_add_unicast(net->guest.vf, other_mac));
	ASSERT_EQ(0, vf_set_max_frame(net->guest.vf, 9022));
	for (i = 0; i < 3; i++) {
		vf_write(net->guest.vf, VF_CTRL, VF_CTRL_RST);
		usleep(RESET_NOTICE_US);
		/* First without a migration: this is what the device does. */
		if (i)
			ASSERT_EQ(0, testnet_migrate(net, i == 1 ? 2 : 0, false));
		EXPECT_TRUE(probe_both(net, net->guest.mac, DROPPED));
		EXPECT_TRUE(probe_both(net, other_mac, DROPPED));
		ASSERT_EQ(0, nic_up(&net->guest, net->guest.vf));
		EXPECT_TRUE(probe_both(net, net->guest.mac, UNTAGGED));
		EXPECT_TRUE(probe_both(net, other_mac, UNTAGGED));
		EXPECT_TRUE(probe_length(&net->peer, &net->guest, FRAME_JUMBO_MAX, UNTAGGED));
	}
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

TEST_HARNESS_MAIN
