// SPDX-License-Identifier: GPL-2.0-only
/*
 * Interrupts of a guest that moves: none is lost, be it masked, pending or put off
 * by the throttle; next to none is made up; and the throttle is the guest's.
 *
 * The guest here raises none by itself, as igbvf does every two seconds for the
 * sake of a lost one.
 */
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "interrupts.h"
#include "migration.h"
#include "testnet.h"

/* The longest; and what igbvf uses for bulk traffic. */
#define THROTTLE_MAX	0x7ffeu
#define THROTTLE_BULK	980u
/* What it is in the profile; in QEMU it is four times as long. */
#define THROTTLE_MAX_NS	((THROTTLE_MAX >> 2) * 1000ull)

FIXTURE(interrupts)
{
	struct testnet net;
};

FIXTURE_SETUP(interrupts)
{
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

FIXTURE_TEARDOWN(interrupts)
{
	if (!testnet_complete(&self->net))
		testnet_print(&self->net);
	testnet_close(&self->net);
}

static void throttle(struct vf *vf, u32 value)
{
	unsigned int k;

	for (k = 0; k < VF_VECTORS; k++)
		vf_write(vf, VF_EITR(k), value);
}

/* What came with the start of the device, or is late, is seen off. */
static void settle(struct vf *vf)
{
	unsigned int counts[VF_VECTORS] = { 0 };

	usleep(VF_THROTTLE_US);
	irq_count(vf, counts);
}

/* An idle guest, and the first thing that happens after it has settled. */
TEST_F(interrupts, T06_one_frame_after_a_resume)
{
	static const unsigned int to[] = { 2, 3, 0, 2 };
	struct testnet *net = &self->net;
	u64 rx_ns, tx_ns;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(to); i++) {
		throttle(net->guest.vf, i & 1 ? THROTTLE_BULK : 0);
		ASSERT_EQ(0, testnet_migrate(net, to[i], i & 2));
		settle(net->guest.vf);
		EXPECT_EQ(IRQ_RX, irq_of_receive(net, &rx_ns));
		EXPECT_EQ(IRQ_TX, irq_of_send(net, &tx_ns));
		TH_LOG("to function %u: received after %lu us, sent after %lu us", to[i],
		       rx_ns / 1000, tx_ns / 1000);
	}
	ASSERT_TRUE(testnet_exchange(net, NIC_RX_RING));
}

/* Received at the source, and the guest has not seen the interrupt. */
TEST_F(interrupts, T06_work_that_the_guest_has_not_seen)
{
	struct testnet *net = &self->net;
	struct vf *vf;

	ASSERT_TRUE(testnet_send(net, PEER_TO_GUEST, 3));
	testnet_settle(net);
	vf = testnet_arrive(net, 2, false, NULL);
	ASSERT_NE(NULL, vf);
	vf_vmm_setup(vf);
	EXPECT_EQ(0, irq_collect(vf, 0));
	ASSERT_EQ(0, testnet_depart(net, vf));
	EXPECT_EQ(VF_EIMASK, irq_collect(vf, VF_EIMASK));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	EXPECT_TRUE(irq_works(net));
	ASSERT_TRUE(testnet_exchange(net, NIC_RX_RING));
}

/*
 * Masked as in the middle of NAPI, and then there is something to tell on each vector.
 */
static bool mask_and_raise(struct testnet *net)
{
	struct vf *vf = net->guest.vf;

	vf_write(vf, VF_EIMC, VF_EIMASK);
	settle(vf);
	vf_write(vf, VF_EICS, IRQ_OTHER);
	return testnet_send(net, PEER_TO_GUEST, 3) && testnet_send(net, GUEST_TO_PEER, 2) &&
	       !irq_collect(vf, 0);
}

static void expect_on_unmask(struct __test_metadata *_metadata, struct testnet *net)
{
	struct vf *vf = net->guest.vf;
	unsigned int k;

	EXPECT_EQ(0, vf_read(vf, VF_EIMS));
	/* At the start a provider may send the messages of all vectors. */
	irq_collect(vf, 0);
	/* One after the other, and each brings what it is about. */
	for (k = 0; k < VF_VECTORS; k++) {
		vf_write(vf, VF_EIMS, BIT(k));
		EXPECT_EQ(BIT(k), irq_collect(vf, BIT(k))) {
			TH_LOG("vector %u", k);
		}
	}
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	EXPECT_TRUE(irq_works(net));
	ASSERT_TRUE(testnet_exchange(net, NIC_RX_RING));
}

TEST_F(interrupts, T07_masked_and_pending_comes_on_unmask)
{
	ASSERT_TRUE(mask_and_raise(&self->net));
	ASSERT_EQ(0, testnet_migrate(&self->net, 2, false));
	expect_on_unmask(_metadata, &self->net);
}

