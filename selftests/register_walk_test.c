// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every register that a guest can write arrives on the destination, whatever
 * was in there before; what the guest writes while the device is stopped takes
 * effect when it runs; and none of this costs more MMIO than it should.
 */
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "arcs.h"
#include "migration.h"
#include "testnet.h"

#define IRQ_MS		1000
#define QUIET_MS	100

/* Other than 0 and ~0: a pattern that differs from register to register. */
#define SCATTERED	0x9e3779b9u

static const u32 patterns[] = { 0x00000000, 0xffffffff, 0x55555555, 0xaaaaaaaa, SCATTERED };

static void fill(u32 *values, u32 pattern, bool inverted)
{
	unsigned int i;
	u32 value;

	for (i = 0; i < vf_regs_count; i++) {
		value = pattern == SCATTERED ? SCATTERED * (2 * i + 3) : pattern;
		values[i] = (inverted ? ~value : value) & vf_regs[i].mask;
	}
}

FIXTURE(walk)
{
	struct vf *a;
	struct vf *b;
	struct mig_buf buf;
};

FIXTURE_VARIANT(walk)
{
	bool joined;
	bool mapped;
};

/* A guest whose driver never came up, */
FIXTURE_VARIANT_ADD(walk, driverless)
{
	.joined = false,
	.mapped = true,
};

/* and one that has the PF's word: the load talks to the PF then. */
FIXTURE_VARIANT_ADD(walk, joined)
{
	.joined = true,
	.mapped = true,
};

/* A VMM that maps nothing. */
FIXTURE_VARIANT_ADD(walk, trapped)
{
	.joined = true,
	.mapped = false,
};

static void unmap_doorbells(struct vf *vf)
{
	if (vf->doorbells)
		munmap(vf->doorbells, 0x1000);
	vf->doorbells = NULL;
}

static int join(struct vf *vf, u8 last)
{
	u32 msg[3] = { VF_MSG_RESET };
	int ret;

	ret = nic_mailbox(vf, msg, 1, 3);
	if (ret)
		return ret;
	msg[0] = VF_MSG_SET_MAC;
	msg[1] = 0x666d7602;
	msg[2] = last << 8;
	return nic_mailbox(vf, msg, 3, 1);
}

FIXTURE_SETUP(walk)
{
	self->buf = (struct mig_buf){ 0 };
	self->a = vf_open(vf_bdf(0), NULL);
	self->b = vf_open(vf_bdf(1), NULL);
	if (!variant->mapped) {
		unmap_doorbells(self->a);
		unmap_doorbells(self->b);
	}
	if (variant->joined) {
		ASSERT_EQ(0, join(self->a, 0x1a));
		ASSERT_EQ(0, join(self->b, 0x1b));
	}
}

FIXTURE_TEARDOWN(walk)
{
	mig_buf_free(&self->buf);
	vf_close(self->a);
	vf_close(self->b);
}

static bool is_txdctl(unsigned int i)
{
	return vf_regs[i].offset == VF_TXDCTL(0) || vf_regs[i].offset == VF_TXDCTL(1);
}

static void expect_regs(struct __test_metadata *_metadata, struct vf *vf, const u32 *want,
			const char *when)
{
	u32 got[VF_REGS_MAX];
	unsigned int i;

	vf_regs_read(vf, got);
	for (i = 0; i < vf_regs_count; i++) {
		EXPECT_EQ(want[i], got[i]) {
			TH_LOG("%s %s: %#x, want %#x", when, vf_regs[i].name, got[i], want[i]);
		}
	}
}

/*
 * A transmit queue that was loaded and not started is parked: TDT is at TDH, and
 * TXDCTL is 0 for those who look through the mapping. Nobody but a test does.
 */
