/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * VFIO Migration Format in C: what a reader does with a section: admit it, judge it, hand it on.
 */
#ifndef _VMF_SECTION_H
#define _VMF_SECTION_H

#include <vmf/descriptor.h>

/**
 * struct vmf_piece - What a reader hands out: the payload of an instance, or a fragment of it.
 * @part: the section
 * @version: version of the profile that the stream is of
 * @schema: schema of the section in the stream; of a later one than that of @part only the part up
 *          to the longest payload of that is handed out, and an earlier one may be shorter
 * @instance: which instance
 * @offset: where in the payload of the instance this is
 * @data: the bytes, whose CRC is right
 * @len: how many
 * @more: another fragment follows
 */
struct vmf_piece {
	const struct vmf_part *part;
	__u32 version;
	__u16 schema;
	__u32 instance, offset;
	const __u8 *data;
	__u32 len;
	bool more;
};

/**
 * struct vmf_reader - A stream on its way in.
 * @caps: the device
 * @take: takes a piece; 0 or -errno, e.g. -ERANGE for a value that no guest can have; whatever is
 *        neither is -EIO. The device must not be touched: the rest of the stream was not seen yet.
 *        NULL: none is expected
 * @ctx: for @take
 * @buf: vmf_reader_size() bytes, aligned to 8
 * @why: the first refusal
 *
 * The rest is private.
 */
struct vmf_reader {
	const struct vmf_caps *caps;
	int (*take)(void *ctx, const struct vmf_piece *piece);
	void *ctx;
	__u8 *buf;
	struct vmf_refusal why;
	/* private: */
	enum {
		VMF_READ_FILE_HEADER, VMF_READ_FILE_HEADER_REST, VMF_READ_HEADER,
		VMF_READ_PAYLOAD, VMF_READ_COMPLETE,
	} at;
	union {
		__u8 bytes[32];
		struct vmf_file_header file;
		struct vmf_section_header section;
	} head;
	struct vmf_end end;
	const struct vmf_part *part;
	struct vmf_order order;
	__u64 offset, start, fill, len, stream_max, used[2], seen;
	__u32 crc, stream_crc, file_len, payload_len, before, version, descriptor_len;
	__u32 manifest, manifest_len;
	bool dirty;
};

static inline void vmf_reader_expect(struct vmf_reader *r, int at, __u64 len)
{
	r->at = at;
	r->len = len;
	r->fill = 0;
}

/* Does END look for the section in every instance? */
static inline bool vmf_part_due(const struct vmf_part *part)
{
	return vmf_get(part->entry.flags) & VMF_FLAG_CRITICAL && part->feature < 0;
}

/*
 * The bit in @seen of an instance that END looks for, or 0. There are more than enough of them: of
 * the sections that a stream can have, two are DESCRIPTOR and END.
 */
static inline __u64 vmf_reader_bit(const struct vmf_caps *caps, const struct vmf_part *part,
				   __u32 instance)
{
	const struct vmf_part *p;
	__u64 bit = instance;

	if (!vmf_part_due(part))
		return 0;
	for (p = caps->parts; p < part; p++)
		bit += vmf_part_due(p) ? vmf_get(p->entry.count_max) : 0;
	return bit < 64 ? 1ULL << bit : 0;
}

/* The entry of the manifest in force. */
static inline const struct vmf_manifest_entry *vmf_reader_entry(const struct vmf_reader *r,
								__u32 type)
{
	const struct vmf_manifest_entry *p = (const void *)(r->buf + r->manifest);
	const struct vmf_manifest_entry *end = p + r->manifest_len / sizeof(*p);

	while (p < end && vmf_get(p->type) != type)
		p++;
	return p < end ? p : NULL;
}

