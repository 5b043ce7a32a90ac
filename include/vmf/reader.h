/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * VFIO Migration Format in C: the reader. Every decision is taken when a structure is complete, so
 * that verdict and offset depend on the bytes alone and not on how write() calls cut them.
 */
#ifndef _VMF_READER_H
#define _VMF_READER_H

#include <vmf/section.h>

/**
 * vmf_reader_size() - The memory that a reader needs.
 * @caps: the device
 *
 * Return: bytes.
 */
static inline size_t vmf_reader_size(const struct vmf_caps *caps)
{
	__u32 max = 0, len;
	unsigned int i;

	for (i = 0; i < caps->nr_parts; i++) {
		len = vmf_get(caps->parts[i].entry.len_max);
		max = len > max ? len : max;
	}
	return VMF_DESCRIPTOR_MAX + (max < VMF_PAYLOAD_MAX ? max : VMF_PAYLOAD_MAX);
}

/**
 * vmf_reader_init() - Begin to read.
 * @r: the reader
 * @caps: the device
 * @buf: vmf_reader_size() bytes, aligned to 8
 * @take: takes what was verified, see struct vmf_reader; NULL: more than a descriptor is refused
 * @ctx: for @take
 */
static inline void vmf_reader_init(struct vmf_reader *r, const struct vmf_caps *caps, void *buf,
				   int (*take)(void *ctx, const struct vmf_piece *piece), void *ctx)
{
	*r = (struct vmf_reader){ .caps = caps, .buf = buf, .take = take, .ctx = ctx,
				  .stream_max = caps->stream_max };
	vmf_reader_expect(r, VMF_READ_FILE_HEADER, sizeof(r->head));
}

static inline void vmf_reader_file_header(struct vmf_reader *r)
{
	static const __u8 zeros[4];
	const __u32 tag = vmf_get(r->head.file.endian_tag);
	const __u32 len = vmf_get(r->head.file.header_len);
	const struct vmf_rule rules[] = {
		{ memcmp(r->head.bytes, VMF_MAGIC, 8), EBADMSG, "magic", r->head.bytes[0], 0 },
		{ tag != VMF_ENDIAN_TAG, EBADMSG, "endian tag", tag, VMF_ENDIAN_TAG },
		{ len < 32 || len > VMF_FILE_HEADER_MAX || len % VMF_ALIGN, EBADMSG,
		  "file header length", len, 32 },
	};

	if (vmf_judge(&r->why, rules))
		return;
	r->file_len = len;
	r->crc = vmf_crc(vmf_crc(0, &r->head, 28), zeros, 4);
	r->stream_crc = vmf_crc(0, &r->head, 32);
	vmf_reader_expect(r, VMF_READ_FILE_HEADER_REST, len - 32);
}

static inline void vmf_reader_file_header_rest(struct vmf_reader *r)
{
	const __u32 crc = vmf_get(r->head.file.crc);
	const __u16 major = vmf_get(r->head.file.major);
	const __u32 incompat = vmf_get(r->head.file.incompat);
	const struct vmf_rule rules[] = {
		{ crc != r->crc, EBADMSG, "file header CRC", crc, r->crc },
		{ major != VMF_MAJOR, EPROTONOSUPPORT, "container major version", major,
		  VMF_MAJOR },
		{ incompat & ~VMF_INCOMPAT_KNOWN, EPROTONOSUPPORT, "incompatible-feature bits",
		  incompat, VMF_INCOMPAT_KNOWN },
	};

	vmf_reader_expect(r, VMF_READ_HEADER, VMF_HEADER_SIZE);
	vmf_judge(&r->why, rules);
}

/* Bytes of the structure that is due, which has at least as many to come. */
static inline void vmf_reader_bytes(struct vmf_reader *r, const __u8 *p, __u64 len)
{
	__u64 kept = r->fill < r->payload_len ? r->payload_len - r->fill : 0, i;
	__u64 padding = vmf_get(r->head.section.length);
	bool descriptor = r->why.type == VMF_TYPE_DESCRIPTOR, end = r->why.type == VMF_TYPE_END;

	if (r->at == VMF_READ_FILE_HEADER || r->at == VMF_READ_HEADER) {
		memcpy(r->head.bytes + r->fill, p, len);
		return;
	}
	r->crc = vmf_crc(r->crc, p, len);
	if (r->at == VMF_READ_FILE_HEADER_REST || !end)
		r->stream_crc = vmf_crc(r->stream_crc, p, len);
	if (r->at == VMF_READ_FILE_HEADER_REST)
		return;
	kept = kept < len ? kept : len;
	if (end)
		memcpy((__u8 *)&r->end + r->fill, p, kept);
	else if (descriptor || r->part)
		memcpy(r->buf + (descriptor ? 0 : r->descriptor_len) + r->fill, p, kept);
	for (i = r->fill < padding ? padding - r->fill : 0; i < len; i++)
		r->dirty |= p[i];
}

