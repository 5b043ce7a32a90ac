// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every register that a guest can write arrives on the destination, whatever
 * was in there before; what the guest writes while the device is stopped takes
 * effect when it runs; and none of this costs more MMIO than it should.
 */
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "arcs.h"
#include "migration.h"
#include "testnet.h"
#include "vf_request.h"

static const u32 patterns[] = { 0x00000000, 0xffffffff, 0x55555555, 0xaaaaaaaa };

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

static const u8 mac_a[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x1a };
static const u8 mac_b[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x1b };

FIXTURE_SETUP(walk)
{
	self->buf = (struct mig_buf){ 0 };
	self->a = vf_open(vf_bdf(0), NULL);
	self->b = vf_open(vf_bdf(1), NULL);
	if (!variant->mapped) {
		vf_unmap(self->a);
		vf_unmap(self->b);
	}
	/* Without vectors a message stays pending, and its bit of the mask is in doubt. */
	vf_irq_enable(self->a);
	vf_irq_enable(self->b);
	if (variant->joined) {
		ASSERT_EQ(0, vf_join(self->a, mac_a));
		ASSERT_EQ(0, vf_join(self->b, mac_b));
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
 * What was loaded and not started may be parked: TDT is at TDH, and TXDCTL is 0 for
 * those who look through the mapping, which nobody but a test does. EIMS need not be
 * written before the start, and shows in QEMU what the last guest wrote.
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
			parked[i] = vf_read(vf, vf_regs[i].offset) == want[i] ? want[i] : head;
		if (vf_shows_device(vf, VF_PAGE_TX) && is_txdctl(i))
			parked[i] = 0;
		if (vf_regs[i].offset == VF_EIMS)
			parked[i] = vf_read(vf, VF_EIMS);
	}
	expect_regs(_metadata, vf, parked, when);
}

/* The guest holds the mailbox, or the dead one before it did. */
static void hold_mailbox(struct __test_metadata *_metadata, struct vf *vf)
{
	vf_write(vf, VF_MAILBOX, VF_MBX_VFU);
	ASSERT_TRUE(vf_read(vf, VF_MAILBOX) & VF_MBX_VFU);
}

TEST_F(walk, T01_patterns_arrive)
{
	u32 want[VF_REGS_MAX], started[VF_REGS_MAX], poison[VF_REGS_MAX];
	struct mig_buf again = { 0 };
	bool held;
	unsigned int i;

	for (i = 0; i <= ARRAY_SIZE(patterns); i++) {
		TH_LOG("pattern %u", i);
		held = i & 1;
		if (i < ARRAY_SIZE(patterns))
			vf_regs_fill(want, patterns[i]);
		else
			vf_regs_scatter(want, i);
		memcpy(started, want, sizeof(started));
		memcpy(poison, want, sizeof(poison));
		vf_regs_invert(poison);
		/* A throttle that is made shorter while it runs leaves its vector in doubt. */
		usleep(VF_THROTTLE_US);
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
		vf_regs_start(self->b, started, want);
		expect_regs(_metadata, self->b, started, "destination in RUNNING");
		EXPECT_EQ(held, !!(vf_read(self->b, VF_MAILBOX) & VF_MBX_VFU));

		ASSERT_EQ(0, mig_set(vf_fd(self->a), VFIO_DEVICE_STATE_RUNNING, NULL));
		vf_regs_masked(self->a, want);
		expect_regs(_metadata, self->a, want, "source after a cancel");
		EXPECT_EQ(held, !!(vf_read(self->a, VF_MAILBOX) & VF_MBX_VFU));
	}
	mig_buf_free(&again);
}

/* A write of EIMS is not seen, nor one of TXDCTL through the mapping, and is lost. */
static void keep_unseen(struct vf *vf, u32 *values, const u32 *old)
{
	unsigned int i;

	for (i = 0; i < vf_regs_count; i++)
		if (vf_regs[i].offset == VF_EIMS ||
		    (vf_shows_device(vf, VF_PAGE_TX) && is_txdctl(i)))
			values[i] = old[i];
}

