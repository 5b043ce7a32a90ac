/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_RING_GUEST_H
#define SELFTESTS_RING_GUEST_H

#include "igbvf_user.h"
#include "ram_oracle.h"

#define RING_SLOTS_MAX		1024
#define RING_HEADER_STRIDE	192

/* Fields of SRRCTL: descriptor type, and header buffers of 64 bytes each. */
#define RING_DESC_ONE		1u
#define RING_DESC_SPLIT		2u
#define RING_DESC_SPLIT_ALWAYS	5u
#define RING_DESC_SHIFT		25
#define RING_HEADER_SHIFT	8

/* How a guest lays out the memory of a receive queue. */
struct ring_shape {
	u32 slots;
	u32 ring_offset;	/* of the ring in its area; multiple of 128 */
	u32 kib;		/* BSIZEPKT */
	u32 stride;		/* from one buffer to the next */
	u32 offset;		/* of the first buffer */
	u32 desctype;
	u32 header;		/* BSIZEHDR, in 64 bytes */
};

/*
 * A guest on one VF that uses receive queue 0 and transmit queue 0 in any way
 * there is, and leaves nothing of it unknown to the oracle.
 */
struct ring_guest {
	struct vf *vf;
	struct guest_ram ram;
	struct ram_oracle oracle;
	u8 mac[MAC_LEN];
	struct ring_shape shape;
	union vf_rx_desc *rx_area, *rx;
	u8 *headers, *bufs;
	size_t bufs_size;
	u32 next;	/* slot the next frame comes into */
	u32 tail;	/* as the device knows it */
	u32 frames;
	struct vf_tx_desc *tx_area, *tx;
	u32 tx_rings;	/* set up so far */
	u8 *tx_bufs;
	u32 *tx_head;
	u32 tx_slots;
	u32 tx_tail;
	struct ledger ledger;
};

extern const struct ring_shape ring_shape_usual;

/* A shape that fits into the guest's memory, of a random number each. */
struct ring_shape ring_shape_random(const struct ring_guest *guest, u32 slots_max);

void ring_guest_init(struct ring_guest *guest, size_t ram_size, const u8 *mac);
void ring_guest_free(struct ring_guest *guest);

/* Join the network with @vf, which has the guest's RAM mapped. 0 or -errno. */
int ring_guest_up(struct ring_guest *guest, struct vf *vf);

/*
 * Program the queues; with @stop the receive queue is off meanwhile. Nothing is
 * posted. The transmit ring is never where one of the last ones was.
 */
void ring_guest_setup(struct ring_guest *guest, const struct ring_shape *shape, bool stop);
void ring_guest_setup_tx(struct ring_guest *guest, u32 slots, bool head_write_back);

/* The function resets itself, and comes back without rings. 0 or -errno. */
int ring_guest_reset(struct ring_guest *guest);

/* Fill @count slots, or as many as the ring takes; the device is not told. */
u32 ring_guest_fill(struct ring_guest *guest, u32 count);

/* Fill @count slots and ring the doorbell once; as many as the ring takes. */
u32 ring_guest_post(struct ring_guest *guest, u32 count);

/* Look at what was received; returns how many slots can be filled again. */
u32 ring_guest_clean(struct ring_guest *guest);

/* Transmit @count frames to @dst, with one doorbell. */
void ring_guest_transmit(struct ring_guest *guest, const u8 *dst, u32 count, bool report_status);

#endif /* SELFTESTS_RING_GUEST_H */
