// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the driver tells the administrator.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "kernel_log.h"

int kernel_log_open(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	lseek(fd, 0, SEEK_END);
	return fd;
}

bool kernel_log_has(int fd, const char *word, const char *other)
{
	char line[2048];
	bool found = false;
	ssize_t len;

	/* One line for each read(); EPIPE says that some were overwritten. */
	while ((len = read(fd, line, sizeof(line) - 1)) > 0 || errno == EPIPE) {
		if (len <= 0)
			continue;
		line[len] = '\0';
		found |= strstr(line, word) && strstr(line, other);
	}
	return found;
}
