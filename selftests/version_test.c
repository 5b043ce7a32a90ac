// SPDX-License-Identifier: GPL-2.0-only
/*
 * Versions of the profile: what an older reader can take, what an older writer
 * has written, and what a migration by each of them does to the counters.
 *
 * Numbers in names are those of the litmus tests of the format.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "handshake.h"
#include "stream_edit.h"
#include "testnet.h"
#include "vectors.h"
#include "vmf_descriptor.h"

static void default_targets(void)
{
	unsigned int i;

	for (i = 0; i < VF_MAX; i++)
		VFIO_ASSERT_EQ(format_set_target(vf_bdf(i), "2"), 0);
}

static const char *version_text(u32 version)
{
	return version == 1 ? "1" : "2";
}

FIXTURE(version)
{
	struct testnet net;
	struct mig_buf v1;
	struct mig_buf v2;
};

/* One state, by both versions. */
FIXTURE_SETUP(version)
{
	int fd;

	default_targets();
	self->v1 = (struct mig_buf){ 0 };
	self->v2 = (struct mig_buf){ 0 };
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
	fd = vf_fd(self->net.guest.vf);
	ASSERT_EQ(0, mig_set(fd, VFIO_DEVICE_STATE_STOP, NULL));
	ASSERT_EQ(0, mig_save(fd, &self->v2));
	ASSERT_EQ(0, mig_set(fd, VFIO_DEVICE_STATE_STOP, NULL));
	ASSERT_EQ(0, format_set_target(vf_bdf(0), "1"));
	ASSERT_EQ(0, mig_save(fd, &self->v1));
	ASSERT_EQ(0, mig_set(fd, VFIO_DEVICE_STATE_STOP, NULL));
}

FIXTURE_TEARDOWN(version)
{
	testnet_close(&self->net);
	mig_buf_free(&self->v1);
	mig_buf_free(&self->v2);
	default_targets();
}

/* The sections of @a that @b has as well are the same; returns how many. */
static int same_sections(struct __test_metadata *_metadata, const struct mig_buf *a,
			 const struct mig_buf *b)
{
	struct vmf_section all[VMF_SECTIONS_MAX], other;
	int i, n, same = 0;

	n = vmf_walk(a->data, a->len, all, VMF_SECTIONS_MAX);
	for (i = 0; i < n; i++) {
		if (all[i].type < VMF_RX_QUEUE ||
		    !vmf_lookup(b->data, b->len, all[i].type, all[i].instance, &other))
			continue;
		EXPECT_EQ(all[i].len, other.len);
		EXPECT_EQ(all[i].flags, other.flags);
		EXPECT_EQ(all[i].schema, other.schema);
		EXPECT_EQ(0, memcmp(a->data + all[i].payload, b->data + other.payload,
				    all[i].len)) {
			TH_LOG("%s %u", vmf_type_name(all[i].type), all[i].instance);
		}
		same++;
	}
	return same;
}

TEST_F(version, litmus_4_two_versions_of_one_state)
{
	const struct mig_buf *v1 = &self->v1, *v2 = &self->v2;
	struct vmf_section s;

	EXPECT_EQ(NULL, vmf_check(v1->data, v1->len));
	EXPECT_EQ(NULL, vmf_check(v2->data, v2->len));
	EXPECT_EQ(1, vmf_profile_version(v1->data, v1->len));
	EXPECT_EQ(2, vmf_profile_version(v2->data, v2->len));
	EXPECT_FALSE(vmf_announces(v1->data, v1->len, VMF_STATISTICS, NULL));
	EXPECT_FALSE(vmf_lookup(v1->data, v1->len, VMF_STATISTICS, 0, &s));
	EXPECT_TRUE(vmf_lookup(v2->data, v2->len, VMF_STATISTICS, 0, &s));
	EXPECT_EQ(7, same_sections(_metadata, v1, v2));
}

