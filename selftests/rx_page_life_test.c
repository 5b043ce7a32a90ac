// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ends a time in which the receive page is memory, other than the guest's own doing:
 * it is the device's again after it, and of what was in the memory nothing is left.
 */
#include <errno.h>

#include <linux/pci_regs.h>
#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "binding.h"
#include "log_lab.h"
#include "testnet.h"

/* Where the VF has its PCI Express capability. */
#define VF_EXP_DEVCTL	(0xa0 + PCI_EXP_DEVCTL)

FIXTURE(taken)
{
	struct testnet net;
};

FIXTURE_VARIANT(taken)
{
	bool logged;
	bool stopped;
};

FIXTURE_VARIANT_ADD(taken, logged) { .logged = true };
FIXTURE_VARIANT_ADD(taken, stopped) { .stopped = true };
FIXTURE_VARIANT_ADD(taken, stopped_and_logged) { .logged = true, .stopped = true };

/* What only the memory has: nothing carries it over while the device is stopped. */
#define LEFT_BEHIND	0x5

static void take(struct __test_metadata *_metadata, struct testnet *net, bool logged, bool stopped)
{
	if (logged)
		ASSERT_EQ(0, testnet_log_start(net));
	if (stopped)
		ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP));
	vf_write(net->guest.vf, VF_SRRCTL(1), LEFT_BEHIND);
}

FIXTURE_SETUP(taken)
{
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_NE(NULL, self->net.guest.vf->pages[VF_PAGE_RX]);
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
	take(_metadata, &self->net, variant->logged, variant->stopped);
}

FIXTURE_TEARDOWN(taken)
{
	testnet_close(&self->net);
}

/* The mapping is the device, and works. */
static void expect_device(struct __test_metadata *_metadata, struct testnet *net)
{
	struct vf *vf = net->guest.vf;

	EXPECT_EQ(0, vf_read(vf, VF_SRRCTL(1)));
	vf_write(vf, VF_SRRCTL(1), 0x6);
	EXPECT_EQ(0x6, vf_ask(vf, VF_SRRCTL(1)));
	vf_bus_master(vf, true);
	ASSERT_EQ(0, nic_up(&net->guest, vf));
	EXPECT_TRUE(testnet_go_around(net));
}

/* The same of another owner, who has set both queues up already. */
static void expect_device_of_next(struct __test_metadata *_metadata, struct testnet *net)
{
	struct vf *vf = net->guest.vf;

	EXPECT_NE(LEFT_BEHIND, vf_read(vf, VF_SRRCTL(1)));
	EXPECT_EQ(vf_ask(vf, VF_SRRCTL(1)), vf_read(vf, VF_SRRCTL(1)));
	vf_write(vf, VF_SRRCTL(1), 0x6);
	EXPECT_EQ(0x6, vf_ask(vf, VF_SRRCTL(1)));
	ASSERT_EQ(0, nic_up(&net->guest, vf));
	EXPECT_TRUE(testnet_go_around(net));
}

static void expect_no_log(struct __test_metadata *_metadata, struct testnet *net)
{
	struct dma_bitmap bitmap = { 0 };

	EXPECT_EQ(-EINVAL, dma_log_report(vf_fd(net->guest.vf), net->guest.ram.iova, DMA_LOG_PAGE,
					  DMA_LOG_PAGE, &bitmap));
}

TEST_F(taken, reset)
{
	vf_reset(self->net.guest.vf);
	expect_device(_metadata, &self->net);
	expect_no_log(_metadata, &self->net);
}

/* The same by the guest, in configuration space. */
TEST_F(taken, function_level_reset)
{
	struct vfio_pci_device *pci = self->net.guest.vf->pci;
	u16 control = vfio_pci_config_readw(pci, VF_EXP_DEVCTL);

	vfio_pci_config_writew(pci, VF_EXP_DEVCTL, control | PCI_EXP_DEVCTL_BCR_FLR);
	expect_device(_metadata, &self->net);
	expect_no_log(_metadata, &self->net);
}

/* Ends no log and no stop: all of the guest's queues are off, and it sets them up once more. */
TEST_F_TIMEOUT(taken, reset_of_the_physical_function, 90)
{
	struct testnet *net = &self->net;
	struct vf *vf = net->guest.vf;

	ASSERT_EQ(0, testnet_reset_pf(net));
	if (variant->stopped)
		ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_FALSE(vf_ask(vf, VF_RXDCTL(0)) & VF_QUEUE_ENABLE);
	EXPECT_FALSE(vf_read(vf, VF_RXDCTL(0)) & VF_QUEUE_ENABLE);
	ASSERT_EQ(0, nic_up(&net->guest, vf));
	vf_flush(vf);
	EXPECT_TRUE(testnet_go_around(net));
	if (variant->logged) {
		ASSERT_EQ(0, testnet_log_stop(net));
		EXPECT_TRUE(testnet_go_around(net));
	}
}

/* Bus mastering is switched off and on, with what vfio-pci does to mappings for that. */
TEST_F(taken, configuration_written)
{
	struct testnet *net = &self->net;

	if (variant->stopped)
		ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	vf_bus_master(net->guest.vf, false);
	vf_bus_master(net->guest.vf, true);
	EXPECT_TRUE(testnet_go_around(net));
}

/* With its mappings alive; the next owner finds nothing of it. */
TEST_F(taken, close)
{
	struct testnet *net = &self->net;

	testnet_close(net);
	ASSERT_EQ(0, testnet_open(net, 0, 1));
	expect_device_of_next(_metadata, net);
	expect_no_log(_metadata, net);
}

/* The watcher of the log is gone before the code that it runs. */
TEST_F_TIMEOUT(taken, module_removed_after_close, 60)
{
	struct testnet *net = &self->net;

	testnet_close(net);
	EXPECT_EQ(0, module_reload(NULL));
	ASSERT_EQ(0, testnet_open(net, 0, 1));
	expect_device_of_next(_metadata, net);
}

int main(int argc, char **argv)
{
	log_lab_or_skip();
	return test_harness_run(argc, argv);
}
