// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reader and writer in include/vmf, against streams that rust/vmf has written. Needs no device:
 * it can be run anywhere.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <linux/kernel.h>
#include <linux/types.h>

#include <vmf/reader.h>
#include <vmf/writer.h>

#include "kselftest_harness.h"

#include "corpus.h"
#include "state_rules.h"
#include "vmf_caps.h"

#define ROOM	(3 * VMF_PAYLOAD_MAX)

/* What a reader has handed out, and a stream that is written from it. */
struct copy {
	struct vmf_writer writer;
	struct vmf_buffer out;
	bool opaque;
	int written;
};

FIXTURE(codec)
{
	struct vmf_reader reader;
	struct vmf_caps caps;
	struct copy copy;
	u8 *memory;
	u64 seed;
};

FIXTURE_SETUP(codec)
{
	self->memory = malloc(VMF_DESCRIPTOR_MAX + VMF_PAYLOAD_MAX);
	self->copy.out.data = malloc(ROOM);
	self->copy.out.size = ROOM;
	ASSERT_NE(NULL, self->memory);
	ASSERT_NE(NULL, self->copy.out.data);
	self->seed = 82576;
}

FIXTURE_TEARDOWN(codec)
{
	free(self->copy.out.data);
	free(self->memory);
}

static u32 below(u64 *seed, u32 n)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (*seed >> 33) % n;
}

/* As a driver does: looks at the content, and touches no device. */
static int take(void *ctx, const struct vmf_piece *piece)
{
	struct copy *copy = ctx;
	struct state_verdict v;
	bool unknown;

	if (!copy->opaque) {
		v = state_judge_section(piece->part->entry.type, piece->instance, piece->data,
					piece->len);
		/* Of a later schema nobody knows whether all of it is 0. */
		unknown = piece->schema > piece->part->entry.schema;
		if (v.err && !(unknown && !strcmp(v.fields[0], "left out")))
			return -v.err;
	}
	if (copy->writer.put)
		copy->written = vmf_writer_state(&copy->writer, piece->part, piece->instance,
						 piece->data, piece->len, piece->more);
	return 0;
}

static size_t size_of(const struct corpus_stream *s)
{
	return s->end - s->data;
}

static int feed(struct _test_data_codec *self, const u8 *data, size_t len, u32 most)
{
	int ret = 0;
	u32 n;

	vmf_reader_init(&self->reader, &self->caps, self->memory, take, &self->copy);
	while (len && ret >= 0) {
		n = most ? 1 + below(&self->seed, most) : len;
		n = n < len ? n : len;
		ret = vmf_reader_feed(&self->reader, data, n);
		data += n;
		len -= n;
	}
	n = vmf_reader_finish(&self->reader);
	return ret < 0 ? ret : (int)n;
}

/* The start of the stream that take() goes on with. */
static void start(struct _test_data_codec *self, const struct vmf_caps *caps, u64 required,
		  u64 optional)
{
	const __u64 must[2] = { required, 0 }, may[2] = { 0, optional };

	self->copy.out.len = 0;
	self->copy.written = 0;
	vmf_writer_start(&self->copy.writer, vmf_buffer_put, &self->copy.out);
	vmf_writer_descriptor(&self->copy.writer, caps, must, may);
}

static bool same(const struct _test_data_codec *self, const struct corpus_stream *s)
{
	const struct vmf_buffer *out = &self->copy.out;

	return out->len == size_of(s) && !memcmp(out->data, s->data, out->len);
}

TEST(crc)
{
	EXPECT_EQ(0xe3069283, vmf_crc(0, "123456789", 9));
	EXPECT_EQ(0xe3069283, vmf_crc(vmf_crc(0, "1234", 4), "56789", 5));
}

/* Streams of both versions are read, and written again byte for byte. */
TEST_F(codec, golden_streams_go_in_and_out)
{
	const struct corpus_stream *s;
	struct vmf_caps source;
	u64 unicast;

	for (s = corpus_good; s < corpus_good + corpus_good_count; s++) {
		source = caps_igbvf(s->version);
		unicast = strstr(s->name, "unicast") || strstr(s->name, "full");
		self->caps = caps_igbvf(2);
		start(self, &source, unicast, 0);
		EXPECT_EQ(0, feed(self, s->data, size_of(s), 0)) {
			TH_LOG("%s: %s", s->name, self->reader.why.reason);
		}
		EXPECT_EQ(0, vmf_writer_end(&self->copy.writer));
		EXPECT_TRUE(same(self, s)) {
			TH_LOG("%s: written in another way", s->name);
		}
		self->copy.writer.put = NULL;
		EXPECT_EQ(0, feed(self, s->data, size_of(s), 1));
		EXPECT_EQ(0, feed(self, s->data, size_of(s), 100));
	}
}

