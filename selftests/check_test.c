// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verdict of the sysfs file "check" on a descriptor is that of the write() of
 * a migration, and has no side effects.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "config_words.h"
#include "handshake.h"
#include "refusals.h"
#include "testnet.h"
#include "vmf_descriptor.h"

#define MUTANTS		10000
#define WRITE_S		45

FIXTURE(check)
{
	struct vf *a;
	struct mig_buf stream;
	size_t preamble;
};

FIXTURE_SETUP(check)
{
	static const u8 mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x0a };
	struct ledger ledger;
	struct nic guest;

	self->stream = (struct mig_buf){ 0 };
	nic_init(&guest, mac);
	ASSERT_EQ(0, nic_up(&guest, vf_open(vf_bdf(0), &guest.ram)));
	ledger_init(&ledger, 100);
	ASSERT_TRUE(nic_send(&guest, 0, &ledger, mac, 3));
	ASSERT_TRUE(nic_drain(&guest, 0, NIC_TIMEOUT_MS));
	ASSERT_EQ(0, mig_save(vf_fd(guest.vf), &self->stream));
	vf_close(guest.vf);
	nic_free(&guest);
	self->preamble = vmf_initial_len(self->stream.data, self->stream.len);
	ASSERT_LT(0, self->preamble);
	self->a = vf_open(vf_bdf(0), NULL);
}

FIXTURE_TEARDOWN(check)
{
	vf_close(self->a);
	mig_buf_free(&self->stream);
}

/* What the write() of a migration says to the same bytes; the device is RUNNING then. */
static int verdict_of_write(struct vf *vf, const void *data, size_t len)
{
	int data_fd, ret, end;

	ret = mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RESUMING, &data_fd);
	if (ret)
		return -EPROTO;
	ret = mig_write(data_fd, data, len, MIG_CHUNK);
	end = mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP, NULL);
	close(data_fd);
	vf_reset(vf);
	return end == (ret ? ret : -ENODATA) ? ret : -EPROTO;
}

/* The start of an edited stream that is for a check; 0 if it is as it was. */
static size_t preamble_of(const struct mig_buf *s, const struct mig_buf *good, size_t preamble)
{
	size_t len = vmf_initial_len(s->data, s->len);

	if (!len || vmf_generations(s->data, s->len) != 1)
		len = preamble;
	return len == preamble && !memcmp(s->data, good->data, len) ? 0 : len;
}

static unsigned int check_edits(struct __test_metadata *_metadata, struct vf *vf,
				const struct mig_buf *good, size_t preamble,
				const struct stream_edits *edits)
{
	struct mig_buf s = { 0 };
	unsigned int i, n = 0;
	size_t len;
	int ret;

	for (i = 0; i < edits->count; i++) {
		mig_buf_copy(&s, good);
		stream_edit_apply(&edits->edit[i], &s);
		len = preamble_of(&s, good, preamble);
		if (!len)
			continue;
		n++;
		ret = format_check(vf->bdf, s.data, len);
		EXPECT_EQ(-edits->edit[i].err, ret) {
			TH_LOG("%s", edits->edit[i].name);
		}
		EXPECT_EQ(ret, verdict_of_write(vf, s.data, len)) {
			TH_LOG("%s", edits->edit[i].name);
		}
	}
	mig_buf_free(&s);
	return n;
}

TEST_F_TIMEOUT(check, doctored_descriptors, 100)
{
	static const struct stream_edits * const all[] = {
		&edits_malformed, &edits_other_format, &edits_other_device, &edits_too_new,
		&edits_over_limits, &edits_harmless,
	};
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		n += check_edits(_metadata, self->a, &self->stream, self->preamble, all[i]);
	TH_LOG("%u doctored descriptors", n);
	EXPECT_LT(40, n);
}

TEST_F(check, touches_nothing)
{
	u32 before[VF_REGS_MAX], after[VF_REGS_MAX], values[VF_REGS_MAX];
	char error[FORMAT_TEXT_MAX] = "", again[FORMAT_TEXT_MAX] = "";
	u8 *data = self->stream.data;
	unsigned int i;

	for (i = 0; i < vf_regs_count; i++)
		values[i] = 0x9e3779b9 * (2 * i + 5);
	vf_regs_write(self->a, values);
	vf_regs_read(self->a, before);
	read_last_error(self->a->bdf, error, sizeof(error));
	for (i = 0; i < 100; i++) {
		EXPECT_EQ(0, format_check(self->a->bdf, data, self->preamble));
		data[self->preamble - 1 - i] ^= 1;
		EXPECT_NE(0, format_check(self->a->bdf, data, self->preamble));
		data[self->preamble - 1 - i] ^= 1;
	}
	vf_regs_read(self->a, after);
	EXPECT_EQ(NULL, vf_regs_differ(before, after));
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, mig_state(vf_fd(self->a)));
	read_last_error(self->a->bdf, again, sizeof(again));
	EXPECT_STREQ(error, again);
}

