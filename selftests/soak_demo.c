// SPDX-License-Identifier: GPL-2.0-only
/*
 * The soak: a guest migrates to and fro between two VFs, many times, and nothing
 * grows: no frame is lost, no memory, no entry of the PF's tables, no time.
 *
 * SOAK_MIGRATIONS in the environment says how often.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "arcs.h"
#include "counters.h"
#include "host_usage.h"
#include "migration.h"
#include "testnet.h"
#include "vf_request.h"

#define HERE		0
#define PEER		1
#define THERE		2

#define DEFAULT		1000
#define WINDOW		100	/* warm-up, and what is compared at both ends */
#define REOPEN		10	/* each so many migrations the VF that was left is closed */
#define FRAMES		3
#define POLLS_MORE	125	/* per cent */
#define SLOWER_MAX	2	/* times: the machine may have other work at the end */
#define AVAILABLE_KIB	4096	/* less than this is noise */

/* What one has cost. */
struct migration {
	u64 ns;
	unsigned long long reads;	/* but for those of the load, */
	unsigned long long load_reads;	/* which polls the PF for its answers */
	unsigned long long writes;
	bool opened;	/* the destination, right before */
};

struct soak {
	struct testnet net;
	struct vf *there;
	bool opened;
	struct mig_buf stream;
	struct migration *migrations;
	unsigned int count;
	int failures;
};

/* The end of a soak is a number of things that are true. */
static void verdict(struct soak *s, bool ok, const char *what)
{
	printf("    %-4s %s\n", ok ? "ok" : "BAD", what);
	s->failures += !ok;
}

static void fail(const char *what, unsigned int i, int err)
{
	printf("\nsoak failed: migration %u: %s%s%s\n", i, what, err ? ": " : "",
	       err ? strerror(-err) : "");
	exit(KSFT_FAIL);
}

static void count_mmio(const char *bdf, struct migration *m, int sign)
{
	struct arcs arcs;
	int i;

	if (!arcs_read(bdf, &arcs))
		return;
	for (i = 0; i < arcs.n; i++) {
		if (!strcmp(arcs.arc[i].to, "LOAD"))
			m->load_reads += sign * arcs.arc[i].reads;
		else
			m->reads += sign * arcs.arc[i].reads;
		m->writes += sign * arcs.arc[i].writes;
	}
}

/*
 * One migration with PRE_COPY: frames on all paths before, and on two a doorbell that
 * the destination has to answer.
 */
static int migrate(struct soak *s, struct migration *m)
{
	struct vf *from = s->net.guest.vf, *to = s->there;
	int data_fd = -1, ret;
	u64 start;

	count_mmio(from->bdf, m, -1);
	count_mmio(to->bdf, m, -1);
	start = now_ns();
	s->stream.len = 0;
	ret = mig_set(vf_fd(from), VFIO_DEVICE_STATE_PRE_COPY, &data_fd);
	if (!ret && mig_read(data_fd, &s->stream, MIG_CHUNK) != -ENOMSG)
		ret = -EPROTO;
	m->ns += now_ns() - start;
	if (!ret && !testnet_exchange(&s->net, FRAMES))
		ret = -EPIPE;
	start = now_ns();
	if (!ret)
		ret = mig_set(vf_fd(from), VFIO_DEVICE_STATE_PRE_COPY_P2P, NULL);
	if (!ret && (!testnet_send(&s->net, GUEST_TO_PEER, 1) ||
		     !testnet_send(&s->net, GUEST_TO_PF, 1)))
		ret = -EPIPE;
	if (!ret)
		ret = mig_set(vf_fd(from), VFIO_DEVICE_STATE_STOP_COPY, NULL);
	if (!ret)
		ret = mig_read(data_fd, &s->stream, MIG_CHUNK);
	if (data_fd >= 0)
		close(data_fd);
	if (!ret)
		ret = mig_load(vf_fd(to), &s->stream);
	if (!ret) {
		vf_vmm_setup(to);
		ret = mig_set(vf_fd(to), VFIO_DEVICE_STATE_RUNNING, NULL);
	}
	m->ns += now_ns() - start;
	m->opened = s->opened;
	s->opened = false;
	count_mmio(from->bdf, m, 1);
	count_mmio(to->bdf, m, 1);
	s->net.guest.vf = to;
	s->there = from;
	return ret;
}

/* The VF that was left is closed, and has nothing then. */
static void reopen(struct soak *s)
{
	const char *left = s->there->bdf;

	vf_close(s->there);
	s->there = vf_open(left, &s->net.guest.ram);
	s->opened = true;
}

