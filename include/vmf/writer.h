/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * VFIO Migration Format in C: the writer.
 */
#ifndef _VMF_WRITER_H
#define _VMF_WRITER_H

#include <vmf/descriptor.h>

/**
 * struct vmf_writer - A stream on its way out.
 * @put: takes the bytes piece by piece; 0 or -errno, whatever is neither is -EIO. NULL: they are
 *       only counted
 * @ctx: for @put
 * @total: bytes so far
 * @crc: CRC of these
 * @order: what may follow
 * @err: the first failure; from then on all functions do nothing and return it
 *
 * The rest is private. What no reader would take is refused; that the content is right is up to the
 * caller.
 */
struct vmf_writer {
	int (*put)(void *ctx, const void *data, size_t len);
	void *ctx;
	__u64 total;
	__u32 crc;
	struct vmf_order order;
	int err;
	/* private: what the descriptor in force says, and the length so far of the fragments */
	__u64 used[2], stream_max;
	__u32 version, before;
};

/* Memory for a stream: @ctx of vmf_buffer_put(). */
struct vmf_buffer {
	__u8 *data;
	size_t size, len;
};

static inline int vmf_buffer_put(void *ctx, const void *data, size_t len)
{
	struct vmf_buffer *buffer = ctx;

	if (len > buffer->size - buffer->len)
		return -EFBIG;
	memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
	return 0;
}

static inline void vmf_put(struct vmf_writer *w, const void *data, size_t len)
{
	int err = !w->err && w->put && len ? w->put(w->ctx, data, len) : 0;

	if (err)
		w->err = -vmf_errno(err);
	w->total += len;
	w->crc = vmf_crc(w->crc, data, len);
}

static inline void vmf_put_padded(struct vmf_writer *w, const void *data, __u32 len)
{
	static const __u8 zeros[VMF_ALIGN];

	vmf_put(w, data, len);
	vmf_put(w, zeros, vmf_pad8(len) - len);
}

/* Without @value it is up to the caller to go on with it. */
static inline void vmf_put_attribute(struct vmf_writer *w, __u16 key, const void *value, __u32 len)
{
	bool must = key <= VMF_KEY_STREAM_MAX && key != VMF_KEY_FEATURES_OPTIONAL;
	struct vmf_attribute_header h = {
		.key = __cpu_to_le16(key), .flags = __cpu_to_le16(must ? VMF_ATTR_MUST : 0),
		.len = __cpu_to_le32(len),
	};

	vmf_put(w, &h, sizeof(h));
	if (value)
		vmf_put_padded(w, value, len);
}

/* Can streams with these features have the section? */
static inline bool vmf_part_used(const struct vmf_part *part, __u32 version, const __u64 *used)
{
	if (part->feature < 0 || part->since > version)
		return part->since <= version;
	return part->feature < 128 && used[part->feature / 64] >> part->feature % 64 & 1;
}

/* What every reader would refuse. The name of an envelope has that of a format. */
static noinline_for_stack __maybe_unused
int vmf_judge_caps(const struct vmf_caps *caps, struct vmf_refusal *why)
{
	const struct vmf_version version = {
		__cpu_to_le32(caps->version), __cpu_to_le32(caps->min_reader),
	};
	const struct {
		__u16 key;
		const void *data;
		size_t len;
	} values[] = {
		{ VMF_KEY_PRESENTED, &caps->id, sizeof(caps->id) },
		{ VMF_KEY_PROFILE_NAME, caps->name, strlen(caps->name) },
		{ VMF_KEY_PROFILE_VERSION, &version, sizeof(version) },
		{ VMF_KEY_LIMITS, caps->limits, caps->nr_limits * sizeof(caps->limits[0]) },
		{},
	};
	const size_t start = strlen(VMF_ENVELOPE_NAME ".");
	const bool envelope = !memcmp(caps->uuid, VMF_ENVELOPE_UUID, 16);
	const bool format = !strncmp(caps->name, VMF_ENVELOPE_NAME ".", start) &&
			    strlen(caps->name) > start;
	const struct vmf_rule rules[] = {
		{ envelope && !format, EINVAL, "name of an envelope", 0, 0 },
		{ caps->nr_limits > VMF_LIMITS_MAX, EINVAL, "too many limits", caps->nr_limits,
		  VMF_LIMITS_MAX },
	};
	__s64 last = VMF_TYPE_END;
	struct vmf_descriptor d = {};
	unsigned int i;

	for (i = 0; values[i].key; i++)
		if (vmf_parse_value(&d, values[i].key, true, values[i].data, values[i].len, why))
			return -why->error;
	for (i = 0; i < caps->nr_parts; i++)
		if (vmf_parse_entry(VMF_KEY_MANIFEST, (const void *)&caps->parts[i].entry, &last,
				    why))
			return -why->error;
	return vmf_judge(why, rules);
}

