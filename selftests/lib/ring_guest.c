// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest whose rings and buffers have any shape.
 */
#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/types.h>

#include "ring_guest.h"
#include "vf_request.h"

#define RX_AREA		(RING_SLOTS_MAX * 16 + 4096)
#define TX_SLOTS_MAX	32
#define TX_RINGS	8

/* That of igbvf for frames of 1500 bytes. */
const struct ring_shape ring_shape_usual = {
	.slots = 64,
	.kib = 2,
	.stride = 2048,
	.desctype = RING_DESC_ONE,
};

struct ring_shape ring_shape_random(const struct ring_guest *guest, u32 slots_max)
{
	static const u32 desctypes[] = {
		RING_DESC_ONE, RING_DESC_ONE, RING_DESC_SPLIT, RING_DESC_SPLIT_ALWAYS,
	};
	struct ring_shape shape = {
		.slots = 8 + 8 * (random() % (slots_max / 8)),
		.ring_offset = 128 * (random() % 32),
		.kib = 1 + random() % 4,
		.desctype = desctypes[random() % ARRAY_SIZE(desctypes)],
		.header = 1 + random() % 2,
	};
	u32 room;

	/* Next to each other, or apart; on a border of pages, or across it. */
	shape.stride = shape.kib * 1024 + (random() % 2 ? 0 : 16 * (random() % 64));
	shape.offset = random() % 2 ? 0 : 2 * (random() % 2048);
	room = (guest->bufs_size - shape.offset) / shape.stride;
	if (room < shape.slots)
		shape.slots = room / 8 * 8;
	return shape;
}

void ring_guest_init(struct ring_guest *guest, size_t ram_size, const u8 *mac)
{
	memset(guest, 0, sizeof(*guest));
	memcpy(guest->mac, mac, MAC_LEN);
	guest_ram_init(&guest->ram, ram_size);
	guest->rx_area = guest_ram_alloc(&guest->ram, RX_AREA);
	guest->headers = guest_ram_alloc(&guest->ram, RING_SLOTS_MAX * RING_HEADER_STRIDE);
	guest->tx_area = guest_ram_alloc(&guest->ram, TX_RINGS * DMA_LOG_PAGE);
	guest->tx_bufs = guest_ram_alloc(&guest->ram, TX_SLOTS_MAX * NIC_BUF_SIZE);
	guest->tx_head = guest_ram_alloc(&guest->ram, sizeof(*guest->tx_head));
	guest->bufs_size = ram_size - guest->ram.used;
	guest->bufs = guest_ram_alloc(&guest->ram, guest->bufs_size);
	oracle_init(&guest->oracle, &guest->ram);
	ledger_init(&guest->ledger, 9);
}

void ring_guest_free(struct ring_guest *guest)
{
	oracle_free(&guest->oracle);
	guest_ram_free(&guest->ram);
}

int ring_guest_up(struct ring_guest *guest, struct vf *vf)
{
	guest->vf = vf;
	vf_bus_master(vf, true);
	return vf_join(vf, guest->mac);
}

void ring_guest_setup(struct ring_guest *guest, const struct ring_shape *shape, bool stop)
{
	u64 base;

	guest->shape = *shape;
	guest->rx = (void *)guest->rx_area + shape->ring_offset;
	base = guest_ram_iova(&guest->ram, guest->rx);
	if (stop) {
		vf_write(guest->vf, VF_RXDCTL(0), VF_RXDCTL_RESET);
		vf_flush(guest->vf);
	}
	/* Empty before it is another ring. */
	vf_write(guest->vf, VF_RDT(0), vf_read(guest->vf, VF_RDH(0)));
	vf_write(guest->vf, VF_SRRCTL(0), shape->desctype << RING_DESC_SHIFT |
		 shape->header << RING_HEADER_SHIFT | shape->kib);
	vf_write(guest->vf, VF_RDBAL(0), base);
	vf_write(guest->vf, VF_RDBAH(0), base >> 32);
	vf_write(guest->vf, VF_RDT(0), 0);
	vf_write(guest->vf, VF_RDH(0), 0);
	vf_write(guest->vf, VF_RDLEN(0), shape->slots * sizeof(*guest->rx));
	vf_write(guest->vf, VF_RXDCTL(0), VF_RXDCTL_RESET | VF_QUEUE_ENABLE);
	vf_flush(guest->vf);
	guest->next = 0;
	guest->tail = 0;
}

