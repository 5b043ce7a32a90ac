// SPDX-License-Identifier: GPL-2.0-only
/*
 * A destination that had another owner before. A function-level reset clears next
 * to nothing on QEMU's model, and a reset of the PF switches queues of VF 0 on.
 */
#include <string.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "binding.h"
#include "interrupts.h"
#include "migration.h"
#include "pf_admin.h"
#include "testnet.h"

#define PLAIN	"vfio-pci"

/* The PF takes some seconds for a reset on a busy machine. */
#define RESET_S	100

/* Registers, vectors and mailbox in a state that no guest of ours leaves behind. */
static void poison(struct __test_metadata *_metadata, struct vf *vf, u32 *values)
{
	unsigned int i, q;

	vf_regs_scatter(values, 77);
	for (i = 0; i < vf_regs_count; i++) {
		/* A cause that is not cleared by its interrupt stays set, and blocks the next. */
		if (vf_regs[i].offset == VF_EIAC)
			values[i] = 0;
		if (vf_regs[i].offset == VF_EIMS)
			values[i] = VF_EIMASK;
		/* Vectors 0 and 1 at once, for what the PF has to say. */
		if (vf_regs[i].offset == VF_IVAR_MISC)
			values[i] = VF_IVAR_VALID | 3;
		if (vf_regs[i].offset == VF_EITR(0))
			values[i] = 1;
	}
	vf_vmm_setup(vf);
	vf_write(vf, VF_MAILBOX, VF_MBX_VFU);
	vf_regs_write(vf, values);
	for (q = 0; q < VF_QUEUES; q++) {
		ASSERT_NE(vf_read(vf, VF_TDH(q)), vf_read(vf, VF_TDT(q)));
		vf_write(vf, VF_TXDCTL(q), vf_read(vf, VF_TXDCTL(q)) | VF_QUEUE_ENABLE);
		vf_write(vf, VF_RXDCTL(q), vf_read(vf, VF_RXDCTL(q)) | VF_QUEUE_ENABLE);
	}
	vf_write(vf, VF_EICS, VF_EIMASK);
	EXPECT_EQ(VF_EIMASK, irq_collect(vf, VF_EIMASK));
	vf_write(vf, VF_EICS, VF_EIMASK);
	EXPECT_EQ(0, irq_collect(vf, 0));
}

/* What a reset, and with it the next owner, finds of it. */
static void expect_poisoned(struct __test_metadata *_metadata, struct vf *vf, const u32 *values)
{
	u32 found[VF_REGS_MAX];
	unsigned int i;

	vf_regs_read(vf, found);
	for (i = 0; i < vf_regs_count; i++) {
		EXPECT_EQ(values[i], found[i] & vf_regs[i].mask) {
			TH_LOG("%s", vf_regs[i].name);
		}
	}
	EXPECT_TRUE(vf_read(vf, VF_MAILBOX) & VF_MBX_VFU);
	vf_vmm_setup(vf);
	vf_write(vf, VF_EICS, VF_EIMASK);
	EXPECT_EQ(0, irq_collect(vf, 0));
}

FIXTURE(poisoned)
{
	struct testnet net;
};

FIXTURE_VARIANT(poisoned)
{
	bool plain;
	bool closed;
};

/* By a guest under plain vfio-pci, which leaves all of it, */
FIXTURE_VARIANT_ADD(poisoned, by_plain_vfio_pci)
{
	.plain = true,
	.closed = true,
};

/* under this driver, */
FIXTURE_VARIANT_ADD(poisoned, by_a_former_guest)
{
	.plain = false,
	.closed = true,
};

/* and by a guest that is still there when the stream comes. */
FIXTURE_VARIANT_ADD(poisoned, by_the_present_guest)
{
	.plain = false,
	.closed = false,
};