static void soak_one(struct soak *s, unsigned int i)
{
	int ret;

	ret = migrate(s, &s->migrations[i]);
	if (ret)
		fail("it does not come to its end", i, ret);
	if (!testnet_collect(&s->net, NIC_TIMEOUT_MS) || !testnet_exchange(&s->net, FRAMES)) {
		testnet_print(&s->net);
		fail("frames are missing", i, 0);
	}
	if (i % REOPEN == REOPEN - 1)
		reopen(s);
}

static int by_value(const void *a, const void *b)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x < y ? -1 : x > y;
}

static u64 median_ns(const struct migration *m, unsigned int n)
{
	u64 *sorted = calloc_assert(n, sizeof(*sorted)), median;
	unsigned int i;

	for (i = 0; i < n; i++)
		sorted[i] = m[i].ns;
	qsort(sorted, n, sizeof(*sorted), by_value);
	median = sorted[n / 2];
	free(sorted);
	return median;
}

/* By how many ns a migration takes longer than the one before, by least squares. */
static double drift_ns(const struct migration *m, unsigned int n)
{
	double x = (n - 1) / 2.0, y = 0, top = 0, bottom = 0;
	unsigned int i;

	for (i = 0; i < n; i++)
		y += (double)m[i].ns / n;
	for (i = 0; i < n; i++) {
		top += (i - x) * (m[i].ns - y);
		bottom += (i - x) * (i - x);
	}
	return bottom ? top / bottom : 0;
}

/*
 * Polls that are not answered at once come on top of the least. A destination that has
 * run a guest before is cleared first, one that was @opened anew is not.
 */
static struct migration least(const struct migration *m, unsigned int n, bool opened)
{
	struct migration least = { .reads = -1, .load_reads = -1, .writes = -1 };
	unsigned int i;

	for (i = 0; i < n; i++) {
		if (m[i].opened != opened)
			continue;
		if (m[i].reads < least.reads)
			least.reads = m[i].reads;
		if (m[i].load_reads < least.load_reads)
			least.load_reads = m[i].load_reads;
		if (m[i].writes < least.writes)
			least.writes = m[i].writes;
	}
	return least;
}

/* As often as before, but for the polls. */
static bool same_mmio(const struct migration *a, const struct migration *b)
{
	return a->reads && a->reads == b->reads && a->writes == b->writes &&
	       100 * b->load_reads <= POLLS_MORE * a->load_reads;
}

