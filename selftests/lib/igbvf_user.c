// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small user-space driver for an 82576 VF: two transmit and two receive
 * queues with advanced descriptors, and MSI-X.
 */
#include <endian.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/types.h>

#include "igbvf_user.h"

u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

void nic_init(struct nic *nic, const u8 *mac)
{
	unsigned int q;

	memset(nic, 0, sizeof(*nic));
	memcpy(nic->mac, mac, MAC_LEN);
	guest_ram_init(&nic->ram, NIC_RAM_SIZE);
	for (q = 0; q < VF_QUEUES; q++) {
		nic->tx[q].ring = guest_ram_alloc(&nic->ram,
						  NIC_TX_RING * sizeof(*nic->tx[q].ring));
		nic->rx[q].ring = guest_ram_alloc(&nic->ram,
						  NIC_RX_RING * sizeof(*nic->rx[q].ring));
		nic->tx[q].bufs = guest_ram_alloc(&nic->ram, NIC_TX_RING * NIC_BUF_SIZE);
		nic->rx[q].bufs = guest_ram_alloc(&nic->ram, NIC_RX_RING * NIC_BUF_SIZE);
		nic->rx[q].hdrs = guest_ram_alloc(&nic->ram, NIC_RX_RING * NIC_HDR_SIZE);
	}
}

void nic_free(struct nic *nic)
{
	guest_ram_free(&nic->ram);
}

static void nic_fill(struct nic *nic, unsigned int q, u32 slot)
{
	struct nic_rx_queue *rx = &nic->rx[q];
	union vf_rx_desc *desc = &rx->ring[slot];
	u64 buf = guest_ram_iova(&nic->ram, rx->bufs + slot * NIC_BUF_SIZE);
	u64 hdr = guest_ram_iova(&nic->ram, rx->hdrs + slot * NIC_HDR_SIZE);

	desc->read.pkt_addr = htole64(buf);
	desc->read.hdr_addr = nic->split ? htole64(hdr) : 0;
}

void nic_fill_ring(struct nic *nic, unsigned int q)
{
	unsigned int i;

	for (i = 0; i < NIC_RX_RING; i++)
		nic_fill(nic, q, i);
	nic->rx[q].next = 0;
}

static void nic_setup_rings(struct nic *nic)
{
	struct vf *vf = nic->vf;
	u32 srrctl = VF_SRRCTL_BSIZE_2K;
	unsigned int q;

	if (nic->split)
		srrctl |= VF_SRRCTL_SPLIT_ALWAYS | VF_SRRCTL_BSIZEHDR(NIC_HDR_SIZE);
	else
		srrctl |= VF_SRRCTL_ADV_ONEBUF;

	for (q = 0; q < VF_QUEUES; q++) {
		struct nic_tx_queue *tx = &nic->tx[q];
		struct nic_rx_queue *rx = &nic->rx[q];
		u64 base = guest_ram_iova(&nic->ram, tx->ring);

		vf_write(vf, VF_TXDCTL(q), 0);
		vf_write(vf, VF_TDBAL(q), base);
		vf_write(vf, VF_TDBAH(q), base >> 32);
		vf_write(vf, VF_TDLEN(q), NIC_TX_RING * sizeof(*tx->ring));
		vf_write(vf, VF_TDH(q), 0);
		vf_write(vf, VF_TDT(q), 0);
		vf_write(vf, VF_TDWBAL(q), 0);
		vf_write(vf, VF_TDWBAH(q), 0);
		vf_write(vf, VF_TXDCTL(q), VF_QUEUE_ENABLE);
		tx->next = 0;
		tx->clean = 0;

		nic_fill_ring(nic, q);
		base = guest_ram_iova(&nic->ram, rx->ring);
		vf_write(vf, VF_RXDCTL(q), VF_RXDCTL_RESET);
		vf_write(vf, VF_RDBAL(q), base);
		vf_write(vf, VF_RDBAH(q), base >> 32);
		vf_write(vf, VF_RDLEN(q), NIC_RX_RING * sizeof(*rx->ring));
		vf_write(vf, VF_SRRCTL(q), srrctl);
		vf_write(vf, VF_RDH(q), 0);
		vf_write(vf, VF_RXDCTL(q), VF_RXDCTL_RESET | VF_QUEUE_ENABLE);
		vf_write(vf, VF_RDT(q), NIC_RX_RING - 1);
	}
}

