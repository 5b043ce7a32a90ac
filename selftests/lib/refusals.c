// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ways in which a stream can be wrong, by the errno of the format: what any
 * reader would refuse, whatever its device. CRCs are made right,
 * unless they are what is wrong.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kernel.h>
#include <linux/types.h>

#include "refusals.h"
#include "vmf_descriptor.h"

#define LIMIT(_i)	(VMF_LIMIT_LEN * (_i))
#define ENTRY(_i)	(VMF_ENTRY_LEN * (_i))

static void edit_file_header_crc(struct mig_buf *s)
{
	s->data[VMF_HDR_COMPAT] ^= 1;
}

static void edit_section_header_crc(struct mig_buf *s)
{
	s->data[edit_section(s, VMF_TX_QUEUE, 1).off + VMF_SEC_FLAGS] ^= 1;
}

static void edit_payload_crc(struct mig_buf *s)
{
	s->data[edit_section(s, VMF_TX_QUEUE, 1).payload] ^= 0x80;
}

/* Sections that are right each, of two streams. */
static void edit_stream_crc(struct mig_buf *s)
{
	struct vmf_section end = edit_section(s, VMF_END, 0);

	s->data[end.payload + VMF_END_CRC] ^= 1;
	vmf_put32(s->data, end.off + VMF_SEC_PAYLOAD_CRC,
		  vmf_crc32c(0, s->data + end.payload, VMF_END_LEN));
	edit_fixup_header(s, &end);
}

static void edit_section_padding(struct mig_buf *s)
{
	struct vmf_section f = edit_section(s, VMF_FILTERS, 0);

	vmf_put64(s->data, f.off + VMF_SEC_LENGTH, f.len - 1);
	s->data[f.payload + f.len - 1] = 1;
	edit_fixup(s);
}

static void edit_section_missing(struct mig_buf *s)
{
	struct vmf_section f = edit_section(s, VMF_FILTERS, 0);

	edit_cut(s, f.off, VMF_SECTION_LEN + f.len);
	edit_renumber(s);
}

/* Two neighbours of the same length change places. */
static void edit_swapped(struct mig_buf *s)
{
	struct vmf_section a = edit_section(s, VMF_RX_QUEUE, 1);
	struct vmf_section b = edit_section(s, VMF_TX_QUEUE, 0);
	size_t len = b.off - a.off;
	u8 copy[256];

	memcpy(copy, s->data + a.off, len);
	memcpy(s->data + a.off, s->data + b.off, len);
	memcpy(s->data + b.off, copy, len);
	edit_renumber(s);
}

/* A section, moved to another place. */
static void move(struct mig_buf *s, const struct vmf_section *from, size_t to)
{
	size_t len = VMF_SECTION_LEN + ((from->len + 7) & ~7ULL);
	u8 *copy = malloc(len);

	memcpy(copy, s->data + from->off, len);
	edit_cut(s, from->off, len);
	edit_insert(s, to, len);
	memcpy(s->data + to, copy, len);
	free(copy);
}

static void edit_descriptor_second(struct mig_buf *s)
{
	struct vmf_section d = edit_section(s, VMF_DESCRIPTOR, 0);
	struct vmf_section rx = edit_section(s, VMF_RX_QUEUE, 0);

	move(s, &rx, d.off);
	edit_renumber(s);
}

/* END before the filters, and right for where it is. */
static void edit_end_early(struct mig_buf *s)
{
	struct vmf_section f = edit_section(s, VMF_FILTERS, 0);
	struct vmf_section end = edit_section(s, VMF_END, 0);

	move(s, &end, f.off);
	end = edit_section(s, VMF_END, 0);
	edit_renumber(s);
	vmf_put32(s->data, end.payload + VMF_END_COUNT, f.seq + 1);
	vmf_put64(s->data, end.payload + VMF_END_TOTAL, end.payload + VMF_END_LEN);
	edit_fixup(s);
}

/* The bytes of a section once more. */
static void again(struct mig_buf *s, const struct vmf_section *of)
{
	size_t len = VMF_SECTION_LEN + ((of->len + 7) & ~7ULL), at = of->off + len;

	edit_insert(s, at, len);
	memcpy(s->data + at, s->data + of->off, len);
	edit_renumber(s);
}

static void edit_section_again(struct mig_buf *s)
{
	struct vmf_section m = edit_section(s, VMF_MAILBOX, 0);

	again(s, &m);
}

static void edit_end_again(struct mig_buf *s)
{
	struct vmf_section end = edit_section(s, VMF_END, 0);

	again(s, &end);
}

