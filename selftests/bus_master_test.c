// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that has queues on and may not start DMA: no destination could start it, so
 * the source says so while the guest still runs.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "handshake.h"
#include "testnet.h"

#define RUNNING		VFIO_DEVICE_STATE_RUNNING
#define PRE_COPY	VFIO_DEVICE_STATE_PRE_COPY
#define STOP_COPY	VFIO_DEVICE_STATE_STOP_COPY

FIXTURE(bus_master)
{
	struct testnet net;
	struct mig_buf stream;
	int fd;
};

FIXTURE_SETUP(bus_master)
{
	self->stream = (struct mig_buf){ 0 };
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
	self->fd = vf_fd(self->net.guest.vf);
}

FIXTURE_TEARDOWN(bus_master)
{
	testnet_close(&self->net);
	mig_buf_free(&self->stream);
}

static void expect_error(struct __test_metadata *_metadata)
{
	char text[FORMAT_TEXT_MAX];

	if (!read_last_error(vf_bdf(0), text, sizeof(text)))
		return;
	EXPECT_NE(NULL, strcasestr(text, "bus master")) {
		TH_LOG("last error: %s", text);
	}
}

static void queues(struct vf *vf, u32 rx, u32 tx)
{
	unsigned int q;

	for (q = 0; q < VF_QUEUES; q++) {
		vf_write(vf, VF_RXDCTL(q), VF_RXDCTL_RESET | rx);
		vf_write(vf, VF_TXDCTL(q), tx);
	}
}

static void expect_refusal(struct __test_metadata *_metadata, int fd)
{
	int data_fd;

	EXPECT_EQ(-EOPNOTSUPP, mig_set(fd, PRE_COPY, &data_fd));
	EXPECT_EQ(-1, data_fd);
	EXPECT_EQ((int)RUNNING, mig_state(fd));
	expect_error(_metadata);
}

TEST_F(bus_master, source_refuses_while_the_guest_runs)
{
	struct testnet *net = &self->net;

	vf_bus_master(net->guest.vf, false);
	expect_refusal(_metadata, self->fd);
	/* There is nothing that the refusal has changed. */
	vf_bus_master(net->guest.vf, true);
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
	ASSERT_EQ(0, testnet_migrate(net, 2, true));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* One queue of either kind is enough. */
TEST_F(bus_master, for_each_kind_of_queue)
{
	struct vf *vf = self->net.guest.vf;
	int data_fd;

	vf_bus_master(vf, false);
	queues(vf, VF_QUEUE_ENABLE, 0);
	expect_refusal(_metadata, self->fd);
	queues(vf, 0, VF_QUEUE_ENABLE);
	expect_refusal(_metadata, self->fd);
	queues(vf, 0, 0);
	ASSERT_EQ(0, mig_set(self->fd, PRE_COPY, &data_fd));
	ASSERT_EQ(0, mig_set(self->fd, STOP_COPY, NULL));
	EXPECT_EQ(0, mig_read(data_fd, &self->stream, MIG_CHUNK));
	close(data_fd);
	EXPECT_EQ(0, mig_load(self->fd, &self->stream));
}

/* A VMM without PRE_COPY would reset a source whose arc fails. */
TEST_F(bus_master, stream_fails_and_not_the_arc)
{
	struct testnet *net = &self->net;
	int data_fd;

	vf_bus_master(net->guest.vf, false);
	ASSERT_EQ(0, mig_set(self->fd, STOP_COPY, &data_fd));
	EXPECT_EQ(-EOPNOTSUPP, mig_read(data_fd, &self->stream, MIG_CHUNK));
	EXPECT_EQ(-EOPNOTSUPP, mig_read(data_fd, &self->stream, MIG_CHUNK));
	expect_error(_metadata);
	EXPECT_EQ((int)STOP_COPY, mig_state(self->fd));
	close(data_fd);

	vf_bus_master(net->guest.vf, true);
	ASSERT_EQ(0, mig_set(self->fd, RUNNING, NULL));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
	ASSERT_EQ(0, testnet_migrate(net, 2, false));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* It was on when the source agreed, and is off when the guest stops. */
TEST_F(bus_master, switched_off_in_pre_copy)
{
	struct testnet *net = &self->net;
	int data_fd;

	ASSERT_EQ(0, mig_set(self->fd, PRE_COPY, &data_fd));
	ASSERT_EQ(-ENOMSG, mig_read(data_fd, &self->stream, MIG_CHUNK));
	vf_bus_master(net->guest.vf, false);
	ASSERT_EQ(0, mig_set(self->fd, STOP_COPY, NULL));
	EXPECT_EQ(-EOPNOTSUPP, mig_read(data_fd, &self->stream, MIG_CHUNK));
	expect_error(_metadata);
	close(data_fd);
	vf_bus_master(net->guest.vf, true);
	ASSERT_EQ(0, mig_set(self->fd, RUNNING, NULL));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

TEST_HARNESS_MAIN
