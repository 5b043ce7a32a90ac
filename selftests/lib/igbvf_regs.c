// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers of an 82576 VF that are state: what a guest writes there it
 * finds there, on whatever VF it runs.
 */
#include <linux/kernel.h>
#include <linux/types.h>

#include "igbvf_device.h"
#include "igbvf_regs.h"

/* Ring bases and lengths are multiples of 128, as all drivers have them. */
#define BASE_MASK	0xffffff80u
#define LENGTH_MASK	0x000fff80u
#define INDEX_MASK	0x0000ffffu
#define ALL_MASK	0xffffffffu
/* Neither enabled nor flushed. */
#define CONTROL_MASK	0xf9ffffffu

/* The golden ratio: its multiples have their bits all over the place. */
#define SCATTER		0x9e3779b9u

#define MBMEM(_i)	{ "VMBMEM" #_i, VF_MBMEM(_i), ALL_MASK }

const struct vf_reg vf_regs[] = {
	MBMEM(0), MBMEM(1), MBMEM(2), MBMEM(3), MBMEM(4), MBMEM(5), MBMEM(6), MBMEM(7),
	MBMEM(8), MBMEM(9), MBMEM(10), MBMEM(11), MBMEM(12), MBMEM(13), MBMEM(14), MBMEM(15),
	{ "EIMS", VF_EIMS, VF_EIMASK },
	{ "EIAC", VF_EIAC, VF_EIMASK },
	{ "EIAM", VF_EIAM, VF_EIMASK },
	{ "EITR0", VF_EITR(0), 0xffffu },
	{ "EITR1", VF_EITR(1), 0xffffu },
	{ "EITR2", VF_EITR(2), 0xffffu },
	/*
	 * Queue 0 without its valid bits: QEMU ORs a valid vector into a table of
	 * the PF, where it would stay for whoever has the VF next.
	 */
	{ "IVAR0", VF_IVAR0, 0x83830303u },
	{ "IVAR_MISC", VF_IVAR_MISC, 0x00000083u },
	{ "RDBAL0", VF_RDBAL(0), BASE_MASK },
	{ "RDBAH0", VF_RDBAH(0), ALL_MASK },
	{ "RDLEN0", VF_RDLEN(0), LENGTH_MASK },
	{ "SRRCTL0", VF_SRRCTL(0), ALL_MASK },
	{ "RDH0", VF_RDH(0), INDEX_MASK },
	{ "RDT0", VF_RDT(0), INDEX_MASK },
	{ "RXDCTL0", VF_RXDCTL(0), CONTROL_MASK },
	{ "RDBAL1", VF_RDBAL(1), BASE_MASK },
	{ "RDBAH1", VF_RDBAH(1), ALL_MASK },
	{ "RDLEN1", VF_RDLEN(1), LENGTH_MASK },
	{ "SRRCTL1", VF_SRRCTL(1), ALL_MASK },
	{ "RDH1", VF_RDH(1), INDEX_MASK },
	{ "RDT1", VF_RDT(1), INDEX_MASK },
	{ "RXDCTL1", VF_RXDCTL(1), CONTROL_MASK },
	{ "TDBAL0", VF_TDBAL(0), BASE_MASK },
	{ "TDBAH0", VF_TDBAH(0), ALL_MASK },
	{ "TDLEN0", VF_TDLEN(0), LENGTH_MASK },
	{ "TDH0", VF_TDH(0), INDEX_MASK },
	{ "TDT0", VF_TDT(0), INDEX_MASK },
	{ "TXCTL0", VF_TXCTL(0), ALL_MASK },
	{ "TXDCTL0", VF_TXDCTL(0), CONTROL_MASK },
	{ "TDWBAL0", VF_TDWBAL(0), ALL_MASK },
	{ "TDWBAH0", VF_TDWBAH(0), ALL_MASK },
	{ "TDBAL1", VF_TDBAL(1), BASE_MASK },
	{ "TDBAH1", VF_TDBAH(1), ALL_MASK },
	{ "TDLEN1", VF_TDLEN(1), LENGTH_MASK },
	{ "TDH1", VF_TDH(1), INDEX_MASK },
	{ "TDT1", VF_TDT(1), INDEX_MASK },
	{ "TXCTL1", VF_TXCTL(1), ALL_MASK },
	{ "TXDCTL1", VF_TXDCTL(1), CONTROL_MASK },
	{ "TDWBAL1", VF_TDWBAL(1), ALL_MASK },
	{ "TDWBAH1", VF_TDWBAH(1), ALL_MASK },
};

const unsigned int vf_regs_count = ARRAY_SIZE(vf_regs);

const u32 vf_counters[VF_COUNTERS] = {
	VF_GPRC, VF_GPTC, VF_GORC, VF_GOTC, VF_MPRC, VF_GPRLBC, VF_GPTLBC, VF_GORLBC, VF_GOTLBC,
};

void vf_counters_read(struct vf *vf, u32 *values)
{
	unsigned int i;

	for (i = 0; i < VF_COUNTERS; i++)
		values[i] = vf_read(vf, vf_counters[i]);
}

void vf_regs_read(struct vf *vf, u32 *values)
{
	unsigned int i;

	for (i = 0; i < vf_regs_count; i++)
		values[i] = vf_read(vf, vf_regs[i].offset);
}

void vf_regs_write(struct vf *vf, const u32 *values)
{
	unsigned int i;

	vf_write(vf, VF_EIMC, VF_EIMASK);
	/* A cause would send its message, and a device may mask the vector with it. */
	vf_write(vf, VF_EICR, VF_EIMASK);
	for (i = 0; i < vf_regs_count; i++)
		vf_write(vf, vf_regs[i].offset, values[i] & vf_regs[i].mask);
}

void vf_regs_fill(u32 *values, u32 pattern)
{
	unsigned int i;

	for (i = 0; i < vf_regs_count; i++)
		values[i] = pattern & vf_regs[i].mask;
}

void vf_regs_scatter(u32 *values, u32 seed)
{
	unsigned int i;

	for (i = 0; i < vf_regs_count; i++)
		values[i] = SCATTER * (VF_REGS_MAX * seed + 2 * i + 3) & vf_regs[i].mask;
}

static unsigned int index_of(u32 offset)
{
	unsigned int i;

	for (i = 0; vf_regs[i].offset != offset; i++)
		;
	return i;
}

bool vf_regs_masked(struct vf *vf, u32 *values)
{
	u32 *mask = &values[index_of(VF_EIMS)], masked = *mask & ~values[index_of(VF_EIAM)];

	if (vf_read(vf, VF_EIMS) != masked)
		return false;
	*mask = masked;
	return true;
}

void vf_regs_start(struct vf *vf, u32 *values, const u32 *loaded)
{
	if (!vf_regs_masked(vf, values))
		values[index_of(VF_EIMS)] |= loaded[index_of(VF_EIAM)] & loaded[index_of(VF_EIAC)];
}

void vf_regs_invert(u32 *values)
{
	unsigned int i;

	for (i = 0; i < vf_regs_count; i++)
		values[i] = ~values[i] & vf_regs[i].mask;
}

const struct vf_reg *vf_regs_differ(const u32 *a, const u32 *b)
{
	unsigned int i;

	for (i = 0; i < vf_regs_count; i++)
		if (a[i] != b[i])
			return &vf_regs[i];
	return NULL;
}
