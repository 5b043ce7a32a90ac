// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ways in which a stream can be wrong. CRCs are made right, unless they are what
 * is wrong.
 */
#include <errno.h>
#include <string.h>

#include <linux/kernel.h>
#include <linux/types.h>

#include <libvfio/assert.h>

#include "igbvf_user.h"
#include "stream_edit.h"
#include "vmf_stream.h"

/* Attributes of the DESCRIPTOR. */
#define KEY_PRESENTED	1
#define KEY_UUID	2
#define KEY_NAME	3
#define KEY_VERSION	4
#define KEY_REQUIRED	5
#define KEY_LIMITS	7
#define KEY_MANIFEST	8
#define KEY_STREAM_MAX	9

#define LIMIT(_i)	(16 * (_i))
#define ENTRY(_i)	(24 * (_i))

static struct vmf_section section(struct mig_buf *s, u32 type, u32 instance)
{
	struct vmf_section found;

	VFIO_ASSERT_TRUE(vmf_lookup(s->data, s->len, type, instance, &found),
			 "stream without %#x %u\n", type, instance);
	return found;
}

/* Offset of the value of a DESCRIPTOR attribute. */
static size_t attribute(struct mig_buf *s, u16 key)
{
	struct vmf_section d = section(s, VMF_DESCRIPTOR, 0);
	size_t at = d.payload;

	while (at < d.payload + d.len) {
		if (vmf_get16(s->data, at) == key)
			return at + 8;
		at += 8 + ((vmf_get32(s->data, at + 4) + 7) & ~7u);
	}
	VFIO_FAIL("DESCRIPTOR without key %u\n", key);
}

static void fixup(struct mig_buf *s)
{
	vmf_fixup(s->data, s->len);
}

/* The CRC of one header only, when the lengths do not let the others be found. */
static void fixup_header(struct mig_buf *s, const struct vmf_section *at)
{
	vmf_put32(s->data, at->off + VMF_SEC_HEADER_CRC,
		  vmf_crc32c(0, s->data + at->off, VMF_SEC_HEADER_CRC));
}

/* Make room at @at: what is after it moves, and END knows of the new length. */
static void insert(struct mig_buf *s, size_t at, size_t len)
{
	struct vmf_section end = section(s, VMF_END, 0);
	static const u8 zeros[4096];

	vmf_put64(s->data, end.payload + VMF_END_TOTAL, s->len + len);
	mig_buf_append(s, zeros, len);
	memmove(s->data + at + len, s->data + at, s->len - len - at);
	memset(s->data + at, 0, len);
}

/* Number the sections anew after some came or went. */
static void renumber(struct mig_buf *s)
{
	struct vmf_section all[VMF_SECTIONS_MAX];
	int i, n;

	n = vmf_walk(s->data, s->len, all, VMF_SECTIONS_MAX);
	VFIO_ASSERT_GT(n, 1);
	for (i = 0; i < n; i++)
		vmf_put32(s->data, all[i].off + VMF_SEC_SEQ, i);
	vmf_put32(s->data, all[n - 1].payload + VMF_END_COUNT, n);
	vmf_put64(s->data, all[n - 1].payload + VMF_END_TOTAL, s->len);
	fixup(s);
}

static void cut(struct mig_buf *s, size_t at, size_t len)
{
	memmove(s->data + at, s->data + at + len, s->len - at - len);
	s->len -= len;
}

void stream_edit_apply(const struct stream_edit *edit, struct mig_buf *s)
{
	size_t at = 0;

	switch (edit->place) {
	case FILE_HEADER:
		break;
	case HEADER:
		at = section(s, edit->type, edit->instance).off;
		break;
	case PAYLOAD:
		at = section(s, edit->type, edit->instance).payload;
		break;
	case ATTRIBUTE:
		at = attribute(s, edit->type);
		break;
	case EDIT:
		edit->edit(s);
		return;
	}
	at += edit->at;
	if (edit->bits == 64)
		vmf_put64(s->data, at, edit->val);
	else if (edit->bits == 32)
		vmf_put32(s->data, at, edit->val);
	else if (edit->bits == 16)
		vmf_put16(s->data, at, edit->val);
	else
		s->data[at] = edit->val;
	fixup(s);
}

