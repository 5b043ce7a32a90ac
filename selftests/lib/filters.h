/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_FILTERS_H
#define SELFTESTS_FILTERS_H

#include <stddef.h>

#include "stream_edit.h"
#include "testnet.h"

/* What a stream says of the guest's agreements with the PF. */
#define IN_FILTERS(_field)	offsetof(struct vmf_igbvf_82576_filters, _field)
#define MAC_VALID		VMF_IGBVF_82576_FILTERS_MAC_VALID
#define VLAN_STRIP		VMF_IGBVF_82576_FILTERS_VLAN_STRIP
#define MULTI_PROMISC		VMF_IGBVF_82576_FILTERS_MULTI_PROMISC
#define MAX_FRAME_VALID		VMF_IGBVF_82576_FILTERS_MAX_FRAME_VALID

/*
 * The guest goes to VF @to and runs there; returns the section "filters" of the stream
 * it came with, which @stream holds, or NULL if any of it has failed.
 */
const u8 *filters_move(struct testnet *net, struct mig_buf *stream, unsigned int to);

u32 filters_flags(const u8 *filters);
u32 filters_max_frame(const u8 *filters);
unsigned int filters_multicast(const u8 *filters);
bool filters_have_vlan(const u8 *filters, u16 vid);
unsigned int filters_vlans(const u8 *filters);

#endif /* SELFTESTS_FILTERS_H */
