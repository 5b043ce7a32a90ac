// SPDX-License-Identifier: GPL-2.0-only
/*
 * The rules of the profile: fields one by one, and what holds between them.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <linux/kernel.h>
#include <linux/types.h>

#include "state_rules.h"
#include "stream_edit.h"
#include "vmf_stream.h"

#define RX_QUEUE(_f)	offsetof(struct vmf_igbvf_82576_rx_queue, _f)
#define TX_QUEUE(_f)	offsetof(struct vmf_igbvf_82576_tx_queue, _f)
#define INTERRUPTS(_f)	offsetof(struct vmf_igbvf_82576_interrupts, _f)
#define MAILBOX(_f)	offsetof(struct vmf_igbvf_82576_mailbox, _f)
#define FILTERS(_f)	offsetof(struct vmf_igbvf_82576_filters, _f)
#define STATISTICS(_f)	offsetof(struct vmf_igbvf_82576_statistics, _f)
#define UNICAST(_f)	offsetof(struct vmf_igbvf_82576_unicast, _f)

#define ALL		0xffffffffu
#define QUEUE_ENABLE	VMF_IGBVF_82576_RX_QUEUE_RXDCTL_ENABLE
#define VLANS_MAX	31
#define MACS_MAX	24
#define MAC_LEN		6

/* Bits that a reserved field can have. */
#define RESERVED	0

#define RX(_f, _size, ...) { #_f, VMF_RX_QUEUE, 2, RX_QUEUE(_f), _size, 1, __VA_ARGS__ }
#define TX(_f, _size, ...) { #_f, VMF_TX_QUEUE, 2, TX_QUEUE(_f), _size, 1, __VA_ARGS__ }
#define IRQ(_f, _count, ...) { #_f, VMF_INTERRUPTS, 1, INTERRUPTS(_f), 4, _count, __VA_ARGS__ }
#define STAT(_f) { #_f, VMF_STATISTICS, 1, STATISTICS(_f), 4, 1, ALL }

const struct state_field state_fields[] = {
	RX(rdba, 8, ~0ull, 0, 32),
	RX(rdlen, 4, ALL, 0xffff0, 16),
	RX(srrctl, 4, ALL),
	RX(rdh, 4, ALL),
	RX(rdt, 4, ALL),
	RX(rxdctl, 4, 0xfbffffff),
	RX(rxctl, 4, ALL),
	RX(psrtype, 4, ALL),
	RX(reserved, 4, RESERVED),
	TX(tdba, 8, ~0ull, 0, 32),
	TX(tdwba, 8, ~0ull),
	TX(tdlen, 4, ALL, 0xffff0, 16),
	TX(tdh, 4, ALL),
	TX(tdt, 4, ALL),
	TX(txdctl, 4, 0xfbffffff),
	TX(txctl, 4, ALL),
	TX(reserved, 4, RESERVED),
	IRQ(eims, 1, 7),
	IRQ(eiac, 1, 7),
	IRQ(eiam, 1, 7),
	IRQ(eitr, 3, 0xffff),
	IRQ(ivar, 1, 0x83838383),
	IRQ(ivar_misc, 1, 0x83838383),
	{ "vmbmem", VMF_MAILBOX, 1, MAILBOX(vmbmem), 4, 16, ALL },
	{ "request", VMF_MAILBOX, 1, MAILBOX(request), 4, 16, ALL },
	{ "r2c", VMF_MAILBOX, 1, MAILBOX(r2c), 1, 1, 0xb0 },
	{ "flag", VMF_MAILBOX, 1, MAILBOX(flags), 1, 1, 7 },
	{ "reserved", VMF_MAILBOX, 1, MAILBOX(reserved), 1, 6, RESERVED },
	{ "flag", VMF_FILTERS, 1, FILTERS(flags), 4, 1, 0xf },
	{ "mac", VMF_FILTERS, 1, FILTERS(mac), 1, MAC_LEN, 0xff },
	{ "multicast_count", VMF_FILTERS, 1, FILTERS(multicast_count), 2, 1, 0xffff, 255 },
	{ "max_frame", VMF_FILTERS, 1, FILTERS(max_frame), 4, 1, ALL, 0x2600 },
	{ "multicast", VMF_FILTERS, 1, FILTERS(multicast), 2, 30, 0xffff, 0xfff },
	{ "reserved", VMF_FILTERS, 1, FILTERS(reserved), 4, 1, RESERVED },
	{ "vlans", VMF_FILTERS, 1, FILTERS(vlans), 1, 512, 0xff },
	STAT(gprc), STAT(gptc), STAT(gorc), STAT(gotc), STAT(mprc),
	STAT(gprlbc), STAT(gptlbc), STAT(gorlbc), STAT(gotlbc),
	{ "reserved", VMF_STATISTICS, 1, STATISTICS(reserved), 4, 1, RESERVED },
	{ "count", VMF_UNICAST, 1, UNICAST(count), 4, 1, ALL, MACS_MAX },
	{ "reserved", VMF_UNICAST, 1, UNICAST(reserved), 4, 1, RESERVED },
	{ "addresses", VMF_UNICAST, 1, UNICAST(addresses), 1, 6 * MACS_MAX, 0xff },
};

