// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data fds that outlive what they belong to, and everybody at once.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "binding.h"
#include "igbvf_device.h"
#include "igbvf_regs.h"
#include "migration.h"
#include "vmf_stream.h"

#include "kselftest_harness.h"

#define STOP		VFIO_DEVICE_STATE_STOP
#define RUNNING		VFIO_DEVICE_STATE_RUNNING
#define STOP_COPY	VFIO_DEVICE_STATE_STOP_COPY
#define RESUMING	VFIO_DEVICE_STATE_RESUMING
#define PRE_COPY	VFIO_DEVICE_STATE_PRE_COPY

/* All that may be done with an fd whose session is over: ENODEV, each time. */
static void expect_dead(struct __test_metadata *_metadata, int data_fd, bool resuming)
{
	struct vfio_precopy_info info;
	struct pollfd pfd = { .fd = data_fd, .events = POLLIN };
	char buf[100] = { 0 };
	ssize_t ret;
	int i;

	for (i = 0; i < 3; i++) {
		ret = resuming ? write(data_fd, buf, sizeof(buf)) :
				 read(data_fd, buf, sizeof(buf));
		EXPECT_EQ(-1, ret);
		EXPECT_EQ(ENODEV, errno);
	}
	if (resuming)
		return;
	EXPECT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLIN | POLLERR | POLLHUP, pfd.revents);
	EXPECT_EQ(-ENODEV, mig_precopy_info(data_fd, &info));
}

/* A session in the middle of its stream. */
static int begin(struct __test_metadata *_metadata, struct vf *vf, u32 state)
{
	static const u8 header[] = { 0x89, 'V', 'M', 'F' };
	int data_fd = -1;
	char buf[4];
	ssize_t ret;

	ASSERT_EQ(0, mig_set(vf_fd(vf), state, &data_fd));
	ASSERT_GE(data_fd, 0);
	ret = state == RESUMING ? write(data_fd, header, 4) : read(data_fd, buf, 4);
	EXPECT_EQ(4, ret);
	return data_fd;
}

static void expect_works(struct __test_metadata *_metadata, const char *bdf)
{
	struct mig_buf stream = { 0 };
	struct vf *vf = vf_open(bdf, NULL);
	const char *why;

	EXPECT_EQ((int)RUNNING, mig_state(vf_fd(vf)));
	EXPECT_EQ(0, mig_save(vf_fd(vf), &stream));
	why = vmf_check(stream.data, stream.len);
	EXPECT_EQ(NULL, why) {
		TH_LOG("%s", why);
	}
	EXPECT_EQ(0, mig_load(vf_fd(vf), &stream));
	EXPECT_EQ(0, mig_set(vf_fd(vf), RUNNING, NULL));
	vf_close(vf);
	mig_buf_free(&stream);
}

FIXTURE(lifetime) {
	const char *bdf;
	struct vf *vf;
	int data_fd;
};

FIXTURE_VARIANT(lifetime) {
	u32 state;
};

FIXTURE_VARIANT_ADD(lifetime, pre_copy) { .state = PRE_COPY };
FIXTURE_VARIANT_ADD(lifetime, stop_copy) { .state = STOP_COPY };
FIXTURE_VARIANT_ADD(lifetime, resuming) { .state = RESUMING };

FIXTURE_SETUP(lifetime)
{
	self->bdf = vf_bdf(2);
	self->vf = vf_open(self->bdf, NULL);
	self->data_fd = begin(_metadata, self->vf, variant->state);
}

FIXTURE_TEARDOWN(lifetime)
{
	close(self->data_fd);
	expect_works(_metadata, self->bdf);
}

TEST_F(lifetime, close_of_the_device)
{
	bool resuming = variant->state == RESUMING;
	struct vf *vf;
	int data_fd;

	vf_close(self->vf);
	expect_dead(_metadata, self->data_fd, resuming);

	/* The next opener's session is not the old one, and nothing is told of it. */
	vf = vf_open(self->bdf, NULL);
	EXPECT_EQ((int)RUNNING, mig_state(vf_fd(vf)));
	expect_dead(_metadata, self->data_fd, resuming);
	data_fd = begin(_metadata, vf, variant->state);
	expect_dead(_metadata, self->data_fd, resuming);
	EXPECT_EQ((int)variant->state, mig_state(vf_fd(vf)));
	close(data_fd);
	vf_close(vf);
}

