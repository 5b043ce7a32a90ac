// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest has agreed on with the PF of the source is agreed on with that of
 * the destination: multicast, all multicast, all of it at once; and what that costs.
 */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "counters.h"
#include "filters.h"
#include "monitor.h"
#include "probe.h"
#include "testnet.h"
#include "vf_request.h"

#define VID		100
#define VID_NOT		101

#define IN_MAILBOX(_field)	offsetof(struct vmf_igbvf_82576_mailbox, _field)

static const u8 group[MAC_LEN] = { 0x01, 0x00, 0x5e, 0x12, 0x34, 0x56 };
static const u8 other_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x01, 0x0a };

FIXTURE(filters)
{
	struct testnet net;
	struct mig_buf stream;
	struct vf *vf;
};

FIXTURE_SETUP(filters)
{
	self->stream = (struct mig_buf){ 0 };
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
	self->vf = self->net.guest.vf;
}

FIXTURE_TEARDOWN(filters)
{
	testnet_close(&self->net);
	mig_buf_free(&self->stream);
}

/* Frames of VLAN or priority @tag, sent to the guest by the PF. */
static bool tagged(struct testnet *net, u16 tag, enum fate want)
{
	return probe_pf(&net->pf, &net->guest, net->guest.mac, tag, want);
}

static bool multicast(struct testnet *net, enum fate want)
{
	return probe_pf(&net->pf, &net->guest, group, 0, want);
}

/* Does the PF let all multicast pass to VF number @vf? QEMU's model has no frames for that. */
static bool passes_all(unsigned int vf)
{
	return monitor_pf_register(PF_VMOLR(vf)) & PF_VMOLR_ALL_MULTI;
}

