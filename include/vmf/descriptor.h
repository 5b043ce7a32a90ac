/* SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause */
/*
 * VFIO Migration Format in C: a DESCRIPTOR, and what a destination says to it.
 */
#ifndef _VMF_DESCRIPTOR_H
#define _VMF_DESCRIPTOR_H

#include <vmf/format.h>

/* The value of each known attribute, in memory of the reader. */
struct vmf_descriptor {
	struct {
		const __u8 *data;
		__u32 len;
	} value[VMF_KEY_PRESENTED_CONFIG + 1];
	__u32 version, min_reader;
	__u64 stream_max;
	__u16 unknown;		/* the first key that has to be known and is not */
};

/* An entry of a list, or NULL behind its end. */
static inline const void *vmf_nth(const struct vmf_descriptor *d, __u16 key, __u32 size, __u32 n)
{
	return n < d->value[key].len / size ? d->value[key].data + n * size : NULL;
}

static inline bool vmf_all_zero(const __u8 *p, size_t len)
{
	while (len && !*p) {
		p++;
		len--;
	}
	return !len;
}

/* An entry of a list; @last is the number of the one before, and becomes that of this one. */
static noinline_for_stack __maybe_unused
int vmf_parse_entry(__u16 key, const __u8 *p, __s64 *last, struct vmf_refusal *why)
{
	bool list = key == VMF_KEY_LIMITS || key == VMF_KEY_POLICY_DIGEST;
	bool config = key == VMF_KEY_PRESENTED_CONFIG, manifest = key == VMF_KEY_MANIFEST;
	const struct vmf_manifest_entry *entry = (const void *)p;
	const struct vmf_config_word *word = (const void *)p;
	const struct vmf_limit *limit = (const void *)p;
	__s64 id = vmf_get_bytes(p, manifest ? 4 : 2), before = *last;
	__u16 schema = manifest ? vmf_get(entry->schema) : 0;
	__u16 oldest = manifest ? vmf_get(entry->min_reader) : 0;
	__u16 flags = manifest ? vmf_get(entry->flags) : config ? vmf_get(word->flags) : 0;
	__u64 reserved = manifest ? vmf_get(entry->reserved) | vmf_get(entry->reserved2) :
			 list ? vmf_get(limit->reserved) : 0;
	const struct vmf_rule rules[] = {
		{ reserved, EBADMSG, "reserved field of an entry", reserved, 0 },
		{ config && flags & ~1, EBADMSG, "unknown flag of config-word", flags, 1 },
		{ id <= before, EBADMSG, "list not ascending", id, before },
		{ list && !p[2], EBADMSG, "entry without a rule or an action", id, 0 },
		{ config && (id > 0xffc || id & 3), EBADMSG, "offset of a configuration word", id,
		  0xffc },
		{ manifest && (!oldest || oldest > schema), EBADMSG,
		  "schema_min_reader not within 1..=schema", oldest, schema },
		{ manifest && flags & ~3, EBADMSG, "manifest flags", flags, 3 },
	};

	*last = id;
	return vmf_judge(why, rules);
}

