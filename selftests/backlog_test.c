// SPDX-License-Identifier: GPL-2.0-only
/*
 * Frames that the guest has put into a ring and the device has not sent: each of
 * them leaves once, and where the guest runs.
 */
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "interrupts.h"
#include "migration.h"
#include "testnet.h"

/* As many as fit, nearly. */
#define BACKLOG		20

FIXTURE(backlog)
{
	struct testnet net;
};

FIXTURE_SETUP(backlog)
{
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST)) {
		testnet_print(&self->net);
	}
}

FIXTURE_TEARDOWN(backlog)
{
	if (!testnet_complete(&self->net))
		testnet_print(&self->net);
	testnet_close(&self->net);
}

static u32 sent_by(struct vf *vf)
{
	return vf_read(vf, VF_GPTC);
}

/*
 * The queue is off while the guest rings its doorbell: TDT moves, TDH does not, and
 * switching the queue on again starts nothing.
 */
static bool pile_up(struct testnet *net, bool on)
{
	unsigned int q = GUEST_QUEUE_PEER;
	struct vf *vf = net->guest.vf;
	/* Asked for: where the page is memory the head in it can be of before. */
	u32 head = vf_ask(vf, VF_TDH(q)), tail = (head + BACKLOG) % NIC_TX_RING;
	u32 sent = sent_by(vf);

	vf_write(vf, VF_TXDCTL(q), 0);
	if (!testnet_send(net, GUEST_TO_PEER, BACKLOG))
		return false;
	if (on)
		vf_write(vf, VF_TXDCTL(q), VF_QUEUE_ENABLE);
	return vf_ask(vf, VF_TDH(q)) == head && vf_read(vf, VF_TDT(q)) == tail &&
	       nic_clean(&net->guest, q) == BACKLOG && sent_by(vf) == sent;
}

TEST_F(backlog, T05_backlog_leaves_once_on_the_destination)
{
	struct testnet *net = &self->net;
	struct vf *vf;
	u32 sent;

	ASSERT_TRUE(pile_up(net, true));
	sent = sent_by(net->guest.vf);
	vf = testnet_arrive(net, 2, false, NULL);
	ASSERT_NE(NULL, vf);
	/* Not by the source, and not by a destination that does not run. */
	ASSERT_TRUE(testnet_silent(net));
	EXPECT_EQ(sent, sent_by(net->guest.vf));
	EXPECT_EQ(sent, sent_by(vf));
	ASSERT_EQ(0, testnet_depart(net, vf));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	EXPECT_TRUE(nic_drain(&net->guest, GUEST_QUEUE_PEER, NIC_TIMEOUT_MS));
	EXPECT_EQ(sent + BACKLOG, sent_by(vf));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
}

TEST_F(backlog, T05_backlog_leaves_once_after_a_cancel)
{
	struct testnet *net = &self->net;
	u32 sent;

	ASSERT_TRUE(pile_up(net, true));
	sent = sent_by(net->guest.vf);
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP_COPY));
	ASSERT_TRUE(testnet_silent(net));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	EXPECT_EQ(sent + BACKLOG, sent_by(net->guest.vf));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
}

/* A queue that the guest has off is its own to start. */
TEST_F(backlog, T05_backlog_of_a_queue_that_is_off)
{
	struct testnet *net = &self->net;
	struct vf *vf;

	ASSERT_TRUE(pile_up(net, false));
	ASSERT_EQ(0, testnet_migrate(net, 2, false));
	ASSERT_TRUE(testnet_silent(net));
	vf = net->guest.vf;
	EXPECT_EQ(0, vf_read(vf, VF_TXDCTL(GUEST_QUEUE_PEER)));
	vf_write(vf, VF_TXDCTL(GUEST_QUEUE_PEER), VF_QUEUE_ENABLE);
	nic_doorbell(&net->guest, GUEST_QUEUE_PEER);
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
}

TEST_F(backlog, T05_queued_before_cancel_is_sent_once)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP));
	ASSERT_TRUE(testnet_queue(net));
	ASSERT_TRUE(testnet_silent(net));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
}

TEST_F(backlog, T05_queued_before_save_is_sent_once)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP));
	ASSERT_TRUE(testnet_queue(net));
	ASSERT_TRUE(testnet_silent(net));
	ASSERT_EQ(0, testnet_migrate(net, 2, false));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
}

TEST_F(backlog, T05_queued_after_load_is_sent_once)
{
	struct testnet *net = &self->net;
	struct vf *vf, *old = net->guest.vf;

	vf = testnet_arrive(net, 2, false, NULL);
	ASSERT_NE(NULL, vf);
	vf_vmm_setup(vf);
	net->guest.vf = vf;
	ASSERT_TRUE(testnet_queue(net));
	ASSERT_TRUE(testnet_silent(net));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	vf_close(old);
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
}

/* A guest that was moved on before it has run takes what was queued along. */
TEST_F(backlog, T05_queued_goes_on_through_two_hops)
{
	struct testnet *net = &self->net;
	struct vf *vf, *old = net->guest.vf;

	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP));
	ASSERT_TRUE(testnet_queue(net));
	vf = testnet_arrive(net, 2, false, NULL);
	ASSERT_NE(NULL, vf);
	net->guest.vf = vf;
	vf_close(old);
	ASSERT_EQ(0, testnet_migrate(net, 3, false));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
}

TEST_F(backlog, cancel_stop_copy)
{
	struct testnet *net = &self->net;
	struct mig_buf buf = { 0 };
	int data_fd, i;

	for (i = 0; i < 20; i++) {
		vf_irq_drain(net->guest.vf);
		if (i & 1) {
			ASSERT_EQ(0, mig_set(vf_fd(net->guest.vf), VFIO_DEVICE_STATE_STOP_COPY,
					     &data_fd));
		} else {
			buf.len = 0;
			ASSERT_EQ(0, mig_save(vf_fd(net->guest.vf), &buf));
			data_fd = -1;
		}
		ASSERT_TRUE(testnet_queue(net));
		ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
		if (data_fd >= 0)
			close(data_fd);
		EXPECT_TRUE(vf_irq_wait(net->guest.vf, NIC_VEC_RX, IRQ_MS));
		ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
		ASSERT_TRUE(testnet_exchange(net, 7));
	}
	mig_buf_free(&buf);
}

TEST_HARNESS_MAIN