static void nic_setup_irqs(struct nic *nic)
{
	struct vf *vf = nic->vf;
	u32 rx = VF_IVAR_VALID | NIC_VEC_RX, tx = VF_IVAR_VALID | NIC_VEC_TX;
	unsigned int k;

	vf_write(vf, VF_EIMC, VF_EIMASK);
	vf_write(vf, VF_EICR, VF_EIMASK);
	vf_write(vf, VF_IVAR0, rx | tx << 8 | rx << 16 | tx << 24);
	vf_write(vf, VF_IVAR_MISC, VF_IVAR_VALID | NIC_VEC_OTHER);
	for (k = 0; k < VF_VECTORS; k++)
		vf_write(vf, VF_EITR(k), 0);
	vf_write(vf, VF_EIAC, VF_EIMASK);
	/* What a device masks by itself is enabled by igbvf's handlers, of which there are none. */
	vf_write(vf, VF_EIAM, 0);
	vf_write(vf, VF_EIMS, VF_EIMASK);
}

void nic_setup(struct nic *nic)
{
	nic_setup_irqs(nic);
	nic_setup_rings(nic);
}

int nic_up(struct nic *nic, struct vf *vf)
{
	struct igbvf_mailbox mbx;
	u32 msg[3];
	int ret;

	nic->vf = vf;
	vf_vmm_setup(vf);
	vf_write(vf, VF_EIMC, VF_EIMASK);

	mailbox_init(&mbx, vf);
	ret = mailbox_reset(&mbx, msg);
	if (ret)
		return ret;
	msg[0] = VF_MSG_SET_MAC;
	msg[1] = 0;
	msg[2] = 0;
	memcpy(&msg[1], nic->mac, MAC_LEN);
	ret = mailbox_request(&mbx, msg, 3, 3);
	if (ret)
		return ret;
	if (msg[0] & VF_MSG_NACK)
		return -EADDRNOTAVAIL;

	nic_setup(nic);
	return 0;
}

bool nic_post(struct nic *nic, unsigned int q, const u8 *frame, size_t len)
{
	struct nic_tx_queue *tx = &nic->tx[q];
	u32 slots = (len + NIC_BUF_SIZE - 1) / NIC_BUF_SIZE;
	size_t done, part;

	if (nic_clean(nic, q) + slots >= NIC_TX_RING)
		return false;
	tx->last[tx->next] = (tx->next + slots - 1) % NIC_TX_RING;
	for (done = 0; done < len; done += part) {
		struct vf_tx_desc *desc = &tx->ring[tx->next];
		u8 *buf = tx->bufs + tx->next * NIC_BUF_SIZE;
		u32 cmd = VF_TXD_DATA | VF_TXD_DEXT | VF_TXD_IFCS;

		part = len - done < NIC_BUF_SIZE ? len - done : NIC_BUF_SIZE;
		if (done + part == len)
			cmd |= VF_TXD_EOP | VF_TXD_RS;
		memcpy(buf, frame + done, part);
		desc->addr = htole64(guest_ram_iova(&nic->ram, buf));
		desc->cmd_type_len = htole32(cmd | part);
		desc->olinfo_status = htole32(len << VF_TXD_PAYLEN);
		tx->next = (tx->next + 1) % NIC_TX_RING;
	}
	tx->posted++;
	nic->totals.sent++;
	nic->totals.sent_bytes += len;
	return true;
}

void nic_doorbell(struct nic *nic, unsigned int q)
{
	vf_write(nic->vf, VF_TDT(q), nic->tx[q].next);
}

u32 nic_clean(struct nic *nic, unsigned int q)
{
	struct nic_tx_queue *tx = &nic->tx[q];

	while (tx->clean != tx->next) {
		u32 last = tx->last[tx->clean];
		__le32 *status = &tx->ring[last].olinfo_status;

		if (!(le32toh(__atomic_load_n(status, __ATOMIC_ACQUIRE)) & VF_TXD_DD))
			break;
		tx->clean = (last + 1) % NIC_TX_RING;
	}
	return (tx->next + NIC_TX_RING - tx->clean) % NIC_TX_RING;
}

bool nic_drain(struct nic *nic, unsigned int q, int timeout_ms)
{
	u64 end = now_ns() + timeout_ms * 1000000ull;

	while (nic_clean(nic, q)) {
		if (now_ns() > end)
			return false;
		usleep(100);
	}
	return true;
}

