// SPDX-License-Identifier: GPL-2.0-only
/*
 * What it costs to save and to load a VF that is in use: bytes, accesses to its
 * registers, messages to the PF, allocations and time. Prints a table, and a line of
 * JSON for the runner.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/compiler.h>
#include <linux/types.h>

#include <libvfio.h>

#include "allocations.h"
#include "arcs.h"
#include "counters.h"
#include "migration.h"
#include "sample.h"
#include "testnet.h"
#include "vf_request.h"

#define HERE		0
#define PEER		1
#define THERE		2

#define ROUNDS		100
#define WARM_UP		5	/* an emulator translates code when it runs first */
#define TRACED		3	/* rounds more, in which allocations are counted */
#define FRAMES		3
#define ACCESSES	64

enum {
	STEP_PRECOPY,
	STEP_QUIESCE,
	STEP_STOP,
	STEP_SAVE,
	STEP_READ,
	STEP_RESUME,
	STEP_LOAD,
	STEP_LOADED,
	STEP_START,
	STEP_RUN,
	STEPS,
};

/* One request to a device, and what it has cost. */
struct step {
	const char *name;
	const char *from;	/* as in "arcs"; "" if nobody counts it there */
	const char *to;
	u64 ns;			/* of the last round */
	struct arc arc;
	struct sample us10;	/* seen by user space, in 0.1 us */
	struct sample driver_us10;
	struct sample mmio_us10;
	struct sample reads;
	struct sample writes;
};

static struct step steps[STEPS] = {
	[STEP_PRECOPY] = { "RUNNING -> PRE_COPY", "RUNNING", "PRE_COPY" },
	[STEP_QUIESCE] = { "RUNNING -> RUNNING_P2P", "RUNNING", "RUNNING_P2P" },
	[STEP_STOP] = { "RUNNING_P2P -> STOP", "RUNNING_P2P", "STOP" },
	[STEP_SAVE] = { "STOP -> STOP_COPY", "STOP", "STOP_COPY" },
	[STEP_READ] = { "read of the stream", "", "" },
	[STEP_RESUME] = { "STOP -> RESUMING", "STOP", "RESUMING" },
	[STEP_LOAD] = { "write of the stream", "LOAD", "LOAD" },
	[STEP_LOADED] = { "RESUMING -> STOP", "RESUMING", "STOP" },
	[STEP_START] = { "STOP -> RUNNING_P2P", "STOP", "RUNNING_P2P" },
	[STEP_RUN] = { "RUNNING_P2P -> RUNNING", "RUNNING_P2P", "RUNNING" },
};

/* The sum of some steps, and what it is to its MMIO. */
struct phase {
	const char *name;
	unsigned int first;
	unsigned int last;
	struct sample us10;
	struct sample mmio_us10;
	struct sample alone_us10;
	struct sample ratio1000;	/* to the MMIO inside, */
	struct sample alone1000;	/* and to as many accesses that nothing is between */
	struct sample messages;
	struct allocations allocations;
};

enum { PHASE_SAVE, PHASE_LOAD, PHASE_START, PHASES };

static struct phase phases[PHASES] = {
	[PHASE_SAVE] = { "save", STEP_QUIESCE, STEP_READ },
	[PHASE_LOAD] = { "load", STEP_RESUME, STEP_LOADED },
	[PHASE_START] = { "start", STEP_START, STEP_RUN },
};

struct bench {
	struct testnet net;
	struct vf *there;
	struct mig_buf stream;
	struct sample bytes;
	struct sample read_ns;
	struct sample write_ns;
	bool traced;
};

static void fail(const char *what, int err)
{
	printf("\nstate_bench failed: %s%s%s\n", what, err ? ": " : "", err ? strerror(-err) : "");
	exit(KSFT_FAIL);
}

static void timed_set(struct vf *vf, unsigned int step, u32 state, int *data_fd)
{
	u64 start = now_ns();
	int ret = mig_set(vf_fd(vf), state, data_fd);

	steps[step].ns = now_ns() - start;
	if (ret)
		fail(steps[step].name, ret);
}

static void untimed_set(struct vf *vf, u32 state)
{
	int ret = mig_set(vf_fd(vf), state, NULL);

	if (ret)
		fail(mig_name(state), ret);
}

