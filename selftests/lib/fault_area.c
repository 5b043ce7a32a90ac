// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that faults.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/types.h>
#include <linux/userfaultfd.h>

#include <libvfio.h>

#include "fault_area.h"

void userfaults_or_skip(void)
{
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd >= 0) {
		close(fd);
		return;
	}
	ksft_print_header();
	ksft_exit_skip("this kernel has no CONFIG_USERFAULTFD: %s\n", strerror(errno));
}

int make_area_fault(void *area, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register range = {
		.range = { .start = (unsigned long)area, .len = size },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};
	int fd;

	/* One that blocks cannot be polled. */
	fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (mmap(area, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		 0) != area)
		return -errno;
	if (ioctl(fd, UFFDIO_API, &api) || ioctl(fd, UFFDIO_REGISTER, &range))
		return -errno;
	return fd;
}

int area_wait(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int ret = poll(&pfd, 1, ms);

	if (ret < 0)
		return -errno;
	if (!ret)
		return -ETIMEDOUT;
	return pfd.revents == POLLIN ? 0 : -EIO;
}

int area_answer(int fd, void *area, size_t size)
{
	struct uffdio_zeropage zeros = {
		.range = { .start = (unsigned long)area, .len = size },
	};

	return ioctl(fd, UFFDIO_ZEROPAGE, &zeros) ? -errno : 0;
}