TEST_F(walk, T01_writes_while_stopped_arrive)
{
	u32 first[VF_REGS_MAX], second[VF_REGS_MAX], third[VF_REGS_MAX];

	vf_regs_scatter(first, 1);
	vf_regs_scatter(second, 2);
	vf_regs_fill(third, 0x55555555);
	keep_unseen(self->a, second, first);
	keep_unseen(self->b, third, first);

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
	vf_regs_start(self->b, third, second);
	expect_regs(_metadata, self->b, third, "destination in RUNNING");
	ASSERT_EQ(0, mig_set(vf_fd(self->a), VFIO_DEVICE_STATE_RUNNING, NULL));
	vf_regs_masked(self->a, second);
	expect_regs(_metadata, self->a, second, "source after a cancel");
}

/* The number of a function is in no register that the guest sees. */
TEST(T01_every_function_to_every_other)
{
	u32 want[VF_REGS_MAX], got[VF_REGS_MAX];
	struct mig_buf stream = { 0 };
	unsigned int from, to, i;
	struct vf *vfs[VF_MAX];

	for (i = 0; i < VF_MAX; i++) {
		vfs[i] = vf_open(vf_bdf(i), NULL);
		vf_irq_enable(vfs[i]);
	}
	for (i = 0; i < VF_MAX * VF_MAX; i++) {
		from = i / VF_MAX;
		to = i % VF_MAX;
		if (from == to)
			continue;
		TH_LOG("function %u to %u", from, to);
		vf_regs_scatter(want, i);
		vf_regs_write(vfs[from], want);
		ASSERT_EQ(0, mig_save(vf_fd(vfs[from]), &stream));
		ASSERT_EQ(0, mig_load(vf_fd(vfs[to]), &stream));
		ASSERT_EQ(0, mig_set(vf_fd(vfs[to]), VFIO_DEVICE_STATE_RUNNING, NULL));
		vf_regs_read(vfs[from], got);
		EXPECT_EQ(NULL, vf_regs_differ(want, got));
		vf_regs_start(vfs[to], want, want);
		expect_regs(_metadata, vfs[to], want, "destination");
		ASSERT_EQ(0, mig_set(vf_fd(vfs[from]), VFIO_DEVICE_STATE_RUNNING, NULL));
	}
	for (i = 0; i < VF_MAX; i++)
		vf_close(vfs[i]);
	mig_buf_free(&stream);
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

/* Slots that are given back while the device is stopped. */
TEST_F(stopped, tail_is_kept)
{
	struct testnet *net = &self->net;
	struct nic *guest = &net->guest;
	u32 tail;

	ASSERT_TRUE(testnet_send(net, PEER_TO_GUEST, 11));
	testnet_settle(net);
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP));
	tail = vf_read(guest->vf, VF_RDT(0));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	EXPECT_EQ((tail + 11) % NIC_RX_RING, vf_read(guest->vf, VF_RDT(0)));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
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
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP));
	EXPECT_EQ(on, vf_read(vf, VF_RXDCTL(0)));
	vf_write(vf, VF_RXDCTL(0), VF_RXDCTL_RESET);
	EXPECT_EQ(VF_RXDCTL_RESET, vf_read(vf, VF_RXDCTL(0)));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_EQ(VF_RXDCTL_RESET, vf_read(vf, VF_RXDCTL(0)));
	head = vf_read(vf, VF_RDH(0));
	ASSERT_TRUE(nic_send(&net->peer, 0, &dropped, net->guest.mac, 3));
	ASSERT_TRUE(nic_drain(&net->peer, 0, NIC_TIMEOUT_MS));
	EXPECT_EQ(head, vf_read(vf, VF_RDH(0)));

	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP));
	vf_write(vf, VF_RXDCTL(0), on);
	ASSERT_TRUE(nic_send(&net->peer, 0, &dropped, net->guest.mac, 3));
	ASSERT_TRUE(nic_drain(&net->peer, 0, NIC_TIMEOUT_MS));
	EXPECT_EQ(head, vf_read(vf, VF_RDH(0)));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_EQ(on, vf_read(vf, VF_RXDCTL(0)));
	ASSERT_TRUE(testnet_exchange(net, 2 * NIC_RX_RING));
}

