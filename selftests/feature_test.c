// SPDX-License-Identifier: GPL-2.0-only
/*
 * A feature that only version 2 of the profile has words for: further unicast
 * addresses. It comes into use when the PF has said yes, at any time.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "handshake.h"
#include "testnet.h"
#include "vf_request.h"
#include "vmf_descriptor.h"
#include "vmf_stream.h"

#define FRAMES		5
#define QUIET_MS	200
#define FILTERS_MAX	64

static const u8 other_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x01, 0x0a };
static const u8 third_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x02, 0x0a };

FIXTURE(feature)
{
	struct testnet net;
	struct mig_buf stream;
	int fd;
};

FIXTURE_SETUP(feature)
{
	self->stream = (struct mig_buf){ 0 };
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
	self->fd = vf_fd(self->net.guest.vf);
}

FIXTURE_TEARDOWN(feature)
{
	unsigned int i;

	testnet_close(&self->net);
	mig_buf_free(&self->stream);
	for (i = 0; i < VF_MAX; i++)
		EXPECT_EQ(0, format_set_target(vf_bdf(i), "2"));
}

/* Frames to @mac, from the peer and from the PF: do they arrive at the guest? */
static bool reachable(struct testnet *net, const u8 *mac, int timeout_ms)
{
	struct ledger ledgers[2], *both[] = { &ledgers[0], &ledgers[1] };
	unsigned int got;

	ledger_init(&ledgers[0], 101);
	ledger_init(&ledgers[1], 102);
	if (!nic_send(&net->peer, 0, both[0], mac, FRAMES) ||
	    !pf_send(&net->pf, both[1], mac, FRAMES))
		return false;
	nic_collect(&net->guest, both, 2, timeout_ms);
	got = ledgers[0].received + ledgers[1].received;
	return got == 2 * FRAMES && ledger_complete(both[0]) && ledger_complete(both[1]);
}

/* Of another guest, on the VF that this one has left. */
static void expect_error(struct __test_metadata *_metadata, const char *bdf)
{
	char text[FORMAT_TEXT_MAX];

	if (!read_last_error(bdf, text, sizeof(text)))
		return;
	EXPECT_NE(NULL, strstr(text, "unicast-filters")) {
		TH_LOG("last error: %s", text);
	}
	EXPECT_NE(NULL, strstr(text, "EOPNOTSUPP")) {
		TH_LOG("last error: %s", text);
	}
}

TEST_F(feature, address_moves_along)
{
	struct testnet *net = &self->net;
	struct vmf_section s;
	struct vf *vf;
	const u8 *at;
	u16 flags;

	EXPECT_FALSE(reachable(net, other_mac, QUIET_MS));
	ASSERT_EQ(0, vf_add_unicast(net->guest.vf, other_mac));
	ASSERT_EQ(0, vf_add_unicast(net->guest.vf, third_mac));
	ASSERT_TRUE(reachable(net, other_mac, NIC_TIMEOUT_MS));

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
	EXPECT_TRUE(reachable(net, other_mac, NIC_TIMEOUT_MS));
	EXPECT_TRUE(reachable(net, third_mac, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));

	/* On, and then out of use: neither filter nor feature are left. */
	ASSERT_EQ(0, testnet_migrate(net, 3, false));
	EXPECT_TRUE(reachable(net, third_mac, NIC_TIMEOUT_MS));
	ASSERT_EQ(0, vf_clear_unicast(net->guest.vf, other_mac));
	EXPECT_FALSE(reachable(net, other_mac, QUIET_MS));
	vf = testnet_arrive(net, 0, false, &self->stream);
	ASSERT_NE(NULL, vf);
	EXPECT_EQ(0, vmf_required(self->stream.data, self->stream.len));
	EXPECT_FALSE(vmf_lookup(self->stream.data, self->stream.len, VMF_UNICAST, 0, &s));
	ASSERT_EQ(0, testnet_depart(net, vf));
	EXPECT_FALSE(reachable(net, other_mac, QUIET_MS));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* How many addresses the PF has room for; they are given back. */
static unsigned int room(struct vf *vf)
{
	u8 mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x67, 0x00, 0x00 };
	unsigned int n;

	for (n = 0; n < FILTERS_MAX; n++) {
		mac[5] = n;
		if (vf_add_unicast(vf, mac))
			break;
	}
	return vf_clear_unicast(vf, mac) ? 0 : n;
}

