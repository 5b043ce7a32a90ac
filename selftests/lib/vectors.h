/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_VECTORS_H
#define SELFTESTS_VECTORS_H

#include <linux/types.h>

/*
 * Golden streams of the profile, which are part of the program: what a driver of
 * the version in the name has written, or would have.
 */
extern const u8 v1_reset[], v1_reset_end[];
extern const u8 v1_running[], v1_running_end[];
extern const u8 v1_mailbox_pending[], v1_mailbox_pending_end[];
extern const u8 v2_reset[], v2_reset_end[];
extern const u8 v2_running[], v2_running_end[];

struct vector {
	const char *name;
	u32 version;
	const u8 *data;
	const u8 *end;
};

extern const struct vector vectors[];
extern const unsigned int vectors_count;

#endif /* SELFTESTS_VECTORS_H */