/* The file header of a writer that does not swap. */
static void edit_byte_order(struct mig_buf *s)
{
	static const unsigned int fields[][2] = {
		{ VMF_HDR_ENDIAN, 4 }, { VMF_HDR_MAJOR, 2 }, { VMF_HDR_MINOR, 2 },
		{ VMF_HDR_LEN, 4 }, { VMF_HDR_INCOMPAT, 4 }, { VMF_HDR_COMPAT, 4 },
		{ VMF_HDR_CRC, 4 },
	};
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(fields); i++) {
		u8 *field = s->data + fields[i][0], copy[4];

		memcpy(copy, field, fields[i][1]);
		for (j = 0; j < fields[i][1]; j++)
			field[j] = copy[fields[i][1] - 1 - j];
	}
}

static void edit_trailing_byte(struct mig_buf *s)
{
	mig_buf_append(s, "", 1);
}

static void edit_two_streams(struct mig_buf *s)
{
	struct mig_buf copy = { 0 };

	mig_buf_copy(&copy, s);
	mig_buf_append(s, copy.data, copy.len);
	mig_buf_free(&copy);
}

static void set_length(struct mig_buf *s, u32 type, u64 len)
{
	struct vmf_section at = edit_section(s, type, 0);

	vmf_put64(s->data, at.off + VMF_SEC_LENGTH, len);
	edit_fixup_header(s, &at);
}

static void edit_length_0(struct mig_buf *s)
{
	set_length(s, VMF_INTERRUPTS, 0);
}

static void edit_length_32_bits(struct mig_buf *s)
{
	set_length(s, VMF_INTERRUPTS, 0xffffffff);
}

static void edit_length_sign(struct mig_buf *s)
{
	set_length(s, VMF_INTERRUPTS, 1ULL << 63);
}

/* 2^64 when it is padded. */
static void edit_length_wraps(struct mig_buf *s)
{
	set_length(s, VMF_INTERRUPTS, ~6ULL);
}

static void edit_length_over_manifest(struct mig_buf *s)
{
	set_length(s, VMF_INTERRUPTS, 40);
}

static void edit_length_over_section_limit(struct mig_buf *s)
{
	set_length(s, VMF_INTERRUPTS, (1 << 20) + 1);
}

static void edit_length_hostile(struct mig_buf *s)
{
	set_length(s, VMF_INTERRUPTS, ~0ULL);
}

static void edit_descriptor_length(struct mig_buf *s)
{
	set_length(s, VMF_DESCRIPTOR, 4096);
}

static void edit_descriptor_length_0(struct mig_buf *s)
{
	set_length(s, VMF_DESCRIPTOR, 0);
}

static void edit_descriptor_length_hostile(struct mig_buf *s)
{
	set_length(s, VMF_DESCRIPTOR, ~0ULL);
}

static void edit_end_length(struct mig_buf *s)
{
	set_length(s, VMF_END, 32);
}

static void edit_section_too_short(struct mig_buf *s)
{
	struct vmf_section f = edit_section(s, VMF_FILTERS, 0);

	vmf_put64(s->data, f.off + VMF_SEC_LENGTH, 8);
	edit_cut(s, f.payload + 8, f.len - 8);
	edit_renumber(s);
}

static void edit_descriptor_generations(struct mig_buf *s)
{
	struct vmf_section d = edit_section(s, VMF_DESCRIPTOR, 0);
	size_t i, len = VMF_SECTION_LEN + d.len;

	for (i = 1; i <= 16; i++) {
		edit_insert(s, d.off + len * i, len);
		memcpy(s->data + d.off + len * i, s->data + d.off, len);
		vmf_put32(s->data, d.off + len * i + VMF_SEC_INSTANCE, i);
	}
	edit_renumber(s);
}

/* More than there may be, each of them announced and well-formed. */
static void edit_tiny_sections(struct mig_buf *s)
{
	edit_add_optional(s, 1000000, 8, 60);
}

