// SPDX-License-Identifier: GPL-2.0-only
/*
 * The verdict of the reader in include/vmf on a descriptor that is fine in itself: each rule is
 * broken once. Needs no device.
 */
#include <errno.h>
#include <stdlib.h>

#include <linux/kernel.h>
#include <linux/types.h>

#include <vmf/reader.h>
#include <vmf/writer.h>

#include "kselftest_harness.h"

#include "vmf_caps.h"

#define ROOM	4096

static const struct vmf_part critical[] = {
	{ .entry = { .type = VMF_TYPE_FEATURE_NAMES, .schema = 1, .min_reader = 1,
		     .flags = VMF_FLAG_CRITICAL, .count_max = 1, .len_max = 64 },
	  .since = 1, .feature = -1, .len_min = 1 },
	VMF_ENVELOPE_PART(4096),
};

static const struct vmf_part later[] = {
	{ .entry = { .type = VMF_ENVELOPE_TYPE_BLOB, .schema = 3, .min_reader = 2,
		     .flags = VMF_FLAG_CRITICAL, .count_max = 1, .len_max = 64 },
	  .since = 1, .feature = -1, .len_min = 1 },
};

static const struct vmf_part two[] = {
	{ .entry = { .type = VMF_ENVELOPE_TYPE_BLOB, .schema = 1, .min_reader = 1,
		     .flags = VMF_FLAG_CRITICAL, .count_max = 2, .len_max = 64 },
	  .since = 1, .feature = -1, .len_min = 1 },
};

/* In PRE_COPY: what a destination says to a descriptor that is fine in itself. */
TEST(a_descriptor_that_does_not_fit)
{
	const struct vmf_limit limits[] = {
		{ .id = 1, .rule = VMF_RULE_LE, .value = 9 },
		{ .id = 2, .rule = VMF_RULE_SUPERSET, .value = 6 },
	}, bits[] = {
		{ .id = 2, .rule = VMF_RULE_SUPERSET, .value = 4 },
	}, rules[] = {
		{ .id = 1, .rule = VMF_RULE_EQUAL, .value = 8 },
	}, unknown[] = {
		{ .id = 3, .rule = VMF_RULE_EQUAL, .value = 8 },
	}, ignored[] = {
		{ .id = 3, .rule = VMF_RULE_IGNORE, .value = 8 },
	};
	const struct {
		const char *reason;
		int error;
		u16 device, subdevice;
		u8 revision;
		const char *name, *uuid;
		u32 version, min_reader;
		__u64 required[2], stream_max;
		const struct vmf_limit *limits;
		unsigned int nr_limits;
		const struct vmf_part *parts;
		unsigned int nr_parts;
	} cases[] = {
		{ "device id", EXDEV, .device = 1 },
		{ "subsystem id", EXDEV, .subdevice = 1 },
		{ "revision id", EXDEV, .revision = 1 },
		{ "profile UUID", EXDEV, .uuid = VMF_IGBVF_82576_UUID },
		{ "profile name", EXDEV, .name = VMF_ENVELOPE_NAME ".simple" },
		{ "profile version too new", EOPNOTSUPP, .version = 4, .min_reader = 4 },
		{ NULL, 0, .version = 4, .min_reader = 3 },
		{ "profile version too old", EOPNOTSUPP, .version = 1, .min_reader = 1 },
		{ "required features", EOPNOTSUPP, .required = { 1 << 7 } },
		{ NULL, 0, .required = { 1 << 5 } },
		{ "limit", EDOM, .limits = limits, .nr_limits = 2 },
		{ "limit", EDOM, .limits = bits, .nr_limits = 1 },
		{ "rule of a limit", EDOM, .limits = rules, .nr_limits = 1 },
		{ "unknown limit", EOPNOTSUPP, .limits = unknown, .nr_limits = 1 },
		{ NULL, 0, .limits = ignored, .nr_limits = 1 },
		{ "unknown critical section", EOPNOTSUPP, .parts = critical, .nr_parts = 2 },
		{ "schema of a critical section too new", EOPNOTSUPP, .parts = later,
		  .nr_parts = 1 },
		{ "number of section instances", EDOM, .parts = two, .nr_parts = 1 },
		{ "stream_max", EFBIG, .stream_max = 8193 },
	};
	const __u64 none[2] = {};
	struct vmf_caps source, caps = caps_sample();
	struct vmf_buffer out = { .data = malloc(ROOM), .size = ROOM };
	void *memory = malloc(vmf_reader_size(&caps));
	struct vmf_reader reader;
	struct vmf_writer writer;
	unsigned int i;

	ASSERT_NE(NULL, out.data);
	ASSERT_NE(NULL, memory);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		source = caps_sample();
		source.id.device = cases[i].device ?: source.id.device;
		source.id.subdevice = cases[i].subdevice ?: source.id.subdevice;
		source.id.revision = cases[i].revision ?: source.id.revision;
		source.name = cases[i].name ?: source.name;
		source.uuid = cases[i].uuid ?: source.uuid;
		source.version = cases[i].version ?: source.version;
		source.min_reader = cases[i].min_reader ?: source.min_reader;
		source.stream_max = cases[i].stream_max ?: source.stream_max;
		if (cases[i].limits) {
			source.limits = cases[i].limits;
			source.nr_limits = cases[i].nr_limits;
		}
		if (cases[i].parts) {
			source.parts = cases[i].parts;
			source.nr_parts = cases[i].nr_parts;
		}
		out.len = 0;
		vmf_writer_start(&writer, vmf_buffer_put, &out);
		ASSERT_EQ(0, vmf_writer_descriptor(&writer, &source, cases[i].required, none));
		vmf_reader_init(&reader, &caps, memory, NULL, NULL);
		EXPECT_EQ(-cases[i].error, vmf_reader_feed(&reader, out.data, out.len)) {
			TH_LOG("case %u: %s", i, reader.why.reason);
		}
		if (cases[i].error) {
			EXPECT_STREQ(cases[i].reason, reader.why.reason);
			EXPECT_EQ(32, reader.why.at);
		}
	}
	free(memory);
	free(out.data);
}

