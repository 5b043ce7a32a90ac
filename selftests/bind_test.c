// SPDX-License-Identifier: GPL-2.0-only
/*
 * Binding, and what the device offers once it is open: regions, traps, and the
 * features that are refused.
 */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "binding.h"
#include "igbvf_device.h"
#include "igbvf_regs.h"
#include "migration.h"

#include "kselftest_harness.h"

#define ALIAS	"alias=vfio_pci:v00008086d000010CA"
#define BRIDGE	"0000:00:00.0"	/* of the host: no driver wants it */

FIXTURE(bind) {
	const char *bdf;
};

FIXTURE_SETUP(bind)
{
	self->bdf = vf_bdf(3);
	ASSERT_TRUE(bind_driver(self->bdf, driver_name()));
}

FIXTURE_TEARDOWN(bind)
{
	/* Whatever a test has left: the next one finds the driver bound. */
	EXPECT_TRUE(bind_driver(self->bdf, driver_name()));
}

/* libvirt looks for a variant driver by this alias. */
TEST(modalias_in_modinfo)
{
	char *module = malloc(64 << 20), *alias;
	size_t len;
	FILE *f;

	ASSERT_NE(NULL, module);
	f = fopen(module_path(), "r");
	ASSERT_NE(NULL, f) {
		TH_LOG("%s: %s", module_path(), strerror(errno));
	}
	len = fread(module, 1, 64 << 20, f);
	fclose(f);

	alias = memmem(module, len, ALIAS, strlen(ALIAS));
	EXPECT_NE(NULL, alias);
	/* The override flag: without it the driver would take every VF. */
	EXPECT_EQ(NULL, memmem(module, len, "alias=pci:", strlen("alias=pci:")));
	if (alias)
		TH_LOG("%.60s", alias);
	free(module);
}

TEST_F(bind, device_has_the_modalias)
{
	char path[128], buf[256];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/modalias", self->bdf);
	ASSERT_TRUE(sysfs_read(path, buf, sizeof(buf)));
	EXPECT_EQ(0, strncmp(buf, "pci:v00008086d000010CA", 22));
}

TEST_F(bind, only_by_driver_override)
{
	int ret;

	ASSERT_EQ(0, unbind_driver(self->bdf));
	EXPECT_STREQ("", bound_to(self->bdf));

	ASSERT_EQ(0, override_driver(self->bdf, ""));
	probe_driver(self->bdf);
	EXPECT_STRNE(driver_name(), bound_to(self->bdf));

	ret = *bound_to(self->bdf) ? unbind_driver(self->bdf) : 0;
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, override_driver(self->bdf, driver_name()));
	EXPECT_EQ(0, probe_driver(self->bdf));
	EXPECT_STREQ(driver_name(), bound_to(self->bdf));
}

/* What is overridden is any device, and the first thing that is looked at is what it is. */
TEST(another_device_is_refused)
{
	char path[128];

	if (!strcmp(driver_name(), "vfio-pci"))
		SKIP(return, "%s takes any device", driver_name());
	ASSERT_STREQ("", bound_to(BRIDGE));
	ASSERT_EQ(0, override_driver(BRIDGE, driver_name()));
	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/%s/bind", driver_name());
	EXPECT_EQ(-ENODEV, sysfs_write(path, BRIDGE));
	EXPECT_STREQ("", bound_to(BRIDGE));
	EXPECT_EQ(0, override_driver(BRIDGE, ""));
}

TEST_F(bind, plain_vfio_pci_and_back)
{
	struct vf *vf;
	u64 flags;
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_TRUE(bind_driver(self->bdf, "vfio-pci"));
		vf = vf_open(self->bdf, NULL);
		EXPECT_EQ(-ENOTTY, mig_flags(vf_fd(vf), &flags));
		/* It maps what it likes. */
		EXPECT_NE(NULL, vf->pages[0]);
		EXPECT_NE(~0u, vf_read(vf, VF_STATUS));
		vf_close(vf);

		ASSERT_TRUE(bind_driver(self->bdf, driver_name()));
		vf = vf_open(self->bdf, NULL);
		EXPECT_EQ(0, mig_flags(vf_fd(vf), &flags));
		EXPECT_NE(~0u, vf_read(vf, VF_STATUS));
		vf_close(vf);
	}
}

FIXTURE(regions) {
	struct vf *vf;
	int fd;
};