static inline void vmf_put_descriptor(struct vmf_writer *w, const struct vmf_caps *caps,
				      const __u64 *required, const __u64 *optional)
{
	const __u64 used[2] = { required[0] | optional[0], required[1] | optional[1] };
	__le64 must[2] = { __cpu_to_le64(required[0]), __cpu_to_le64(required[1]) };
	__le64 may[2] = { __cpu_to_le64(optional[0]), __cpu_to_le64(optional[1]) };
	struct vmf_version version = {
		__cpu_to_le32(caps->version), __cpu_to_le32(caps->min_reader),
	};
	const struct vmf_part *part, *end = caps->parts + caps->nr_parts;
	__le64 max = __cpu_to_le64(caps->stream_max);
	__u32 len = 0;

	vmf_put_attribute(w, VMF_KEY_PRESENTED, &caps->id, sizeof(caps->id));
	vmf_put_attribute(w, VMF_KEY_PROFILE_UUID, caps->uuid, 16);
	vmf_put_attribute(w, VMF_KEY_PROFILE_NAME, caps->name, strlen(caps->name));
	vmf_put_attribute(w, VMF_KEY_PROFILE_VERSION, &version, sizeof(version));
	vmf_put_attribute(w, VMF_KEY_FEATURES_REQUIRED, must, required[1] ? 16 : 8);
	if (optional[0] || optional[1])
		vmf_put_attribute(w, VMF_KEY_FEATURES_OPTIONAL, may, optional[1] ? 16 : 8);
	if (caps->nr_limits)
		vmf_put_attribute(w, VMF_KEY_LIMITS, caps->limits,
				  caps->nr_limits * sizeof(caps->limits[0]));
	for (part = caps->parts; part < end; part++)
		len += vmf_part_used(part, caps->version, used) ? sizeof(part->entry) : 0;
	vmf_put_attribute(w, VMF_KEY_MANIFEST, NULL, len);
	for (part = caps->parts; part < end; part++)
		if (vmf_part_used(part, caps->version, used))
			vmf_put(w, &part->entry, sizeof(part->entry));
	vmf_put_attribute(w, VMF_KEY_STREAM_MAX, &max, sizeof(max));
	if (caps->driver)
		vmf_put_attribute(w, VMF_KEY_PROVIDER_DRIVER, caps->driver, strlen(caps->driver));
}

/* A section header, given the CRC of what follows; all but @len and @crc as it is in a stream. */
static inline void vmf_put_header(struct vmf_writer *w, struct vmf_section_header h, __u32 len,
				  __u32 crc)
{
	struct vmf_refusal why;

	h.seq = __cpu_to_le32(w->order.sections);
	h.length = __cpu_to_le64(len);
	h.payload_crc = __cpu_to_le32(crc);
	h.header_crc = __cpu_to_le32(vmf_crc(0, &h, VMF_HEADER_SIZE - sizeof(h.header_crc)));
	if (!w->err)
		w->err = vmf_order_admit(&w->order, &h, &why);
	if (!w->err && w->total + sizeof(h) + vmf_pad8(len) > w->stream_max)
		w->err = -EFBIG;
	vmf_put(w, &h, sizeof(h));
}

/**
 * vmf_writer_start() - Begin a stream: the file header.
 * @w: the writer
 * @put: takes the bytes, e.g. vmf_buffer_put()
 * @ctx: for @put
 *
 * Return: 0, or what @put returns; so do the other functions.
 */
static inline int vmf_writer_start(struct vmf_writer *w,
				   int (*put)(void *ctx, const void *data, size_t len), void *ctx)
{
	struct vmf_file_header h = {
		.magic = VMF_MAGIC, .endian_tag = __cpu_to_le32(VMF_ENDIAN_TAG),
		.major = __cpu_to_le16(VMF_MAJOR), .minor = __cpu_to_le16(VMF_MINOR),
		.header_len = __cpu_to_le32(sizeof(h)),
	};

	*w = (struct vmf_writer){ .put = put, .ctx = ctx };
	h.crc = __cpu_to_le32(vmf_crc(0, &h, sizeof(h)));
	vmf_put(w, &h, sizeof(h));
	return w->err;
}

/**
 * vmf_writer_descriptor() - Append DESCRIPTOR, or the next generation of it.
 * @w: the writer
 * @caps: the device
 * @required: features in use that a destination has to have, two words
 * @optional: features in use that it may lack, two words
 *
 * Return: as above; -EINVAL if there is something in @caps that no reader would take: a name, a
 * version, limits or sections that are not as chapter Descriptor of vmf.rst says; -EILSEQ behind
 * state, -EFBIG if there are too many, -EMSGSIZE if it is long.
 */
