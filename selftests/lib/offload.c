// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets that the device finishes: checksums, VLAN tags and segments, by what a
 * context descriptor has said before. What arrives is compared with packets that were
 * finished here.
 */
#include <endian.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "offload.h"
#include "vmf_stream.h"

#define ETH_LEN		14
#define ETH_TYPE_IP	0x0800
#define IP_LEN		20
#define L4_AT		(ETH_LEN + IP_LEN)
#define SCTP_LEN	12
#define SCTP_CHECKSUM	8
#define IP_SUM_AT	10
#define FIRST_SEQ	1000000u

/* Within the NIC a packet has arrived, or has not, when it is sent. */
#define QUIET_MS	150

static size_t l4_len(const struct offload *o)
{
	switch (o->protocol) {
	case IPPROTO_TCP:
		return sizeof(struct tcphdr);
	case IPPROTO_UDP:
		return sizeof(struct udphdr);
	default:
		return SCTP_LEN;
	}
}

/* Where the checksum of layer 4 is in its header, and how long. */
static size_t l4_checksum_at(const struct offload *o)
{
	switch (o->protocol) {
	case IPPROTO_TCP:
		return offsetof(struct tcphdr, check);
	case IPPROTO_UDP:
		return offsetof(struct udphdr, check);
	default:
		return SCTP_CHECKSUM;
	}
}

static size_t l4_checksum_len(const struct offload *o)
{
	return o->protocol == IPPROTO_SCTP ? 4 : 2;
}

static u32 sum16(const u8 *data, size_t len, u32 sum)
{
	size_t i;

	for (i = 0; i < len; i++)
		sum += i & 1 ? data[i] : data[i] << 8;
	return sum;
}