/* The table of the PF is one for all: what guests leave there is missing for ever. */
TEST_F(feature, filters_go_with_the_guest)
{
	struct testnet *net = &self->net;
	unsigned int before, i;
	struct vf *vf;

	before = room(net->peer.vf);
	TH_LOG("room for %u addresses", before);
	ASSERT_LT(3, before);
	ASSERT_EQ(0, vf_add_unicast(net->guest.vf, other_mac));
	EXPECT_EQ(before - 1, room(net->peer.vf));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, testnet_migrate(net, i & 1 ? 0 : 2, false));
		EXPECT_EQ(before - 1, room(net->peer.vf)) {
			TH_LOG("after migration %u", i);
		}
	}
	for (i = 0; i < 2; i++) {
		vf = vf_open(vf_bdf(3), NULL);
		ASSERT_EQ(0, vf_join(vf, third_mac));
		ASSERT_EQ(0, vf_add_unicast(vf, other_mac));
		EXPECT_EQ(before - 2, room(net->peer.vf));
		if (i)
			vf_reset(vf);
		vf_close(vf);
		EXPECT_EQ(before - 1, room(net->peer.vf)) {
			TH_LOG("after %sclose", i ? "reset and " : "");
		}
	}
}

/* The source says no while its guest runs, and has not disturbed it. */
TEST_F(feature, litmus_4_no_words_in_version_1)
{
	struct testnet *net = &self->net;
	int data_fd;

	ASSERT_EQ(0, format_set_target(vf_bdf(0), "1"));
	ASSERT_EQ(0, vf_add_unicast(net->guest.vf, other_mac));
	EXPECT_EQ(-EOPNOTSUPP, mig_set(self->fd, VFIO_DEVICE_STATE_PRE_COPY, &data_fd));
	EXPECT_EQ(-1, data_fd);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, mig_state(self->fd));
	expect_error(_metadata, vf_bdf(0));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
	EXPECT_TRUE(reachable(net, other_mac, NIC_TIMEOUT_MS));

	/* A VMM without PRE_COPY would reset a source whose arc fails. */
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_STOP_COPY, &data_fd));
	EXPECT_EQ(-EOPNOTSUPP, mig_read(data_fd, &self->stream, MIG_CHUNK));
	EXPECT_EQ(-EOPNOTSUPP, mig_read(data_fd, &self->stream, MIG_CHUNK));
	expect_error(_metadata, vf_bdf(0));
	EXPECT_EQ(VFIO_DEVICE_STATE_STOP_COPY, mig_state(self->fd));
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_RUNNING, NULL));
	close(data_fd);
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));

	ASSERT_EQ(0, format_set_target(vf_bdf(0), "2"));
	ASSERT_EQ(0, testnet_migrate(net, 2, true));
	EXPECT_TRUE(reachable(net, other_mac, NIC_TIMEOUT_MS));
}

/* How a VMM gets to the DESCRIPTOR that has become due in PRE_COPY. */
enum way {
	INFO_V2,	/* it is told that there is new initial data, and reads it */
	INFO_V1,	/* it is told of dirty bytes, and reads them */
	READ,		/* it asks for nothing, and reads */
	UNREAD,		/* it goes to STOP_COPY, and reads then */
	ALL_UNREAD,	/* without having read anything before */
};

FIXTURE(generation)
{
	struct testnet net;
	struct mig_buf stream;
	int fd;
};

FIXTURE_VARIANT(generation)
{
	enum way way;
};

FIXTURE_VARIANT_ADD(generation, info_v2) { .way = INFO_V2 };
FIXTURE_VARIANT_ADD(generation, info_v1) { .way = INFO_V1 };
FIXTURE_VARIANT_ADD(generation, read) { .way = READ };
FIXTURE_VARIANT_ADD(generation, unread) { .way = UNREAD };
FIXTURE_VARIANT_ADD(generation, all_unread) { .way = ALL_UNREAD };

FIXTURE_SETUP(generation)
{
	self->stream = (struct mig_buf){ 0 };
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
	self->fd = vf_fd(self->net.guest.vf);
	if (variant->way == INFO_V2)
		ASSERT_EQ(0, mig_feature(self->fd, VFIO_DEVICE_FEATURE_SET |
					 MIG_FEATURE_PRECOPY_INFO_V2, NULL, 0));
}

FIXTURE_TEARDOWN(generation)
{
	testnet_close(&self->net);
	mig_buf_free(&self->stream);
	EXPECT_EQ(0, format_set_target(vf_bdf(0), "2"));
}

static int precopy_info(int data_fd, struct vfio_precopy_info *info)
{
	memset(info, 0, sizeof(*info));
	info->argsz = sizeof(*info);
	return ioctl(data_fd, VFIO_MIG_GET_PRECOPY_INFO, info) ? -errno : 0;
}