/* EBADMSG: damaged, or malformed. */
static const struct stream_edit malformed[] = {
	{ "magic", EBADMSG, FILE_HEADER, 0, 0, 8, VMF_HDR_MAGIC, 0x88 },
	{ "endian_tag", EBADMSG, FILE_HEADER, 0, 0, 32, VMF_HDR_ENDIAN, 0x04030201 },
	{ "header_short", EBADMSG, FILE_HEADER, 0, 0, 32, VMF_HDR_LEN, 24 },
	{ "header_odd", EBADMSG, FILE_HEADER, 0, 0, 32, VMF_HDR_LEN, 36 },
	{ "header_long", EBADMSG, FILE_HEADER, 0, 0, 32, VMF_HDR_LEN, 264 },
	{ "file_header_crc", EBADMSG, EDIT, .edit = edit_file_header_crc },
	{ "section_header_crc", EBADMSG, EDIT, .edit = edit_section_header_crc },
	{ "payload_crc", EBADMSG, EDIT, .edit = edit_payload_crc },
	{ "stream_crc", EBADMSG, EDIT, .edit = edit_stream_crc },
	{ "section_padding", EBADMSG, EDIT, .edit = edit_section_padding },
	{ "section_flags", EBADMSG, HEADER, VMF_MAILBOX, 0, 16, VMF_SEC_FLAGS, 0x8001 },
	{ "section_type_0", EBADMSG, HEADER, VMF_MAILBOX, 0, 32, VMF_SEC_TYPE, 0 },
	{ "descriptor_schema_0", EBADMSG, HEADER, VMF_DESCRIPTOR, 0, 16, VMF_SEC_SCHEMA, 0 },
	{ "descriptor_flags", EBADMSG, HEADER, VMF_DESCRIPTOR, 0, 16, VMF_SEC_FLAGS, 0 },
	{ "end_reserved", EBADMSG, PAYLOAD, VMF_END, 0, 32, VMF_END_CRC + 4, 1 },
	{ "attribute_flags", EBADMSG, ATTRIBUTE, VMF_KEY_LIMITS, 0, 16, -6, 3 },
	{ "attribute_length", EBADMSG, ATTRIBUTE, VMF_KEY_LIMITS, 0, 32, -4, 0x10000 },
	{ "attribute_twice", EBADMSG, ATTRIBUTE, VMF_KEY_PROFILE_UUID, 0, 16, -8,
	  VMF_KEY_PRESENTED },
	{ "attribute_padding", EBADMSG, ATTRIBUTE, VMF_KEY_PROFILE_NAME, 0, 8, 18, 'x' },
	{ "attribute_missing", EBADMSG, ATTRIBUTE, VMF_KEY_STREAM_MAX, 0, 16, -8, 64 },
	{ "presented_reserved", EBADMSG, ATTRIBUTE, VMF_KEY_PRESENTED, 0, 8, 13, 1 },
	{ "profile_name_form", EBADMSG, ATTRIBUTE, VMF_KEY_PROFILE_NAME, 0, 8, 0, 'V' },
	{ "min_reader_0", EBADMSG, ATTRIBUTE, VMF_KEY_PROFILE_VERSION, 0, 32, 4, 0 },
	{ "limit_order", EBADMSG, ATTRIBUTE, VMF_KEY_LIMITS, 0, 16, LIMIT(0), 2 },
	{ "limit_reserved", EBADMSG, ATTRIBUTE, VMF_KEY_LIMITS, 0, 8, LIMIT(0) + 3, 1 },
	{ "manifest_order", EBADMSG, ATTRIBUTE, VMF_KEY_MANIFEST, 0, 32, ENTRY(0), VMF_TX_QUEUE },
	{ "manifest_flags", EBADMSG, ATTRIBUTE, VMF_KEY_MANIFEST, 0, 16, ENTRY(0) + 8,
	  VMF_CRITICAL | VMF_CONT },
	{ "manifest_reserved", EBADMSG, ATTRIBUTE, VMF_KEY_MANIFEST, 0, 32, ENTRY(0) + 20, 1 },
	{ "rx_reserved", EBADMSG, PAYLOAD, VMF_RX_QUEUE, 0, 32, 36, 1 },
	{ "tx_reserved", EBADMSG, PAYLOAD, VMF_TX_QUEUE, 1, 32, 36, 1 },
	{ "mailbox_flags", EBADMSG, PAYLOAD, VMF_MAILBOX, 0, 8, 129, 0x80 },
	{ "mailbox_reserved", EBADMSG, PAYLOAD, VMF_MAILBOX, 0, 16, 130, 1 },
	{ "filters_flags", EBADMSG, PAYLOAD, VMF_FILTERS, 0, 32, 0, 0x11 },
	{ "filters_reserved", EBADMSG, PAYLOAD, VMF_FILTERS, 0, 32, 76, 1 },
	{ "statistics_reserved", EBADMSG, PAYLOAD, VMF_STATISTICS, 0, 32, 36, 1 },
	{ "byte_order", EBADMSG, EDIT, .edit = edit_byte_order },
};

const struct stream_edits edits_malformed = { malformed, ARRAY_SIZE(malformed) };

/* EPROTONOSUPPORT: a container from the future. */
static const struct stream_edit other_format[] = {
	{ "major", EPROTONOSUPPORT, FILE_HEADER, 0, 0, 16, VMF_HDR_MAJOR, 2 },
	{ "incompat", EPROTONOSUPPORT, FILE_HEADER, 0, 0, 32, VMF_HDR_INCOMPAT, 1 },
};

const struct stream_edits edits_other_format = { other_format, ARRAY_SIZE(other_format) };

