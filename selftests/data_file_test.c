// SPDX-License-Identifier: GPL-2.0-only
/*
 * The data fd: what read(), write(), poll() and the rest do with a stream.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "binding.h"
#include "igbvf_device.h"
#include "igbvf_regs.h"
#include "migration.h"
#include "vmf_descriptor.h"
#include "vmf_stream.h"

#include "kselftest_harness.h"

#define STOP		VFIO_DEVICE_STATE_STOP
#define RUNNING		VFIO_DEVICE_STATE_RUNNING
#define STOP_COPY	VFIO_DEVICE_STATE_STOP_COPY
#define RESUMING	VFIO_DEVICE_STATE_RESUMING
#define PRE_COPY	VFIO_DEVICE_STATE_PRE_COPY
#define PRE_COPY_P2P	VFIO_DEVICE_STATE_PRE_COPY_P2P

/*
 * Two queues each way, interrupts, mailbox, filters, and END: what is after the DESCRIPTOR, in
 * which a provider has its name. The counters of a device that was just opened are 0, and 0
 * is left out.
 */
#define STATE_LEN	1200
#define STREAM_SECTIONS	9

/*
 * What a stream can have beyond that: counters, further addresses, and the
 * DESCRIPTOR once more, with an entry for these in the manifest, as they came into
 * use while it was read.
 */
#define STATISTICS_LEN	(VMF_SECTION_LEN + sizeof(struct vmf_igbvf_82576_statistics))
#define UNICAST_LEN	(VMF_SECTION_LEN + sizeof(struct vmf_igbvf_82576_unicast))

static u64 stream_len_max(size_t initial)
{
	size_t descriptor = initial - VMF_HEADER_LEN + VMF_ENTRY_LEN;

	return initial + STATE_LEN + STATISTICS_LEN + UNICAST_LEN + descriptor;
}

FIXTURE(data) {
	struct vf *vf;
	int fd;
	struct mig_buf stream;	/* of the fresh device, which is in STOP then */
	size_t initial;
	void *bad;		/* a page that cannot be accessed, after one that can */
};

FIXTURE_SETUP(data)
{
	self->vf = vf_open(vf_bdf(0), NULL);
	self->fd = vf_fd(self->vf);
	vf_write(self->vf, VF_RDBAL(0), 0x00401000);
	vf_write(self->vf, VF_RDBAH(1), 0x1);
	vf_write(self->vf, VF_TDBAL(1), 0x00402000);
	vf_write(self->vf, VF_TDLEN(1), 0x200);
	vf_write(self->vf, VF_IVAR0, 0x81808180);
	ASSERT_EQ(0, mig_save(self->fd, &self->stream));
	ASSERT_EQ(0, mig_set(self->fd, STOP, NULL));
	self->initial = vmf_initial_len(self->stream.data, self->stream.len);
	self->bad = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->bad);
	ASSERT_EQ(0, mprotect(self->bad + 4096, 4096, PROT_NONE));
}

FIXTURE_TEARDOWN(data)
{
	munmap(self->bad, 8192);
	mig_buf_free(&self->stream);
	vf_close(self->vf);
}

static int read_errno(int fd)
{
	char byte;

	return read(fd, &byte, 1) < 0 ? -errno : 0;
}

static short revents(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	poll(&pfd, 1, 0);
	return pfd.revents;
}

/* Read to the end in pieces of @chunk and compare with the stream of the fixture. */
static void expect_rest(struct __test_metadata *_metadata, int data_fd, const struct mig_buf *all,
			size_t from, size_t chunk)
{
	struct mig_buf rest = { 0 };

	ASSERT_EQ(0, mig_read(data_fd, &rest, chunk));
	ASSERT_EQ(all->len - from, rest.len);
	EXPECT_EQ(0, memcmp(all->data + from, rest.data, rest.len));
	mig_buf_free(&rest);
}

TEST_F(data, container)
{
	struct vmf_section s[VMF_SECTIONS_MAX];
	const char *why = vmf_check(self->stream.data, self->stream.len);

	EXPECT_EQ(NULL, why) {
		TH_LOG("%s", why);
	}
	vmf_print(stdout, "# ", self->stream.data, self->stream.len);
	EXPECT_EQ(self->initial + STATE_LEN, self->stream.len);
	EXPECT_EQ(STREAM_SECTIONS,
		  vmf_walk(self->stream.data, self->stream.len, s, VMF_SECTIONS_MAX));
	EXPECT_LT(0, self->initial);
	EXPECT_LE(self->initial, 4096);
}

