// SPDX-License-Identifier: GPL-2.0-only
/*
 * A small user-space driver for an 82576 VF: two transmit and two receive
 * queues with advanced descriptors, MSI-X, and the mailbox to the PF.
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
	}
}

void nic_free(struct nic *nic)
{
	guest_ram_free(&nic->ram);
}

/*
 * The bits PFSTS, PFACK and RSTD are cleared by a read, so whatever is seen
 * while waiting for one bit is kept for the next one.
 */
static int mbx_wait(struct vf *vf, u32 *seen, u32 bit, int timeout_ms)
{
	u64 end = now_ns() + timeout_ms * 1000000ull;

	for (;;) {
		*seen |= vf_read(vf, VF_MAILBOX);
		if (*seen & bit)
			return 0;
		if (now_ns() > end)
			return -ETIMEDOUT;
		usleep(200);
	}
}

static int mbx_lock(struct vf *vf)
{
	int i;

	for (i = 0; i < 1000; i++) {
		vf_write(vf, VF_MAILBOX, VF_MBX_VFU);
		if (vf_read(vf, VF_MAILBOX) & VF_MBX_VFU)
			return 0;
		usleep(1000);
	}
	return -EBUSY;
}

static int mbx_exchange(struct vf *vf, const u32 *msg, unsigned int words, u32 *reply,
			unsigned int reply_words)
{
	unsigned int i;
	u32 seen = 0;
	int ret;

	ret = mbx_lock(vf);
	if (ret)
		return ret;
	vf_read(vf, VF_MAILBOX);
	for (i = 0; i < words; i++)
		vf_write(vf, VF_MBMEM(i), msg[i]);
	vf_write(vf, VF_MAILBOX, VF_MBX_REQ);

	ret = mbx_wait(vf, &seen, VF_MBX_PFACK, 1000);
	if (ret)
		return ret;
	ret = mbx_wait(vf, &seen, VF_MBX_PFSTS, 1000);
	if (ret)
		return ret;
	ret = mbx_lock(vf);
	if (ret)
		return ret;
	for (i = 0; i < reply_words; i++)
		reply[i] = vf_read(vf, VF_MBMEM(i));
	vf_write(vf, VF_MAILBOX, VF_MBX_ACK);
	return 0;
}

int nic_mailbox(struct vf *vf, u32 *msg, unsigned int words, unsigned int reply_words)
{
	u32 reply[VF_MBMEM_WORDS];
	int try, ret = -EIO;

	/* A ping of the PF can take the place of a reply: ask again then. */
	for (try = 0; try < 3; try++) {
		ret = mbx_exchange(vf, msg, words, reply, reply_words);
		if (!ret && (reply[0] & 0xffff) == (msg[0] & 0xffff) &&
		    reply[0] & (VF_MSG_ACK | VF_MSG_NACK)) {
			memcpy(msg, reply, reply_words * sizeof(*msg));
			return 0;
		}
		if (!ret)
			ret = -EPROTO;
	}
	return ret;
}

static void nic_setup_rings(struct nic *nic)
{
	struct vf *vf = nic->vf;
	unsigned int q, i;

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

		base = guest_ram_iova(&nic->ram, rx->bufs);
		for (i = 0; i < NIC_RX_RING; i++) {
			rx->ring[i].read.pkt_addr = htole64(base + i * NIC_BUF_SIZE);
			rx->ring[i].read.hdr_addr = 0;
		}
		base = guest_ram_iova(&nic->ram, rx->ring);
		vf_write(vf, VF_RXDCTL(q), VF_RXDCTL_RESET);
		vf_write(vf, VF_RDBAL(q), base);
		vf_write(vf, VF_RDBAH(q), base >> 32);
		vf_write(vf, VF_RDLEN(q), NIC_RX_RING * sizeof(*rx->ring));
		vf_write(vf, VF_SRRCTL(q), VF_SRRCTL_ADV_ONEBUF | VF_SRRCTL_BSIZE_2K);
		vf_write(vf, VF_RDH(q), 0);
		vf_write(vf, VF_RXDCTL(q), VF_RXDCTL_RESET | VF_QUEUE_ENABLE);
		vf_write(vf, VF_RDT(q), NIC_RX_RING - 1);
		rx->next = 0;
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
	vf_write(vf, VF_EIAM, VF_EIMASK);
	vf_write(vf, VF_EIMS, VF_EIMASK);
}

