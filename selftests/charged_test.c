// SPDX-License-Identifier: GPL-2.0-only
/*
 * Data files whose session is over can be kept, as many as there may be open files: they
 * are paid for by who keeps them, and do not cost much more than any other file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "binding.h"
#include "igbvf_device.h"
#include "migration.h"

#define CGROUPS		"/tmp/cgroups"
#define OURS		CGROUPS "/charged"
#define FILES		1000
/* Beyond what a file has, the device has something to remember. */
#define LEAST		64
#define MOST		1536
/* What others do meanwhile, and what is given back late. */
#define NOISE		(FILES * 512)

FIXTURE(charged)
{
	struct vf *vf;
	int files[FILES];
};

static int join(const char *group)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	return sysfs_write(path, "0");
}

FIXTURE_SETUP(charged)
{
	struct rlimit limit = { FILES + 100, FILES + 100 };

	memset(self->files, -1, sizeof(self->files));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	self->vf = vf_open(vf_bdf(0), NULL);
	ASSERT_EQ(0, join(OURS));
}

FIXTURE_TEARDOWN(charged)
{
	EXPECT_EQ(0, join(CGROUPS));
	vf_close(self->vf);
}

/* Bytes of kernel memory that the group pays for; -1 if that cannot be known. */
static long kernel_memory(void)
{
	char buf[4096], *line;

	if (!sysfs_read(OURS "/memory.stat", buf, sizeof(buf)))
		return -1;
	line = strstr(buf, "\nkernel ");
	return line ? strtol(line + strlen("\nkernel "), NULL, 0) : -1;
}

/* Bytes that the machine has left. */
static long free_memory(void)
{
	char buf[4096], *line;

	if (!sysfs_read("/proc/meminfo", buf, sizeof(buf)))
		return -1;
	line = strstr(buf, "MemFree:");
	return line ? strtol(line + strlen("MemFree:"), NULL, 0) * 1024 : -1;
}

struct cost {
	long paid;
	long used;
};

static void close_all(int *files)
{
	int i;

	for (i = 0; i < FILES; i++) {
		if (files[i] >= 0)
			close(files[i]);
		files[i] = -1;
	}
	/* They go when the processors are at leisure. */
	sleep(1);
}

/* An fd whose session is over, or -errno. */
static int dead_file(struct vf *vf)
{
	int fd, ret;

	ret = mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP_COPY, &fd);
	if (!ret)
		ret = mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP, NULL);
	return ret ? ret : fd;
}

/* What it costs to keep many of them; without @vf they are eventfds. */
static struct cost keep_many(struct __test_metadata *_metadata, int *files, struct vf *vf)
{
	struct cost cost = { .paid = kernel_memory(), .used = free_memory() };
	int i;

	for (i = 0; i < FILES; i++) {
		files[i] = vf ? dead_file(vf) : eventfd(0, 0);
		ASSERT_LE(0, files[i]);
	}
	cost.paid = (kernel_memory() - cost.paid) / FILES;
	cost.used = (cost.used - free_memory() - NOISE) / FILES;
	return cost;
}

TEST_F_TIMEOUT(charged, dead_data_files, 120)
{
	struct cost any, ours;

	/* Once before it counts: caches, and the table of files. */
	keep_many(_metadata, self->files, NULL);
	close_all(self->files);
	for (int i = 0; i < 10; i++) {
		self->files[i] = dead_file(self->vf);
		ASSERT_LE(0, self->files[i]);
	}
	close_all(self->files);

	any = keep_many(_metadata, self->files, NULL);
	close_all(self->files);
	ours = keep_many(_metadata, self->files, self->vf);
	close_all(self->files);
	TH_LOG("bytes of an eventfd: %ld paid, at least %ld used; of a data file: %ld, %ld",
	       any.paid, any.used, ours.paid, ours.used);
	/* An eventfd is charged as well: the group does count. */
	ASSERT_LE(256, any.paid);
	EXPECT_LE(LEAST, ours.paid - any.paid);
	EXPECT_GE(MOST, ours.paid - any.paid);
	/* What nobody pays for is used all the same. */
	EXPECT_GE(MOST, ours.used - any.paid);
}

static void cgroups_or_skip(void)
{
	const char *lane = getenv("VMF_LANE"), *why = NULL;

	mkdir(CGROUPS, 0755);
	/* More than is given out, and for longer. */
	if (lane && !strcmp(lane, "debug"))
		why = "KASAN keeps what was freed";
	else if (mount("cgroup2", CGROUPS, "cgroup2", 0, NULL))
		why = "no cgroup v2";
	else if (sysfs_write(CGROUPS "/cgroup.subtree_control", "+memory"))
		why = "no memory controller";
	else if (mkdir(OURS, 0755) && errno != EEXIST)
		why = "no further group";
	else if (kernel_memory() < 0)
		why = "kernel memory is not counted";
	if (!why)
		return;
	ksft_print_header();
	ksft_exit_skip("%s\n", why);
}

int main(int argc, char **argv)
{
	int ret;

	cgroups_or_skip();
	ret = test_harness_run(argc, argv);
	rmdir(OURS);
	umount(CGROUPS);
	return ret;
}