static void save(struct bench *b)
{
	struct vf *from = b->net.guest.vf;
	int data_fd, ret;
	u64 start;

	timed_set(from, STEP_QUIESCE, VFIO_DEVICE_STATE_RUNNING_P2P, NULL);
	timed_set(from, STEP_STOP, VFIO_DEVICE_STATE_STOP, NULL);
	timed_set(from, STEP_SAVE, VFIO_DEVICE_STATE_STOP_COPY, &data_fd);
	b->stream.len = 0;
	start = now_ns();
	ret = mig_read(data_fd, &b->stream, 65536);
	steps[STEP_READ].ns = now_ns() - start;
	close(data_fd);
	if (ret)
		fail("read of the stream", ret);
}

static void load(struct bench *b)
{
	int data_fd, ret;
	u64 start;

	timed_set(b->there, STEP_RESUME, VFIO_DEVICE_STATE_RESUMING, &data_fd);
	start = now_ns();
	ret = mig_write(data_fd, b->stream.data, b->stream.len, MIG_CHUNK);
	steps[STEP_LOAD].ns = now_ns() - start;
	close(data_fd);
	if (ret)
		fail("write of the stream", ret);
	timed_set(b->there, STEP_LOADED, VFIO_DEVICE_STATE_STOP, NULL);
}

static void start(struct bench *b)
{
	timed_set(b->there, STEP_START, VFIO_DEVICE_STATE_RUNNING_P2P, NULL);
	timed_set(b->there, STEP_RUN, VFIO_DEVICE_STATE_RUNNING, NULL);
}

static long long count_messages(struct vf *vf)
{
	long long n = counter_read(vf->bdf, "mailbox_messages");

	if (n < 0)
		fail("the driver counts no messages in debugfs", 0);
	return n;
}

static void read_arcs(struct vf *vf, struct arcs *arcs)
{
	if (!arcs_read(vf->bdf, arcs))
		fail("the driver has no account of its arcs in debugfs", 0);
}

/*
 * Accesses that nobody traps or counts, through the mapped page: base address of a ring,
 * and head write-back, which is off and stays so.
 */
static void access_alone(struct bench *b, u64 *read_ns, u64 *write_ns)
{
	struct vf *vf = b->net.guest.vf;
	unsigned int i;
	u64 begin;

	begin = now_ns();
	for (i = 0; i < ACCESSES; i++)
		vf_read(vf, VF_TDBAL(1));
	*read_ns = (now_ns() - begin) / ACCESSES;
	begin = now_ns();
	for (i = 0; i < ACCESSES; i++)
		vf_write(vf, VF_TDWBAL(1), 0);
	*write_ns = (now_ns() - begin) / ACCESSES;
}

static void account(struct bench *b, u64 read_ns, u64 write_ns)
{
	u64 wall, mmio, alone;
	struct phase *phase;
	struct step *step;

	for (step = steps; step < steps + STEPS; step++) {
		sample_add(&step->us10, step->ns / 100);
		sample_add(&step->driver_us10, step->arc.total_ns / 100);
		sample_add(&step->mmio_us10, step->arc.mmio_ns / 100);
		sample_add(&step->reads, step->arc.reads);
		sample_add(&step->writes, step->arc.writes);
	}
	for (phase = phases; phase < phases + PHASES; phase++) {
		wall = 0;
		mmio = 0;
		alone = 0;
		for (step = steps + phase->first; step <= steps + phase->last; step++) {
			wall += step->ns;
			mmio += step->arc.mmio_ns;
			alone += step->arc.reads * read_ns + step->arc.writes * write_ns;
		}
		if (!mmio || !alone)
			fail("the driver counted no MMIO", 0);
		sample_add(&phase->us10, wall / 100);
		sample_add(&phase->mmio_us10, mmio / 100);
		sample_add(&phase->alone_us10, alone / 100);
		sample_add(&phase->ratio1000, wall * 1000 / mmio);
		sample_add(&phase->alone1000, wall * 1000 / alone);
	}
	sample_add(&b->bytes, b->stream.len);
	sample_add(&b->read_ns, read_ns);
	sample_add(&b->write_ns, write_ns);
}

static void count_arcs(const struct arcs *before, const struct arcs *after, unsigned int first,
		       unsigned int last)
{
	for (; first <= last; first++)
		steps[first].arc = arcs_delta(before, after, steps[first].from, steps[first].to);
}