/* What a reader of version 1 looks at is there for it, and all that it needs. */
TEST_F(version, litmus_2_new_stream_for_an_old_reader)
{
	const struct mig_buf *v2 = &self->v2;
	struct vmf_section all[VMF_SECTIONS_MAX];
	u16 flags;
	u32 type;
	int i, n;

	EXPECT_EQ(1, vmf_min_reader(v2->data, v2->len));
	EXPECT_EQ(0, vmf_required(v2->data, v2->len));
	for (type = VMF_RX_QUEUE; type <= VMF_FILTERS; type++) {
		ASSERT_TRUE(vmf_announces(v2->data, v2->len, type, &flags));
		EXPECT_EQ(VMF_CRITICAL, flags);
	}
	n = vmf_walk(v2->data, v2->len, all, VMF_SECTIONS_MAX);
	for (i = 0; i < n; i++) {
		if (all[i].type > VMF_FILTERS)
			EXPECT_EQ(0, all[i].flags & VMF_CRITICAL);
	}
	EXPECT_FALSE(vmf_announces(v2->data, v2->len, VMF_UNICAST, NULL));
}

TEST_F(version, litmus_18_saved_twice)
{
	int fd = vf_fd(self->net.guest.vf);
	struct mig_buf again = { 0 };
	struct vf *vf;

	ASSERT_EQ(0, mig_save(fd, &again));
	EXPECT_TRUE(mig_buf_equal(&self->v1, &again));
	ASSERT_EQ(0, mig_set(fd, VFIO_DEVICE_STATE_STOP, NULL));
	ASSERT_EQ(0, format_set_target(vf_bdf(0), "2"));
	ASSERT_EQ(0, mig_save(fd, &again));
	EXPECT_TRUE(mig_buf_equal(&self->v2, &again));

	/* And by another function into which it was loaded. */
	vf = testnet_land(&self->net, 2, &again);
	ASSERT_NE(NULL, vf);
	ASSERT_EQ(0, mig_save(vf_fd(vf), &again));
	EXPECT_TRUE(mig_buf_equal(&self->v2, &again));
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP, NULL));
	ASSERT_EQ(0, format_set_target(vf_bdf(2), "1"));
	ASSERT_EQ(0, mig_save(vf_fd(vf), &again));
	EXPECT_TRUE(mig_buf_equal(&self->v1, &again));
	vf_close(vf);
	mig_buf_free(&again);
}

/* Where two streams are not the same, for the log. */
static size_t first_difference(const struct mig_buf *a, const struct mig_buf *b)
{
	size_t at;

	for (at = 0; at < a->len && at < b->len && a->data[at] == b->data[at]; at++)
		continue;
	return at;
}

/*
 * Every published version loads; told to write that version, the device gives it back. They
 * are of QEMU's device: one with another identity has to take them for its own.
 */
TEST(litmus_1_4_golden_streams)
{
	struct mig_buf golden = { 0 }, again = { 0 };
	struct vmf_presented presented;
	struct vmf_section s;
	struct vf *vf;
	u32 counters[VF_COUNTERS];
	unsigned int i, k;

	for (i = 0; i < vectors_count; i++) {
		golden.len = 0;
		mig_buf_append(&golden, vectors[i].data, vectors[i].end - vectors[i].data);
		ASSERT_EQ(NULL, vmf_check(golden.data, golden.len));
		ASSERT_EQ(vectors[i].version, vmf_profile_version(golden.data, golden.len));
		ASSERT_EQ(0, format_set_target(vf_bdf(3), version_text(vectors[i].version)));
		vf = vf_open(vf_bdf(3), NULL);
		vf_presented(vf, &presented);
		memcpy(golden.data + edit_attribute(&golden, VMF_KEY_PRESENTED), &presented,
		       sizeof(presented));
		edit_fixup(&golden);
		ASSERT_EQ(0, mig_load(vf_fd(vf), &golden)) {
			TH_LOG("%s", vectors[i].name);
		}
		vf_counters_read(vf, counters);
		/* Absent is 0. */
		for (k = 0; k < VF_COUNTERS && vectors[i].version == 1; k++)
			EXPECT_EQ(0, counters[k]);
		if (vmf_lookup(golden.data, golden.len, VMF_STATISTICS, 0, &s))
			EXPECT_EQ(0, memcmp(golden.data + s.payload, counters, sizeof(counters)));
		ASSERT_EQ(0, mig_save(vf_fd(vf), &again));
		edit_of_before(&again);
		EXPECT_TRUE(edit_same_state(&golden, &again)) {
			TH_LOG("%s, at %zu", vectors[i].name, first_difference(&golden, &again));
			vmf_print(stdout, "# ", again.data, again.len);
		}
		vf_close(vf);
	}
	default_targets();
	mig_buf_free(&golden);
	mig_buf_free(&again);
}

