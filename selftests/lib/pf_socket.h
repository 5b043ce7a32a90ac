/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_PF_SOCKET_H
#define SELFTESTS_PF_SOCKET_H

#include "frame.h"

/* The PF's netdev, seen through a packet socket. */
struct pf_socket {
	int fd;
	int ifindex;
	u8 mac[MAC_LEN];
};

void pf_open(struct pf_socket *pf, const char *netdev);
void pf_close(struct pf_socket *pf);

/* The interface was down and is up again: forget the error that says so. */
void pf_renew(struct pf_socket *pf);

bool pf_send(struct pf_socket *pf, struct ledger *ledger, const u8 *dst, u32 count);

/* The same with an 802.1Q tag. */
bool pf_send_tagged(struct pf_socket *pf, struct ledger *ledger, const u8 *dst, u16 vid, u32 count);

/* Receive into @ledgers until all are complete or the time is over. */
bool pf_collect(struct pf_socket *pf, struct ledger **ledgers, int nledgers, int timeout_ms);

#endif /* SELFTESTS_PF_SOCKET_H */
