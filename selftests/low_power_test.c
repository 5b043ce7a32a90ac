// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device that user space has put into the low power state comes out of it for every
 * access, to what is trapped as well, and says so. The function of the lab has no power
 * management of its own: what is seen is the kernel's account of it, in sysfs.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "binding.h"
#include "migration.h"
#include "monitor.h"
#include "testnet.h"

/* The kernel suspends a device some time after its last use. */
#define SUSPEND_MS	3000
#define QUIET_MS	200

#define STOP		VFIO_DEVICE_STATE_STOP
#define RUNNING		VFIO_DEVICE_STATE_RUNNING
#define RESUMING	VFIO_DEVICE_STATE_RESUMING

static const u8 guest_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x0a };

FIXTURE(low_power)
{
	struct nic nic;
	struct vf *vf;
	int event;
};

FIXTURE_SETUP(low_power)
{
	self->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ASSERT_LE(0, self->event);
	nic_init(&self->nic, guest_mac);
	self->vf = vf_open(vf_bdf(0), &self->nic.ram);
}

FIXTURE_TEARDOWN(low_power)
{
	vf_close(self->vf);
	nic_free(&self->nic);
	close(self->event);
}

static bool has_status(const char *bdf, const char *want, unsigned int ms)
{
	u64 end = now_ns() + ms * 1000000ull;
	char path[128], status[32];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/runtime_status", bdf);
	do {
		if (!sysfs_read(path, status, sizeof(status)))
			return false;
		status[strcspn(status, "\n")] = '\0';
		if (!strcmp(status, want))
			return true;
		usleep(10000);
	} while (now_ns() < end);
	ksft_print_msg("%s is %s, not %s\n", bdf, status, want);
	return false;
}

/* With @event, which is signalled when the device comes out again. */
static bool suspend(struct vf *vf, int event)
{
	struct vfio_device_low_power_entry_with_wakeup entry = { .wakeup_eventfd = event };
	int ret;

	if (event < 0)
		ret = mig_feature(vf_fd(vf), VFIO_DEVICE_FEATURE_SET |
				  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, NULL, 0);
	else
		ret = mig_feature(vf_fd(vf), VFIO_DEVICE_FEATURE_SET |
				  VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP, &entry,
				  sizeof(entry));
	return !ret && has_status(vf->bdf, "suspended", SUSPEND_MS);
}

static int leave(struct vf *vf)
{
	return mig_feature(vf_fd(vf), VFIO_DEVICE_FEATURE_SET |
			   VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, NULL, 0);
}

/* Has the device come out since this was asked for last? */
static bool woken(int event)
{
	struct pollfd pfd = { .fd = event, .events = POLLIN };
	u64 count;

	if (poll(&pfd, 1, QUIET_MS) != 1)
		return false;
	return read(event, &count, sizeof(count)) == sizeof(count);
}

TEST_F(low_power, read_wakes_the_device_up)
{
	int i;

	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(suspend(self->vf, self->event));
		EXPECT_FALSE(woken(self->event));
		EXPECT_NE(~0u, vf_read(self->vf, VF_STATUS));
		EXPECT_TRUE(woken(self->event));
		/* It stays out, and there is nothing more to say. */
		EXPECT_NE(~0u, vf_read(self->vf, VF_STATUS));
		EXPECT_FALSE(woken(self->event));
		EXPECT_TRUE(has_status(self->vf->bdf, "active", 0));
	}
	EXPECT_EQ(0, leave(self->vf));
}

/* To a page that is trapped; one that is mapped is not there then, for any driver. */
TEST_F(low_power, write_wakes_the_device_up)
{
	ASSERT_TRUE(suspend(self->vf, self->event));
	vf_write(self->vf, VF_MBMEM(1), 0x12345680);
	EXPECT_TRUE(woken(self->event));
	EXPECT_TRUE(has_status(self->vf->bdf, "active", 0));
	EXPECT_EQ(0x12345680, vf_read(self->vf, VF_MBMEM(1)));
}

/* What is not trapped is the core's own business: the same. */
TEST_F(low_power, config_space_wakes_the_device_up)
{
	ASSERT_TRUE(suspend(self->vf, self->event));
	EXPECT_EQ(0x8086, vfio_pci_config_readw(self->vf->pci, PCI_VENDOR_ID));
	EXPECT_TRUE(woken(self->event));
	EXPECT_TRUE(has_status(self->vf->bdf, "active", 0));
}

/* Who wants to hear nothing goes to sleep again after each access. */
TEST_F(low_power, without_an_eventfd)
{
	int i;

	ASSERT_TRUE(suspend(self->vf, -1));
	for (i = 0; i < 3; i++) {
		EXPECT_NE(~0u, vf_read(self->vf, VF_STATUS));
		EXPECT_TRUE(has_status(self->vf->bdf, "suspended", SUSPEND_MS));
	}
	EXPECT_EQ(0, leave(self->vf));
	EXPECT_TRUE(has_status(self->vf->bdf, "active", 0));
	/* The page that is mapped is there again. */
	EXPECT_NE(~0u, vf_read(self->vf, VF_TDT(0)));
}