/* EILSEQ: right sections in a wrong order or number. */
static const struct stream_edit wrong_order[] = {
	{ "seq", EILSEQ, HEADER, VMF_TX_QUEUE, 0, 32, VMF_SEC_SEQ, 9 },
	{ "no_descriptor", EILSEQ, HEADER, VMF_DESCRIPTOR, 0, 32, VMF_SEC_TYPE, VMF_TEXT },
	{ "descriptor_generation", EILSEQ, HEADER, VMF_DESCRIPTOR, 0, 32, VMF_SEC_INSTANCE, 1 },
	{ "descriptor_after_state", EILSEQ, HEADER, VMF_MAILBOX, 0, 32, VMF_SEC_TYPE,
	  VMF_DESCRIPTOR },
	{ "section_twice", EILSEQ, HEADER, VMF_RX_QUEUE, 1, 32, VMF_SEC_INSTANCE, 0 },
	{ "section_order", EILSEQ, HEADER, VMF_MAILBOX, 0, 32, VMF_SEC_TYPE, VMF_RX_QUEUE },
	{ "not_in_manifest", EILSEQ, HEADER, VMF_FILTERS, 0, 32, VMF_SEC_TYPE, 0x10008 },
	{ "schema_not_as_in_manifest", EILSEQ, HEADER, VMF_FILTERS, 0, 16, VMF_SEC_SCHEMA, 2 },
	{ "flags_not_as_in_manifest", EILSEQ, HEADER, VMF_FILTERS, 0, 16, VMF_SEC_FLAGS, 0 },
	{ "instance_not_in_manifest", EILSEQ, HEADER, VMF_FILTERS, 0, 32, VMF_SEC_INSTANCE, 1 },
	{ "fragment_not_followed", EILSEQ, HEADER, VMF_FILTERS, 0, 16, VMF_SEC_FLAGS,
	  VMF_CRITICAL | VMF_CONT },
	{ "end_instance", EILSEQ, HEADER, VMF_END, 0, 32, VMF_SEC_INSTANCE, 1 },
	{ "end_count", EILSEQ, PAYLOAD, VMF_END, 0, 32, VMF_END_COUNT, 8 },
	{ "end_generation", EILSEQ, PAYLOAD, VMF_END, 0, 32, VMF_END_GENERATION, 1 },
	{ "end_total", EILSEQ, PAYLOAD, VMF_END, 0, 64, VMF_END_TOTAL, 928 },
	{ "swapped", EILSEQ, EDIT, .edit = edit_swapped },
	{ "descriptor_second", EILSEQ, EDIT, .edit = edit_descriptor_second },
	{ "end_early", EILSEQ, EDIT, .edit = edit_end_early },
	{ "section_again", EILSEQ, EDIT, .edit = edit_section_again },
	{ "end_again", EILSEQ, EDIT, .edit = edit_end_again },
	{ "section_missing", EILSEQ, EDIT, .edit = edit_section_missing },
	{ "trailing_byte", EILSEQ, EDIT, .edit = edit_trailing_byte },
	{ "two_streams", EILSEQ, EDIT, .edit = edit_two_streams },
};

const struct stream_edits edits_wrong_order = { wrong_order, ARRAY_SIZE(wrong_order) };

/* EMSGSIZE and EFBIG: too long. */
static const struct stream_edit too_long[] = {
	{ "length_0", EMSGSIZE, EDIT, .edit = edit_length_0 },
	{ "length_32_bits", EMSGSIZE, EDIT, .edit = edit_length_32_bits },
	{ "length_sign", EMSGSIZE, EDIT, .edit = edit_length_sign },
	{ "length_wraps", EMSGSIZE, EDIT, .edit = edit_length_wraps },
	{ "length_over_manifest", EMSGSIZE, EDIT, .edit = edit_length_over_manifest },
	{ "length_over_section_limit", EMSGSIZE, EDIT, .edit = edit_length_over_section_limit },
	{ "length_hostile", EMSGSIZE, EDIT, .edit = edit_length_hostile },
	{ "descriptor_length", EMSGSIZE, EDIT, .edit = edit_descriptor_length },
	{ "descriptor_length_0", EMSGSIZE, EDIT, .edit = edit_descriptor_length_0 },
	{ "descriptor_length_hostile", EMSGSIZE, EDIT, .edit = edit_descriptor_length_hostile },
	{ "end_length", EMSGSIZE, EDIT, .edit = edit_end_length },
	{ "section_too_short", EMSGSIZE, EDIT, .edit = edit_section_too_short },
	{ "stream_max_over_limit", EFBIG, ATTRIBUTE, VMF_KEY_STREAM_MAX, 0, 64, 0, 65537 },
	{ "stream_over_own_max", EFBIG, ATTRIBUTE, VMF_KEY_STREAM_MAX, 0, 64, 0, 800 },
	{ "descriptor_generations", EFBIG, EDIT, .edit = edit_descriptor_generations },
	{ "tiny_sections", EFBIG, EDIT, .edit = edit_tiny_sections },
};

const struct stream_edits edits_too_long = { too_long, ARRAY_SIZE(too_long) };
