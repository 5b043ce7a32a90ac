/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * VFIO Migration Format in C: what writer and reader share, for kernel and user space. Nothing is
 * allocated. Documentation/userspace-api/vmf-adopting.rst shows a driver that uses it.
 */
#ifndef _VMF_FORMAT_H
#define _VMF_FORMAT_H

#ifdef __KERNEL__
#include <linux/crc32.h>
#include <linux/errno.h>
#include <linux/string.h>
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#endif
#include <asm/byteorder.h>
#include <linux/types.h>
#include <linux/vmf.h>

/* As the kernel has them: the frames of functions are not to add up in that of a caller. */
#ifndef noinline_for_stack
#define noinline_for_stack	__attribute((__noinline__))
#endif
#ifndef __maybe_unused
#define __maybe_unused		__attribute((__unused__))
#endif

#define VMF_HEADER_SIZE		sizeof(struct vmf_section_header)
#define VMF_LIMITS_MAX		8	/* of a device */
#define VMF_DESCRIPTOR_MAX	(VMF_PREAMBLE_MAX - 32 - VMF_HEADER_SIZE)

/**
 * struct vmf_part - A section type of a profile.
 * @entry: what the manifest says of it
 * @since: first version of the profile with it
 * @feature: the feature that it belongs to, or -1; without one, and CRITICAL, all instances of it
 *           have to be in every stream
 * @len_min: shortest payload of the schema in @entry, and of later ones. If it is the longest one,
 *           too, and fits a section, there are no fragments: rule 1 of chapter Profiles of vmf.rst
 */
struct vmf_part {
	struct vmf_manifest_entry entry;
	__u32 since;
	int feature;
	__u32 len_min;
};

/* Does it come in one section, always? */
static inline bool vmf_part_whole(const struct vmf_part *part)
{
	const __u32 max = __le32_to_cpu(part->entry.len_max);

	return part->len_min == max && max <= VMF_PAYLOAD_MAX;
}

/* That of an envelope: a blob of 1 to @_max bytes. */
#define VMF_ENVELOPE_PART(_max) {						\
	.entry = {								\
		.type = __cpu_to_le32(VMF_ENVELOPE_TYPE_BLOB),			\
		.schema = __cpu_to_le16(1), .min_reader = __cpu_to_le16(1),	\
		.flags = __cpu_to_le16(VMF_FLAG_CRITICAL),			\
		.count_max = __cpu_to_le32(1), .len_max = __cpu_to_le32(_max),	\
	}, .since = 1, .feature = -1, .len_min = 1,				\
}

/**
 * struct vmf_caps - What a device says of itself, and takes of another one.
 * @id: the identity that the guest sees
 * @any_subsystem: subsystem ids are not compared
 * @any_revision: the revision is not compared
 * @uuid: UUID of the profile, 16 bytes
 * @name: its name; of an envelope, with a dot and the name of the format behind it
 * @driver: who writes, for people; may be NULL
 * @version: newest version that is read, and the one that is written
 * @min_reader: oldest version whose reader can take that
 * @floor: oldest version that is read
 * @features: what the device has; feature 0 is bit 0 of the first word
 * @limits: limits, by ascending id
 * @limit_names: a name for each, for messages
 * @nr_limits: how many, 0 to VMF_LIMITS_MAX: a writer refuses more (EINVAL), and to a reader those
 *             behind them are unknown
 * @parts: section types, ascending; those of the container, as FEATURE_NAMES, are written only
 * @nr_parts: how many
 * @stream_max: longest stream in bytes
 */
struct vmf_caps {
	struct vmf_presented id;
	bool any_subsystem, any_revision;
	const char *uuid, *name, *driver;
	__u32 version, min_reader, floor;
	__u64 features[2];
	const struct vmf_limit *limits;
	const char *const *limit_names;
	const struct vmf_part *parts;
	unsigned int nr_limits, nr_parts;
	__u64 stream_max;
};

/**
 * struct vmf_refusal - Why a stream is refused, and where.
 * @error: the errno, positive; 0 if it is not
 * @reason: what is wrong
 * @got: what was found
 * @want: the value, bound or mask that would have been accepted
 * @at: offset in the stream, as in chapter Errors of vmf.rst
 * @type: type of the section; 0 if the refusal is about none
 * @instance: its instance
 * @seq: its place
 */
struct vmf_refusal {
	int error;
	const char *reason;
	__u64 got, want, at;
	__u32 type, instance, seq;
};

/* The name of an errno, for the log. */
static inline const char *vmf_error_name(int error)
{
	static const struct {
		int error;
		const char *name;
	} names[] = {
		{ EBADMSG, "EBADMSG" }, { EPROTONOSUPPORT, "EPROTONOSUPPORT" },
		{ EXDEV, "EXDEV" }, { EOPNOTSUPP, "EOPNOTSUPP" }, { EDOM, "EDOM" },
		{ EILSEQ, "EILSEQ" }, { EMSGSIZE, "EMSGSIZE" }, { EFBIG, "EFBIG" },
		{ ERANGE, "ERANGE" }, { ENODATA, "ENODATA" }, { EIO, "EIO" }, { 0, "?" },
	};
	unsigned int i = 0;

	while (names[i].error && names[i].error != error)
		i++;
	return names[i].name;
}

