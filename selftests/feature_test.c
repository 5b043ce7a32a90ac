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
#include "probe.h"
#include "testnet.h"
#include "vf_request.h"
#include "vmf_descriptor.h"
#include "vmf_stream.h"

static const u8 other_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x01, 0x0a };

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
	EXPECT_TRUE(probe_both(net, other_mac, UNTAGGED));

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
	EXPECT_TRUE(probe_both(net, other_mac, UNTAGGED));
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
	struct mig_buf descriptor = { 0 };
	size_t first, initial, due;
	struct vmf_section s;
	struct vf *vf;
	int data_fd;
	u64 size;

	ASSERT_EQ(0, format_descriptor(vf_bdf(0), &descriptor));
	initial = descriptor.len;
	due = initial - VMF_HEADER_LEN + VMF_ENTRY_LEN;
	mig_buf_free(&descriptor);
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_PRE_COPY, &data_fd));
	if (variant->way != ALL_UNREAD)
		ASSERT_EQ(-ENOMSG, mig_read(data_fd, stream, MIG_CHUNK));
	first = stream->len;
	expect_info(_metadata, data_fd, 0, first ? 0 : initial, 0);

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
	EXPECT_TRUE(probe_both(net, other_mac, UNTAGGED));
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
	EXPECT_TRUE(probe_both(net, other_mac, UNTAGGED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

TEST_HARNESS_MAIN
