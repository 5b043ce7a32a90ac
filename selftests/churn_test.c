// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers and writers of migration_format/ and last_error while functions are
 * bound, opened, migrated, reset and unbound.
 */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "binding.h"
#include "handshake.h"
#include "igbvf_device.h"
#include "vf_request.h"
#include "vmf_stream.h"

#define CHURN_S		10
#define ROUNDS_MIN	3

static const u8 guest_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x0a };
static const u8 other_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x01, 0x0a };

struct churn {
	const char *bdf;
	struct mig_buf good;
	struct mig_buf bad;
	atomic_bool stop;
};

struct member {
	struct churn *churn;
	pthread_t thread;
	unsigned long good;
	unsigned long gone;
	int unexpected;
};

/* An answer, or that there is nobody to ask at the moment. */
static void note(struct member *m, int ret, int want)
{
	if (ret == want)
		m->good++;
	else if (ret == -ENOENT || ret == -ENODEV)
		m->gone++;
	else
		m->unexpected = ret ? ret : -EPROTO;
	sched_yield();
}

static void *read_descriptor(void *arg)
{
	struct member *m = arg;
	struct mig_buf buf = { 0 };
	int ret;

	while (!atomic_load(&m->churn->stop)) {
		ret = format_descriptor(m->churn->bdf, &buf);
		/* Whole, or not at all. */
		if (!ret && vmf_initial_len(buf.data, buf.len) != buf.len)
			ret = -EBADMSG;
		/* The guest uses what the target version has no words for. */
		note(m, ret == -EOPNOTSUPP ? 0 : ret, 0);
	}
	mig_buf_free(&buf);
	return NULL;
}

static void *check_good(void *arg)
{
	struct member *m = arg;

	while (!atomic_load(&m->churn->stop))
		note(m, format_check(m->churn->bdf, m->churn->good.data, m->churn->good.len), 0);
	return NULL;
}

static void *check_bad(void *arg)
{
	struct member *m = arg;

	while (!atomic_load(&m->churn->stop))
		note(m, format_check(m->churn->bdf, m->churn->bad.data, m->churn->bad.len),
		     -EBADMSG);
	return NULL;
}

static void *change_target(void *arg)
{
	struct member *m = arg;
	char text[FORMAT_TEXT_MAX];
	unsigned int i = 0;
	int ret;

	while (!atomic_load(&m->churn->stop)) {
		ret = format_set_target(m->churn->bdf, i++ & 1 ? "1" : "2");
		if (!ret)
			ret = format_target(m->churn->bdf, text, sizeof(text));
		note(m, ret, 0);
		usleep(1000);
	}
	return NULL;
}

static void *last_error_reader(void *arg)
{
	struct member *m = arg;
	char text[FORMAT_TEXT_MAX];

	while (!atomic_load(&m->churn->stop))
		note(m, read_last_error(m->churn->bdf, text, sizeof(text)) ? 0 : -ENOENT, 0);
	return NULL;
}

/* One life of a function, from bound to unbound. */
static int live(struct churn *churn)
{
	struct mig_buf buf = { 0 };
	struct vf *vf;
	int ret, data_fd;

	if (!bind_driver(churn->bdf, driver_name()))
		return -ENODEV;
	vf = vf_open(churn->bdf, NULL);
	ret = vf_join(vf, guest_mac);
	if (!ret)
		ret = vf_add_unicast(vf, other_mac);
	if (!ret)
		ret = mig_set(vf_fd(vf), VFIO_DEVICE_STATE_PRE_COPY, &data_fd);
	if (!ret) {
		ret = mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP_COPY, NULL);
		close(data_fd);
	}
	/* For version 1: the answer of a source that has no words for its state. */
	if (ret == -EOPNOTSUPP)
		ret = 0;
	vf_reset(vf);
	if (!ret)
		ret = mig_save(vf_fd(vf), &buf);
	if (!ret)
		ret = mig_load(vf_fd(vf), &buf);
	mig_buf_free(&buf);
	vf_close(vf);
	return ret ? ret : unbind_driver(churn->bdf);
}

TEST(handshake_under_churn)
{
	static void *(* const what[])(void *) = {
		read_descriptor, check_good, check_bad, change_target, last_error_reader,
	};
	struct member members[ARRAY_SIZE(what)] = { 0 };
	struct churn churn = { .bdf = vf_bdf(3) };
	unsigned int i, rounds = 0;
	struct timespec start, now;
	int ret = 0;

	ASSERT_EQ(0, format_descriptor(churn.bdf, &churn.good));
	mig_buf_copy(&churn.bad, &churn.good);
	churn.bad.data[churn.bad.len - 1] ^= 1;
	for (i = 0; i < ARRAY_SIZE(what); i++) {
		members[i].churn = &churn;
		ASSERT_EQ(0, pthread_create(&members[i].thread, NULL, what[i], &members[i]));
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		ret = live(&churn);
		rounds++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!ret && (now.tv_sec - start.tv_sec < CHURN_S || rounds < ROUNDS_MIN));
	atomic_store(&churn.stop, true);
	for (i = 0; i < ARRAY_SIZE(what); i++) {
		ASSERT_EQ(0, pthread_join(members[i].thread, NULL));
		EXPECT_EQ(0, members[i].unexpected) {
			TH_LOG("thread %u: %s", i, strerror(-members[i].unexpected));
		}
		EXPECT_LT(0, members[i].good);
		TH_LOG("thread %u: %lu answers, %lu times gone", i, members[i].good,
		       members[i].gone);
	}
	EXPECT_EQ(0, ret);
	TH_LOG("%u rounds", rounds);
	EXPECT_TRUE(bind_driver(churn.bdf, driver_name()));
	EXPECT_EQ(0, format_check(churn.bdf, churn.good.data, churn.good.len));
	mig_buf_free(&churn.good);
	mig_buf_free(&churn.bad);
}

TEST_HARNESS_MAIN