FIXTURE_SETUP(regions)
{
	self->vf = vf_open(vf_bdf(0), NULL);
	self->fd = vf_fd(self->vf);
}

FIXTURE_TEARDOWN(regions)
{
	vf_close(self->vf);
}

TEST_F(regions, sparse_areas)
{
	struct vfio_region_sparse_mmap_area areas[8] = { 0 };
	u32 flags;

	ASSERT_EQ(1, vf_sparse_areas(self->vf, areas, 8, &flags));
	EXPECT_EQ(0x1000, areas[0].offset);
	EXPECT_EQ(0x3000, areas[0].size);
	EXPECT_EQ(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
		  VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS, flags);
}

/* 0 or -errno */
static int try_map(struct vf *vf, size_t offset, size_t len)
{
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, vf_fd(vf),
			 vf->bar0 + offset);

	if (map == MAP_FAILED)
		return -errno;
	munmap(map, len);
	return 0;
}

TEST_F(regions, mmap_only_of_these)
{
	size_t first, pages;

	for (first = 0; first < 6; first++) {
		for (pages = 1; pages < 6; pages++) {
			int want = first && first + pages <= VF_PAGES ? 0 : -EINVAL;

			EXPECT_EQ(want, try_map(self->vf, first * 4096, pages * 4096)) {
				TH_LOG("page %zu, %zu pages", first, pages);
			}
		}
	}
}

TEST_F(regions, traps_take_aligned_words_only)
{
	u8 data[16] = { 0 };
	u32 reg;
	size_t size;

	/* Each of the four pages: mapping one does not open it for bytes. */
	for (reg = 0x0008; reg < VF_BAR0_SIZE; reg += 0x1000) {
		for (size = 1; size < 4; size++) {
			EXPECT_EQ(-EINVAL,
				  vf_region_access(self->vf, false, reg, data, size));
			EXPECT_EQ(-EINVAL, vf_region_access(self->vf, true, reg, data, size));
			EXPECT_EQ(-EINVAL,
				  vf_region_access(self->vf, false, reg + size, data, 4));
			EXPECT_EQ(-EINVAL,
				  vf_region_access(self->vf, true, reg + size, data, 4));
			EXPECT_EQ(-EINVAL,
				  vf_region_access(self->vf, false, reg, data, 4 + size));
		}
		EXPECT_EQ(4, vf_region_access(self->vf, false, reg, data, 4));
	}
}

/* As vfio-pci has it: what is there is read or written, and there is nothing beyond. */
TEST_F(regions, accesses_end_with_the_bar)
{
	u32 data[16], left, i;

	for (left = 4; left <= 16; left += 4) {
		memset(data, 0x5a, sizeof(data));
		EXPECT_EQ((int)left, vf_region_access(self->vf, false, VF_BAR0_SIZE - left, data,
						      sizeof(data)));
		/* The user's buffer is left alone from there on. */
		for (i = left / 4; i < ARRAY_SIZE(data); i++)
			EXPECT_EQ(0x5a5a5a5a, data[i]);
		EXPECT_EQ((int)left, vf_region_access(self->vf, false, VF_BAR0_SIZE - left, data,
						      left));
	}
	/* No register is there. */
	memset(data, 0, sizeof(data));
	EXPECT_EQ(4, vf_region_access(self->vf, true, VF_BAR0_SIZE - 4, data, sizeof(data)));
	EXPECT_EQ(4, vf_region_access(self->vf, true, VF_BAR0_SIZE - 4, data, 4));
	for (i = 0; i < 8; i += 4) {
		EXPECT_EQ(-EINVAL, vf_region_access(self->vf, false, VF_BAR0_SIZE + i, data, 4));
		EXPECT_EQ(-EINVAL, vf_region_access(self->vf, true, VF_BAR0_SIZE + i, data, 4));
	}
}

TEST_F(regions, registers_hold_what_is_written)
{
	vf_write(self->vf, VF_RDBAL(0), 0x12345680);
	vf_write(self->vf, VF_TDBAL(1), 0x9abcde80);
	EXPECT_EQ(0x12345680, vf_read(self->vf, VF_RDBAL(0)));
	EXPECT_EQ(0x9abcde80, vf_read(self->vf, VF_TDBAL(1)));
}

/*
 * A VF has no bit to switch memory off, but QEMU's has; VMMs clear it before a reset,
 * and set it again long after a state was loaded.
 */
