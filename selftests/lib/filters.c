// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest moves, and its stream is looked into.
 */
#include <string.h>

#include <linux/types.h>

#include <libvfio.h>

#include "filters.h"

const u8 *filters_move(struct testnet *net, struct mig_buf *stream, unsigned int to)
{
	struct vmf_section s;
	const u8 *filters;
	struct vf *vf;

	vf = testnet_arrive(net, to, false, stream);
	if (!vf || testnet_depart(net, vf))
		return NULL;
	if (!vmf_lookup(stream->data, stream->len, VMF_FILTERS, 0, &s) ||
	    s.len != sizeof(struct vmf_igbvf_82576_filters))
		return NULL;
	filters = stream->data + s.payload;
	return memcmp(filters + IN_FILTERS(mac), net->guest.mac, MAC_LEN) ? NULL : filters;
}

u32 filters_flags(const u8 *filters)
{
	return vmf_get32(filters, IN_FILTERS(flags));
}

u32 filters_max_frame(const u8 *filters)
{
	return vmf_get32(filters, IN_FILTERS(max_frame));
}

unsigned int filters_multicast(const u8 *filters)
{
	return vmf_get16(filters, IN_FILTERS(multicast_count));
}

bool filters_have_vlan(const u8 *filters, u16 vid)
{
	return filters[IN_FILTERS(vlans) + vid / 8] & 1 << vid % 8;
}

unsigned int filters_vlans(const u8 *filters)
{
	unsigned int vid, n = 0;

	for (vid = 0; vid < 4096; vid++)
		n += filters_have_vlan(filters, vid);
	return n;
}
