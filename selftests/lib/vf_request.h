/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_VF_REQUEST_H
#define SELFTESTS_VF_REQUEST_H

#include <stdbool.h>

#include "frame.h"
#include "igbvf_device.h"

/*
 * What a driver asks of the PF, with the messages that igbvf sends. All return 0,
 * -EACCES if the PF refuses, or another -errno if there is no exchange.
 */
int vf_join(struct vf *vf, const u8 *mac);
int vf_add_unicast(struct vf *vf, const u8 *mac);
int vf_clear_unicast(struct vf *vf, const u8 *mac);

/* How many further addresses the PF has room for; those of @vf are gone then. */
unsigned int vf_unicast_room(struct vf *vf);

int vf_set_vlan(struct vf *vf, u16 vid, bool add);
int vf_set_multicast(struct vf *vf, const u16 *hashes, unsigned int count);
int vf_set_max_frame(struct vf *vf, u32 bytes);
int vf_set_multi_promisc(struct vf *vf, bool on);

/* What stands for a multicast address in the list. */
u16 vf_multicast_hash(const u8 *mac);

#endif /* SELFTESTS_VF_REQUEST_H */