/* One write() is one descriptor, no more and no less. */
TEST_F(check, lengths)
{
	size_t len = self->preamble, half = len / 2;
	const char *bdf = self->a->bdf;
	u8 page[2 * 4096] = { 0 };
	char path[128];
	int fd;

	memcpy(page, self->stream.data, len);
	EXPECT_EQ(0, format_check(bdf, page, len));
	EXPECT_EQ(-ENODATA, format_check(bdf, page, 1));
	EXPECT_EQ(-ENODATA, format_check(bdf, page, VMF_HEADER_LEN));
	EXPECT_EQ(-ENODATA, format_check(bdf, page, len - 1));
	EXPECT_EQ(-EILSEQ, format_check(bdf, page, len + 1));
	EXPECT_EQ(-EILSEQ, format_check(bdf, self->stream.data, self->stream.len));
	/* What is no section follows; of the longer one sysfs lets through a page. */
	EXPECT_EQ(-EBADMSG, format_check(bdf, page, 4096));
	EXPECT_EQ(-EBADMSG, format_check(bdf, page, sizeof(page)));

	format_path(path, sizeof(path), bdf, "check");
	fd = open(path, O_WRONLY);
	ASSERT_GE(fd, 0);
	/* No bytes, no verdict: sysfs does not even ask the driver. */
	EXPECT_EQ(0, write(fd, page, 0));
	EXPECT_EQ(-1, write(fd, page, half));
	EXPECT_EQ(ENODATA, errno);
	EXPECT_EQ(-1, write(fd, page + half, len - half));
	EXPECT_EQ(EBADMSG, errno);
	EXPECT_EQ((ssize_t)len, write(fd, page, len));
	EXPECT_EQ(-1, write(fd, page, len));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ((ssize_t)len, pwrite(fd, page, len, 0));
	EXPECT_EQ(-1, pwrite(fd, page, len, 8));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, read(fd, page, 1));
	EXPECT_EQ(EBADF, errno);
	close(fd);
}

/* Mutant number @n of a descriptor: 1 or 2 changes, mostly with CRCs that are right. */
static void mutate(const struct mig_buf *good, size_t len, unsigned int n, u8 *to)
{
	static const u64 values[] = { 0, 1, 2, 3, 0x7f, 0xff, 0x100, 0x7fff, 0xffff, 0x10000,
				      0x10006, 0x7fffffff, 0xffffffff, 1ull << 63, ~0ull };
	unsigned int seed = n * 2654435761u, i, changes = 1 + rand_r(&seed) % 2, bytes;
	size_t at;
	u64 value;

	memcpy(to, good->data, len);
	for (i = 0; i < changes; i++) {
		at = rand_r(&seed) % len;
		bytes = 1 << rand_r(&seed) % 4;
		value = values[rand_r(&seed) % ARRAY_SIZE(values)];
		/* The length of the section stays: part of a stream is not for a check. */
		at &= ~(bytes - 1ul);
		if (at + bytes > VMF_HEADER_LEN + VMF_SEC_LENGTH &&
		    at < VMF_HEADER_LEN + VMF_SEC_PAYLOAD_CRC)
			continue;
		if (rand_r(&seed) % 2)
			to[at] ^= 1 << rand_r(&seed) % 8;
		else
			memcpy(to + at, &value, bytes);
	}
	if (rand_r(&seed) % 16)
		vmf_fixup(to, len);
}

struct judge {
	pthread_t thread;
	const char *bdf;
	const struct mig_buf *good;
	const int *checks;
	size_t len;
	unsigned int first;
	unsigned int done;
	unsigned int differ;
	unsigned int which;
};

static void *judge(void *arg)
{
	u64 end = now_ns() + WRITE_S * 1000000000ull;
	struct judge *j = arg;
	struct vf *vf = vf_open(j->bdf, NULL);
	u8 mutant[VMF_PREAMBLE_MAX];
	unsigned int n;
	int want, got;

	for (n = j->first; n < MUTANTS && now_ns() < end; n += VF_MAX) {
		mutate(j->good, j->len, n, mutant);
		want = j->checks[n];
		/* That is for the VMM to find, which a check does in its place. */
		if (want == -EXDEV && config_words_differ(j->good->data, mutant, j->len))
			want = 0;
		got = verdict_of_write(vf, mutant, j->len);
		if (got != want && got != j->checks[n]) {
			j->differ++;
			j->which = n;
		}
		j->done++;
	}
	vf_close(vf);
	return NULL;
}

static void print_verdicts(const int *checks)
{
	unsigned int counts[256] = { 0 }, i;

	for (i = 0; i < MUTANTS; i++)
		counts[-checks[i] & 0xff]++;
	for (i = 0; i < ARRAY_SIZE(counts); i++)
		if (counts[i])
			printf("#   %5u  %s\n", counts[i], i ? strerror(i) : "accepted");
}

/* Most of a write()'s time is the reset after it: a thread for each function. */
TEST_F_TIMEOUT(check, mutants_as_write, 500)
{
	unsigned int i, done = 0, accepted = 0;
	struct judge judges[VF_MAX];
	u8 mutant[VMF_PREAMBLE_MAX];
	static int checks[MUTANTS];

	for (i = 0; i < MUTANTS; i++) {
		mutate(&self->stream, self->preamble, i, mutant);
		checks[i] = format_check(self->a->bdf, mutant, self->preamble);
		accepted += !checks[i];
	}
	print_verdicts(checks);
	EXPECT_LT(0, accepted);
	EXPECT_GT(MUTANTS / 2, accepted);

	vf_close(self->a);
	for (i = 0; i < VF_MAX; i++) {
		judges[i] = (struct judge){
			.bdf = vf_bdf(i), .good = &self->stream, .checks = checks,
			.len = self->preamble, .first = i,
		};
		ASSERT_EQ(0, pthread_create(&judges[i].thread, NULL, judge, &judges[i]));
	}
	for (i = 0; i < VF_MAX; i++) {
		ASSERT_EQ(0, pthread_join(judges[i].thread, NULL));
		EXPECT_EQ(0, judges[i].differ) {
			TH_LOG("%u verdicts differ, the last is mutant %u", judges[i].differ,
			       judges[i].which);
		}
		done += judges[i].done;
	}
	/* Mutants follow from their numbers. */
	TH_LOG("%u mutants checked, the first %u of them written", MUTANTS, done);
	EXPECT_LT(50, done);
	self->a = vf_open(vf_bdf(0), NULL);
}

TEST_HARNESS_MAIN
