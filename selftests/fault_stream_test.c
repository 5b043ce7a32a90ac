// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every fault in each call on a stream: read() and PRECOPY_INFO at the source, write()
 * and the load at the destination.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "fault_sweep.h"

#define THERE		2
#define PIECE		700
#define SHORT_S		120
#define LOAD_S		560

FIXTURE(stream) {
	struct sweep s;
};

FIXTURE_SETUP(stream)
{
	ASSERT_EQ(0, sweep_open(&self->s));
}

FIXTURE_TEARDOWN(stream)
{
	sweep_close(&self->s);
}

/* The source reads. */

static u8 piece[MIG_CHUNK];

/* In @state with a new stream, of which so much was read. */
static int begin_reading(struct sweep *s, u32 state, size_t done)
{
	int ret;

	ret = sweep_remember(s);
	if (!ret)
		ret = mig_set(vf_fd(s->net.guest.vf), state, &s->data_fd);
	s->now.len = 0;
	if (ret || !done)
		return ret;
	ret = read(s->data_fd, piece, done);
	if (ret > 0)
		mig_buf_append(&s->now, piece, ret);
	return ret < 0 ? -errno : 0;
}

static int prepare_first_read(struct sweep *s)
{
	return begin_reading(s, VFIO_DEVICE_STATE_STOP_COPY, 0);
}

static int prepare_second_read(struct sweep *s)
{
	return begin_reading(s, VFIO_DEVICE_STATE_STOP_COPY, PIECE);
}

static int prepare_last_read(struct sweep *s)
{
	return begin_reading(s, VFIO_DEVICE_STATE_STOP_COPY, MIG_CHUNK);
}

static int prepare_first_precopy(struct sweep *s)
{
	return begin_reading(s, VFIO_DEVICE_STATE_PRE_COPY, 0);
}

static int prepare_last_precopy(struct sweep *s)
{
	return begin_reading(s, VFIO_DEVICE_STATE_PRE_COPY, MIG_CHUNK);
}

static int call_read(struct sweep *s)
{
	ssize_t n = read(s->data_fd, piece, PIECE);

	if (n < 0)
		return -errno;
	mig_buf_append(&s->now, piece, n);
	return n;
}

static int call_precopy_info(struct sweep *s)
{
	struct vfio_precopy_info info;

	return mig_precopy_info(s->data_fd, &info);
}

/* The stream goes on where it was, and is what it would have been. */
static void judge_read(struct sweep *s, int ret)
{
	int fd = vf_fd(s->net.guest.vf), end;

	if (mig_state(fd) == VFIO_DEVICE_STATE_PRE_COPY) {
		end = mig_set(fd, VFIO_DEVICE_STATE_STOP_COPY, NULL);
		if (end)
			sweep_complain(s, "PRE_COPY to STOP_COPY: %s", strerror(-end));
	}
	end = mig_read(s->data_fd, &s->now, MIG_CHUNK);
	if (end)
		sweep_complain(s, "%d, and then the rest cannot be read: %s", ret,
			       strerror(-end));
	else if (!mig_buf_equal(&s->good, &s->now))
		sweep_complain(s, "UNNOTICED: %d, and then another stream", ret);
	sweep_recover(s, false);
}

static const struct read_op {
	const char *name;
	struct sweep_op op;
} reads[] = {
	{ "read STOP_COPY, first", { .prepare = prepare_first_read, .call = call_read,
				     .judge = judge_read, .spotless = true } },
	{ "read STOP_COPY, second", { .prepare = prepare_second_read, .call = call_read,
				      .judge = judge_read, .spotless = true } },
	{ "read STOP_COPY, at the end", { .prepare = prepare_last_read, .call = call_read,
					  .judge = judge_read, .spotless = true } },
	{ "read PRE_COPY, first", { .prepare = prepare_first_precopy, .call = call_read,
				    .judge = judge_read, .spotless = true } },
	/* It looks whether there is more by now. */
	{ "read PRE_COPY, at the end", { .prepare = prepare_last_precopy, .call = call_read,
					 .judge = judge_read, .spotless = true } },
	{ "PRECOPY_INFO, first", { .prepare = prepare_first_precopy,
				   .call = call_precopy_info, .judge = judge_read,
				   .spotless = true } },
	{ "PRECOPY_INFO, at the end", { .prepare = prepare_last_precopy,
					.call = call_precopy_info, .judge = judge_read,
					.spotless = true } },
};

TEST_F_TIMEOUT(stream, reads, SHORT_S)
{
	unsigned int i;
	bool ok = true;

	for (i = 0; i < ARRAY_SIZE(reads); i++)
		ok &= sweep_run(&self->s, reads[i].name, &reads[i].op);
	EXPECT_TRUE(ok);
}

/* The destination writes. */

static size_t written;

static const char *other(struct sweep *s)
{
	return s->there->bdf;
}

