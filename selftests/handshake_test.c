// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a bound function says of its streams before there is one, and of the last
 * one afterwards: migration_format/ in sysfs and last_error in debugfs.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "binding.h"
#include "handshake.h"
#include "mdev.h"
#include "refusals.h"
#include "testnet.h"
#include "vf_request.h"
#include "vmf_descriptor.h"

#define FEATURES	"0x00000000000000000000000000000001"
#define UUID		"58bc0add-fe7f-40a8-a167-bafa521ab699"

static const u8 guest_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x0a };
static const u8 other_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x01, 0x0a };

static const struct {
	const char *name;
	mode_t mode;
	const char *value;	/* NULL: bytes, or a number that may grow */
	bool optional;		/* not all providers have it, and they may have others */
} files[] = {
	{ "container_version", 0444, "1.0" },
	{ "registry_revision", 0444, NULL },
	{ "profile", 0444, "vf.net.igbvf-82576" },
	{ "profile_uuid", 0444, UUID },
	{ "profile_version", 0444, "2" },
	{ "profile_floor", 0444, "1" },
	{ "min_reader", 0444, "1" },
	{ "features", 0444, FEATURES },
	{ "subsystem_rule", 0444, "equal" },
	{ "limit_rx-queues", 0444, "2" },
	{ "limit_tx-queues", 0444, "2" },
	{ "limit_msix-vectors", 0444, "3" },
	{ "stream_max", 0444, "65536" },
	{ "max_profile_version", 0644, "2" },
	{ "target_profile_version", 0644, "2" },
	{ "descriptor", 0444, NULL },
	{ "check", 0200, NULL },
	{ "device_quirks", 0444, "none", true },
	{ "adopt", 0200, NULL, true },
};

FIXTURE(handshake)
{
	const char *a;
	const char *b;
};

FIXTURE_SETUP(handshake)
{
	self->a = vf_bdf(0);
	self->b = vf_bdf(1);
}

/* Whatever a test has left, the next one finds the defaults. */
FIXTURE_TEARDOWN(handshake)
{
	EXPECT_TRUE(is_mdev(self->a) || bind_driver(self->a, driver_name()));
	EXPECT_EQ(0, format_set_target(self->a, "2"));
}

static int count_files(const char *bdf)
{
	struct dirent *entry;
	char path[128];
	int count = 0;
	DIR *dir;

	format_path(path, sizeof(path), bdf, "");
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir)))
		count += *entry->d_name != '.';
	closedir(dir);
	return count;
}

TEST_F(handshake, files_while_bound)
{
	char path[128], text[FORMAT_TEXT_MAX];
	struct stat st;
	unsigned int i;

	EXPECT_LT(0, count_files(self->a));
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		format_path(path, sizeof(path), self->a, files[i].name);
		if (files[i].optional && access(path, F_OK))
			continue;
		ASSERT_EQ(0, stat(path, &st)) {
			TH_LOG("no %s", path);
		}
		EXPECT_EQ(S_IFREG | files[i].mode, st.st_mode) {
			TH_LOG("%s", path);
		}
		if (!files[i].value)
			continue;
		EXPECT_EQ(0, format_text(self->a, files[i].name, text, sizeof(text)));
		EXPECT_STREQ(files[i].value, text) {
			TH_LOG("%s", path);
		}
	}
	ASSERT_EQ(0, format_text(self->a, "registry_revision", text, sizeof(text)));
	EXPECT_LT(0, atoi(text));
}

TEST_F(handshake, gone_after_unbind)
{
	int files = count_files(self->a);
	char text[FORMAT_TEXT_MAX];

	ASSERT_EQ(0, format_set_target(self->a, "1"));
	ASSERT_EQ(0, unbind_driver(self->a));
	EXPECT_EQ(-ENOENT, count_files(self->a));
	EXPECT_LT(0, count_files(self->b));
	ASSERT_TRUE(bind_driver(self->a, "vfio-pci"));
	EXPECT_EQ(-ENOENT, count_files(self->a));
	ASSERT_TRUE(bind_driver(self->a, driver_name()));
	EXPECT_EQ(files, count_files(self->a));
	/* A choice is the binding's. */
	ASSERT_EQ(0, format_target(self->a, text, sizeof(text)));
	EXPECT_STREQ("2", text);
}

