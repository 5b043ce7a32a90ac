// SPDX-License-Identifier: GPL-2.0-only
/*
 * The handshake by file descriptor, asked badly: every mistake has an errno and a line,
 * and a fault of the memory of who asks is for nobody else to wait for.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "deadline.h"
#include "fault_area.h"
#include "fd_handshake.h"
#include "handshake.h"
#include "igbvf_user.h"
#include "kernel_log.h"

#define GET		VFIO_DEVICE_FEATURE_GET
#define SET		VFIO_DEVICE_FEATURE_SET
#define DESCRIPTOR	VFIO_DEVICE_FEATURE_X_MIG_DESCRIPTOR
#define CHECK		VFIO_DEVICE_FEATURE_X_MIG_CHECK
#define LAST_ERROR	VFIO_DEVICE_FEATURE_X_MIG_LAST_ERROR
#define LONGEST		VFIO_DEVICE_FEATURE_X_MIG_SIZE_MAX

#define PAGE		4096
#define ASK_MS		5000

FIXTURE(hostile)
{
	struct vf *vf;
	int fd;
};

FIXTURE_SETUP(hostile)
{
	self->vf = vf_open(vf_bdf(0), NULL);
	self->fd = vf_fd(self->vf);
}

FIXTURE_TEARDOWN(hostile)
{
	vf_close(self->vf);
}

static const struct mistake {
	const char *name;
	u32 flags;
	u32 room;	/* of argsz, behind flags of struct vfio_device_feature */
	u32 size;
	u32 reserved;
	u32 there;	/* of the room can be read */
	int err;
	const char *line;
} mistakes[] = {
	{ "nothing to check", SET | CHECK, 24, 0, 0, 24, ENODATA, "check: ENODATA: no descriptor" },
	{ "a byte too many", SET | CHECK, 8 + LONGEST + 1, LONGEST + 1, 0, PAGE, E2BIG,
	  "check: E2BIG: too long for a descriptor: 4097 bytes" },
	{ "more than there is", SET | CHECK, 24, ~0u, 0, 24, E2BIG, "check: E2BIG" },
	{ "room for less", SET | CHECK, 24, 17, 0, 24, EINVAL,
	  "check: EINVAL: size 17, room for 16 by argsz" },
	{ "room for no byte", SET | CHECK, 8, 1, 0, 8, EINVAL,
	  "check: EINVAL: size 1, room for 0 by argsz" },
	{ "room for half a head", SET | CHECK, 7, 1, 0, 8, EINVAL, "check: EINVAL: argsz" },
	{ "no room", SET | CHECK, 0, 1, 0, 8, EINVAL, "check: EINVAL: argsz" },
	{ "a flag", SET | CHECK, 24, 16, 1, 24, EINVAL, "check: EINVAL: unknown flags 0x1" },
	{ "another flag", SET | CHECK, 24, 16, 1u << 31, 24, EINVAL,
	  "check: EINVAL: unknown flags 0x80000000" },
	{ "got", GET | CHECK, 24, 16, 0, 24, EINVAL, "check: EINVAL: can be set only" },
	{ "neither", CHECK, 24, 16, 0, 24, EINVAL, "check: EINVAL: can be set only" },
	{ "no head", SET | CHECK, 24, 0, 0, 0, EFAULT, "check: EFAULT: size and flags" },
	{ "half a head", SET | CHECK, 24, 16, 0, 4, EFAULT, "check: EFAULT: size and flags" },
	{ "no bytes", SET | CHECK, 24, 16, 0, 8, EFAULT, "check: EFAULT: 16 bytes cannot be read" },
	{ "all but one", SET | CHECK, 24, 16, 0, 23, EFAULT, "check: EFAULT: 16 bytes" },
	{ "room for less", GET | DESCRIPTOR, 24, 17, 0, 24, EINVAL,
	  "descriptor: EINVAL: size 17, room for 16 by argsz" },
	{ "room for half a head", GET | DESCRIPTOR, 7, 0, 0, 8, EINVAL,
	  "descriptor: EINVAL: argsz" },
	{ "a flag", GET | DESCRIPTOR, 24, 16, 2, 24, EINVAL,
	  "descriptor: EINVAL: unknown flags 0x2" },
	{ "set", SET | DESCRIPTOR, 24, 16, 0, 24, EINVAL, "descriptor: EINVAL: can be got only" },
	{ "no head", GET | DESCRIPTOR, 24, 16, 0, 0, EFAULT, "descriptor: EFAULT: size and flags" },
	{ "no bytes", GET | DESCRIPTOR, 8 + LONGEST, LONGEST, 0, 8, EFAULT, "cannot be written" },
	{ "a few bytes", GET | DESCRIPTOR, 8 + LONGEST, LONGEST, 0, 64, EFAULT,
	  "cannot be written" },
};

