// SPDX-License-Identifier: GPL-2.0-only
/*
 * Modules that change how the host behaves.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "binding.h"
#include "test_module.h"

int test_module_insert(const char *name)
{
	struct utsname uts;
	char path[256];
	int fd, ret;

	if (uname(&uts))
		return -errno;
	snprintf(path, sizeof(path), "/lib/modules/%s/updates/%s.ko", uts.release, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
	close(fd);
	return ret;
}

int test_module_remove(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? -errno : 0;
}

static void parameter_path(char *path, size_t size, const char *name, const char *parameter)
{
	snprintf(path, size, "/sys/module/%s/parameters/%s", name, parameter);
}

int test_module_set(const char *name, const char *parameter, unsigned int value)
{
	char path[256], word[16];

	parameter_path(path, sizeof(path), name, parameter);
	snprintf(word, sizeof(word), "%u", value);
	return sysfs_write(path, word);
}

long test_module_get(const char *name, const char *parameter)
{
	char path[256], word[16];

	parameter_path(path, sizeof(path), name, parameter);
	return sysfs_read(path, word, sizeof(word)) ? strtol(word, NULL, 0) : -1;
}