/* The value of an attribute. */
static inline int vmf_parse_value(struct vmf_descriptor *d, __u16 key, bool must, const __u8 *p,
				  __u32 len, struct vmf_refusal *why)
{
	/* Length of a value, or of an entry of a list. */
	static const __u8 size[] = { 0, 16, 16, 0, 8, 8, 8, 16, 24, 8, 16, 8 };
	bool known = key < sizeof(size), provider = key >= 64 && key <= 68;
	bool list = key >= VMF_KEY_FEATURES_REQUIRED && key != VMF_KEY_STREAM_MAX;
	bool entries = key >= VMF_KEY_LIMITS && key != VMF_KEY_STREAM_MAX;
	__s64 last = key == VMF_KEY_MANIFEST ? VMF_TYPE_END : -1;
	const struct vmf_presented *id = (const void *)p;
	const struct vmf_version *version = (const void *)p;
	__u32 i;

	if (!known) {
		if (must && !provider && !d->unknown)
			d->unknown = key;
		return 0;
	}
	if (size[key] && (list ? len % size[key] : len != size[key]))
		goto bad;
	for (i = 0; entries && i < len; i += size[key])
		if (vmf_parse_entry(key, p + i, &last, why))
			return -why->error;
	if (key == VMF_KEY_PROFILE_NAME) {
		for (i = 0; i < len; i++)
			if (!((p[i] >= 'a' && p[i] <= 'z') || (p[i] >= '0' && p[i] <= '9') ||
			      p[i] == '.' || p[i] == '-'))
				goto bad;
		if (!len || len > VMF_PROFILE_NAME_MAX)
			goto bad;
	}
	if (key == VMF_KEY_PRESENTED && (vmf_get(id->flags) & ~1 || vmf_get(id->reserved)))
		goto bad;
	if (key == VMF_KEY_PROFILE_VERSION) {
		d->version = vmf_get(version->version);
		d->min_reader = vmf_get(version->min_reader);
		if (!d->min_reader || d->min_reader > d->version)
			goto bad;
	}
	if (key == VMF_KEY_STREAM_MAX)
		d->stream_max = vmf_get_bytes(p, 8);
	d->value[key].data = p;
	d->value[key].len = len;
	return 0;
bad:
	return vmf_refuse(why, EBADMSG, "value of an attribute", len, size[key]);
}

/* A payload; its offset in the stream is in @why, that of an attribute if something is wrong. */
static noinline_for_stack __maybe_unused
int vmf_parse_descriptor(struct vmf_descriptor *d, const __u8 *p, __u32 size,
			 struct vmf_refusal *why)
{
	static const __u8 mandatory[] = { 4, 8, 1, 2, 3, 9 };
	const __u32 header = sizeof(struct vmf_attribute_header);
	__u32 left = size, last = 0, i;

	*d = (struct vmf_descriptor){};
	while (left) {
		const struct vmf_attribute_header *h = (const void *)p;
		__u64 whole = left >= header ? vmf_get(h->len) : 0;
		__u32 key = left >= header ? vmf_get(h->key) : 0;
		__u16 flags = left >= header ? vmf_get(h->flags) : 0;
		bool fits = left >= header && whole <= left - header;
		__u32 len = fits ? whole : 0, padded = vmf_pad8(len);
		bool full = fits && padded <= left - header;
		const struct vmf_rule rules[] = {
			{ left < header, EBADMSG, "truncated attribute", 0, 0 },
			{ !fits, EBADMSG, "attribute length", whole, left - header },
			{ !full, EBADMSG, "attribute padding missing", 0, 0 },
			{ full && !vmf_all_zero(p + header + len, padded - len), EBADMSG,
			  "attribute padding not zero", 0, 0 },
			{ flags & ~VMF_ATTR_MUST, EBADMSG, "attribute flags", flags,
			  VMF_ATTR_MUST },
			{ key <= last, EBADMSG, "attribute keys not ascending", key, last + 1 },
		};

		if (vmf_judge(why, rules) ||
		    vmf_parse_value(d, key, flags & VMF_ATTR_MUST, p + header, len, why))
			return -why->error;
		last = key;
		p += header + padded;
		left -= header + padded;
		why->at += header + padded;
	}
	for (i = 0; i < sizeof(mandatory); i++)
		if (!d->value[mandatory[i]].data)
			return vmf_refuse(why, EBADMSG, "mandatory attribute missing", 0,
					  mandatory[i]);
	return 0;
}

/*
 * The section type, as far as a device of @caps knows it. Those of the container are for people and
 * tools: a source may have them among its parts, and no destination knows them.
 */
static inline const struct vmf_part *vmf_part_of(const struct vmf_caps *caps, __u32 type)
{
	unsigned int i;

	for (i = 0; type > VMF_TYPE_CONTAINER_LAST && i < caps->nr_parts; i++)
		if (vmf_get(caps->parts[i].entry.type) == type)
			return caps->parts[i].since <= caps->version ? &caps->parts[i] : NULL;
	return NULL;
}

