// SPDX-License-Identifier: GPL-2.0-only
/*
 * What VMMs compare of configuration space is known before a migration, of the
 * function and of the one in software.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "config_words.h"
#include "handshake.h"
#include "igbvf_device.h"
#include "mdev.h"
#include "software.h"
#include "vmf_descriptor.h"
#include "vmf_stream.h"

#define UUID		"82576000-0000-4000-8000-000000000001"
#define MDEV_BUS	"/sys/class/mdev_bus/" MDEV_MODULE

/* Words of the profile. */
#define MSIX_CONTROL	0x70
#define DEVCAP		0xa4
#define LNKCAP		0xac
#define FREE_FIRST	0xdc
#define FREE_LAST	0xfc
#define EXTENDED_TAGS	PCI_EXP_DEVCAP_EXT_TAG

FIXTURE(config)
{
	const char *address;
	struct mig_buf descriptor;
};

FIXTURE_VARIANT(config)
{
	bool software;
};

FIXTURE_VARIANT_ADD(config, function)
{
	.software = false,
};

FIXTURE_VARIANT_ADD(config, software)
{
	.software = true,
};

FIXTURE_SETUP(config)
{
	self->descriptor = (struct mig_buf){ 0 };
	self->address = vf_bdf(0);
	if (variant->software) {
		if (access(MDEV_BUS, F_OK))
			SKIP(return, "this kernel cannot emulate devices: no CONFIG_VFIO_MDEV");
		self->address = UUID;
		ASSERT_EQ(0, mdev_create(UUID));
	}
	ASSERT_EQ(0, format_descriptor(self->address, &self->descriptor));
}

FIXTURE_TEARDOWN(config)
{
	mig_buf_free(&self->descriptor);
	if (variant->software && !access(MDEV_BUS, F_OK))
		EXPECT_EQ(0, mdev_remove(UUID));
}

static u32 word(struct vf *vf, u16 offset)
{
	u32 value;

	VFIO_ASSERT_EQ(pread(vf_fd(vf), &value, sizeof(value),
			     vf->pci->config_space.offset + offset), (ssize_t)sizeof(value));
	return value;
}

/* The descriptor has them all, before and while somebody has the device. */
TEST_F(config, is_stated_as_it_is_shown)
{
	struct vmf_config_word shown[CONFIG_WORDS];
	struct vmf_attribute stated;
	struct mig_buf again = { 0 };
	struct vf *vf;

	vf = vf_open(self->address, NULL);
	config_words_shown(vf, shown);
	ASSERT_EQ(0, format_descriptor(self->address, &again));
	vf_close(vf);
	EXPECT_TRUE(mig_buf_equal(&self->descriptor, &again));
	ASSERT_TRUE(vmf_attribute(again.data, again.len, 0, VMF_KEY_PRESENTED_CONFIG, &stated));
	EXPECT_EQ(0, stated.flags);
	ASSERT_EQ(sizeof(shown), stated.len);
	EXPECT_EQ(0, memcmp(shown, again.data + stated.value, sizeof(shown)));
	mig_buf_free(&again);
}

/* A guest may write where VMMs look: who opens the device next finds nothing of it. */
TEST_F(config, nothing_is_left_of_a_former_owner)
{
	struct vf *vf = vf_open(self->address, NULL);
	struct mig_buf after = { 0 };
	u32 value = 0x55aa1234;
	u16 offset;

	for (offset = FREE_FIRST; offset <= FREE_LAST; offset += sizeof(value))
		ASSERT_EQ((ssize_t)sizeof(value),
			  pwrite(vf_fd(vf), &value, sizeof(value),
				 vf->pci->config_space.offset + offset));
	/* If it did not stay, there would be nothing to be seen here. */
	if (!variant->software)
		EXPECT_EQ(value, word(vf, FREE_LAST));
	vf_close(vf);
	EXPECT_EQ(0, format_descriptor(self->address, &after));
	EXPECT_TRUE(mig_buf_equal(&self->descriptor, &after));
	vf = vf_open(self->address, NULL);
	for (offset = FREE_FIRST; offset <= FREE_LAST; offset += sizeof(value))
		EXPECT_EQ(0, word(vf, offset)) {
			TH_LOG("at 0x%x", offset);
		}
	vf_close(vf);
	mig_buf_free(&after);
}

/* Another word is refused where one asks; a stream is not, as that is for the VMM. */
TEST_F(config, other_words_are_refused_beforehand)
{
	static const u16 offsets[] = { MSIX_CONTROL, DEVCAP, LNKCAP, FREE_LAST };
	u8 *data = self->descriptor.data;
	size_t len = self->descriptor.len, at;
	struct vf *vf;
	unsigned int i;
	int data_fd;

	vf = vf_open(self->address, NULL);
	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		EXPECT_EQ(0, format_check(self->address, data, len));
		at = config_word_at(data, len, offsets[i]);
		ASSERT_NE(0, at);
		vmf_put32(data, at, vmf_get32(data, at) ^ BIT(20));
		vmf_fixup(data, len);
		EXPECT_EQ(-EXDEV, format_check(self->address, data, len)) {
			TH_LOG("at 0x%x", offsets[i]);
		}
		ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RESUMING, &data_fd));
		EXPECT_EQ(0, mig_write(data_fd, data, len, MIG_CHUNK));
		close(data_fd);
		vf_reset(vf);
		vmf_put32(data, at, vmf_get32(data, at) ^ BIT(20));
		vmf_fixup(data, len);
	}
	/* What is not compared is no difference. */
	at = config_word_at(data, len, MSIX_CONTROL);
	vmf_put32(data, at, vmf_get32(data, at) ^ 1);
	vmf_fixup(data, len);
	EXPECT_EQ(0, format_check(self->address, data, len));
	vf_close(vf);
}

