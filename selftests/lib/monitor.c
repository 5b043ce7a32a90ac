// SPDX-License-Identifier: GPL-2.0-only
/*
 * Commands to QEMU's monitor, which answers as it would to a person.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <libvfio/assert.h>

#include "binding.h"
#include "igbvf_user.h"
#include "monitor.h"
#include "pf_admin.h"

#define MONITOR		"/dev/ttyS2"
#define NETDEV		"n0"
#define ANSWER_MS	10000
#define MARK_MAX	32

int monitor_open(void)
{
	struct termios raw;
	int fd;

	fd = open(MONITOR, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (tcgetattr(fd, &raw))
		goto failed;
	cfmakeraw(&raw);
	raw.c_cflag |= CLOCAL;
	cfsetspeed(&raw, B115200);
	if (tcsetattr(fd, TCSANOW, &raw))
		goto failed;
	return fd;
failed:
	close(fd);
	return -ENODEV;
}

void monitor_close(int fd)
{
	close(fd);
}

/*
 * @line begins with the end of another one: when the port was opened for the first
 * time, and not raw yet, it has sent back what the monitor had said by then.
 */
static int say(int fd, const char *line)
{
	ssize_t len = strlen(line);
	char old[512];

	/* The monitor does not go on if nobody takes what it says. */
	while (read(fd, old, sizeof(old)) > 0)
		;
	return write(fd, line, len) == len && !tcdrain(fd) ? 0 : -EIO;
}

/* The number after @mark in what the monitor says. */
static int hear(int fd, const char *mark, u32 *value)
{
	u64 end = now_ns() + ANSWER_MS * 1000000ull;
	char text[4096], *at, *after;
	size_t len = 0;
	ssize_t n;

	while (now_ns() < end && len < sizeof(text) - 1) {
		n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n <= 0) {
			usleep(1000);
			continue;
		}
		len += n;
		text[len] = '\0';
		at = strstr(text, mark);
		if (!at) {
			/* It shows each line as often as that has letters. */
			if (len > sizeof(text) / 2) {
				memmove(text, text + len - MARK_MAX, MARK_MAX);
				len = MARK_MAX;
			}
			continue;
		}
		at += strlen(mark);
		*value = strtoul(at, &after, 16);
		/* What is there of the line may end in the number. */
		if (after != at && isspace(*after))
			return 0;
	}
	return -ETIMEDOUT;
}

int monitor_set_link(int fd, bool on)
{
	int ret = say(fd, on ? "\nset_link " NETDEV " on\n" : "\nset_link " NETDEV " off\n");

	return ret ? ret : pf_wait_link(on);
}

u32 monitor_pf_register(u32 offset)
{
	char path[128], text[2048], line[64], mark[MARK_MAX];
	unsigned long long address;
	u32 value = 0;
	int fd;

	snprintf_assert(path, sizeof(path), "/sys/bus/pci/devices/%s/resource", vf_pf_bdf());
	VFIO_ASSERT_TRUE(sysfs_read(path, text, sizeof(text)), "%s\n", path);
	address = strtoull(text, NULL, 16) + offset;
	snprintf_assert(line, sizeof(line), "\nxp /1xw 0x%llx\n", address);
	snprintf_assert(mark, sizeof(mark), "%016llx: ", address);

	fd = monitor_open();
	VFIO_ASSERT_GE(fd, 0, "the third serial port is no monitor\n");
	VFIO_ASSERT_EQ(say(fd, line), 0);
	VFIO_ASSERT_EQ(hear(fd, mark, &value), 0, "no answer from the monitor\n");
	monitor_close(fd);
	return value;
}