TEST_F(lifetime, unbind_after_close)
{
	bool resuming = variant->state == RESUMING;
	/* No debugfs, no counters: nothing to look for then. */
	bool counted = arc_calls(self->bdf, "RUNNING", "RUNNING_P2P") >= 0;

	vf_close(self->vf);
	ASSERT_EQ(0, unbind_driver(self->bdf));
	/* The counters are the binding's, although the fd keeps the device. */
	EXPECT_GT(0, arc_calls(self->bdf, "RUNNING", "RUNNING_P2P"));
	expect_dead(_metadata, self->data_fd, resuming);
	ASSERT_TRUE(bind_driver(self->bdf, driver_name()));
	EXPECT_EQ(counted, arc_calls(self->bdf, "RUNNING", "RUNNING_P2P") >= 0);
	expect_dead(_metadata, self->data_fd, resuming);
	expect_works(_metadata, self->bdf);
}

struct unbinder {
	const char *bdf;
	atomic_bool done;
	int ret;
};

static void *unbind_thread(void *arg)
{
	struct unbinder *unbinder = arg;

	unbinder->ret = unbind_driver(unbinder->bdf);
	atomic_store(&unbinder->done, true);
	return NULL;
}

/* unbind waits for the user of the device, but not for the data fd. */
TEST_F(lifetime, unbind_while_open)
{
	bool resuming = variant->state == RESUMING;
	struct unbinder unbinder = { .bdf = self->bdf };
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, unbind_thread, &unbinder));
	usleep(300000);
	EXPECT_FALSE(atomic_load(&unbinder.done));
	EXPECT_EQ((int)variant->state, mig_state(vf_fd(self->vf)));
	vf_close(self->vf);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, unbinder.ret);
	EXPECT_STREQ("", bound_to(self->bdf));
	expect_dead(_metadata, self->data_fd, resuming);
	ASSERT_TRUE(bind_driver(self->bdf, driver_name()));
	expect_dead(_metadata, self->data_fd, resuming);
}

static void bind_all(struct __test_metadata *_metadata)
{
	unsigned int i;

	for (i = 0; i < VF_MAX; i++)
		EXPECT_TRUE(bind_driver(vf_bdf(i), driver_name()));
}

/* The code behind an fd stays as long as the fd. */
TEST_F_TIMEOUT(lifetime, rmmod, 60)
{
	bool resuming = variant->state == RESUMING;
	unsigned int i;

	EXPECT_EQ(-EWOULDBLOCK, module_remove());
	vf_close(self->vf);
	EXPECT_EQ(-EWOULDBLOCK, module_remove());
	expect_dead(_metadata, self->data_fd, resuming);

	for (i = 0; i < VF_MAX; i++)
		EXPECT_EQ(0, unbind_driver(vf_bdf(i)));
	EXPECT_EQ(-EWOULDBLOCK, module_remove());
	expect_dead(_metadata, self->data_fd, resuming);
	close(self->data_fd);
	self->data_fd = -1;

	EXPECT_EQ(0, module_remove());
	EXPECT_NE(0, access("/sys/module/" MODULE_NAME, F_OK));
	ASSERT_EQ(0, module_insert());
	bind_all(_metadata);
}

/* Without any fd the module goes although functions are bound. */
TEST(rmmod_while_bound)
{
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, module_remove());
		EXPECT_STREQ("", bound_to(vf_bdf(0)));
		ASSERT_EQ(0, module_insert());
		bind_all(_metadata);
	}
	expect_works(_metadata, vf_bdf(0));
}

/*
 * Everybody at once, on one device. Each thread counts what it did, and notes
 * the first errno that nothing in the uAPI accounts for.
 */
struct crowd {
	struct vf *vf;
	struct mig_buf stream;
	atomic_int data_fd;
	atomic_bool stop;
};

struct member {
	struct crowd *crowd;
	pthread_t thread;
	unsigned long calls;
	atomic_ulong good;
	int unexpected;
};

static void note(struct member *m, ssize_t ret, const int *allowed)
{
	m->calls++;
	if (ret >= 0) {
		m->good++;
		return;
	}
	for (; *allowed; allowed++) {
		if (errno == *allowed) {
			/* The guest's CPUs may share one of the host's. */
			sched_yield();
			return;
		}
	}
	m->unexpected = errno;
}

/* Has every thread got through at least once? */
static bool all_good(struct member *members, unsigned int nr)
{
	while (nr--) {
		if (!atomic_load(&members[nr].good))
			return false;
	}
	return true;
}

/* The fd of the moment: a copy, as the original may be closed at any time. */
static int borrow_fd(struct crowd *crowd)
{
	return dup(atomic_load(&crowd->data_fd));
}