/* A device has up to eight limits; to a destination that lists more the rest are unknown. */
TEST(the_ninth_limit)
{
	static const __u64 none[2];
	struct vmf_limit limits[9];
	struct vmf_buffer out = { .data = malloc(ROOM), .size = ROOM };
	void *memory = malloc(VMF_DESCRIPTOR_MAX);
	struct vmf_caps caps = caps_sample(), source = caps;
	struct vmf_reader reader;
	struct vmf_writer writer;
	unsigned int i;

	ASSERT_NE(NULL, out.data);
	ASSERT_NE(NULL, memory);
	for (i = 0; i < ARRAY_SIZE(limits); i++)
		limits[i] = (struct vmf_limit){ .id = i + 1, .rule = VMF_RULE_EQUAL };
	caps.limits = limits;
	caps.nr_limits = ARRAY_SIZE(limits);
	source.nr_limits = 1;
	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		source.limits = &limits[i];
		out.len = 0;
		vmf_writer_start(&writer, vmf_buffer_put, &out);
		ASSERT_EQ(0, vmf_writer_descriptor(&writer, &source, none, none));
		EXPECT_EQ(i < 8 ? 0 : -EOPNOTSUPP,
			  vmf_reader_check(&reader, &caps, memory, out.data, out.len));
		EXPECT_EQ(i < 8 ? 0 : 9, reader.why.got);
	}
	free(memory);
	free(out.data);
}

