/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_PROBE_H
#define SELFTESTS_PROBE_H

#include "testnet.h"

/* What becomes of frames on their way to a guest. */
enum fate {
	DROPPED,	/* none of them arrives */
	UNTAGGED,	/* all of them arrive, once, in order and without a tag */
	STRIPPED,	/* the same, and the device has taken a tag off */
	TAGGED,		/* the same, with the tag that they were sent with */
	MIXED,		/* some arrive, or not as they were sent */
};

/*
 * Send frames to @dst, tagged if @tag is not 0, and see what arrives at @nic. Prints
 * what has become of them if that is not @want. A tag is a VLAN, and a priority in
 * bits 15:13.
 */
bool probe_pf(struct pf_socket *pf, struct nic *nic, const u8 *dst, u16 tag, enum fate want);

/* The same with untagged frames from another VF. */
bool probe_vf(struct nic *from, struct nic *nic, const u8 *dst, enum fate want);

/* The same where the switch of the NIC adds a tag, as the host has both in VLAN @vid. */
bool probe_vf_vlan(struct nic *from, struct nic *nic, const u8 *dst, u16 vid, enum fate want);

/* Untagged frames from the PF, and others from the peer, to the guest of a testnet. */
bool probe_both(struct testnet *net, const u8 *dst, enum fate want);

/* Frames of this length, so that they need several slots of both rings. */
bool probe_length(struct nic *from, struct nic *nic, size_t len, enum fate want);

#endif /* SELFTESTS_PROBE_H */