/* A section of state, by the manifest; sets what becomes of it. */
static inline int vmf_reader_admit_state(struct vmf_reader *r, __u64 len)
{
	const struct vmf_manifest_entry *entry = vmf_reader_entry(r, r->why.type);
	__u16 schema = vmf_get(r->head.section.schema);
	__u16 flags = vmf_get(r->head.section.flags) & ~VMF_FLAG_CONT;
	__u32 count = entry ? vmf_get(entry->count_max) : 0;
	__u32 max = entry ? vmf_get(entry->len_max) : 0;
	__u16 want = entry ? vmf_get(entry->schema) : 0;
	__u16 known = entry ? vmf_get(entry->flags) : 0;
	__u64 sum = r->before + len;
	const struct vmf_part *part = entry ? vmf_part_read(r->caps, entry) : NULL;
	__u32 own = part ? vmf_get(part->entry.len_max) : 0;
	/* Of a later schema only the part up to the length of the known one counts. */
	bool later = part && want > vmf_get(part->entry.schema);
	const struct vmf_rule rules[] = {
		{ !entry, EILSEQ, "section not in the manifest", r->why.type, 0 },
		{ schema != want, EILSEQ, "schema not as in the manifest", schema, want },
		{ flags != known, EILSEQ, "flags not as in the manifest", flags, known },
		{ r->why.instance >= count, EILSEQ, "instance not in the manifest",
		  r->why.instance, count },
		{ sum > max, EMSGSIZE, "section length", sum, max },
		{ part && !later && sum > own, EMSGSIZE, "section length", sum, own },
	};

	r->part = part;
	r->payload_len = !later ? len : own < r->before ? 0 : own - r->before < len ?
			 own - r->before : len;
	return vmf_judge(&r->why, rules);
}

static noinline_for_stack __maybe_unused void vmf_reader_header(struct vmf_reader *r)
{
	const __u32 crc = vmf_crc(0, &r->head, VMF_HEADER_SIZE - 4);
	const __u32 type = vmf_get(r->head.section.type);
	const __u64 len = vmf_get(r->head.section.length);
	const __u64 max = type == VMF_TYPE_END ? sizeof(struct vmf_end) :
			  type == VMF_TYPE_DESCRIPTOR ? VMF_PREAMBLE_MAX - r->file_len - 32 :
			  VMF_PAYLOAD_MAX;
	const __u64 min = type == VMF_TYPE_END ? max : 1;
	__u64 total;

	r->start = r->offset - VMF_HEADER_SIZE;
	r->why.at = r->start;
	r->why.type = 0;
	if (crc != vmf_get(r->head.section.header_crc)) {
		vmf_refuse(&r->why, EBADMSG, "section header CRC",
			   vmf_get(r->head.section.header_crc), crc);
		return;
	}
	r->why.type = type;
	r->why.instance = vmf_get(r->head.section.instance);
	r->why.seq = vmf_get(r->head.section.seq);
	if (!r->order.open)
		r->before = 0;
	if (vmf_order_admit(&r->order, &r->head.section, &r->why))
		return;
	if (len < min || len > max) {
		vmf_refuse(&r->why, EMSGSIZE, "section length", len, max);
		return;
	}
	r->part = NULL;
	r->payload_len = len;
	if (type != VMF_TYPE_DESCRIPTOR && type != VMF_TYPE_END && vmf_reader_admit_state(r, len))
		return;
	total = r->offset + vmf_pad8(len);
	if (total > r->stream_max) {
		vmf_refuse(&r->why, EFBIG, "stream length", total, r->stream_max);
		return;
	}
	if (type != VMF_TYPE_END)
		r->stream_crc = vmf_crc(r->stream_crc, &r->head, VMF_HEADER_SIZE);
	r->crc = 0;
	r->dirty = false;
	vmf_reader_expect(r, VMF_READ_PAYLOAD, vmf_pad8(len));
}

static inline void vmf_reader_descriptor(struct vmf_reader *r)
{
	struct vmf_descriptor d;
	const void *p;
	unsigned int i;

	r->why.at = r->start + VMF_HEADER_SIZE;
	if (vmf_parse_descriptor(&d, r->buf, r->payload_len, &r->why))
		return;
	r->why.at = r->start;
	if (vmf_verdict(&d, r->caps, &r->why))
		return;
	r->version = d.version;
	r->stream_max = d.stream_max < r->caps->stream_max ? d.stream_max : r->caps->stream_max;
	r->manifest = d.value[VMF_KEY_MANIFEST].data - r->buf;
	r->manifest_len = d.value[VMF_KEY_MANIFEST].len;
	r->descriptor_len = r->payload_len;
	r->used[0] = 0;
	r->used[1] = 0;
	for (i = 0; i < 4; i++) {
		p = vmf_nth(&d, i / 2 ? VMF_KEY_FEATURES_OPTIONAL : VMF_KEY_FEATURES_REQUIRED, 8,
			    i % 2);
		r->used[i % 2] |= p ? vmf_get_bytes(p, 8) : 0;
	}
}

