// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every fault on every arc of the state machine: each allocation that the kernel makes
 * on the way, each register that does not answer, each write that is lost. The device is
 * where it was, where it should go, or in ERROR; and the guest gets it back.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "fault_sweep.h"

#define STOP		VFIO_DEVICE_STATE_STOP
#define RUNNING		VFIO_DEVICE_STATE_RUNNING
#define STOP_COPY	VFIO_DEVICE_STATE_STOP_COPY
#define RESUMING	VFIO_DEVICE_STATE_RESUMING
#define RUNNING_P2P	VFIO_DEVICE_STATE_RUNNING_P2P
#define PRE_COPY	VFIO_DEVICE_STATE_PRE_COPY
#define PRE_COPY_P2P	VFIO_DEVICE_STATE_PRE_COPY_P2P

#define ARC_S		300

FIXTURE(arc) {
	struct sweep s;
};

FIXTURE_VARIANT(arc) {
	u32 from;
	u32 to;
	bool loaded;	/* a stream was written since RESUMING */
	bool spotless;	/* nothing that can fail is done on the way */
};

FIXTURE_VARIANT_ADD(arc, running_to_running_p2p) { .from = RUNNING, .to = RUNNING_P2P };
FIXTURE_VARIANT_ADD(arc, running_p2p_to_running) { .from = RUNNING_P2P, .to = RUNNING };
FIXTURE_VARIANT_ADD(arc, running_p2p_to_stop) {
	.from = RUNNING_P2P, .to = STOP, .spotless = true
};

FIXTURE_VARIANT_ADD(arc, stop_to_running_p2p) {
	.from = STOP, .to = RUNNING_P2P, .spotless = true
};

FIXTURE_VARIANT_ADD(arc, stop_to_stop_copy) { .from = STOP, .to = STOP_COPY };
FIXTURE_VARIANT_ADD(arc, stop_copy_to_stop) { .from = STOP_COPY, .to = STOP, .spotless = true };
FIXTURE_VARIANT_ADD(arc, stop_to_resuming) { .from = STOP, .to = RESUMING };
FIXTURE_VARIANT_ADD(arc, resuming_to_stop) {
	.from = RESUMING, .to = STOP, .loaded = true, .spotless = true
};

FIXTURE_VARIANT_ADD(arc, running_to_pre_copy) { .from = RUNNING, .to = PRE_COPY };
FIXTURE_VARIANT_ADD(arc, pre_copy_to_running) {
	.from = PRE_COPY, .to = RUNNING, .spotless = true
};

FIXTURE_VARIANT_ADD(arc, pre_copy_to_pre_copy_p2p) { .from = PRE_COPY, .to = PRE_COPY_P2P };
FIXTURE_VARIANT_ADD(arc, pre_copy_p2p_to_pre_copy) { .from = PRE_COPY_P2P, .to = PRE_COPY };
FIXTURE_VARIANT_ADD(arc, running_p2p_to_pre_copy_p2p) { .from = RUNNING_P2P, .to = PRE_COPY_P2P };
FIXTURE_VARIANT_ADD(arc, pre_copy_p2p_to_running_p2p) {
	.from = PRE_COPY_P2P, .to = RUNNING_P2P, .spotless = true
};

FIXTURE_VARIANT_ADD(arc, pre_copy_p2p_to_stop_copy) { .from = PRE_COPY_P2P, .to = STOP_COPY };
/* What was loaded starts in a way of its own. */
FIXTURE_VARIANT_ADD(arc, loaded_to_running_p2p) {
	.from = STOP, .to = RUNNING_P2P, .loaded = true
};

