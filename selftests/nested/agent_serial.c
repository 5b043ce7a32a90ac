// SPDX-License-Identifier: GPL-2.0-only
/*
 * Serial ports of the guest: through the kernel's driver, and register by register beside it.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <linux/types.h>

#include "agent.h"

/* Of what is to come. */
#define WAIT_MS	10000

/* What comes from the port, up to @size bytes of it. */
static size_t receive(int fd, char *text, size_t size)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	size_t len = 0;
	ssize_t got;

	while (len < size && poll(&pollfd, 1, WAIT_MS) == 1) {
		got = read(fd, text + len, size - len);
		if (got <= 0)
			break;
		len += got;
	}
	return len;
}

/* loop PATH TEXT: sends the text, and says what of it comes back, from a port that is looped */
static int cmd_loop(int argc, char **argv)
{
	int fd = open(argv[1], O_RDWR | O_NOCTTY | O_NONBLOCK), ret = 0;
	size_t len = strlen(argv[2]);
	struct termios tio;
	char text[256];

	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, &tio)) {
		ret = -errno;
		goto out;
	}
	/* An echo would go round for ever. */
	cfmakeraw(&tio);
	tio.c_cflag |= CLOCAL;
	if (tcsetattr(fd, TCSANOW, &tio) || write(fd, argv[2], len) != (ssize_t)len) {
		ret = -EIO;
		goto out;
	}
	len = receive(fd, text, len < sizeof(text) ? len : sizeof(text) - 1);
	text[len] = '\0';
	answer("= %s", text);
out:
	close(fd);
	return ret;
}

static int ports(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = open("/dev/port", O_RDWR | O_CLOEXEC);
	return fd;
}

/* in PORT: a byte from a port of the processor */
static int cmd_in(int argc, char **argv)
{
	u8 byte;

	if (pread(ports(), &byte, 1, strtoul(argv[1], NULL, 0)) != 1)
		return -errno;
	answer("= %u", byte);
	return 0;
}

/* out PORT BYTE: one to it */
static int cmd_out(int argc, char **argv)
{
	u8 byte = strtoul(argv[2], NULL, 0);

	return pwrite(ports(), &byte, 1, strtoul(argv[1], NULL, 0)) == 1 ? 0 : -errno;
}

const struct command serial_commands[] = {
	{ "loop", 2, cmd_loop },
	{ "in", 1, cmd_in },
	{ "out", 2, cmd_out },
	{ 0 }
};