/* The errno and the offset are those of the other readers, however the stream is cut. */
TEST_F(codec, bad_streams_are_refused)
{
	static const u32 most[] = { 0, 1, 100 };
	const struct corpus_stream *s;
	unsigned int i;

	ASSERT_GT(corpus_refused_count, 70);
	self->caps = caps_igbvf(2);
	for (s = corpus_refused; s < corpus_refused + corpus_refused_count; s++) {
		for (i = 0; i < ARRAY_SIZE(most); i++) {
			EXPECT_EQ(-s->error, feed(self, s->data, size_of(s), most[i])) {
				TH_LOG("%s: %s", s->name, self->reader.why.reason);
			}
			EXPECT_EQ(s->at, self->reader.why.at) {
				TH_LOG("%s: %s", s->name, self->reader.why.reason);
			}
			EXPECT_NE(NULL, self->reader.why.reason);
			/* It stays refused. */
			EXPECT_EQ(-s->error, vmf_reader_feed(&self->reader, s->data, 1));
		}
	}
}

TEST_F(codec, an_older_reader)
{
	const struct corpus_stream *s;
	int want;

	self->caps = caps_igbvf(1);
	for (s = corpus_good; s < corpus_good + corpus_good_count; s++) {
		want = strstr(s->name, "unicast") || strstr(s->name, "full") ? -EOPNOTSUPP : 0;
		EXPECT_EQ(want, feed(self, s->data, size_of(s), 0)) {
			TH_LOG("%s", s->name);
		}
	}
}

/* Features, limits, a section for tools, a blob in fragments; and none of it. */
TEST_F(codec, envelopes_go_in_and_out)
{
	static const u8 names[] = "\x05\0\x01\0\x04\0\0\0rate\0\0\0"
				  "\0\x46\0\0\0\x04\0\0\0hint\0\0\0";
	const struct corpus_stream *s = &corpus_envelopes[0];
	struct vmf_caps source = caps_sample();

	self->caps = source;
	self->copy.opaque = true;
	start(self, &source, 1 << 5, 1 << 6);
	ASSERT_EQ(0, vmf_writer_state(&self->copy.writer, source.parts, 0, names, 32, false));
	/* The names are for tools: take() gets the blob and nothing else. */
	EXPECT_EQ(0, feed(self, s->data, size_of(s), 7)) {
		TH_LOG("%s", self->reader.why.reason);
	}
	EXPECT_EQ(0, vmf_writer_end(&self->copy.writer));
	EXPECT_TRUE(same(self, s));

	s = &corpus_envelopes[1];
	self->caps.stream_max = VMF_ENVELOPE_STREAM_MAX;
	source = self->caps;
	source.parts = &(const struct vmf_part)VMF_ENVELOPE_PART(VMF_ENVELOPE_BLOB_MAX);
	source.nr_parts = 1;
	source.nr_limits = 0;
	source.driver = NULL;
	start(self, &source, 0, 0);
	EXPECT_EQ(0, feed(self, s->data, size_of(s), 0));
	EXPECT_EQ(0, vmf_writer_end(&self->copy.writer));
	EXPECT_TRUE(same(self, s));
}

TEST_F(codec, damage_is_found)
{
	const struct corpus_stream *s = &corpus_envelopes[0];
	u8 *bytes = malloc(size_of(s));
	size_t i;

	ASSERT_NE(NULL, bytes);
	memcpy(bytes, s->data, size_of(s));
	self->caps = caps_sample();
	self->copy.opaque = true;
	for (i = 0; i < size_of(s); i++)
		EXPECT_EQ(-ENODATA, feed(self, bytes, i, 0)) {
			TH_LOG("cut off at %zu: %s", i, self->reader.why.reason);
		}
	for (i = 0; i < 8 * size_of(s); i++) {
		bytes[i / 8] ^= 1 << i % 8;
		EXPECT_GT(0, feed(self, bytes, size_of(s), 0)) {
			TH_LOG("bit %zu", i);
		}
		bytes[i / 8] ^= 1 << i % 8;
	}
	EXPECT_EQ(0, feed(self, bytes, size_of(s), 0));
	free(bytes);
}

