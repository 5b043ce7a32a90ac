// SPDX-License-Identifier: GPL-2.0-only
/*
 * DMA logging of a device whose page table is nested: its addresses mean nothing in the
 * IOAS that the outer one is of, so that all is reported until it is attached to another.
 */
#include <string.h>
#include <unistd.h>

#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "log_lab.h"
#include "test_module.h"

#include "kselftest_harness.h"

#define NESTED_DOMAIN	"nested_domain"

FIXTURE(nested) {
	struct log_lab lab;
	struct ring_guest *guest;
	int fd;
	u32 ioas;
	u32 hwpt;
};

FIXTURE_SETUP(nested)
{
	ASSERT_EQ(0, test_module_insert(NESTED_DOMAIN));
	ASSERT_EQ(0, log_lab_open(&self->lab, MODE_IOMMUFD, LOG_LAB_RAM));
	self->guest = &self->lab.guest;
	self->fd = log_lab_fd(&self->lab);
	self->ioas = self->guest->vf->iommu->ioas_id;
	self->hwpt = self->ioas;
	ring_guest_setup(self->guest, &ring_shape_usual, true);
	ASSERT_EQ(0, vf_attach_to(self->fd, &self->hwpt));
	ASSERT_NE(self->ioas, self->hwpt);
}

FIXTURE_TEARDOWN(nested)
{
	log_lab_close(&self->lab);
	EXPECT_EQ(0, test_module_remove(NESTED_DOMAIN));
}

static void expect_all(struct __test_metadata *_metadata, struct log_lab *lab)
{
	struct dma_bitmap bitmap;
	int i;

	for (i = 0; i < 3; i++) {
		ring_guest_clean(&lab->guest);
		ring_guest_post(&lab->guest, 20);
		ASSERT_TRUE(log_lab_receive(lab, 10));
		EXPECT_EQ(0, log_lab_check_in(lab, DMA_LOG_PAGE, &bitmap));
		EXPECT_EQ(lab->guest.oracle.pages, dma_bitmap_count(&bitmap));
	}
}

static void expect_little(struct __test_metadata *_metadata, struct log_lab *lab)
{
	struct dma_bitmap bitmap;

	ring_guest_clean(&lab->guest);
	ring_guest_post(&lab->guest, 20);
	ASSERT_TRUE(log_lab_receive(lab, 10));
	EXPECT_EQ(0, log_lab_check_in(lab, DMA_LOG_PAGE, &bitmap));
	EXPECT_LT(0, dma_bitmap_count(&bitmap));
	EXPECT_GT(40, dma_bitmap_count(&bitmap));
}

TEST_F(nested, when_logging_begins)
{
	u32 pt_id = self->hwpt;

	ASSERT_EQ(0, test_module_set(NESTED_DOMAIN, "on", 1));
	ASSERT_EQ(0, vf_attach_to(self->fd, &pt_id));
	EXPECT_LT(0, test_module_get(NESTED_DOMAIN, "nested"));
	ASSERT_EQ(0, log_lab_start(&self->lab));
	expect_all(_metadata, &self->lab);
	EXPECT_EQ(0, dma_log_stop(self->fd));

	ASSERT_EQ(0, test_module_set(NESTED_DOMAIN, "on", 0));
	ASSERT_EQ(0, vf_attach_to(self->fd, &pt_id));
	ASSERT_EQ(0, log_lab_start(&self->lab));
	expect_little(_metadata, &self->lab);
}

/* The guest sets up its IOMMU while a migration is under way. */
TEST_F(nested, while_logging_is_on)
{
	u32 pt_id = self->hwpt;

	ASSERT_EQ(0, log_lab_start(&self->lab));
	expect_little(_metadata, &self->lab);
	ASSERT_EQ(0, test_module_set(NESTED_DOMAIN, "on", 1));
	ASSERT_EQ(0, vf_attach_to(self->fd, &pt_id));
	EXPECT_LT(0, test_module_get(NESTED_DOMAIN, "nested"));
	expect_all(_metadata, &self->lab);
}

/* An IOAS that is named is no nested page table, whatever else there is. */
TEST_F(nested, by_its_own_id)
{
	u32 pt_id = self->hwpt;

	ASSERT_EQ(0, test_module_set(NESTED_DOMAIN, "on", 1));
	ASSERT_EQ(0, vf_attach_to(self->fd, &pt_id));
	ASSERT_EQ(0, test_module_set(NESTED_DOMAIN, "on", 0));
	pt_id = self->ioas;
	ASSERT_EQ(0, vf_attach_to(self->fd, &pt_id));
	ASSERT_EQ(0, log_lab_start(&self->lab));
	expect_little(_metadata, &self->lab);
}

int main(int argc, char **argv)
{
	log_lab_or_skip();
	return test_harness_run(argc, argv);
}