static u16 fold(u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static u16 pseudo_header(const u8 *ip, const struct offload *o, size_t len)
{
	return fold(sum16(ip + 12, 8, o->protocol + len));
}

static void put16(u8 *at, u16 val)
{
	at[0] = val >> 8;
	at[1] = val;
}

static void fill_l4(const struct offload *o, u8 *l4, u32 seq, size_t len)
{
	struct tcphdr *tcp = (void *)l4;
	struct udphdr *udp = (void *)l4;

	memset(l4, 0, l4_len(o));
	put16(l4, 4000);
	put16(l4 + 2, 4001);
	if (o->protocol == IPPROTO_TCP) {
		tcp->seq = htonl(seq);
		tcp->ack_seq = htonl(1);
		tcp->doff = sizeof(*tcp) / 4;
		tcp->ack = 1;
		tcp->window = htons(1024);
	} else if (o->protocol == IPPROTO_UDP) {
		udp->len = htons(len);
	}
}

/*
 * Packet @n of the flow, or the part of it that is @done bytes away from its beginning:
 * without the checksums that the device is to fill in. Returns its length.
 */
static size_t build(const struct offload_flow *flow, u8 *frame, u32 n, size_t done, size_t part)
{
	const struct offload *o = flow->offload;
	u8 *ip = frame + ETH_LEN, *l4 = frame + L4_AT, *payload = l4 + l4_len(o);
	size_t len = l4_len(o) + part, i;

	memcpy(frame, flow->to->mac, MAC_LEN);
	memcpy(frame + MAC_LEN, flow->from->mac, MAC_LEN);
	put16(frame + 2 * MAC_LEN, ETH_TYPE_IP);
	memset(ip, 0, IP_LEN);
	ip[0] = 0x45;
	put16(ip + 2, IP_LEN + len);
	/* Segments are numbered one by one. */
	put16(ip + 4, 100 * n + (o->mss ? done / o->mss : 0));
	ip[8] = 64;
	ip[9] = o->protocol;
	memcpy(ip + 12, (u8[]){ 192, 0, 2, 1, 192, 0, 2, 2 }, 8);
	fill_l4(o, l4, FIRST_SEQ * n + done, len);
	for (i = 0; i < part; i++)
		payload[i] = 7 * n + 13 * (done + i) + 1;
	return L4_AT + len;
}

/* What the device is to make of it. */
static void finish(const struct offload *o, u8 *frame, size_t len)
{
	u8 *ip = frame + ETH_LEN, *l4 = frame + L4_AT;
	size_t l4_bytes = len - L4_AT;
	u16 sum;

	put16(ip + IP_SUM_AT, ~fold(sum16(ip, IP_LEN, 0)));
	if (o->protocol == IPPROTO_SCTP) {
		vmf_put32(l4, SCTP_CHECKSUM, vmf_crc32c(0, l4, l4_bytes));
		return;
	}
	sum = ~fold(sum16(l4, l4_bytes, pseudo_header(ip, o, l4_bytes)));
	put16(l4 + l4_checksum_at(o), sum ? sum : 0xffff);
}

/* As drivers leave it for the device: with the sum of the pseudo header. */
static void prepare(const struct offload *o, u8 *frame, size_t len)
{
	u8 *ip = frame + ETH_LEN, *l4 = frame + L4_AT;

	if (o->protocol != IPPROTO_SCTP)
		put16(l4 + l4_checksum_at(o), pseudo_header(ip, o, o->mss ? 0 : len - L4_AT));
	if (o->mss)
		put16(ip + 2, 0);
}

void offload_flow_init(struct offload_flow *flow, struct nic *from, struct nic *to,
		       const struct offload *offload)
{
	memset(flow, 0, sizeof(*flow));
	flow->from = from;
	flow->to = to;
	flow->offload = offload;
}

static struct vf_tx_desc *next_desc(struct nic *nic)
{
	struct nic_tx_queue *tx = &nic->tx[0];
	struct vf_tx_desc *desc = &tx->ring[tx->next];

	tx->next = (tx->next + 1) % NIC_TX_RING;
	VFIO_ASSERT_NE(tx->next, tx->clean, "the transmit ring is full\n");
	return desc;
}

void offload_post_context(struct offload_flow *flow)
{
	const struct offload *o = flow->offload;
	struct vf_tx_context_desc *desc = (void *)next_desc(flow->from);
	u32 type = VF_TXD_CONTEXT | VF_TXD_DEXT | VF_TXC_IPV4;

	if (o->protocol == IPPROTO_TCP)
		type |= VF_TXC_TCP;
	if (o->protocol == IPPROTO_SCTP)
		type |= VF_TXC_SCTP;
	desc->vlan_macip_lens = htole32((u32)o->tag << VF_TXC_TAG | ETH_LEN << VF_TXC_MACLEN |
					IP_LEN);
	desc->seqnum_seed = 0;
	desc->type_tucmd_mlhl = htole32(type);
	desc->mss_l4len_idx = htole32((u32)o->mss << VF_TXC_MSS | l4_len(o) << VF_TXC_L4LEN |
				      o->index << VF_TXD_INDEX);
}

void offload_post(struct offload_flow *flow)
{
	u32 cmd = VF_TXD_DATA | VF_TXD_DEXT | VF_TXD_EOP | VF_TXD_IFCS | VF_TXD_RS;
	const struct offload *o = flow->offload;
	struct nic *nic = flow->from;
	u8 *buf = nic->tx[0].bufs + nic->tx[0].next * NIC_BUF_SIZE;
	struct vf_tx_desc *desc = next_desc(nic);
	size_t len;

	len = build(flow, buf, flow->next++, 0, o->payload);
	prepare(o, buf, len);
	VFIO_ASSERT_LE(len, (size_t)NIC_BUF_SIZE);
	if (o->tag)
		cmd |= VF_TXD_VLE;
	if (o->mss)
		cmd |= VF_TXD_TSE;
	desc->addr = htole64(guest_ram_iova(&nic->ram, buf));
	desc->cmd_type_len = htole32(cmd | len);
	desc->olinfo_status = htole32((o->mss ? o->payload : len) << VF_TXD_PAYLEN |
				      VF_TXD_IXSM | VF_TXD_TXSM | o->index << VF_TXD_INDEX);
}

void offload_ring(struct offload_flow *flow)
{
	nic_doorbell(flow->from, 0);
}

/* The device does not report contexts as done; the head has passed them. */
bool offload_taken(struct offload_flow *flow)
{
	struct nic_tx_queue *tx = &flow->from->tx[0];
	u64 end = now_ns() + NIC_TIMEOUT_MS * 1000000ull;

	while (vf_read(flow->from->vf, VF_TDH(0)) != tx->next) {
		if (now_ns() > end)
			return false;
		usleep(100);
	}
	tx->clean = tx->next;
	return true;
}

/* What is wrong with one frame, if the next of packet @n is at @done. */
static u32 compare(const struct offload_flow *flow, const u8 *frame, size_t len, u32 n, size_t done)
{
	const struct offload *o = flow->offload;
	size_t part = o->payload - done, want_len, i;
	u8 want[NIC_BUF_SIZE];
	u32 wrong = 0;

	if (o->mss && part > o->mss)
		part = o->mss;
	want_len = build(flow, want, n, done, part);
	if (len != want_len)
		return OFFLOAD_SEGMENTS;
	finish(o, want, len);
	for (i = 0; i < len; i++) {
		if (frame[i] == want[i])
			continue;
		if (i - ETH_LEN - IP_SUM_AT < 2)
			wrong |= OFFLOAD_IP_CHECKSUM;
		else if (i - L4_AT - l4_checksum_at(o) < l4_checksum_len(o))
			wrong |= OFFLOAD_L4_CHECKSUM;
		else
			wrong |= OFFLOAD_DAMAGED;
	}
	return wrong;
}

static bool is_ours(const struct offload_flow *flow, const u8 *frame)
{
	return !memcmp(frame + MAC_LEN, flow->from->mac, MAC_LEN) &&
	       frame[2 * MAC_LEN] == ETH_TYPE_IP >> 8 && !frame[2 * MAC_LEN + 1];
}

/* The next frame from the other station, and its tag; 0 if nothing comes for a while. */
static size_t next_frame(struct offload_flow *flow, u8 *frame, u16 *tag, int timeout_ms)
{
	u64 end = now_ns() + timeout_ms * 1000000ull;
	unsigned int q;
	size_t len;

	do {
		for (q = 0; q < VF_QUEUES; q++) {
			len = nic_receive(flow->to, q, frame);
			if (!len)
				continue;
			*tag = frame_untag(frame, &len) | flow->to->rx[q].tag;
			if (is_ours(flow, frame))
				return len;
		}
		if (!len)
			usleep(200);
	} while (now_ns() < end);
	return 0;
}

u32 offload_look(struct offload_flow *flow)
{
	const struct offload *o = flow->offload;
	u8 frame[FRAME_LIMIT];
	u32 n = flow->seen++, wrong = 0;
	size_t done = 0, len;
	u16 tag;

	while (done < o->payload) {
		len = next_frame(flow, frame, &tag, QUIET_MS);
		if (!len)
			return wrong | (done ? OFFLOAD_SEGMENTS : OFFLOAD_ABSENT);
		/* Behind a wrong cut nothing is where it should be. */
		if (!(wrong & OFFLOAD_SEGMENTS))
			wrong |= compare(flow, frame, len, n, done);
		if (tag != o->tag)
			wrong |= OFFLOAD_TAG;
		done += len - L4_AT - l4_len(o);
	}
	if (flow->seen == flow->next && next_frame(flow, frame, &tag, 0))
		wrong |= OFFLOAD_TWICE;
	return wrong;
}

u32 offload_send(struct offload_flow *flow, bool context)
{
	if (context)
		offload_post_context(flow);
	offload_post(flow);
	offload_ring(flow);
	return offload_taken(flow) ? offload_look(flow) : OFFLOAD_ABSENT;
}

const char *offload_words(u32 wrong)
{
	static const char * const words[] = {
		"absent", "segments", "IP-checksum", "L4-checksum", "tag", "damaged", "twice",
	};
	static char text[96];
	size_t len = 0, i;

	if (!wrong)
		return "right";
	for (i = 0; i < ARRAY_SIZE(words); i++)
		if (wrong & BIT(i))
			len += snprintf(text + len, sizeof(text) - len, "%s%s", len ? " " : "",
					words[i]);
	return text;
}
