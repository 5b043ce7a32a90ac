// SPDX-License-Identifier: GPL-2.0-only
/*
 * What logging of DMA costs: a report, by the pages in it and the size of the ring; the
 * doorbell and the frames per second while it is on; and how many of the pages that are
 * reported were written to. Prints tables, and a line of JSON for the runner.
 */
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/compiler.h>
#include <linux/types.h>

#include <libvfio.h>

#include "log_lab.h"
#include "sample.h"

#define REPORTS		50
#define WARM_UP		3	/* an emulator translates code when it runs first */
#define RAM_SIZE	(16 * 1024 * 1024)
#define RING_AREA	(4096 * sizeof(union vf_rx_desc))
#define POOL_PAGES	3072
#define SHORT_FRAME	60
#define DOORBELL	16	/* slots: as often as igbvf rings it */
#define BLOCKS		30	/* with and without logging, of each kind */
#define BLOCK_FRAMES	240

static const u32 ring_sizes[] = { 64, 256, 1024, 4096 };
static const u32 page_counts[] = { 0, 1, 16, 256, 1024 };

/* Traffic whose reports are compared with what has really changed. */
static struct precision {
	u32 slots;
	size_t ram;
	unsigned int rounds;
	u32 frames;	/* in a round, at most */
	u64 changed;
	u64 reported;
} precisions[] = {
	{ .slots = 64, .ram = LOG_LAB_RAM, .rounds = 150, .frames = 16 },
	{ .slots = 1024, .ram = 4 * LOG_LAB_RAM, .rounds = 40, .frames = 240 },
};

/* Off, and on. */
struct path {
	struct sample one_ns;	/* doorbell for one slot, */
	struct sample many_ns;	/* and for DOORBELL of them */
	struct sample frame_ns;
};

struct bench {
	struct log_lab lab;
	u8 *pool;
	u32 page;	/* of the pool, to be posted next */
	struct sample nothing_ns;
	struct sample start_ns;
	struct sample stop_ns;
	struct sample report_ns[ARRAY_SIZE(ring_sizes)][ARRAY_SIZE(page_counts)];
	struct path path[2];
};

static void fail(const char *what, int err)
{
	printf("\nlogging_bench failed: %s%s%s\n", what, err ? ": " : "",
	       err ? strerror(-err) : "");
	exit(KSFT_FAIL);
}

static void check(const char *what, int err)
{
	if (err)
		fail(what, err);
}

static void open_lab(struct log_lab *lab, size_t ram)
{
	check("the guest's driver does not come up",
	      log_lab_open(lab, vf_default_iommu_mode(), ram));
}

/*
 * A ring larger than those of the tests: it takes the beginning of the buffers, and what
 * is left is the pool. A guest takes a new buffer for each slot, and here each has a page
 * of its own, so that frames and pages are the same number.
 */
static void setup_ring(struct bench *b, u32 slots)
{
	struct ring_guest *guest = &b->lab.guest;
	struct ring_shape shape = ring_shape_usual;

	shape.slots = slots;
	guest->rx_area = (void *)guest->bufs;
	ring_guest_setup(guest, &shape, true);
	b->pool = guest->bufs + RING_AREA;
	b->page = 0;
}

static u64 pool_iova(struct bench *b)
{
	return guest_ram_iova(&b->lab.guest.ram, b->pool);
}

static u32 room(const struct ring_guest *guest)
{
	return (guest->next + guest->shape.slots - guest->tail - 1) % guest->shape.slots;
}

/* Fill @count slots, which are free, and ring once; how long the doorbell took. */
static u64 post(struct bench *b, u32 count)
{
	struct ring_guest *guest = &b->lab.guest;
	u64 begin;
	u32 i;

	for (i = 0; i < count; i++) {
		union vf_rx_desc *desc = &guest->rx[guest->tail];

		desc->read.pkt_addr = htole64(pool_iova(b) + b->page * DMA_LOG_PAGE);
		desc->read.hdr_addr = 0;
		b->page = (b->page + 1) % POOL_PAGES;
		guest->tail = (guest->tail + 1) % guest->shape.slots;
	}
	begin = now_ns();
	vf_write(guest->vf, VF_RDT(0), guest->tail);
	return now_ns() - begin;
}

static void receive(struct bench *b, u32 count)
{
	struct ring_guest *guest = &b->lab.guest;
	u32 want = guest->frames + count;

	if (!log_lab_receive(&b->lab, count))
		fail("the peer does not send", 0);
	ring_guest_clean(guest);
	if (guest->frames != want)
		fail("frames do not arrive", 0);
}

static void log_start(struct bench *b)
{
	u64 begin = now_ns();

	check("start of logging", dma_log_start_simple(log_lab_fd(&b->lab), pool_iova(b),
						       POOL_PAGES * DMA_LOG_PAGE));
	sample_add(&b->start_ns, now_ns() - begin);
}

static void log_stop(struct bench *b)
{
	u64 begin = now_ns();

	check("stop of logging", dma_log_stop(log_lab_fd(&b->lab)));
	sample_add(&b->stop_ns, now_ns() - begin);
}

