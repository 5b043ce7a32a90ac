// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest with a driver in use is migrated from VF to VF while it exchanges
 * numbered frames with another VF and with the PF. Each frame must arrive
 * exactly once, in order and unharmed.
 */
#include <errno.h>
#include <pthread.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "migration.h"
#include "testnet.h"

#define QUIET_MS	100
#define IRQ_MS		1000

FIXTURE(traffic)
{
	struct testnet net;
};

FIXTURE_SETUP(traffic)
{
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST)) {
		testnet_print(&self->net);
	}
}

FIXTURE_TEARDOWN(traffic)
{
	if (!testnet_complete(&self->net))
		testnet_print(&self->net);
	testnet_close(&self->net);
}

static int guest_set(struct testnet *net, u32 state)
{
	return mig_set(vf_fd(net->guest.vf), state, NULL);
}

TEST_F(traffic, before_any_migration)
{
	ASSERT_TRUE(testnet_exchange(&self->net, 3 * NIC_RX_RING));
}

TEST_F(traffic, migrate_by_stop_copy)
{
	ASSERT_EQ(0, testnet_migrate(&self->net, 2, false));
	ASSERT_TRUE(testnet_exchange(&self->net, 3 * NIC_RX_RING));
}

TEST_F(traffic, migrate_by_pre_copy)
{
	ASSERT_EQ(0, testnet_migrate(&self->net, 2, true));
	ASSERT_TRUE(testnet_exchange(&self->net, 3 * NIC_RX_RING));
}

/*
 * Rings of 32 and 64 descriptors and bursts of a number that divides neither:
 * heads and tails go around between two migrations and are nowhere special.
 */
TEST_F(traffic, migrate_there_and_back)
{
	static const unsigned int to[] = { 2, 3, 0, 2, 0, 3 };
	u32 frames = self->net.guest.rx[0].frames;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(to); i++) {
		ASSERT_EQ(0, testnet_migrate(&self->net, to[i], i & 1)) {
			TH_LOG("migration %u", i);
		}
		ASSERT_TRUE(testnet_exchange(&self->net, 29)) {
			TH_LOG("after migration %u", i);
		}
	}
	/* The ring did go around. */
	ASSERT_GT(self->net.guest.rx[0].frames, frames + 2 * NIC_RX_RING);
	ASSERT_NE(0, self->net.guest.rx[0].next);
}

TEST_F(traffic, rings_go_on_where_they_were)
{
	struct nic *guest = &self->net.guest;
	struct vf *vf;
	unsigned int q;

	ASSERT_TRUE(testnet_exchange(&self->net, 7));
	ASSERT_NE(0, guest->rx[0].next);
	ASSERT_NE(0, guest->tx[0].next);

	vf = testnet_arrive(&self->net, 2, false, NULL);
	ASSERT_NE(NULL, vf);
	for (q = 0; q < VF_QUEUES; q++) {
		EXPECT_EQ(guest->rx[q].next, vf_read(vf, VF_RDH(q)));
		EXPECT_EQ((guest->rx[q].next + NIC_RX_RING - 1) % NIC_RX_RING,
			  vf_read(vf, VF_RDT(q)));
		EXPECT_EQ(guest->tx[q].next, vf_read(vf, VF_TDH(q)));
	}
	ASSERT_EQ(0, testnet_depart(&self->net, vf));
	for (q = 0; q < VF_QUEUES; q++) {
		EXPECT_EQ(guest->rx[q].next, vf_read(vf, VF_RDH(q)));
		EXPECT_EQ((guest->rx[q].next + NIC_RX_RING - 1) % NIC_RX_RING,
			  vf_read(vf, VF_RDT(q)));
		EXPECT_EQ(guest->tx[q].next, vf_read(vf, VF_TDH(q)));
		EXPECT_EQ(guest->tx[q].next, vf_read(vf, VF_TDT(q)));
	}
	ASSERT_TRUE(testnet_exchange(&self->net, 3 * NIC_RX_RING));
}

/* Doorbells that are rung while the device is stopped. */
static bool queue_some(struct testnet *net)
{
	return testnet_send(net, GUEST_TO_PEER, 9) && testnet_send(net, GUEST_TO_PF, 5);
}

