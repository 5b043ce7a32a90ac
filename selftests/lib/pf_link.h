/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_PF_LINK_H
#define SELFTESTS_PF_LINK_H

#include <stdbool.h>

/* `ip link set @netdev down` and up; up waits for the carrier. False if that fails. */
bool pf_link_down(const char *netdev);
bool pf_link_up(const char *netdev);

/* Both: the PF resets the whole NIC, with the registers of all its VFs. */
bool pf_reset(const char *netdev);

#endif /* SELFTESTS_PF_LINK_H */
