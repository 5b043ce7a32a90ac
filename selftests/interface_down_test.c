// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest whose network interface is down when it moves, and is set up afterwards.
 */
#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "interrupts.h"
#include "testnet.h"
#include "vf_request.h"

FIXTURE(down)
{
	struct testnet net;
};

FIXTURE_VARIANT(down)
{
	bool up_before;
	bool reset;
};

/* The interface was never up, */
FIXTURE_VARIANT_ADD(down, never_up)
{
	.up_before = false,
	.reset = true,
};

/* or it was taken down, and the PF still serves the guest, */
FIXTURE_VARIANT_ADD(down, taken_down)
{
	.up_before = true,
	.reset = false,
};

/* or the guest has reset the function, of which the PF knows nothing any more. */
FIXTURE_VARIANT_ADD(down, taken_down_and_reset)
{
	.up_before = true,
	.reset = true,
};

static void take_down(struct testnet *net, bool reset)
{
	struct vf *vf = net->guest.vf;
	unsigned int q;

	/* As igbvf has it since it was up. */
	vf_write(vf, VF_EIAM, VF_EIMASK);
	vf_write(vf, VF_EIMC, ~0u);
	vf_write(vf, VF_EIAC, 0);
	for (q = 0; q < VF_QUEUES; q++) {
		vf_write(vf, VF_RXDCTL(q), VF_RXDCTL_RESET);
		vf_write(vf, VF_TXDCTL(q), 0);
	}
	if (reset)
		vf_write(vf, VF_CTRL, VF_CTRL_RST);
}

FIXTURE_SETUP(down)
{
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
	if (variant->up_before)
		take_down(&self->net, variant->reset);
	else
		vf_reset(self->net.guest.vf);
}

FIXTURE_TEARDOWN(down)
{
	if (!testnet_complete(&self->net))
		testnet_print(&self->net);
	testnet_close(&self->net);
}

/* `ip link set down`, a migration, and `ip link set up`. */
TEST_F(down, T08_interface_down)
{
	/* Those that the device of the source may have masked by itself, see auto_mask_test. */
	u32 automatic = variant->up_before ? VF_EIMASK : 0;
	struct testnet *net = &self->net;
	struct vf *vf;
	unsigned int q;

	ASSERT_EQ(0, testnet_migrate(net, 2, false));
	vf = net->guest.vf;
	EXPECT_EQ(0, vf_read(vf, VF_EIMS));
	for (q = 0; q < VF_QUEUES; q++) {
		EXPECT_EQ(0, vf_read(vf, VF_RXDCTL(q)) & VF_QUEUE_ENABLE);
		EXPECT_EQ(0, vf_read(vf, VF_TXDCTL(q)) & VF_QUEUE_ENABLE);
	}
	EXPECT_EQ(automatic, irq_collect(vf, automatic));

	/* What the guest has not asked for is not asked for in its name. */
	EXPECT_EQ(variant->reset, !!vf_set_max_frame(vf, FRAME_MAX + 8));

	ASSERT_EQ(0, nic_up(&net->guest, vf));
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
	EXPECT_TRUE(irq_works(net));
}

TEST_HARNESS_MAIN