const unsigned int state_fields_count = ARRAY_SIZE(state_fields);

u64 state_get(const u8 *payload, const struct state_field *field, u32 index)
{
	u64 val = 0;

	memcpy(&val, payload + field->at + index * field->size, field->size);
	return val;
}

void state_put(u8 *payload, const struct state_field *field, u32 index, u64 val)
{
	memcpy(payload + field->at + index * field->size, &val, field->size);
}

static struct state_verdict fine(void)
{
	return (struct state_verdict){ 0 };
}

static struct state_verdict bad(int err, const char *a, const char *b, const char *c)
{
	return (struct state_verdict){ err, { a, b, c } };
}

/* Reserved fields and unknown flags. */
static struct state_verdict judge_damage(const u8 *payload, const struct state_field *field)
{
	u32 i;

	if (field->mask != RESERVED && strcmp(field->name, "flag"))
		return fine();
	for (i = 0; i < field->count; i++)
		if (state_get(payload, field, i) & ~field->mask)
			return bad(EBADMSG, field->name, NULL, NULL);
	return fine();
}

static struct state_verdict judge_range(const u8 *payload, const struct state_field *field)
{
	u32 i;
	u64 val;

	for (i = 0; i < field->count; i++) {
		val = state_get(payload, field, i);
		if (val & ~field->mask)
			return bad(ERANGE, field->name, NULL, NULL);
		if ((field->max && val > field->max) || (field->unit && val % field->unit))
			return bad(ERANGE, field->name, NULL, NULL);
	}
	return fine();
}

/* A queue that is on has a ring, with head and tail in it. */
static struct state_verdict judge_ring(u32 len, u32 head, u32 tail, u32 control,
				       const char *len_name, const char *head_name,
				       const char *tail_name)
{
	u32 limit = control & QUEUE_ENABLE ? len / 16 : 0x10000;

	if (head < limit && tail < limit)
		return fine();
	return bad(ERANGE, !len ? len_name : head < limit ? tail_name : head_name,
		   head < limit ? NULL : head_name, tail < limit ? NULL : tail_name);
}

static bool all_zero(const u8 *p, size_t len)
{
	while (len--)
		if (*p++)
			return false;
	return true;
}

static bool is_unicast(const u8 *mac)
{
	return !(mac[0] & 1) && !all_zero(mac, MAC_LEN);
}

static struct state_verdict judge_filters(const u8 *p)
{
	u32 flags = vmf_get32(p, FILTERS(flags)), count, vlans = 0, i;
	bool has_mac = flags & VMF_IGBVF_82576_FILTERS_MAC_VALID;

	if (has_mac ? !is_unicast(p + FILTERS(mac)) : !all_zero(p + FILTERS(mac), MAC_LEN))
		return bad(ERANGE, "mac", NULL, NULL);
	if (!(flags & VMF_IGBVF_82576_FILTERS_MAX_FRAME_VALID) &&
	    vmf_get32(p, FILTERS(max_frame)))
		return bad(ERANGE, "max_frame", NULL, NULL);
	count = vmf_get16(p, FILTERS(multicast_count));
	if (count < 30 && !all_zero(p + FILTERS(multicast) + 2 * count, 2 * (30 - count)))
		return bad(ERANGE, "multicast", NULL, NULL);
	for (i = 0; i < 512; i++)
		vlans += __builtin_popcount(p[FILTERS(vlans) + i]);
	if (p[FILTERS(vlans)] & 1 || vlans > VLANS_MAX)
		return bad(ERANGE, "vlans", NULL, NULL);
	return fine();
}