static inline void vmf_reader_state(struct vmf_reader *r)
{
	const struct vmf_part *part = r->part;
	const bool more = r->order.open;
	const int feature = part->feature;
	const __u32 total = r->before + r->payload_len;
	const __u16 schema = vmf_get(r->head.section.schema);
	/* An older schema is as long as that was. */
	const __u32 least = schema < vmf_get(part->entry.schema) ? 1 : part->len_min;
	struct vmf_piece piece = {
		.part = part, .version = r->version, .schema = schema,
		.instance = r->why.instance, .offset = r->before,
		.data = r->buf + r->descriptor_len, .len = r->payload_len, .more = more,
	};
	const bool used = feature < 0 ||
			  (feature < 128 && r->used[feature / 64] >> feature % 64 & 1);
	const struct vmf_rule rules[] = {
		{ !r->take, EILSEQ, "more than a descriptor", r->why.type, 0 },
		{ more && vmf_part_whole(part), EILSEQ, "fragmented section", 0, 0 },
		{ part->since > r->version, EILSEQ, "section of a later version", r->version,
		  part->since },
		{ !used, EILSEQ, "section of a feature not announced", r->why.type, feature },
		{ !more && total < least, EMSGSIZE, "payload length", total, least },
	};
	int err;

	if (vmf_judge(&r->why, rules))
		return;
	r->seen |= vmf_reader_bit(r->caps, part, r->why.instance);
	err = r->take(r->ctx, &piece);
	if (err && !r->why.error)
		vmf_refuse(&r->why, vmf_errno(err), "content of a section", 0, 0);
}

static inline void vmf_reader_end(struct vmf_reader *r)
{
	const __u32 reserved = vmf_get(r->end.reserved);
	const __u32 sections = vmf_get(r->end.sections);
	const __u32 generation = vmf_get(r->end.generation);
	const __u64 total = vmf_get(r->end.total);
	const __u32 crc = vmf_get(r->end.stream_crc);
	const __u32 last = r->order.generations - 1;
	const struct vmf_rule rules[] = {
		{ reserved, EBADMSG, "reserved field of end", reserved, 0 },
		{ sections != r->order.sections, EILSEQ, "section count in END", sections,
		  r->order.sections },
		{ generation != last, EILSEQ, "descriptor generation in END", generation, last },
		{ total != r->offset, EILSEQ, "length in END", total, r->offset },
		{ crc != r->stream_crc, EBADMSG, "stream CRC in END", crc, r->stream_crc },
	};
	const struct vmf_part *part = r->caps->parts, *end = part + r->caps->nr_parts;
	__u32 i;

	vmf_reader_expect(r, VMF_READ_COMPLETE, 0);
	if (vmf_judge(&r->why, rules))
		return;
	for (; part < end; part++) {
		if (!vmf_part_due(part) || part->since > r->version)
			continue;
		for (i = 0; i < vmf_get(part->entry.count_max); i++)
			if (!(r->seen & vmf_reader_bit(r->caps, part, i))) {
				vmf_refuse(&r->why, EILSEQ, "section missing", i,
					   vmf_get(part->entry.type));
				return;
			}
	}
}

static inline void vmf_reader_payload(struct vmf_reader *r)
{
	const __u32 crc = vmf_get(r->head.section.payload_crc);
	const struct vmf_rule rules[] = {
		{ r->crc != crc, EBADMSG, "payload CRC", crc, r->crc },
		{ r->dirty, EBADMSG, "section padding not zero", 0, 0 },
	};

	if (vmf_judge(&r->why, rules))
		return;
	vmf_reader_expect(r, VMF_READ_HEADER, VMF_HEADER_SIZE);
	if (r->why.type == VMF_TYPE_DESCRIPTOR)
		vmf_reader_descriptor(r);
	else if (r->why.type == VMF_TYPE_END)
		vmf_reader_end(r);
	else if (r->part)
		vmf_reader_state(r);
	r->before += vmf_get(r->head.section.length);
}

#endif /* _VMF_SECTION_H */