static void *reader(void *arg)
{
	/* EBADF: the file is one that is written. */
	static const int allowed[] = { ENODEV, ENOMSG, EBADF, 0 };
	struct member *m = arg;
	char buf[37];
	int fd;

	while (!atomic_load(&m->crowd->stop)) {
		fd = borrow_fd(m->crowd);
		note(m, read(fd, buf, sizeof(buf)), allowed);
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

static void *writer(void *arg)
{
	/* What comes after the stream was written once is bytes after END. */
	static const int allowed[] = { ENODEV, EBADF, EBADMSG, EILSEQ, 0 };
	struct member *m = arg;
	int fd;

	while (!atomic_load(&m->crowd->stop)) {
		fd = borrow_fd(m->crowd);
		note(m, write(fd, m->crowd->stream.data, m->crowd->stream.len), allowed);
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

static void *setter(void *arg)
{
	static const int allowed[] = { EINVAL, ENODATA, EBADMSG, EILSEQ, ENODEV, 0 };
	struct member *m = arg;
	unsigned int seed = 1;
	int fd, ret;

	while (!atomic_load(&m->crowd->stop)) {
		ret = mig_set(vf_fd(m->crowd->vf), rand_r(&seed) % MIG_STATES, &fd);
		errno = -ret;
		note(m, ret, allowed);
		if (fd >= 0) {
			fd = atomic_exchange(&m->crowd->data_fd, fd);
			if (fd >= 0)
				close(fd);
		}
	}
	return NULL;
}

static void *resetter(void *arg)
{
	static const int allowed[] = { 0 };
	struct member *m = arg;

	while (!atomic_load(&m->crowd->stop)) {
		usleep(20000);
		note(m, ioctl(vf_fd(m->crowd->vf), VFIO_DEVICE_RESET), allowed);
	}
	return NULL;
}

static void *toucher(void *arg)
{
	/* EIO: there is no register to touch in ERROR. */
	static const int allowed[] = { EIO, 0 };
	struct vfio_precopy_info info;
	struct member *m = arg;
	u32 reg = 0, val = 0x40;
	u64 size;
	int fd, ret;

	while (!atomic_load(&m->crowd->stop)) {
		ret = vf_region_access(m->crowd->vf, m->calls & 1, VF_RDBAL(reg++ & 1), &val, 4);
		errno = -ret;
		note(m, ret, allowed);
		mig_data_size(vf_fd(m->crowd->vf), &size);
		mig_state(vf_fd(m->crowd->vf));
		fd = borrow_fd(m->crowd);
		if (fd >= 0) {
			mig_precopy_info(fd, &info);
			close(fd);
		}
	}
	return NULL;
}

TEST(everybody_at_once)
{
	static void *(* const what[])(void *) = { reader, reader, writer, setter, setter,
						  resetter, toucher };
	struct member members[ARRAY_SIZE(what)] = { 0 };
	struct vf *vf = vf_open(vf_bdf(2), NULL);
	struct crowd crowd = { .vf = vf, .data_fd = -1 };
	unsigned int i;

	ASSERT_EQ(0, mig_save(vf_fd(vf), &crowd.stream));
	for (i = 0; i < ARRAY_SIZE(what); i++) {
		members[i].crowd = &crowd;
		ASSERT_EQ(0, pthread_create(&members[i].thread, NULL, what[i], &members[i]));
	}
	/*
	 * Who gets to run when is up to the scheduler: long enough for everybody,
	 * and within the harness' 30 seconds.
	 */
	for (i = 0; i < 20 && (i < 3 || !all_good(members, ARRAY_SIZE(what))); i++)
		sleep(1);
	atomic_store(&crowd.stop, true);
	for (i = 0; i < ARRAY_SIZE(what); i++) {
		ASSERT_EQ(0, pthread_join(members[i].thread, NULL));
		EXPECT_EQ(0, members[i].unexpected) {
			TH_LOG("thread %u: %s", i, strerror(members[i].unexpected));
		}
		EXPECT_LT(0, atomic_load(&members[i].good));
		TH_LOG("thread %u: %lu calls, %lu good", i, members[i].calls,
		       atomic_load(&members[i].good));
	}
	close(atomic_load(&crowd.data_fd));
	vf_reset(vf);
	EXPECT_EQ((int)RUNNING, mig_state(vf_fd(vf)));
	vf_close(vf);
	mig_buf_free(&crowd.stream);
	expect_works(_metadata, vf_bdf(2));
}

TEST_HARNESS_MAIN