static bool can_migrate(struct vf *vf)
{
	u64 flags;

	return !mig_flags(vf_fd(vf), &flags);
}

/* The monitor of the machine does not answer in time where the host is instrumented. */
static void expect_address(struct __test_metadata *_metadata, bool there)
{
	const char *lane = getenv("VMF_LANE");

	if (!lane || strcmp(lane, "debug"))
		EXPECT_EQ(there, !!(monitor_pf_register(PF_RAH(0)) & PF_RAH_VALID));
}

/* A guest that sleeps when its VMM goes is as gone as any other. */
TEST_F(low_power, closed_without_an_exit)
{
	u32 fresh[VF_REGS_MAX], values[VF_REGS_MAX];
	const struct vf_reg *differ;
	unsigned int q;

	if (!can_migrate(self->vf))
		SKIP(return, "this driver leaves what it finds");
	vf_regs_read(self->vf, fresh);
	ASSERT_EQ(0, nic_up(&self->nic, self->vf));
	/* The addresses mean nothing, and QEMU's model keeps half a frame for the next owner. */
	for (q = 0; q < VF_QUEUES; q++) {
		vf_write(self->vf, VF_RXDCTL(q), VF_RXDCTL_RESET);
		vf_write(self->vf, VF_TXDCTL(q), 0);
	}
	vf_regs_scatter(values, 77);
	vf_regs_write(self->vf, values);
	vf_regs_read(self->vf, values);
	ASSERT_NE(NULL, vf_regs_differ(fresh, values));
	expect_address(_metadata, true);

	ASSERT_TRUE(suspend(self->vf, self->event));
	vf_close(self->vf);
	expect_address(_metadata, false);
	self->vf = vf_open(vf_bdf(0), &self->nic.ram);
	vf_regs_read(self->vf, values);
	differ = vf_regs_differ(fresh, values);
	EXPECT_EQ(NULL, differ) {
		TH_LOG("%s is not as it was", differ->name);
	}
	EXPECT_EQ((int)RUNNING, mig_state(vf_fd(self->vf)));
}

FIXTURE(sleeper)
{
	struct testnet net;
	struct mig_buf stream;
	struct vf *vf;
	int event;
};

FIXTURE_SETUP(sleeper)
{
	self->vf = NULL;
	self->stream = (struct mig_buf){ 0 };
	self->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	ASSERT_LE(0, self->event);
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

FIXTURE_TEARDOWN(sleeper)
{
	testnet_close(&self->net);
	vf_close(self->vf);
	mig_buf_free(&self->stream);
	close(self->event);
}

/* A destination that sleeps when the stream comes. */
TEST_F(sleeper, load)
{
	struct mig_buf again = { 0 };
	int data_fd;

	if (!can_migrate(self->net.guest.vf))
		SKIP(return, "this driver does not migrate");
	ASSERT_EQ(0, mig_save(vf_fd(self->net.guest.vf), &self->stream));
	self->vf = vf_open(vf_bdf(2), &self->net.guest.ram);
	ASSERT_EQ(0, mig_set(vf_fd(self->vf), RESUMING, &data_fd));
	ASSERT_TRUE(suspend(self->vf, self->event));
	ASSERT_FALSE(woken(self->event));
	ASSERT_EQ(0, mig_write(data_fd, self->stream.data, self->stream.len, MIG_CHUNK));
	EXPECT_TRUE(has_status(self->vf->bdf, "active", 0));
	close(data_fd);
	EXPECT_TRUE(woken(self->event));
	EXPECT_TRUE(has_status(self->vf->bdf, "active", 0));
	ASSERT_EQ(0, mig_set(vf_fd(self->vf), STOP, NULL));
	ASSERT_EQ(0, mig_save(vf_fd(self->vf), &again));
	EXPECT_TRUE(mig_buf_equal(&self->stream, &again));
	mig_buf_free(&again);

	ASSERT_EQ(0, testnet_depart(&self->net, self->vf));
	self->vf = NULL;
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

/* A guest that sleeps is saved by calls that wake it up. */
TEST_F(sleeper, save)
{
	if (!can_migrate(self->net.guest.vf))
		SKIP(return, "this driver does not migrate");
	ASSERT_TRUE(suspend(self->net.guest.vf, self->event));
	ASSERT_EQ(0, testnet_migrate(&self->net, 2, false));
	EXPECT_TRUE(woken(self->event));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

static void runtime_power_or_skip(void)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/runtime_status", vf_bdf(0));
	if (!access(path, R_OK))
		return;
	ksft_print_header();
	ksft_exit_skip("this kernel has no CONFIG_PM\n");
}

int main(int argc, char **argv)
{
	runtime_power_or_skip();
	return test_harness_run(argc, argv);
}
