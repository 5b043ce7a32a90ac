/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_STREAM_EDIT_H
#define SELFTESTS_STREAM_EDIT_H

#include <linux/types.h>

#include "migration.h"
#include "vmf_stream.h"

/* Where a value is changed. */
enum stream_place {
	FILE_HEADER,
	HEADER,		/* of a section */
	PAYLOAD,	/* of a section */
	ATTRIBUTE,	/* value of one in the DESCRIPTOR; its header is at -8 */
	EDIT,		/* a function */
};

/* What is wrong with a stream: one value, or what a function does. */
struct stream_edit {
	const char *name;
	int err;
	enum stream_place place;
	u32 type;	/* of the section, or the key of the attribute */
	u32 instance;
	unsigned int bits;
	int at;
	u64 val;
	void (*edit)(struct mig_buf *s);
};

struct stream_edits {
	const struct stream_edit *edit;
	unsigned int count;
};

/* Change @s, a stream of a guest with its driver up, and make its CRCs right. */
void stream_edit_apply(const struct stream_edit *edit, struct mig_buf *s);

/* Of a section that must be there, and offset of the value of an attribute that must be. */
struct vmf_section edit_section(struct mig_buf *s, u32 type, u32 instance);
size_t edit_attribute(struct mig_buf *s, u16 key);

/* All CRCs, or that of one header when the lengths do not let the others be found. */
void edit_fixup(struct mig_buf *s);
void edit_fixup_header(struct mig_buf *s, const struct vmf_section *at);

/* Make room at @at: what is after it moves, and END knows of the new length. */
void edit_insert(struct mig_buf *s, size_t at, size_t len);
void edit_cut(struct mig_buf *s, size_t at, size_t len);

/* Number the sections anew after some came or went; with all CRCs. */
void edit_renumber(struct mig_buf *s);

/*
 * Who has made the stream is not in it any more; and whether two are the same but for
 * that, which is shown and never compared.
 */
void edit_anonymous(struct mig_buf *s);
bool edit_same_state(const struct mig_buf *a, const struct mig_buf *b);

/* As from a writer that did not know presented-config yet. */
void edit_of_before(struct mig_buf *s);

/* A section type that no profile has. */
#define VMF_UNKNOWN	0x10008u

/*
 * Announce VMF_UNKNOWN as optional, and have this number of @sections of it, each
 * with @len_max bytes, before END.
 */
void edit_add_optional(struct mig_buf *s, u32 count_max, u32 len_max, unsigned int sections);

#endif /* SELFTESTS_STREAM_EDIT_H */