static inline int vmf_writer_descriptor(struct vmf_writer *w, const struct vmf_caps *caps,
					const __u64 *required, const __u64 *optional)
{
	struct vmf_section_header h = {
		.type = __cpu_to_le32(VMF_TYPE_DESCRIPTOR),
		.schema = __cpu_to_le16(VMF_CONTAINER_SCHEMA),
		.flags = __cpu_to_le16(VMF_FLAG_CRITICAL),
		.instance = __cpu_to_le32(w->order.generations),
	};
	struct vmf_writer count = {};
	struct vmf_refusal why;

	if (!w->err && vmf_judge_caps(caps, &why))
		w->err = -EINVAL;
	if (w->err)
		return w->err;
	w->version = caps->version;
	w->used[0] = required[0] | optional[0];
	w->used[1] = required[1] | optional[1];
	w->stream_max = caps->stream_max;
	vmf_put_descriptor(&count, caps, required, optional);
	if (count.total > VMF_DESCRIPTOR_MAX)
		w->err = -EMSGSIZE;
	vmf_put_header(w, h, count.total, count.crc);
	vmf_put_descriptor(w, caps, required, optional);
	return w->err;
}

/**
 * vmf_writer_state() - Append the payload of an instance; if it is long, in fragments.
 * @w: the writer
 * @part: which section
 * @instance: which instance
 * @data: the payload, or what is at hand of it
 * @len: its length
 * @more: the next call goes on with the same payload
 *
 * Each call makes a section, or one for each VMF_PAYLOAD_MAX bytes, and a stream has
 * VMF_SECTIONS_MAX of them, with DESCRIPTOR and END: a long payload is passed on in pieces of
 * VMF_PAYLOAD_MAX bytes.
 *
 * Return: as above; -EILSEQ out of order, if there is no such instance, if the section is of a
 * later version or of a feature that was not announced, or if it must not come in fragments and
 * @more is set; -EMSGSIZE if the payload is longer or shorter than it can be, or without @len;
 * -EFBIG if there are too many sections, or the stream becomes longer than @stream_max of its
 * device.
 */
static inline int vmf_writer_state(struct vmf_writer *w, const struct vmf_part *part,
				   __u32 instance, const __u8 *data, size_t len, bool more)
{
	struct vmf_section_header h = {
		.type = part->entry.type, .schema = part->entry.schema,
		.instance = __cpu_to_le32(instance),
	};

	const __u64 id = (__u64)vmf_get(part->entry.type) << 32 | instance;
	const __u32 before = w->order.open && w->order.last == id ? w->before : 0;
	const __u64 max = vmf_get(part->entry.len_max), total = (__u64)before + len;
	const bool cut = more && vmf_part_whole(part);

	if (w->err)
		return w->err;
	if (!vmf_part_used(part, w->version, w->used) || cut ||
	    instance >= vmf_get(part->entry.count_max))
		w->err = -EILSEQ;
	else if (!len || len > max || total > max || (!more && total < part->len_min))
		w->err = -EMSGSIZE;
	else
		w->before = total;
	while (!w->err && len) {
		__u32 n = len < VMF_PAYLOAD_MAX ? len : VMF_PAYLOAD_MAX;
		__le16 cont = __cpu_to_le16(more || n < len ? VMF_FLAG_CONT : 0);
		struct vmf_writer count = {};

		h.flags = part->entry.flags | cont;
		vmf_put_padded(&count, data, n);
		vmf_put_header(w, h, n, count.crc);
		vmf_put_padded(w, data, n);
		data += n;
		len -= n;
	}
	return w->err;
}

/**
 * vmf_writer_end() - Append END.
 * @w: the writer
 *
 * Return: as above; -EILSEQ without DESCRIPTOR, where a fragment is due, or behind END; -EFBIG as
 * above.
 */
static inline int vmf_writer_end(struct vmf_writer *w)
{
	struct vmf_section_header h = {
		.type = __cpu_to_le32(VMF_TYPE_END), .schema = __cpu_to_le16(VMF_CONTAINER_SCHEMA),
		.flags = __cpu_to_le16(VMF_FLAG_CRITICAL),
	};
	struct vmf_end end = {
		.sections = __cpu_to_le32(w->order.sections + 1),
		.generation = __cpu_to_le32(w->order.generations - 1),
		.total = __cpu_to_le64(w->total + sizeof(h) + sizeof(end)),
		.stream_crc = __cpu_to_le32(w->crc),
	};

	vmf_put_header(w, h, sizeof(end), vmf_crc(0, &end, sizeof(end)));
	vmf_put(w, &end, sizeof(end));
	return w->err;
}

#endif /* _VMF_WRITER_H */