/* Several arcs, as VMMs ask for them. */
FIXTURE_VARIANT_ADD(arc, running_to_stop_copy) { .from = RUNNING, .to = STOP_COPY };
FIXTURE_VARIANT_ADD(arc, pre_copy_to_stop_copy) { .from = PRE_COPY, .to = STOP_COPY };
FIXTURE_VARIANT_ADD(arc, stop_copy_to_running) { .from = STOP_COPY, .to = RUNNING };
FIXTURE_VARIANT_ADD(arc, running_to_resuming) { .from = RUNNING, .to = RESUMING };
FIXTURE_VARIANT_ADD(arc, loaded_to_running) { .from = RESUMING, .to = RUNNING, .loaded = true };

FIXTURE_SETUP(arc)
{
	ASSERT_EQ(0, sweep_open(&self->s));
}

FIXTURE_TEARDOWN(arc)
{
	sweep_close(&self->s);
}

/* The callbacks have no variant. */
static struct {
	u32 from;
	u32 to;
	bool loaded;
} arc;

/* What its own stream brings is what the device was. */
static int load_own(struct sweep *s)
{
	int fd = vf_fd(s->net.guest.vf), ret;

	ret = mig_set(fd, RESUMING, &s->data_fd);
	if (!ret)
		ret = mig_write(s->data_fd, s->good.data, s->good.len, MIG_CHUNK);
	if (!ret && arc.from != RESUMING)
		ret = mig_set(fd, arc.from, NULL);
	return ret;
}

static int arc_prepare(struct sweep *s)
{
	int ret = sweep_remember(s);

	if (ret)
		return ret;
	if (arc.loaded)
		return load_own(s);
	if (arc.from == RUNNING)
		return 0;
	return mig_set(vf_fd(s->net.guest.vf), arc.from, &s->data_fd);
}

static int arc_call(struct sweep *s)
{
	int data_fd, ret = mig_set(vf_fd(s->net.guest.vf), arc.to, &data_fd);

	if (data_fd < 0)
		return ret;
	if (s->data_fd >= 0)
		close(s->data_fd);
	s->data_fd = data_fd;
	return ret;
}

/* Several arcs may end on the way. */
static bool on_the_way(u32 state)
{
	if (state == arc.from || state == arc.to || state == VFIO_DEVICE_STATE_ERROR)
		return true;
	if (arc.from == RESUMING)
		return state == STOP || state == RUNNING_P2P;
	if (arc.to == STOP_COPY)
		return state == RUNNING_P2P || state == STOP || state == PRE_COPY_P2P;
	if (arc.from == STOP_COPY || arc.to == RESUMING)
		return state == RUNNING_P2P || state == STOP;
	return false;
}

static void arc_judge(struct sweep *s, int ret)
{
	struct vf *vf = s->net.guest.vf;
	int state = mig_state(vf_fd(vf));

	if (!ret && state != (int)arc.to)
		sweep_complain(s, "success, and the state is %s", mig_name(state));
	if (s->fault.kind == FAULT_NONE && ret)
		sweep_complain(s, "without a fault: %s", strerror(-ret));
	if (!on_the_way(state))
		sweep_complain(s, "%s, and the state is %s", strerror(-ret), mig_name(state));
	/* Out of RESUMING there is a way only with a stream. */
	if (state == RESUMING && !arc.loaded) {
		sweep_close_data(s);
		vf_reset(vf);
		sweep_recover(s, true);
		return;
	}
	if (state != VFIO_DEVICE_STATE_ERROR)
		sweep_compare(s, vf);
	sweep_recover(s, false);
}

TEST_F_TIMEOUT(arc, every_fault, ARC_S)
{
	struct sweep_op op = {
		.prepare = arc_prepare,
		.call = arc_call,
		.judge = arc_judge,
		.spotless = variant->spotless,
	};
	char name[64];

	arc.from = variant->from;
	arc.to = variant->to;
	arc.loaded = variant->loaded;
	snprintf(name, sizeof(name), "arc %s%s %s", mig_name(arc.from),
		 arc.loaded ? " (loaded)" : "", mig_name(arc.to));
	EXPECT_TRUE(sweep_run(&self->s, name, &op));
}

int main(int argc, char **argv)
{
	fault_nth_or_skip();
	return test_harness_run(argc, argv);
}
