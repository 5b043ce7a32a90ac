// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast a path is: small datagrams as fast as the other end takes them, and round trips
 * with nothing else on the way.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/icmp.h>

#include "streams.h"
#include "streams_speed.h"

/*
 * As many may be under way: less than any ring or socket on the path holds, so that none is
 * lost, and what counts is what the slowest of them takes for one, or a CPU for all of it.
 */
#define WINDOW		64
#define LENGTH		18
/* An answer that does not come: something was lost. */
#define PATIENCE_MS	200

struct numbered {
	u32 number;
	u8 rest[LENGTH - sizeof(u32)];
};

static int speed_socket(u16 port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), size = 1 << 20;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ? -errno : fd;
}

/* Says how many have come, with every fourth part of a window; until it is killed. */
int speed_sink(u16 port)
{
	int fd = speed_socket(port);
	struct sockaddr_in from;
	u16 sender = 0;
	u32 received = 0;
	struct numbered d;
	socklen_t len;

	if (fd < 0)
		return fd;
	for (;;) {
		len = sizeof(from);
		if (recvfrom(fd, &d, sizeof(d), 0, (struct sockaddr *)&from, &len) != LENGTH)
			continue;
		if (from.sin_port != sender)
			received = 0;
		sender = from.sin_port;
		received++;
		if (received % (WINDOW / 4) == 0)
			sendto(fd, &received, sizeof(received), 0, (struct sockaddr *)&from, len);
	}
}

static int wait_for(int fd, int ms)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, ms) == 1;
}

int speed_send(struct in_addr peer, u16 port, unsigned int ms,
	       void (*line)(const char *fmt, ...) __printf(1, 2))
{
	struct sockaddr_in to = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = peer,
	};
	u64 begin = streams_now(), end = begin + ms * 1000000ull;
	u32 received = 0, lost = 0;
	struct numbered d = { 0 };
	int fd = speed_socket(0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return fd < 0 ? fd : -errno;
	while (streams_now() < end) {
		/* What was taken for lost may come yet: less than nothing is under way then. */
		if ((int)(d.number - received - lost) < WINDOW) {
			if (send(fd, &d, LENGTH, 0) == LENGTH)
				d.number++;
		} else if (!wait_for(fd, PATIENCE_MS)) {
			lost = d.number - received;
		}
		while (recv(fd, &received, sizeof(received), MSG_DONTWAIT) > 0)
			;
	}
	end = streams_now();
	line("= sent=%u received=%u stalls=%u us=%llu", d.number, received, lost,
	     (unsigned long long)(end - begin) / 1000);
	close(fd);
	return 0;
}

static u16 checksum(const void *data, size_t len)
{
	const u16 *words = data;
	u32 sum = 0;

	for (; len > 1; len -= 2)
		sum += *words++;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Of one ping, in nanoseconds; 0: no answer. */
static u64 round_trip(int fd, u16 number)
{
	struct icmphdr ping = { .type = ICMP_ECHO };
	u64 begin = streams_now(), now;
	u8 packet[256];
	struct icmphdr *answer;

	ping.un.echo.id = htons(getpid());
	ping.un.echo.sequence = htons(number);
	ping.checksum = checksum(&ping, sizeof(ping));
	if (send(fd, &ping, sizeof(ping), 0) != sizeof(ping))
		return 0;
	while ((now = streams_now()) < begin + 1000000000ull) {
		if (!wait_for(fd, 100) || recv(fd, packet, sizeof(packet), 0) < 28)
			continue;
		answer = (void *)(packet + (packet[0] & 15) * 4);
		if (answer->type == ICMP_ECHOREPLY && answer->un.echo.id == ping.un.echo.id &&
		    answer->un.echo.sequence == ping.un.echo.sequence)
			return streams_now() - begin;
	}
	return 0;
}

int speed_ping(struct in_addr peer, unsigned int count, unsigned int interval_us,
	       void (*line)(const char *fmt, ...) __printf(1, 2))
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr = peer };
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
	unsigned int i;

	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return -errno;
	for (i = 0; i < count; i++) {
		line("= %u=%llu", i, (unsigned long long)round_trip(fd, i));
		usleep(interval_us);
	}
	close(fd);
	return 0;
}
