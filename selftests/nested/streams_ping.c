// SPDX-License-Identifier: GPL-2.0-only
/*
 * Pings at regular times, as an observer of the network would see the guest.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/icmp.h>

#include "streams.h"

#define PING_NUMBERS	65536

struct ping {
	struct icmphdr header;
	u8 payload[56];
};

static const struct streams_config *config;
static struct ping_report *pings;
/* When it was sent; 0: answered. */
static u64 sent_ns[PING_NUMBERS];
static u16 identifier;
static int fd = -1;

int ping_open(const struct streams_config *c, struct ping_report *report)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr = c->peer };

	config = c;
	pings = report;
	if (!c->ping_ms)
		return -1;
	identifier = getpid();
	fd = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP);
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return -errno;
	return fd;
}

static u16 checksum(const struct ping *ping)
{
	u16 words[sizeof(*ping) / 2];
	u32 sum = 0;
	size_t i;

	memcpy(words, ping, sizeof(words));
	for (i = 0; i < sizeof(words) / 2; i++)
		sum += words[i];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

void ping_send(void)
{
	u16 number = pings->sent;
	struct ping ping = {
		.header.type = ICMP_ECHO,
		.header.un.echo.id = htons(identifier),
		.header.un.echo.sequence = htons(number),
	};

	memcpy(ping.payload, streams_pattern(number), sizeof(ping.payload));
	ping.header.checksum = checksum(&ping);
	sent_ns[number] = streams_now();
	if (send(fd, &ping, sizeof(ping), 0) != sizeof(ping)) {
		pings->refused++;
		return;
	}
	streams_event(config, "ping-sent", pings->sent);
	pings->sent++;
}

static void account(u16 number)
{
	u64 rtt;

	/* Not sent yet, or answered already. */
	if (!sent_ns[number])
		return;
	rtt = streams_now() - sent_ns[number];
	sent_ns[number] = 0;
	if (!pings->answered || rtt < pings->shortest_ns)
		pings->shortest_ns = rtt;
	if (rtt > pings->longest_ns)
		pings->longest_ns = rtt;
	pings->total_ns += rtt;
	pings->answered++;
	/* Its number in all, of which it has the lower 16 bits. */
	streams_event(config, "ping-answered",
		      pings->sent - 1 - (u16)(pings->sent - 1 - number));
	streams_heard(&pings->silence);
}

void ping_receive(void)
{
	u8 packet[2048];
	struct ping *ping;
	size_t header;
	ssize_t len;

	while ((len = recv(fd, packet, sizeof(packet), 0)) > 0) {
		header = (packet[0] & 15) * 4;
		ping = (void *)(packet + header);
		if (len == (ssize_t)(header + sizeof(*ping)) &&
		    ping->header.type == ICMP_ECHOREPLY &&
		    ping->header.un.echo.id == htons(identifier))
			account(ntohs(ping->header.un.echo.sequence));
	}
}
