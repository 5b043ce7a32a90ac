// SPDX-License-Identifier: GPL-2.0-only
/*
 * Migrations that are given up at the source, in every way that a VMM has, while
 * the guest talks to its peers.
 */
#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "migration.h"
#include "testnet.h"

#define ABORTS		100
/* Bytes; the middle of a stream. */
#define PIECE		700
#define PROGRESS_S	20

static const struct kind {
	const char *name;
	u32 states[3];
	/* How much is read of the stream, in the last of the states. */
	enum { NOTHING, A_PIECE, ALL } read;
} kinds[] = {
	{ "PRE_COPY, unread", { VFIO_DEVICE_STATE_PRE_COPY }, NOTHING },
	{ "STOP_COPY, unread", { VFIO_DEVICE_STATE_STOP_COPY }, NOTHING },
	{ "PRE_COPY, read", { VFIO_DEVICE_STATE_PRE_COPY }, ALL },
	{ "STOP_COPY, read in part", { VFIO_DEVICE_STATE_STOP_COPY }, A_PIECE },
	{ "PRE_COPY, then STOP_COPY, unread",
	  { VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_STOP_COPY }, NOTHING },
	{ "STOP_COPY, read", { VFIO_DEVICE_STATE_STOP_COPY }, ALL },
	{ "PRE_COPY, then STOP_COPY, read",
	  { VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_STOP_COPY }, ALL },
	{ "PRE_COPY_P2P",
	  { VFIO_DEVICE_STATE_PRE_COPY, VFIO_DEVICE_STATE_PRE_COPY_P2P }, NOTHING },
	{ "STOP_COPY, then STOP",
	  { VFIO_DEVICE_STATE_STOP_COPY, VFIO_DEVICE_STATE_STOP }, NOTHING },
	{ "RUNNING_P2P", { VFIO_DEVICE_STATE_RUNNING_P2P }, NOTHING },
	{ "STOP", { VFIO_DEVICE_STATE_STOP }, NOTHING },
};

/* Whoever has @world lets time pass for the guest and for those who send to it. */
struct background {
	struct testnet net;
	pthread_mutex_t world;
	pthread_t thread;
	bool frozen;	/* by the test */
	bool stop;
	bool failed;
	u32 rounds;	/* of bursts that have arrived everywhere */
};

static bool arrived(struct testnet *net)
{
	unsigned int path;

	for (path = 0; path < PATHS; path++)
		if (net->ledgers[path].received != net->ledgers[path].sent)
			return false;
	return true;
}

/* Bursts on all paths, a new one as soon as the last has arrived. */
static void *talk(void *arg)
{
	struct background *bg = arg;
	struct testnet *net = &bg->net;
	unsigned int path;
	u32 count;

	while (!__atomic_load_n(&bg->stop, __ATOMIC_RELAXED)) {
		pthread_mutex_lock(&bg->world);
		count = 1 + bg->rounds % TESTNET_BURST;
		for (path = 0; path < PATHS; path++)
			if (net->ledgers[path].received == net->ledgers[path].sent)
				bg->failed |= !testnet_send(net, path, count);
		pthread_mutex_unlock(&bg->world);
		/* Here the guest may be stopped, with all of that under way. */
		sched_yield();
		pthread_mutex_lock(&bg->world);
		testnet_collect(net, 0);
		if (arrived(net))
			__atomic_fetch_add(&bg->rounds, 1, __ATOMIC_RELAXED);
		pthread_mutex_unlock(&bg->world);
	}
	return NULL;
}

static void freeze(struct background *bg)
{
	if (!bg->frozen)
		pthread_mutex_lock(&bg->world);
	bg->frozen = true;
}

static void thaw(struct background *bg)
{
	if (bg->frozen)
		pthread_mutex_unlock(&bg->world);
	bg->frozen = false;
}

static int hush(struct background *bg)
{
	thaw(bg);
	if (bg->stop)
		return 0;
	__atomic_store_n(&bg->stop, true, __ATOMIC_RELAXED);
	return pthread_join(bg->thread, NULL);
}

FIXTURE(aborts)
{
	struct background bg;
};

FIXTURE_SETUP(aborts)
{
	struct background *bg = &self->bg;

	memset(bg, 0, sizeof(*bg));
	ASSERT_EQ(0, testnet_open(&bg->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&bg->net, TESTNET_BURST));
	ASSERT_EQ(0, pthread_mutex_init(&bg->world, NULL));
	ASSERT_EQ(0, pthread_create(&bg->thread, NULL, talk, bg));
}

FIXTURE_TEARDOWN(aborts)
{
	hush(&self->bg);
	if (!testnet_complete(&self->bg.net))
		testnet_print(&self->bg.net);
	testnet_close(&self->bg.net);
}