static bool nothing_arrives(struct testnet *net)
{
	u32 peer = net->ledgers[GUEST_TO_PEER].received;
	u32 pf = net->ledgers[GUEST_TO_PF].received;

	testnet_collect(net, QUIET_MS);
	return peer == net->ledgers[GUEST_TO_PEER].received &&
	       pf == net->ledgers[GUEST_TO_PF].received;
}

TEST_F(traffic, queued_before_cancel_is_sent_once)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_STOP));
	ASSERT_TRUE(queue_some(net));
	ASSERT_TRUE(nothing_arrives(net));
	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_RUNNING));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
}

TEST_F(traffic, queued_before_save_is_sent_once)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_STOP));
	ASSERT_TRUE(queue_some(net));
	ASSERT_TRUE(nothing_arrives(net));
	ASSERT_EQ(0, testnet_migrate(net, 2, false));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
}

TEST_F(traffic, queued_after_load_is_sent_once)
{
	struct testnet *net = &self->net;
	struct vf *vf, *old = net->guest.vf;

	vf = testnet_arrive(net, 2, false, NULL);
	ASSERT_NE(NULL, vf);
	vf_vmm_setup(vf);
	net->guest.vf = vf;
	ASSERT_TRUE(queue_some(net));
	ASSERT_TRUE(nothing_arrives(net));
	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_RUNNING));
	vf_close(old);
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
}

/* A guest that was moved on before it has run takes what was queued along. */
TEST_F(traffic, queued_goes_on_through_two_hops)
{
	struct testnet *net = &self->net;
	struct vf *vf, *old = net->guest.vf;

	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_STOP));
	ASSERT_TRUE(queue_some(net));
	vf = testnet_arrive(net, 2, false, NULL);
	ASSERT_NE(NULL, vf);
	net->guest.vf = vf;
	vf_close(old);
	ASSERT_EQ(0, testnet_migrate(net, 3, false));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
}

/* Received at the source, and the guest has not seen the interrupt. */
TEST_F(traffic, interrupt_for_pending_work)
{
	struct testnet *net = &self->net;
	unsigned int vector;
	struct vf *vf;

	ASSERT_TRUE(testnet_send(net, PEER_TO_GUEST, 3));
	vf = testnet_arrive(net, 2, false, NULL);
	ASSERT_NE(NULL, vf);
	vf_vmm_setup(vf);
	for (vector = 0; vector < VF_VECTORS; vector++)
		EXPECT_FALSE(vf_irq_wait(vf, vector, QUIET_MS));
	ASSERT_EQ(0, testnet_depart(net, vf));
	for (vector = 0; vector < VF_VECTORS; vector++) {
		EXPECT_TRUE(vf_irq_wait(vf, vector, IRQ_MS)) {
			TH_LOG("no interrupt on vector %u", vector);
		}
	}
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));

	/* And the next ones come by themselves. */
	vf_irq_drain(vf);
	ASSERT_TRUE(testnet_send(net, PEER_TO_GUEST, 1));
	EXPECT_TRUE(vf_irq_wait(vf, NIC_VEC_RX, IRQ_MS));
	vf_irq_drain(vf);
	ASSERT_TRUE(testnet_send(net, GUEST_TO_PEER, 1));
	EXPECT_TRUE(vf_irq_wait(vf, NIC_VEC_TX, IRQ_MS));
	ASSERT_TRUE(testnet_exchange(net, NIC_RX_RING));
}

/* As in the middle of NAPI: masked, with work that the guest has not seen. */
TEST_F(traffic, masked_interrupt_waits_for_unmask)
{
	struct testnet *net = &self->net;
	struct vf *vf;

	vf_write(net->guest.vf, VF_EIMC, 1 << NIC_VEC_RX);
	ASSERT_TRUE(testnet_send(net, PEER_TO_GUEST, 3));
	ASSERT_EQ(0, testnet_migrate(net, 2, false));
	vf = net->guest.vf;
	EXPECT_EQ(VF_EIMASK & ~(1 << NIC_VEC_RX), vf_read(vf, VF_EIMS));
	EXPECT_TRUE(vf_irq_wait(vf, NIC_VEC_TX, IRQ_MS));
	EXPECT_FALSE(vf_irq_wait(vf, NIC_VEC_RX, QUIET_MS));
	vf_write(vf, VF_EIMS, 1 << NIC_VEC_RX);
	EXPECT_TRUE(vf_irq_wait(vf, NIC_VEC_RX, IRQ_MS));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, NIC_RX_RING));
}