/* Bytes behind END are refused; at once if they come together with it. */
TEST_F(codec, nothing_behind_the_end)
{
	const struct corpus_stream *s = &corpus_envelopes[0];
	struct vmf_reader *r = &self->reader;

	self->caps = caps_sample();
	self->copy.opaque = true;
	vmf_reader_init(r, &self->caps, self->memory, take, &self->copy);
	EXPECT_EQ(0, vmf_reader_feed(r, s->data, size_of(s) - 1));
	EXPECT_EQ(-ENODATA, vmf_reader_finish(r));
	vmf_reader_init(r, &self->caps, self->memory, take, &self->copy);
	EXPECT_EQ(1, vmf_reader_feed(r, s->data, size_of(s)));
	EXPECT_EQ(0, vmf_reader_feed(r, s->data, 0));
	EXPECT_EQ(0, vmf_reader_finish(r));
	EXPECT_EQ(-EILSEQ, vmf_reader_feed(r, s->data, 1));
	EXPECT_EQ(size_of(s), r->why.at);
	EXPECT_EQ(-EILSEQ, vmf_reader_finish(r));
}

static int sum(void *ctx, const struct vmf_piece *piece)
{
	u64 *total = ctx;

	if (piece->offset != *total)
		return -EIO;
	*total += piece->len;
	return 0;
}

static int count(void *ctx, const struct vmf_piece *piece)
{
	u64 *total = ctx;

	*total += 1;
	return 0;
}

static int give(void *ctx, const struct vmf_piece *piece)
{
	return *(int *)ctx;
}

static int give_bytes(void *ctx, const void *data, size_t len)
{
	return *(int *)ctx;
}

/* Longer than a section can be: in fragments, one at a time in the memory of the reader. */
TEST_F(codec, a_long_blob)
{
	static const struct vmf_part part = VMF_ENVELOPE_PART(VMF_ENVELOPE_BLOB_MAX);
	const size_t len = 2 * VMF_PAYLOAD_MAX + 1;
	u8 *blob = calloc(1, len);
	u64 total = 0;

	ASSERT_NE(NULL, blob);
	self->caps = caps_sample();
	self->caps.parts = &part;
	self->caps.nr_parts = 1;
	self->caps.stream_max = VMF_ENVELOPE_STREAM_MAX;
	EXPECT_EQ(VMF_DESCRIPTOR_MAX + VMF_PAYLOAD_MAX, vmf_reader_size(&self->caps));
	start(self, &self->caps, 0, 0);
	EXPECT_EQ(0, vmf_writer_state(&self->copy.writer, &part, 0, blob, len, false));
	EXPECT_EQ(0, vmf_writer_end(&self->copy.writer));
	EXPECT_EQ(5, self->copy.writer.order.sections);
	vmf_reader_init(&self->reader, &self->caps, self->memory, sum, &total);
	EXPECT_EQ(1, vmf_reader_feed(&self->reader, self->copy.out.data, self->copy.out.len));
	EXPECT_EQ(len, total);
	free(blob);
}

/* A call is a section, however short: 62 of them between DESCRIPTOR and END. */
TEST_F(codec, a_blob_in_many_pieces)
{
	static const u8 byte[1];
	struct vmf_writer *w = &self->copy.writer;
	const struct vmf_part *part;
	u64 total = 0;
	int i, last;

	self->caps = caps_sample();
	part = self->caps.parts + 1;
	for (last = 62; last <= 63; last++) {
		start(self, &self->caps, 0, 0);
		for (i = 1; i <= last; i++)
			EXPECT_EQ(0, vmf_writer_state(w, part, 0, byte, 1, i < last));
		EXPECT_EQ(last == 62 ? 0 : -EFBIG, vmf_writer_end(w));
		if (last == 63)
			break;
		vmf_reader_init(&self->reader, &self->caps, self->memory, sum, &total);
		EXPECT_EQ(1, vmf_reader_feed(&self->reader, self->copy.out.data,
					     self->copy.out.len));
	}
	EXPECT_EQ(62, total);
}

