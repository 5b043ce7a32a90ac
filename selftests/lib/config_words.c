// SPDX-License-Identifier: GPL-2.0-only
/*
 * What VMMs compare of configuration space.
 */
#include <endian.h>
#include <unistd.h>

#include <linux/kernel.h>
#include <linux/types.h>

#include <libvfio.h>

#include "config_words.h"
#include "igbvf_device.h"
#include "vmf_descriptor.h"
#include "vmf_stream.h"

static const struct {
	u16 offset;
	u16 flags;
	u32 value;
	u32 mask;
} specs[CONFIG_WORDS] = VMF_IGBVF_82576_CONFIG;

void config_words_shown(struct vf *vf, struct vmf_config_word words[CONFIG_WORDS])
{
	unsigned int i;
	u32 value;

	for (i = 0; i < CONFIG_WORDS; i++) {
		VFIO_ASSERT_EQ(pread(vf_fd(vf), &value, sizeof(value),
				     vf->pci->config_space.offset + specs[i].offset),
			       (ssize_t)sizeof(value));
		words[i] = (struct vmf_config_word){
			.offset = htole16(specs[i].offset),
			.flags = htole16(specs[i].flags),
			.value = htole32(le32toh(value) & specs[i].mask),
		};
	}
}

size_t config_word_at(const void *buf, size_t len, u16 offset)
{
	struct vmf_attribute a;
	size_t at;

	if (!vmf_attribute(buf, len, 0, VMF_KEY_PRESENTED_CONFIG, &a))
		return 0;
	for (at = a.value; at < a.value + a.len; at += sizeof(struct vmf_config_word))
		if (vmf_get16(buf, at) == offset)
			return at + offsetof(struct vmf_config_word, value);
	return 0;
}

bool config_words_differ(const void *a, const void *b, size_t len)
{
	size_t in_a, in_b;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(specs); i++) {
		in_a = config_word_at(a, len, specs[i].offset);
		in_b = config_word_at(b, len, specs[i].offset);
		if (in_a && in_b && (vmf_get32(a, in_a) ^ vmf_get32(b, in_b)) & specs[i].mask)
			return true;
	}
	return false;
}
