// SPDX-License-Identifier: GPL-2.0-only
/*
 * The counters of the guest: exactly what its driver has sent and received, over
 * migrations that succeed, fail or are cancelled. igbvf adds 2^32 to its statistics
 * when one of them goes back: it must not, unless it has really wrapped.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "handshake.h"
#include "stream_edit.h"
#include "testnet.h"
#include "vf_request.h"

/* The device counts the frame check sequence, which the driver does not see. */
#define FCS_LEN		4
#define ROUNDS		4
#define WRAP		0x100000000ull
#define LOOKS		100

/* In the order of vf_counters[]. */
enum { GPRC, GPTC, GORC, GOTC, MPRC, GPRLBC, GPTLBC, GORLBC, GOTLBC };

static const u8 group[MAC_LEN] = { 0x01, 0x00, 0x5e, 0x12, 0x34, 0x56 };

/* UPDATE_VF_COUNTER of drivers/net/ethernet/intel/igbvf/netdev.c. */
struct driver_counter {
	u32 last;
	u64 value;
};

static void update(struct driver_counter *counter, u32 current)
{
	if (current < counter->last)
		counter->value += WRAP;
	counter->last = current;
	counter->value &= ~(WRAP - 1);
	counter->value |= current;
}

/* A guest, and what its counters have to be. */
struct counted {
	struct testnet net;
	struct ledger multicast;
	struct mig_buf stream;
	struct driver_counter driver[VF_COUNTERS];
	/* What they were when the totals of the guest were 0. */
	u64 base[VF_COUNTERS];
};

FIXTURE(statistics)
{
	struct counted counted;
};

static void set_target(const char *version)
{
	unsigned int i;

	for (i = 0; i < VF_MAX; i++)
		VFIO_ASSERT_EQ(format_set_target(vf_bdf(i), version), 0);
}

FIXTURE_SETUP(statistics)
{
	const u16 hash = vf_multicast_hash(group);

	memset(&self->counted, 0, sizeof(self->counted));
	set_target("2");
	ledger_init(&self->counted.multicast, 100);
	ASSERT_EQ(0, testnet_open(&self->counted.net, 0, 1));
	ASSERT_EQ(0, vf_set_multicast(self->counted.net.guest.vf, &hash, 1));
}

FIXTURE_TEARDOWN(statistics)
{
	testnet_close(&self->counted.net);
	mig_buf_free(&self->counted.stream);
	set_target("2");
}

/* What the driver says that it has sent and received. */
static void expected(struct counted *c, u64 *want)
{
	const struct nic_totals *t = &c->net.guest.totals;
	u64 totals[VF_COUNTERS] = {
		[GPRC] = t->received,
		[GPTC] = t->sent,
		[GORC] = t->received_bytes + FCS_LEN * t->received,
		[GOTC] = t->sent_bytes + FCS_LEN * t->sent,
		[MPRC] = t->received_multicast,
	};
	unsigned int i;

	for (i = 0; i < VF_COUNTERS; i++)
		want[i] = c->base[i] + totals[i];
}

/* All counters on @vf, with nothing received that the driver does not know of. */
static void read_settled(struct counted *c, struct vf *vf, u32 *values)
{
	struct nic *guest = &c->net.guest;
	unsigned int look;
	u64 received;

	/* The PF's own network stack may send at any time. */
	for (look = 0; look < LOOKS; look++) {
		nic_collect(guest, NULL, 0, 0);
		received = guest->totals.received;
		vf_counters_read(vf, values);
		nic_collect(guest, NULL, 0, 0);
		if (received == guest->totals.received)
			return;
	}
}

/* The counters on @vf are exact, and so is what igbvf makes of them. */
static void expect_exact(struct __test_metadata *_metadata, struct counted *c,
			 struct vf *vf, const char *when)
{
	u64 want[VF_COUNTERS];
	u32 values[VF_COUNTERS];
	unsigned int i;

	read_settled(c, vf, values);
	expected(c, want);
	for (i = 0; i < VF_COUNTERS; i++) {
		update(&c->driver[i], values[i]);
		EXPECT_EQ((u32)want[i], values[i]) {
			TH_LOG("%s: counter at %#x", when, vf_counters[i]);
		}
		EXPECT_EQ(want[i], c->driver[i].value) {
			TH_LOG("%s: counter at %#x, as igbvf adds it up", when, vf_counters[i]);
		}
	}
}