static void expect_parked(struct __test_metadata *_metadata, struct vf *vf, const u32 *want,
			  const char *when)
{
	u32 parked[VF_REGS_MAX], head = 0;
	unsigned int i;

	for (i = 0; i < vf_regs_count; i++) {
		parked[i] = want[i];
		if (vf_regs[i].offset == VF_TDH(0) || vf_regs[i].offset == VF_TDH(1))
			head = want[i];
		if (vf_regs[i].offset == VF_TDT(0) || vf_regs[i].offset == VF_TDT(1))
			parked[i] = head;
		if (vf->doorbells && is_txdctl(i))
			parked[i] = 0;
	}
	expect_regs(_metadata, vf, parked, when);
}

/* The guest holds the mailbox, or the dead one before it did. */
static void hold_mailbox(struct __test_metadata *_metadata, struct vf *vf)
{
	vf_write(vf, VF_MAILBOX, VF_MBX_VFU);
	ASSERT_TRUE(vf_read(vf, VF_MAILBOX) & VF_MBX_VFU);
}

TEST_F(walk, patterns_arrive)
{
	u32 want[VF_REGS_MAX], poison[VF_REGS_MAX];
	struct mig_buf again = { 0 };
	bool held;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(patterns); i++) {
		TH_LOG("pattern %#x", patterns[i]);
		held = i & 1;
		fill(want, patterns[i], false);
		fill(poison, patterns[i], true);
		vf_write(self->a, VF_MAILBOX, 0);
		hold_mailbox(_metadata, self->b);
		if (held)
			hold_mailbox(_metadata, self->a);
		vf_regs_write(self->a, want);
		vf_regs_write(self->b, poison);
		expect_regs(_metadata, self->a, want, "as written");
		expect_regs(_metadata, self->b, poison, "poisoned");

		ASSERT_EQ(0, mig_save(vf_fd(self->a), &self->buf));
		expect_regs(_metadata, self->a, want, "source in STOP_COPY");
		ASSERT_EQ(0, mig_load(vf_fd(self->b), &self->buf));
		expect_parked(_metadata, self->b, want, "destination in STOP");

		/* What was loaded is what is saved. */
		ASSERT_EQ(0, mig_save(vf_fd(self->b), &again));
		EXPECT_TRUE(mig_buf_equal(&self->buf, &again));

		ASSERT_EQ(0, mig_set(vf_fd(self->b), VFIO_DEVICE_STATE_RUNNING, NULL));
		expect_regs(_metadata, self->b, want, "destination in RUNNING");
		EXPECT_EQ(held, !!(vf_read(self->b, VF_MAILBOX) & VF_MBX_VFU));

		ASSERT_EQ(0, mig_set(vf_fd(self->a), VFIO_DEVICE_STATE_RUNNING, NULL));
		expect_regs(_metadata, self->a, want, "source after a cancel");
		EXPECT_EQ(held, !!(vf_read(self->a, VF_MAILBOX) & VF_MBX_VFU));
	}
	mig_buf_free(&again);
}

/* A write of TXDCTL through the mapping is not seen, and is lost. */
static void keep_txdctl(struct vf *vf, u32 *values, const u32 *old)
{
	unsigned int i;

	for (i = 0; i < vf_regs_count; i++)
		if (vf->doorbells && is_txdctl(i))
			values[i] = old[i];
}

TEST_F(walk, writes_while_stopped_arrive)
{
	u32 first[VF_REGS_MAX], second[VF_REGS_MAX], third[VF_REGS_MAX];

	fill(first, SCATTERED, true);
	fill(second, SCATTERED, false);
	fill(third, 0x55555555, false);
	keep_txdctl(self->a, second, first);
	keep_txdctl(self->b, third, first);

	vf_regs_write(self->a, first);
	ASSERT_EQ(0, mig_set(vf_fd(self->a), VFIO_DEVICE_STATE_STOP, NULL));
	vf_regs_write(self->a, second);
	expect_regs(_metadata, self->a, second, "in STOP");
	ASSERT_EQ(0, mig_save(vf_fd(self->a), &self->buf));
	ASSERT_EQ(0, mig_load(vf_fd(self->b), &self->buf));
	expect_parked(_metadata, self->b, second, "destination in STOP");
	vf_regs_write(self->b, third);
	expect_regs(_metadata, self->b, third, "rewritten in STOP");
	ASSERT_EQ(0, mig_set(vf_fd(self->b), VFIO_DEVICE_STATE_RUNNING, NULL));
	expect_regs(_metadata, self->b, third, "destination in RUNNING");
	ASSERT_EQ(0, mig_set(vf_fd(self->a), VFIO_DEVICE_STATE_RUNNING, NULL));
	expect_regs(_metadata, self->a, second, "source after a cancel");
}

