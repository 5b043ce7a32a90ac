// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file "counters" of a bound function: lines of NAME VALUE.
 */
#include <stdio.h>
#include <string.h>

#include <libvfio.h>

#include "binding.h"
#include "counters.h"

long long counter_read(const char *bdf, const char *name)
{
	char path[128], text[1024], word[32];
	char *save, *line;
	long long value;

	snprintf_assert(path, sizeof(path), "/sys/kernel/debug/%s/%s/counters", MODULE_NAME, bdf);
	if (!sysfs_read(path, text, sizeof(text)))
		return -1;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		if (sscanf(line, "%31s %lld", word, &value) == 2 && !strcmp(word, name))
			return value;
	return -1;
}
