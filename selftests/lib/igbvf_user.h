/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_IGBVF_USER_H
#define SELFTESTS_IGBVF_USER_H

#include "frame.h"
#include "igbvf_device.h"
#include "igbvf_mailbox.h"
#include "igbvf_regs.h"

#define NIC_TX_RING	32
#define NIC_RX_RING	64
#define NIC_BUF_SIZE	2048
#define NIC_HDR_SIZE	128
#define NIC_RAM_SIZE	(1024 * 1024)

#define NIC_VEC_TX	0
#define NIC_VEC_RX	1
#define NIC_VEC_OTHER	2

#define NIC_TIMEOUT_MS	5000

/*
 * A user-space driver for an 82576 VF: the "guest". All it knows is in memory
 * that does not change over a migration; only @vf is another device after it.
 */
struct nic_tx_queue {
	struct vf_tx_desc *ring;
	u8 *bufs;
	u32 next;	/* slot for the next frame */
	u32 clean;	/* oldest slot not seen done */
	u32 last[NIC_TX_RING];	/* of the frame that begins in a slot, which says when it is done */
	u32 posted;	/* frames posted over all, the doorbell may lag */
};

struct nic_rx_queue {
	union vf_rx_desc *ring;
	u8 *bufs;
	u8 *hdrs;
	u32 next;	/* slot the next frame comes into */
	u32 frames;
	u16 tag;	/* that the device took off the last frame, or 0 */
};

/* What the driver has given to the device and got from it, all queues together. */
struct nic_totals {
	u64 sent;
	u64 sent_bytes;
	u64 received;
	u64 received_bytes;
	u64 received_multicast;
};

struct nic {
	struct vf *vf;
	struct guest_ram ram;
	u8 mac[MAC_LEN];
	bool split;	/* from the next nic_up() on: split headers, as for a large MTU */
	struct nic_tx_queue tx[VF_QUEUES];
	struct nic_rx_queue rx[VF_QUEUES];
	struct nic_totals totals;
};

/* Rings in guest RAM. The machine has no device yet. */
void nic_init(struct nic *nic, const u8 *mac);
void nic_free(struct nic *nic);

/*
 * Bring the driver up on @vf, which has nic->ram mapped: CTRL.RST, VF_RESET, MAC,
 * interrupts, rings. 0 or -errno.
 */
int nic_up(struct nic *nic, struct vf *vf);

/* Its second part, without messages: interrupts, and empty rings that are on. */
void nic_setup(struct nic *nic);

/* Descriptors for all slots of a receive ring that is made anew. */
void nic_fill_ring(struct nic *nic, unsigned int q);

/* Put a frame into the ring, over as many slots as it needs; false when it is full. */
bool nic_post(struct nic *nic, unsigned int q, const u8 *frame, size_t len);

/* Tell the device of all that was posted. */
void nic_doorbell(struct nic *nic, unsigned int q);

/* Reap descriptors that are done; returns how many are still out. */
u32 nic_clean(struct nic *nic, unsigned int q);

/* Wait until all that was posted is done. */
bool nic_drain(struct nic *nic, unsigned int q, int timeout_ms);

/* The next received frame of queue @q, or 0. @frame has FRAME_LIMIT bytes. */
size_t nic_receive(struct nic *nic, unsigned int q, u8 *frame);

/* Send @count numbered frames, with the doorbell after each. */
bool nic_send(struct nic *nic, unsigned int q, struct ledger *ledger, const u8 *dst,
	      u32 count);

/* Receive into @ledgers until all of them are complete or the time is over. */
bool nic_collect(struct nic *nic, struct ledger **ledgers, int nledgers, int timeout_ms);

u64 now_ns(void);

#endif /* SELFTESTS_IGBVF_USER_H */
