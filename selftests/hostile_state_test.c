// SPDX-License-Identifier: GPL-2.0-only
/*
 * Streams of which everything is right but the state: values at the borders of
 * each field and beyond, and random ones. A destination refuses them before it has
 * touched anything, or has exactly that state then, with all queues off.
 */
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "handshake.h"
#include "state_mutate.h"
#include "state_rules.h"
#include "stream_edit.h"
#include "testnet.h"
#include "traces.h"
#include "vf_request.h"

#define SEED		0x82576u
#define CASES		2080
#define VID		100

#define IN_FILTERS(_f)	offsetof(struct vmf_igbvf_82576_filters, _f)
#define IN_UNICAST(_f)	offsetof(struct vmf_igbvf_82576_unicast, _f)

static const u8 guest_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x0a };

/* A guest that uses all that a stream has words for. Its VF is free again then. */
static void make_good(struct mig_buf *good)
{
	const u16 hashes[] = { 0x123, 0x563 };
	u8 further[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x01, 0x0a };
	struct ledger ledger;
	struct nic guest;
	struct vf *vf;

	nic_init(&guest, guest_mac);
	vf = vf_open(vf_bdf(0), &guest.ram);
	VFIO_ASSERT_EQ(nic_up(&guest, vf), 0);
	VFIO_ASSERT_EQ(vf_set_vlan(vf, VID, true), 0);
	VFIO_ASSERT_EQ(vf_set_multicast(vf, hashes, ARRAY_SIZE(hashes)), 0);
	VFIO_ASSERT_EQ(vf_set_max_frame(vf, 1522), 0);
	VFIO_ASSERT_EQ(vf_add_unicast(vf, further), 0);
	further[5]++;
	VFIO_ASSERT_EQ(vf_add_unicast(vf, further), 0);
	ledger_init(&ledger, 100);
	VFIO_ASSERT_TRUE(nic_send(&guest, 0, &ledger, guest_mac, 3));
	VFIO_ASSERT_TRUE(nic_drain(&guest, 0, NIC_TIMEOUT_MS));
	VFIO_ASSERT_EQ(mig_save(vf_fd(vf), good), 0);
	vf_close(vf);
	nic_free(&guest);
}

struct fuzzer {
	pthread_t thread;
	const struct mig_buf *good;
	unsigned int first;
	unsigned int loaded;
	unsigned int refused;
	unsigned int failed;
};

static void failed(struct fuzzer *f, unsigned int n, const char *what, const char *why)
{
	/* The first ones will do. */
	if (f->failed++ < 8)
		printf("# T25: case %u, %s: %s\n", n, what, why);
}

static const char *check_refused(struct vf *vf, const struct state_verdict *v, int ret)
{
	static __thread char why[FORMAT_TEXT_MAX + 64];
	char text[FORMAT_TEXT_MAX];
	unsigned int i;

	if (ret != -v->err) {
		snprintf(why, sizeof(why), "%s instead of %s about %s", strerror(-ret),
			 strerror(v->err), v->fields[0]);
		return why;
	}
	if (!read_last_error(vf->bdf, text, sizeof(text)))
		return NULL;
	for (i = 0; i < ARRAY_SIZE(v->fields); i++)
		if (v->fields[i] && strstr(text, v->fields[i]))
			return NULL;
	snprintf(why, sizeof(why), "\"%s\" does not name %s", text, v->fields[0]);
	return why;
}

/* All of the stream is there, and nothing of it runs. */
static const char *check_loaded(struct vf *vf, struct mig_buf *s, struct mig_buf *again)
{
	unsigned int q;

	if (mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP, NULL))
		return "loaded, and does not stop";
	/* What is read is in the register. */
	for (q = 0; q < VF_QUEUES && vf_shows_device(vf, VF_PAGE_TX); q++) {
		if (vf_read(vf, VF_TXDCTL(q)) & VF_QUEUE_ENABLE)
			return "a transmit queue is on";
		if (vf_read(vf, VF_TDT(q)) != vf_read(vf, VF_TDH(q)))
			return "a transmit tail is not parked";
	}
	if (mig_save(vf_fd(vf), again))
		return "loaded, and cannot be saved";
	state_settle(s);
	return mig_buf_equal(s, again) ? NULL : "another state is saved than was loaded";
}

static void try_case(struct fuzzer *f, struct vf *vf, unsigned int n, struct mig_buf *s,
		     struct mig_buf *again)
{
	struct traces before, after;
	struct state_verdict v;
	char what[96];
	const char *why;
	int fd, ret;

	state_mutate(f->good, SEED, n, s, what, sizeof(what));
	v = state_judge(s);
	ret = mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RESUMING, &fd);
	if (ret) {
		failed(f, n, what, "no RESUMING");
		return;
	}
	if (v.err)
		traces_read(vf, &before);
	ret = mig_write(fd, s->data, s->len, MIG_CHUNK);
	if (!v.err) {
		why = ret ? strerror(-ret) : check_loaded(vf, s, again);
		f->loaded++;
	} else {
		why = check_refused(vf, &v, ret);
		traces_read(vf, &after);
		if (!why)
			why = traces_differ(&before, &after);
		f->refused++;
	}
	if (why)
		failed(f, n, what, why);
	/* Nothing else leads out of a refusal. */
	if (ret)
		vf_reset(vf);
	close(fd);
}

