// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the files in migration_format/ say is also known to who has nothing but a file
 * descriptor of the device.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "fd_handshake.h"
#include "handshake.h"
#include "kernel_log.h"
#include "refusals.h"
#include "testnet.h"
#include "vf_request.h"
#include "vmf_descriptor.h"

#define GET		VFIO_DEVICE_FEATURE_GET
#define SET		VFIO_DEVICE_FEATURE_SET
#define PROBE		VFIO_DEVICE_FEATURE_PROBE
#define DESCRIPTOR	VFIO_DEVICE_FEATURE_X_MIG_DESCRIPTOR
#define CHECK		VFIO_DEVICE_FEATURE_X_MIG_CHECK
#define LAST_ERROR	VFIO_DEVICE_FEATURE_X_MIG_LAST_ERROR
#define LONGEST		VFIO_DEVICE_FEATURE_X_MIG_SIZE_MAX

static const u8 guest_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x0a };
static const u8 other_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x01, 0x0a };

static bool begins_with(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

FIXTURE(fd_handshake)
{
	struct vf *vf;
	struct mig_buf stream;	/* of a guest with its driver up */
	size_t preamble;
	int fd;
};

FIXTURE_SETUP(fd_handshake)
{
	struct ledger ledger;
	struct nic guest;

	self->stream = (struct mig_buf){ 0 };
	nic_init(&guest, guest_mac);
	ASSERT_EQ(0, nic_up(&guest, vf_open(vf_bdf(1), &guest.ram)));
	ledger_init(&ledger, 100);
	ASSERT_TRUE(nic_send(&guest, 0, &ledger, guest_mac, 3));
	ASSERT_TRUE(nic_drain(&guest, 0, NIC_TIMEOUT_MS));
	ASSERT_EQ(0, mig_save(vf_fd(guest.vf), &self->stream));
	vf_close(guest.vf);
	nic_free(&guest);
	self->preamble = vmf_initial_len(self->stream.data, self->stream.len);
	ASSERT_LT(0, self->preamble);
	self->vf = vf_open(vf_bdf(0), NULL);
	self->fd = vf_fd(self->vf);
}

FIXTURE_TEARDOWN(fd_handshake)
{
	vf_close(self->vf);
	mig_buf_free(&self->stream);
	EXPECT_EQ(0, format_set_target(vf_bdf(0), "2"));
}

TEST_F(fd_handshake, probe)
{
	static const struct {
		u32 feature;
		u32 direction;
	} all[] = { { DESCRIPTOR, GET }, { CHECK, SET }, { LAST_ERROR, GET } };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all); i++) {
		u32 probe = all[i].feature | PROBE;

		EXPECT_EQ(0, mig_feature(self->fd, probe, NULL, 0));
		EXPECT_EQ(0, mig_feature(self->fd, probe | all[i].direction, NULL, 0));
		EXPECT_EQ(-EINVAL, mig_feature(self->fd, probe | (all[i].direction ^ GET ^ SET),
					       NULL, 0));
		EXPECT_EQ(-EINVAL, mig_feature(self->fd, probe | GET | SET, NULL, 0));
	}
	EXPECT_EQ(-ENOTTY, mig_feature(self->fd, (DESCRIPTOR - 1) | PROBE, NULL, 0));
	EXPECT_EQ(-ENOTTY, mig_feature(self->fd, (LAST_ERROR + 1) | PROBE, NULL, 0));
	EXPECT_EQ(-ENOTTY, mig_feature(self->fd, VFIO_DEVICE_FEATURE_X_FIRST | PROBE, NULL, 0));
	EXPECT_EQ(-ENOTTY, mig_feature(self->fd, VFIO_DEVICE_FEATURE_X_LAST | PROBE, NULL, 0));
}

