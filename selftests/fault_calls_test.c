// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every fault in what is not a migration: a device is reset, its registers are used, and
 * it is asked in sysfs what it can do.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "fault_sweep.h"
#include "handshake.h"

#define GUEST		0
#define CALLS_S		280

FIXTURE(calls) {
	struct sweep s;
};

FIXTURE_SETUP(calls)
{
	ASSERT_EQ(0, sweep_open(&self->s));
}

FIXTURE_TEARDOWN(calls)
{
	sweep_close(&self->s);
}

/* VFIO_DEVICE_RESET */

static int prepare_running(struct sweep *s)
{
	return 0;
}

static int prepare_saving(struct sweep *s)
{
	return mig_set(vf_fd(s->net.guest.vf), VFIO_DEVICE_STATE_STOP_COPY, &s->data_fd);
}

static int call_reset(struct sweep *s)
{
	return __vfio_pci_device_reset(s->net.guest.vf->pci);
}

static void judge_reset(struct sweep *s, int ret)
{
	struct vf *vf = s->net.guest.vf;
	int state = mig_state(vf_fd(vf));

	if (s->fault.kind == FAULT_NONE && ret)
		sweep_complain(s, "without a fault: %s", strerror(-ret));
	if (s->fault.kind == FAULT_NONE && state != VFIO_DEVICE_STATE_RUNNING)
		sweep_complain(s, "without a fault: %s", mig_name(state));
	if (!ret && state != VFIO_DEVICE_STATE_RUNNING && state != VFIO_DEVICE_STATE_ERROR)
		sweep_complain(s, "success, and the state is %s", mig_name(state));
	sweep_close_data(s);
	if (ret || state != VFIO_DEVICE_STATE_RUNNING)
		vf_reset(vf);
	sweep_recover(s, true);
}

static const struct sweep_op reset_running_op = {
	.prepare = prepare_running, .call = call_reset, .judge = judge_reset,
};

static const struct sweep_op reset_saving_op = {
	.prepare = prepare_saving, .call = call_reset, .judge = judge_reset,
};

TEST_F_TIMEOUT(calls, reset, CALLS_S)
{
	EXPECT_TRUE(sweep_run(&self->s, "reset RUNNING", &reset_running_op));
	EXPECT_TRUE(sweep_run(&self->s, "reset STOP_COPY", &reset_saving_op));
}

/* Registers: what a guest gets is what a device gives that does not answer. */

static int call_register(struct sweep *s)
{
	u32 status = 0;
	int ret = vf_region_access(s->net.guest.vf, false, VF_STATUS, &status, sizeof(status));

	return ret == sizeof(status) ? 0 : ret;
}

static int call_doorbell(struct sweep *s)
{
	struct nic *nic = &s->net.guest;
	u32 tail = (nic->rx[0].next + NIC_RX_RING - 1) % NIC_RX_RING;
	int ret = vf_region_access(nic->vf, true, VF_RDT(0), &tail, sizeof(tail));

	return ret == sizeof(tail) ? 0 : ret;
}

static int call_state(struct sweep *s)
{
	int state = mig_state(vf_fd(s->net.guest.vf));

	return state < 0 ? -EIO : 0;
}

static int call_data_size(struct sweep *s)
{
	u64 size;

	return mig_data_size(vf_fd(s->net.guest.vf), &size);
}

static void judge_running(struct sweep *s, int ret)
{
	int state = mig_state(vf_fd(s->net.guest.vf));

	if (s->fault.kind == FAULT_NONE && ret)
		sweep_complain(s, "without a fault: %s", strerror(-ret));
	if (state != VFIO_DEVICE_STATE_RUNNING)
		sweep_complain(s, "%d, and the state is %s", ret, mig_name(state));
	sweep_recover(s, false);
}

static const struct {
	const char *name;
	struct sweep_op op;
} uses[] = {
	{ "register read", { .prepare = prepare_running, .call = call_register,
			     .judge = judge_running } },
	{ "register write", { .prepare = prepare_running, .call = call_doorbell,
			      .judge = judge_running } },
	{ "state", { .prepare = prepare_running, .call = call_state, .judge = judge_running,
		     .spotless = true } },
	{ "data size", { .prepare = prepare_running, .call = call_data_size,
			 .judge = judge_running, .spotless = true } },
};

TEST_F_TIMEOUT(calls, registers, CALLS_S)
{
	unsigned int i;
	bool ok = true;

	for (i = 0; i < ARRAY_SIZE(uses); i++)
		ok &= sweep_run(&self->s, uses[i].name, &uses[i].op);
	EXPECT_TRUE(ok);
}

/* sysfs: of a device that is open and used. No verdict is made up. */

static int prepare_format(struct sweep *s)
{
	/* There is room for as much again. */
	s->now.len = 0;
	mig_buf_append(&s->now, s->good.data, s->good.len);
	return 0;
}

static int call_descriptor(struct sweep *s)
{
	return format_descriptor(vf_bdf(GUEST), &s->now);
}

static int call_check(struct sweep *s)
{
	return format_check(vf_bdf(GUEST), s->good.data, s->good.len);
}

static void judge_format(struct sweep *s, int ret)
{
	if (s->fault.kind == FAULT_NONE && ret)
		sweep_complain(s, "without a fault: %s", strerror(-ret));
	if (ret && ret != -ENOMEM && ret != -EIO)
		sweep_complain(s, "a verdict: %s", strerror(-ret));
	if (!ret && !mig_buf_equal(&s->good, &s->now))
		sweep_complain(s, "UNNOTICED: another descriptor");
	judge_running(s, ret);
}

static const struct sweep_op descriptor_op = {
	.prepare = prepare_format, .call = call_descriptor, .judge = judge_format,
};

static const struct sweep_op check_op = {
	.prepare = prepare_format, .call = call_check, .judge = judge_format,
};

TEST_F_TIMEOUT(calls, format, CALLS_S)
{
	ASSERT_EQ(0, format_descriptor(vf_bdf(GUEST), &self->s.good));
	EXPECT_TRUE(sweep_run(&self->s, "sysfs descriptor", &descriptor_op));
	EXPECT_TRUE(sweep_run(&self->s, "sysfs check", &check_op));
}

int main(int argc, char **argv)
{
	fault_nth_or_skip();
	return test_harness_run(argc, argv);
}