/* Frames on all paths, and multicast ones, and all of them are counted. */
static void exchange(struct __test_metadata *_metadata, struct counted *c, u32 count,
		     const char *when)
{
	struct ledger *list[] = { &c->multicast };

	ASSERT_TRUE(testnet_exchange(&c->net, count));
	ASSERT_TRUE(pf_send(&c->net.pf, &c->multicast, group, 3));
	ASSERT_TRUE(nic_collect(&c->net.guest, list, 1, NIC_TIMEOUT_MS));
	expect_exact(_metadata, c, c->net.guest.vf, when);
}

/* The stream of a guest that has stopped, and that goes on with what it has counted. */
static void save(struct __test_metadata *_metadata, struct counted *c)
{
	struct vf *vf = c->net.guest.vf;

	ASSERT_EQ(0, mig_save(vf_fd(vf), &c->stream));
	expect_exact(_metadata, c, vf, "in STOP_COPY");
}

static void cancel(struct __test_metadata *_metadata, struct counted *c)
{
	struct vf *vf = c->net.guest.vf;

	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING, NULL));
	expect_exact(_metadata, c, vf, "after a migration that was cancelled");
}

/* A destination that does not take the stream, and then has a good one. */
static void fail_load(struct __test_metadata *_metadata, struct counted *c,
		      unsigned int to)
{
	struct vf *vf = vf_open(vf_bdf(to), &c->net.guest.ram);
	struct mig_buf bad = { 0 };
	struct vmf_section s;

	mig_buf_copy(&bad, &c->stream);
	s = edit_section(&bad, VMF_FILTERS, 0);
	/* A multicast hash that is none. */
	vmf_put16(bad.data + s.payload, offsetof(struct vmf_igbvf_82576_filters, multicast),
		  0xffff);
	edit_fixup(&bad);
	EXPECT_EQ(-ERANGE, mig_load(vf_fd(vf), &bad));
	vf_reset(vf);
	ASSERT_EQ(0, mig_load(vf_fd(vf), &c->stream));
	expect_exact(_metadata, c, vf, "loaded after one that failed");
	vf_close(vf);
	mig_buf_free(&bad);
}

static void move(struct __test_metadata *_metadata, struct counted *c,
		 unsigned int to, bool precopy)
{
	struct vf *vf = testnet_arrive(&c->net, to, precopy, &c->stream);

	ASSERT_NE(NULL, vf);
	expect_exact(_metadata, c, vf, "arrived");
	ASSERT_EQ(0, testnet_depart(&c->net, vf));
	expect_exact(_metadata, c, vf, "gone on");
}

TEST_F_TIMEOUT(statistics, T24_exact_over_migrations, 100)
{
	static const unsigned int to[] = { 2, 3, 0 };
	unsigned int i;

	expect_exact(_metadata, &self->counted, self->counted.net.guest.vf, "at the start");
	for (i = 0; i < ROUNDS; i++) {
		exchange(_metadata, &self->counted, 7 + 5 * i, "before");
		save(_metadata, &self->counted);
		cancel(_metadata, &self->counted);
		exchange(_metadata, &self->counted, 3, "after one that was cancelled");
		save(_metadata, &self->counted);
		fail_load(_metadata, &self->counted, to[i % 3]);
		cancel(_metadata, &self->counted);
		exchange(_metadata, &self->counted, 3, "after one that failed");
		move(_metadata, &self->counted, to[i % 3], false);
		exchange(_metadata, &self->counted, 3, "after a migration");
		move(_metadata, &self->counted, to[(i + 1) % 3], true);
		exchange(_metadata, &self->counted, 3, "after a migration with PRE_COPY");
		move(_metadata, &self->counted, to[(i + 2) % 3], false);
	}
}

