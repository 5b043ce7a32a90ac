// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every way in which a stream can be wrong: the errno of write(), that it stays,
 * that the hardware was not touched, and that a reset makes it good again.
 *
 * Streams are edited with code that was written from the description of the
 * format, and their CRCs are right unless the CRC is what is wrong. Numbers in
 * names are those of the litmus tests of the format.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "migration.h"
#include "refusals.h"
#include "testnet.h"
#include "vmf_stream.h"

FIXTURE(stream_error)
{
	struct nic guest;
	struct vf *b;
	struct mig_buf good;
	u32 regs[VF_REGS_MAX];
};

/* The destination has registers that a load would not leave as they are. */
static void fill_destination(struct vf *vf)
{
	u32 values[VF_REGS_MAX];
	unsigned int i;

	for (i = 0; i < vf_regs_count; i++)
		values[i] = 0x9e3779b9 * (2 * i + 5);
	vf_regs_write(vf, values);
}

FIXTURE_SETUP(stream_error)
{
	static const u8 mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x0a };
	struct ledger ledger;

	self->good = (struct mig_buf){ 0 };
	nic_init(&self->guest, mac);
	ASSERT_EQ(0, nic_up(&self->guest, vf_open(vf_bdf(0), &self->guest.ram)));
	/* The counters are not 0: every section that an edit is about is there. */
	ledger_init(&ledger, 100);
	ASSERT_TRUE(nic_send(&self->guest, 0, &ledger, mac, 3));
	ASSERT_TRUE(nic_drain(&self->guest, 0, NIC_TIMEOUT_MS));
	ASSERT_EQ(0, mig_save(vf_fd(self->guest.vf), &self->good));
	ASSERT_EQ(NULL, vmf_check(self->good.data, self->good.len));
	self->b = vf_open(vf_bdf(1), &self->guest.ram);
}

FIXTURE_TEARDOWN(stream_error)
{
	mig_buf_free(&self->good);
	vf_close(self->b);
	vf_close(self->guest.vf);
	nic_free(&self->guest);
}

static int resume(struct vf *vf, const void *data, size_t len, size_t chunk, int *data_fd)
{
	int ret;

	ret = mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RESUMING, data_fd);
	return ret ? ret : mig_write(*data_fd, data, len, chunk);
}

static void expect_untouched(struct __test_metadata *_metadata, struct vf *vf, const u32 *before)
{
	u32 after[VF_REGS_MAX];
	const struct vf_reg *reg;

	vf_regs_read(vf, after);
	reg = vf_regs_differ(before, after);
	EXPECT_EQ(NULL, reg) {
		TH_LOG("%s was touched: %#x, was %#x", reg->name, after[reg - vf_regs],
		       before[reg - vf_regs]);
	}
}

/* The error stays until a reset, which leaves nothing of it. */
static void expect_latched(struct __test_metadata *_metadata, struct vf *vf, int data_fd, int err)
{
	EXPECT_EQ(-err, mig_write(data_fd, "", 1, 1));
	EXPECT_EQ(-err, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP, NULL));
	EXPECT_EQ(VFIO_DEVICE_STATE_RESUMING, mig_state(vf_fd(vf)));
	EXPECT_EQ(-err, mig_write(data_fd, "", 1, 1));
	EXPECT_EQ(-err, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING, NULL));
	vf_reset(vf);
	EXPECT_EQ(-ENODEV, mig_write(data_fd, "", 1, 1));
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, mig_state(vf_fd(vf)));
	close(data_fd);
}

static void refused(struct __test_metadata *_metadata, struct vf *vf, const struct mig_buf *good,
		    const struct stream_edit *edit)
{
	struct mig_buf bad = { 0 };
	u32 regs[VF_REGS_MAX];
	int data_fd, ret;

	mig_buf_copy(&bad, good);
	stream_edit_apply(edit, &bad);
	fill_destination(vf);
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP, NULL));
	vf_regs_read(vf, regs);
	ret = resume(vf, bad.data, bad.len, MIG_CHUNK, &data_fd);
	EXPECT_EQ(-edit->err, ret) {
		TH_LOG("%s", edit->name);
	}
	expect_untouched(_metadata, vf, regs);
	expect_latched(_metadata, vf, data_fd, edit->err);
	mig_buf_free(&bad);
}