/* Sections that may be missing have no share in what END looks for, however many they are. */
TEST_F(codec, many_instances)
{
	static const struct vmf_part parts[] = {
		{ .entry = { .type = 0x10000, .schema = 1, .min_reader = 1, .count_max = 100,
			     .len_max = 8 }, .since = 1, .feature = -1, .len_min = 8 },
		{ .entry = { .type = 0x10001, .schema = 1, .min_reader = 1, .count_max = 100,
			     .flags = VMF_FLAG_CRITICAL, .len_max = 8 },
		  .since = 1, .feature = 5, .len_min = 8 },
		{ .entry = { .type = 0x10002, .schema = 1, .min_reader = 1, .count_max = 62,
			     .flags = VMF_FLAG_CRITICAL, .len_max = 8 },
		  .since = 1, .feature = -1, .len_min = 8 },
	};
	static const u8 payload[8] = "payload";
	struct vmf_writer *w = &self->copy.writer;
	u64 total = 0;
	u32 missing, i;

	self->caps = caps_sample();
	self->caps.parts = parts;
	self->caps.nr_parts = ARRAY_SIZE(parts);
	self->copy.opaque = true;
	/* All that fit a stream, and each of them left out once. */
	for (missing = 0; missing <= 62; missing++) {
		start(self, &self->caps, 0, 0);
		for (i = 0; i < 62; i++)
			if (i != missing)
				vmf_writer_state(w, parts + 2, i, payload, 8, false);
		ASSERT_EQ(0, vmf_writer_end(w));
		vmf_reader_init(&self->reader, &self->caps, self->memory, count, &total);
		EXPECT_EQ(missing < 62 ? -EILSEQ : 1,
			  vmf_reader_feed(&self->reader, self->copy.out.data, self->copy.out.len));
		EXPECT_EQ(missing < 62 ? missing : 0, self->reader.why.got);
	}
	EXPECT_EQ(62 * 61 + 62, total);
}

/* A section of one length comes in one piece, unless that is longer than a section can be. */
TEST_F(codec, one_length)
{
	struct vmf_part part = {
		.entry = { .type = 0x10001, .schema = 1, .min_reader = 1, .count_max = 1,
			   .flags = VMF_FLAG_CRITICAL, .len_max = VMF_PAYLOAD_MAX + 8 },
		.since = 1, .feature = -1, .len_min = VMF_PAYLOAD_MAX + 8,
	};
	struct vmf_reader *r = &self->reader;
	struct vmf_writer *w = &self->copy.writer;
	u8 *payload = calloc(1, VMF_PAYLOAD_MAX + 8);
	struct vmf_buffer *out = &self->copy.out;
	u64 total = 0;

	ASSERT_NE(NULL, payload);
	self->caps = caps_sample();
	self->caps.parts = &part;
	self->caps.nr_parts = 1;
	self->caps.stream_max = VMF_ENVELOPE_STREAM_MAX;
	start(self, &self->caps, 0, 0);
	EXPECT_EQ(0, vmf_writer_state(w, &part, 0, payload, VMF_PAYLOAD_MAX + 8, false));
	EXPECT_EQ(0, vmf_writer_end(w));
	EXPECT_EQ(4, w->order.sections);
	vmf_reader_init(r, &self->caps, self->memory, sum, &total);
	EXPECT_EQ(1, vmf_reader_feed(r, out->data, out->len)) {
		TH_LOG("%s", r->why.reason);
	}
	EXPECT_EQ(VMF_PAYLOAD_MAX + 8, total);
	free(payload);
}

/* What take() returns is an error or 0; nothing else makes a device load, least of all that. */
TEST_F(codec, take_returns_what_it_should_not)
{
	static const int returned[] = { 1, 4096, INT_MAX, -ERANGE, INT_MIN };
	static const int want[] = { -EIO, -EIO, -EIO, -ERANGE, -EIO };
	const struct corpus_stream *s = &corpus_envelopes[0];
	unsigned int i;
	int value;

	self->caps = caps_sample();
	for (i = 0; i < ARRAY_SIZE(returned); i++) {
		value = returned[i];
		vmf_reader_init(&self->reader, &self->caps, self->memory, give, &value);
		EXPECT_EQ(want[i], vmf_reader_feed(&self->reader, s->data, size_of(s)));
		EXPECT_EQ(want[i], vmf_reader_finish(&self->reader));
		vmf_writer_start(&self->copy.writer, give_bytes, &value);
		EXPECT_EQ(want[i], vmf_writer_end(&self->copy.writer));
	}
}

TEST_HARNESS_MAIN