FIXTURE(adopt)
{
	struct mig_buf descriptor;
};

FIXTURE_SETUP(adopt)
{
	if (access(MDEV_BUS, F_OK))
		SKIP(return, "this kernel cannot emulate devices: no CONFIG_VFIO_MDEV");
	self->descriptor = (struct mig_buf){ 0 };
	ASSERT_EQ(0, mdev_create(UUID));
	ASSERT_EQ(0, format_descriptor(UUID, &self->descriptor));
}

FIXTURE_TEARDOWN(adopt)
{
	if (access(MDEV_BUS, F_OK))
		return;
	mig_buf_free(&self->descriptor);
	EXPECT_EQ(0, mdev_remove(UUID));
}

static int adopt(const struct mig_buf *descriptor)
{
	char path[128];
	int fd, ret;

	format_path(path, sizeof(path), UUID, "adopt");
	fd = open(path, O_WRONLY);
	VFIO_ASSERT_GE(fd, 0);
	ret = write(fd, descriptor->data, descriptor->len) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

/* Another board, and a host whose functions have another DEVCAP. */
static void become_another(struct mig_buf *s)
{
	struct vmf_attribute presented;
	size_t at = config_word_at(s->data, s->len, DEVCAP);

	VFIO_ASSERT_TRUE(vmf_attribute(s->data, s->len, 0, VMF_KEY_PRESENTED, &presented));
	VFIO_ASSERT_NE(at, 0);
	vmf_put16(s->data, presented.value + offsetof(struct vmf_presented, subvendor), 0x8086);
	vmf_put16(s->data, presented.value + offsetof(struct vmf_presented, subdevice), 0xa03c);
	vmf_put32(s->data, at, vmf_get32(s->data, at) ^ EXTENDED_TAGS);
	vmf_fixup(s->data, s->len);
}

TEST_F(adopt, shows_another_function)
{
	struct mig_buf own = { 0 };
	struct vf *vf;

	become_another(&self->descriptor);
	EXPECT_EQ(-EXDEV, format_check(UUID, self->descriptor.data, self->descriptor.len));
	vf = vf_open(UUID, NULL);
	EXPECT_EQ(-EBUSY, adopt(&self->descriptor));
	EXPECT_EQ(0x11001af4, word(vf, PCI_SUBSYSTEM_VENDOR_ID));
	vf_close(vf);
	EXPECT_EQ(0, adopt(&self->descriptor));
	EXPECT_EQ(0, format_check(UUID, self->descriptor.data, self->descriptor.len));
	EXPECT_EQ(0, format_descriptor(UUID, &own));
	EXPECT_TRUE(mig_buf_equal(&self->descriptor, &own));
	vf = vf_open(UUID, NULL);
	EXPECT_EQ(0xa03c8086, word(vf, PCI_SUBSYSTEM_VENDOR_ID));
	EXPECT_EQ(vmf_get32(own.data, config_word_at(own.data, own.len, DEVCAP)), word(vf, DEVCAP));
	/* A reset leaves it so. */
	vf_reset(vf);
	EXPECT_EQ(0xa03c8086, word(vf, PCI_SUBSYSTEM_VENDOR_ID));
	vf_close(vf);
	mig_buf_free(&own);
}

TEST_F(adopt, refuses_what_it_cannot_be)
{
	struct mig_buf *s = &self->descriptor, own = { 0 };
	struct vmf_attribute presented;
	size_t at;

	become_another(s);
	/* One vector more. */
	at = config_word_at(s->data, s->len, MSIX_CONTROL);
	vmf_put32(s->data, at, vmf_get32(s->data, at) + BIT(16));
	vmf_fixup(s->data, s->len);
	EXPECT_EQ(-EXDEV, adopt(s));
	vmf_put32(s->data, at, vmf_get32(s->data, at) - BIT(16));
	/* Another device. */
	ASSERT_TRUE(vmf_attribute(s->data, s->len, 0, VMF_KEY_PRESENTED, &presented));
	vmf_put16(s->data, presented.value + offsetof(struct vmf_presented, device), 0x1520);
	vmf_fixup(s->data, s->len);
	EXPECT_EQ(-EXDEV, adopt(s));
	/* Damage. */
	s->data[s->len - 1] ^= 1;
	EXPECT_EQ(-EBADMSG, adopt(s));
	s->len /= 2;
	EXPECT_EQ(-ENODATA, adopt(s));
	/* Of all this nothing has stayed. */
	EXPECT_EQ(0, format_descriptor(UUID, &own));
	at = config_word_at(own.data, own.len, DEVCAP);
	EXPECT_TRUE(vmf_get32(own.data, at) & EXTENDED_TAGS);
	mig_buf_free(&own);
}

TEST_HARNESS_MAIN