FIXTURE(stopped)
{
	struct testnet net;
};

FIXTURE_SETUP(stopped)
{
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

FIXTURE_TEARDOWN(stopped)
{
	testnet_close(&self->net);
}

static int guest_set(struct testnet *net, u32 state)
{
	return mig_set(vf_fd(net->guest.vf), state, NULL);
}

/* Slots that are given back while the device is stopped. */
TEST_F(stopped, tail_is_kept)
{
	struct testnet *net = &self->net;
	struct nic *guest = &net->guest;
	u32 tail;

	ASSERT_TRUE(testnet_send(net, PEER_TO_GUEST, 11));
	ASSERT_TRUE(nic_drain(&net->peer, 0, NIC_TIMEOUT_MS));
	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_STOP));
	tail = vf_read(guest->vf, VF_RDT(0));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	EXPECT_EQ((tail + 11) % NIC_RX_RING, vf_read(guest->vf, VF_RDT(0)));
	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_EQ((tail + 11) % NIC_RX_RING, vf_read(guest->vf, VF_RDT(0)));
	ASSERT_TRUE(testnet_exchange(net, 2 * NIC_RX_RING));
}

/* A queue that is switched off and on again while the device is stopped. */
TEST_F(stopped, queue_control_is_kept)
{
	u32 on = VF_RXDCTL_RESET | VF_QUEUE_ENABLE;
	struct testnet *net = &self->net;
	struct vf *vf = net->guest.vf;
	struct ledger dropped;
	u32 head;

	ledger_init(&dropped, 100);
	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_STOP));
	EXPECT_EQ(on, vf_read(vf, VF_RXDCTL(0)));
	vf_write(vf, VF_RXDCTL(0), VF_RXDCTL_RESET);
	EXPECT_EQ(VF_RXDCTL_RESET, vf_read(vf, VF_RXDCTL(0)));
	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_EQ(VF_RXDCTL_RESET, vf_read(vf, VF_RXDCTL(0)));
	head = vf_read(vf, VF_RDH(0));
	ASSERT_TRUE(nic_send(&net->peer, 0, &dropped, net->guest.mac, 3));
	ASSERT_TRUE(nic_drain(&net->peer, 0, NIC_TIMEOUT_MS));
	EXPECT_EQ(head, vf_read(vf, VF_RDH(0)));

	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_STOP));
	vf_write(vf, VF_RXDCTL(0), on);
	ASSERT_TRUE(nic_send(&net->peer, 0, &dropped, net->guest.mac, 3));
	ASSERT_TRUE(nic_drain(&net->peer, 0, NIC_TIMEOUT_MS));
	EXPECT_EQ(head, vf_read(vf, VF_RDH(0)));
	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_EQ(on, vf_read(vf, VF_RXDCTL(0)));
	ASSERT_TRUE(testnet_exchange(net, 2 * NIC_RX_RING));
}

TEST_F(stopped, mask_is_kept)
{
	struct testnet *net = &self->net;
	struct vf *vf = net->guest.vf;
	unsigned int vector;

	vf_write(vf, VF_EIMC, VF_EIMASK);
	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_STOP));
	EXPECT_EQ(0, vf_read(vf, VF_EIMS));
	usleep(VF_THROTTLE_US);
	vf_irq_drain(vf);
	vf_write(vf, VF_EIMS, VF_EIMASK);
	vf_write(vf, VF_EICS, VF_EIMASK);
	EXPECT_EQ(VF_EIMASK, vf_read(vf, VF_EIMS));
	for (vector = 0; vector < VF_VECTORS; vector++)
		EXPECT_FALSE(vf_irq_wait(vf, vector, QUIET_MS));
	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_RUNNING));
	for (vector = 0; vector < VF_VECTORS; vector++)
		EXPECT_TRUE(vf_irq_wait(vf, vector, IRQ_MS));

	/* And the other way round. */
	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_STOP));
	usleep(VF_THROTTLE_US);
	vf_irq_drain(vf);
	vf_write(vf, VF_EIMC, VF_EIMASK);
	ASSERT_EQ(0, guest_set(net, VFIO_DEVICE_STATE_RUNNING));
	for (vector = 0; vector < VF_VECTORS; vector++)
		EXPECT_FALSE(vf_irq_wait(vf, vector, QUIET_MS));
	EXPECT_EQ(0, vf_read(vf, VF_EIMS));
}