/* The guest goes to the other VF, which has no past, and the one it leaves is cleared. */
static void swap(struct bench *b)
{
	struct vf *from = b->net.guest.vf;

	b->net.guest.vf = b->there;
	b->there = from;
	if (!testnet_exchange(&b->net, FRAMES)) {
		testnet_print(&b->net);
		fail("frames are missing after a migration", 0);
	}
	vf_reset(from);
	untimed_set(from, VFIO_DEVICE_STATE_STOP);
	vf_vmm_setup(from);
}

static void migrate(struct bench *b, bool measured)
{
	struct vf *from = b->net.guest.vf, *to = b->there;
	static struct arcs arcs[4];
	long long sent[4];
	u64 read_ns, write_ns;

	read_arcs(from, &arcs[0]);
	read_arcs(to, &arcs[2]);
	access_alone(b, &read_ns, &write_ns);
	timed_set(from, STEP_PRECOPY, VFIO_DEVICE_STATE_PRE_COPY, NULL);
	untimed_set(from, VFIO_DEVICE_STATE_RUNNING);
	sent[0] = count_messages(from);
	save(b);
	sent[1] = count_messages(from) - sent[0];
	sent[0] = count_messages(to);
	load(b);
	sent[2] = count_messages(to) - sent[0];
	start(b);
	sent[3] = count_messages(to) - sent[0] - sent[2];
	read_arcs(from, &arcs[1]);
	read_arcs(to, &arcs[3]);
	if (measured) {
		count_arcs(&arcs[0], &arcs[1], STEP_PRECOPY, STEP_SAVE);
		count_arcs(&arcs[2], &arcs[3], STEP_RESUME, STEP_RUN);
		sample_add(&phases[PHASE_SAVE].messages, sent[1]);
		sample_add(&phases[PHASE_LOAD].messages, sent[2]);
		sample_add(&phases[PHASE_START].messages, sent[3]);
		account(b, read_ns, write_ns);
	}
	swap(b);
}

static bool traced(void (*run)(struct bench *), struct bench *b, unsigned int phase)
{
	bool ok = allocations_begin();

	run(b);
	return ok && allocations_end(&phases[phase].allocations);
}

/* With tracing on, which takes time: the last of these rounds counts. */
static void trace(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < TRACED; i++) {
		b->traced = traced(save, b, PHASE_SAVE);
		b->traced &= traced(load, b, PHASE_LOAD);
		b->traced &= traced(start, b, PHASE_START);
		swap(b);
	}
}

static double us(const struct sample *sample)
{
	return sample_median(sample) / 10.0;
}

static void print_table(struct bench *b)
{
	const struct phase *phase;
	const struct step *step;

	printf("Medians of %u migrations; microseconds in an emulated machine\n\n", ROUNDS);
	printf("  %-24s %9s %9s %9s %6s %6s\n", "step", "user us", "driver us", "MMIO us", "reads",
	       "writes");
	for (step = steps; step < steps + STEPS; step++)
		printf("  %-24s %9.1f %9.1f %9.1f %6llu %6llu\n", step->name, us(&step->us10),
		       us(&step->driver_us10), us(&step->mmio_us10), sample_median(&step->reads),
		       sample_median(&step->writes));
	printf("\n  user: the time of the system call. driver: inside of it, by the driver's own\n"
	       "  account (\"arcs\" in debugfs). MMIO: of that, in the accesses to registers.\n\n");
	printf("  %-10s %9s %9s %9s %9s %9s %9s %7s %6s\n", "phase", "user us", "MMIO us", "ratio",
	       "alone us", "ratio", "messages", "objects", "pages");
	for (phase = phases; phase < phases + PHASES; phase++) {
		printf("  %-10s %9.1f %9.1f %9.2f %9.1f %9.2f %9llu", phase->name, us(&phase->us10),
		       us(&phase->mmio_us10), sample_median(&phase->ratio1000) / 1000.0,
		       us(&phase->alone_us10), sample_median(&phase->alone1000) / 1000.0,
		       sample_median(&phase->messages));
		if (b->traced)
			printf(" %7ld %6ld\n", phase->allocations.objects,
			       phase->allocations.pages);
		else
			printf(" %7s %6s\n", "-", "-");
	}
	printf("\n  save: RUNNING to the last byte of the stream. load: STOP to STOP, and waits\n"
	       "  for the PF to answer. start: STOP to RUNNING. alone: as many reads and writes,\n"
	       "  one after the other, through the mapped page right before (%llu and %llu ns\n"
	       "  each). Ratios are medians of those of each migration. messages: to the PF.\n"
	       "  objects, pages: allocations of the kernel%s.\n"
	       "  Stream: %llu bytes.\n\n", sample_median(&b->read_ns),
	       sample_median(&b->write_ns), b->traced ? "" : ", which has no trace events here",
	       sample_median(&b->bytes));
}

