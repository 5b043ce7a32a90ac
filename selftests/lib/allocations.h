/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_ALLOCATIONS_H
#define SELFTESTS_ALLOCATIONS_H

#include <stdbool.h>

/*
 * What the kernel allocates on behalf of this thread, by its own trace events. The
 * calls between begin and end should be few, or the trace forgets the first.
 */
struct allocations {
	long objects;	/* kmalloc() and slab caches */
	long pages;	/* calls of the page allocator */
};

/* False if this kernel has no such events. */
bool allocations_begin(void);
bool allocations_end(struct allocations *count);

#endif /* SELFTESTS_ALLOCATIONS_H */