static void report(struct soak *s, const struct host_usage *before,
		   const struct host_usage *after, unsigned int room_before,
		   unsigned int room_after)
{
	unsigned int n = s->count - WINDOW, window = n < 2 * WINDOW ? n / 2 : WINDOW, i;
	const struct migration *m = s->migrations + WINDOW, *last = m + n - window;
	u64 median[2] = { median_ns(m, window), median_ns(last, window) };
	struct migration mmio[2] = { least(m, window, false), least(last, window, false) };
	struct migration anew[2] = { least(m, window, true), least(last, window, true) };
	unsigned long long sent = 0, lost = 0, twice = 0, damaged = 0;
	long growth, less = before->available_kib - after->available_kib, repeats;
	double drift = drift_ns(m, n);
	const char *name;

	for (i = 0; i < PATHS; i++) {
		sent += s->net.ledgers[i].sent;
		lost += ledger_lost(&s->net.ledgers[i]);
		twice += s->net.ledgers[i].duplicated;
		damaged += s->net.ledgers[i].damaged;
	}
	growth = host_usage_growth(before, after, &name);
	repeats = counter_read(s->net.guest.vf->bdf, "mailbox_repeats");

	printf("\n  %-34s %10s %10s\n", "of a migration", "first", "last");
	printf("  %-34s %10.1f %10.1f\n", "median time, us", median[0] / 1e3, median[1] / 1e3);
	printf("  %-34s %10llu %10llu\n", "MMIO reads but in the load", mmio[0].reads,
	       mmio[1].reads);
	printf("  %-34s %10llu %10llu\n", "MMIO reads in the load, least",
	       mmio[0].load_reads, mmio[1].load_reads);
	printf("  %-34s %10llu %10llu\n", "MMIO writes", mmio[0].writes, mmio[1].writes);
	printf("  %-34s %10llu %10llu\n", "... reads, to a VF opened anew", anew[0].reads,
	       anew[1].reads);
	printf("  %-34s %10llu %10llu\n", "... reads in the load, least", anew[0].load_reads,
	       anew[1].load_reads);
	printf("  %-34s %10llu %10llu\n", "... writes", anew[0].writes, anew[1].writes);
	printf("  (of %u migrations each, after %u others)\n", window, WINDOW);
	printf("\n  %-34s %10s %10s\n", "in all", "before", "after");
	printf("  %-34s %10u %10u\n", "unicast addresses the PF has left", room_before,
	       room_after);
	printf("  %-34s %10d %10d\n", "open files", before->fds, after->fds);
	printf("  %-34s %10d %10d\n", "entries in debugfs", before->debugfs, after->debugfs);
	printf("  %-34s %10ld %10ld\n", "memory available, KiB", before->available_kib,
	       after->available_kib);
	printf("  %-34s %10s %+10ld\n", "the slab cache that grew most", name, growth);
	printf("  drift %.3f us per migration, %llu frames, ", drift / 1e3, sent);
	printf("%ld messages to the PF repeated\n\n", repeats);

	verdict(s, !lost && !twice && !damaged, "no frame is lost, twice or damaged");
	verdict(s, same_mmio(&mmio[0], &mmio[1]) && same_mmio(&anew[0], &anew[1]),
		"the same MMIO at the end as at the beginning");
	verdict(s, median[1] <= SLOWER_MAX * median[0], "no slower at the end");
	verdict(s, room_before && room_before == room_after, "no entry of the PF's table is lost");
	verdict(s, before->fds == after->fds && before->debugfs == after->debugfs,
		"no open file, and nothing in debugfs, is left");
	if (before->nslabs)
		verdict(s, growth < (n < 400 ? 200 : n / 2),
			"no object of a slab cache for each migration");
	else
		printf("    skip this kernel has no /proc/slabinfo\n");
	verdict(s, less < AVAILABLE_KIB + (long)n * 2,
		"less than a page of memory for two migrations");
	/* For the runner, which keeps it. */
	printf("@vmf json {\"migrations\": %u, \"frames\": %llu, ", s->count, sent);
	printf("\"lost\": %llu, \"duplicated\": %llu, \"damaged\": %llu, ", lost, twice, damaged);
	printf("\"median_us\": [%.1f, %.1f], ", median[0] / 1e3, median[1] / 1e3);
	printf("\"drift_us\": %.4f, ", drift / 1e3);
	printf("\"mmio_reads\": [%llu, %llu], ", mmio[0].reads, mmio[1].reads);
	printf("\"mmio_load_reads\": [%llu, %llu], ", mmio[0].load_reads, mmio[1].load_reads);
	printf("\"mmio_writes\": [%llu, %llu], ", mmio[0].writes, mmio[1].writes);
	printf("\"unicast_room\": [%u, %u], ", room_before, room_after);
	printf("\"fds\": [%d, %d], ", before->fds, after->fds);
	printf("\"debugfs\": [%d, %d], ", before->debugfs, after->debugfs);
	printf("\"available_kib\": [%ld, %ld], ", before->available_kib, after->available_kib);
	printf("\"slab\": \"%s\", \"slab_growth\": %ld, ", name, growth);
	printf("\"mailbox_repeats\": %ld, \"failures\": %d}\n", repeats, s->failures);
}

int main(void)
{
	static const u8 further[2][MAC_LEN] = {
		{ 0x02, 0x76, 0x6d, 0x66, 0x0f, 0x01 }, { 0x02, 0x76, 0x6d, 0x66, 0x0f, 0x02 },
	};
	const char *count = getenv("SOAK_MIGRATIONS");
	static struct host_usage usage[2];
	unsigned int i, room[2] = { 0 };
	struct soak s = { 0 };
	int ret;

	s.count = count && *count ? strtoul(count, NULL, 0) : DEFAULT;
	if (s.count < WINDOW + 2) {
		printf("SOAK_MIGRATIONS has to be more than %u\n", WINDOW + 1);
		return KSFT_FAIL;
	}
	s.migrations = calloc_assert(s.count, sizeof(*s.migrations));
	ret = testnet_open(&s.net, HERE, PEER);
	for (i = 0; i < ARRAY_SIZE(further) && !ret; i++)
		ret = vf_add_unicast(s.net.guest.vf, further[i]);
	if (ret)
		fail("the guest's driver does not come up", 0, ret);
	s.there = vf_open(vf_bdf(THERE), &s.net.guest.ram);
	s.opened = true;
	printf("soak: %u migrations with PRE_COPY between %s and %s\n", s.count, vf_bdf(HERE),
	       vf_bdf(THERE));
	for (i = 0; i < s.count; i++) {
		/* As at the end. */
		if (i == WINDOW) {
			reopen(&s);
			room[0] = vf_unicast_room(s.net.peer.vf);
			host_usage_read(&usage[0]);
		}
		soak_one(&s, i);
	}
	reopen(&s);
	room[1] = vf_unicast_room(s.net.peer.vf);
	host_usage_read(&usage[1]);
	report(&s, &usage[0], &usage[1], room[0], room[1]);
	vf_close(s.there);
	testnet_close(&s.net);
	printf("soak %s: %u migrations\n", s.failures ? "FAILED" : "passed", s.count);
	return s.failures ? KSFT_FAIL : KSFT_PASS;
}
