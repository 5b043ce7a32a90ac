/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_STATE_RULES_H
#define SELFTESTS_STATE_RULES_H

#include <stddef.h>

#include <linux/types.h>

#include "migration.h"

/*
 * What the registry says of the fields of the profile's sections, written from
 * Documentation/registry/profiles/vf.net.igbvf-82576.yaml and not from the code.
 */
struct state_field {
	const char *name;
	u32 type;		/* of the section */
	u32 instances;
	u32 at;			/* in the payload */
	u32 size;		/* of an element, 1 to 8 bytes */
	u32 count;		/* of elements */
	u64 mask;		/* bits that it can have */
	u64 max;		/* 0: as the mask says */
	u64 unit;		/* what it is a multiple of; 0: nothing */
};

extern const struct state_field state_fields[];
extern const unsigned int state_fields_count;

/* Of a refusal: the errno, and the fields that it may be about. */
struct state_verdict {
	int err;
	const char *fields[3];
};

/* What a destination has to say of one section, whose length is right. */
struct state_verdict state_judge_section(u32 type, u32 instance, const u8 *payload, size_t len);

/* What it has to say of the sections of @stream, which is fine otherwise. */
struct state_verdict state_judge(const struct mig_buf *stream);

/*
 * What is saved of @stream when it was loaded: without VF_RESET_DONE the PF has forgotten
 * all filters but the largest frame.
 */
void state_settle(struct mig_buf *stream);

u64 state_get(const u8 *payload, const struct state_field *field, u32 index);
void state_put(u8 *payload, const struct state_field *field, u32 index, u64 val);

#endif /* SELFTESTS_STATE_RULES_H */
