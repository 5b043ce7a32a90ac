/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_RAM_ORACLE_H
#define SELFTESTS_RAM_ORACLE_H

#include "dma_log.h"
#include "igbvf_device.h"

/*
 * Knows which pages a device has written to, by a second copy of guest RAM into
 * which all goes that the guest itself writes.
 */
struct ram_oracle {
	struct guest_ram *ram;
	u8 *copy;
	unsigned int pages;
	bool *written;	/* by the device, and overwritten by the guest since */
	bool *changed;	/* when oracle_look() was called */
	bool *logged;	/* the user wants to know */

	/* Sums over all checks, in pages. */
	u64 sum_changed;
	u64 sum_reported;
	u64 sum_strayed;	/* reported, but not logged */
	int first_missed;	/* page of the last check, or -1 */
};

void oracle_init(struct ram_oracle *oracle, struct guest_ram *ram);
void oracle_free(struct ram_oracle *oracle);

/* The guest writes to its memory. */
void oracle_write(struct ram_oracle *oracle, void *dst, const void *src, size_t len);

/* All that was written is forgotten; nothing is logged. */
void oracle_reset(struct ram_oracle *oracle);

/* This is logged as well. */
void oracle_expect(struct ram_oracle *oracle, iova_t iova, size_t len);

/* Note what was written, before the report is asked for: frames may come at any time. */
void oracle_look(struct ram_oracle *oracle);

/*
 * Compare with a report over all of RAM in pages of @page_size. Returns the
 * pages that the device had written to and that were not reported, and forgets.
 */
unsigned int oracle_check(struct ram_oracle *oracle, const struct dma_bitmap *bitmap,
			  u64 page_size);

#endif /* SELFTESTS_RAM_ORACLE_H */