TEST_F(interrupts, T07_masked_and_pending_survives_a_cancel)
{
	ASSERT_TRUE(mask_and_raise(&self->net));
	ASSERT_EQ(0, testnet_set(&self->net, VFIO_DEVICE_STATE_STOP_COPY));
	ASSERT_EQ(0, testnet_set(&self->net, VFIO_DEVICE_STATE_RUNNING));
	expect_on_unmask(_metadata, &self->net);
}

TEST_F(interrupts, T07_masked_and_pending_survives_two_hops)
{
	ASSERT_TRUE(mask_and_raise(&self->net));
	ASSERT_EQ(0, testnet_migrate(&self->net, 2, false));
	irq_collect(self->net.guest.vf, 0);
	ASSERT_EQ(0, testnet_migrate(&self->net, 3, true));
	expect_on_unmask(_metadata, &self->net);
}

/* The second hop takes what has never run on the first. */
TEST_F(interrupts, T07_masked_and_pending_passes_through)
{
	struct testnet *net = &self->net;
	struct vf *vf, *old = net->guest.vf;

	ASSERT_TRUE(mask_and_raise(net));
	vf = testnet_arrive(net, 2, false, NULL);
	ASSERT_NE(NULL, vf);
	net->guest.vf = vf;
	vf_close(old);
	ASSERT_EQ(0, testnet_migrate(net, 3, false));
	expect_on_unmask(_metadata, net);
}

/* One vector of three, with traffic on the others. */
TEST_F(interrupts, T07_one_vector_masked)
{
	struct testnet *net = &self->net;
	struct vf *vf;

	vf_write(net->guest.vf, VF_EIMC, IRQ_RX);
	ASSERT_TRUE(testnet_send(net, PEER_TO_GUEST, 3));
	testnet_settle(net);
	ASSERT_EQ(0, testnet_migrate(net, 2, false));
	vf = net->guest.vf;
	EXPECT_EQ(VF_EIMASK & ~IRQ_RX, vf_read(vf, VF_EIMS));
	EXPECT_EQ(VF_EIMASK & ~IRQ_RX, irq_collect(vf, VF_EIMASK & ~IRQ_RX) & ~IRQ_RX);
	vf_write(vf, VF_EIMS, IRQ_RX);
	EXPECT_EQ(IRQ_RX, irq_collect(vf, IRQ_RX));
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	ASSERT_TRUE(testnet_exchange(net, NIC_RX_RING));
}

/* A guest that is stopped writes nothing; if it does, no interrupt is lost by that. */
TEST_F(interrupts, mask_written_while_stopped)
{
	struct testnet *net = &self->net;
	struct vf *vf = net->guest.vf;

	vf_write(vf, VF_EIMC, VF_EIMASK);
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP));
	settle(vf);
	vf_write(vf, VF_EIMS, VF_EIMASK);
	vf_write(vf, VF_EICS, VF_EIMASK);
	EXPECT_EQ(0, irq_collect(vf, 0));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_EQ(VF_EIMASK, irq_collect(vf, VF_EIMASK));

	/* One that it masks now is not masked: too many, not too few. */
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP));
	settle(vf);
	vf_write(vf, VF_EIMC, VF_EIMASK);
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_EQ(VF_EIMASK, irq_collect(vf, VF_EIMASK));
	EXPECT_EQ(VF_EIMASK, vf_read(vf, VF_EIMS));
}

/*
 * How often each vector comes if it is raised once: QEMU raises it again when the
 * time of the throttle is over, whether or not there was a reason to; others need not.
 */
static void count_one_raise(struct vf *vf, unsigned int *counts)
{
	settle(vf);
	vf_write(vf, VF_EICS, VF_EIMASK);
	usleep(VF_THROTTLE_US);
	irq_count(vf, counts);
}

static void expect_one_raise(struct __test_metadata *_metadata, struct vf *vf,
			     const unsigned int *once, const char *when)
{
	unsigned int counts[VF_VECTORS] = { 0 }, k;

	usleep(VF_THROTTLE_US);
	irq_count(vf, counts);
	for (k = 0; k < VF_VECTORS; k++) {
		EXPECT_LE(1, counts[k]);
		EXPECT_GE(once[k], counts[k]) {
			TH_LOG("%s: vector %u came %u times, for %u if it is raised once", when, k,
			       counts[k], once[k]);
		}
	}
}

/* A guest with nothing to tell: at most one spurious interrupt for each vector. */
TEST_F(interrupts, one_spurious_interrupt_at_most)
{
	static const u32 throttles[] = { 0, THROTTLE_MAX };
	struct testnet *net = &self->net;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(throttles); i++) {
		unsigned int once[VF_VECTORS] = { 0 };

		throttle(net->guest.vf, throttles[i]);
		count_one_raise(net->guest.vf, once);
		for (k = 0; k < VF_VECTORS; k++)
			ASSERT_TRUE(once[k] == 1 || (i && once[k] == 2));
		ASSERT_EQ(0, testnet_migrate(net, i ? 3 : 2, i));
		expect_one_raise(_metadata, net->guest.vf, once, "after a migration");

		settle(net->guest.vf);
		ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP_COPY));
		EXPECT_EQ(0, irq_collect(net->guest.vf, 0));
		ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
		expect_one_raise(_metadata, net->guest.vf, once, "after a cancel");
	}
}