static void *fuzz(void *arg)
{
	struct mig_buf s = { 0 }, again = { 0 };
	struct fuzzer *f = arg;
	struct vf *vf = vf_open(vf_bdf(f->first), NULL);
	unsigned int n;

	for (n = f->first; n < CASES; n += VF_MAX)
		try_case(f, vf, n, &s, &again);
	mig_buf_free(&s);
	mig_buf_free(&again);
	vf_close(vf);
	return NULL;
}

FIXTURE(hostile_state)
{
	struct mig_buf good;
};

FIXTURE_SETUP(hostile_state)
{
	self->good = (struct mig_buf){ 0 };
	make_good(&self->good);
	ASSERT_EQ(0, state_judge(&self->good).err);
}

FIXTURE_TEARDOWN(hostile_state)
{
	mig_buf_free(&self->good);
}

/* Most of the time of a refusal is the reset after it: a thread for each function. */
TEST_F_TIMEOUT(hostile_state, T25_values_of_every_field, 500)
{
	unsigned int i, loaded = 0, refused = 0, failures = 0;
	struct fuzzer fuzzers[VF_MAX];
	u64 start = now_ns();

	for (i = 0; i < VF_MAX; i++) {
		fuzzers[i] = (struct fuzzer){ .good = &self->good, .first = i };
		ASSERT_EQ(0, pthread_create(&fuzzers[i].thread, NULL, fuzz, &fuzzers[i]));
	}
	for (i = 0; i < VF_MAX; i++) {
		ASSERT_EQ(0, pthread_join(fuzzers[i].thread, NULL));
		loaded += fuzzers[i].loaded;
		refused += fuzzers[i].refused;
		failures += fuzzers[i].failed;
	}
	printf("# T25: seed %#x, %u cases, %u refused, %u loaded, %u wrong, %lu ms\n", SEED, CASES,
	       refused, loaded, failures, (now_ns() - start) / 1000000);
	EXPECT_EQ(0, failures);
	EXPECT_EQ(CASES, refused + loaded);
	EXPECT_LT(CASES / 5, refused);
	EXPECT_LT(CASES / 5, loaded);
}

static u8 *payload(struct mig_buf *s, u32 type, u32 instance)
{
	return s->data + edit_section(s, type, instance).payload;
}

static void vlans_32(struct mig_buf *s)
{
	memset(payload(s, VMF_FILTERS, 0) + IN_FILTERS(vlans) + 16, 0xff, 4);
}

static void vlan_0(struct mig_buf *s)
{
	payload(s, VMF_FILTERS, 0)[IN_FILTERS(vlans)] |= 1;
}

static void mac_of_a_group(struct mig_buf *s)
{
	payload(s, VMF_FILTERS, 0)[IN_FILTERS(mac)] |= 1;
}

static void mac_0(struct mig_buf *s)
{
	memset(payload(s, VMF_FILTERS, 0) + IN_FILTERS(mac), 0, MAC_LEN);
}

static void mac_not_valid(struct mig_buf *s)
{
	payload(s, VMF_FILTERS, 0)[IN_FILTERS(flags)] &= ~VMF_IGBVF_82576_FILTERS_MAC_VALID;
}

static void hash_beyond_the_count(struct mig_buf *s)
{
	vmf_put16(payload(s, VMF_FILTERS, 0), IN_FILTERS(multicast) + 2 * 29, 1);
}

/* @count addresses, of which the first two are the good ones. */
static void unicast(struct mig_buf *s, u32 count)
{
	u8 *p = payload(s, VMF_UNICAST, 0);
	u32 i;

	for (i = 2; i < count && i < VMF_IGBVF_82576_UNICAST_COUNT_MAX; i++) {
		memcpy(p + IN_UNICAST(addresses) + MAC_LEN * i, guest_mac, MAC_LEN);
		p[IN_UNICAST(addresses) + MAC_LEN * i + 4] = 0x80 + i;
	}
	vmf_put32(p, IN_UNICAST(count), count);
}

static void unicast_25(struct mig_buf *s)
{
	unicast(s, VMF_IGBVF_82576_UNICAST_COUNT_MAX + 1);
}

static void unicast_group(struct mig_buf *s)
{
	payload(s, VMF_UNICAST, 0)[IN_UNICAST(addresses) + MAC_LEN] |= 1;
}

#define RX_AT(_f)	offsetof(struct vmf_igbvf_82576_rx_queue, _f)
#define TX_AT(_f)	offsetof(struct vmf_igbvf_82576_tx_queue, _f)

