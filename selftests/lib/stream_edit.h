/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_STREAM_EDIT_H
#define SELFTESTS_STREAM_EDIT_H

#include <linux/types.h>

#include "migration.h"

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

/* Ways to make a good stream a bad one, by the errno that they are refused with. */
extern const struct stream_edits edits_malformed;
extern const struct stream_edits edits_other_format;
extern const struct stream_edits edits_other_device;
extern const struct stream_edits edits_too_new;
extern const struct stream_edits edits_over_limits;
extern const struct stream_edits edits_wrong_order;
extern const struct stream_edits edits_too_long;
extern const struct stream_edits edits_out_of_range;

/* Change @s, a stream of a guest with its driver up, and make its CRCs right. */
void stream_edit_apply(const struct stream_edit *edit, struct mig_buf *s);

#endif /* SELFTESTS_STREAM_EDIT_H */