static struct state_verdict judge_unicast(const u8 *p)
{
	u32 count = vmf_get32(p, UNICAST(count)), i;
	const u8 *mac = p + UNICAST(addresses);

	for (i = 0; i < MACS_MAX; i++, mac += MAC_LEN)
		if (i < count ? !is_unicast(mac) : !all_zero(mac, MAC_LEN))
			return bad(ERANGE, "addresses", NULL, NULL);
	return fine();
}

static struct state_verdict judge_mailbox(const u8 *p)
{
	if (!(p[MAILBOX(flags)] & VMF_IGBVF_82576_MAILBOX_REQUEST_PENDING) &&
	    !all_zero(p + MAILBOX(request), 64))
		return bad(ERANGE, "request", NULL, NULL);
	return fine();
}

/* What holds between fields. */
static struct state_verdict judge_between(u32 type, u32 instance, const u8 *p)
{
	switch (type) {
	case VMF_RX_QUEUE:
		if (instance && vmf_get32(p, RX_QUEUE(psrtype)))
			return bad(ERANGE, "psrtype", "rdh", "rdt");
		return judge_ring(vmf_get32(p, RX_QUEUE(rdlen)), vmf_get32(p, RX_QUEUE(rdh)),
				  vmf_get32(p, RX_QUEUE(rdt)), vmf_get32(p, RX_QUEUE(rxdctl)),
				  "rdlen", "rdh", "rdt");
	case VMF_TX_QUEUE:
		return judge_ring(vmf_get32(p, TX_QUEUE(tdlen)), vmf_get32(p, TX_QUEUE(tdh)),
				  vmf_get32(p, TX_QUEUE(tdt)), vmf_get32(p, TX_QUEUE(txdctl)),
				  "tdlen", "tdh", "tdt");
	case VMF_MAILBOX:
		return judge_mailbox(p);
	case VMF_FILTERS:
		return judge_filters(p);
	case VMF_UNICAST:
		return judge_unicast(p);
	default:
		return fine();
	}
}

static bool omitted_if_zero(u32 type)
{
	return type == VMF_STATISTICS || type == VMF_UNICAST;
}

typedef struct state_verdict (*judge_t)(const u8 *payload, const struct state_field *field);

static struct state_verdict judge_fields(const u8 *payload, u32 type, judge_t judge)
{
	struct state_verdict v = fine();
	unsigned int i;

	for (i = 0; i < state_fields_count && !v.err; i++)
		if (state_fields[i].type == type)
			v = judge(payload, &state_fields[i]);
	return v;
}

struct state_verdict state_judge_section(u32 type, u32 instance, const u8 *payload, size_t len)
{
	struct state_verdict v = judge_fields(payload, type, judge_damage);

	if (!v.err)
		v = judge_fields(payload, type, judge_range);
	if (!v.err)
		v = judge_between(type, instance, payload);
	if (!v.err && omitted_if_zero(type) && all_zero(payload, len))
		v = bad(ERANGE, "left out", NULL, NULL);
	return v;
}

struct state_verdict state_judge(const struct mig_buf *stream)
{
	struct vmf_section all[VMF_SECTIONS_MAX];
	struct state_verdict v = fine();
	int i, n;

	n = vmf_walk(stream->data, stream->len, all, VMF_SECTIONS_MAX);
	for (i = 0; i < n && !v.err; i++)
		v = state_judge_section(all[i].type, all[i].instance,
					stream->data + all[i].payload, all[i].len);
	return v;
}

void state_settle(struct mig_buf *stream)
{
	u8 *mailbox = stream->data + edit_section(stream, VMF_MAILBOX, 0).payload;
	u8 *filters = stream->data + edit_section(stream, VMF_FILTERS, 0).payload;
	u32 flags = vmf_get32(filters, FILTERS(flags));
	u32 max_frame = vmf_get32(filters, FILTERS(max_frame));

	if (mailbox[MAILBOX(flags)] & VMF_IGBVF_82576_MAILBOX_VF_RESET_DONE)
		return;
	memset(filters, 0, sizeof(struct vmf_igbvf_82576_filters));
	vmf_put32(filters, FILTERS(flags), flags & VMF_IGBVF_82576_FILTERS_MAX_FRAME_VALID);
	vmf_put32(filters, FILTERS(max_frame), max_frame);
	edit_fixup(stream);
}