/* As "check" in sysfs: one DESCRIPTOR, all of it, and nothing else. No state is taken. */
TEST(a_descriptor_and_nothing_else)
{
	static const __u64 none[2], needed[2] = { 1 << 7 };
	static const u8 blob[8] = "content";
	const struct vmf_caps caps = caps_sample();
	struct vmf_buffer out = { .data = calloc(1, ROOM + 8), .size = ROOM + 8 };
	void *memory = malloc(VMF_DESCRIPTOR_MAX);
	struct vmf_reader reader;
	struct vmf_writer writer;
	size_t len, one, two;

	ASSERT_NE(NULL, out.data);
	ASSERT_NE(NULL, memory);
	vmf_writer_start(&writer, vmf_buffer_put, &out);
	ASSERT_EQ(0, vmf_writer_descriptor(&writer, &caps, none, none));
	one = out.len;
	for (len = 0; len < one; len++) {
		EXPECT_EQ(-ENODATA, vmf_reader_check(&reader, &caps, memory, out.data, len)) {
			TH_LOG("cut off at %zu", len);
		}
		EXPECT_EQ(len, reader.why.at);
	}
	EXPECT_EQ(0, vmf_reader_check(&reader, &caps, memory, out.data, one));
	EXPECT_EQ(NULL, reader.why.reason);
	/* A header that has begun, of which nothing is said but that it is there. */
	EXPECT_EQ(-EILSEQ, vmf_reader_check(&reader, &caps, memory, out.data, one + 1));
	EXPECT_STREQ("more than a descriptor", reader.why.reason);
	EXPECT_EQ(0, reader.why.at);
	EXPECT_EQ(VMF_TYPE_DESCRIPTOR, reader.why.type);

	/* The next generation is more than one; so is a stream, up to any place in it. */
	ASSERT_EQ(0, vmf_writer_descriptor(&writer, &caps, none, none));
	two = out.len;
	EXPECT_EQ(-EILSEQ, vmf_reader_check(&reader, &caps, memory, out.data, two));
	out.len = 0;
	vmf_writer_start(&writer, vmf_buffer_put, &out);
	ASSERT_EQ(0, vmf_writer_descriptor(&writer, &caps, none, none));
	ASSERT_EQ(0, vmf_writer_state(&writer, caps.parts + 1, 0, blob, sizeof(blob), false));
	ASSERT_EQ(0, vmf_writer_end(&writer));
	for (len = one + 1; len <= out.len; len++) {
		EXPECT_EQ(-EILSEQ, vmf_reader_check(&reader, &caps, memory, out.data, len)) {
			TH_LOG("up to %zu: %s", len, reader.why.reason);
		}
	}

	/* What a write() brings; and the verdict on what does not fit, or is damaged. */
	EXPECT_EQ(-EILSEQ, vmf_reader_check(&reader, &caps, memory, out.data, out.size));
	out.data[one - 1] ^= 1;
	EXPECT_EQ(-EBADMSG, vmf_reader_check(&reader, &caps, memory, out.data, one));
	out.len = 0;
	vmf_writer_start(&writer, vmf_buffer_put, &out);
	ASSERT_EQ(0, vmf_writer_descriptor(&writer, &caps, needed, none));
	EXPECT_EQ(-EOPNOTSUPP, vmf_reader_check(&reader, &caps, memory, out.data, out.len));
	free(memory);
	free(out.data);
}

static int remember(void *ctx, const struct vmf_piece *piece)
{
	*(struct vmf_piece *)ctx = *piece;
	return 0;
}

/* A section that has grown: what an older schema lacks is not asked for, and take() is told. */
TEST(another_schema)
{
	static const struct vmf_part own[] = {
		{ .entry = { .type = 0x10001, .schema = 2, .min_reader = 1, .count_max = 1,
			     .flags = VMF_FLAG_CRITICAL, .len_max = 16 },
		  .since = 1, .feature = -1, .len_min = 16 },
	};
	static const struct {
		u16 schema;
		u32 len, version;
		int ret;
	} cases[] = {
		{ 1, 8, 2, 1 }, { 1, 16, 3, 1 }, { 2, 16, 3, 1 }, { 2, 8, 3, -EMSGSIZE },
		{ 3, 24, 4, 1 }, { 3, 16, 4, 1 }, { 3, 8, 4, -EMSGSIZE },
	};
	static const __u64 none[2];
	static const u8 payload[24];
	struct vmf_caps source, caps = caps_sample();
	struct vmf_buffer out = { .data = malloc(ROOM), .size = ROOM };
	struct vmf_reader reader;
	struct vmf_writer writer;
	struct vmf_piece piece;
	struct vmf_part part;
	unsigned int i;
	void *memory;

	caps.parts = own;
	caps.nr_parts = 1;
	memory = malloc(vmf_reader_size(&caps));
	ASSERT_NE(NULL, out.data);
	ASSERT_NE(NULL, memory);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		part = own[0];
		part.entry.schema = cases[i].schema;
		part.entry.len_max = cases[i].len;
		part.len_min = 1;
		source = caps;
		source.version = cases[i].version;
		source.parts = &part;
		out.len = 0;
		vmf_writer_start(&writer, vmf_buffer_put, &out);
		ASSERT_EQ(0, vmf_writer_descriptor(&writer, &source, none, none));
		ASSERT_EQ(0, vmf_writer_state(&writer, &part, 0, payload, cases[i].len, false));
		ASSERT_EQ(0, vmf_writer_end(&writer));
		piece = (struct vmf_piece){};
		vmf_reader_init(&reader, &caps, memory, remember, &piece);
		EXPECT_EQ(cases[i].ret, vmf_reader_feed(&reader, out.data, out.len)) {
			TH_LOG("case %u: %s", i, reader.why.reason);
		}
		if (cases[i].ret < 0)
			continue;
		EXPECT_EQ(cases[i].schema, piece.schema);
		EXPECT_EQ(cases[i].version, piece.version);
		EXPECT_EQ(min(cases[i].len, 16U), piece.len);
	}
	free(memory);
	free(out.data);
}

TEST_HARNESS_MAIN
