// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a DESCRIPTOR says, read with code that was written from the description
 * of the format.
 */
#include <linux/types.h>

#include "vmf_descriptor.h"
#include "vmf_stream.h"

bool vmf_attribute(const void *buf, size_t len, u32 generation, u16 key,
		   struct vmf_attribute *found)
{
	struct vmf_section d;
	size_t at, end;

	if (!vmf_lookup(buf, len, VMF_DESCRIPTOR, generation, &d))
		return false;
	end = d.payload + d.len;
	for (at = d.payload; at + VMF_ATTRIBUTE_LEN <= end;) {
		found->key = vmf_get16(buf, at);
		found->flags = vmf_get16(buf, at + 2);
		found->len = vmf_get32(buf, at + 4);
		found->value = at + VMF_ATTRIBUTE_LEN;
		if (found->len > end - found->value)
			return false;
		if (found->key == key)
			return true;
		at = found->value + ((found->len + 7) & ~7u);
	}
	return false;
}

u32 vmf_generations(const void *buf, size_t len)
{
	struct vmf_section s;
	u32 n = 0;

	while (vmf_lookup(buf, len, VMF_DESCRIPTOR, n, &s))
		n++;
	return n;
}

/* Of the DESCRIPTOR in force. */
static bool in_force(const void *buf, size_t len, u16 key, struct vmf_attribute *found)
{
	u32 n = vmf_generations(buf, len);

	return n && vmf_attribute(buf, len, n - 1, key, found);
}

u32 vmf_profile_version(const void *buf, size_t len)
{
	struct vmf_attribute a;

	return in_force(buf, len, VMF_KEY_PROFILE_VERSION, &a) ? vmf_get32(buf, a.value) : 0;
}

u32 vmf_min_reader(const void *buf, size_t len)
{
	struct vmf_attribute a;

	return in_force(buf, len, VMF_KEY_PROFILE_VERSION, &a) ? vmf_get32(buf, a.value + 4) : 0;
}

u64 vmf_required(const void *buf, size_t len)
{
	struct vmf_attribute a;

	return in_force(buf, len, VMF_KEY_FEATURES_REQUIRED, &a) ? vmf_get64(buf, a.value) : 0;
}

bool vmf_announces(const void *buf, size_t len, u32 type, u16 *flags)
{
	struct vmf_attribute a;
	u32 at;

	if (!in_force(buf, len, VMF_KEY_MANIFEST, &a))
		return false;
	for (at = 0; at + VMF_ENTRY_LEN <= a.len; at += VMF_ENTRY_LEN) {
		if (vmf_get32(buf, a.value + at) != type)
			continue;
		if (flags)
			*flags = vmf_get16(buf, a.value + at + 8);
		return true;
	}
	return false;
}
