/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_FRAME_H
#define SELFTESTS_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#define FRAME_ETHERTYPE	0x88b5	/* IEEE 802: local experimental 1 */
#define FRAME_MIN	60
#define FRAME_MAX	1514
#define FRAME_JUMBO_MAX	9014	/* at an MTU of 9000 */
#define FRAME_LIMIT	16384	/* room for any frame */
#define MAC_LEN		6
#define FRAME_TAG_TYPE	0x8100
#define FRAME_TAG_LEN	4

/* The ledger of one path: each sequence number once, in order, unharmed. */
struct ledger {
	u16 stream;
	u16 shortest;
	u16 longest;
	u32 sent;
	u32 received;
	u32 next;
	u32 lost;
	u32 duplicated;
	u32 damaged;
};

void ledger_init(struct ledger *ledger, u16 stream);

/* The same with frames of other lengths, FRAME_MIN or more. */
void ledger_init_lengths(struct ledger *ledger, u16 stream, u16 shortest, u16 longest);

/* Build the next frame of @ledger; returns its length. */
size_t frame_build(struct ledger *ledger, u8 *frame, const u8 *dst, const u8 *src);

/* Put a VLAN tag into a frame with room for it; returns its length then. */
size_t frame_tag(u8 *frame, size_t len, u16 vid);

/* Take off the tag if there is one, and return what it says, or 0. @len gets shorter. */
u16 frame_untag(u8 *frame, size_t *len);

/* Is @frame one of ours, and of this stream? */
bool frame_is(const struct ledger *ledger, const u8 *frame, size_t len);

/* Enter a received frame of this stream into the books. */
void frame_account(struct ledger *ledger, const u8 *frame, size_t len);

/* All sent frames arrived exactly once, in order and unharmed. */
bool ledger_complete(const struct ledger *ledger);

/* Frames that have not arrived. */
u32 ledger_lost(const struct ledger *ledger);

void ledger_print(const struct ledger *ledger, const char *what);

#endif /* SELFTESTS_FRAME_H */
