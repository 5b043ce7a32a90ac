// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbered frames over the PF's network interface. The NIC's own switch takes
 * them to and from the VFs.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <linux/types.h>

#include <libvfio/assert.h>

#include "igbvf_user.h"
#include "pf_socket.h"

void pf_open(struct pf_socket *pf, const char *netdev)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(FRAME_ETHERTYPE),
	};
	struct ifreq ifr = { 0 };
	int size = 4 << 20;

	pf->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(FRAME_ETHERTYPE));
	VFIO_ASSERT_GE(pf->fd, 0, "packet socket\n");
	snprintf_assert(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", netdev);
	VFIO_ASSERT_EQ(ioctl(pf->fd, SIOCGIFHWADDR, &ifr), 0, "%s\n", netdev);
	memcpy(pf->mac, ifr.ifr_hwaddr.sa_data, MAC_LEN);
	pf->ifindex = if_nametoindex(netdev);
	addr.sll_ifindex = pf->ifindex;
	VFIO_ASSERT_EQ(bind(pf->fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	setsockopt(pf->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
}

void pf_close(struct pf_socket *pf)
{
	close(pf->fd);
}

void pf_renew(struct pf_socket *pf)
{
	socklen_t len = sizeof(int);
	int error;

	VFIO_ASSERT_EQ(getsockopt(pf->fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
}

bool pf_send(struct pf_socket *pf, struct ledger *ledger, const u8 *dst, u32 count)
{
	u8 frame[FRAME_LIMIT];
	size_t len;

	while (count--) {
		len = frame_build(ledger, frame, dst, pf->mac);
		if (send(pf->fd, frame, len, 0) != (ssize_t)len)
			return false;
	}
	return true;
}

bool pf_send_tagged(struct pf_socket *pf, struct ledger *ledger, const u8 *dst, u16 vid, u32 count)
{
	u8 frame[FRAME_LIMIT];
	size_t len;

	while (count--) {
		len = frame_build(ledger, frame, dst, pf->mac);
		len = frame_tag(frame, len, vid);
		if (send(pf->fd, frame, len, 0) != (ssize_t)len)
			return false;
	}
	return true;
}

bool pf_collect(struct pf_socket *pf, struct ledger **ledgers, int nledgers, int timeout_ms)
{
	u64 end = now_ns() + timeout_ms * 1000000ull;
	struct pollfd pfd = { .fd = pf->fd, .events = POLLIN };
	struct sockaddr_ll from;
	socklen_t fromlen;
	u8 frame[FRAME_LIMIT];
	bool complete;
	ssize_t len;
	int i;

	for (;;) {
		/* All that is there, also when nothing is missing: duplicates count. */
		for (;;) {
			fromlen = sizeof(from);
			len = recvfrom(pf->fd, frame, sizeof(frame), MSG_DONTWAIT,
				       (struct sockaddr *)&from, &fromlen);
			if (len <= 0)
				break;
			if (from.sll_pkttype == PACKET_OUTGOING)
				continue;
			for (i = 0; i < nledgers; i++)
				if (frame_is(ledgers[i], frame, len))
					frame_account(ledgers[i], frame, len);
		}
		complete = true;
		for (i = 0; i < nledgers; i++)
			if (ledgers[i]->received < ledgers[i]->sent)
				complete = false;
		if (complete)
			return true;
		if (now_ns() > end)
			return false;
		poll(&pfd, 1, 50);
	}
}
