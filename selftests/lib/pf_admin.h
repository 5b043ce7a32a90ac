/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_PF_ADMIN_H
#define SELFTESTS_PF_ADMIN_H

#include <stdbool.h>

#include <linux/types.h>

/*
 * What the host's administrator does at the PF's network interface; the "ip" of the
 * test host knows nothing of VFs. They are counted as by vf_bdf(). All return 0 or
 * -errno.
 */
int pf_set_vf_mac(unsigned int vf, const u8 *mac);
int pf_set_vf_vlan(unsigned int vf, u16 vid);
int pf_set_vf_trust(unsigned int vf, bool on);
int pf_set_vf_spoofchk(unsigned int vf, bool on);

/* The VF as it was before anybody did any of this. */
int pf_forget_vf(unsigned int vf);

/* The interface; going up includes the wait for the link. */
int pf_down(void);
int pf_up(void);

/* Reset the PF while it is up, which voids all registers of its VFs. */
int pf_reset(void);

/* Wait until the interface has a link, or none. */
int pf_wait_link(bool on);

#endif /* SELFTESTS_PF_ADMIN_H */
