// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbered Ethernet frames and the ledger that accounts for them.
 */
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>

#include <linux/compiler.h>
#include <linux/types.h>

#include "frame.h"

#define FRAME_MAGIC	0x564d4654	/* "VMFT" */

struct frame_header {
	u8 dst[MAC_LEN];
	u8 src[MAC_LEN];
	u16 type;
	u16 stream;
	u32 magic;
	u32 seq;
	u16 len;
} __packed;

static size_t frame_len(const struct ledger *ledger, u32 seq)
{
	u32 lengths = ledger->longest - ledger->shortest + 1;

	/* Lengths from the shortest to the longest frame, no pattern of 2^n. */
	return ledger->shortest + (ledger->stream * 131 + seq * 397) % lengths;
}

static u8 frame_byte(u16 stream, u32 seq, size_t i)
{
	return stream * 17 + seq * 7 + i;
}

void ledger_init_lengths(struct ledger *ledger, u16 stream, u16 shortest, u16 longest)
{
	memset(ledger, 0, sizeof(*ledger));
	ledger->stream = stream;
	ledger->shortest = shortest;
	ledger->longest = longest;
}

void ledger_init(struct ledger *ledger, u16 stream)
{
	ledger_init_lengths(ledger, stream, FRAME_MIN, FRAME_MAX);
}

size_t frame_build(struct ledger *ledger, u8 *frame, const u8 *dst, const u8 *src)
{
	struct frame_header *hdr = (void *)frame;
	u32 seq = ledger->sent++;
	size_t i, len = frame_len(ledger, seq);

	memcpy(hdr->dst, dst, MAC_LEN);
	memcpy(hdr->src, src, MAC_LEN);
	hdr->type = htons(FRAME_ETHERTYPE);
	hdr->stream = htons(ledger->stream);
	hdr->magic = htonl(FRAME_MAGIC);
	hdr->seq = htonl(seq);
	hdr->len = htons(len);
	for (i = sizeof(*hdr); i < len; i++)
		frame[i] = frame_byte(ledger->stream, seq, i);
	return len;
}

size_t frame_tag(u8 *frame, size_t len, u16 vid)
{
	u16 tag[2] = { htons(FRAME_TAG_TYPE), htons(vid) };

	memmove(frame + 2 * MAC_LEN + FRAME_TAG_LEN, frame + 2 * MAC_LEN, len - 2 * MAC_LEN);
	memcpy(frame + 2 * MAC_LEN, tag, sizeof(tag));
	return len + FRAME_TAG_LEN;
}

u16 frame_untag(u8 *frame, size_t *len)
{
	u16 tag[2];

	memcpy(tag, frame + 2 * MAC_LEN, sizeof(tag));
	if (*len < FRAME_MIN || tag[0] != htons(FRAME_TAG_TYPE))
		return 0;
	*len -= FRAME_TAG_LEN;
	memmove(frame + 2 * MAC_LEN, frame + 2 * MAC_LEN + FRAME_TAG_LEN, *len - 2 * MAC_LEN);
	return ntohs(tag[1]);
}

bool frame_is(const struct ledger *ledger, const u8 *frame, size_t len)
{
	const struct frame_header *hdr = (const void *)frame;

	return len >= FRAME_MIN && hdr->type == htons(FRAME_ETHERTYPE) &&
	       hdr->magic == htonl(FRAME_MAGIC) && hdr->stream == htons(ledger->stream);
}

static bool frame_intact(const struct ledger *ledger, const u8 *frame, size_t len)
{
	const struct frame_header *hdr = (const void *)frame;
	u16 stream = ledger->stream;
	u32 seq = ntohl(hdr->seq);
	size_t i;

	if (ntohs(hdr->len) != len || frame_len(ledger, seq) != len)
		return false;
	for (i = sizeof(*hdr); i < len; i++)
		if (frame[i] != frame_byte(stream, seq, i))
			return false;
	return true;
}

void frame_account(struct ledger *ledger, const u8 *frame, size_t len)
{
	const struct frame_header *hdr = (const void *)frame;
	u32 seq = ntohl(hdr->seq);

	ledger->received++;
	if (!frame_intact(ledger, frame, len)) {
		ledger->damaged++;
		return;
	}
	if (seq < ledger->next) {
		/* Seen before, or late: both are a breach of "once, in order". */
		ledger->duplicated++;
		return;
	}
	ledger->lost += seq - ledger->next;
	ledger->next = seq + 1;
}

u32 ledger_lost(const struct ledger *ledger)
{
	return ledger->lost + (ledger->sent - ledger->next);
}

bool ledger_complete(const struct ledger *ledger)
{
	return ledger->received == ledger->sent && !ledger_lost(ledger) &&
	       !ledger->duplicated && !ledger->damaged;
}

void ledger_print(const struct ledger *ledger, const char *what)
{
	printf("# %s: sent %u received %u lost %u duplicated %u damaged %u\n", what,
	       ledger->sent, ledger->received, ledger_lost(ledger), ledger->duplicated,
	       ledger->damaged);
}