/* What PRE_COPY has to read first is what the file has. */
static void expect_initial(struct __test_metadata *_metadata, struct vf *vf)
{
	struct mig_buf shown = { 0 }, read = { 0 }, now = { 0 };
	int data_fd;

	ASSERT_EQ(0, format_descriptor(vf->bdf, &shown));
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_PRE_COPY, &data_fd));
	EXPECT_EQ(0, format_descriptor(vf->bdf, &now));
	EXPECT_EQ(-ENOMSG, mig_read(data_fd, &read, MIG_CHUNK));
	EXPECT_LT(0, read.len);
	EXPECT_TRUE(mig_buf_equal(&shown, &read));
	EXPECT_TRUE(mig_buf_equal(&now, &read));
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING, NULL));
	close(data_fd);
	mig_buf_free(&shown);
	mig_buf_free(&read);
	mig_buf_free(&now);
}

TEST_F(handshake, descriptor_is_what_a_stream_begins_with)
{
	struct mig_buf closed = { 0 }, now = { 0 };
	struct vf *vf;
	u32 state;

	ASSERT_EQ(0, format_descriptor(self->a, &closed));
	EXPECT_EQ(closed.len, vmf_initial_len(closed.data, closed.len));
	vf = vf_open(self->a, NULL);
	expect_initial(_metadata, vf);
	for (state = VFIO_DEVICE_STATE_STOP; state < MIG_STATES; state++) {
		vf_reset(vf);
		ASSERT_EQ(0, mig_set(vf_fd(vf), state, NULL));
		EXPECT_EQ(0, format_descriptor(self->a, &now));
		EXPECT_TRUE(mig_buf_equal(&closed, &now)) {
			TH_LOG("in %s", mig_name(state));
		}
	}
	vf_reset(vf);

	ASSERT_EQ(0, vf_join(vf, guest_mac));
	ASSERT_EQ(0, vf_add_unicast(vf, other_mac));
	ASSERT_EQ(0, format_descriptor(self->a, &now));
	EXPECT_FALSE(mig_buf_equal(&closed, &now));
	EXPECT_EQ(VMF_FEATURE_UNICAST, vmf_required(now.data, now.len));
	EXPECT_TRUE(vmf_announces(now.data, now.len, VMF_UNICAST, NULL));
	expect_initial(_metadata, vf);
	EXPECT_EQ(0, format_check(self->b, now.data, now.len));

	/* And with a version that has no words for it there is none. */
	ASSERT_EQ(0, format_set_target(self->a, "1"));
	EXPECT_EQ(-EOPNOTSUPP, format_descriptor(self->a, &now));
	ASSERT_EQ(0, vf_clear_unicast(vf, guest_mac));
	ASSERT_EQ(0, format_descriptor(self->a, &now));
	EXPECT_EQ(1, vmf_profile_version(now.data, now.len));
	expect_initial(_metadata, vf);
	vf_close(vf);
	mig_buf_free(&closed);
	mig_buf_free(&now);
}

/* The whole protocol. */
TEST_F(handshake, cat_descriptor_to_check)
{
	char from[128], to[128], command[300];

	format_path(from, sizeof(from), self->a, "descriptor");
	format_path(to, sizeof(to), self->b, "check");
	snprintf_assert(command, sizeof(command), "cat %s >%s", from, to);
	EXPECT_EQ(0, system(command));
	snprintf_assert(command, sizeof(command), "cat /proc/self/exe 2>/dev/null >%s", to);
	EXPECT_NE(0, system(command));
	ASSERT_EQ(0, format_set_target(self->a, "1"));
	snprintf_assert(command, sizeof(command), "cat %s >%s", from, to);
	EXPECT_EQ(0, system(command));
}