/* What the PF sends may be on its way; a frame that comes to a stopped guest is lost. */
static bool all_at_the_guest(struct testnet *net)
{
	u64 end = now_ns() + NIC_TIMEOUT_MS * 1000000ull;
	struct nic_rx_queue *rx = &net->guest.rx[0];
	u32 missing, there;

	missing = net->ledgers[PEER_TO_GUEST].sent - net->ledgers[PEER_TO_GUEST].received;
	missing += net->ledgers[PF_TO_GUEST].sent - net->ledgers[PF_TO_GUEST].received;
	do {
		for (there = 0; there < missing; there++) {
			union vf_rx_desc *desc = &rx->ring[(rx->next + there) % NIC_RX_RING];
			__le32 *status = &desc->wb.status_error;

			if (!(le32toh(__atomic_load_n(status, __ATOMIC_ACQUIRE)) & VF_RXD_DD))
				break;
		}
		if (there == missing)
			return true;
		usleep(100);
	} while (now_ns() < end);
	return false;
}

static bool stops_the_guest(u32 state)
{
	return state != VFIO_DEVICE_STATE_PRE_COPY;
}

/* Counters only go up, in every state. */
static void expect_statistics(struct __test_metadata *_metadata, struct vf *vf, u32 *last,
			      const char *when)
{
	u32 now[VF_COUNTERS];
	unsigned int i;

	vf_counters_read(vf, now);
	for (i = 0; i < VF_COUNTERS; i++) {
		EXPECT_LE(last[i], now[i]) {
			TH_LOG("%s: counter %#x went back", when, vf_counters[i]);
		}
		last[i] = now[i];
	}
}

static int read_stream(const struct kind *kind, u32 state, int data_fd)
{
	struct mig_buf buf = { 0 };
	u8 piece[PIECE];
	int ret = 0;

	if (kind->read == A_PIECE) {
		ret = read(data_fd, piece, sizeof(piece)) == sizeof(piece) ? 0 : -1;
	} else if (kind->read == ALL) {
		ret = mig_read(data_fd, &buf, MIG_CHUNK);
		/* In PRE_COPY the end is not the end. */
		if (state == VFIO_DEVICE_STATE_PRE_COPY)
			ret = ret == -ENOMSG ? 0 : -1;
	}
	mig_buf_free(&buf);
	return ret;
}

static void abort_once(struct __test_metadata *_metadata, struct background *bg,
		       const struct kind *kind, u32 *counters)
{
	struct vf *vf = bg->net.guest.vf;
	int fd = vf_fd(vf), data_fd = -1, new_fd;
	unsigned int i;
	u32 state = 0;

	for (i = 0; i < ARRAY_SIZE(kind->states) && kind->states[i]; i++) {
		state = kind->states[i];
		if (!bg->frozen && stops_the_guest(state)) {
			freeze(bg);
			ASSERT_TRUE(all_at_the_guest(&bg->net));
		}
		ASSERT_EQ(0, mig_set(fd, state, &new_fd)) {
			TH_LOG("%s", kind->name);
		}
		if (new_fd >= 0)
			data_fd = new_fd;
		expect_statistics(_metadata, vf, counters, mig_name(state));
	}
	EXPECT_EQ(0, read_stream(kind, state, data_fd)) {
		TH_LOG("%s", kind->name);
	}
	ASSERT_EQ(0, mig_set(fd, VFIO_DEVICE_STATE_RUNNING, NULL)) {
		TH_LOG("%s", kind->name);
	}
	expect_statistics(_metadata, vf, counters, "RUNNING");
	thaw(bg);
	if (data_fd >= 0)
		close(data_fd);
}

static bool goes_on(struct background *bg)
{
	u32 rounds = __atomic_load_n(&bg->rounds, __ATOMIC_RELAXED);
	u64 end = now_ns() + PROGRESS_S * 1000000000ull;

	/* The burst that was under way, and one that began since. */
	while (__atomic_load_n(&bg->rounds, __ATOMIC_RELAXED) - rounds < 2) {
		if (now_ns() > end)
			return false;
		usleep(500);
	}
	return true;
}

TEST_F_TIMEOUT(aborts, T20_hundred_aborts_under_traffic, 110)
{
	struct background *bg = &self->bg;
	struct testnet *net = &bg->net;
	u32 counters[VF_COUNTERS] = { 0 };
	unsigned int i;
	u64 start = now_ns();

	for (i = 0; i < ABORTS; i++) {
		abort_once(_metadata, bg, &kinds[i % ARRAY_SIZE(kinds)], counters);
		ASSERT_TRUE(goes_on(bg)) {
			TH_LOG("no traffic after abort %u, %s", i,
			       kinds[i % ARRAY_SIZE(kinds)].name);
		}
	}
	ASSERT_EQ(0, hush(bg));
	EXPECT_FALSE(bg->failed);
	ASSERT_TRUE(testnet_collect(net, NIC_TIMEOUT_MS));
	EXPECT_TRUE(testnet_complete(net));
	TH_LOG("%u aborts, %u bursts, %lu ms", i, bg->rounds, (now_ns() - start) / 1000000);

	/* The device counts the same frames. */
	EXPECT_EQ(net->ledgers[GUEST_TO_PEER].sent + net->ledgers[GUEST_TO_PF].sent,
		  vf_read(net->guest.vf, VF_GPTC));

	/* After all of that it moves. */
	ASSERT_EQ(0, testnet_migrate(net, 2, true));
	expect_statistics(_metadata, net->guest.vf, counters, "destination");
	ASSERT_TRUE(testnet_exchange(net, 3 * NIC_RX_RING));
}

TEST_HARNESS_MAIN
