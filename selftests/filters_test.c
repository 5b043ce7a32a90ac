// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the guest has agreed on with the PF of the source is agreed on with that of
 * the destination: VLANs, multicast, frame size, all multicast.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "stream_edit.h"
#include "testnet.h"
#include "vf_request.h"

#define FRAMES		5
#define QUIET_MS	200
#define VID		100
#define VID_NOT		101
#define VID_LAST	4094

#define IN_MAILBOX(_field)	offsetof(struct vmf_igbvf_82576_mailbox, _field)
#define IN_FILTERS(_field)	offsetof(struct vmf_igbvf_82576_filters, _field)
#define MAC_VALID		VMF_IGBVF_82576_FILTERS_MAC_VALID
#define VLAN_STRIP		VMF_IGBVF_82576_FILTERS_VLAN_STRIP
#define MULTI_PROMISC		VMF_IGBVF_82576_FILTERS_MULTI_PROMISC
#define MAX_FRAME_VALID		VMF_IGBVF_82576_FILTERS_MAX_FRAME_VALID

static const u8 group[MAC_LEN] = { 0x01, 0x00, 0x5e, 0x12, 0x34, 0x56 };

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

/* Do frames to @dst arrive at the guest, with a tag that is stripped if @vid is not 0? */
static bool arrives(struct testnet *net, const u8 *dst, u16 vid, int timeout_ms)
{
	struct ledger ledger, *list[] = { &ledger };
	bool sent;

	ledger_init(&ledger, 103);
	if (vid)
		sent = pf_send_tagged(&net->pf, &ledger, dst, vid, FRAMES);
	else
		sent = pf_send(&net->pf, &ledger, dst, FRAMES);
	return sent && nic_collect(&net->guest, list, 1, timeout_ms) && ledger_complete(&ledger);
}

static bool tagged(struct testnet *net, u16 vid, int timeout_ms)
{
	return arrives(net, net->guest.mac, vid, timeout_ms);
}

/* The guest on another VF, and what its stream says of the filters. */
static const u8 *move(struct __test_metadata *_metadata, struct testnet *net,
		      struct mig_buf *stream, unsigned int to)
{
	struct vmf_section s;
	struct vf *vf;

	vf = testnet_arrive(net, to, false, stream);
	ASSERT_NE(NULL, vf);
	ASSERT_EQ(0, testnet_depart(net, vf));
	ASSERT_TRUE(vmf_lookup(stream->data, stream->len, VMF_FILTERS, 0, &s));
	EXPECT_EQ(sizeof(struct vmf_igbvf_82576_filters), s.len);
	EXPECT_EQ(0, memcmp(stream->data + s.payload + IN_FILTERS(mac), net->guest.mac, MAC_LEN));
	return stream->data + s.payload;
}

static bool has_vlan(const u8 *filters, u16 vid)
{
	return filters[IN_FILTERS(vlans) + vid / 8] & 1 << vid % 8;
}

static unsigned int count_vlans(const u8 *filters)
{
	unsigned int vid, n = 0;

	for (vid = 0; vid < 4096; vid++)
		n += has_vlan(filters, vid);
	return n;
}