/* The same, if sections of this entry of a manifest can be read and are not to be dropped. */
static inline const struct vmf_part *vmf_part_read(const struct vmf_caps *caps,
						   const struct vmf_manifest_entry *entry)
{
	__u32 oldest = vmf_get(entry->min_reader);
	const struct vmf_part *part;

	part = vmf_part_of(caps, vmf_get(entry->type));
	if (part && oldest > vmf_get(part->entry.schema))
		return NULL;
	return part;
}

static inline int vmf_check_identity(const struct vmf_descriptor *d, const struct vmf_caps *caps,
				     struct vmf_refusal *why)
{
	static const struct {
		__u8 at, len;
		const char *reason;
	} ids[] = {
		{ 0, 2, "vendor id" }, { 2, 2, "device id" }, { 9, 3, "class code" },
		{ 12, 1, "is a VF" }, { 4, 2, "subsystem vendor id" }, { 6, 2, "subsystem id" },
		{ 8, 1, "revision id" }, { 0, 0, NULL },
	};
	const __u8 *own = (const __u8 *)&caps->id;
	unsigned int i;

	for (i = 0; ids[i].len; i++) {
		__u64 got = vmf_get_bytes(d->value[VMF_KEY_PRESENTED].data + ids[i].at, ids[i].len);
		__u64 want = vmf_get_bytes(own + ids[i].at, ids[i].len);

		if ((caps->any_subsystem && (ids[i].at == 4 || ids[i].at == 6)) ||
		    (caps->any_revision && ids[i].at == 8) || got == want)
			continue;
		return vmf_refuse(why, EXDEV, ids[i].reason, got, want);
	}
	return 0;
}

static inline int vmf_check_profile(const struct vmf_descriptor *d, const struct vmf_caps *caps,
				    struct vmf_refusal *why)
{
	const __u8 *uuid = d->value[VMF_KEY_PROFILE_UUID].data;
	const __u32 len = d->value[VMF_KEY_PROFILE_NAME].len;
	bool named = len == strlen(caps->name) &&
		     !memcmp(d->value[VMF_KEY_PROFILE_NAME].data, caps->name, len);
	const struct vmf_rule rules[] = {
		{ memcmp(uuid, caps->uuid, 16), EXDEV, "profile UUID", 0, 0 },
		{ !named, EXDEV, "profile name", 0, 0 },
		{ d->min_reader > caps->version, EOPNOTSUPP, "profile version too new",
		  d->min_reader, caps->version },
		{ d->version < caps->floor, EOPNOTSUPP, "profile version too old", d->version,
		  caps->floor },
		{ d->unknown, EOPNOTSUPP, "unknown mandatory attribute", d->unknown, 0 },
	};

	return vmf_judge(why, rules);
}

static inline const struct vmf_limit *vmf_limit_of(const struct vmf_caps *caps, __u16 id)
{
	unsigned int i;

	for (i = 0; i < caps->nr_limits && i < VMF_LIMITS_MAX; i++)
		if (vmf_get(caps->limits[i].id) == id)
			return &caps->limits[i];
	return NULL;
}

static inline int vmf_check_limit(const struct vmf_caps *caps, const struct vmf_limit *p,
				  struct vmf_refusal *why)
{
	__u16 id = vmf_get(p->id);
	__u8 stated = vmf_get(p->rule);
	__u64 got = vmf_get(p->value);
	const struct vmf_limit *limit = vmf_limit_of(caps, id);
	__u8 rule = limit ? limit->rule : 0;
	__u64 own = limit ? vmf_get(limit->value) : 0;
	bool named = limit && caps->limit_names;
	const char *name = named ? caps->limit_names[limit - caps->limits] : "limit";
	const struct vmf_rule rules[] = {
		{ !limit && stated != VMF_RULE_IGNORE, EOPNOTSUPP, "unknown limit", id, 0 },
		{ limit && stated != rule, EDOM, "rule of a limit", stated, rule },
		{ rule == VMF_RULE_EQUAL && got != own, EDOM, name, got, own },
		{ rule == VMF_RULE_LE && got > own, EDOM, name, got, own },
		{ rule == VMF_RULE_GE && got < own, EDOM, name, got, own },
		{ rule == VMF_RULE_SUPERSET && own & ~got, EDOM, name, got, own },
		{ rule == VMF_RULE_SUBSET && got & ~own, EDOM, name, got, own },
	};

