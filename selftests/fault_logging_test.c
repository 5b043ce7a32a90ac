// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every fault in the calls of DMA logging, and in a doorbell while it is on: whatever
 * fails, no page that the device has written to is missing from what is reported.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "fault_sweep.h"
#include "log_lab.h"

#define LOGGING_S	280
#define FRAMES		4
/* More accesses than a call has. */
#define ACCESSES	200
#define SEND_US		10000

static struct log_lab lab;
static struct dma_bitmap bitmap;

FIXTURE(logging) {
	struct sweep s;
};

FIXTURE_SETUP(logging)
{
	memset(&self->s, 0, sizeof(self->s));
	self->s.data_fd = -1;
	self->s.bdf = vf_bdf(0);
	ASSERT_TRUE(fault_nth_setup());
	ASSERT_EQ(0, log_lab_open(&lab, vf_default_iommu_mode(), LOG_LAB_RAM));
	ring_guest_setup(&lab.guest, &ring_shape_usual, true);
}

FIXTURE_TEARDOWN(logging)
{
	log_lab_close(&lab);
}

static const char *guest_bdf(struct sweep *s)
{
	return vf_bdf(0);
}

static int call_start(struct sweep *s)
{
	return dma_log_start_simple(log_lab_fd(&lab), lab.guest.ram.iova, lab.guest.ram.size);
}

static int call_report(struct sweep *s)
{
	struct guest_ram *ram = &lab.guest.ram;

	return dma_log_report(log_lab_fd(&lab), ram->iova, ram->size, DMA_LOG_PAGE, &bitmap);
}

static int call_stop(struct sweep *s)
{
	return dma_log_stop(log_lab_fd(&lab));
}

static int call_doorbell(struct sweep *s)
{
	u32 tail = lab.guest.tail;
	int ret = vf_region_access(lab.guest.vf, true, VF_RDT(0), &tail, sizeof(tail));

	return ret == sizeof(tail) ? 0 : ret;
}

/* As many frames as there are slots for them. */
static bool receive(unsigned int count)
{
	u32 frames = lab.guest.frames;
	u64 end;

	if (!log_lab_receive(&lab, count))
		return false;
	for (end = now_ns() + NIC_TIMEOUT_MS * 1000000ull; now_ns() < end; usleep(1000)) {
		ring_guest_clean(&lab.guest);
		if (lab.guest.frames == frames + count)
			return true;
	}
	return false;
}

static int prepare_off(struct sweep *s)
{
	return dma_log_stop(log_lab_fd(&lab));
}

static int prepare_on(struct sweep *s)
{
	int ret = prepare_off(s);

	return ret ? ret : log_lab_start(&lab);
}

/* There is something to report. */
static int prepare_written(struct sweep *s)
{
	int ret = prepare_on(s);

	if (ret)
		return ret;
	ring_guest_clean(&lab.guest);
	if (ring_guest_post(&lab.guest, FRAMES) != FRAMES || !receive(FRAMES))
		return -EPIPE;
	memset(&bitmap, 0, sizeof(bitmap));
	oracle_look(&lab.guest.oracle);
	return 0;
}

/* Slots are filled, and the device is not told. */
static int prepare_filled(struct sweep *s)
{
	int ret = prepare_on(s);

	if (ret)
		return ret;
	ring_guest_clean(&lab.guest);
	return ring_guest_fill(&lab.guest, FRAMES) == FRAMES ? 0 : -EPIPE;
}

/* What comes from here on is reported, all of it. */
static void look(struct sweep *s)
{
	int missed;

	ring_guest_clean(&lab.guest);
	if (ring_guest_post(&lab.guest, FRAMES) != FRAMES || !receive(FRAMES))
		sweep_complain(s, "frames are missing");
	missed = log_lab_check(&lab);
	if (missed < 0)
		sweep_complain(s, "no report after it: %s", strerror(-missed));
	else if (missed)
		sweep_feel(s, "%d pages are missing, from %d on", missed,
			   lab.guest.oracle.first_missed);
}

static void judge_start(struct sweep *s, int ret)
{
	int again;

	if (s->fault.kind == FAULT_NONE && ret)
		sweep_complain(s, "without a fault: %s", strerror(-ret));
	/* Nor is it half on: that would be EINVAL. */
	if (ret) {
		again = log_lab_start(&lab);
		if (again)
			sweep_complain(s, "%s, and then %s", strerror(-ret), strerror(-again));
	} else {
		oracle_reset(&lab.guest.oracle);
		oracle_expect(&lab.guest.oracle, lab.guest.ram.iova, lab.guest.ram.size);
	}
	look(s);
}

