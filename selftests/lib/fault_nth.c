// SPDX-License-Identifier: GPL-2.0-only
/*
 * /proc/thread-self/fail-nth, and what has to be set up for it. See
 * Documentation/fault-injection/fault-injection.rst of the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "binding.h"
#include "fault_nth.h"
#include "igbvf_device.h"

/* Each in a folder of debugfs: the file, and what goes there. */
static const char * const settings[][2] = {
	/* A report has a stack trace, which the scan of the log takes for a defect. */
	{ "failslab/verbose", "0" },
	{ "fail_page_alloc/verbose", "0" },
	/* All that may sleep is spared by default, and so are single pages. */
	{ "failslab/ignore-gfp-wait", "N" },
	{ "fail_page_alloc/ignore-gfp-wait", "N" },
	{ "fail_page_alloc/min-order", "0" },
};

/* The file of this thread; a child needs another one. */
static struct {
	int fd;
	pid_t tid;
	/* Of the device that is under test now. */
	struct fault_counts before;
} nth = { .fd = -1 };

static bool open_nth(void)
{
	if (nth.fd >= 0 && nth.tid == gettid())
		return true;
	if (nth.fd >= 0)
		close(nth.fd);
	nth.fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	nth.tid = gettid();
	return nth.fd >= 0;
}

static void faults_path(char *path, size_t size, const char *bdf)
{
	snprintf_assert(path, size, "/sys/kernel/debug/%s/%s/faults", MODULE_NAME, bdf);
}

bool fault_nth_setup(void)
{
	char path[128];
	unsigned int i;

	faults_path(path, sizeof(path), vf_bdf(0));
	if (access(path, R_OK) || !open_nth())
		return false;
	for (i = 0; i < ARRAY_SIZE(settings); i++) {
		snprintf_assert(path, sizeof(path), "/sys/kernel/debug/%s", settings[i][0]);
		/* An allocator that is not there cannot fail. */
		sysfs_write(path, settings[i][1]);
	}
	VFIO_ASSERT_EQ(mlockall(MCL_CURRENT | MCL_FUTURE), 0);
	return true;
}

void fault_nth_or_skip(void)
{
	if (fault_nth_setup())
		return;
	ksft_print_header();
	ksft_exit_skip("this kernel cannot fail on purpose: no CONFIG_FAULT_INJECTION\n");
}

void fault_allocations(bool on)
{
	/* Those that may sleep: few others are made for a system call. */
	sysfs_write("/sys/kernel/debug/failslab/ignore-gfp-wait", on ? "N" : "Y");
	sysfs_write("/sys/kernel/debug/fail_page_alloc/ignore-gfp-wait", on ? "N" : "Y");
}

static void write_nth(unsigned int n)
{
	char word[16];
	int len = snprintf(word, sizeof(word), "%u", n);

	VFIO_ASSERT_EQ(pwrite(nth.fd, word, len, 0), (ssize_t)len, "fail-nth\n");
}

void fault_arm(unsigned int n)
{
	VFIO_ASSERT_TRUE(open_nth());
	write_nth(n);
}

bool fault_disarm(void)
{
	int err = errno;
	char word[16] = "";
	unsigned int left;

	VFIO_ASSERT_GT(pread(nth.fd, word, sizeof(word) - 1, 0), 0);
	left = strtoul(word, NULL, 10);
	if (left)
		write_nth(0);
	errno = err;
	return !left;
}

void fault_counts_read(const char *bdf, struct fault_counts *counts)
{
	char path[128], text[128];
	int fields;

	memset(counts, 0, sizeof(*counts));
	faults_path(path, sizeof(path), bdf);
	VFIO_ASSERT_TRUE(sysfs_read(path, text, sizeof(text)));
	fields = sscanf(text, "%llu %llu %*s %x", &counts->reads, &counts->writes, &counts->last);
	VFIO_ASSERT_EQ(fields, 3);
}

void fault_begin(struct fault *fault, const char *bdf, unsigned int n)
{
	fault->n = n;
	fault->kind = FAULT_NONE;
	fault->reg = 0;
	fault_counts_read(bdf, &nth.before);
	fault_arm(n);
}

void fault_end(struct fault *fault, const char *bdf)
{
	bool used = fault_disarm();
	struct fault_counts now;
	int err = errno;

	fault_counts_read(bdf, &now);
	errno = err;
	if (!used)
		return;
	fault->reg = now.last;
	if (now.reads != nth.before.reads)
		fault->kind = FAULT_READ;
	else if (now.writes != nth.before.writes)
		fault->kind = FAULT_WRITE;
	else
		fault->kind = FAULT_ALLOCATION;
}

const char *fault_text(const struct fault *fault)
{
	static char text[64];

	switch (fault->kind) {
	case FAULT_READ:
		snprintf(text, sizeof(text), "fault %u, read of %#06x", fault->n, fault->reg);
		break;
	case FAULT_WRITE:
		snprintf(text, sizeof(text), "fault %u, write to %#06x", fault->n, fault->reg);
		break;
	case FAULT_ALLOCATION:
		snprintf(text, sizeof(text), "fault %u, allocation", fault->n);
		break;
	default:
		snprintf(text, sizeof(text), "no fault %u", fault->n);
	}
	return text;
}