int nic_up(struct nic *nic, struct vf *vf)
{
	u32 msg[3];
	int ret;

	nic->vf = vf;
	vf_vmm_setup(vf);
	vf_write(vf, VF_EIMC, VF_EIMASK);

	msg[0] = VF_MSG_RESET;
	ret = nic_mailbox(vf, msg, 1, 3);
	if (ret)
		return ret;
	msg[0] = VF_MSG_SET_MAC;
	msg[1] = 0;
	msg[2] = 0;
	memcpy(&msg[1], nic->mac, MAC_LEN);
	ret = nic_mailbox(vf, msg, 3, 1);
	if (ret)
		return ret;
	if (msg[0] & VF_MSG_NACK)
		return -EADDRNOTAVAIL;

	nic_setup_irqs(nic);
	nic_setup_rings(nic);
	return 0;
}

bool nic_post(struct nic *nic, unsigned int q, const u8 *frame, size_t len)
{
	struct nic_tx_queue *tx = &nic->tx[q];
	u32 slot = tx->next, after = (slot + 1) % NIC_TX_RING;
	struct vf_tx_desc *desc = &tx->ring[slot];
	u8 *buf = tx->bufs + slot * NIC_BUF_SIZE;

	nic_clean(nic, q);
	if (after == tx->clean)
		return false;
	memcpy(buf, frame, len);
	desc->addr = htole64(guest_ram_iova(&nic->ram, buf));
	desc->cmd_type_len = htole32(VF_TXD_DATA | VF_TXD_DEXT | VF_TXD_EOP | VF_TXD_IFCS |
				     VF_TXD_RS | len);
	desc->olinfo_status = htole32(len << VF_TXD_PAYLEN);
	tx->next = after;
	tx->posted++;
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
		__le32 *status = &tx->ring[tx->clean].olinfo_status;

		if (!(le32toh(__atomic_load_n(status, __ATOMIC_ACQUIRE)) & VF_TXD_DD))
			break;
		tx->clean = (tx->clean + 1) % NIC_TX_RING;
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

size_t nic_receive(struct nic *nic, unsigned int q, u8 *frame)
{
	struct nic_rx_queue *rx = &nic->rx[q];
	union vf_rx_desc *desc = &rx->ring[rx->next];
	u8 *buf = rx->bufs + rx->next * NIC_BUF_SIZE;
	__le32 *status = &desc->wb.status_error;
	size_t len;

	if (!(le32toh(__atomic_load_n(status, __ATOMIC_ACQUIRE)) & VF_RXD_DD))
		return 0;
	len = le16toh(desc->wb.length);
	if (len > NIC_BUF_SIZE)
		len = NIC_BUF_SIZE;
	memcpy(frame, buf, len);

	/* Give the slot back; the one before it is then the last filled. */
	desc->read.pkt_addr = htole64(guest_ram_iova(&nic->ram, buf));
	desc->read.hdr_addr = 0;
	vf_write(nic->vf, VF_RDT(q), rx->next);
	rx->next = (rx->next + 1) % NIC_RX_RING;
	rx->frames++;
	return len;
}

bool nic_send(struct nic *nic, unsigned int q, struct ledger *ledger, const u8 *dst, u32 count)
{
	u64 end = now_ns() + NIC_TIMEOUT_MS * 1000000ull;
	u8 frame[NIC_BUF_SIZE];
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
	u8 frame[NIC_BUF_SIZE];
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
