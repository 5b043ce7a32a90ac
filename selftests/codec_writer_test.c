// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the writer in include/vmf refuses, as no reader would take it. Needs no device.
 */
#include <errno.h>
#include <stdlib.h>

#include <linux/kernel.h>
#include <linux/types.h>

#include <vmf/reader.h>
#include <vmf/writer.h>

#include "kselftest_harness.h"

#include "vmf_caps.h"

#define ROOM	8192

FIXTURE(codec_writer)
{
	struct vmf_writer writer;
	struct vmf_buffer out;
	struct vmf_caps caps;
};

FIXTURE_SETUP(codec_writer)
{
	self->out.data = malloc(ROOM);
	self->out.size = ROOM;
	ASSERT_NE(NULL, self->out.data);
	self->caps = caps_sample();
}

FIXTURE_TEARDOWN(codec_writer)
{
	free(self->out.data);
}

/* A stream up to its first DESCRIPTOR, with features that may be missing. */
static void start(struct _test_data_codec_writer *self, u64 optional)
{
	const __u64 none[2] = {}, may[2] = { 0, optional };

	self->out.len = 0;
	vmf_writer_start(&self->writer, vmf_buffer_put, &self->out);
	vmf_writer_descriptor(&self->writer, &self->caps, none, may);
}

TEST_F(codec_writer, refused_at_all)
{
	static const u8 blob[16];
	static const struct vmf_part many = {
		.entry = { .type = VMF_ENVELOPE_TYPE_BLOB, .schema = 1, .min_reader = 1,
			   .count_max = 64, .len_max = 16 },
		.since = 1, .feature = -1, .len_min = 1,
	};
	struct vmf_writer *w = &self->writer;
	unsigned int i;

	self->caps.parts = &many;
	self->caps.nr_parts = 1;
	start(self, 0);
	EXPECT_EQ(-EMSGSIZE, vmf_writer_state(w, &many, 0, blob, 0, false));
	EXPECT_EQ(-EMSGSIZE, vmf_writer_end(w));
	start(self, 0);
	EXPECT_EQ(0, vmf_writer_state(w, &many, 1, blob, 16, false));
	EXPECT_EQ(-EILSEQ, vmf_writer_state(w, &many, 0, blob, 16, false));
	start(self, 0);
	EXPECT_EQ(0, vmf_writer_state(w, &many, 0, blob, 15, true));
	EXPECT_EQ(-EILSEQ, vmf_writer_end(w));
	vmf_writer_start(w, vmf_buffer_put, &self->out);
	EXPECT_EQ(-EILSEQ, vmf_writer_end(w));
	start(self, 0);
	for (i = 1; i < 64; i++)
		EXPECT_EQ(0, vmf_writer_state(w, &many, i, blob, 16, false));
	EXPECT_EQ(-EFBIG, vmf_writer_end(w));
	self->out.size = 200;
	start(self, 0);
	EXPECT_EQ(-EFBIG, w->err);
	EXPECT_GE(200, self->out.len);
	EXPECT_EQ(-EFBIG, vmf_writer_state(w, &many, 0, blob, 16, false));
	self->out.size = ROOM;
}

/* Nothing follows END, and it is not there twice. */
TEST_F(codec_writer, refused_at_the_end)
{
	static const u8 blob[16];
	static const __u64 none[2];
	struct vmf_writer *w = &self->writer;
	const struct vmf_part *part;
	struct vmf_part other;
	size_t len;
	int i, ret;

	part = self->caps.parts + 1;
	other = *part;
	other.entry.type++;
	for (i = 0; i < 3; i++) {
		start(self, 0);
		ASSERT_EQ(0, vmf_writer_state(w, part, 0, blob, 16, false));
		ASSERT_EQ(0, vmf_writer_end(w));
		len = self->out.len;
		if (i == 0)
			ret = vmf_writer_end(w);
		else if (i == 1)
			ret = vmf_writer_state(w, &other, 0, blob, 16, false);
		else
			ret = vmf_writer_descriptor(w, &self->caps, none, none);
		EXPECT_EQ(-EILSEQ, ret);
		EXPECT_EQ(len, self->out.len);
	}
}