/* The hardware is loaded once: by the write() that brings the last byte. */
TEST_F(data, load_happens_once_in_write)
{
	/* Of one whose driver keeps no account of it the register tells. */
	long loads = arc_calls(vf_bdf(0), "LOAD", "LOAD"), more = loads < 0 ? loads : loads + 1;
	size_t len = self->stream.len;
	int data_fd;

	vf_reset(self->vf);
	vf_write(self->vf, VF_RDBAL(0), 0x00402000);
	ASSERT_EQ(0, mig_set(self->fd, RESUMING, &data_fd));
	ASSERT_EQ(0, mig_write(data_fd, self->stream.data, len - 1, MIG_CHUNK));
	EXPECT_EQ(loads, arc_calls(vf_bdf(0), "LOAD", "LOAD"));
	EXPECT_EQ(0x00402000, vf_read(self->vf, VF_RDBAL(0)));
	ASSERT_EQ(0, mig_write(data_fd, self->stream.data + len - 1, 1, 1));
	EXPECT_EQ(more, arc_calls(vf_bdf(0), "LOAD", "LOAD"));
	EXPECT_EQ(0, write(data_fd, "", 0));
	EXPECT_EQ(0, mig_set(self->fd, STOP, NULL));
	EXPECT_EQ(more, arc_calls(vf_bdf(0), "LOAD", "LOAD"));
	EXPECT_EQ(0x00401000, vf_read(self->vf, VF_RDBAL(0)));
	close(data_fd);
}

