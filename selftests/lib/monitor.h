/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_MONITOR_H
#define SELFTESTS_MONITOR_H

#include <stdbool.h>

#include <linux/types.h>

/*
 * The monitor of the machine that the test host runs in, at the other end of its
 * third serial port: from there the PF's cable can be pulled, and registers of the PF
 * be read that nothing in the test host shows. monitor_open() returns an fd or -errno.
 */
int monitor_open(void);
void monitor_close(int fd);

/*
 * Pull the cable or plug it in, and wait until the PF has noticed: 0 or -errno. Each
 * change makes the PF ping all VFs.
 */
int monitor_set_link(int fd, bool on);

/* A register of the PF, by its offset in BAR 0. A test cannot go on without. */
u32 monitor_pf_register(u32 offset);

/* What the PF's registers say of VF number @vf; receive address 0 is the PF's own. */
#define PF_RAL(vf)		(0x54e0 + 8 * (7 - (vf)))
#define PF_RAH(vf)		(PF_RAL(vf) + 4)
#define PF_RAH_VALID		0x80000000u
#define PF_VMOLR(vf)		(0x5ad0 + 4 * (vf))
#define PF_VMOLR_FRAME_MASK	0x00003fffu
#define PF_VMOLR_LONG		0x00010000u
#define PF_VMOLR_SOME_MULTI	0x02000000u
#define PF_VMOLR_ALL_MULTI	0x10000000u
#define PF_VMOLR_STRIP		0x40000000u

#endif /* SELFTESTS_MONITOR_H */
