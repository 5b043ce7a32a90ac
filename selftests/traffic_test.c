// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest with a driver in use is migrated from VF to VF while it exchanges
 * numbered frames with another VF and with the PF. Each frame must arrive
 * exactly once, in order and unharmed.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "interrupts.h"
#include "migration.h"
#include "testnet.h"

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

static bool p2p_is_quiet(struct testnet *net, u32 state)
{
	struct nic *guest = &net->guest;
	struct ledger dropped;
	bool ok;
	u32 rdh;

	ledger_init(&dropped, 100);
	if (testnet_set(net, state))
		return false;
	rdh = vf_read(guest->vf, VF_RDH(0));
	usleep(VF_THROTTLE_US);
	vf_irq_drain(guest->vf);

	/* Nothing leaves, */
	ok = testnet_queue(net) && testnet_silent(net);
	/* nothing arrives, */
	ok &= nic_send(&net->peer, 0, &dropped, guest->mac, 3);
	ok &= nic_drain(&net->peer, 0, NIC_TIMEOUT_MS);
	usleep(IRQ_QUIET_MS * 1000);
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
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, NIC_RX_RING));
}

TEST_F(traffic, pre_copy_p2p_is_quiet)
{
	struct testnet *net = &self->net;

	ASSERT_TRUE(p2p_is_quiet(net, VFIO_DEVICE_STATE_PRE_COPY_P2P));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, NIC_RX_RING));
}

struct position {
	u32 rdh[VF_QUEUES];
	u32 tdh[VF_QUEUES];
};

static void read_position(struct vf *vf, struct position *at)
{
	unsigned int q;

	for (q = 0; q < VF_QUEUES; q++) {
		at->rdh[q] = vf_read(vf, VF_RDH(q));
		at->tdh[q] = vf_read(vf, VF_TDH(q));
	}
}

/*
 * Without bus mastering the device would swallow its rings: it reads nothing as
 * empty descriptors. VMMs restore PCI_COMMAND late, and some may do it too late.
 */
TEST_F(traffic, T09_no_start_without_bus_master)
{
	static const u32 states[] = { VFIO_DEVICE_STATE_RUNNING_P2P, VFIO_DEVICE_STATE_RUNNING };
	struct testnet *net = &self->net;
	struct nic *guest = &net->guest;
	struct position before, after;
	struct ledger dropped;
	struct vf *vf, *old;
	unsigned int i;

	ledger_init(&dropped, 100);
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP));
	ASSERT_TRUE(testnet_queue(net));
	vf = testnet_arrive(net, 2, false, NULL);
	ASSERT_NE(NULL, vf);
	/* The old one has the same address: its VM is gone by now. */
	old = guest->vf;
	guest->vf = vf;
	vf_close(old);
	vf_bus_master(vf, false);
	read_position(vf, &before);
	for (i = 0; i < 2 * ARRAY_SIZE(states); i++) {
		ASSERT_EQ(-EIO, testnet_set(net, states[i / 2]));
		ASSERT_EQ(VFIO_DEVICE_STATE_STOP, mig_state(vf_fd(vf)));
		/* What would make the device look at its ring. */
		ASSERT_TRUE(nic_send(&net->peer, 0, &dropped, guest->mac, 3));
		ASSERT_TRUE(nic_drain(&net->peer, 0, NIC_TIMEOUT_MS));
		ASSERT_TRUE(testnet_silent(net));
		read_position(vf, &after);
		EXPECT_EQ(0, memcmp(&before, &after, sizeof(before)));
	}
	/* With it the same arc leads on, and nothing was lost. */
	vf_vmm_setup(vf);
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
}

/* A device whose queues are off has no ring to swallow. */
TEST_F(traffic, T09_start_without_queues_needs_no_bus_master)
{
	struct testnet *net = &self->net;
	struct vf *vf;

	vf_reset(net->guest.vf);
	vf = testnet_arrive(net, 2, false, NULL);
	ASSERT_NE(NULL, vf);
	vf_bus_master(vf, false);
	EXPECT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING, NULL));
	vf_close(vf);
}

TEST_HARNESS_MAIN