/* With room for so much, all of it; with less, how much it is. */
static void expect_sizes(struct __test_metadata *_metadata, int fd, u32 feature,
			 const void *want, u32 len)
{
	const u32 rooms[] = { 0, 1, len - 1, len, len + 1, LONGEST, FD_BYTES_ROOM };
	static struct fd_bytes got;
	unsigned int i, at;

	for (i = 0; i < ARRAY_SIZE(rooms); i++) {
		u32 room = rooms[i], written = room < len ? 0 : len;

		EXPECT_EQ(room < len ? -ENOSPC : 0, fd_get(fd, feature, &got, room)) {
			TH_LOG("room for %u of %u", room, len);
		}
		EXPECT_EQ(len, got.size);
		EXPECT_EQ(0, got.flags);
		EXPECT_EQ(0, memcmp(got.data, want, written));
		for (at = written; at < sizeof(got.data) && got.data[at] == FD_UNTOUCHED; at++)
			;
		EXPECT_EQ(sizeof(got.data), at) {
			TH_LOG("room for %u of %u: byte %u was written", room, len, at);
		}
	}
}

TEST_F(fd_handshake, descriptor_is_that_of_sysfs)
{
	char text[FORMAT_TEXT_MAX];
	struct mig_buf file = { 0 };
	u32 state;

	for (state = VFIO_DEVICE_STATE_STOP; state < MIG_STATES; state++) {
		vf_reset(self->vf);
		ASSERT_EQ(0, mig_set(self->fd, state, NULL));
		ASSERT_EQ(0, format_descriptor(self->vf->bdf, &file));
		expect_sizes(_metadata, self->fd, DESCRIPTOR, file.data, file.len);
	}
	vf_reset(self->vf);

	/* What the guest uses is in it, and what is to be written. */
	ASSERT_EQ(0, vf_join(self->vf, guest_mac));
	ASSERT_EQ(0, vf_add_unicast(self->vf, other_mac));
	ASSERT_EQ(0, format_descriptor(self->vf->bdf, &file));
	EXPECT_EQ(VMF_FEATURE_UNICAST, vmf_required(file.data, file.len));
	expect_sizes(_metadata, self->fd, DESCRIPTOR, file.data, file.len);
	ASSERT_EQ(0, format_set_target(self->vf->bdf, "1"));
	EXPECT_EQ(-EOPNOTSUPP, format_descriptor(self->vf->bdf, &file));
	EXPECT_EQ(-EOPNOTSUPP, fd_descriptor(self->fd, &file));
	fd_last_error(self->fd, text);
	EXPECT_TRUE(begins_with(text, "descriptor: EOPNOTSUPP")) {
		TH_LOG("\"%s\"", text);
	}
	ASSERT_EQ(0, vf_clear_unicast(self->vf, guest_mac));
	ASSERT_EQ(0, format_descriptor(self->vf->bdf, &file));
	EXPECT_EQ(1, vmf_profile_version(file.data, file.len));
	expect_sizes(_metadata, self->fd, DESCRIPTOR, file.data, file.len);
	mig_buf_free(&file);
}

/* The same errno, and the line that sysfs has only for who reads the kernel's log. */
static void expect_same_verdict(struct __test_metadata *_metadata, struct vf *vf,
				const void *data, size_t len, const char *name)
{
	char text[FORMAT_TEXT_MAX + 1];
	int fd = fd_check(vf_fd(vf), data, len), log, file;

	fd_last_error(vf_fd(vf), text);
	log = kernel_log_open();
	file = format_check(vf->bdf, data, len);
	EXPECT_EQ(file, fd) {
		TH_LOG("%s", name);
	}
	if (fd) {
		EXPECT_TRUE(begins_with(text, "check: E"));
		strcat(text, "\n");
		EXPECT_TRUE(kernel_log_has(log, vf->bdf, text)) {
			TH_LOG("%s: by the file descriptor \"%s\"", name, text);
		}
	}
	close(log);
}

