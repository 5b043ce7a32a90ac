// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that is up moves between a driver that knows version 2 of the profile
 * and one that knows version 1 only, there and back.
 */
#include <errno.h>
#include <stddef.h>
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

/* VFs of a new host and of an old one. */
#define NEW		0
#define OLD		2

#define VID		100
#define ROUNDS		3

static const u8 group[MAC_LEN] = { 0x01, 0x00, 0x5e, 0x12, 0x34, 0x56 };
static const u8 other_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x01, 0x0a };

FIXTURE(cross_version)
{
	struct testnet net;
	struct mig_buf stream;
};

FIXTURE_VARIANT(cross_version)
{
	bool precopy;
};

FIXTURE_VARIANT_ADD(cross_version, stop_copy) { .precopy = false };
FIXTURE_VARIANT_ADD(cross_version, pre_copy) { .precopy = true };

FIXTURE_SETUP(cross_version)
{
	const u16 hash = vf_multicast_hash(group);

	self->stream = (struct mig_buf){ 0 };
	ASSERT_EQ(0, format_set_max(vf_bdf(OLD), "1"));
	ASSERT_EQ(0, testnet_open(&self->net, NEW, 1));
	ASSERT_EQ(0, vf_set_vlan(self->net.guest.vf, VID, true));
	ASSERT_EQ(0, vf_set_multicast(self->net.guest.vf, &hash, 1));
	ASSERT_EQ(0, vf_set_max_frame(self->net.guest.vf, 9018));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

FIXTURE_TEARDOWN(cross_version)
{
	testnet_close(&self->net);
	mig_buf_free(&self->stream);
	EXPECT_EQ(0, format_set_max(vf_bdf(OLD), "2"));
}

/* The guest is as it was: what it has set up with the PF, its rings, its interrupts. */
static void expect_guest(struct __test_metadata *_metadata, struct testnet *net)
{
	ASSERT_TRUE(testnet_exchange(net, 2 * NIC_RX_RING));
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, net->guest.mac, VID, STRIPPED));
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, group, 0, UNTAGGED));
	vf_irq_drain(net->guest.vf);
	ASSERT_TRUE(testnet_exchange(net, 1));
	EXPECT_TRUE(vf_irq_wait(net->guest.vf, NIC_VEC_RX, NIC_TIMEOUT_MS));
}

static void move(struct __test_metadata *_metadata, struct testnet *net, unsigned int to,
		 bool precopy, u32 version, struct mig_buf *stream)
{
	struct vf *vf = testnet_arrive(net, to, precopy, stream);

	ASSERT_NE(NULL, vf);
	EXPECT_EQ(version, vmf_profile_version(stream->data, stream->len));
	ASSERT_EQ(0, testnet_depart(net, vf));
	expect_guest(_metadata, net);
}

TEST_F_TIMEOUT(cross_version, there_and_back, 60)
{
	struct testnet *net = &self->net;
	struct vmf_section s;
	unsigned int i;

	for (i = 0; i < ROUNDS; i++) {
		/* What an old reader does not know it may skip. */
		move(_metadata, net, OLD, variant->precopy, 2, &self->stream);
		EXPECT_TRUE(vmf_lookup(self->stream.data, self->stream.len, VMF_STATISTICS, 0,
				       &s));
		move(_metadata, net, NEW, variant->precopy, 1, &self->stream);
		EXPECT_FALSE(vmf_lookup(self->stream.data, self->stream.len, VMF_STATISTICS, 0,
					&s));
	}
}

/* Told to, a new driver writes what an old one would have written. */
TEST_F(cross_version, writes_for_an_old_reader)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, format_set_target(vf_bdf(NEW), "1"));
	move(_metadata, net, OLD, variant->precopy, 1, &self->stream);
	ASSERT_EQ(0, format_set_target(vf_bdf(NEW), "2"));
	move(_metadata, net, NEW, variant->precopy, 1, &self->stream);
}

/* What an old driver has no words for is refused before the guest has to stop. */
TEST_F(cross_version, what_an_old_driver_cannot_take)
{
	struct testnet *net = &self->net;
	struct mig_buf descriptor = { 0 };
	char text[FORMAT_TEXT_MAX];
	int fd, data_fd;
	struct vf *vf;

	ASSERT_EQ(0, vf_add_unicast(net->guest.vf, other_mac));
	ASSERT_EQ(0, format_descriptor(vf_bdf(NEW), &descriptor));
	EXPECT_EQ(-EOPNOTSUPP, format_check(vf_bdf(OLD), descriptor.data, descriptor.len));
	mig_buf_free(&descriptor);

	vf = vf_open(vf_bdf(OLD), &net->guest.ram);
	fd = vf_fd(net->guest.vf);
	ASSERT_EQ(0, mig_set(fd, VFIO_DEVICE_STATE_PRE_COPY, &data_fd));
	ASSERT_EQ(-ENOMSG, mig_read(data_fd, &self->stream, MIG_CHUNK));
	ASSERT_EQ(0, close(data_fd));
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RESUMING, &data_fd));
	EXPECT_EQ(-EOPNOTSUPP, mig_write(data_fd, self->stream.data, self->stream.len, MIG_CHUNK));
	ASSERT_EQ(0, close(data_fd));
	/* It has no name for the feature. */
	if (read_last_error(vf_bdf(OLD), text, sizeof(text))) {
		EXPECT_NE(NULL, strstr(text, "required features")) {
			TH_LOG("last error: %s", text);
		}
	}
	vf_close(vf);
	ASSERT_EQ(0, mig_set(fd, VFIO_DEVICE_STATE_RUNNING, NULL));
	expect_guest(_metadata, net);
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, other_mac, 0, UNTAGGED));

	/* Without it there is nothing in the way. */
	ASSERT_EQ(0, vf_clear_unicast(net->guest.vf, other_mac));
	move(_metadata, net, OLD, variant->precopy, 2, &self->stream);
	/* And from there it cannot leave if it begins to use it. */
	ASSERT_EQ(0, vf_add_unicast(net->guest.vf, other_mac));
	EXPECT_EQ(-EOPNOTSUPP, mig_set(vf_fd(net->guest.vf), VFIO_DEVICE_STATE_PRE_COPY, NULL));
	expect_guest(_metadata, net);
}

TEST(limits_of_a_version)
{
	char text[FORMAT_TEXT_MAX];

	EXPECT_EQ(-EINVAL, format_set_max(vf_bdf(OLD), "0"));
	EXPECT_EQ(-EINVAL, format_set_max(vf_bdf(OLD), "3"));
	ASSERT_EQ(0, format_set_max(vf_bdf(OLD), "1"));
	EXPECT_EQ(-EINVAL, format_set_target(vf_bdf(OLD), "2"));
	ASSERT_EQ(0, format_target(vf_bdf(OLD), text, sizeof(text)));
	EXPECT_STREQ("1", text);
	ASSERT_EQ(0, format_text(vf_bdf(OLD), "profile_version", text, sizeof(text)));
	EXPECT_STREQ("1", text);
	ASSERT_EQ(0, format_text(vf_bdf(OLD), "features", text, sizeof(text)));
	EXPECT_STREQ("0x00000000000000000000000000000000", text);
	ASSERT_EQ(0, format_set_max(vf_bdf(OLD), "2"));
	ASSERT_EQ(0, format_target(vf_bdf(OLD), text, sizeof(text)));
	EXPECT_STREQ("2", text);
}

TEST_HARNESS_MAIN