static void print_step_json(const struct step *step)
{
	printf("%s\"%s\": {\"user_us\": %.1f, \"driver_us\": %.1f, ", step == steps ? "" : ", ",
	       step->name, us(&step->us10), us(&step->driver_us10));
	printf("\"mmio_us\": %.1f, \"reads\": %llu, \"writes\": %llu}", us(&step->mmio_us10),
	       sample_median(&step->reads), sample_median(&step->writes));
}

static void print_json(struct bench *b)
{
	const struct phase *phase;
	const struct step *step;

	printf("@vmf json {\"bench\": \"state\", \"migrations\": %u, \"stream_bytes\": %llu, ",
	       ROUNDS, sample_median(&b->bytes));
	printf("\"read_ns\": %llu, \"write_ns\": %llu, \"steps\": {", sample_median(&b->read_ns),
	       sample_median(&b->write_ns));
	for (step = steps; step < steps + STEPS; step++)
		print_step_json(step);
	printf("}, \"phases\": {");
	for (phase = phases; phase < phases + PHASES; phase++) {
		printf("%s\"%s\": {\"user_us\": %.1f, \"user_us_p90\": %.1f, \"mmio_us\": %.1f, ",
		       phase == phases ? "" : ", ", phase->name, us(&phase->us10),
		       sample_at(&phase->us10, 90) / 10.0, us(&phase->mmio_us10));
		printf("\"alone_us\": %.1f, \"ratio_mmio\": %.3f, \"ratio_alone\": %.3f, ",
		       us(&phase->alone_us10), sample_median(&phase->ratio1000) / 1000.0,
		       sample_median(&phase->alone1000) / 1000.0);
		printf("\"messages\": %llu, ", sample_median(&phase->messages));
		if (b->traced)
			printf("\"objects\": %ld, \"pages\": %ld}", phase->allocations.objects,
			       phase->allocations.pages);
		else
			printf("\"objects\": null, \"pages\": null}");
	}
	printf("}}\n");
}

/* A guest with all that the PF can agree on, and both queues in use. */
static int guest_up(struct bench *b)
{
	static const u8 further[2][MAC_LEN] = {
		{ 0x02, 0x76, 0x6d, 0x66, 0x0e, 0x01 }, { 0x02, 0x76, 0x6d, 0x66, 0x0e, 0x02 },
	};
	static const u16 hashes[] = { 0x123, 0x456, 0x789 };
	struct vf *vf;
	int ret = testnet_open(&b->net, HERE, PEER);

	vf = b->net.guest.vf;
	ret = ret ? ret : vf_add_unicast(vf, further[0]);
	ret = ret ? ret : vf_add_unicast(vf, further[1]);
	ret = ret ? ret : vf_set_vlan(vf, 5, true);
	ret = ret ? ret : vf_set_vlan(vf, 100, true);
	ret = ret ? ret : vf_set_multicast(vf, hashes, ARRAY_SIZE(hashes));
	return ret ? ret : vf_set_max_frame(vf, 1522);
}

int main(void)
{
	static struct bench b;
	unsigned int i;
	int ret;

	setlinebuf(stdout);
	ret = guest_up(&b);
	if (ret)
		fail("the guest's driver does not come up", ret);
	b.there = vf_open(vf_bdf(THERE), &b.net.guest.ram);
	if (!b.there->pages[VF_PAGE_TX] || !b.net.guest.vf->pages[VF_PAGE_TX])
		fail("the driver offers no page to map", 0);
	untimed_set(b.there, VFIO_DEVICE_STATE_STOP);
	vf_vmm_setup(b.there);
	if (!testnet_exchange(&b.net, TESTNET_BURST))
		fail("frames are lost before any migration", 0);
	for (i = 0; i < WARM_UP + ROUNDS; i++)
		migrate(&b, i >= WARM_UP);
	trace(&b);
	print_table(&b);
	print_json(&b);
	mig_buf_free(&b.stream);
	vf_close(b.there);
	testnet_close(&b.net);
	return KSFT_PASS;
}