/**
 * vmf_reader_feed() - Take bytes of a stream.
 * @r: the reader
 * @data: the bytes
 * @len: how many, all of which are consumed
 *
 * Return: 0; 1 if these bytes complete END: the stream is verified as a whole, and to be loaded;
 * -errno of the first refusal, from then on in every call.
 */
static inline int vmf_reader_feed(struct vmf_reader *r, const void *data, size_t len)
{
	const __u8 *p = data;
	bool ends = false;

	while ((len || r->fill == r->len) && !r->why.error) {
		__u64 n = r->len - r->fill < len ? r->len - r->fill : len;

		if (r->at == VMF_READ_COMPLETE) {
			if (!len)
				break;
			r->why.type = 0;
			r->why.at = r->offset;
			vmf_refuse(&r->why, EILSEQ, "bytes after END", r->offset + 1, r->offset);
			break;
		}
		vmf_reader_bytes(r, p, n);
		p += n;
		len -= n;
		r->offset += n;
		r->fill += n;
		if (r->fill < r->len)
			break;
		if (r->at == VMF_READ_FILE_HEADER)
			vmf_reader_file_header(r);
		else if (r->at == VMF_READ_FILE_HEADER_REST)
			vmf_reader_file_header_rest(r);
		else if (r->at == VMF_READ_HEADER)
			vmf_reader_header(r);
		else
			vmf_reader_payload(r);
		ends = r->at == VMF_READ_COMPLETE;
	}
	return r->why.error ? -r->why.error : ends;
}

/**
 * vmf_reader_finish() - Judge the end of the input.
 * @r: the reader
 *
 * Return: 0 if the stream is complete; else -errno of the refusal, which is -ENODATA without END.
 */
static inline int vmf_reader_finish(struct vmf_reader *r)
{
	if (!r->why.error && r->at != VMF_READ_COMPLETE) {
		if (r->at != VMF_READ_PAYLOAD)
			r->why.type = 0;
		r->why.at = r->offset;
		vmf_refuse(&r->why, ENODATA, "stream ended before END", 0, 0);
	}
	return -r->why.error;
}

/**
 * vmf_reader_check() - The verdict on a descriptor before any migration: "check" in sysfs.
 * @r: the reader, which gets the reason
 * @caps: the device
 * @buf: VMF_DESCRIPTOR_MAX bytes, aligned to 8
 * @data: a file header and one DESCRIPTOR, the start of a stream
 * @len: their length
 *
 * Return: 0 if a stream that begins so is taken; else -errno of the refusal, which is that of
 * vmf_reader_feed(); -ENODATA if the DESCRIPTOR is not complete, -EILSEQ if anything follows it.
 */
static inline int vmf_reader_check(struct vmf_reader *r, const struct vmf_caps *caps, void *buf,
				   const void *data, size_t len)
{
	/* A byte past the longest one shows that there is more, and need not be looked at. */
	const size_t longest = VMF_PREAMBLE_MAX + 1;

	vmf_reader_init(r, caps, buf, NULL, NULL);
	if (vmf_reader_feed(r, data, len < longest ? len : longest) < 0)
		return -r->why.error;
	if (!r->order.sections || (r->order.sections == 1 && r->at == VMF_READ_PAYLOAD))
		return vmf_reader_finish(r);
	if (r->order.sections == 1 && !r->fill)
		return 0;
	r->why.type = VMF_TYPE_DESCRIPTOR;
	r->why.instance = 0;
	r->why.seq = 0;
	r->why.at = 0;
	return vmf_refuse(&r->why, EILSEQ, "more than a descriptor", r->order.sections, 1);
}

#endif /* _VMF_READER_H */