/*
 * The first interrupt has started the throttle, so the second is in its timer only,
 * where nobody can see it. At the source it may come late; and on the destination
 * it has to come.
 */
static bool put_off(struct testnet *net, unsigned int *once)
{
	u32 head = vf_ask(net->guest.vf, VF_RDH(0));
	struct vf *vf = net->guest.vf;
	bool ok;

	throttle(vf, THROTTLE_MAX);
	count_one_raise(vf, once);
	ok = testnet_send(net, PEER_TO_GUEST, 1) && vf_irq_wait(vf, NIC_VEC_RX, IRQ_MS) &&
	     testnet_send(net, PEER_TO_GUEST, 1);
	while (ok && vf_read(vf, VF_RDH(0)) != (head + 2) % NIC_RX_RING)
		usleep(100);
	return ok;
}

TEST_F(interrupts, put_off_by_the_throttle_is_not_lost)
{
	unsigned int counts[VF_VECTORS] = { 0 }, once[VF_VECTORS] = { 0 };
	struct testnet *net = &self->net;
	struct vf *vf;

	ASSERT_TRUE(put_off(net, once));
	vf = testnet_arrive(net, 2, false, NULL);
	ASSERT_NE(NULL, vf);
	usleep(VF_THROTTLE_US);
	irq_count(net->guest.vf, counts);
	EXPECT_GE(1, counts[NIC_VEC_RX]);
	ASSERT_EQ(0, testnet_depart(net, vf));
	expect_one_raise(_metadata, vf, once, "on the destination");
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	EXPECT_TRUE(irq_works(net));
}

TEST_F(interrupts, put_off_by_the_throttle_survives_a_cancel)
{
	unsigned int counts[VF_VECTORS] = { 0 }, once[VF_VECTORS] = { 0 };
	struct testnet *net = &self->net;
	struct vf *vf = net->guest.vf;

	ASSERT_TRUE(put_off(net, once));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP_COPY));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	usleep(VF_THROTTLE_US);
	irq_count(vf, counts);
	/* That of the timer, and that of the start; or one for both. */
	EXPECT_LE(1, counts[NIC_VEC_RX]);
	EXPECT_GE(1 + once[NIC_VEC_RX], counts[NIC_VEC_RX]);
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	EXPECT_TRUE(irq_works(net));
}

/* Bits 15:0 are state, and they are all kept, also those that QEMU makes no use of. */
TEST_F(interrupts, throttle_is_exact)
{
	static const u32 values[] = { 0xffff, 0x0001, 0x8000, 0x7ffe, 0x5aa5, 0x0000 };
	static const unsigned int to[] = { 2, 3, 0 };
	struct testnet *net = &self->net;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(values); i++) {
		for (k = 0; k < VF_VECTORS; k++)
			vf_write(net->guest.vf, VF_EITR(k), 0xffff0000 | (values[i] ^ k << 4));
		ASSERT_EQ(0, testnet_migrate(net, to[i % ARRAY_SIZE(to)], false));
		for (k = 0; k < VF_VECTORS; k++)
			EXPECT_EQ(values[i] ^ k << 4, vf_read(net->guest.vf, VF_EITR(k)));
	}
}

/* The time that it takes to raise the same vector some times, one after the other. */
static u64 raise_in_turn(struct vf *vf, unsigned int times)
{
	u64 start = now_ns();

	while (times--) {
		vf_write(vf, VF_EICS, IRQ_OTHER);
		if (!vf_irq_wait(vf, NIC_VEC_OTHER, IRQ_MS))
			return 0;
	}
	return now_ns() - start;
}

/* It is not only readable: interrupts come no faster than it allows. */
TEST_F(interrupts, throttle_works_on_the_destination)
{
	const unsigned int times = 9;
	struct testnet *net = &self->net;
	u64 fast, slow;

	throttle(net->guest.vf, THROTTLE_MAX);
	ASSERT_EQ(0, testnet_migrate(net, 2, false));
	settle(net->guest.vf);
	slow = raise_in_turn(net->guest.vf, times);
	throttle(net->guest.vf, 0);
	settle(net->guest.vf);
	fast = raise_in_turn(net->guest.vf, times);
	TH_LOG("%u interrupts: %lu us with the throttle, %lu us without", times, slow / 1000,
	       fast / 1000);
	EXPECT_LT(0, fast);
	/* The first is free. */
	EXPECT_LT((times - 1) * THROTTLE_MAX_NS, slow);
}

TEST_HARNESS_MAIN
