/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_CONFIG_WORDS_H
#define SELFTESTS_CONFIG_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>
#include <linux/vmf.h>

/*
 * What VMMs compare of configuration space, by the uAPI header: in a descriptor,
 * and as VFIO shows it.
 */
#define CONFIG_WORDS	VMF_IGBVF_82576_CONFIG_WORDS

struct vf;

/* What a VMM finds now. */
void config_words_shown(struct vf *vf, struct vmf_config_word words[CONFIG_WORDS]);

/* Where in the stream the value of the word at @offset is; 0 if it is not stated. */
size_t config_word_at(const void *buf, size_t len, u16 offset);

/* Is one stated in both descriptors, of which another value would be found? */
bool config_words_differ(const void *a, const void *b, size_t len);

#endif /* SELFTESTS_CONFIG_WORDS_H */
