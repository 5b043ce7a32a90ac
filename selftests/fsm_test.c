// SPDX-License-Identifier: GPL-2.0-only
/*
 * The migration state machine: every ordered pair of states, against a table
 * written from the text of include/uapi/linux/vfio.h.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "igbvf_device.h"
#include "mdev.h"
#include "migration.h"

#include "kselftest_harness.h"

#define ERROR		VFIO_DEVICE_STATE_ERROR
#define STOP		VFIO_DEVICE_STATE_STOP
#define RUNNING		VFIO_DEVICE_STATE_RUNNING
#define STOP_COPY	VFIO_DEVICE_STATE_STOP_COPY
#define RESUMING	VFIO_DEVICE_STATE_RESUMING
#define RUNNING_P2P	VFIO_DEVICE_STATE_RUNNING_P2P
#define PRE_COPY	VFIO_DEVICE_STATE_PRE_COPY
#define PRE_COPY_P2P	VFIO_DEVICE_STATE_PRE_COPY_P2P

/* RESUMING after a complete stream was written: another row of the table. */
#define LOADED		MIG_STATES
#define ROWS		(MIG_STATES + 1)

/*
 * One letter for each requested state, in the order of the numbers: ERROR,
 * STOP, RUNNING, STOP_COPY, RESUMING, RUNNING_P2P, PRE_COPY, PRE_COPY_P2P.
 *
 *   .  success, data_fd is -1
 *   F  success, a new session begins: data_fd is a new file
 *   E  EINVAL, the device stays where it is
 *   D  ENODATA, the device stays where it is: leaving RESUMING is for the driver
 *      to refuse while the data is incomplete
 *
 * ERROR cannot be specified at all. STOP_COPY to PRE_COPY and PRE_COPY_P2P is
 * not permitted. The saving group shares one session. Everything else is a
 * combination of arcs, and a session begins if the last of them begins one.
 *
 * There is no row for ERROR: only hardware that fails leads there.
 */
static const char * const table[ROWS] = {
	[STOP]		= "E..FF.FF",
	[RUNNING]	= "E..FF.FF",
	[STOP_COPY]	= "E...F.EE",
	[RESUMING]	= "EDDD.DDD",
	[RUNNING_P2P]	= "E..FF.FF",
	[PRE_COPY]	= "E...F...",
	[PRE_COPY_P2P]	= "E...F...",
	[LOADED]	= "E..F..FF",
};

static bool saving(u32 state)
{
	return state == STOP_COPY || state == PRE_COPY || state == PRE_COPY_P2P;
}

/* Whether the session of a data fd goes on. */
static bool alive(int data_fd, bool resuming)
{
	struct pollfd pfd = { .fd = data_fd, .events = POLLIN };

	if (resuming)
		return write(data_fd, "", 0) == 0;
	return poll(&pfd, 1, 0) >= 0 && !(pfd.revents & POLLERR);
}

/* From a device that was reset to @row of the table. */
static int enter(struct vf *vf, int row, int *data_fd)
{
	struct mig_buf stream = { 0 };
	int ret;

	vf_reset(vf);
	*data_fd = -1;
	if (row != LOADED)
		return mig_set(vf_fd(vf), row, data_fd);

	ret = mig_save(vf_fd(vf), &stream);
	if (!ret)
		ret = mig_set(vf_fd(vf), RESUMING, data_fd);
	if (!ret)
		ret = mig_write(*data_fd, stream.data, stream.len, MIG_CHUNK);
	mig_buf_free(&stream);
	return ret;
}