/* One report, in which @pages have to be. */
static u64 report(struct bench *b, u32 pages)
{
	static struct dma_bitmap bitmap;
	u64 begin, took;

	memset(&bitmap, 0, sizeof(bitmap));
	begin = now_ns();
	check("report", dma_log_report(log_lab_fd(&b->lab), pool_iova(b),
				       POOL_PAGES * DMA_LOG_PAGE, DMA_LOG_PAGE, &bitmap));
	took = now_ns() - begin;
	if (dma_bitmap_count(&bitmap) != pages) {
		printf("%u pages are reported, and not %u\n", dma_bitmap_count(&bitmap), pages);
		fail("this is not what was to be measured", 0);
	}
	return took;
}

/* What any such call costs: it is asked whether there is logging. */
static void measure_nothing(struct bench *b)
{
	u64 begin = now_ns();

	check("probe", dma_log_probe(log_lab_fd(&b->lab)));
	sample_add(&b->nothing_ns, now_ns() - begin);
}

static void measure_reports(struct bench *b, unsigned int ring)
{
	unsigned int round, i;
	u32 left, burst;
	u64 took;

	setup_ring(b, ring_sizes[ring]);
	post(b, ring_sizes[ring] - 1);
	log_start(b);
	for (round = 0; round < WARM_UP + REPORTS; round++) {
		for (i = 0; i < ARRAY_SIZE(page_counts); i++) {
			for (left = page_counts[i]; left; left -= burst) {
				burst = left < LOG_LAB_BURST ? left : LOG_LAB_BURST;
				receive(b, burst);
				post(b, room(&b->lab.guest));
			}
			took = report(b, page_counts[i]);
			if (round >= WARM_UP)
				sample_add(&b->report_ns[ring][i], took);
		}
		measure_nothing(b);
	}
	log_stop(b);
}

/* Frames in bursts, and doorbells for @slots at a time. */
static void run_block(struct bench *b, struct path *path, u32 slots, bool measured)
{
	u64 begin = now_ns(), took;
	unsigned int i, n;

	for (i = 0; i < BLOCK_FRAMES / DOORBELL; i++) {
		receive(b, DOORBELL);
		for (n = 0; n < DOORBELL; n += slots) {
			took = post(b, slots);
			if (measured && n == 0)
				sample_add(slots == 1 ? &path->one_ns : &path->many_ns, took);
		}
	}
	if (measured && slots == DOORBELL)
		sample_add(&path->frame_ns, (now_ns() - begin) / BLOCK_FRAMES);
}

static void measure_path(struct bench *b)
{
	unsigned int i, on;

	setup_ring(b, 256);
	post(b, 255);
	for (i = 0; i < WARM_UP + BLOCKS; i++) {
		for (on = 0; on < 2; on++) {
			if (on)
				log_start(b);
			/* What starting and stopping leave to be done is not the doorbell's. */
			run_block(b, &b->path[on], DOORBELL, false);
			run_block(b, &b->path[on], DOORBELL, i >= WARM_UP);
			run_block(b, &b->path[on], 1, i >= WARM_UP);
			if (on)
				log_stop(b);
		}
	}
}

/* As in dma_oracle_test: buffers of 2 KiB side by side, frames of all lengths. */
static void measure_precision(struct precision *p)
{
	struct ring_shape shape = ring_shape_usual;
	struct log_lab lab;
	unsigned int i;
	u32 left, burst;

	open_lab(&lab, p->ram);
	shape.slots = p->slots;
	ring_guest_setup(&lab.guest, &shape, true);
	ring_guest_setup_tx(&lab.guest, 16, false);
	check("start of logging", log_lab_start(&lab));
	for (i = 0; i < p->rounds; i++) {
		for (left = 1 + random() % p->frames; left; left -= burst) {
			burst = left < DOORBELL ? left : DOORBELL;
			ring_guest_clean(&lab.guest);
			ring_guest_post(&lab.guest, i ? DOORBELL : p->slots);
			if (!log_lab_receive(&lab, burst))
				fail("the peer does not send", 0);
		}
		if (i % 4 == 0)
			ring_guest_transmit(&lab.guest, lab.peer.mac, 1 + random() % 8, true);
		if (log_lab_check(&lab))
			fail("a page is missing from a report", 0);
	}
	p->changed = lab.guest.oracle.sum_changed;
	p->reported = lab.guest.oracle.sum_reported;
	if (!p->changed)
		fail("nothing was written", 0);
	log_lab_close(&lab);
}

static double us(const struct sample *sample)
{
	return sample_median(sample) / 1e3;
}

static double per_second(const struct path *path)
{
	return 1e9 / sample_median(&path->frame_ns);
}

static double ratio(const struct sample *on, const struct sample *off)
{
	return (double)sample_median(on) / sample_median(off);
}

