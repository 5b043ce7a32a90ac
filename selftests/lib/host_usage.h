/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_HOST_USAGE_H
#define SELFTESTS_HOST_USAGE_H

/*
 * What the kernel holds: to be compared before and after something that is to
 * leave nothing behind.
 */
#define SLABS_MAX	512

struct slab_usage {
	char name[40];
	long objects;
};

struct host_usage {
	struct slab_usage slabs[SLABS_MAX];
	int nslabs;		/* 0: this kernel does not tell */
	long available_kib;	/* MemAvailable */
	int fds;		/* of this process */
	int debugfs;		/* entries of the driver, in all its directories */
};

void host_usage_read(struct host_usage *usage);

/* By how many objects the cache has grown that has grown most; @name gets its name. */
long host_usage_growth(const struct host_usage *before, const struct host_usage *after,
		       const char **name);

#endif /* SELFTESTS_HOST_USAGE_H */