TEST_F(data, not_seekable_and_one_way)
{
	char byte = 0;
	int data_fd;

	ASSERT_EQ(0, mig_set(self->fd, STOP_COPY, &data_fd));
	EXPECT_EQ(-1, lseek(data_fd, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, lseek(data_fd, 0, SEEK_CUR));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pread(data_fd, &byte, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, write(data_fd, &byte, 1));
	EXPECT_EQ(EBADF, errno);
	expect_rest(_metadata, data_fd, &self->stream, 0, MIG_CHUNK);
	close(data_fd);

	ASSERT_EQ(0, mig_set(self->fd, RESUMING, &data_fd));
	EXPECT_EQ(-1, lseek(data_fd, 0, SEEK_SET));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-1, pwrite(data_fd, &byte, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
	EXPECT_EQ(-EBADF, read_errno(data_fd));
	EXPECT_EQ(0, mig_write(data_fd, self->stream.data, self->stream.len, MIG_CHUNK));
	EXPECT_EQ(0, mig_set(self->fd, STOP, NULL));
	close(data_fd);
}

TEST_F(data, enomsg_in_pre_copy_and_0_for_ever_in_stop_copy)
{
	struct mig_buf initial = { 0 };
	int data_fd, i;

	ASSERT_EQ(0, mig_set(self->fd, PRE_COPY, &data_fd));
	EXPECT_EQ(POLLIN, revents(data_fd));
	EXPECT_EQ(-ENOMSG, mig_read(data_fd, &initial, MIG_CHUNK));
	ASSERT_EQ(self->initial, initial.len);
	EXPECT_EQ(0, memcmp(initial.data, self->stream.data, initial.len));
	EXPECT_EQ(0, revents(data_fd));
	ASSERT_EQ(0, mig_set(self->fd, PRE_COPY_P2P, NULL));
	EXPECT_EQ(-ENOMSG, read_errno(data_fd));
	EXPECT_EQ(0, revents(data_fd));

	ASSERT_EQ(0, mig_set(self->fd, STOP_COPY, NULL));
	EXPECT_EQ(POLLIN, revents(data_fd));
	expect_rest(_metadata, data_fd, &self->stream, initial.len, 100);
	for (i = 0; i < 10; i++) {
		EXPECT_EQ(0, read_errno(data_fd));
		EXPECT_EQ(POLLIN, revents(data_fd));
	}
	ASSERT_EQ(0, mig_set(self->fd, STOP, NULL));
	EXPECT_EQ(-ENODEV, read_errno(data_fd));
	EXPECT_EQ(POLLIN | POLLERR | POLLHUP, revents(data_fd));
	close(data_fd);
	mig_buf_free(&initial);
}

static void *wait_readable(void *arg)
{
	struct pollfd pfd = { .fd = *(int *)arg, .events = POLLIN };

	if (poll(&pfd, 1, 10000) <= 0)
		return NULL;
	return (void *)(long)pfd.revents;
}

/* A thread that polls at the temporary end is woken by whatever ends it. */
TEST_F(data, poll_wakes_up)
{
	static const short want[] = { POLLIN, POLLIN | POLLERR | POLLHUP,
				      POLLIN | POLLERR | POLLHUP };
	struct mig_buf initial = { 0 };
	int data_fd, how, ret = 0;
	pthread_t thread;
	void *got;

	for (how = 0; how < 3; how++) {
		ASSERT_EQ(0, mig_set(self->fd, PRE_COPY, &data_fd));
		ASSERT_EQ(-ENOMSG, mig_read(data_fd, &initial, MIG_CHUNK));
		ASSERT_EQ(0, pthread_create(&thread, NULL, wait_readable, &data_fd));
		usleep(100000);
		if (how == 0)
			ret = mig_set(self->fd, STOP_COPY, NULL);
		else if (how == 1)
			ret = mig_set(self->fd, RUNNING, NULL);
		else
			vf_reset(self->vf);
		EXPECT_EQ(0, ret);
		ASSERT_EQ(0, pthread_join(thread, &got));
		EXPECT_EQ(want[how], (short)(long)got);
		close(data_fd);
		EXPECT_EQ(0, mig_set(self->fd, RUNNING, NULL));
	}
	mig_buf_free(&initial);
}

TEST_F(data, unread_initial_bytes_come_first)
{
	static const size_t some[] = { 0, 1, 33 };
	char buf[64];
	unsigned int i;
	int data_fd;

	for (i = 0; i < ARRAY_SIZE(some); i++) {
		ASSERT_EQ(0, mig_set(self->fd, PRE_COPY, &data_fd));
		ASSERT_EQ((ssize_t)some[i], read(data_fd, buf, some[i]));
		ASSERT_EQ(0, mig_set(self->fd, STOP_COPY, NULL));
		expect_rest(_metadata, data_fd, &self->stream, some[i], MIG_CHUNK);
		close(data_fd);
		ASSERT_EQ(0, mig_set(self->fd, STOP, NULL));
	}
}

static int precopy_info(int data_fd, u32 argsz, struct vfio_precopy_info *info)
{
	memset(info, 0x5a, sizeof(*info));
	info->argsz = argsz;
	return ioctl(data_fd, VFIO_MIG_GET_PRECOPY_INFO, info) ? -errno : 0;
}

TEST_F(data, precopy_info)
{
	struct vfio_precopy_info info;
	size_t left = self->initial;
	int data_fd, next_fd;
	char buf[64];
	ssize_t n;

	ASSERT_EQ(0, mig_set(self->fd, PRE_COPY, &data_fd));
	for (;;) {
		ASSERT_EQ(0, precopy_info(data_fd, sizeof(info), &info));
		EXPECT_EQ(left, info.initial_bytes);
		EXPECT_EQ(0, info.dirty_bytes);
		/* Reserved without the opt-in: what the user has put there stays. */
		EXPECT_EQ(0x5a5a5a5a, info.flags);
		if (!left)
			break;
		n = read(data_fd, buf, 50);
		ASSERT_LT(0, n);
		left -= n;
	}
	EXPECT_EQ(-EINVAL, precopy_info(data_fd, sizeof(info) - 1, &info));
	EXPECT_EQ(-EINVAL, precopy_info(data_fd, 0, &info));
	EXPECT_EQ(0, precopy_info(data_fd, sizeof(info) + 8, &info));
	EXPECT_EQ(-1, ioctl(data_fd, VFIO_MIG_GET_PRECOPY_INFO, self->bad + 4096));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, ioctl(data_fd, VFIO_DEVICE_RESET));
	EXPECT_EQ(ENOTTY, errno);

	ASSERT_EQ(0, mig_set(self->fd, PRE_COPY_P2P, NULL));
	EXPECT_EQ(0, precopy_info(data_fd, sizeof(info), &info));
	ASSERT_EQ(0, mig_feature(self->fd, VFIO_DEVICE_FEATURE_SET |
				 MIG_FEATURE_PRECOPY_INFO_V2, NULL, 0));
	EXPECT_EQ(0, precopy_info(data_fd, sizeof(info), &info));
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(0, info.initial_bytes);

	ASSERT_EQ(0, mig_set(self->fd, STOP_COPY, NULL));
	EXPECT_EQ(-EINVAL, precopy_info(data_fd, sizeof(info), &info));
	ASSERT_EQ(0, mig_set(self->fd, STOP, NULL));
	EXPECT_EQ(-EINVAL, precopy_info(data_fd, sizeof(info), &info));
	/* A stream that is over is not the next one. */
	ASSERT_EQ(0, mig_set(self->fd, PRE_COPY, &next_fd));
	EXPECT_EQ(-ENODEV, precopy_info(data_fd, sizeof(info), &info));
	EXPECT_EQ(0, precopy_info(next_fd, sizeof(info), &info));
	close(next_fd);
	close(data_fd);
}

/* That of the longest stream: VMMs ask long before they know which one it will be. */
TEST_F(data, size_is_the_maximum_in_every_state)
{
	u64 size;
	u32 state;

	for (state = STOP; state < MIG_STATES; state++) {
		vf_reset(self->vf);
		ASSERT_EQ(0, mig_set(self->fd, state, NULL));
		ASSERT_EQ((int)state, mig_state(self->fd));
		size = 0;
		EXPECT_EQ(0, mig_data_size(self->fd, &size));
		EXPECT_EQ(stream_len_max(self->initial), size);
	}
}

TEST_F_TIMEOUT(data, litmus_18_save_load_save_is_a_fixed_point, 60)
{
	struct mig_buf again = { 0 };
	struct vf *other;

	ASSERT_EQ(0, mig_save(self->fd, &again));
	EXPECT_TRUE(mig_buf_equal(&self->stream, &again));

	other = vf_open(vf_bdf(1), NULL);
	ASSERT_EQ(0, mig_save(vf_fd(other), &again));
	/* The registers that were written do make a difference. */
	EXPECT_FALSE(mig_buf_equal(&self->stream, &again));
	ASSERT_EQ(0, mig_load(vf_fd(other), &self->stream));
	ASSERT_EQ(0, mig_save(vf_fd(other), &again));
	EXPECT_TRUE(mig_buf_equal(&self->stream, &again));
	vf_close(other);
	mig_buf_free(&again);
}

TEST_F(data, bad_pointer_keeps_the_stream)
{
	size_t half = 500, part = 10, len = self->stream.len;
	u8 *data = self->stream.data;
	int data_fd;

	ASSERT_EQ(0, mig_set(self->fd, STOP_COPY, &data_fd));
	EXPECT_EQ(-1, read(data_fd, self->bad + 4096, 100));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ((ssize_t)part, read(data_fd, self->bad + 4096 - part, 100));
	EXPECT_EQ(0, memcmp(data, self->bad + 4096 - part, part));
	EXPECT_EQ(-1, read(data_fd, self->bad + 4096, 100));
	EXPECT_EQ(EFAULT, errno);
	expect_rest(_metadata, data_fd, &self->stream, part, MIG_CHUNK);
	close(data_fd);

	ASSERT_EQ(0, mig_set(self->fd, RESUMING, &data_fd));
	ASSERT_EQ((ssize_t)half, write(data_fd, data, half));
	EXPECT_EQ(-1, write(data_fd, self->bad + 4096, len - half));
	EXPECT_EQ(EFAULT, errno);
	memcpy(self->bad + 4096 - part, data + half, part);
	EXPECT_EQ((ssize_t)part, write(data_fd, self->bad + 4096 - part, len - half));
	EXPECT_EQ(0, mig_write(data_fd, data + half + part, len - half - part, MIG_CHUNK));
	EXPECT_EQ(0, mig_set(self->fd, STOP, NULL));
	close(data_fd);
}

TEST_HARNESS_MAIN