/* The errno, positive, in what a function of the driver has returned instead of 0. */
static inline int vmf_errno(int ret)
{
	return ret < 0 && ret >= -4095 ? -ret : EIO;
}

/* A rule, and what is said if it is broken. */
struct vmf_rule {
	bool broken;
	int error;
	const char *reason;
	__u64 got, want;
};

static inline int vmf_refuse(struct vmf_refusal *why, int error, const char *reason, __u64 got,
			     __u64 want)
{
	why->error = error;
	why->reason = reason;
	why->got = got;
	why->want = want;
	return -error;
}

/* The first rule that is broken counts. */
#define vmf_judge(_why, _rules)	\
	vmf_judge_rules(_why, _rules, sizeof(_rules) / sizeof((_rules)[0]))

static inline int vmf_judge_rules(struct vmf_refusal *why, const struct vmf_rule *rule, size_t n)
{
	for (; n; n--, rule++)
		if (rule->broken)
			return vmf_refuse(why, rule->error, rule->reason, rule->got, rule->want);
	return 0;
}

/* A field of a structure of the format. */
#define vmf_get(_x)	vmf_get_bytes(&(_x), sizeof(_x))

static inline __u64 vmf_get_bytes(const void *p, size_t size)
{
	const __u8 *byte = p;
	__u64 val = 0;

	while (size--)
		val = val << 8 | byte[size];
	return val;
}

static inline __u32 vmf_pad8(__u32 len)
{
	return (len + VMF_ALIGN - 1) & ~(__u32)(VMF_ALIGN - 1);
}

static inline __u32 vmf_crc(__u32 crc, const void *data, size_t len)
{
#ifdef __KERNEL__
	return ~crc32c(~crc, data, len);
#else
	static const __u32 half[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362,
		0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab,
		0xe330a81a, 0xf36e6f75,
	};
	const __u8 *byte = data;

	for (crc = ~crc; len--; byte++) {
		crc ^= *byte;
		crc = crc >> 4 ^ half[crc & 15];
		crc = crc >> 4 ^ half[crc & 15];
	}
	return ~crc;
#endif
}

/* The order of sections: how many there were, the last one, and whether more of it is due. */
struct vmf_order {
	__u32 sections, generations;
	__u64 last;
	bool open, ended;
};

/* Judges the place of a section, and goes on past it. */
static noinline_for_stack __maybe_unused
int vmf_order_admit(struct vmf_order *o, const struct vmf_section_header *h,
		    struct vmf_refusal *why)
{
	const __u32 type = vmf_get(h->type);
	const __u32 instance = vmf_get(h->instance);
	const __u16 flags = vmf_get(h->flags);
	const __u16 schema = vmf_get(h->schema);
	const __u32 seq = vmf_get(h->seq);
	const bool descriptor = type == VMF_TYPE_DESCRIPTOR, end = type == VMF_TYPE_END;
	const bool state = !descriptor && !end, open = o->open;
	const __u64 id = (__u64)type << 32 | instance, last = o->last;
	const __u32 nth = o->generations, known = VMF_CONTAINER_SCHEMA;
	const struct vmf_rule rules[] = {
		{ o->ended, EILSEQ, "section after END", type, 0 },
		{ flags & ~7, EBADMSG, "section flags", flags, 7 },
		{ !type, EBADMSG, "section type 0", 0, 1 },
		{ seq != o->sections, EILSEQ, "section seq", seq, o->sections },
		{ seq >= VMF_SECTIONS_MAX, EFBIG, "too many sections", seq + 1, VMF_SECTIONS_MAX },
		{ !nth && !descriptor, EILSEQ, "first section not DESCRIPTOR", type, 1 },
		{ !state && !schema, EBADMSG, "schema 0", 0, 1 },
		{ !state && schema > known, EOPNOTSUPP, "schema of a container section too new",
		  schema, known },
		{ !state && flags != VMF_FLAG_CRITICAL, EBADMSG, "flags of a container section",
		  flags, VMF_FLAG_CRITICAL },
		{ descriptor && last, EILSEQ, "DESCRIPTOR after state", type, last >> 32 },
		{ descriptor && nth >= VMF_GENERATIONS_MAX, EFBIG,
		  "too many descriptor generations", nth + 1, VMF_GENERATIONS_MAX },
		{ descriptor && instance != nth, EILSEQ, "descriptor generation", instance, nth },
		{ end && open, EILSEQ, "END where a fragment is due", 0, 0 },
		{ end && instance, EILSEQ, "instance of END", instance, 0 },
		{ state && open && id != last, EILSEQ, "fragment of another section", id, last },
		{ state && !open && id == last, EILSEQ, "duplicate section", id, last },
		{ state && !open && id < last, EILSEQ, "sections not ascending", id, last },
	};

	if (vmf_judge(why, rules))
		return -why->error;
	o->sections++;
	o->generations += descriptor;
	o->last = state ? id : last;
	o->open = state && flags & VMF_FLAG_CONT;
	o->ended = end;
	return 0;
}

#endif /* _VMF_FORMAT_H */