/* What is in slot @slot, appended to @frame of length @len; the new length. */
static size_t nic_gather(struct nic *nic, unsigned int q, u32 slot, u8 *frame, size_t len)
{
	struct nic_rx_queue *rx = &nic->rx[q];
	union vf_rx_desc *desc = &rx->ring[slot];
	size_t hdr = VF_RXD_HDR_LEN(le32toh(desc->wb.info));
	size_t part = le16toh(desc->wb.length);

	/* The first slot has the header; the others may repeat its length, and have none. */
	if (!nic->split || len)
		hdr = 0;
	if (hdr > NIC_HDR_SIZE)
		hdr = NIC_HDR_SIZE;
	if (part > NIC_BUF_SIZE)
		part = NIC_BUF_SIZE;
	if (len + hdr + part > FRAME_LIMIT)
		return len;
	memcpy(frame + len, rx->hdrs + slot * NIC_HDR_SIZE, hdr);
	memcpy(frame + len + hdr, rx->bufs + slot * NIC_BUF_SIZE, part);
	return len + hdr + part;
}

static bool is_multicast(const u8 *frame)
{
	static const u8 broadcast[MAC_LEN] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	return frame[0] & 1 && memcmp(frame, broadcast, MAC_LEN);
}

size_t nic_receive(struct nic *nic, unsigned int q, u8 *frame)
{
	struct nic_rx_queue *rx = &nic->rx[q];
	u32 slot = rx->next, status, n;
	union vf_rx_desc *desc;
	size_t len = 0;

	for (n = 0; ; n++) {
		desc = &rx->ring[slot];
		status = le32toh(__atomic_load_n(&desc->wb.status_error, __ATOMIC_ACQUIRE));
		if (!(status & VF_RXD_DD) || n == NIC_RX_RING)
			return 0;
		len = nic_gather(nic, q, slot, frame, len);
		if (status & VF_RXD_EOP)
			break;
		slot = (slot + 1) % NIC_RX_RING;
	}
	rx->tag = status & VF_RXD_VP ? le16toh(desc->wb.vlan) : 0;

	/* Give the slots back; the last of them is then the last filled. */
	while (rx->next != slot) {
		nic_fill(nic, q, rx->next);
		rx->next = (rx->next + 1) % NIC_RX_RING;
	}
	nic_fill(nic, q, slot);
	vf_write(nic->vf, VF_RDT(q), slot);
	rx->next = (slot + 1) % NIC_RX_RING;
	rx->frames++;
	nic->totals.received++;
	nic->totals.received_bytes += len;
	nic->totals.received_multicast += is_multicast(frame);
	return len;
}

bool nic_send(struct nic *nic, unsigned int q, struct ledger *ledger, const u8 *dst, u32 count)
{
	u64 end = now_ns() + NIC_TIMEOUT_MS * 1000000ull;
	u8 frame[FRAME_LIMIT];
	size_t len;

	while (count--) {
		len = frame_build(ledger, frame, dst, nic->mac);
		while (!nic_post(nic, q, frame, len)) {
			if (now_ns() > end)
				return false;
			usleep(100);
		}
		nic_doorbell(nic, q);
	}
	return true;
}

static bool all_complete(struct ledger **ledgers, int nledgers)
{
	int i;

	for (i = 0; i < nledgers; i++)
		if (ledgers[i]->received < ledgers[i]->sent)
			return false;
	return true;
}

bool nic_collect(struct nic *nic, struct ledger **ledgers, int nledgers, int timeout_ms)
{
	u64 end = now_ns() + timeout_ms * 1000000ull;
	u8 frame[FRAME_LIMIT];
	unsigned int q;
	size_t len;
	int i;

	for (;;) {
		bool idle = true;

		for (q = 0; q < VF_QUEUES; q++) {
			while ((len = nic_receive(nic, q, frame))) {
				idle = false;
				for (i = 0; i < nledgers; i++)
					if (frame_is(ledgers[i], frame, len))
						frame_account(ledgers[i], frame, len);
			}
		}
		if (!idle)
			continue;
		if (all_complete(ledgers, nledgers))
			return true;
		if (now_ns() > end)
			return false;
		usleep(200);
	}
}
