// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbered frames in the nested guest: sends them, and keeps a ledger for each
 * stream that arrives at each interface that it listens to.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <linux/types.h>

#include "agent.h"
#include "frame.h"

#define MAX_STREAMS	32

struct listener {
	char netdev[IF_NAMESIZE];
	int fd;
	/* The number of a stream is its place. */
	struct ledger in[MAX_STREAMS];
	struct ledger out[MAX_STREAMS];
	unsigned char mac[MAC_LEN];
};

static struct listener listeners[MAX_LISTENERS];
static int nlisteners;

static struct listener *find(const char *netdev)
{
	int i;

	for (i = 0; i < nlisteners; i++)
		if (!strcmp(listeners[i].netdev, netdev))
			return &listeners[i];
	return NULL;
}

int frames_poll(struct pollfd *fds)
{
	int i;

	for (i = 0; i < nlisteners; i++)
		fds[i] = (struct pollfd) { .fd = listeners[i].fd, .events = POLLIN };
	return nlisteners;
}

void frames_receive(void)
{
	static u8 frame[65536];
	struct sockaddr_ll from;
	struct listener *l;
	socklen_t fromlen;
	ssize_t len;
	int i;

	for (l = listeners; l < listeners + nlisteners; l++) {
		for (;;) {
			fromlen = sizeof(from);
			len = recvfrom(l->fd, frame, sizeof(frame), MSG_DONTWAIT,
				       (struct sockaddr *)&from, &fromlen);
			if (len <= 0)
				break;
			if (from.sll_pkttype == PACKET_OUTGOING)
				continue;
			for (i = 0; i < MAX_STREAMS; i++)
				if (frame_is(&l->in[i], frame, len))
					frame_account(&l->in[i], frame, len);
		}
	}
}

/* listen IF */
static int cmd_listen(int argc, char **argv)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(FRAME_ETHERTYPE),
		.sll_ifindex = if_nametoindex(argv[1]),
	};
	struct listener *l = &listeners[nlisteners];
	int i, size = 1 << 20;

	if (!addr.sll_ifindex)
		return -ENODEV;
	if (find(argv[1]) || nlisteners == MAX_LISTENERS)
		return -EBUSY;
	memset(l, 0, sizeof(*l));
	snprintf(l->netdev, sizeof(l->netdev), "%s", argv[1]);
	for (i = 0; i < MAX_STREAMS; i++) {
		ledger_init(&l->in[i], i);
		ledger_init(&l->out[i], i);
	}
	l->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(FRAME_ETHERTYPE));
	if (l->fd < 0)
		return -errno;
	setsockopt(l->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(l->fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(l->fd);
		return -errno;
	}
	nlisteners++;
	return 0;
}

/* listen_end: to nothing any more */
static int cmd_listen_end(int argc, char **argv)
{
	while (nlisteners)
		close(listeners[--nlisteners].fd);
	return 0;
}

/* frames IF STREAM: what has arrived */
static int cmd_frames(int argc, char **argv)
{
	struct listener *l = find(argv[1]);
	unsigned int stream = atoi(argv[2]);
	struct ledger *in;

	if (!l || stream >= MAX_STREAMS)
		return -EINVAL;
	frames_receive();
	in = &l->in[stream];
	answer("= received=%u next=%u lost=%u duplicated=%u damaged=%u", in->received,
	       in->next, in->lost, in->duplicated, in->damaged);
	return 0;
}

/* send IF STREAM TO FROM COUNT: the next frames of a stream */
static int cmd_send(int argc, char **argv)
{
	unsigned int stream = atoi(argv[2]), count = atoi(argv[5]);
	struct listener *l = find(argv[1]);
	unsigned char to[MAC_LEN], from[MAC_LEN];
	u8 frame[FRAME_MAX];
	size_t len;

	if (!l || stream >= MAX_STREAMS || net_parse_mac(argv[3], to) ||
	    net_parse_mac(argv[4], from))
		return -EINVAL;
	while (count--) {
		len = frame_build(&l->out[stream], frame, to, from);
		if (send(l->fd, frame, len, 0) != (ssize_t)len)
			return -errno;
	}
	return 0;
}

const struct command frame_commands[] = {
	{ "listen", 1, cmd_listen },
	{ "listen_end", 0, cmd_listen_end },
	{ "frames", 2, cmd_frames },
	{ "send", 5, cmd_send },
	{ 0 }
};
