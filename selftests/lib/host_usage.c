// SPDX-License-Identifier: GPL-2.0-only
/*
 * Slab caches, memory, open files and debugfs, as /proc and /sys show them.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "binding.h"
#include "host_usage.h"

/* What is free and kept for the next one, or by KASAN for who still uses it, does not count. */
static void shrink_slabs(void)
{
	DIR *dir = opendir("/sys/kernel/slab");
	struct dirent *entry;
	char path[300];

	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		/* The others are further names of a cache. */
		if (*entry->d_name == '.' || entry->d_type != DT_DIR)
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/slab/%s/shrink", entry->d_name);
		sysfs_write(path, "1");
	}
	closedir(dir);
}

static void read_slabs(struct host_usage *usage)
{
	FILE *file = fopen("/proc/slabinfo", "r");
	struct slab_usage *slab;
	char line[512];

	if (!file)
		return;
	while (usage->nslabs < SLABS_MAX && fgets(line, sizeof(line), file)) {
		slab = &usage->slabs[usage->nslabs];
		if (*line != '#' && sscanf(line, "%39s %ld", slab->name, &slab->objects) == 2)
			usage->nslabs++;
	}
	fclose(file);
}

static long read_meminfo(const char *name)
{
	FILE *file = fopen("/proc/meminfo", "r");
	char line[128], word[40];
	long kib = -1, value;

	if (!file)
		return kib;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "%39[^:]: %ld", word, &value) == 2 && !strcmp(word, name))
			kib = value;
	fclose(file);
	return kib;
}

static int count_entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char below[300];
	int n = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		n++;
		if (entry->d_type != DT_DIR)
			continue;
		snprintf(below, sizeof(below), "%.200s/%.90s", path, entry->d_name);
		n += count_entries(below);
	}
	closedir(dir);
	return n;
}

void host_usage_read(struct host_usage *usage)
{
	memset(usage, 0, sizeof(*usage));
	shrink_slabs();
	usage->fds = count_entries("/proc/self/fd");
	usage->debugfs = count_entries("/sys/kernel/debug/" MODULE_NAME);
	usage->available_kib = read_meminfo("MemAvailable");
	read_slabs(usage);
}

long host_usage_growth(const struct host_usage *before, const struct host_usage *after,
		       const char **name)
{
	long most = 0, growth;
	int i, k;

	*name = "none";
	for (i = 0; i < after->nslabs; i++) {
		/* Given back late, and many at a time. */
		if (!strcmp(after->slabs[i].name, "vmap_area"))
			continue;
		/* One for each object of all others, and after those: it is its own witness. */
		if (!strcmp(after->slabs[i].name, "kmemleak_object"))
			continue;
		growth = after->slabs[i].objects;
		for (k = 0; k < before->nslabs; k++)
			if (!strcmp(before->slabs[k].name, after->slabs[i].name))
				growth -= before->slabs[k].objects;
		if (growth > most) {
			most = growth;
			*name = after->slabs[i].name;
		}
	}
	return most;
}