static void judge_report(struct sweep *s, int ret)
{
	int missed;

	if (s->fault.kind == FAULT_NONE && ret)
		sweep_complain(s, "without a fault: %s", strerror(-ret));
	/* After one that has failed the next one has it all. */
	if (!ret) {
		missed = oracle_check(&lab.guest.oracle, &bitmap, DMA_LOG_PAGE);
		if (missed)
			sweep_feel(s, "%d pages are missing, from %d on", missed,
				   lab.guest.oracle.first_missed);
	}
	look(s);
}

static void judge_stop(struct sweep *s, int ret)
{
	if (ret)
		sweep_complain(s, "%s", strerror(-ret));
	ret = log_lab_start(&lab);
	if (ret)
		sweep_complain(s, "cannot be started again: %s", strerror(-ret));
	look(s);
}

static void judge_doorbell(struct sweep *s, int ret)
{
	/* One that was lost is made good by the next: the same value is not seen again. */
	ring_guest_post(&lab.guest, 1);
	if (s->fault.kind == FAULT_NONE && ret)
		sweep_complain(s, "without a fault: %s", strerror(-ret));
	if (!receive(FRAMES))
		sweep_complain(s, "%d, and then frames are missing", ret);
	look(s);
}

static const struct {
	const char *name;
	struct sweep_op op;
} ops[] = {
	{ "DMA_LOGGING_START", { .prepare = prepare_off, .call = call_start,
				 .judge = judge_start, .bdf = guest_bdf } },
	{ "DMA_LOGGING_REPORT", { .prepare = prepare_written, .call = call_report,
				  .judge = judge_report, .bdf = guest_bdf } },
	{ "DMA_LOGGING_STOP", { .prepare = prepare_on, .call = call_stop,
				.judge = judge_stop, .bdf = guest_bdf, .spotless = true } },
	{ "write of RDT, logged", { .prepare = prepare_filled, .call = call_doorbell,
				    .judge = judge_doorbell, .bdf = guest_bdf } },
};

TEST_F_TIMEOUT(logging, every_fault, LOGGING_S)
{
	unsigned int i;
	bool ok = true;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		ok &= sweep_run(&self->s, ops[i].name, &ops[i].op);
	EXPECT_TRUE(ok);
}

static void *send_slowly(void *unused)
{
	int i;

	for (i = 0; i < FRAMES; i++) {
		log_lab_receive(&lab, 1);
		usleep(SEND_US);
	}
	return NULL;
}

static void expect_all_reported(struct __test_metadata *_metadata, const struct fault *fault)
{
	ring_guest_clean(&lab.guest);
	EXPECT_EQ(0, log_lab_check(&lab)) {
		TH_LOG("page %d, after %s", lab.guest.oracle.first_missed, fault_text(fault));
	}
}

/* A device that was to go on, and has not, has had queues on meanwhile. */
TEST_F_TIMEOUT(logging, start_that_fails, 120)
{
	unsigned int n, late = 0;
	struct fault fault;
	pthread_t sender;
	int ret;

	fault_allocations(false);
	/* It is switched on last. */
	ring_guest_setup_tx(&lab.guest, 16, false);
	ASSERT_EQ(0, prepare_on(&self->s));
	for (n = 1; n < ACCESSES; n++) {
		ring_guest_clean(&lab.guest);
		ASSERT_EQ(FRAMES, ring_guest_post(&lab.guest, FRAMES));
		ASSERT_EQ(0, mig_set(log_lab_fd(&lab), VFIO_DEVICE_STATE_STOP, NULL));
		ASSERT_EQ(0, log_lab_settle(&lab));
		ASSERT_EQ(0, pthread_create(&sender, NULL, send_slowly, NULL));
		fault_begin(&fault, self->s.bdf, n);
		ret = mig_set(log_lab_fd(&lab), VFIO_DEVICE_STATE_RUNNING, NULL);
		fault_end(&fault, self->s.bdf);
		late += ret == -ETIMEDOUT;
		ASSERT_EQ(0, pthread_join(sender, NULL));
		expect_all_reported(_metadata, &fault);
		if (ret)
			ASSERT_EQ(0, mig_set(log_lab_fd(&lab), VFIO_DEVICE_STATE_RUNNING, NULL));
		if (fault.kind == FAULT_NONE)
			break;
	}
	fault_allocations(true);
	EXPECT_EQ(FAULT_NONE, fault.kind);
	EXPECT_LT(0, late);
}

int main(int argc, char **argv)
{
	fault_nth_or_skip();
	log_lab_or_skip();
	return test_harness_run(argc, argv);
}
