// SPDX-License-Identifier: GPL-2.0-only
/*
 * Changes to a stream of which the CRCs are made right again.
 */
#include <string.h>

#include <linux/types.h>

#include <libvfio/assert.h>

#include "stream_edit.h"
#include "vmf_descriptor.h"

struct vmf_section edit_section(struct mig_buf *s, u32 type, u32 instance)
{
	struct vmf_section found;

	VFIO_ASSERT_TRUE(vmf_lookup(s->data, s->len, type, instance, &found),
			 "stream without %#x %u\n", type, instance);
	return found;
}

size_t edit_attribute(struct mig_buf *s, u16 key)
{
	struct vmf_attribute found;

	VFIO_ASSERT_TRUE(vmf_attribute(s->data, s->len, 0, key, &found),
			 "DESCRIPTOR without key %u\n", key);
	return found.value;
}

void edit_fixup(struct mig_buf *s)
{
	vmf_fixup(s->data, s->len);
}

void edit_fixup_header(struct mig_buf *s, const struct vmf_section *at)
{
	vmf_put32(s->data, at->off + VMF_SEC_HEADER_CRC,
		  vmf_crc32c(0, s->data + at->off, VMF_SEC_HEADER_CRC));
}

void edit_insert(struct mig_buf *s, size_t at, size_t len)
{
	struct vmf_section end;
	u8 *zeros = calloc_assert(1, len);

	if (vmf_lookup(s->data, s->len, VMF_END, 0, &end))
		vmf_put64(s->data, end.payload + VMF_END_TOTAL, s->len + len);
	mig_buf_append(s, zeros, len);
	free(zeros);
	memmove(s->data + at + len, s->data + at, s->len - len - at);
	memset(s->data + at, 0, len);
}

void edit_renumber(struct mig_buf *s)
{
	struct vmf_section all[VMF_WALK_MAX];
	int i, n;

	n = vmf_walk(s->data, s->len, all, VMF_WALK_MAX);
	VFIO_ASSERT_GT(n, 1);
	for (i = 0; i < n; i++)
		vmf_put32(s->data, all[i].off + VMF_SEC_SEQ, i);
	vmf_put32(s->data, all[n - 1].payload + VMF_END_COUNT, n);
	vmf_put64(s->data, all[n - 1].payload + VMF_END_TOTAL, s->len);
	edit_fixup(s);
}

void edit_cut(struct mig_buf *s, size_t at, size_t len)
{
	memmove(s->data + at, s->data + at + len, s->len - at - len);
	s->len -= len;
}

/* Without the attributes of the DESCRIPTOR from @first to @last, which are in the order of keys. */
static void without(struct mig_buf *s, u16 first, u16 last)
{
	struct vmf_section d = edit_section(s, VMF_DESCRIPTOR, 0);
	size_t end = d.payload + d.len, at = d.payload, next, begin = 0;

	for (; at < end && vmf_get16(s->data, at) <= last; at = next) {
		next = at + VMF_ATTRIBUTE_LEN + ((vmf_get32(s->data, at + 4) + 7) & ~7u);
		if (!begin && vmf_get16(s->data, at) >= first)
			begin = at;
	}
	if (begin) {
		edit_cut(s, begin, at - begin);
		vmf_put64(s->data, d.off + VMF_SEC_LENGTH, d.len - (at - begin));
	}
	edit_renumber(s);
}

void edit_anonymous(struct mig_buf *s)
{
	without(s, VMF_KEY_PROVIDER_IDS, UINT16_MAX);
}

void edit_of_before(struct mig_buf *s)
{
	without(s, VMF_KEY_PRESENTED_CONFIG, VMF_KEY_PRESENTED_CONFIG);
}

bool edit_same_state(const struct mig_buf *a, const struct mig_buf *b)
{
	struct mig_buf x = { 0 }, y = { 0 };
	bool same;

	mig_buf_copy(&x, a);
	mig_buf_copy(&y, b);
	edit_anonymous(&x);
	edit_anonymous(&y);
	same = mig_buf_equal(&x, &y);
	mig_buf_free(&x);
	mig_buf_free(&y);
	return same;
}

void edit_add_optional(struct mig_buf *s, u32 count_max, u32 len_max, unsigned int sections)
{
	struct vmf_section d = edit_section(s, VMF_DESCRIPTOR, 0);
	size_t manifest = edit_attribute(s, VMF_KEY_MANIFEST), at;
	u32 i, len = vmf_get32(s->data, manifest - 4);

	at = manifest + len;
	edit_insert(s, at, VMF_ENTRY_LEN);
	vmf_put32(s->data, manifest - 4, len + VMF_ENTRY_LEN);
	vmf_put64(s->data, d.off + VMF_SEC_LENGTH, d.len + VMF_ENTRY_LEN);
	vmf_put32(s->data, at, VMF_UNKNOWN);
	vmf_put32(s->data, at + 4, 0x00010001);
	vmf_put32(s->data, at + 12, count_max);
	vmf_put32(s->data, at + 16, len_max);

	at = edit_section(s, VMF_END, 0).off;
	for (i = 0; i < sections; i++) {
		edit_insert(s, at, VMF_SECTION_LEN + len_max);
		vmf_put32(s->data, at + VMF_SEC_TYPE, VMF_UNKNOWN);
		vmf_put16(s->data, at + VMF_SEC_SCHEMA, 1);
		vmf_put32(s->data, at + VMF_SEC_INSTANCE, i);
		vmf_put64(s->data, at + VMF_SEC_LENGTH, len_max);
		memset(s->data + at + VMF_SECTION_LEN, 0xa5, len_max);
		at += VMF_SECTION_LEN + len_max;
	}
	edit_renumber(s);
}

void stream_edit_apply(const struct stream_edit *edit, struct mig_buf *s)
{
	size_t at = 0;

	switch (edit->place) {
	case FILE_HEADER:
		break;
	case HEADER:
		at = edit_section(s, edit->type, edit->instance).off;
		break;
	case PAYLOAD:
		at = edit_section(s, edit->type, edit->instance).payload;
		break;
	case ATTRIBUTE:
		at = edit_attribute(s, edit->type);
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
	edit_fixup(s);
}
