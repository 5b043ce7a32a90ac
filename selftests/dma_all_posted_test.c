// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA logging of a device whose heads cannot be relied on: the module parameter
 * log_all_posted.
 */
#include <errno.h>
#include <string.h>

#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "binding.h"
#include "log_lab.h"
#include "migration.h"

#include "kselftest_harness.h"

FIXTURE(all_posted) {
	struct log_lab lab;
	struct ring_guest *guest;
	int fd;
};

static int reload(const char *params)
{
	int i, ret;

	ret = module_remove();
	if (!ret)
		ret = module_insert_with(params);
	for (i = 0; !ret && i < VF_MAX; i++)
		ret = bind_driver(vf_bdf(i), driver_name()) ? 0 : -ENODEV;
	return ret;
}

FIXTURE_SETUP(all_posted)
{
	ASSERT_EQ(0, reload("log_all_posted=1"));
	ASSERT_EQ(0, log_lab_open(&self->lab, vf_default_iommu_mode(), LOG_LAB_RAM));
	self->guest = &self->lab.guest;
	self->fd = log_lab_fd(&self->lab);
	ring_guest_setup(self->guest, &ring_shape_usual, true);
	ring_guest_setup_tx(self->guest, 16, false);
}

FIXTURE_TEARDOWN(all_posted)
{
	log_lab_close(&self->lab);
	EXPECT_EQ(0, reload(""));
}

TEST_F_TIMEOUT(all_posted, are_reported_until_the_device_is_stopped, 60)
{
	struct dma_bitmap bitmap;
	unsigned int i;

	ASSERT_EQ(0, log_lab_start(&self->lab));
	ring_guest_post(self->guest, 40);
	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(log_lab_receive(&self->lab, 4));
		ASSERT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
		/* Twenty pages of buffers, and both rings. */
		EXPECT_EQ(22, dma_bitmap_count(&bitmap));
	}
	ASSERT_TRUE(log_lab_receive(&self->lab, 4));
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_STOP, NULL));
	/* Sixteen buffers were used, none of which is known to have been told in time. */
	EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_EQ(10, dma_bitmap_count(&bitmap));
	EXPECT_EQ(0, log_lab_check_in(&self->lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_EQ(0, dma_bitmap_count(&bitmap));
}

int main(int argc, char **argv)
{
	log_lab_or_skip();
	return test_harness_run(argc, argv);
}
