/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_VMF_DESCRIPTOR_H
#define SELFTESTS_VMF_DESCRIPTOR_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/bits.h>
#include <linux/types.h>
#include <linux/vmf.h>

/* Lengths of an attribute's header, and of the entries of the lists. */
#define VMF_ATTRIBUTE_LEN	sizeof(struct vmf_attribute_header)
#define VMF_LIMIT_LEN		sizeof(struct vmf_limit)
#define VMF_ENTRY_LEN		sizeof(struct vmf_manifest_entry)

/* Feature bits of the profile. */
#define VMF_FEATURE_UNICAST	BIT_ULL(VMF_IGBVF_82576_FEATURE_UNICAST_FILTERS)

struct vmf_attribute {
	u16 key;
	u16 flags;
	u32 len;	/* of the value, without padding */
	size_t value;	/* of the value in the stream; the attribute begins 8 bytes before */
};

/* Attribute @key of the DESCRIPTOR of this @generation; false if there is none. */
bool vmf_attribute(const void *buf, size_t len, u32 generation, u16 key,
		   struct vmf_attribute *found);

/* Of the DESCRIPTOR in force; 0 if there is none. */
u32 vmf_profile_version(const void *buf, size_t len);
u32 vmf_min_reader(const void *buf, size_t len);
u64 vmf_required(const void *buf, size_t len);
u32 vmf_generations(const void *buf, size_t len);

/* Does the manifest in force have sections of @type? @flags gets theirs, unless NULL. */
bool vmf_announces(const void *buf, size_t len, u32 type, u16 *flags);

#endif /* SELFTESTS_VMF_DESCRIPTOR_H */