static void try_pair(struct __test_metadata *_metadata, struct vf *vf, int row, u32 goal)
{
	u32 from = row == LOADED ? RESUMING : (u32)row;
	int fd = vf_fd(vf), old, new, ret, want = 0;
	char verdict = table[row][goal];
	bool same;

	ASSERT_EQ(0, enter(vf, row, &old));
	ASSERT_EQ((int)from, mig_state(fd));
	EXPECT_EQ(saving(from) || from == RESUMING, old >= 0);

	if (verdict == 'E')
		want = -EINVAL;
	else if (verdict == 'D')
		want = -ENODATA;
	ret = mig_set(fd, goal, &new);
	EXPECT_EQ(want, ret) {
		TH_LOG("%s%s -> %s", mig_name(from), row == LOADED ? " (loaded)" : "",
		       mig_name(goal));
	}
	EXPECT_EQ(verdict == 'F', new >= 0) {
		TH_LOG("%s -> %s: data_fd is %d", mig_name(from), mig_name(goal), new);
	}
	EXPECT_EQ((int)(want ? from : goal), mig_state(fd));

	/* A session lives on inside the saving group, and if nothing happened. */
	same = want || goal == from || (saving(from) && saving(goal));
	if (old >= 0) {
		EXPECT_EQ(same, alive(old, from == RESUMING)) {
			TH_LOG("old data_fd after %s -> %s", mig_name(from), mig_name(goal));
		}
		close(old);
	}
	if (new >= 0) {
		EXPECT_TRUE(alive(new, goal == RESUMING));
		close(new);
	}
}

FIXTURE(pairs) {
	struct vf *vf;
};

FIXTURE_VARIANT(pairs) {
	int row;
};

FIXTURE_VARIANT_ADD(pairs, stop) { .row = STOP };
FIXTURE_VARIANT_ADD(pairs, running) { .row = RUNNING };
FIXTURE_VARIANT_ADD(pairs, stop_copy) { .row = STOP_COPY };
FIXTURE_VARIANT_ADD(pairs, resuming) { .row = RESUMING };
FIXTURE_VARIANT_ADD(pairs, running_p2p) { .row = RUNNING_P2P };
FIXTURE_VARIANT_ADD(pairs, pre_copy) { .row = PRE_COPY };
FIXTURE_VARIANT_ADD(pairs, pre_copy_p2p) { .row = PRE_COPY_P2P };
FIXTURE_VARIANT_ADD(pairs, resuming_loaded) { .row = LOADED };

FIXTURE_SETUP(pairs)
{
	self->vf = vf_open(vf_bdf(0), NULL);
}

FIXTURE_TEARDOWN(pairs)
{
	vf_close(self->vf);
}

TEST_F_TIMEOUT(pairs, every_goal, 60)
{
	u32 goal;

	for (goal = 0; goal < MIG_STATES; goal++)
		try_pair(_metadata, self->vf, variant->row, goal);
}

FIXTURE(fsm) {
	struct vf *vf;
	int fd;
};

FIXTURE_SETUP(fsm)
{
	self->vf = vf_open(vf_bdf(0), NULL);
	self->fd = vf_fd(self->vf);
}

FIXTURE_TEARDOWN(fsm)
{
	vf_close(self->vf);
}

TEST_F(fsm, flags)
{
	u64 flags;

	ASSERT_EQ(0, mig_flags(self->fd, &flags));
	EXPECT_EQ(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P | VFIO_MIGRATION_PRE_COPY,
		  flags);
}

TEST_F(fsm, opens_running)
{
	EXPECT_EQ((int)RUNNING, mig_state(self->fd));
}

/* mig_get() itself checks that data_fd is -1. */
TEST_F_TIMEOUT(fsm, get_in_every_state, 60)
{
	int data_fd, row, i;
	u32 state;

	for (row = STOP; row < ROWS; row++) {
		ASSERT_EQ(0, enter(self->vf, row, &data_fd));
		for (i = 0; i < 3; i++) {
			EXPECT_EQ(0, mig_get(self->fd, &state));
			EXPECT_EQ(row == LOADED ? RESUMING : (u32)row, state);
		}
		/* GET does not disturb a session. */
		if (data_fd >= 0) {
			EXPECT_TRUE(alive(data_fd, state == RESUMING));
			close(data_fd);
		}
	}
}

TEST_F_TIMEOUT(fsm, invalid_numbers_in_every_state, 60)
{
	static const u32 numbers[] = { MIG_STATES, MIG_STATES + 1, 0x7fffffff, 0x80000000, ~0u };
	int data_fd, none, row;
	unsigned int i;

	for (row = STOP; row < ROWS; row++) {
		ASSERT_EQ(0, enter(self->vf, row, &data_fd));
		for (i = 0; i < ARRAY_SIZE(numbers); i++) {
			EXPECT_EQ(-EINVAL, mig_set(self->fd, numbers[i], &none));
			EXPECT_EQ(row == LOADED ? (int)RESUMING : row, mig_state(self->fd));
		}
		if (data_fd >= 0)
			close(data_fd);
	}
}