TEST_F(filters, nothing_but_the_address)
{
	const u8 *filters = move(_metadata, &self->net, &self->stream, 2);

	EXPECT_EQ(MAC_VALID, vmf_get32(filters, IN_FILTERS(flags)));
	EXPECT_EQ(0, vmf_get16(filters, IN_FILTERS(multicast_count)));
	EXPECT_EQ(0, vmf_get32(filters, IN_FILTERS(max_frame)));
	EXPECT_EQ(0, count_vlans(filters));
	EXPECT_FALSE(tagged(&self->net, VID, QUIET_MS));
	EXPECT_FALSE(arrives(&self->net, group, 0, QUIET_MS));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

TEST_F(filters, vlans)
{
	struct testnet *net = &self->net;
	const u8 *filters;

	EXPECT_FALSE(tagged(net, VID, QUIET_MS));
	ASSERT_EQ(0, vf_set_vlan(self->vf, VID, true));
	ASSERT_EQ(0, vf_set_vlan(self->vf, VID_LAST, true));
	ASSERT_TRUE(tagged(net, VID, NIC_TIMEOUT_MS));
	EXPECT_FALSE(tagged(net, VID_NOT, QUIET_MS));

	filters = move(_metadata, net, &self->stream, 2);
	EXPECT_EQ(MAC_VALID | VLAN_STRIP, vmf_get32(filters, IN_FILTERS(flags)));
	EXPECT_TRUE(has_vlan(filters, VID));
	EXPECT_TRUE(has_vlan(filters, VID_LAST));
	EXPECT_EQ(2, count_vlans(filters));
	EXPECT_TRUE(tagged(net, VID, NIC_TIMEOUT_MS));
	EXPECT_TRUE(tagged(net, VID_LAST, NIC_TIMEOUT_MS));
	EXPECT_FALSE(tagged(net, VID_NOT, QUIET_MS));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));

	/* Further on, with one VLAN less. */
	ASSERT_EQ(0, vf_set_vlan(net->guest.vf, VID, false));
	filters = move(_metadata, net, &self->stream, 3);
	EXPECT_FALSE(has_vlan(filters, VID));
	EXPECT_EQ(1, count_vlans(filters));
	EXPECT_FALSE(tagged(net, VID, QUIET_MS));
	EXPECT_TRUE(tagged(net, VID_LAST, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* Frames of VLANs keep their tags after a message about VLAN 0, as igbvf sends it. */
TEST_F(filters, vlan_0_is_not_stripped)
{
	struct testnet *net = &self->net;
	const u8 *filters;

	ASSERT_EQ(0, vf_set_vlan(self->vf, VID, true));
	ASSERT_EQ(0, vf_set_vlan(self->vf, 0, true));
	/* It has a tag, and is not what was sent without. */
	EXPECT_FALSE(tagged(net, VID, QUIET_MS));
	filters = move(_metadata, net, &self->stream, 2);
	EXPECT_EQ(MAC_VALID, vmf_get32(filters, IN_FILTERS(flags)));
	EXPECT_TRUE(has_vlan(filters, VID));
	EXPECT_FALSE(has_vlan(filters, 0));
	EXPECT_FALSE(tagged(net, VID, QUIET_MS));

	/* Stripping without any VLAN. */
	ASSERT_EQ(0, vf_set_vlan(net->guest.vf, VID, false));
	filters = move(_metadata, net, &self->stream, 3);
	EXPECT_EQ(MAC_VALID | VLAN_STRIP, vmf_get32(filters, IN_FILTERS(flags)));
	EXPECT_EQ(0, count_vlans(filters));
	filters = move(_metadata, net, &self->stream, 0);
	EXPECT_EQ(MAC_VALID | VLAN_STRIP, vmf_get32(filters, IN_FILTERS(flags)));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

TEST_F(filters, multicast)
{
	const u16 hashes[] = { 0x123, vf_multicast_hash(group), 0xfff };
	struct testnet *net = &self->net;
	const u8 *filters;

	EXPECT_FALSE(arrives(net, group, 0, QUIET_MS));
	ASSERT_EQ(0, vf_set_multicast(self->vf, hashes, ARRAY_SIZE(hashes)));
	ASSERT_TRUE(arrives(net, group, 0, NIC_TIMEOUT_MS));

	filters = move(_metadata, net, &self->stream, 2);
	EXPECT_EQ(3, vmf_get16(filters, IN_FILTERS(multicast_count)));
	EXPECT_EQ(0, memcmp(filters + IN_FILTERS(multicast), hashes, sizeof(hashes)));
	EXPECT_EQ(0, vmf_get16(filters, IN_FILTERS(multicast) + sizeof(hashes)));
	EXPECT_TRUE(arrives(net, group, 0, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));

	/* None any more, here and further on. */
	ASSERT_EQ(0, vf_set_multicast(net->guest.vf, hashes, 0));
	EXPECT_FALSE(arrives(net, group, 0, QUIET_MS));
	filters = move(_metadata, net, &self->stream, 3);
	EXPECT_EQ(0, vmf_get16(filters, IN_FILTERS(multicast_count)));
	EXPECT_FALSE(arrives(net, group, 0, QUIET_MS));
}

/* The longest list; of a longer one the PF is told the number only. */
TEST_F(filters, long_multicast_lists)
{
	struct testnet *net = &self->net;
	const u8 *filters;
	unsigned int i;
	u16 hashes[30];

	for (i = 0; i < ARRAY_SIZE(hashes); i++)
		hashes[i] = 0x100 + 7 * i;
	hashes[29] = vf_multicast_hash(group);
	ASSERT_EQ(0, vf_set_multicast(self->vf, hashes, 30));
	filters = move(_metadata, net, &self->stream, 2);
	EXPECT_EQ(30, vmf_get16(filters, IN_FILTERS(multicast_count)));
	EXPECT_EQ(0, memcmp(filters + IN_FILTERS(multicast), hashes, sizeof(hashes)));
	EXPECT_TRUE(arrives(net, group, 0, NIC_TIMEOUT_MS));

	ASSERT_EQ(0, vf_set_multicast(net->guest.vf, hashes, 200));
	filters = move(_metadata, net, &self->stream, 3);
	EXPECT_EQ(200, vmf_get16(filters, IN_FILTERS(multicast_count)));
	filters = move(_metadata, net, &self->stream, 0);
	EXPECT_EQ(200, vmf_get16(filters, IN_FILTERS(multicast_count)));
}

/* What QEMU's model does not act upon is carried all the same, over two hops. */
TEST_F(filters, frame_size_and_all_multicast)
{
	struct testnet *net = &self->net;
	const u8 *filters;
	unsigned int i;

	ASSERT_EQ(0, vf_set_max_frame(self->vf, 9018));
	ASSERT_EQ(0, vf_set_multi_promisc(self->vf, true));
	for (i = 2; i < 4; i++) {
		filters = move(_metadata, net, &self->stream, i);
		EXPECT_EQ(9018, vmf_get32(filters, IN_FILTERS(max_frame)));
		EXPECT_EQ(MAC_VALID | MULTI_PROMISC | MAX_FRAME_VALID,
			  vmf_get32(filters, IN_FILTERS(flags)));
		ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
	}
	ASSERT_EQ(0, vf_set_max_frame(net->guest.vf, 100000));
	ASSERT_EQ(0, vf_set_multi_promisc(net->guest.vf, false));
	filters = move(_metadata, net, &self->stream, 0);
	EXPECT_EQ(0x2600, vmf_get32(filters, IN_FILTERS(max_frame)));
	EXPECT_EQ(MAC_VALID | MAX_FRAME_VALID, vmf_get32(filters, IN_FILTERS(flags)));
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
	EXPECT_TRUE(tagged(net, VID, NIC_TIMEOUT_MS));
	filters = move(_metadata, net, &self->stream, 3);
	EXPECT_TRUE(has_vlan(filters, VID));
	EXPECT_TRUE(tagged(net, VID, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

TEST_F(filters, all_of_them)
{
	const u16 hash = vf_multicast_hash(group);
	struct testnet *net = &self->net;

	ASSERT_EQ(0, vf_set_vlan(self->vf, VID, true));
	ASSERT_EQ(0, vf_set_multicast(self->vf, &hash, 1));
	ASSERT_EQ(0, vf_set_max_frame(self->vf, 9018));
	ASSERT_EQ(0, vf_add_unicast(self->vf, (const u8 *)"\x02\x76\x6d\x66\x01\x0a"));
	ASSERT_EQ(0, testnet_migrate(net, 2, true));
	ASSERT_EQ(0, testnet_migrate(net, 0, true));
	EXPECT_TRUE(tagged(net, VID, NIC_TIMEOUT_MS));
	EXPECT_TRUE(arrives(net, group, 0, NIC_TIMEOUT_MS));
	EXPECT_TRUE(arrives(net, (const u8 *)"\x02\x76\x6d\x66\x01\x0a", 0, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
}

TEST_HARNESS_MAIN