/* What a reader refuses by manifest, version or features, or at the length that was said. */
TEST_F(codec_writer, refused_of_a_part)
{
	static const struct vmf_part parts[] = {
		{ .entry = { .type = 0x10001, .schema = 1, .min_reader = 1, .count_max = 2,
			     .len_max = 16 }, .since = 1, .feature = -1, .len_min = 8 },
		{ .entry = { .type = 0x10002, .schema = 1, .min_reader = 1, .count_max = 1,
			     .len_max = 16 }, .since = 4, .feature = -1, .len_min = 1 },
		{ .entry = { .type = 0x10003, .schema = 1, .min_reader = 1, .count_max = 1,
			     .len_max = 16 }, .since = 1, .feature = 70, .len_min = 1 },
		{ .entry = { .type = 0x10004, .schema = 1, .min_reader = 1, .count_max = 1,
			     .len_max = 16 }, .since = 1, .feature = -1, .len_min = 16 },
	};
	static const struct {
		unsigned int part, instance, first, len;
		bool more;
		int error;
	} cases[] = {
		{ .len = 16 }, { .len = 8 }, { .instance = 1, .len = 8 },
		{ .len = 17, .error = EMSGSIZE }, { .len = 7, .error = EMSGSIZE },
		{ .instance = 2, .len = 8, .error = EILSEQ },
		{ .first = 8, .len = 8 }, { .first = 1, .len = 7 },
		{ .first = 8, .len = 9, .error = EMSGSIZE },
		{ .first = 1, .len = 6, .error = EMSGSIZE },
		{ .first = 16, .len = 1, .error = EMSGSIZE },
		{ .part = 1, .len = 1, .error = EILSEQ },
		{ .part = 2, .len = 1, .error = EILSEQ },
		{ .part = 3, .len = 16 },
		{ .part = 3, .len = 8, .more = true, .error = EILSEQ },
	};
	static const u8 payload[32];
	struct vmf_writer *w = &self->writer;
	unsigned int i;

	self->caps.parts = parts;
	self->caps.nr_parts = ARRAY_SIZE(parts);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		start(self, 0);
		/* A whole instance before has no part in the length of the next one. */
		if (cases[i].instance == 1)
			EXPECT_EQ(0, vmf_writer_state(w, parts, 0, payload, 16, false));
		if (cases[i].first)
			EXPECT_EQ(0, vmf_writer_state(w, parts, 0, payload, cases[i].first, true));
		EXPECT_EQ(-cases[i].error,
			  vmf_writer_state(w, parts + cases[i].part, cases[i].instance, payload,
					   cases[i].len, cases[i].more)) {
			TH_LOG("case %u", i);
		}
	}
	/* Of a feature that may be missing at the destination: it was announced. */
	start(self, 1 << 6);
	EXPECT_EQ(0, vmf_writer_state(w, parts + 2, 0, payload, 1, false));
	self->caps.stream_max = self->out.len + 32 + 24;
	start(self, 1 << 6);
	EXPECT_EQ(0, vmf_writer_state(w, parts + 2, 0, payload, 8, false));
	EXPECT_EQ(0, vmf_writer_end(w));
	start(self, 1 << 6);
	EXPECT_EQ(0, vmf_writer_state(w, parts + 2, 0, payload, 9, false));
	EXPECT_EQ(-EFBIG, vmf_writer_end(w));
}

#define NAME_55	"0123456789.abcdefghijklmnopqrstuvwxyz-0123456789abcdefg"

