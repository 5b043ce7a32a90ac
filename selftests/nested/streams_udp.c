// SPDX-License-Identifier: GPL-2.0-only
/*
 * Numbered datagrams, and the books about those that come: which numbers were there, and
 * whether one came twice, late or changed.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "streams.h"

#define UDP_MAGIC	0x564d4655
/* Numbers that there are: an hour at one each millisecond. */
#define UDP_NUMBERS	4000000
#define UDP_LONGEST	1400

struct datagram {
	u32 magic;
	u32 number;
	u32 length;
	u32 inverse;
	u8 payload[UDP_LONGEST];
};

#define UDP_SHORTEST	offsetof(struct datagram, payload)

static const struct streams_config *config;
static struct udp_report *udp;
static u8 seen[UDP_NUMBERS / 8];
static int fd = -1;

static size_t datagram_build(struct datagram *d, u32 number)
{
	size_t payload = number * 397u % (UDP_LONGEST + 1);

	d->magic = UDP_MAGIC;
	d->number = number;
	d->length = UDP_SHORTEST + payload;
	d->inverse = ~number;
	memcpy(d->payload, streams_pattern(number * 1009ull), payload);
	return d->length;
}

int udp_open(const struct streams_config *c, struct udp_report *report)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(c->udp_port) };
	int one = 1, size = 1 << 20;

	config = c;
	udp = report;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* No checksum: what was damaged is to come here, and not to be called lost. */
	setsockopt(fd, SOL_SOCKET, SO_NO_CHECK, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	addr.sin_addr = c->peer;
	return connect(fd, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : fd;
}

void udp_send(unsigned int count)
{
	struct datagram d;
	size_t len;

	while (count-- && udp->sent < UDP_NUMBERS) {
		len = datagram_build(&d, udp->sent);
		/* A number that did not leave is not lost: it is the next one's. */
		if (send(fd, &d, len, 0) != (ssize_t)len) {
			udp->refused++;
			return;
		}
		streams_event(config, "udp-sent", udp->sent);
		udp->sent++;
	}
}

static void account(const struct datagram *d, size_t len)
{
	struct datagram wanted;
	u8 bit;

	if (len < UDP_SHORTEST || d->magic != UDP_MAGIC || d->number >= UDP_NUMBERS ||
	    datagram_build(&wanted, d->number) != len || memcmp(d, &wanted, len)) {
		udp->damaged++;
		return;
	}
	streams_event(config, "udp-received", d->number);
	bit = 1 << d->number % 8;
	if (seen[d->number / 8] & bit) {
		udp->duplicated++;
		return;
	}
	seen[d->number / 8] |= bit;
	udp->received++;
	if (d->number < udp->next)
		udp->reordered++;
	else
		udp->next = d->number + 1;
	streams_heard(&udp->silence);
}

void udp_receive(void)
{
	struct datagram d;
	ssize_t len;

	/* The length is that of the datagram, also if it does not fit. */
	while ((len = recv(fd, &d, sizeof(d), MSG_TRUNC)) >= 0)
		account(&d, len);
}