TEST_F(handshake, target_profile_version)
{
	static const char * const bad[] = { "0", "3", "-1", "x", "1 2", "0x1", "2x", "4294967297",
					    "4294967295", " ", "\n", "1.0", "two" };
	static const char * const good[] = { "1", "2\n", "\t1\t", "2" };
	struct mig_buf now = { 0 }, rest = { 0 };
	char text[FORMAT_TEXT_MAX];
	struct vf *vf;
	unsigned int i;
	int data_fd;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EINVAL, format_set_target(self->a, bad[i])) {
			TH_LOG("\"%s\"", bad[i]);
		}
		ASSERT_EQ(0, format_target(self->a, text, sizeof(text)));
		EXPECT_STREQ("2", text);
	}
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		EXPECT_EQ(0, format_set_target(self->a, good[i]));
		ASSERT_EQ(0, format_target(self->a, text, sizeof(text)));
		EXPECT_EQ(atoi(good[i]), atoi(text));
		ASSERT_EQ(0, format_descriptor(self->a, &now));
		EXPECT_EQ((u32)atoi(good[i]), vmf_profile_version(now.data, now.len));
		EXPECT_EQ(0, format_text(self->a, "min_reader", text, sizeof(text)));
		EXPECT_EQ((u32)atoi(text), vmf_min_reader(now.data, now.len));
	}
	/* It is that of one function. */
	ASSERT_EQ(0, format_set_target(self->a, "1"));
	ASSERT_EQ(0, format_target(self->b, text, sizeof(text)));
	EXPECT_STREQ("2", text);

	/* It is for sessions that begin later. */
	ASSERT_EQ(0, format_set_target(self->a, "2"));
	vf = vf_open(self->a, NULL);
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_PRE_COPY, &data_fd));
	ASSERT_EQ(0, format_set_target(self->a, "1"));
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP_COPY, NULL));
	ASSERT_EQ(0, mig_read(data_fd, &rest, MIG_CHUNK));
	EXPECT_EQ(2, vmf_profile_version(rest.data, rest.len));
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP, NULL));
	ASSERT_EQ(0, mig_save(vf_fd(vf), &rest));
	EXPECT_EQ(1, vmf_profile_version(rest.data, rest.len));
	close(data_fd);
	vf_close(vf);
	mig_buf_free(&now);
	mig_buf_free(&rest);
}

static void expect_last(struct __test_metadata *_metadata, const char *bdf, const char *when,
			const char * const *words)
{
	char text[FORMAT_TEXT_MAX];

	ASSERT_TRUE(read_last_error(bdf, text, sizeof(text)));
	for (; *words; words++) {
		EXPECT_NE(NULL, strstr(text, *words)) {
			TH_LOG("%s: \"%s\" lacks \"%s\"", when, text, *words);
		}
	}
}

/* It is read after the VMM has given up: reset, close and others' opens are no end. */
TEST_F(handshake, last_error_outlives_what_failed)
{
	static const char * const none[] = { "none", NULL };
	static const char * const limit[] = { "EDOM", "rx-queues", "got 0x3", "want 0x2", NULL };
	static const char * const feature[] = { "EOPNOTSUPP", "feature", "0x10000000000", NULL };
	struct mig_buf good = { 0 }, bad = { 0 };
	char text[FORMAT_TEXT_MAX];
	struct vf *vf;
	int data_fd;

	if (!read_last_error(self->a, text, sizeof(text)))
		SKIP(return, "no debugfs");
	vf = vf_open(self->a, NULL);
	ASSERT_EQ(0, mig_save(vf_fd(vf), &good));
	ASSERT_EQ(0, mig_load(vf_fd(vf), &good));
	expect_last(_metadata, self->a, "after a good load", none);

	mig_buf_copy(&bad, &good);
	vmf_put64(bad.data, edit_attribute(&bad, VMF_KEY_LIMITS) + 8, 3);
	edit_fixup(&bad);
	EXPECT_EQ(-EDOM, mig_load(vf_fd(vf), &bad));
	expect_last(_metadata, self->a, "after write()", limit);
	EXPECT_EQ(-EDOM, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP, NULL));
	expect_last(_metadata, self->a, "after SET_STATE", limit);
	vf_reset(vf);
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, mig_state(vf_fd(vf)));
	expect_last(_metadata, self->a, "after a reset", limit);
	vf_close(vf);
	expect_last(_metadata, self->a, "after close", limit);
	EXPECT_EQ(-ENODATA, format_check(self->a, "\x89VMF", 4));
	expect_last(_metadata, self->a, "after check", limit);
	vf = vf_open(self->a, NULL);
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP, NULL));
	expect_last(_metadata, self->a, "opened again", limit);
	expect_last(_metadata, self->b, "of another function", none);

	/* Another session, another answer. */
	mig_buf_copy(&bad, &good);
	vmf_put64(bad.data, edit_attribute(&bad, VMF_KEY_FEATURES_REQUIRED), 1ull << 40);
	edit_fixup(&bad);
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RESUMING, &data_fd));
	expect_last(_metadata, self->a, "in a new session", none);
	EXPECT_EQ(-EOPNOTSUPP, mig_write(data_fd, bad.data, bad.len, 1));
	expect_last(_metadata, self->a, "after the second refusal", feature);
	close(data_fd);
	vf_reset(vf);
	ASSERT_EQ(0, mig_load(vf_fd(vf), &good));
	expect_last(_metadata, self->a, "at the end", none);
	vf_close(vf);
	mig_buf_free(&good);
	mig_buf_free(&bad);
}

TEST_HARNESS_MAIN