/* With what can be read up against what cannot. */
static int make_mistake(int fd, const struct mistake *m)
{
	struct vfio_device_feature *arg;
	const u32 head[2] = { m->size, m->reserved };
	size_t there = sizeof(*arg) + m->there;
	u8 *area;
	int ret;

	area = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (area == MAP_FAILED || mprotect(area + 3 * PAGE, PAGE, PROT_NONE))
		return -ENOMEM;
	arg = (void *)(area + 3 * PAGE - there);
	arg->argsz = sizeof(*arg) + m->room;
	arg->flags = m->flags;
	memcpy(arg->data, head, m->there < sizeof(head) ? m->there : sizeof(head));
	ret = ioctl(fd, VFIO_DEVICE_FEATURE, arg) ? -errno : 0;
	munmap(area, 4 * PAGE);
	return ret;
}

TEST_F(hostile, arguments)
{
	char before[FORMAT_TEXT_MAX] = "", after[FORMAT_TEXT_MAX] = "", text[FORMAT_TEXT_MAX];
	unsigned int i;

	read_last_error(self->vf->bdf, before, sizeof(before));
	for (i = 0; i < ARRAY_SIZE(mistakes); i++) {
		EXPECT_EQ(-mistakes[i].err, make_mistake(self->fd, &mistakes[i])) {
			TH_LOG("%s", mistakes[i].name);
		}
		fd_last_error(self->fd, text);
		EXPECT_NE(NULL, strstr(text, mistakes[i].line)) {
			TH_LOG("%s: \"%s\" lacks \"%s\"", mistakes[i].name, text, mistakes[i].line);
		}
	}
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, mig_state(self->fd));
	read_last_error(self->vf->bdf, after, sizeof(after));
	EXPECT_STREQ(before, after);
}

/* Who asks badly for the last line still has it to read; the log says what was bad. */
TEST_F(hostile, arguments_for_the_last_error)
{
	static const struct mistake bad[] = {
		{ "a flag", GET | LAST_ERROR, 24, 16, 4, 24, EINVAL,
		  "last error: EINVAL: unknown flags 0x4" },
		{ "room for less", GET | LAST_ERROR, 24, 17, 0, 24, EINVAL,
		  "last error: EINVAL: size 17" },
		{ "set", SET | LAST_ERROR, 24, 16, 0, 24, EINVAL,
		  "last error: EINVAL: can be got only" },
		{ "no head", GET | LAST_ERROR, 24, 16, 0, 0, EFAULT,
		  "last error: EFAULT: size and flags" },
		{ "no bytes", GET | LAST_ERROR, 8 + 256, 256, 0, 8, EFAULT, "cannot be written" },
	};
	char text[FORMAT_TEXT_MAX], now[FORMAT_TEXT_MAX];
	struct vf *vf = vf_open(vf_bdf(2), NULL);
	int log = kernel_log_open();
	unsigned int i;

	EXPECT_EQ(-ENODATA, fd_check(vf_fd(vf), "\x89VMF", 4));
	fd_last_error(vf_fd(vf), text);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-bad[i].err, make_mistake(vf_fd(vf), &bad[i])) {
			TH_LOG("%s", bad[i].name);
		}
		EXPECT_TRUE(kernel_log_has(log, vf->bdf, bad[i].line)) {
			TH_LOG("%s", bad[i].name);
		}
		fd_last_error(vf_fd(vf), now);
		EXPECT_STREQ(text, now);
	}
	close(log);
	vf_close(vf);
}

