// SPDX-License-Identifier: GPL-2.0-only
/*
 * VLANs of the guest, and whether the device takes their tags off, before and after a
 * migration.
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

#define VID		100
#define VID_NOT		101
#define VID_LAST	4094
#define VLANS		30
/* A tag with a priority and no VLAN: it passes where untagged frames do. */
#define PRIORITY	0x2000

FIXTURE(vlans)
{
	struct testnet net;
	struct mig_buf stream;
};

FIXTURE_SETUP(vlans)
{
	self->stream = (struct mig_buf){ 0 };
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

FIXTURE_TEARDOWN(vlans)
{
	testnet_close(&self->net);
	mig_buf_free(&self->stream);
}

/* Frames of VLAN or priority @tag, sent to the guest by the PF. */
static bool tagged(struct testnet *net, u16 tag, enum fate want)
{
	return probe_pf(&net->pf, &net->guest, net->guest.mac, tag, want);
}

TEST_F(vlans, T11_one_vlan_less)
{
	struct testnet *net = &self->net;
	const u8 *filters;

	EXPECT_TRUE(tagged(net, VID, DROPPED));
	ASSERT_EQ(0, vf_set_vlan(self->net.guest.vf, VID, true));
	ASSERT_EQ(0, vf_set_vlan(self->net.guest.vf, VID_LAST, true));
	ASSERT_TRUE(tagged(net, VID, STRIPPED));
	EXPECT_TRUE(tagged(net, VID_NOT, DROPPED));

	filters = filters_move(net, &self->stream, 2);
	ASSERT_NE(NULL, filters);
	EXPECT_EQ(MAC_VALID | VLAN_STRIP, filters_flags(filters));
	EXPECT_TRUE(filters_have_vlan(filters, VID));
	EXPECT_TRUE(filters_have_vlan(filters, VID_LAST));
	EXPECT_EQ(2, filters_vlans(filters));
	EXPECT_TRUE(tagged(net, VID, STRIPPED));
	EXPECT_TRUE(tagged(net, VID_LAST, STRIPPED));
	EXPECT_TRUE(tagged(net, VID_NOT, DROPPED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));

	ASSERT_EQ(0, vf_set_vlan(net->guest.vf, VID, false));
	filters = filters_move(net, &self->stream, 3);
	ASSERT_NE(NULL, filters);
	EXPECT_FALSE(filters_have_vlan(filters, VID));
	EXPECT_EQ(1, filters_vlans(filters));
	EXPECT_TRUE(tagged(net, VID, DROPPED));
	EXPECT_TRUE(tagged(net, VID_LAST, STRIPPED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* As many as there is room for beside VLAN 0, in a table that all VFs share. */
TEST_F(vlans, T11_30_vlans)
{
	struct testnet *net = &self->net;
	const u8 *filters;
	unsigned int i;

	for (i = 0; i < VLANS; i++)
		ASSERT_EQ(0, vf_set_vlan(self->net.guest.vf, VID + 131 * i, true));
	filters = filters_move(net, &self->stream, 2);
	ASSERT_NE(NULL, filters);
	EXPECT_EQ(VLANS, filters_vlans(filters));
	filters = filters_move(net, &self->stream, 0);
	ASSERT_NE(NULL, filters);
	EXPECT_EQ(VLANS, filters_vlans(filters));
	for (i = 0; i < VLANS; i++)
		EXPECT_TRUE(tagged(net, VID + 131 * i, STRIPPED));
	EXPECT_TRUE(tagged(net, VID_NOT, DROPPED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* Whether tags are stripped follows the last message, whichever VLAN it was about. */
FIXTURE(vlan_set)
{
	struct testnet net;
	struct mig_buf stream;
};

struct step {
	u16 vid;
	bool add;
};

FIXTURE_VARIANT(vlan_set)
{
	struct step steps[2];
	unsigned int count;
	unsigned int vlans;
	enum fate vlan_5;
	enum fate priority;
};

FIXTURE_VARIANT_ADD(vlan_set, only_0)
{
	.steps = { { 0, true } }, .count = 1,
	.vlans = 0, .vlan_5 = DROPPED, .priority = TAGGED,
};

FIXTURE_VARIANT_ADD(vlan_set, only_5)
{
	.steps = { { 5, true } }, .count = 1,
	.vlans = 1, .vlan_5 = STRIPPED, .priority = STRIPPED,
};

/* As igbvf does it. */
FIXTURE_VARIANT_ADD(vlan_set, 0_and_5)
{
	.steps = { { 0, true }, { 5, true } }, .count = 2,
	.vlans = 1, .vlan_5 = STRIPPED, .priority = STRIPPED,
};

FIXTURE_VARIANT_ADD(vlan_set, 5_and_0)
{
	.steps = { { 5, true }, { 0, true } }, .count = 2,
	.vlans = 1, .vlan_5 = TAGGED, .priority = TAGGED,
};

FIXTURE_VARIANT_ADD(vlan_set, 5_and_no_more)
{
	.steps = { { 5, true }, { 5, false } }, .count = 2,
	.vlans = 0, .vlan_5 = DROPPED, .priority = STRIPPED,
};

FIXTURE_SETUP(vlan_set)
{
	self->stream = (struct mig_buf){ 0 };
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

FIXTURE_TEARDOWN(vlan_set)
{
	testnet_close(&self->net);
	mig_buf_free(&self->stream);
}

TEST_F(vlan_set, T11_order_decides)
{
	static const unsigned int hops[] = { 2, 3, 0 };
	u32 strip = variant->priority == STRIPPED ? VLAN_STRIP : 0;
	struct testnet *net = &self->net;
	const u8 *filters;
	unsigned int i;

	for (i = 0; i < variant->count; i++)
		ASSERT_EQ(0, vf_set_vlan(net->guest.vf, variant->steps[i].vid,
					 variant->steps[i].add));
	EXPECT_TRUE(tagged(net, 5, variant->vlan_5));
	EXPECT_TRUE(tagged(net, PRIORITY, variant->priority));
	for (i = 0; i < ARRAY_SIZE(hops); i++) {
		filters = filters_move(net, &self->stream, hops[i]);
		ASSERT_NE(NULL, filters);
		EXPECT_EQ(MAC_VALID | strip, filters_flags(filters));
		EXPECT_EQ(variant->vlans, filters_vlans(filters));
		EXPECT_FALSE(filters_have_vlan(filters, 0));
		EXPECT_TRUE(tagged(net, 5, variant->vlan_5));
		EXPECT_TRUE(tagged(net, PRIORITY, variant->priority));
		EXPECT_TRUE(tagged(net, VID, DROPPED));
		ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
	}
}

TEST_HARNESS_MAIN