FIXTURE(counters)
{
	struct testnet net;
};

FIXTURE_VARIANT(counters)
{
	u32 version;
	bool precopy;
};

FIXTURE_VARIANT_ADD(counters, v2) { .version = 2, .precopy = false };
FIXTURE_VARIANT_ADD(counters, v2_pre_copy) { .version = 2, .precopy = true };
FIXTURE_VARIANT_ADD(counters, v1) { .version = 1, .precopy = false };
FIXTURE_VARIANT_ADD(counters, v1_pre_copy) { .version = 1, .precopy = true };

FIXTURE_SETUP(counters)
{
	unsigned int i;

	for (i = 0; i < VF_MAX; i++)
		ASSERT_EQ(0, format_set_target(vf_bdf(i), version_text(variant->version)));
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
}

FIXTURE_TEARDOWN(counters)
{
	testnet_close(&self->net);
	default_targets();
}

/* Packets that the guest has received and sent, as its device counts them. */
static void expect_packets(struct __test_metadata *_metadata, struct testnet *net, u32 received,
			   u32 sent, const char *when)
{
	EXPECT_EQ(received, vf_read(net->guest.vf, VF_GPRC)) {
		TH_LOG("%s", when);
	}
	EXPECT_EQ(sent, vf_read(net->guest.vf, VF_GPTC)) {
		TH_LOG("%s", when);
	}
}

/* What a driver takes for its statistics goes on, if the stream has words for it. */
TEST_F(counters, litmus_1_go_on_there_and_back)
{
	static const unsigned int to[] = { 2, 0, 3 };
	struct testnet *net = &self->net;
	u32 before[VF_COUNTERS], after[VF_COUNTERS];
	struct mig_buf stream = { 0 };
	struct vmf_section s;
	unsigned int i, k;
	struct vf *vf;
	u32 count = 0;

	/* Two paths each way. The device was used by others before; this guest starts at 0. */
	vf_counters_read(net->guest.vf, before);
	for (k = 0; k < VF_COUNTERS; k++)
		EXPECT_EQ(0, before[k]);
	for (i = 0; i < ARRAY_SIZE(to); i++) {
		ASSERT_TRUE(testnet_exchange(net, 29));
		count += 2 * 29;
		expect_packets(_metadata, net, count, count, "before");
		if (variant->precopy)
			count += 2 * TESTNET_BURST;
		vf = testnet_arrive(net, to[i], variant->precopy, &stream);
		ASSERT_NE(NULL, vf);
		vf_counters_read(net->guest.vf, before);
		EXPECT_EQ(count, before[0]);
		vf_counters_read(vf, after);
		EXPECT_EQ(variant->version == 2,
			  vmf_lookup(stream.data, stream.len, VMF_STATISTICS, 0, &s));
		for (k = 0; k < VF_COUNTERS; k++) {
			EXPECT_EQ(variant->version == 2 ? before[k] : 0, after[k]) {
				TH_LOG("counter at %#x", vf_counters[k]);
			}
		}
		EXPECT_TRUE(variant->version == 1 ||
			    !memcmp(stream.data + s.payload, before, sizeof(before)));
		if (variant->version == 1)
			count = 0;
		ASSERT_EQ(0, testnet_depart(net, vf));
		expect_packets(_metadata, net, count, count, "after");
	}
	ASSERT_TRUE(testnet_exchange(net, 29));
	expect_packets(_metadata, net, count + 2 * 29, count + 2 * 29, "at the end");
	mig_buf_free(&stream);
}

TEST_HARNESS_MAIN