static void edit_file_header_crc(struct mig_buf *s)
{
	s->data[VMF_HDR_COMPAT] ^= 1;
}

static void edit_section_header_crc(struct mig_buf *s)
{
	s->data[section(s, VMF_TX_QUEUE, 1).off + VMF_SEC_FLAGS] ^= 1;
}

static void edit_payload_crc(struct mig_buf *s)
{
	s->data[section(s, VMF_TX_QUEUE, 1).payload] ^= 0x80;
}

/* Sections that are right each, of two streams. */
static void edit_stream_crc(struct mig_buf *s)
{
	struct vmf_section end = section(s, VMF_END, 0);

	s->data[end.payload + VMF_END_CRC] ^= 1;
	vmf_put32(s->data, end.off + VMF_SEC_PAYLOAD_CRC,
		  vmf_crc32c(0, s->data + end.payload, VMF_END_LEN));
	fixup_header(s, &end);
}

static void edit_section_padding(struct mig_buf *s)
{
	struct vmf_section f = section(s, VMF_FILTERS, 0);

	vmf_put64(s->data, f.off + VMF_SEC_LENGTH, f.len - 1);
	s->data[f.payload + f.len - 1] = 1;
	fixup(s);
}

static void edit_version(struct mig_buf *s)
{
	vmf_put32(s->data, attribute(s, KEY_VERSION), 2);
	vmf_put32(s->data, attribute(s, KEY_VERSION) + 4, 2);
	fixup(s);
}

static void edit_unknown_attribute(struct mig_buf *s)
{
	struct vmf_section d = section(s, VMF_DESCRIPTOR, 0);
	size_t at = d.payload + d.len;

	insert(s, at, 8);
	vmf_put16(s->data, at, 63);
	vmf_put16(s->data, at + 2, 1);
	vmf_put64(s->data, d.off + VMF_SEC_LENGTH, d.len + 8);
	fixup(s);
}

static void edit_section_missing(struct mig_buf *s)
{
	struct vmf_section f = section(s, VMF_FILTERS, 0);

	cut(s, f.off, VMF_SECTION_LEN + f.len);
	renumber(s);
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
	struct vmf_section at = section(s, type, 0);

	vmf_put64(s->data, at.off + VMF_SEC_LENGTH, len);
	fixup_header(s, &at);
}

