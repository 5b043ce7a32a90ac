// SPDX-License-Identifier: GPL-2.0-only
/*
 * Datagrams that stay where the device has put them: the guest's kernel keeps them in
 * the queue of a socket, and nobody looks into them until the tests ask.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/types.h>

#include "agent.h"

/* More than a test sends, with what the kernel adds to each datagram. */
#define ROOM	(64 << 20)

static int fd = -1;

/* hold PORT: from now on */
static int cmd_hold(int argc, char **argv)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(atoi(argv[1])),
	};
	int room = ROOM;

	if (fd >= 0)
		return -EBUSY;
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		fd = -1;
		return -EINVAL;
	}
	return 0;
}

/* The checksum of zlib. */
static u32 adler32(u32 sum, const u8 *data, size_t len)
{
	u32 a = sum & 0xffff, b = sum >> 16;

	while (len--) {
		a = (a + *data++) % 65521;
		b = (b + a) % 65521;
	}
	return b << 16 | a;
}

/* held: what has come, one after the other; and no more of it */
static int cmd_held(int argc, char **argv)
{
	static u8 datagram[65536];
	unsigned long count = 0, bytes = 0;
	u32 sum = 1;
	ssize_t len;

	if (fd < 0)
		return -ESRCH;
	while ((len = recv(fd, datagram, sizeof(datagram), MSG_DONTWAIT)) >= 0) {
		count++;
		bytes += len;
		sum = adler32(sum, datagram, len);
	}
	close(fd);
	fd = -1;
	answer("= datagrams=%lu bytes=%lu sum=%u", count, bytes, sum);
	return 0;
}

const struct command memory_commands[] = {
	{ "hold", 1, cmd_hold },
	{ "held", 0, cmd_held },
	{ 0 }
};