/* The writer does not begin what every destination would refuse. */
TEST(a_descriptor_that_no_reader_takes)
{
	static const struct vmf_limit twice[] = {
		{ .id = 1, .rule = VMF_RULE_LE }, { .id = 1, .rule = VMF_RULE_LE },
	}, no_rule[] = {
		{ .id = 1 },
	}, nine[9] = {
		{ .id = 1, .rule = 1 }, { .id = 2, .rule = 1 }, { .id = 3, .rule = 1 },
		{ .id = 4, .rule = 1 }, { .id = 5, .rule = 1 }, { .id = 6, .rule = 1 },
		{ .id = 7, .rule = 1 }, { .id = 8, .rule = 1 }, { .id = 9, .rule = 1 },
	};
	static const struct vmf_part schema[] = {
		{ .entry = { .type = VMF_ENVELOPE_TYPE_BLOB, .min_reader = 1, .count_max = 1,
			     .len_max = 64 }, .since = 1, .feature = -1, .len_min = 1 },
	}, descending[] = {
		VMF_ENVELOPE_PART(4096), VMF_ENVELOPE_PART(4096),
	};
	static const struct {
		int error;
		const char *name, *uuid;
		u32 version, min_reader;
		u8 flags;
		const struct vmf_limit *limits;
		unsigned int nr_limits;
		const struct vmf_part *parts;
		unsigned int nr_parts;
	} cases[] = {
		{ 0, .name = VMF_ENVELOPE_NAME "." NAME_55 },
		{ EINVAL, .name = VMF_ENVELOPE_NAME "." NAME_55 "h" },
		{ EINVAL, .name = VMF_ENVELOPE_NAME ".Sample" },
		{ EINVAL, .name = VMF_ENVELOPE_NAME ".a sample" },
		{ EINVAL, .name = VMF_ENVELOPE_NAME "." },
		{ EINVAL, .name = VMF_ENVELOPE_NAME },
		{ EINVAL, .name = "vf.net.sample" },
		{ 0, .name = "vf.net.sample", .uuid = VMF_IGBVF_82576_UUID },
		{ EINVAL, .name = "", .uuid = VMF_IGBVF_82576_UUID },
		{ EINVAL, .version = 2, .min_reader = 3 },
		{ EINVAL, .flags = 2 },
		{ EINVAL, .limits = twice, .nr_limits = 2 },
		{ EINVAL, .limits = no_rule, .nr_limits = 1 },
		{ 0, .limits = nine, .nr_limits = 8 },
		{ EINVAL, .limits = nine, .nr_limits = 9 },
		{ EINVAL, .parts = schema, .nr_parts = 1 },
		{ EINVAL, .parts = descending, .nr_parts = 2 },
	};
	static const __u64 none[2];
	struct vmf_buffer out = { .data = malloc(ROOM), .size = ROOM };
	struct vmf_writer writer;
	struct vmf_caps caps;
	unsigned int i;

	ASSERT_NE(NULL, out.data);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		caps = caps_sample();
		caps.name = cases[i].name ?: caps.name;
		caps.uuid = cases[i].uuid ?: caps.uuid;
		caps.version = cases[i].version ?: caps.version;
		caps.min_reader = cases[i].min_reader ?: caps.min_reader;
		caps.id.flags |= cases[i].flags;
		caps.limits = cases[i].limits ?: caps.limits;
		caps.nr_limits = cases[i].nr_limits ?: caps.nr_limits;
		caps.parts = cases[i].parts ?: caps.parts;
		caps.nr_parts = cases[i].nr_parts ?: caps.nr_parts;
		out.len = 0;
		vmf_writer_start(&writer, vmf_buffer_put, &out);
		EXPECT_EQ(-cases[i].error, vmf_writer_descriptor(&writer, &caps, none, none)) {
			TH_LOG("case %u", i);
		}
		EXPECT_EQ(!cases[i].error, out.len > sizeof(struct vmf_file_header));
	}
	free(out.data);
}

TEST_HARNESS_MAIN