void ring_guest_setup_tx(struct ring_guest *guest, u32 slots, bool head_write_back)
{
	u64 head = guest_ram_iova(&guest->ram, guest->tx_head);
	u64 base;

	VFIO_ASSERT_LE(slots, (u32)TX_SLOTS_MAX);
	guest->tx = (void *)guest->tx_area + guest->tx_rings++ % TX_RINGS * DMA_LOG_PAGE;
	base = guest_ram_iova(&guest->ram, guest->tx);
	vf_write(guest->vf, VF_TXDCTL(0), 0);
	vf_write(guest->vf, VF_TDBAL(0), base);
	vf_write(guest->vf, VF_TDBAH(0), base >> 32);
	vf_write(guest->vf, VF_TDLEN(0), slots * sizeof(*guest->tx));
	vf_write(guest->vf, VF_TDH(0), 0);
	vf_write(guest->vf, VF_TDT(0), 0);
	vf_write(guest->vf, VF_TDWBAL(0), head_write_back ? head | 1 : 0);
	vf_write(guest->vf, VF_TDWBAH(0), head_write_back ? head >> 32 : 0);
	vf_write(guest->vf, VF_TXDCTL(0), VF_QUEUE_ENABLE);
	guest->tx_slots = slots;
	guest->tx_tail = 0;
}

int ring_guest_reset(struct ring_guest *guest)
{
	vf_write(guest->vf, VF_CTRL, VF_CTRL_RST);
	return vf_join(guest->vf, guest->mac);
}

static u32 free_slots(const struct ring_guest *guest)
{
	/* One slot stays empty, or a full ring would look like an empty one. */
	return (guest->next + guest->shape.slots - guest->tail - 1) % guest->shape.slots;
}

u32 ring_guest_fill(struct ring_guest *guest, u32 count)
{
	const struct ring_shape *shape = &guest->shape;
	u64 bufs = guest_ram_iova(&guest->ram, guest->bufs) + shape->offset;
	u64 headers = guest_ram_iova(&guest->ram, guest->headers);
	union vf_rx_desc desc;
	u32 i;

	if (count > free_slots(guest))
		count = free_slots(guest);
	for (i = 0; i < count; i++) {
		u32 slot = (guest->tail + i) % shape->slots;

		desc.read.pkt_addr = htole64(bufs + slot * shape->stride);
		desc.read.hdr_addr = 0;
		if (shape->desctype != RING_DESC_ONE)
			desc.read.hdr_addr = htole64(headers + slot * RING_HEADER_STRIDE);
		oracle_write(&guest->oracle, &guest->rx[slot], &desc, sizeof(desc));
	}
	guest->tail = (guest->tail + count) % shape->slots;
	return count;
}

u32 ring_guest_post(struct ring_guest *guest, u32 count)
{
	count = ring_guest_fill(guest, count);
	if (count) {
		vf_write(guest->vf, VF_RDT(0), guest->tail);
		/* What comes next finds a place. */
		vf_flush(guest->vf);
	}
	return count;
}

u32 ring_guest_clean(struct ring_guest *guest)
{
	while (guest->next != guest->tail) {
		__le32 *status = &guest->rx[guest->next].wb.status_error;

		if (!(le32toh(__atomic_load_n(status, __ATOMIC_ACQUIRE)) & VF_RXD_DD))
			break;
		guest->next = (guest->next + 1) % guest->shape.slots;
		guest->frames++;
	}
	return free_slots(guest);
}

void ring_guest_transmit(struct ring_guest *guest, const u8 *dst, u32 count, bool report_status)
{
	u8 frame[NIC_BUF_SIZE];
	size_t len;

	while (count--) {
		u8 *buf = guest->tx_bufs + guest->tx_tail * NIC_BUF_SIZE;
		struct vf_tx_desc desc;

		len = frame_build(&guest->ledger, frame, dst, guest->mac);
		oracle_write(&guest->oracle, buf, frame, len);
		desc.addr = htole64(guest_ram_iova(&guest->ram, buf));
		desc.cmd_type_len = htole32(VF_TXD_DATA | VF_TXD_DEXT | VF_TXD_EOP | VF_TXD_IFCS |
					    (report_status ? VF_TXD_RS : 0) | len);
		desc.olinfo_status = htole32(len << VF_TXD_PAYLEN);
		oracle_write(&guest->oracle, &guest->tx[guest->tx_tail], &desc, sizeof(desc));
		guest->tx_tail = (guest->tx_tail + 1) % guest->tx_slots;
	}
	vf_write(guest->vf, VF_TDT(0), guest->tx_tail);
}