	return vmf_judge(why, rules);
}

/* An entry of the manifest: is it known if it has to be? */
static inline int vmf_check_known(const struct vmf_caps *caps,
				  const struct vmf_manifest_entry *p, struct vmf_refusal *why)
{
	__u32 type = vmf_get(p->type);
	__u16 oldest = vmf_get(p->min_reader);
	const struct vmf_part *part = vmf_part_of(caps, type);
	__u16 schema = part ? vmf_get(part->entry.schema) : 0;
	bool critical = (vmf_get(p->flags) |
			 (part ? vmf_get(part->entry.flags) : 0)) &
			VMF_FLAG_CRITICAL;
	const struct vmf_rule rules[] = {
		{ critical && !part, EOPNOTSUPP, "unknown critical section", type, 0 },
		{ critical && oldest > schema, EOPNOTSUPP, "schema of a critical section too new",
		  oldest, schema },
	};

	return vmf_judge(why, rules);
}

/* Are there as many instances of it? */
static inline int vmf_check_count(const struct vmf_caps *caps,
				  const struct vmf_manifest_entry *p, struct vmf_refusal *why)
{
	const struct vmf_part *part = vmf_part_read(caps, p);
	__u32 got = vmf_get(p->count_max);
	__u32 own = part ? vmf_get(part->entry.count_max) : 0;

	if (part && got > own)
		return vmf_refuse(why, EDOM, "number of section instances", got, own);
	return 0;
}

/**
 * vmf_verdict() - The verdict of a device on a descriptor.
 * @d: the descriptor
 * @caps: the device
 * @why: gets the first rule that is broken
 *
 * A device has no policies here, and ignores those of the source.
 *
 * Return: 0 or -errno.
 */
static noinline_for_stack __maybe_unused
int vmf_verdict(const struct vmf_descriptor *d, const struct vmf_caps *caps,
		struct vmf_refusal *why)
{
	const __u32 entry = sizeof(struct vmf_manifest_entry), limit = sizeof(struct vmf_limit);
	const void *p;
	__u64 got, own;
	__u32 i;

	if (vmf_check_identity(d, caps, why) || vmf_check_profile(d, caps, why))
		return -why->error;
	for (i = 0; (p = vmf_nth(d, VMF_KEY_FEATURES_REQUIRED, 8, i)); i++) {
		got = vmf_get_bytes(p, 8);
		own = i < 2 ? caps->features[i] : 0;
		if (got & ~own)
			return vmf_refuse(why, EOPNOTSUPP, "required features", got, own);
	}
	for (i = 0; (p = vmf_nth(d, VMF_KEY_MANIFEST, entry, i)); i++)
		if (vmf_check_known(caps, p, why))
			return -why->error;
	for (i = 0; (p = vmf_nth(d, VMF_KEY_LIMITS, limit, i)); i++)
		if (vmf_check_limit(caps, p, why))
			return -why->error;
	for (i = 0; (p = vmf_nth(d, VMF_KEY_MANIFEST, entry, i)); i++)
		if (vmf_check_count(caps, p, why))
			return -why->error;
	if (d->stream_max > caps->stream_max)
		return vmf_refuse(why, EFBIG, "stream_max", d->stream_max, caps->stream_max);
	return 0;
}

#endif /* _VMF_DESCRIPTOR_H */
