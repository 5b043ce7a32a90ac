/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_INTERRUPTS_H
#define SELFTESTS_INTERRUPTS_H

#include "testnet.h"

/*
 * An interrupt that is not lost is there by then, even on a busy machine; igbvf
 * raises one by itself every two seconds, which would hide one that is lost.
 */
#define IRQ_MS		1000
/* How long nothing has to happen to be called quiet. */
#define IRQ_QUIET_MS	100

#define IRQ_RX		BIT(NIC_VEC_RX)
#define IRQ_TX		BIT(NIC_VEC_TX)
#define IRQ_OTHER	BIT(NIC_VEC_OTHER)

/* Adds to @counts how often each vector comes, until none has for IRQ_QUIET_MS. */
void irq_count(struct vf *vf, unsigned int *counts);

/* The vectors that come until all of @want have, and it is quiet then. */
u32 irq_collect(struct vf *vf, u32 want);

/*
 * The vectors that one frame to the guest, or from it to its peer, brings. It is
 * received, too: 0 also stands for a frame that is lost. @ns gets the time that
 * the interrupt took, unless it is NULL.
 */
u32 irq_of_receive(struct testnet *net, u64 *ns);
u32 irq_of_send(struct testnet *net, u64 *ns);

/* One frame each way brings an interrupt each, on its vector and on no other. */
bool irq_works(struct testnet *net);

#endif /* SELFTESTS_INTERRUPTS_H */
