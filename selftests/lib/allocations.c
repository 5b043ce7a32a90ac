// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts the kernel's allocations, with the trace events of its allocators.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <linux/compiler.h>

#include <libvfio.h>

#include "allocations.h"
#include "binding.h"

#define TRACING	"/sys/kernel/tracing"

static const char * const events[] = { "kmalloc", "kmem_cache_alloc", "mm_page_alloc" };

static bool write_file(const char *name, const char *word)
{
	char path[128];

	snprintf_assert(path, sizeof(path), TRACING "/%s", name);
	return !sysfs_write(path, word);
}

static bool switch_events(const char *on)
{
	char name[64];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(events); i++) {
		snprintf_assert(name, sizeof(name), "events/kmem/%s/enable", events[i]);
		if (!write_file(name, on))
			return false;
	}
	return true;
}

bool allocations_begin(void)
{
	char pid[16];
	FILE *file;

	if (mount("tracefs", TRACING, "tracefs", 0, NULL) && errno != EBUSY)
		return false;
	snprintf_assert(pid, sizeof(pid), "%d", gettid());
	if (!write_file("set_event_pid", pid))
		return false;
	/* Opened for writing it is emptied. */
	file = fopen(TRACING "/trace", "w");
	if (!file)
		return false;
	fclose(file);
	return switch_events("1");
}

bool allocations_end(struct allocations *count)
{
	char line[512];
	FILE *file;

	memset(count, 0, sizeof(*count));
	if (!switch_events("0"))
		return false;
	file = fopen(TRACING "/trace", "r");
	if (!file)
		return false;
	while (fgets(line, sizeof(line), file)) {
		if (strstr(line, ": kmalloc: ") || strstr(line, ": kmem_cache_alloc: "))
			count->objects++;
		else if (strstr(line, ": mm_page_alloc: "))
			count->pages++;
	}
	fclose(file);
	return true;
}