static void print_tables(struct bench *b)
{
	const struct path *off = &b->path[0], *on = &b->path[1];
	const struct precision *p;
	unsigned int ring, i;

	printf("A report, in us: median of %u; pages that are reported, by slots of the ring\n\n",
	       REPORTS);
	printf("  %12s", "slots");
	for (i = 0; i < ARRAY_SIZE(page_counts); i++)
		printf(" %8u p.", page_counts[i]);
	for (ring = 0; ring < ARRAY_SIZE(ring_sizes); ring++) {
		printf("\n  %12u", ring_sizes[ring]);
		for (i = 0; i < ARRAY_SIZE(page_counts); i++)
			printf(" %11.1f", us(&b->report_ns[ring][i]));
	}
	printf("\n\n  Of %u pages that are logged, in one call. A call for nothing: %.1f us,\n"
	       "  start of logging %.1f us, stop %.1f us.\n\n", POOL_PAGES, us(&b->nothing_ns),
	       us(&b->start_ns), us(&b->stop_ns));

	printf("  %-34s %10s %10s %7s\n", "data path, ring of 256", "off", "on", "ratio");
	printf("  %-34s %10.1f %10.1f %7.2f\n", "write to RDT for 1 slot, us", us(&off->one_ns),
	       us(&on->one_ns), ratio(&on->one_ns, &off->one_ns));
	printf("  %-34s %10.1f %10.1f %7.2f\n", "write to RDT for 16 slots, us",
	       us(&off->many_ns), us(&on->many_ns), ratio(&on->many_ns, &off->many_ns));
	printf("  %-34s %10.0f %10.0f %7.3f\n", "frames of 60 bytes per second", per_second(off),
	       per_second(on), per_second(on) / per_second(off));
	printf("\n  Blocks of %u frames without and with logging by turns, medians of %u each.\n"
	       "  A frame has the time of its sender, too: both share the emulated machine.\n\n",
	       BLOCK_FRAMES, BLOCKS);

	printf("  %-34s %10s %10s %7s\n", "precision, ring of", "changed", "reported", "pages");
	for (p = precisions; p < precisions + ARRAY_SIZE(precisions); p++)
		printf("  %-34u %10llu %10llu %6.1f%%\n", p->slots, (unsigned long long)p->changed,
		       (unsigned long long)p->reported, 100.0 * p->changed / p->reported);
	printf("\n");
}

static void print_json(struct bench *b)
{
	const struct path *off = &b->path[0], *on = &b->path[1];
	const struct precision *p;
	unsigned int ring, i;

	printf("@vmf json {\"bench\": \"logging\", \"offered\": true, \"reports\": %u, ", REPORTS);
	printf("\"logged_pages\": %u, \"report_us\": {", POOL_PAGES);
	for (ring = 0; ring < ARRAY_SIZE(ring_sizes); ring++) {
		printf("%s\"%u\": {", ring ? ", " : "", ring_sizes[ring]);
		for (i = 0; i < ARRAY_SIZE(page_counts); i++)
			printf("%s\"%u\": %.1f", i ? ", " : "", page_counts[i],
			       us(&b->report_ns[ring][i]));
		printf("}");
	}
	printf("}, \"nothing_us\": %.1f, \"start_us\": %.1f, \"stop_us\": %.1f, ",
	       us(&b->nothing_ns), us(&b->start_ns), us(&b->stop_ns));
	printf("\"doorbell_1_us\": [%.1f, %.1f], \"doorbell_1_ratio\": %.3f, ", us(&off->one_ns),
	       us(&on->one_ns), ratio(&on->one_ns, &off->one_ns));
	printf("\"doorbell_16_us\": [%.1f, %.1f], \"doorbell_16_ratio\": %.3f, ",
	       us(&off->many_ns), us(&on->many_ns), ratio(&on->many_ns, &off->many_ns));
	printf("\"frames_per_second\": [%.0f, %.0f], \"frames_ratio\": %.4f, ", per_second(off),
	       per_second(on), per_second(on) / per_second(off));
	printf("\"precision\": {");
	for (p = precisions; p < precisions + ARRAY_SIZE(precisions); p++)
		printf("%s\"%u\": %.4f", p == precisions ? "" : ", ", p->slots,
		       (double)p->changed / p->reported);
	printf("}}\n");
}

static void not_offered(void)
{
	printf("This kernel does not offer logging of DMA, as it cannot report what a device has\n"
	       "written to (no CONFIG_IOMMUFD): there is nothing to measure.\n");
	printf("@vmf json {\"bench\": \"logging\", \"offered\": false}\n");
}

int main(void)
{
	static struct bench b;
	unsigned int i;

	setlinebuf(stdout);
	srandom(82576);
	/* Bitmaps of dirty pages come with iommufd, whatever the device is opened through. */
	if (access("/dev/iommu", F_OK)) {
		not_offered();
		return KSFT_PASS;
	}
	open_lab(&b.lab, RAM_SIZE);
	ledger_init_lengths(&b.lab.ledger, 8, SHORT_FRAME, SHORT_FRAME);
	for (i = 0; i < ARRAY_SIZE(ring_sizes); i++)
		measure_reports(&b, i);
	measure_path(&b);
	log_lab_close(&b.lab);
	for (i = 0; i < ARRAY_SIZE(precisions); i++)
		measure_precision(&precisions[i]);
	print_tables(&b);
	print_json(&b);
	return KSFT_PASS;
}