/* Saved here, and so much written there. */
static int begin_writing(struct sweep *s, size_t done)
{
	int ret;

	if (!s->there)
		s->there = vf_open(vf_bdf(THERE), &s->net.guest.ram);
	ret = mig_save(vf_fd(s->net.guest.vf), &s->good);
	if (!ret)
		ret = mig_set(vf_fd(s->there), VFIO_DEVICE_STATE_RESUMING, &s->data_fd);
	written = done;
	if (!ret)
		ret = mig_write(s->data_fd, s->good.data, done, MIG_CHUNK);
	return ret;
}

static int prepare_first_write(struct sweep *s)
{
	return begin_writing(s, 0);
}

static int prepare_second_write(struct sweep *s)
{
	return begin_writing(s, PIECE);
}

static int prepare_load(struct sweep *s)
{
	return begin_writing(s, s->good.len ? s->good.len - 1 : 0);
}

static int call_write(struct sweep *s)
{
	return mig_write(s->data_fd, s->good.data + written, PIECE - 1, MIG_CHUNK);
}

static int call_load(struct sweep *s)
{
	return mig_write(s->data_fd, s->good.data + written, s->good.len - written, MIG_CHUNK);
}

/* The guest stays, and who was to be it is nobody. */
static void stay(struct sweep *s)
{
	int state;

	sweep_close_data(s);
	vf_reset(s->there);
	state = mig_state(vf_fd(s->there));
	if (state != VFIO_DEVICE_STATE_RUNNING)
		sweep_complain(s, "the destination is in %s after a reset", mig_name(state));
	sweep_recover(s, false);
}

/* The guest goes on there, and has to find all as it was. */
static void move(struct sweep *s)
{
	struct vf *from = s->net.guest.vf, *to = s->there;

	sweep_close_data(s);
	if (mig_set(vf_fd(to), VFIO_DEVICE_STATE_STOP, NULL))
		sweep_complain(s, "loaded, and there is no way out of RESUMING");
	sweep_compare(s, to);
	vf_vmm_setup(to);
	s->net.guest.vf = to;
	s->there = from;
	sweep_recover(s, false);
	/* What the source may still do must not be in the way of the guest. */
	vf_reset(from);
}

/* Who has refused a piece stands by it. */
static void judge_write(struct sweep *s, int ret)
{
	int again, state = mig_state(vf_fd(s->there));

	if (state != VFIO_DEVICE_STATE_RESUMING)
		sweep_complain(s, "the destination is in %s", mig_name(state));
	if (s->fault.kind == FAULT_NONE && ret)
		sweep_complain(s, "without a fault: %s", strerror(-ret));
	if (!ret)
		written += PIECE - 1;
	again = call_load(s);
	if (!again) {
		move(s);
		return;
	}
	if (!ret)
		sweep_complain(s, "the rest is refused: %s", strerror(-again));
	again = mig_set(vf_fd(s->there), VFIO_DEVICE_STATE_STOP, NULL);
	if (!again)
		sweep_complain(s, "%d, and then RESUMING is left as if it was loaded", ret);
	stay(s);
}

static void judge_load(struct sweep *s, int ret)
{
	int state = mig_state(vf_fd(s->there)), end;

	if (s->fault.kind == FAULT_NONE && ret)
		sweep_complain(s, "without a fault: %s", strerror(-ret));
	if (state != VFIO_DEVICE_STATE_RESUMING && (!ret || state != VFIO_DEVICE_STATE_ERROR))
		sweep_complain(s, "%d, and the destination is in %s", ret, mig_name(state));
	if (!ret) {
		move(s);
		return;
	}
	end = mig_set(vf_fd(s->there), VFIO_DEVICE_STATE_STOP, NULL);
	if (!end)
		sweep_complain(s, "%s, and then RESUMING is left as if it was loaded",
			       strerror(-ret));
	stay(s);
}

static const struct sweep_op first_write_op = {
	.prepare = prepare_first_write, .call = call_write, .judge = judge_write,
	.bdf = other, .spotless = true,
};

static const struct sweep_op second_write_op = {
	.prepare = prepare_second_write, .call = call_write, .judge = judge_write,
	.bdf = other, .spotless = true,
};

static const struct sweep_op load_op = {
	.prepare = prepare_load, .call = call_load, .judge = judge_load, .bdf = other,
};

TEST_F_TIMEOUT(stream, writes, SHORT_S)
{
	EXPECT_TRUE(sweep_run(&self->s, "write, first", &first_write_op));
	EXPECT_TRUE(sweep_run(&self->s, "write, second", &second_write_op));
}

TEST_F_TIMEOUT(stream, load, LOAD_S)
{
	/* Of which there is a length then. */
	ASSERT_EQ(0, sweep_remember(&self->s));
	EXPECT_TRUE(sweep_run(&self->s, "write, the last, and the load", &load_op));
}

int main(int argc, char **argv)
{
	fault_nth_or_skip();
	return test_harness_run(argc, argv);
}