TEST_F_TIMEOUT(fd_handshake, check_is_that_of_sysfs, 100)
{
	static const struct stream_edits * const all[] = {
		&edits_malformed, &edits_other_format, &edits_other_device, &edits_too_new,
		&edits_over_limits, &edits_harmless,
	};
	char before[FORMAT_TEXT_MAX] = "", after[FORMAT_TEXT_MAX] = "";
	unsigned int i, j, refused = 0;
	struct mig_buf s = { 0 };
	size_t len;

	read_last_error(self->vf->bdf, before, sizeof(before));
	for (i = 0; i < ARRAY_SIZE(all); i++) {
		for (j = 0; j < all[i]->count; j++) {
			mig_buf_copy(&s, &self->stream);
			stream_edit_apply(&all[i]->edit[j], &s);
			len = vmf_initial_len(s.data, s.len);
			if (!len || len > LONGEST || vmf_generations(s.data, s.len) != 1)
				len = self->preamble;
			expect_same_verdict(_metadata, self->vf, s.data, len,
					    all[i]->edit[j].name);
			refused += fd_check(self->fd, s.data, len) != 0;
		}
	}
	EXPECT_LT(40, refused);
	for (len = 1; len <= self->preamble + 1; len += 13)
		expect_same_verdict(_metadata, self->vf, self->stream.data, len, "a part");

	/* Nothing has come of it. */
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, mig_state(self->fd));
	read_last_error(self->vf->bdf, after, sizeof(after));
	EXPECT_STREQ(before, after);

	/* One that is taken leaves the line alone. */
	fd_check(self->fd, "", 1);
	fd_last_error(self->fd, before);
	EXPECT_NE('\0', *before);
	EXPECT_EQ(0, fd_check(self->fd, self->stream.data, self->preamble));
	fd_last_error(self->fd, after);
	EXPECT_STREQ(before, after);
	mig_buf_free(&s);
}

static void expect_debugfs(struct __test_metadata *_metadata, const char *bdf, const char *want)
{
	char text[FORMAT_TEXT_MAX];

	if (!read_last_error(bdf, text, sizeof(text)))
		return;
	EXPECT_STREQ(want, text);
}

/* Of the owner's own time: of what was before nothing is shown. */
TEST_F(fd_handshake, last_error)
{
	char first[FORMAT_TEXT_MAX], text[FORMAT_TEXT_MAX];
	struct vf *other = vf_open(vf_bdf(1), NULL);
	struct mig_buf bad = { 0 };
	int data_fd;

	fd_last_error(self->fd, text);
	EXPECT_STREQ("", text);
	mig_buf_copy(&bad, &self->stream);
	vmf_put64(bad.data, edit_attribute(&bad, VMF_KEY_LIMITS) + 8, 3);
	edit_fixup(&bad);
	EXPECT_EQ(-EDOM, mig_load(self->fd, &bad));
	fd_last_error(self->fd, first);
	EXPECT_NE(NULL, strstr(first, "EDOM"));
	EXPECT_NE(NULL, strstr(first, "rx-queues"));
	expect_debugfs(_metadata, self->vf->bdf, first);
	expect_sizes(_metadata, self->fd, LAST_ERROR, first, strlen(first));
	vf_reset(self->vf);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, mig_state(self->fd));
	fd_last_error(self->fd, text);
	EXPECT_STREQ(first, text);
	fd_last_error(vf_fd(other), text);
	EXPECT_STREQ("", text);

	/* By sysfs somebody else asks. */
	EXPECT_EQ(-ENODATA, format_check(self->vf->bdf, "\x89VMF", 4));
	fd_last_error(self->fd, text);
	EXPECT_STREQ(first, text);
	EXPECT_EQ(-ENODATA, fd_check(self->fd, "\x89VMF", 4));
	fd_last_error(self->fd, text);
	EXPECT_TRUE(begins_with(text, "check: ENODATA"));
	expect_debugfs(_metadata, self->vf->bdf, first);

	/* Another session, another answer. */
	ASSERT_EQ(0, mig_set(self->fd, VFIO_DEVICE_STATE_RESUMING, &data_fd));
	fd_last_error(self->fd, text);
	EXPECT_STREQ("", text);
	EXPECT_EQ(-ENODATA, fd_check(self->fd, "\x89VMF", 4));
	EXPECT_EQ(-EDOM, mig_write(data_fd, bad.data, bad.len, 1));
	close(data_fd);
	fd_last_error(self->fd, text);
	EXPECT_STREQ(first, text);
	EXPECT_EQ(-ENODATA, fd_check(self->fd, "\x89VMF", 4));

	/* And another owner. */
	vf_close(self->vf);
	self->vf = vf_open(vf_bdf(0), NULL);
	self->fd = vf_fd(self->vf);
	fd_last_error(self->fd, text);
	EXPECT_STREQ("", text);
	expect_debugfs(_metadata, self->vf->bdf, first);
	vf_close(other);
	mig_buf_free(&bad);
}

TEST_HARNESS_MAIN