static void all_refused(struct __test_metadata *_metadata, struct vf *vf,
			const struct mig_buf *good, const struct stream_edits *edits)
{
	unsigned int i;

	for (i = 0; i < edits->count; i++)
		refused(_metadata, vf, good, &edits->edit[i]);

	ASSERT_EQ(0, mig_load(vf_fd(vf), good));
	vf_vmm_setup(vf);
	EXPECT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING, NULL));
}

TEST_F_TIMEOUT(stream_error, litmus_14_17_malformed, 100)
{
	all_refused(_metadata, self->b, &self->good, &edits_malformed);
}

TEST_F_TIMEOUT(stream_error, litmus_17_other_format, 100)
{
	all_refused(_metadata, self->b, &self->good, &edits_other_format);
}

TEST_F_TIMEOUT(stream_error, litmus_6_other_device, 100)
{
	all_refused(_metadata, self->b, &self->good, &edits_other_device);
}

/* It is known from the first bytes, while the guest runs on at the source. */
TEST_F_TIMEOUT(stream_error, litmus_6_before_the_source_stops, 100)
{
	int source = vf_fd(self->guest.vf), data_fd, to, ret;
	struct mig_buf bad = { 0 }, initial = { 0 };
	const struct stream_edit *edit;
	struct ledger ledger;
	unsigned int i;

	ASSERT_EQ(0, mig_set(source, VFIO_DEVICE_STATE_RUNNING, NULL));
	ASSERT_EQ(0, mig_set(source, VFIO_DEVICE_STATE_PRE_COPY, &data_fd));
	ASSERT_EQ(-ENOMSG, mig_read(data_fd, &initial, MIG_CHUNK));
	for (i = 0; i < edits_other_device.count; i++) {
		edit = &edits_other_device.edit[i];
		mig_buf_copy(&bad, &self->good);
		stream_edit_apply(edit, &bad);
		/* All that there is at that time. */
		ret = resume(self->b, bad.data, initial.len, MIG_CHUNK, &to);
		EXPECT_EQ(-EXDEV, ret) {
			TH_LOG("%s", edit->name);
		}
		vf_reset(self->b);
		close(to);
	}
	EXPECT_EQ(VFIO_DEVICE_STATE_PRE_COPY, mig_state(source));
	ASSERT_EQ(0, mig_set(source, VFIO_DEVICE_STATE_RUNNING, NULL));
	close(data_fd);
	ledger_init(&ledger, 100);
	EXPECT_TRUE(nic_send(&self->guest, 0, &ledger, self->guest.mac, 3 * NIC_TX_RING));
	EXPECT_TRUE(nic_drain(&self->guest, 0, NIC_TIMEOUT_MS));
	mig_buf_free(&bad);
	mig_buf_free(&initial);
}

TEST_F_TIMEOUT(stream_error, litmus_3_16_too_new, 100)
{
	all_refused(_metadata, self->b, &self->good, &edits_too_new);
}

TEST_F_TIMEOUT(stream_error, litmus_7_over_limits, 100)
{
	all_refused(_metadata, self->b, &self->good, &edits_over_limits);
}

TEST_F_TIMEOUT(stream_error, litmus_11_13_wrong_order, 100)
{
	all_refused(_metadata, self->b, &self->good, &edits_wrong_order);
}

TEST_F_TIMEOUT(stream_error, litmus_12_too_long, 100)
{
	all_refused(_metadata, self->b, &self->good, &edits_too_long);
}

TEST_F_TIMEOUT(stream_error, out_of_range, 100)
{
	all_refused(_metadata, self->b, &self->good, &edits_out_of_range);
}

/* What is new and need not be known, and what is less than there is. */
TEST_F_TIMEOUT(stream_error, litmus_15_harmless, 100)
{
	const struct stream_edits *edits = &edits_harmless;
	struct mig_buf other = { 0 }, loaded = { 0 }, want = { 0 };
	unsigned int i;

	for (i = 0; i < edits->count; i++) {
		mig_buf_copy(&other, &self->good);
		stream_edit_apply(&edits->edit[i], &other);
		ASSERT_EQ(NULL, vmf_check(other.data, other.len));
		EXPECT_EQ(0, mig_load(vf_fd(self->b), &other)) {
			TH_LOG("%s", edits->edit[i].name);
		}
		/* It is the same state. */
		EXPECT_EQ(0, mig_save(vf_fd(self->b), &loaded));
		mig_buf_copy(&want, &self->good);
		if (!strcmp(edits->edit[i].name, "no_statistics"))
			mig_buf_copy(&want, &other);
		EXPECT_TRUE(mig_buf_equal(&want, &loaded)) {
			TH_LOG("%s", edits->edit[i].name);
		}
		vf_reset(self->b);
	}
	mig_buf_free(&other);
	mig_buf_free(&loaded);
	mig_buf_free(&want);
}