/*
 * What each arc of one migration of a guest with two queue pairs up may cost in
 * accesses to BAR 0, as in igbvf-vfio-pci.rst. A change that makes the device
 * slower to move has to say so there and here. @waiting is for reads that wait for
 * the PF to answer, of which there are more on a busy machine.
 */
static const struct budget {
	bool destination;
	const char *from;
	const char *to;
	unsigned long long reads;
	unsigned long long writes;
	unsigned long long waiting;
} budgets[] = {
	{ false, "RUNNING", "PRE_COPY", 66, 0, 0 },
	{ false, "PRE_COPY", "RUNNING", 0, 0, 0 },
	{ false, "RUNNING", "RUNNING_P2P", 43, 14, 0 },
	{ false, "RUNNING_P2P", "STOP", 0, 0, 0 },
	{ false, "STOP", "STOP_COPY", 49, 0, 0 },
	{ true, "RUNNING", "RUNNING_P2P", 37, 12, 0 },
	{ true, "RUNNING_P2P", "STOP", 0, 0, 0 },
	{ true, "STOP", "RESUMING", 0, 0, 0 },
	{ true, "LOAD", "LOAD", 56, 78, 40 },
	{ true, "RESUMING", "STOP", 0, 0, 0 },
	{ true, "STOP", "RUNNING_P2P", 3, 0, 0 },
	{ true, "RUNNING_P2P", "RUNNING", 9, 8, 0 },
};

/* A tenth more is not worth a thought. */
static bool within(unsigned long long count, unsigned long long budget)
{
	return 10 * count <= 11 * budget;
}

TEST_F(stopped, mmio_within_budget)
{
	struct testnet *net = &self->net;
	struct arcs a[2], b[2];
	struct mig_buf buf = { 0 };
	const struct budget *limit;
	struct arc arc;
	struct vf *vf;
	unsigned int i;

	vf = vf_open(vf_bdf(2), &net->guest.ram);
	if (!arcs_read(net->guest.vf->bdf, &a[0]) || !arcs_read(vf->bdf, &b[0]))
		SKIP(return, "the driver has no account of its arcs in debugfs");
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_PRE_COPY));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	ASSERT_EQ(0, mig_save(vf_fd(net->guest.vf), &buf));
	ASSERT_EQ(0, mig_load(vf_fd(vf), &buf));
	vf_vmm_setup(vf);
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING, NULL));
	ASSERT_TRUE(arcs_read(net->guest.vf->bdf, &a[1]));
	ASSERT_TRUE(arcs_read(vf->bdf, &b[1]));
	mig_buf_free(&buf);

	for (i = 0; i < ARRAY_SIZE(budgets); i++) {
		limit = &budgets[i];
		arc = limit->destination ? arcs_delta(&b[0], &b[1], limit->from, limit->to) :
					   arcs_delta(&a[0], &a[1], limit->from, limit->to);
		TH_LOG("%s to %s: %llu reads, %llu writes; budget %llu, %llu", limit->from,
		       limit->to, arc.reads, arc.writes, limit->reads, limit->writes);
		EXPECT_EQ(1, arc.calls);
		EXPECT_TRUE(within(arc.reads, limit->reads + limit->waiting));
		EXPECT_TRUE(within(arc.writes, limit->writes));
		/* Less is a wait that is missing, or an account that does not count. */
		EXPECT_LE(limit->reads, arc.reads);
	}
	/* The time that Intel's drivers give to what is under way. */
	arc = arcs_delta(&a[0], &a[1], "RUNNING", "RUNNING_P2P");
	EXPECT_LE(10000000, arc.total_ns);
	vf_close(vf);
}

TEST_HARNESS_MAIN