TEST_F(regions, memory_cannot_be_switched_off)
{
	vf_write(self->vf, VF_IVAR_MISC, 0x81);
	vfio_pci_config_writew(self->vf->pci, PCI_COMMAND, 0);
	EXPECT_EQ(0x81, vf_read(self->vf, VF_IVAR_MISC));
	vf_reset(self->vf);
	EXPECT_EQ(0, vf_read(self->vf, VF_IVAR_MISC));
	vf_write(self->vf, VF_IVAR_MISC, 0x82);
	EXPECT_EQ(0x82, vf_read(self->vf, VF_IVAR_MISC));
}

TEST_F(regions, bad_pointer)
{
	void *bad = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, bad);
	EXPECT_EQ(-EFAULT, vf_region_access(self->vf, false, VF_STATUS, bad, 4));
	EXPECT_EQ(-EFAULT, vf_region_access(self->vf, true, VF_RDBAL(0), bad, 4));
	munmap(bad, 4096);
}

/* An eventfd that writes registers would go round the traps. */
TEST_F(regions, ioeventfd_is_refused)
{
	struct vfio_device_ioeventfd ioeventfd = {
		.argsz = sizeof(ioeventfd),
		.flags = VFIO_DEVICE_IOEVENTFD_32,
		.offset = self->vf->bar0 + VF_TDT(0),
		.data = 0,
	};
	int event = eventfd(0, 0);

	ASSERT_GE(event, 0);
	ioeventfd.fd = event;
	EXPECT_EQ(-1, ioctl(self->fd, VFIO_DEVICE_IOEVENTFD, &ioeventfd));
	EXPECT_EQ(ENOTTY, errno);
	close(event);
}

/* It comes with the kernel's bitmaps of dirty pages, which are those of iommufd. */
TEST_F(regions, dma_logging_is_there_if_the_kernel_can_report)
{
	struct vfio_device_feature_dma_logging_control control = { .page_size = 4096 };
	struct vfio_device_feature_dma_logging_report report = { .page_size = 4096 };
	bool there = !access("/dev/iommu", F_OK);

	EXPECT_EQ(there ? 0 : -ENOTTY, mig_feature(self->fd, VFIO_DEVICE_FEATURE_PROBE |
						   VFIO_DEVICE_FEATURE_SET |
						   VFIO_DEVICE_FEATURE_DMA_LOGGING_START, NULL, 0));
	EXPECT_EQ(there ? 0 : -ENOTTY, mig_feature(self->fd, VFIO_DEVICE_FEATURE_PROBE |
						   VFIO_DEVICE_FEATURE_SET |
						   VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP, NULL, 0));
	EXPECT_EQ(there ? 0 : -ENOTTY, mig_feature(self->fd, VFIO_DEVICE_FEATURE_PROBE |
						   VFIO_DEVICE_FEATURE_GET |
						   VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT,
						   NULL, 0));
	/* No ranges, and not started. */
	EXPECT_EQ(there ? -EINVAL : -ENOTTY, mig_feature(self->fd, VFIO_DEVICE_FEATURE_SET |
							 VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
							 &control, sizeof(control)));
	EXPECT_EQ(there ? -EINVAL : -ENOTTY, mig_feature(self->fd, VFIO_DEVICE_FEATURE_GET |
							 VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT,
							 &report, sizeof(report)));
}

TEST_F(regions, migration_features_are_there)
{
	EXPECT_EQ(0, mig_feature(self->fd, VFIO_DEVICE_FEATURE_PROBE |
				 VFIO_DEVICE_FEATURE_GET |
				 VFIO_DEVICE_FEATURE_MIGRATION, NULL, 0));
	EXPECT_EQ(0, mig_feature(self->fd, VFIO_DEVICE_FEATURE_PROBE |
				 VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET |
				 VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE, NULL, 0));
	EXPECT_EQ(0, mig_feature(self->fd, VFIO_DEVICE_FEATURE_PROBE |
				 VFIO_DEVICE_FEATURE_GET |
				 VFIO_DEVICE_FEATURE_MIG_DATA_SIZE, NULL, 0));
	EXPECT_EQ(0, mig_feature(self->fd, VFIO_DEVICE_FEATURE_PROBE |
				 VFIO_DEVICE_FEATURE_SET |
				 MIG_FEATURE_PRECOPY_INFO_V2, NULL, 0));
}

TEST_HARNESS_MAIN