static void expect_info(struct __test_metadata *_metadata, int data_fd, u32 flags, u64 initial,
			u64 dirty)
{
	struct vfio_precopy_info info;

	ASSERT_EQ(0, precopy_info(data_fd, &info));
	EXPECT_EQ(flags, info.flags);
	EXPECT_EQ(initial, info.initial_bytes);
	EXPECT_EQ(dirty, info.dirty_bytes);
}

TEST_F(generation, descriptor_that_became_due)
{
	struct testnet *net = &self->net;
	struct mig_buf *stream = &self->stream;
	size_t first, due = VMF_SECTION_LEN + 360 + VMF_ENTRY_LEN;
	struct vmf_section s;
	struct vf *vf;
	int data_fd;
	u64 size;

	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_PRE_COPY, &data_fd));
	if (variant->way != ALL_UNREAD)
		ASSERT_EQ(-ENOMSG, mig_read(data_fd, stream, MIG_CHUNK));
	first = stream->len;
	expect_info(_metadata, data_fd, 0, first ? 0 : VMF_HEADER_LEN + VMF_SECTION_LEN + 360, 0);

	ASSERT_EQ(0, vf_add_unicast(net->guest.vf, other_mac));
	switch (variant->way) {
	case INFO_V2:
		/* Not before it is told of it. */
		EXPECT_EQ(-ENOMSG, mig_read(data_fd, stream, MIG_CHUNK));
		EXPECT_EQ(first, stream->len);
		expect_info(_metadata, data_fd, VFIO_PRECOPY_INFO_REINIT, due, 0);
		/* That was the news; what is left is plain initial data. */
		expect_info(_metadata, data_fd, 0, due, 0);
		break;
	case INFO_V1:
		expect_info(_metadata, data_fd, 0, 0, due);
		break;
	default:
		break;
	}
	if (variant->way != UNREAD && variant->way != ALL_UNREAD) {
		EXPECT_EQ(-ENOMSG, mig_read(data_fd, stream, MIG_CHUNK));
		EXPECT_EQ(first + due, stream->len);
		EXPECT_EQ(2, vmf_generations(stream->data, stream->len));
		expect_info(_metadata, data_fd, 0, 0, 0);
	}
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
	ASSERT_EQ(0, mig_data_size(self->fd, &size));
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_STOP_COPY, NULL));
	ASSERT_EQ(0, mig_read(data_fd, stream, 100));
	close(data_fd);

	EXPECT_EQ(NULL, vmf_check(stream->data, stream->len));
	EXPECT_EQ(2, vmf_generations(stream->data, stream->len));
	EXPECT_EQ(VMF_FEATURE_UNICAST, vmf_required(stream->data, stream->len));
	EXPECT_TRUE(vmf_lookup(stream->data, stream->len, VMF_UNICAST, 0, &s));
	/* No stream is longer than this one. */
	EXPECT_EQ(size, stream->len);
	vf = testnet_land(net, 2, stream);
	ASSERT_NE(NULL, vf);
	ASSERT_EQ(0, testnet_depart(net, vf));
	EXPECT_TRUE(reachable(net, other_mac, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* The same with a version that has no words for it: the migration fails, the guest runs. */
TEST_F(generation, no_words_for_what_became_due)
{
	struct testnet *net = &self->net;
	struct mig_buf *stream = &self->stream;
	struct vfio_precopy_info info;
	int data_fd;

	ASSERT_EQ(0, format_set_target(vf_bdf(0), "1"));
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_PRE_COPY, &data_fd));
	if (variant->way != ALL_UNREAD)
		ASSERT_EQ(-ENOMSG, mig_read(data_fd, stream, MIG_CHUNK));
	ASSERT_EQ(0, vf_add_unicast(net->guest.vf, other_mac));
	if (variant->way == INFO_V2 || variant->way == INFO_V1)
		EXPECT_EQ(-EOPNOTSUPP, precopy_info(data_fd, &info));
	if (variant->way == READ)
		EXPECT_EQ(-EOPNOTSUPP, mig_read(data_fd, stream, MIG_CHUNK));
	if (variant->way == UNREAD || variant->way == ALL_UNREAD) {
		ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_STOP_COPY, NULL));
		EXPECT_EQ(-EOPNOTSUPP, mig_read(data_fd, stream, MIG_CHUNK));
	}
	expect_error(_metadata, vf_bdf(0));
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_RUNNING, NULL));
	close(data_fd);
	EXPECT_TRUE(reachable(net, other_mac, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

TEST_HARNESS_MAIN