FIXTURE_SETUP(poisoned)
{
	/* Bits of EIAC can only be added, and stay for all owners until then. */
	ASSERT_EQ(0, pf_down());
	ASSERT_EQ(0, pf_up());
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

FIXTURE_TEARDOWN(poisoned)
{
	if (!testnet_complete(&self->net))
		testnet_print(&self->net);
	testnet_close(&self->net);
	EXPECT_TRUE(bind_driver(vf_bdf(2), driver_name()));
}

TEST_F_TIMEOUT(poisoned, T02_registers_arrive_as_they_were, RESET_S)
{
	u32 before[VF_REGS_MAX], after[VF_REGS_MAX], values[VF_REGS_MAX];
	unsigned int counts[VF_VECTORS] = { 0 }, k;
	struct testnet *net = &self->net;
	const struct vf_reg *differ;
	struct mig_buf stream = { 0 };
	struct vf *vf;

	/* Bits that are kept and do not count: QEMU repeats what it has throttled. */
	vf_write(net->guest.vf, VF_EITR(0), 0x8000);
	vf_write(net->guest.vf, VF_EITR(1), 0x0001);
	vf_write(net->guest.vf, VF_EITR(2), 0x8001);
	ASSERT_TRUE(bind_driver(vf_bdf(2), variant->plain ? PLAIN : driver_name()));
	vf = vf_open(vf_bdf(2), &net->guest.ram);
	poison(_metadata, vf, values);
	if (variant->closed) {
		vf_close(vf);
		if (variant->plain) {
			vf = vf_open(vf_bdf(2), NULL);
			expect_poisoned(_metadata, vf, values);
			vf_close(vf);
		}
		ASSERT_TRUE(bind_driver(vf_bdf(2), driver_name()));
		vf = vf_open(vf_bdf(2), &net->guest.ram);
	}

	vf_regs_read(net->guest.vf, before);
	ASSERT_EQ(0, mig_save(vf_fd(net->guest.vf), &stream));
	ASSERT_EQ(0, mig_load(vf_fd(vf), &stream));
	mig_buf_free(&stream);
	if (vf->irqs_on)
		irq_count(vf, counts);
	memset(counts, 0, sizeof(counts));
	ASSERT_EQ(0, testnet_depart(net, vf));
	irq_count(vf, counts);
	for (k = 0; k < VF_VECTORS; k++) {
		EXPECT_EQ(1, counts[k]) {
			TH_LOG("vector %u came %u times", k, counts[k]);
		}
	}
	vf_regs_read(vf, after);
	differ = vf_regs_differ(before, after);
	EXPECT_EQ(NULL, differ) {
		TH_LOG("%s is not as it was", differ->name);
	}
	EXPECT_EQ(0, vf_read(vf, VF_MAILBOX) & ~(VF_MBX_PFSTS | VF_MBX_PFACK));

	/* A cause that is stuck has its vector come once at most. */
	for (k = 0; k < 3; k++)
		EXPECT_TRUE(irq_works(net));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
}

FIXTURE(pf_was_reset)
{
	struct testnet net;
	struct mig_buf stream;
};

FIXTURE_VARIANT(pf_was_reset)
{
	bool opened_before;
};

/* While the VMM of the destination waits for the stream, */
FIXTURE_VARIANT_ADD(pf_was_reset, after_open)
{
	.opened_before = true,
};

/* or just before it was started. */
FIXTURE_VARIANT_ADD(pf_was_reset, before_open)
{
	.opened_before = false,
};

FIXTURE_SETUP(pf_was_reset)
{
	self->stream = (struct mig_buf){ 0 };
	ASSERT_EQ(0, testnet_open(&self->net, 1, 2));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

FIXTURE_TEARDOWN(pf_was_reset)
{
	if (!testnet_complete(&self->net))
		testnet_print(&self->net);
	testnet_close(&self->net);
	mig_buf_free(&self->stream);
}

/* The stream is older than the reset: the source was on another host. */
TEST_F_TIMEOUT(pf_was_reset, T03_destination_is_function_0, RESET_S)
{
	struct testnet *net = &self->net;
	struct vf *vf = NULL;

	ASSERT_EQ(0, mig_save(vf_fd(net->guest.vf), &self->stream));
	vf_close(net->guest.vf);
	net->guest.vf = NULL;

	if (variant->opened_before)
		vf = vf_open(vf_bdf(0), &net->guest.ram);
	ASSERT_EQ(0, pf_down());
	if (variant->opened_before) {
		/* Nobody has switched these on, and it is igb that will switch them off. */
		EXPECT_TRUE(vf_read(vf, VF_RXDCTL(0)) & VF_QUEUE_ENABLE);
		EXPECT_TRUE(vf_read(vf, VF_TXDCTL(0)) & VF_QUEUE_ENABLE);
	}
	ASSERT_EQ(0, testnet_reset_pf(net));
	if (!variant->opened_before)
		vf = vf_open(vf_bdf(0), &net->guest.ram);
	ASSERT_EQ(0, mig_load(vf_fd(vf), &self->stream));
	ASSERT_EQ(0, testnet_depart(net, vf));
	/* The guest has seen no reset of its own PF. */
	EXPECT_EQ(0, vf_read(vf, VF_MAILBOX) & (VF_MBX_RSTI | VF_MBX_RSTD));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
	EXPECT_TRUE(irq_works(net));
}

FIXTURE(swapped)
{
	struct testnet net;
};

FIXTURE_SETUP(swapped)
{
	ASSERT_EQ(0, testnet_open(&self->net, 0, 2));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

FIXTURE_TEARDOWN(swapped)
{
	if (!testnet_complete(&self->net))
		testnet_print(&self->net);
	testnet_close(&self->net);
	EXPECT_TRUE(bind_driver(vf_bdf(1), driver_name()));
	EXPECT_TRUE(bind_driver(vf_bdf(3), driver_name()));
}

/* Bits of two vectors together are the third one of function 3, and none of function 1. */
static const unsigned int functions[] = { 3, 1 };

/* An owner that has its queues on each other's vector. */
static void own_with_swapped_vectors(unsigned int function)
{
	u32 rx = VF_IVAR_VALID | NIC_VEC_TX, tx = VF_IVAR_VALID | NIC_VEC_RX;
	struct vf *vf = vf_open(vf_bdf(function), NULL);

	vf_write(vf, VF_IVAR0, rx | tx << 8);
	vf_close(vf);
}

/*
 * Vector 0 of function v is cause 22 - 3 * v of the NIC. The table of causes can only
 * be added to, until the PF is reset: bits of two owners together name another cause.
 */
static u32 vector_of_two(unsigned int function, unsigned int a, unsigned int b)
{
	unsigned int first = 22 - VF_VECTORS * function;
	unsigned int cause = (first + a) | (first + b);

	return cause < first + VF_VECTORS ? BIT(cause - first) : 0;
}

/* What a guest of the other kind waits for does not come; all else is well. */
static void expect_wrong_vectors(struct __test_metadata *_metadata, struct testnet *net,
				 unsigned int function)
{
	u32 vector = vector_of_two(function, NIC_VEC_RX, NIC_VEC_TX);

	EXPECT_FALSE(vector & (IRQ_RX | IRQ_TX));
	EXPECT_EQ(vector, irq_of_receive(net, NULL));
	EXPECT_EQ(vector, irq_of_send(net, NULL));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* It is a property of the NIC: no migration, and no variant driver. */
static int next_owner(struct testnet *net, unsigned int function)
{
	vf_close(net->guest.vf);
	net->guest.vf = NULL;
	return nic_up(&net->guest, vf_open(vf_bdf(function), &net->guest.ram));
}

TEST_F_TIMEOUT(swapped, T17_without_a_migration, RESET_S)
{
	struct testnet *net = &self->net;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		ASSERT_TRUE(bind_driver(vf_bdf(functions[i]), PLAIN));
		own_with_swapped_vectors(functions[i]);
		ASSERT_EQ(0, next_owner(net, functions[i]));
		expect_wrong_vectors(_metadata, net, functions[i]);
	}
	ASSERT_EQ(0, testnet_reset_pf(net));
	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		ASSERT_EQ(0, next_owner(net, functions[i]));
		EXPECT_TRUE(irq_works(net));
	}
	ASSERT_TRUE(testnet_exchange(net, NIC_RX_RING));
}

TEST_F_TIMEOUT(swapped, T17_after_a_migration, RESET_S)
{
	struct testnet *net = &self->net;
	struct mig_buf stream = { 0 };
	struct vf *vf;
	unsigned int i;

	EXPECT_TRUE(irq_works(net));
	for (i = 0; i < ARRAY_SIZE(functions); i++) {
		own_with_swapped_vectors(functions[i]);
		ASSERT_EQ(0, testnet_migrate(net, functions[i], false));
		expect_wrong_vectors(_metadata, net, functions[i]);
	}

	/* The same way once more, but after a reset of the PF. */
	ASSERT_EQ(0, mig_save(vf_fd(net->guest.vf), &stream));
	vf_close(net->guest.vf);
	net->guest.vf = NULL;
	ASSERT_EQ(0, testnet_reset_pf(net));
	vf = testnet_land(net, functions[0], &stream);
	ASSERT_NE(NULL, vf);
	mig_buf_free(&stream);
	ASSERT_EQ(0, testnet_depart(net, vf));
	EXPECT_TRUE(irq_works(net));
	ASSERT_EQ(0, testnet_migrate(net, functions[1], false));
	EXPECT_TRUE(irq_works(net));
}

TEST_HARNESS_MAIN
