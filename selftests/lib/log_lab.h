/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_LOG_LAB_H
#define SELFTESTS_LOG_LAB_H

#include "ring_guest.h"

#define LOG_LAB_RAM	(1024 * 1024)
#define LOG_LAB_BURST	24

/* A guest whose DMA is logged, and a peer that sends to it. */
struct log_lab {
	struct ring_guest guest;
	struct nic peer;
	struct ledger ledger;
};

/* Ends the program, as skipped, on a kernel that cannot report dirty pages. */
void log_lab_or_skip(void);

/* The guest on VF 0, through @iommu_mode, without rings. 0 or -errno. */
int log_lab_open(struct log_lab *lab, const char *iommu_mode, size_t ram_size);
void log_lab_close(struct log_lab *lab);

int log_lab_fd(struct log_lab *lab);

/* Log all of RAM; whatever was written before is not asked for. */
int log_lab_start(struct log_lab *lab);

/* The peer sends @count frames to the guest; they have arrived then. */
bool log_lab_receive(struct log_lab *lab, u32 count);

/* Report and compare: 0, the number of pages missed, or -errno. */
int log_lab_check(struct log_lab *lab);

/* The same with the report in larger pages, and @bitmap with what it was. */
int log_lab_check_in(struct log_lab *lab, u64 page_size, struct dma_bitmap *bitmap);

/* Report, and copy what is reported to @to, as a VMM does. 0 or -errno. */
int log_lab_copy(struct log_lab *lab, struct guest_ram *to);

/*
 * What was reported once is reported once more: this takes both. What is left is
 * the transmit ring, of which nobody knows that all is written back.
 */
int log_lab_settle(struct log_lab *lab);
#define LOG_LAB_IN_DOUBT	2

/* Pages of the last reports that were right, in per cent: half of them, all being told twice. */
unsigned int log_lab_precision(const struct log_lab *lab);

#endif /* SELFTESTS_LOG_LAB_H */
