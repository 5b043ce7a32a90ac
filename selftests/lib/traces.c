// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a driver has done to a device: registers, and its own account of MMIO,
 * loads and messages to the PF.
 */
#include <string.h>

#include <linux/types.h>

#include "arcs.h"
#include "counters.h"
#include "igbvf_device.h"
#include "traces.h"

void traces_read(struct vf *vf, struct traces *t)
{
	struct arcs arcs;
	int i;

	memset(t, 0, sizeof(*t));
	vf_regs_read(vf, t->regs);
	t->messages = counter_read(vf->bdf, "mailbox_messages");
	if (!arcs_read(vf->bdf, &arcs))
		return;
	for (i = 0; i < arcs.n; i++) {
		t->mmio += arcs.arc[i].reads + arcs.arc[i].writes;
		if (!strcmp(arcs.arc[i].to, "LOAD"))
			t->loads += arcs.arc[i].calls;
	}
}

const char *traces_differ(const struct traces *a, const struct traces *b)
{
	const struct vf_reg *reg = vf_regs_differ(a->regs, b->regs);

	if (reg)
		return reg->name;
	if (a->loads != b->loads)
		return "there was a load";
	if (a->messages != b->messages)
		return "the PF got a message";
	return a->mmio != b->mmio ? "there was MMIO" : NULL;
}