static const struct {
	const char *names;	/* what last_error has to say */
	int err;
	u32 type;
	u32 instance;
	int at;
	u32 val;
	void (*edit)(struct mig_buf *s);
} semantic[] = {
	{ "rdh", ERANGE, VMF_RX_QUEUE, 0, RX_AT(rdh), NIC_RX_RING },
	{ "rdt", ERANGE, VMF_RX_QUEUE, 1, RX_AT(rdt), NIC_RX_RING },
	{ "rdh", ERANGE, VMF_RX_QUEUE, 1, RX_AT(rdh), 0xffffffff },
	{ "rdlen", ERANGE, VMF_RX_QUEUE, 0, RX_AT(rdlen), 0 },
	{ "rdlen", ERANGE, VMF_RX_QUEUE, 0, RX_AT(rdlen), 0x100000 },
	{ "tdh", ERANGE, VMF_TX_QUEUE, 0, TX_AT(tdh), NIC_TX_RING },
	{ "tdt", ERANGE, VMF_TX_QUEUE, 1, TX_AT(tdt), NIC_TX_RING },
	{ "tdlen", ERANGE, VMF_TX_QUEUE, 1, TX_AT(tdlen), 0 },
	{ "txdctl", ERANGE, VMF_TX_QUEUE, 0, TX_AT(txdctl), 1u << 26 | VF_QUEUE_ENABLE },
	{ "reserved", EBADMSG, VMF_TX_QUEUE, 1, TX_AT(reserved), 1 },
	{ "vlans", ERANGE, .edit = vlans_32 },
	{ "vlans", ERANGE, .edit = vlan_0 },
	{ "mac", ERANGE, .edit = mac_of_a_group },
	{ "mac", ERANGE, .edit = mac_0 },
	{ "mac", ERANGE, .edit = mac_not_valid },
	{ "multicast", ERANGE, .edit = hash_beyond_the_count },
	{ "count", ERANGE, .edit = unicast_25 },
	{ "addresses", ERANGE, .edit = unicast_group },
};

TEST_F_TIMEOUT(hostile_state, T25_what_cannot_be, 60)
{
	struct vf *vf = vf_open(vf_bdf(1), NULL);
	char text[FORMAT_TEXT_MAX];
	struct mig_buf s = { 0 };
	struct traces before, after;
	unsigned int i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(semantic); i++) {
		mig_buf_copy(&s, &self->good);
		if (semantic[i].edit)
			semantic[i].edit(&s);
		else
			vmf_put32(payload(&s, semantic[i].type, semantic[i].instance),
				  semantic[i].at, semantic[i].val);
		edit_fixup(&s);
		ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RESUMING, &fd));
		traces_read(vf, &before);
		EXPECT_EQ(-semantic[i].err, mig_write(fd, s.data, s.len, MIG_CHUNK)) {
			TH_LOG("%u: %s", i, semantic[i].names);
		}
		traces_read(vf, &after);
		EXPECT_EQ(NULL, traces_differ(&before, &after)) {
			TH_LOG("%u: %s: %s", i, semantic[i].names, traces_differ(&before, &after));
		}
		if (read_last_error(vf->bdf, text, sizeof(text)))
			EXPECT_NE(NULL, strstr(text, semantic[i].names)) {
				TH_LOG("%u: %s: \"%s\"", i, semantic[i].names, text);
			}
		vf_reset(vf);
		close(fd);
	}
	EXPECT_EQ(0, mig_load(vf_fd(vf), &self->good));
	mig_buf_free(&s);
	vf_close(vf);
}

/* Nothing is wrong with it, but the PF has no room for so many. */
TEST_F(hostile_state, T25_more_addresses_than_the_pf_has)
{
	struct vf *vf = vf_open(vf_bdf(1), NULL);
	char text[FORMAT_TEXT_MAX];
	struct mig_buf s = { 0 };

	mig_buf_copy(&s, &self->good);
	unicast(&s, VMF_IGBVF_82576_UNICAST_COUNT_MAX);
	edit_fixup(&s);
	EXPECT_EQ(-EIO, mig_load(vf_fd(vf), &s));
	if (read_last_error(vf->bdf, text, sizeof(text)))
		EXPECT_NE(NULL, strstr(text, "unicast filter")) {
			TH_LOG("\"%s\"", text);
		}
	mig_buf_free(&s);
	vf_reset(vf);
	EXPECT_EQ(0, mig_load(vf_fd(vf), &self->good));
	vf_close(vf);
}

/* Loaded, with an address, rings, and queues that are to be on: not before RUNNING. */
TEST_F_TIMEOUT(hostile_state, T25_nothing_is_received_before_it_runs, 60)
{
	struct vf *vf = vf_open(vf_bdf(1), NULL);
	struct mig_buf again = { 0 };
	struct pf_socket pf;
	struct ledger ledger;

	pf_open(&pf, vf_wire());
	ledger_init(&ledger, 101);
	ASSERT_EQ(0, mig_load(vf_fd(vf), &self->good));
	EXPECT_TRUE(pf_send(&pf, &ledger, guest_mac, 20));
	/* Heads and counters are where they were, or this would be another stream. */
	EXPECT_EQ(NULL, check_loaded(vf, &self->good, &again));
	mig_buf_free(&again);
	pf_close(&pf);
	vf_close(vf);
}

TEST_HARNESS_MAIN
