// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which driver has a function, and the module under test itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "binding.h"
#include "igbvf_device.h"
#include "mdev.h"

const char *driver_name(void)
{
	const char *name = getenv("VMF_DRIVER");

	return name && *name ? name : "igbvf-vfio-pci";
}

const char *module_path(void)
{
	const char *env = getenv("VMF_MODULE");
	static char path[PATH_MAX];
	struct utsname uts;

	if (env && *env)
		return env;
	if (!*path && !uname(&uts))
		snprintf(path, sizeof(path), "/lib/modules/%s/updates/%s.ko", uts.release,
			 MODULE_NAME);
	return path;
}

int sysfs_write(const char *path, const char *word)
{
	ssize_t len = strlen(word);
	int fd, ret;

	fd = open(path, O_WRONLY);
	if (fd < 0)
		return -errno;
	ret = write(fd, word, len) == len ? 0 : -errno;
	close(fd);
	return ret;
}

bool sysfs_read(const char *path, char *buf, size_t size)
{
	size_t done = 0;
	ssize_t n = 0;
	int fd;

	fd = open(path, O_RDONLY);
	if (fd < 0)
		return false;
	while (done < size - 1) {
		n = read(fd, buf + done, size - 1 - done);
		if (n <= 0)
			break;
		done += n;
	}
	close(fd);
	buf[done] = '\0';
	return n >= 0;
}

const char *bound_to(const char *bdf)
{
	static char target[PATH_MAX];
	char path[128];
	ssize_t n;

	device_path(path, sizeof(path), bdf, "driver");
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return "";
	target[n] = '\0';
	return strrchr(target, '/') ? strrchr(target, '/') + 1 : target;
}

int override_driver(const char *bdf, const char *driver)
{
	char path[128];

	device_path(path, sizeof(path), bdf, "driver_override");
	return sysfs_write(path, *driver ? driver : "\n");
}

int probe_driver(const char *bdf)
{
	return sysfs_write("/sys/bus/pci/drivers_probe", bdf);
}

int unbind_driver(const char *bdf)
{
	char path[128];

	device_path(path, sizeof(path), bdf, "driver/unbind");
	return sysfs_write(path, bdf);
}

bool bind_driver(const char *bdf, const char *driver)
{
	if (!strcmp(bound_to(bdf), driver))
		return true;
	if (*bound_to(bdf) && unbind_driver(bdf))
		return false;
	if (override_driver(bdf, driver) || probe_driver(bdf))
		return false;
	return !strcmp(bound_to(bdf), driver);
}

int module_remove(void)
{
	return syscall(SYS_delete_module, MODULE_NAME, O_NONBLOCK) ? -errno : 0;
}

int module_insert(void)
{
	const char *params = getenv("VMF_PARAMS");

	return module_insert_with(params ? params : "");
}

int module_insert_with(const char *params)
{
	int fd, ret;

	fd = open(module_path(), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = syscall(SYS_finit_module, fd, params, 0) ? -errno : 0;
	close(fd);
	return ret;
}

long arc_calls(const char *bdf, const char *from, const char *to)
{
	char path[128], buf[8192], a[32], b[32];
	char *save, *line;
	long calls;

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s/arcs", MODULE_NAME, bdf);
	if (!sysfs_read(path, buf, sizeof(buf)))
		return -1;
	for (line = strtok_r(buf, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (sscanf(line, "%31s %31s %ld", a, b, &calls) == 3 &&
		    !strcmp(a, from) && !strcmp(b, to))
			return calls;
	}
	return 0;
}

int module_reload(const char *params)
{
	int i, ret;

	ret = module_remove();
	if (!ret)
		ret = params ? module_insert_with(params) : module_insert();
	for (i = 0; !ret && i < VF_MAX; i++)
		ret = bind_driver(vf_bdf(i), driver_name()) ? 0 : -ENODEV;
	return ret;
}