TEST_F_TIMEOUT(fsm, reset_in_every_state, 60)
{
	int data_fd, row, ret;
	char byte;

	for (row = STOP; row < ROWS; row++) {
		ASSERT_EQ(0, enter(self->vf, row, &data_fd));
		vf_reset(self->vf);
		EXPECT_EQ((int)RUNNING, mig_state(self->fd));
		if (data_fd < 0)
			continue;
		ret = row == RESUMING || row == LOADED ? write(data_fd, "", 1) :
							 read(data_fd, &byte, 1);
		EXPECT_EQ(-1, ret);
		EXPECT_EQ(ENODEV, errno);
		close(data_fd);
	}
}

/* An old fd that the user keeps is not in the way of the next session. */
TEST_F(fsm, set_state_while_fd_is_open)
{
	int first, second, third;
	char byte;

	ASSERT_EQ(0, mig_set(self->fd, PRE_COPY, &first));
	ASSERT_EQ(0, mig_set(self->fd, RUNNING, NULL));
	ASSERT_EQ(0, mig_set(self->fd, STOP_COPY, &second));
	ASSERT_NE(first, second);
	EXPECT_EQ(-1, read(first, &byte, 1));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(1, read(second, &byte, 1));
	ASSERT_EQ(0, mig_set(self->fd, RESUMING, &third));
	EXPECT_EQ(-1, read(second, &byte, 1));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_EQ(0, write(third, "", 0));
	close(first);
	close(second);
	/* Nor does closing the old ones end it. */
	EXPECT_EQ(0, write(third, "", 0));
	close(third);
	/* Without its fd the session cannot be completed, but is still there. */
	EXPECT_EQ(-ENODATA, mig_set(self->fd, STOP, NULL));
	EXPECT_EQ((int)RESUMING, mig_state(self->fd));
}

/* Groups allow a second opener; both have the same device. */
TEST(two_openers_of_a_group)
{
	struct vf *vf;
	int other, data_fd;

	if (!vf_iommu_mode_available(MODE_VFIO_TYPE1V2_IOMMU))
		SKIP(return, "no VFIO container");
	vf = vf_open_mode(vf_bdf(0), MODE_VFIO_TYPE1V2_IOMMU, NULL);

	other = ioctl(vf->pci->group_fd, VFIO_GROUP_GET_DEVICE_FD, vf_bdf(0));
	ASSERT_GE(other, 0);
	EXPECT_EQ((int)RUNNING, mig_state(other));
	ASSERT_EQ(0, mig_set(vf_fd(vf), PRE_COPY, &data_fd));
	EXPECT_EQ((int)PRE_COPY, mig_state(other));
	EXPECT_EQ(0, mig_set(other, STOP_COPY, NULL));
	EXPECT_EQ((int)STOP_COPY, mig_state(vf_fd(vf)));
	/* The session is the device's, not the opener's. */
	EXPECT_EQ(0, close(other));
	EXPECT_EQ((int)STOP_COPY, mig_state(vf_fd(vf)));
	EXPECT_TRUE(alive(data_fd, false));
	close(data_fd);
	vf_close(vf);
}

/* With the character device only the first opener gets to the device. */
TEST(two_openers_of_a_cdev)
{
	char path[PATH_MAX];
	struct vf *vf;
	u32 state;
	int other;

	if (!vf_iommu_mode_available(MODE_IOMMUFD))
		SKIP(return, "no iommufd");
	vf = vf_open_mode(vf_bdf(0), MODE_IOMMUFD, NULL);

	device_cdev_path(path, sizeof(path), vf_bdf(0));
	other = open(path, O_RDWR);
	ASSERT_GE(other, 0);
	EXPECT_NE(0, __vfio_device_bind_iommufd(other, vf->iommu->iommufd, NULL));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-EINVAL, mig_get(other, &state));
	EXPECT_EQ(-EINVAL, mig_set(other, STOP, NULL));
	EXPECT_EQ((int)RUNNING, mig_state(vf_fd(vf)));
	close(other);
	EXPECT_EQ((int)RUNNING, mig_state(vf_fd(vf)));
	vf_close(vf);
}

TEST_HARNESS_MAIN