/* A call whose bytes are in memory that faults, but for the first few. */
struct waiting {
	pthread_t thread;
	void *area;
	struct vfio_device_feature *arg;
	int fd, faults;
	int ret;
};

static void *call(void *arg)
{
	struct waiting *w = arg;

	w->ret = ioctl(w->fd, VFIO_DEVICE_FEATURE, w->arg) ? -errno : 0;
	return NULL;
}

/* Comes back when the call waits; 0 or -errno. */
static int begin_to_wait(struct waiting *w, int fd, u32 flags, u32 size)
{
	const u32 head[] = { size, 0 };
	int ret;

	w->fd = fd;
	w->area = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (w->area == MAP_FAILED)
		return -errno;
	w->faults = make_area_fault(w->area + PAGE, 2 * PAGE);
	if (w->faults < 0)
		return w->faults;
	w->arg = w->area + PAGE - sizeof(*w->arg) - sizeof(head) - 8;
	w->arg->argsz = sizeof(*w->arg) + sizeof(head) + size;
	w->arg->flags = flags;
	memcpy(w->arg->data, head, sizeof(head));
	ret = pthread_create(&w->thread, NULL, call, w);
	return ret ? -ret : area_wait(w->faults, ASK_MS);
}

/* Everything else that can be asked of the device, and its way through a migration. */
static int ask_all(void *arg)
{
	struct mig_buf file = { 0 }, bytes = { 0 }, stream = { 0 };
	char text[FORMAT_TEXT_MAX];
	struct vf *vf = arg;
	int fd = vf_fd(vf);

	if (format_descriptor(vf->bdf, &file) || fd_descriptor(fd, &bytes))
		return -EPROTO;
	if (!mig_buf_equal(&file, &bytes) || format_check(vf->bdf, file.data, file.len) ||
	    fd_check(fd, file.data, file.len))
		return -EPROTO;
	fd_last_error(fd, text);
	read_last_error(vf->bdf, text, sizeof(text));
	if (mig_set(fd, VFIO_DEVICE_STATE_PRE_COPY, NULL))
		return -EPROTO;
	vf_reset(vf);
	return mig_save(fd, &stream) || mig_load(fd, &stream) ? -EPROTO : 0;
}

TEST_F_TIMEOUT(hostile, nobody_waits_for_a_fault, 60)
{
	static const u32 sizes[] = { 64, 2 * PAGE - 8 };
	u8 zeros[64] = { 0 };
	struct mig_buf file = { 0 };
	struct waiting check, get;

	ASSERT_EQ(0, format_descriptor(self->vf->bdf, &file));
	ASSERT_LT(8, file.len);
	ASSERT_EQ(0, begin_to_wait(&check, self->fd, SET | CHECK, sizes[0]));
	ASSERT_EQ(0, begin_to_wait(&get, self->fd, GET | DESCRIPTOR, sizes[1]));
	EXPECT_EQ(0, deadline_call(ask_all, self->vf, ASK_MS));

	/* What was asked is answered when it can be. */
	ASSERT_EQ(0, area_answer(check.faults, check.area + PAGE, 2 * PAGE));
	ASSERT_EQ(0, area_answer(get.faults, get.area + PAGE, 2 * PAGE));
	ASSERT_EQ(0, pthread_join(check.thread, NULL));
	ASSERT_EQ(0, pthread_join(get.thread, NULL));
	EXPECT_EQ(format_check(self->vf->bdf, zeros, sizeof(zeros)), check.ret);
	EXPECT_EQ(0, get.ret);
	EXPECT_EQ(file.len, *(u32 *)get.arg->data);
	EXPECT_EQ(0, memcmp(get.arg->data + 8, file.data, file.len));
	close(check.faults);
	close(get.faults);
	munmap(check.area, 3 * PAGE);
	munmap(get.area, 3 * PAGE);
	mig_buf_free(&file);
}

TEST_HARNESS_MAIN