/* At the end of every structure, one byte to either side, and in between. */
TEST_F_TIMEOUT(stream_error, litmus_9_truncated, 100)
{
	struct vmf_section all[VMF_SECTIONS_MAX];
	size_t at[4 * VMF_SECTIONS_MAX];
	int i, n, data_fd, count = 0;

	n = vmf_walk(self->good.data, self->good.len, all, VMF_SECTIONS_MAX);
	ASSERT_GT(n, 1);
	at[count++] = 0;
	at[count++] = 1;
	for (i = 0; i < n; i++) {
		at[count++] = all[i].off - 1;
		at[count++] = all[i].off;
		at[count++] = all[i].payload + (i & 1 ? 0 : 5);
	}
	at[count++] = self->good.len - 1;

	for (i = 0; i < count; i++) {
		fill_destination(self->b);
		ASSERT_EQ(0, mig_set(vf_fd(self->b), VFIO_DEVICE_STATE_STOP, NULL));
		vf_regs_read(self->b, self->regs);
		ASSERT_EQ(0, resume(self->b, self->good.data, at[i], MIG_CHUNK, &data_fd));
		EXPECT_EQ(-ENODATA, mig_set(vf_fd(self->b), VFIO_DEVICE_STATE_STOP, NULL)) {
			TH_LOG("after %zu bytes", at[i]);
		}
		expect_untouched(_metadata, self->b, self->regs);
		vf_reset(self->b);
		close(data_fd);
		ASSERT_EQ(VFIO_DEVICE_STATE_RUNNING, mig_state(vf_fd(self->b)));
	}
	ASSERT_EQ(0, mig_load(vf_fd(self->b), &self->good));
}

/* A refusal stays, whatever comes then, until a reset: and then all is well. */
TEST_F(stream_error, litmus_19_latched_until_reset)
{
	struct mig_buf bad = { 0 };
	int data_fd;

	mig_buf_copy(&bad, &self->good);
	bad.data[bad.len - 20] ^= 1;
	EXPECT_EQ(-EBADMSG, resume(self->b, bad.data, bad.len, MIG_CHUNK, &data_fd));
	EXPECT_EQ(-EBADMSG, mig_write(data_fd, self->good.data, self->good.len, MIG_CHUNK));
	expect_latched(_metadata, self->b, data_fd, EBADMSG);
	ASSERT_EQ(0, mig_load(vf_fd(self->b), &self->good));
	vf_vmm_setup(self->b);
	EXPECT_EQ(0, mig_set(vf_fd(self->b), VFIO_DEVICE_STATE_RUNNING, NULL));
	mig_buf_free(&bad);
}

/* Once it is loaded, too. */
TEST_F(stream_error, byte_after_the_load)
{
	int data_fd;

	ASSERT_EQ(0, resume(self->b, self->good.data, self->good.len, MIG_CHUNK, &data_fd));
	EXPECT_EQ(-EILSEQ, mig_write(data_fd, "", 1, 1));
	expect_latched(_metadata, self->b, data_fd, EILSEQ);
	ASSERT_EQ(0, mig_load(vf_fd(self->b), &self->good));
}

/* The load is in the write() that completes END, and no earlier. */
TEST_F(stream_error, load_is_in_the_last_write)
{
	size_t len = self->good.len;
	u32 after[VF_REGS_MAX];
	int data_fd;

	fill_destination(self->b);
	ASSERT_EQ(0, mig_set(vf_fd(self->b), VFIO_DEVICE_STATE_STOP, NULL));
	vf_regs_read(self->b, self->regs);
	ASSERT_EQ(0, resume(self->b, self->good.data, len - 1, 1, &data_fd));
	expect_untouched(_metadata, self->b, self->regs);
	ASSERT_EQ(0, mig_write(data_fd, self->good.data + len - 1, 1, 1));
	vf_regs_read(self->b, after);
	EXPECT_NE(NULL, vf_regs_differ(self->regs, after));
	EXPECT_EQ(0, mig_set(vf_fd(self->b), VFIO_DEVICE_STATE_STOP, NULL));
	close(data_fd);
}

TEST_HARNESS_MAIN