TEST_F(filters, T11_no_vlan_T12_no_multicast)
{
	const u8 *filters = filters_move(&self->net, &self->stream, 2);

	ASSERT_NE(NULL, filters);
	EXPECT_EQ(MAC_VALID, filters_flags(filters));
	EXPECT_EQ(0, filters_multicast(filters));
	EXPECT_EQ(0, filters_max_frame(filters));
	EXPECT_EQ(0, filters_vlans(filters));
	EXPECT_TRUE(tagged(&self->net, VID, DROPPED));
	EXPECT_TRUE(multicast(&self->net, DROPPED));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

TEST_F(filters, T12_multicast)
{
	const u16 hashes[] = { 0x123, vf_multicast_hash(group), 0xfff };
	struct testnet *net = &self->net;
	const u8 *filters;

	EXPECT_TRUE(multicast(net, DROPPED));
	ASSERT_EQ(0, vf_set_multicast(self->vf, hashes, ARRAY_SIZE(hashes)));
	ASSERT_TRUE(multicast(net, UNTAGGED));

	filters = filters_move(net, &self->stream, 2);
	ASSERT_NE(NULL, filters);
	EXPECT_EQ(3, filters_multicast(filters));
	EXPECT_EQ(0, memcmp(filters + IN_FILTERS(multicast), hashes, sizeof(hashes)));
	EXPECT_EQ(0, vmf_get16(filters, IN_FILTERS(multicast) + sizeof(hashes)));
	EXPECT_TRUE(multicast(net, UNTAGGED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));

	/* One only, and then none any more, here and further on. */
	ASSERT_EQ(0, vf_set_multicast(net->guest.vf, &hashes[1], 1));
	filters = filters_move(net, &self->stream, 3);
	ASSERT_NE(NULL, filters);
	EXPECT_EQ(1, filters_multicast(filters));
	EXPECT_TRUE(multicast(net, UNTAGGED));
	ASSERT_EQ(0, vf_set_multicast(net->guest.vf, hashes, 0));
	EXPECT_TRUE(multicast(net, DROPPED));
	filters = filters_move(net, &self->stream, 2);
	ASSERT_NE(NULL, filters);
	EXPECT_EQ(0, filters_multicast(filters));
	EXPECT_TRUE(multicast(net, DROPPED));
}

/*
 * The longest list; of a longer one the PF is told the number only, and lets all
 * multicast pass. QEMU's model does not act upon that.
 */
TEST_F(filters, T12_30_31_and_255_multicast_addresses)
{
	static const unsigned int longer[] = { 31, 255 };
	struct testnet *net = &self->net;
	const u8 *filters;
	unsigned int i;
	u16 hashes[30];

	for (i = 0; i < ARRAY_SIZE(hashes); i++)
		hashes[i] = 0x100 + 7 * i;
	hashes[29] = vf_multicast_hash(group);
	ASSERT_EQ(0, vf_set_multicast(self->vf, hashes, 30));
	ASSERT_TRUE(multicast(net, UNTAGGED));
	filters = filters_move(net, &self->stream, 2);
	ASSERT_NE(NULL, filters);
	EXPECT_EQ(30, filters_multicast(filters));
	EXPECT_EQ(0, memcmp(filters + IN_FILTERS(multicast), hashes, sizeof(hashes)));
	EXPECT_TRUE(multicast(net, UNTAGGED));
	EXPECT_FALSE(passes_all(2));

	for (i = 0; i < ARRAY_SIZE(longer); i++) {
		ASSERT_EQ(0, vf_set_multicast(net->guest.vf, hashes, longer[i]));
		filters = filters_move(net, &self->stream, 3);
		ASSERT_NE(NULL, filters);
		EXPECT_EQ(longer[i], filters_multicast(filters));
		EXPECT_TRUE(passes_all(3));
		filters = filters_move(net, &self->stream, 0);
		ASSERT_NE(NULL, filters);
		EXPECT_EQ(longer[i], filters_multicast(filters));
		EXPECT_TRUE(passes_all(0));
		EXPECT_FALSE(passes_all(3));
	}
}

TEST_F(filters, T12_all_multicast)
{
	struct testnet *net = &self->net;
	const u8 *filters;
	unsigned int i;

	ASSERT_EQ(0, vf_set_multi_promisc(self->vf, true));
	EXPECT_TRUE(passes_all(0));
	for (i = 2; i < 4; i++) {
		filters = filters_move(net, &self->stream, i);
		ASSERT_NE(NULL, filters);
		EXPECT_EQ(MAC_VALID | MULTI_PROMISC, filters_flags(filters));
		EXPECT_TRUE(passes_all(i));
		ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
	}
	EXPECT_FALSE(passes_all(2));
	ASSERT_EQ(0, vf_set_multi_promisc(net->guest.vf, false));
	filters = filters_move(net, &self->stream, 0);
	ASSERT_NE(NULL, filters);
	EXPECT_EQ(MAC_VALID, filters_flags(filters));
	EXPECT_FALSE(passes_all(0));
}

/*
 * The source's PF has not answered: the destination's does, and what it agrees to
 * counts. What is in the buffer meanwhile is none of that.
 */
TEST_F(filters, request_on_the_way)
{
	struct testnet *net = &self->net;
	struct mig_buf again = { 0 };
	struct vmf_section s;
	const u8 *filters;
	struct vf *vf;
	u32 seen = 0;
	u64 end;

	ASSERT_EQ(0, mig_save(vf_fd(self->vf), &self->stream));
	s = edit_section(&self->stream, VMF_MAILBOX, 0);
	vmf_put32(self->stream.data, s.payload + IN_MAILBOX(request),
		  VF_MSG_SET_VLAN | 1 << VF_MSG_INFO_SHIFT);
	vmf_put32(self->stream.data, s.payload + IN_MAILBOX(request) + 4, VID);
	self->stream.data[s.payload + IN_MAILBOX(flags)] |=
		VMF_IGBVF_82576_MAILBOX_REQUEST_PENDING;
	edit_fixup(&self->stream);

	vf = testnet_land(net, 2, &self->stream);
	ASSERT_NE(NULL, vf);
	ASSERT_EQ(0, mig_save(vf_fd(vf), &again));
	EXPECT_TRUE(mig_buf_equal(&self->stream, &again));
	mig_buf_free(&again);
	ASSERT_EQ(0, testnet_depart(net, vf));
	for (end = now_ns() + NIC_TIMEOUT_MS * 1000000ull; now_ns() < end; usleep(1000)) {
		seen |= vf_read(vf, VF_MAILBOX);
		if (seen & VF_MBX_PFSTS)
			break;
	}
	EXPECT_TRUE(seen & VF_MBX_PFSTS);
	EXPECT_EQ(VF_MSG_ACK | VF_MSG_CTS | VF_MSG_SET_VLAN | 1 << VF_MSG_INFO_SHIFT,
		  vf_read(vf, VF_MBMEM(0)));
	EXPECT_TRUE(tagged(net, VID, STRIPPED));
	filters = filters_move(net, &self->stream, 3);
	ASSERT_NE(NULL, filters);
	EXPECT_TRUE(filters_have_vlan(filters, VID));
	EXPECT_TRUE(tagged(net, VID, STRIPPED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/*
 * A reply has put the guest's address into words 1 and 2, and the guest writes only
 * word 0 for its next message: what is sent is what is in the buffer.
 */
static void expect_reset(struct __test_metadata *_metadata, struct testnet *net)
{
	u32 msg[3] = { VF_MSG_RESET };

	/* Without CTRL.RST the PF still has the address. */
	ASSERT_EQ(0, nic_mailbox(net->guest.vf, msg, 1, 3));
	ASSERT_EQ(VF_MSG_RESET | VF_MSG_ACK, msg[0]);
	ASSERT_EQ(0, memcmp(&msg[1], net->guest.mac, MAC_LEN));
}

TEST_F(filters, T10_address_left_by_a_reply)
{
	struct testnet *net = &self->net;
	u32 msg = VF_MSG_SET_MAC;

	/* Something else than an address is what the guest has written last. */
	ASSERT_EQ(0, vf_set_vlan(self->vf, VID, true));
	expect_reset(_metadata, net);
	ASSERT_EQ(0, nic_mailbox(self->vf, &msg, 1, 1));
	ASSERT_EQ(VF_MSG_SET_MAC | VF_MSG_ACK | VF_MSG_CTS, msg);
	/* It has the address of the guest. */
	EXPECT_NE(NULL, filters_move(net, &self->stream, 2));
	EXPECT_TRUE(probe_both(net, net->guest.mac, UNTAGGED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

TEST_F(filters, T11_vlan_left_by_a_reply)
{
	u32 msg = VF_MSG_SET_VLAN | 1 << VF_MSG_INFO_SHIFT, vid;
	struct testnet *net = &self->net;
	const u8 *filters;

	memcpy(&vid, net->guest.mac, sizeof(vid));
	vid &= 0xfff;
	ASSERT_NE(VID, vid);
	ASSERT_EQ(0, vf_set_vlan(self->vf, VID, true));
	ASSERT_EQ(0, vf_set_vlan(self->vf, VID, false));
	expect_reset(_metadata, net);
	ASSERT_EQ(0, nic_mailbox(self->vf, &msg, 1, 1));
	ASSERT_EQ(VF_MSG_SET_VLAN | 1 << VF_MSG_INFO_SHIFT | VF_MSG_ACK | VF_MSG_CTS, msg);
	ASSERT_TRUE(tagged(net, vid, STRIPPED));

	filters = filters_move(net, &self->stream, 2);
	ASSERT_NE(NULL, filters);
	EXPECT_TRUE(filters_have_vlan(filters, vid));
	EXPECT_EQ(1, filters_vlans(filters));
	EXPECT_TRUE(tagged(net, vid, STRIPPED));
	EXPECT_TRUE(tagged(net, VID, DROPPED));
}

TEST_F(filters, T12_all_of_them)
{
	const u16 hash = vf_multicast_hash(group);
	struct testnet *net = &self->net;
	unsigned int i;

	ASSERT_EQ(0, vf_set_vlan(self->vf, VID, true));
	ASSERT_EQ(0, vf_set_multicast(self->vf, &hash, 1));
	ASSERT_EQ(0, vf_set_max_frame(self->vf, 9018));
	ASSERT_EQ(0, vf_add_unicast(self->vf, other_mac));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, testnet_migrate(net, i ? 0 : 2, true));
		EXPECT_TRUE(tagged(net, VID, STRIPPED));
		EXPECT_TRUE(tagged(net, VID_NOT, DROPPED));
		EXPECT_TRUE(multicast(net, UNTAGGED));
		EXPECT_TRUE(probe_pf(&net->pf, &net->guest, other_mac, 0, UNTAGGED));
		EXPECT_TRUE(probe_length(&net->peer, &net->guest, FRAME_JUMBO_MAX, UNTAGGED));
	}
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
}

/* The guest does not run while the PF is told all of this. */
TEST_F(filters, T12_price_of_a_replay)
{
	const u16 hashes[] = { 0x123, vf_multicast_hash(group), 0xfff };
	struct testnet *net = &self->net;
	const char *bdf = vf_bdf(2);
	long long before, after;
	struct vf *vf;

	ASSERT_EQ(0, vf_set_vlan(self->vf, VID, true));
	ASSERT_EQ(0, vf_set_multicast(self->vf, hashes, ARRAY_SIZE(hashes)));
	ASSERT_EQ(0, vf_set_max_frame(self->vf, 9018));
	ASSERT_EQ(0, mig_save(vf_fd(self->vf), &self->stream));

	vf = vf_open(bdf, &net->guest.ram);
	before = counter_read(bdf, "mailbox_messages");
	EXPECT_LE(0, before);
	ASSERT_EQ(0, mig_load(vf_fd(vf), &self->stream));
	after = counter_read(bdf, "mailbox_messages");
	TH_LOG("%lld messages, %lld repeats so far", after - before,
	       counter_read(bdf, "mailbox_repeats"));
	/* VF_RESET, address, frame size, VLAN, multicast are the least. */
	EXPECT_LE(5, after - before);
	EXPECT_GE(8, after - before);
	ASSERT_EQ(0, testnet_depart(net, vf));
	EXPECT_TRUE(tagged(net, VID, STRIPPED));
	EXPECT_TRUE(multicast(net, UNTAGGED));
}

TEST_HARNESS_MAIN