/* A reset by the guest's driver, as with "ip link set up", keeps them. */
TEST_F_TIMEOUT(statistics, T24_reset_by_the_guest, 60)
{
	const u16 hash = vf_multicast_hash(group);
	struct nic *guest = &self->counted.net.guest;

	exchange(_metadata, &self->counted, 7, "before");
	ASSERT_EQ(0, nic_up(guest, guest->vf));
	ASSERT_EQ(0, vf_set_multicast(guest->vf, &hash, 1));
	exchange(_metadata, &self->counted, 7, "after the reset");
	move(_metadata, &self->counted, 2, false);
	ASSERT_EQ(0, nic_up(guest, guest->vf));
	ASSERT_EQ(0, vf_set_multicast(guest->vf, &hash, 1));
	exchange(_metadata, &self->counted, 7, "after a reset on the destination");
	move(_metadata, &self->counted, 3, true);
	exchange(_metadata, &self->counted, 7, "after the last migration");
}

/* The state of a guest that has counted up to @from, loaded into VF @to, and run there. */
static void move_with_counters(struct __test_metadata *_metadata, struct counted *c,
			       unsigned int to, const u32 *from)
{
	struct vmf_section s;
	struct vf *vf;
	u64 want[VF_COUNTERS];
	unsigned int i;

	/* Only what is in the stream is left out if it is 0. */
	exchange(_metadata, c, 3, "before");
	ASSERT_EQ(0, mig_save(vf_fd(c->net.guest.vf), &c->stream));
	s = edit_section(&c->stream, VMF_STATISTICS, 0);
	expected(c, want);
	for (i = 0; i < VF_COUNTERS; i++) {
		vmf_put32(c->stream.data, s.payload + 4 * i, from[i]);
		c->base[i] += from[i] - want[i];
		c->driver[i] = (struct driver_counter){ from[i], from[i] };
	}
	edit_fixup(&c->stream);
	vf = testnet_land(&c->net, to, &c->stream);
	ASSERT_NE(NULL, vf);
	expect_exact(_metadata, c, vf, "arrived");
	ASSERT_EQ(0, testnet_depart(&c->net, vf));
}

/* The first four wrap in their time, and no migration makes it look like twice or never. */
TEST_F_TIMEOUT(statistics, T24_wrap_around, 100)
{
	static const u32 from[VF_COUNTERS] = {
		0xffffffff, 0xffffffe0, 0xffffc000, 0xffffffff, 0xfffffffd,
		0xffffffff, 0x80000000, 0x7fffffff, 1,
	};
	unsigned int i;

	move_with_counters(_metadata, &self->counted, 2, from);
	for (i = 0; i < ROUNDS; i++) {
		exchange(_metadata, &self->counted, 5, "on the way to the wrap");
		save(_metadata, &self->counted);
		cancel(_metadata, &self->counted);
		move(_metadata, &self->counted, i & 1 ? 2 : 3, i & 2);
	}
	for (i = 0; i < MPRC; i++)
		EXPECT_EQ(WRAP, self->counted.driver[i].value & WRAP) {
			TH_LOG("counter at %#x has not wrapped", vf_counters[i]);
		}
}

/* A stream of version 1 has no words for them: from 0 at each of its migrations. */
TEST_F_TIMEOUT(statistics, T24_version_1_starts_again, 100)
{
	static const unsigned int to[] = { 2, 0, 3 };
	u64 want[VF_COUNTERS];
	unsigned int i, k;
	struct vf *vf;

	for (i = 0; i < ARRAY_SIZE(to); i++) {
		exchange(_metadata, &self->counted, 7, "before");
		/* The source writes version 1 now and then: from it, to it, and past it. */
		set_target(i == 1 ? "2" : "1");
		if (i != 1) {
			expected(&self->counted, want);
			for (k = 0; k < VF_COUNTERS; k++)
				self->counted.base[k] -= want[k];
			memset(self->counted.driver, 0, sizeof(self->counted.driver));
		}
		vf = testnet_arrive(&self->counted.net, to[i], false, &self->counted.stream);
		ASSERT_NE(NULL, vf);
		expect_exact(_metadata, &self->counted, vf, i == 1 ? "version 2" : "version 1");
		ASSERT_EQ(0, testnet_depart(&self->counted.net, vf));
		exchange(_metadata, &self->counted, 7, "after");
	}
}

TEST_HARNESS_MAIN