static void edit_length_0(struct mig_buf *s)
{
	set_length(s, VMF_INTERRUPTS, 0);
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

static void edit_end_length(struct mig_buf *s)
{
	set_length(s, VMF_END, 32);
}

static void edit_section_too_short(struct mig_buf *s)
{
	struct vmf_section f = section(s, VMF_FILTERS, 0);

	vmf_put64(s->data, f.off + VMF_SEC_LENGTH, 8);
	cut(s, f.payload + 8, 8);
	renumber(s);
}

static void edit_descriptor_generations(struct mig_buf *s)
{
	struct vmf_section d = section(s, VMF_DESCRIPTOR, 0);
	size_t i, len = VMF_SECTION_LEN + d.len;

	for (i = 1; i <= 16; i++) {
		insert(s, d.off + len * i, len);
		memcpy(s->data + d.off + len * i, s->data + d.off, len);
		vmf_put32(s->data, d.off + len * i + VMF_SEC_INSTANCE, i);
	}
	renumber(s);
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
	{ "attribute_flags", EBADMSG, ATTRIBUTE, KEY_LIMITS, 0, 16, -6, 3 },
	{ "attribute_length", EBADMSG, ATTRIBUTE, KEY_LIMITS, 0, 32, -4, 0x10000 },
	{ "attribute_twice", EBADMSG, ATTRIBUTE, KEY_UUID, 0, 16, -8, KEY_PRESENTED },
	{ "attribute_padding", EBADMSG, ATTRIBUTE, KEY_NAME, 0, 8, 18, 'x' },
	{ "attribute_missing", EBADMSG, ATTRIBUTE, KEY_STREAM_MAX, 0, 16, -8, 64 },
	{ "presented_reserved", EBADMSG, ATTRIBUTE, KEY_PRESENTED, 0, 8, 13, 1 },
	{ "profile_name_form", EBADMSG, ATTRIBUTE, KEY_NAME, 0, 8, 0, 'V' },
	{ "min_reader_0", EBADMSG, ATTRIBUTE, KEY_VERSION, 0, 32, 4, 0 },
	{ "limit_order", EBADMSG, ATTRIBUTE, KEY_LIMITS, 0, 16, LIMIT(0), 2 },
	{ "limit_reserved", EBADMSG, ATTRIBUTE, KEY_LIMITS, 0, 8, LIMIT(0) + 3, 1 },
	{ "manifest_order", EBADMSG, ATTRIBUTE, KEY_MANIFEST, 0, 32, ENTRY(0), VMF_TX_QUEUE },
	{ "manifest_flags", EBADMSG, ATTRIBUTE, KEY_MANIFEST, 0, 16, ENTRY(0) + 8,
	  VMF_CRITICAL | VMF_CONT },
	{ "manifest_reserved", EBADMSG, ATTRIBUTE, KEY_MANIFEST, 0, 32, ENTRY(0) + 20, 1 },
	{ "rx_reserved", EBADMSG, PAYLOAD, VMF_RX_QUEUE, 0, 32, 36, 1 },
	{ "tx_reserved", EBADMSG, PAYLOAD, VMF_TX_QUEUE, 1, 32, 36, 1 },
	{ "mailbox_flags", EBADMSG, PAYLOAD, VMF_MAILBOX, 0, 8, 65, 0x80 },
	{ "mailbox_reserved", EBADMSG, PAYLOAD, VMF_MAILBOX, 0, 16, 66, 1 },
	{ "filters_flags", EBADMSG, PAYLOAD, VMF_FILTERS, 0, 32, 0, 3 },
	{ "filters_reserved", EBADMSG, PAYLOAD, VMF_FILTERS, 0, 16, 10, 1 },
};

const struct stream_edits edits_malformed = { malformed, ARRAY_SIZE(malformed) };

/* EPROTONOSUPPORT: a container from the future. */
static const struct stream_edit other_format[] = {
	{ "major", EPROTONOSUPPORT, FILE_HEADER, 0, 0, 16, VMF_HDR_MAJOR, 2 },
	{ "incompat", EPROTONOSUPPORT, FILE_HEADER, 0, 0, 32, VMF_HDR_INCOMPAT, 1 },
};

const struct stream_edits edits_other_format = { other_format, ARRAY_SIZE(other_format) };

/* EXDEV: of another device. */
static const struct stream_edit other_device[] = {
	{ "vendor", EXDEV, ATTRIBUTE, KEY_PRESENTED, 0, 16, 0, 0x8087 },
	{ "device", EXDEV, ATTRIBUTE, KEY_PRESENTED, 0, 16, 2, 0x1520 },
	{ "revision", EXDEV, ATTRIBUTE, KEY_PRESENTED, 0, 8, 8, 2 },
	{ "class", EXDEV, ATTRIBUTE, KEY_PRESENTED, 0, 8, 11, 1 },
	{ "not_a_vf", EXDEV, ATTRIBUTE, KEY_PRESENTED, 0, 8, 12, 0 },
	{ "profile_uuid", EXDEV, ATTRIBUTE, KEY_UUID, 0, 8, 15, 0 },
	{ "profile_name", EXDEV, ATTRIBUTE, KEY_NAME, 0, 8, 0, 'w' },
};

const struct stream_edits edits_other_device = { other_device, ARRAY_SIZE(other_device) };

/* EOPNOTSUPP: of this device, and too new. */
static const struct stream_edit too_new[] = {
	{ "version", EOPNOTSUPP, EDIT, .edit = edit_version },
	{ "unknown_attribute", EOPNOTSUPP, EDIT, .edit = edit_unknown_attribute },
	{ "required_feature", EOPNOTSUPP, ATTRIBUTE, KEY_REQUIRED, 0, 64, 0, 1ULL << 40 },
	{ "unknown_critical_section", EOPNOTSUPP, ATTRIBUTE, KEY_MANIFEST, 0, 32, ENTRY(4),
	  0x10006 },
	{ "section_schema", EOPNOTSUPP, ATTRIBUTE, KEY_MANIFEST, 0, 32, ENTRY(4) + 4, 0x00020002 },
	{ "unknown_limit", EOPNOTSUPP, ATTRIBUTE, KEY_LIMITS, 0, 16, LIMIT(2), 99 },
	{ "descriptor_schema", EOPNOTSUPP, HEADER, VMF_DESCRIPTOR, 0, 16, VMF_SEC_SCHEMA, 2 },
};

const struct stream_edits edits_too_new = { too_new, ARRAY_SIZE(too_new) };

/* EDOM: more than the device has. */
static const struct stream_edit over_limits[] = {
	{ "rx_queues", EDOM, ATTRIBUTE, KEY_LIMITS, 0, 64, LIMIT(0) + 8, 3 },
	{ "tx_queues", EDOM, ATTRIBUTE, KEY_LIMITS, 0, 64, LIMIT(1) + 8, 3 },
	{ "fewer_vectors", EDOM, ATTRIBUTE, KEY_LIMITS, 0, 64, LIMIT(2) + 8, 2 },
	{ "limit_rule", EDOM, ATTRIBUTE, KEY_LIMITS, 0, 8, LIMIT(0) + 2, 6 },
	{ "section_instances", EDOM, ATTRIBUTE, KEY_MANIFEST, 0, 32, ENTRY(0) + 12, 3 },
};

const struct stream_edits edits_over_limits = { over_limits, ARRAY_SIZE(over_limits) };

/* EILSEQ: right sections in a wrong order or number. */
static const struct stream_edit wrong_order[] = {
	{ "seq", EILSEQ, HEADER, VMF_TX_QUEUE, 0, 32, VMF_SEC_SEQ, 9 },
	{ "no_descriptor", EILSEQ, HEADER, VMF_DESCRIPTOR, 0, 32, VMF_SEC_TYPE, VMF_TEXT },
	{ "descriptor_generation", EILSEQ, HEADER, VMF_DESCRIPTOR, 0, 32, VMF_SEC_INSTANCE, 1 },
	{ "descriptor_after_state", EILSEQ, HEADER, VMF_MAILBOX, 0, 32, VMF_SEC_TYPE,
	  VMF_DESCRIPTOR },
	{ "section_twice", EILSEQ, HEADER, VMF_RX_QUEUE, 1, 32, VMF_SEC_INSTANCE, 0 },
	{ "section_order", EILSEQ, HEADER, VMF_MAILBOX, 0, 32, VMF_SEC_TYPE, VMF_RX_QUEUE },
	{ "not_in_manifest", EILSEQ, HEADER, VMF_FILTERS, 0, 32, VMF_SEC_TYPE, 0x10006 },
	{ "schema_not_as_in_manifest", EILSEQ, HEADER, VMF_FILTERS, 0, 16, VMF_SEC_SCHEMA, 2 },
	{ "flags_not_as_in_manifest", EILSEQ, HEADER, VMF_FILTERS, 0, 16, VMF_SEC_FLAGS, 0 },
	{ "instance_not_in_manifest", EILSEQ, HEADER, VMF_FILTERS, 0, 32, VMF_SEC_INSTANCE, 1 },
	{ "fragment_not_followed", EILSEQ, HEADER, VMF_FILTERS, 0, 16, VMF_SEC_FLAGS,
	  VMF_CRITICAL | VMF_CONT },
	{ "end_instance", EILSEQ, HEADER, VMF_END, 0, 32, VMF_SEC_INSTANCE, 1 },
	{ "end_count", EILSEQ, PAYLOAD, VMF_END, 0, 32, VMF_END_COUNT, 8 },
	{ "end_generation", EILSEQ, PAYLOAD, VMF_END, 0, 32, VMF_END_GENERATION, 1 },
	{ "end_total", EILSEQ, PAYLOAD, VMF_END, 0, 64, VMF_END_TOTAL, 928 },
	{ "section_missing", EILSEQ, EDIT, .edit = edit_section_missing },
	{ "trailing_byte", EILSEQ, EDIT, .edit = edit_trailing_byte },
	{ "two_streams", EILSEQ, EDIT, .edit = edit_two_streams },
};

const struct stream_edits edits_wrong_order = { wrong_order, ARRAY_SIZE(wrong_order) };

/* EMSGSIZE and EFBIG: too long. */
static const struct stream_edit too_long[] = {
	{ "length_0", EMSGSIZE, EDIT, .edit = edit_length_0 },
	{ "length_over_manifest", EMSGSIZE, EDIT, .edit = edit_length_over_manifest },
	{ "length_over_section_limit", EMSGSIZE, EDIT, .edit = edit_length_over_section_limit },
	{ "length_hostile", EMSGSIZE, EDIT, .edit = edit_length_hostile },
	{ "descriptor_length", EMSGSIZE, EDIT, .edit = edit_descriptor_length },
	{ "end_length", EMSGSIZE, EDIT, .edit = edit_end_length },
	{ "section_too_short", EMSGSIZE, EDIT, .edit = edit_section_too_short },
	{ "stream_max_over_limit", EFBIG, ATTRIBUTE, KEY_STREAM_MAX, 0, 64, 0, 65537 },
	{ "stream_over_own_max", EFBIG, ATTRIBUTE, KEY_STREAM_MAX, 0, 64, 0, 800 },
	{ "descriptor_generations", EFBIG, EDIT, .edit = edit_descriptor_generations },
};

const struct stream_edits edits_too_long = { too_long, ARRAY_SIZE(too_long) };

/* ERANGE: a value that the device cannot have. */
static const struct stream_edit out_of_range[] = {
	{ "rdba", ERANGE, PAYLOAD, VMF_RX_QUEUE, 0, 8, 0, 0x10 },
	{ "rdlen_unit", ERANGE, PAYLOAD, VMF_RX_QUEUE, 0, 32, 8, 64 },
	{ "rdlen_large", ERANGE, PAYLOAD, VMF_RX_QUEUE, 0, 32, 8, 0x100000 },
	{ "rdlen_0_enabled", ERANGE, PAYLOAD, VMF_RX_QUEUE, 0, 32, 8, 0 },
	{ "rdh", ERANGE, PAYLOAD, VMF_RX_QUEUE, 0, 32, 16, NIC_RX_RING },
	{ "rdt", ERANGE, PAYLOAD, VMF_RX_QUEUE, 0, 32, 20, NIC_RX_RING },
	{ "rxdctl_flush", ERANGE, PAYLOAD, VMF_RX_QUEUE, 0, 32, 24, VF_QUEUE_ENABLE | BIT(26) },
	{ "psrtype_of_queue_1", ERANGE, PAYLOAD, VMF_RX_QUEUE, 1, 32, 32, 1 },
	{ "tdba", ERANGE, PAYLOAD, VMF_TX_QUEUE, 1, 8, 0, 0x10 },
	{ "tdlen_unit", ERANGE, PAYLOAD, VMF_TX_QUEUE, 1, 32, 16, 16 },
	{ "tdlen_0_enabled", ERANGE, PAYLOAD, VMF_TX_QUEUE, 1, 32, 16, 0 },
	{ "tdh", ERANGE, PAYLOAD, VMF_TX_QUEUE, 1, 32, 20, NIC_TX_RING },
	{ "tdt", ERANGE, PAYLOAD, VMF_TX_QUEUE, 1, 32, 24, 0x10000 },
	{ "eims", ERANGE, PAYLOAD, VMF_INTERRUPTS, 0, 32, 0, 8 },
	{ "eiac", ERANGE, PAYLOAD, VMF_INTERRUPTS, 0, 32, 4, 8 },
	{ "eiam", ERANGE, PAYLOAD, VMF_INTERRUPTS, 0, 32, 8, 8 },
	{ "eitr", ERANGE, PAYLOAD, VMF_INTERRUPTS, 0, 32, 20, 0x80000000u },
	{ "ivar", ERANGE, PAYLOAD, VMF_INTERRUPTS, 0, 32, 24, 0x04 },
	{ "ivar_misc", ERANGE, PAYLOAD, VMF_INTERRUPTS, 0, 32, 28, 0x40 },
	{ "mailbox_r2c", ERANGE, PAYLOAD, VMF_MAILBOX, 0, 8, 64, VF_MBX_VFU },
	{ "mac_multicast", ERANGE, PAYLOAD, VMF_FILTERS, 0, 8, 4, 0x03 },
	{ "mac_without_flag", ERANGE, PAYLOAD, VMF_FILTERS, 0, 32, 0, 0 },
	{ "max_frame", ERANGE, PAYLOAD, VMF_FILTERS, 0, 32, 12, 0x2601 },
};

const struct stream_edits edits_out_of_range = { out_of_range, ARRAY_SIZE(out_of_range) };
