// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a stream is cut into calls of read() and write() makes no difference. The
 * number is that of the litmus tests of the format.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "igbvf_device.h"
#include "igbvf_regs.h"
#include "migration.h"
#include "vmf_stream.h"

#include "kselftest_harness.h"

#define STOP		VFIO_DEVICE_STATE_STOP
#define STOP_COPY	VFIO_DEVICE_STATE_STOP_COPY
#define RESUMING	VFIO_DEVICE_STATE_RESUMING

FIXTURE(split) {
	struct vf *vf;
	int fd;
	struct mig_buf stream;	/* of the device, which is in STOP then */
};

FIXTURE_SETUP(split)
{
	self->stream = (struct mig_buf){ 0 };
	self->vf = vf_open(vf_bdf(0), NULL);
	self->fd = vf_fd(self->vf);
	vf_write(self->vf, VF_RDBAL(0), 0x00401000);
	vf_write(self->vf, VF_TDLEN(1), 0x200);
	vf_write(self->vf, VF_IVAR0, 0x81808180);
	ASSERT_EQ(0, mig_save(self->fd, &self->stream));
	ASSERT_EQ(0, mig_set(self->fd, STOP, NULL));
}

FIXTURE_TEARDOWN(split)
{
	mig_buf_free(&self->stream);
	vf_close(self->vf);
}

TEST_F(split, chunks_of_any_size_read_the_same)
{
	static const size_t chunks[] = { 1, 2, 3, 7, 31, 64, 799, 800, 801, 1999, 2000,
					 2001, 4096, 4097, MIG_CHUNK };
	struct mig_buf again = { 0 };
	unsigned int i;
	int data_fd;

	for (i = 0; i < ARRAY_SIZE(chunks); i++) {
		ASSERT_EQ(0, mig_set(self->fd, STOP_COPY, &data_fd));
		again.len = 0;
		ASSERT_EQ(0, mig_read(data_fd, &again, chunks[i]));
		EXPECT_TRUE(mig_buf_equal(&self->stream, &again)) {
			TH_LOG("in pieces of %zu", chunks[i]);
		}
		ASSERT_EQ(0, mig_set(self->fd, STOP, NULL));
		close(data_fd);
	}
	mig_buf_free(&again);
}

TEST_F_TIMEOUT(split, litmus_10_good_stream_split_anywhere, 900)
{
	const u8 *data = self->stream.data;
	size_t at, len = self->stream.len;
	int data_fd;

	for (at = 0; at <= len; at++) {
		ASSERT_EQ(0, mig_set(self->fd, RESUMING, &data_fd));
		ASSERT_EQ((ssize_t)at, write(data_fd, data, at));
		ASSERT_EQ((ssize_t)(len - at), write(data_fd, data + at, len - at));
		ASSERT_EQ(0, mig_set(self->fd, STOP, NULL)) {
			TH_LOG("split at %zu", at);
		}
		close(data_fd);
	}
	ASSERT_EQ(0, mig_set(self->fd, RESUMING, &data_fd));
	ASSERT_EQ(0, mig_write(data_fd, data, len, 1));
	ASSERT_EQ(0, mig_set(self->fd, STOP, NULL));
	close(data_fd);
}

/* The verdict falls on the same byte, however the stream is cut. */
TEST_F_TIMEOUT(split, litmus_10_bad_stream_split_anywhere, 110)
{
	struct vmf_section mailbox;
	size_t at, end, i, len = self->stream.len;
	u8 *data = self->stream.data;
	int data_fd, want;

	ASSERT_TRUE(vmf_lookup(data, len, VMF_MAILBOX, 0, &mailbox));
	data[mailbox.payload] ^= 0x40;
	/* Known when all of the payload is. */
	end = mailbox.payload + ((mailbox.len + 7) & ~7ULL);

	/* Here and there, and around the end of that payload. */
	for (i = 0; i < 16 + 7; i++) {
		at = i < 16 ? i * len / 15 : end - 3 + i - 16;
		ASSERT_EQ(0, mig_set(self->fd, RESUMING, &data_fd));
		want = at >= end ? -EBADMSG : 0;
		EXPECT_EQ(want, mig_write(data_fd, data, at, MIG_CHUNK)) {
			TH_LOG("split at %zu, fault at %zu", at, end);
		}
		/* Either just now, or latched. */
		EXPECT_EQ(-1, write(data_fd, data + at, len - at));
		EXPECT_EQ(EBADMSG, errno);
		EXPECT_EQ(-EBADMSG, mig_set(self->fd, STOP, NULL));
		EXPECT_EQ((int)RESUMING, mig_state(self->fd));
		EXPECT_EQ(-1, write(data_fd, data, 0));
		EXPECT_EQ(EBADMSG, errno);
		close(data_fd);
		vf_reset(self->vf);
	}

	ASSERT_EQ(0, mig_set(self->fd, RESUMING, &data_fd));
	ASSERT_EQ(0, mig_write(data_fd, data, end - 1, 1));
	EXPECT_EQ(-EBADMSG, mig_write(data_fd, data + end - 1, 1, 1));
	close(data_fd);
	vf_reset(self->vf);
}

TEST_HARNESS_MAIN