/*
 * A change that makes the device slower to move has to say so here. Only what
 * waits for the PF may differ from run to run: by a poll or some.
 *
 * quiesce: RXDCTL and TXDCTL of both queues, RDT; queues that are on are switched
 * off, seen to be off (receive) or empty (transmit: TDT and TDH twice or so); mask;
 * mailbox.
 */
#define BUDGET_QUIESCE	18
#define BUDGET_STOP	0
/* TDT, 10 receive, 14 transmit, 7 interrupt registers, 16 words, 9 counters. */
#define BUDGET_SAVE	59
/*
 * Reads: 1 cause, 1 for the PF's reset, 7 for each of two messages (buffer, stale
 * bits, answer and its notice in one look, buffer, 3 words), 1 for the buffer,
 * 28 to compare, 9 counters. Writes: see the list in igbvf-vfio-pci.rst.
 */
#define BUDGET_LOAD	(1 + 1 + 2 * 7 + 1 + 28 + 9 + 78)
#define BUDGET_POLLS	40

TEST_F(stopped, mmio_within_budget)
{
	struct testnet *net = &self->net;
	struct arcs a[2], b[2];
	struct mig_buf buf = { 0 };
	struct arc arc;
	struct vf *vf;

	vf = vf_open(vf_bdf(2), &net->guest.ram);
	if (!arcs_read(net->guest.vf->bdf, &a[0]) || !arcs_read(vf->bdf, &b[0]))
		SKIP(return, "the driver has no account of its arcs in debugfs");
	ASSERT_EQ(0, mig_save(vf_fd(net->guest.vf), &buf));
	ASSERT_EQ(0, mig_load(vf_fd(vf), &buf));
	ASSERT_TRUE(arcs_read(net->guest.vf->bdf, &a[1]));
	ASSERT_TRUE(arcs_read(vf->bdf, &b[1]));
	mig_buf_free(&buf);
	vf_close(vf);

	arc = arcs_delta(&a[0], &a[1], "RUNNING", "RUNNING_P2P");
	TH_LOG("quiesce: %llu reads, %llu writes", arc.reads, arc.writes);
	EXPECT_EQ(1, arc.calls);
	EXPECT_EQ(BUDGET_QUIESCE, arc.reads + arc.writes);
	arc = arcs_delta(&a[0], &a[1], "RUNNING_P2P", "STOP");
	EXPECT_EQ(1, arc.calls);
	EXPECT_GE(BUDGET_STOP, arc.reads + arc.writes);
	arc = arcs_delta(&a[0], &a[1], "STOP", "STOP_COPY");
	TH_LOG("save: %llu reads, %llu writes", arc.reads, arc.writes);
	EXPECT_EQ(1, arc.calls);
	EXPECT_EQ(0, arc.writes);
	EXPECT_EQ(BUDGET_SAVE, arc.reads);
	arc = arcs_delta(&b[0], &b[1], "LOAD", "LOAD");
	TH_LOG("load: %llu reads, %llu writes", arc.reads, arc.writes);
	EXPECT_EQ(1, arc.calls);
	EXPECT_LE(BUDGET_LOAD, arc.reads + arc.writes);
	EXPECT_GE(BUDGET_LOAD + BUDGET_POLLS, arc.reads + arc.writes);
}

TEST_HARNESS_MAIN
