// SPDX-License-Identifier: GPL-2.0-only
/*
 * The driver's account of its own work: MMIO accesses and time of each arc.
 */
#include <stdio.h>
#include <string.h>

#include <libvfio.h>

#include "arcs.h"

bool arcs_read(const char *bdf, struct arcs *arcs)
{
	struct arc *arc;
	char path[128];
	FILE *file;

	memset(arcs, 0, sizeof(*arcs));
	snprintf_assert(path, sizeof(path), "/sys/kernel/debug/igbvf_vfio_pci/%s/arcs", bdf);
	file = fopen(path, "r");
	if (!file)
		return false;
	for (arc = arcs->arc; arcs->n < ARCS_MAX; arc++, arcs->n++)
		if (fscanf(file, "%15s %15s %llu %llu %llu %llu %llu", arc->from, arc->to,
			   &arc->calls, &arc->reads, &arc->writes, &arc->mmio_ns,
			   &arc->total_ns) != 7)
			break;
	fclose(file);
	return true;
}

static struct arc find(const struct arcs *arcs, const char *from, const char *to)
{
	struct arc none = { 0 };
	int i;

	for (i = 0; i < arcs->n; i++)
		if (!strcmp(arcs->arc[i].from, from) && !strcmp(arcs->arc[i].to, to))
			return arcs->arc[i];
	return none;
}

struct arc arcs_delta(const struct arcs *before, const struct arcs *after, const char *from,
		      const char *to)
{
	struct arc delta = find(after, from, to), old = find(before, from, to);

	delta.calls -= old.calls;
	delta.reads -= old.reads;
	delta.writes -= old.writes;
	delta.mmio_ns -= old.mmio_ns;
	delta.total_ns -= old.total_ns;
	return delta;
}