TEST_F(traffic, cancel_stop_copy)
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
		ASSERT_TRUE(queue_some(net));
		ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_RUNNING));
		if (data_fd >= 0)
			close(data_fd);
		EXPECT_TRUE(vf_irq_wait(net->guest.vf, NIC_VEC_RX, IRQ_MS));
		ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
		ASSERT_TRUE(testnet_exchange(net, 7));
	}
	mig_buf_free(&buf);
}

struct background {
	struct testnet *net;
	bool stop;
	bool ok;
	u32 rounds;
};

static void *exchange_on(void *arg)
{
	struct background *bg = arg;

	bg->ok = true;
	while (bg->ok && !__atomic_load_n(&bg->stop, __ATOMIC_RELAXED)) {
		bg->ok = testnet_exchange(bg->net, TESTNET_BURST);
		bg->rounds++;
	}
	return NULL;
}

/* In PRE_COPY the device runs: not a frame may be lost in either direction. */
TEST_F(traffic, cancel_pre_copy_under_traffic)
{
	struct background bg = { .net = &self->net };
	int fd = vf_fd(self->net.guest.vf), data_fd, i, ret = 0;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, exchange_on, &bg));
	for (i = 0; i < 100 && !ret; i++) {
		ret = mig_set(fd, VFIO_DEVICE_STATE_PRE_COPY, &data_fd);
		usleep(5000);
		if (!ret)
			ret = mig_set(fd, VFIO_DEVICE_STATE_RUNNING, NULL);
		close(data_fd);
	}
	__atomic_store_n(&bg.stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, ret);
	EXPECT_TRUE(bg.ok);
	EXPECT_GT(bg.rounds, 5);
	ASSERT_EQ(0, testnet_migrate(&self->net, 2, true));
	ASSERT_TRUE(testnet_exchange(&self->net, NIC_RX_RING));
}

static bool p2p_is_quiet(struct testnet *net, u32 state)
{
	struct nic *guest = &net->guest;
	struct ledger dropped;
	bool ok;
	u32 rdh;

	ledger_init(&dropped, 100);
	if (guest_set(net, state))
		return false;
	rdh = vf_read(guest->vf, VF_RDH(0));
	usleep(VF_THROTTLE_US);
	vf_irq_drain(guest->vf);

	/* Nothing leaves, */
	ok = queue_some(net) && nothing_arrives(net);
	/* nothing arrives, */
	ok &= nic_send(&net->peer, 0, &dropped, guest->mac, 3);
	ok &= nic_drain(&net->peer, 0, NIC_TIMEOUT_MS);
	usleep(QUIET_MS * 1000);
	ok &= !(le32toh(guest->rx[0].ring[guest->rx[0].next].wb.status_error) & VF_RXD_DD);
	ok &= vf_read(guest->vf, VF_RDH(0)) == rdh;
	/* and there is nothing to tell. */
	ok &= !vf_irq_wait(guest->vf, NIC_VEC_RX, 0);
	ok &= !vf_irq_wait(guest->vf, NIC_VEC_TX, 0);
	return ok;
}

TEST_F(traffic, running_p2p_is_quiet)
{
	struct testnet *net = &self->net;

	ASSERT_TRUE(p2p_is_quiet(net, VFIO_DEVICE_STATE_RUNNING_P2P));
	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_RUNNING));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, NIC_RX_RING));
}

TEST_F(traffic, pre_copy_p2p_is_quiet)
{
	struct testnet *net = &self->net;

	ASSERT_TRUE(p2p_is_quiet(net, VFIO_DEVICE_STATE_PRE_COPY_P2P));
	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_RUNNING));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, NIC_RX_RING));
}

/* Bus mastering off would make the device swallow its rings. */
TEST_F(traffic, start_without_bus_master_is_refused)
{
	struct testnet *net = &self->net;
	struct vf *vf;

	vf = testnet_arrive(net, 2, false, NULL);
	ASSERT_NE(NULL, vf);
	vf_bus_master(vf, false);
	ASSERT_EQ(-EIO, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING, NULL));
	ASSERT_EQ(VFIO_DEVICE_STATE_STOP, mig_state(vf_fd(vf)));
	ASSERT_EQ(0, testnet_depart(net, vf));
	ASSERT_TRUE(testnet_exchange(net, NIC_RX_RING));
}

TEST_HARNESS_MAIN
