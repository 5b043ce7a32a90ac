/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_OFFLOAD_H
#define SELFTESTS_OFFLOAD_H

#include "igbvf_user.h"

/* What the device is to do to a packet, and what it has to know for that. */
struct offload {
	const char *name;
	u8 protocol;		/* IPPROTO_* */
	unsigned int index;	/* which of the two contexts of the queue */
	u16 payload;		/* bytes */
	u16 mss;		/* cut it into segments of this size; 0: do not */
	u16 tag;		/* VLAN tag to be put in; 0: none */
};

/* What is wrong with a packet that has been sent. 0: it is as the guest wants it. */
#define OFFLOAD_ABSENT		BIT(0)	/* nothing arrives */
#define OFFLOAD_SEGMENTS	BIT(1)	/* cut at other places, or not at all */
#define OFFLOAD_IP_CHECKSUM	BIT(2)
#define OFFLOAD_L4_CHECKSUM	BIT(3)
#define OFFLOAD_TAG		BIT(4)
#define OFFLOAD_DAMAGED		BIT(5)	/* bytes that the device has no business with */
#define OFFLOAD_TWICE		BIT(6)	/* more arrives than was sent */

/* A flow of such packets, from queue 0 of one station to another. */
struct offload_flow {
	struct nic *from;
	struct nic *to;
	const struct offload *offload;
	u32 next;	/* number of the next packet to be sent, */
	u32 seen;	/* and to be looked at */
};

void offload_flow_init(struct offload_flow *flow, struct nic *from, struct nic *to,
		       const struct offload *offload);

/* Put a context descriptor for the packets of the flow into the ring. */
void offload_post_context(struct offload_flow *flow);

/* Put the next packet into the ring, which refers to the context. */
void offload_post(struct offload_flow *flow);

/* The doorbell, for all that was posted; a device that runs has taken it then. */
void offload_ring(struct offload_flow *flow);
bool offload_taken(struct offload_flow *flow);

/* What has become of the oldest packet that was not looked at. */
u32 offload_look(struct offload_flow *flow);

/* Post, with a context or without, and look. */
u32 offload_send(struct offload_flow *flow, bool context);

/* The bits above, in words. */
const char *offload_words(u32 wrong);

#endif /* SELFTESTS_OFFLOAD_H */
