// SPDX-License-Identifier: GPL-2.0-only
/*
 * Vectors that a guest leaves to the device to mask when it sends their message, and that
 * the source may have masked: they come when the device starts.
 */
#include <stddef.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "interrupts.h"
#include "stream_edit.h"

FIXTURE(automatic)
{
	struct testnet net;
	struct mig_buf stream;
};

FIXTURE_SETUP(automatic)
{
	self->stream = (struct mig_buf){ 0 };
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(irq_works(&self->net));
}

FIXTURE_TEARDOWN(automatic)
{
	testnet_close(&self->net);
	mig_buf_free(&self->stream);
}

static u32 saved_mask(struct mig_buf *stream)
{
	return vmf_get32(stream->data, edit_section(stream, VMF_INTERRUPTS, 0).payload +
			 offsetof(struct vmf_igbvf_82576_interrupts, eims));
}

/*
 * The guest leaves the masking of some vectors to the device. QEMU's does nothing of the
 * kind: the guest does it in place of a device that has sent all messages.
 */
static void mask_in_place_of_the_device(struct vf *vf, u32 automatic)
{
	vf_write(vf, VF_EIAM, automatic);
	vf_write(vf, VF_EIMC, VF_EIMASK);
	irq_collect(vf, 0);
}

/*
 * If one of those messages got lost, nobody but the device would enable its vector again;
 * and a handler that is not done writes EICS, which does so on a device that masks.
 */
TEST_F(automatic, T07_comes_at_the_start)
{
	struct testnet *net = &self->net;

	mask_in_place_of_the_device(net->guest.vf, VF_EIMASK);
	ASSERT_EQ(0, testnet_migrate(net, 2, false));
	EXPECT_EQ(VF_EIMASK, irq_collect(net->guest.vf, VF_EIMASK));
	EXPECT_EQ(VF_EIMASK, vf_read(net->guest.vf, VF_EIMS));
	vf_write(net->guest.vf, VF_EICS, IRQ_TX);
	EXPECT_EQ(IRQ_TX, irq_collect(net->guest.vf, IRQ_TX));
	EXPECT_TRUE(irq_works(net));
}

/* A vector that the guest masks without the device stays so, and comes when it is enabled. */
TEST_F(automatic, T07_no_other_vector_does)
{
	struct testnet *net = &self->net;

	mask_in_place_of_the_device(net->guest.vf, IRQ_RX);
	ASSERT_EQ(0, testnet_migrate(net, 2, false));
	EXPECT_EQ(IRQ_RX, irq_collect(net->guest.vf, IRQ_RX));
	EXPECT_EQ(IRQ_RX, vf_read(net->guest.vf, VF_EIMS));
	vf_write(net->guest.vf, VF_EIMS, VF_EIMASK);
	EXPECT_EQ(VF_EIMASK & ~IRQ_RX, irq_collect(net->guest.vf, VF_EIMASK & ~IRQ_RX));
	EXPECT_TRUE(irq_works(net));
}

/*
 * The cause of a vector that EIAC does not have stays set, and blocks the vector until it is
 * enabled anew: igbvf leaves EIAC at 0 when its interface goes down. Bits that were set once
 * are gone with a reset of the PF.
 */
TEST_F(automatic, T07_comes_again_if_its_cause_stays)
{
	struct testnet *net = &self->net;
	struct vf *vf;

	ASSERT_EQ(0, testnet_reset_pf(net));
	ASSERT_EQ(0, nic_up(&net->guest, net->guest.vf));
	vf_write(net->guest.vf, VF_EIAC, 0);
	mask_in_place_of_the_device(net->guest.vf, VF_EIMASK);
	ASSERT_EQ(0, testnet_migrate(net, 2, false));
	vf = net->guest.vf;
	EXPECT_EQ(VF_EIMASK, irq_collect(vf, VF_EIMASK));
	EXPECT_EQ(0, vf_read(vf, VF_EIMS));
	vf_write(vf, VF_EIAC, VF_EIMASK);
	vf_write(vf, VF_EIMS, VF_EIMASK);
	EXPECT_EQ(VF_EIMASK, irq_collect(vf, VF_EIMASK));
	EXPECT_TRUE(irq_works(net));
}

/* Not before the device runs, and not if it was only stopped. */
TEST_F(automatic, T07_masked_until_the_start)
{
	struct testnet *net = &self->net;
	struct mig_buf again = { 0 };
	struct vf *vf;

	mask_in_place_of_the_device(net->guest.vf, VF_EIMASK);
	vf = testnet_arrive(net, 2, false, &self->stream);
	ASSERT_NE(NULL, vf);
	EXPECT_EQ(0, saved_mask(&self->stream));
	ASSERT_EQ(0, mig_save(vf_fd(vf), &again));
	EXPECT_TRUE(mig_buf_equal(&self->stream, &again));
	vf_vmm_setup(vf);
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING_P2P, NULL));
	ASSERT_EQ(0, mig_save(vf_fd(vf), &again));
	EXPECT_TRUE(mig_buf_equal(&self->stream, &again));
	mig_buf_free(&again);
	vf_close(vf);
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_EQ(0, irq_collect(net->guest.vf, 0));
	EXPECT_EQ(0, vf_read(net->guest.vf, VF_EIMS));
}

TEST_HARNESS_MAIN
