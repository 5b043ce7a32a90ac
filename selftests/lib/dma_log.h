/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_DMA_LOG_H
#define SELFTESTS_DMA_LOG_H

#include <stdbool.h>

#include <linux/types.h>
#include <linux/vfio.h>

#define DMA_LOG_PAGE		4096UL
#define DMA_LOG_PAGES_MAX	4096

/* One bit for each page of a report. */
struct dma_bitmap {
	u64 words[DMA_LOG_PAGES_MAX / 64];
};

/* DMA logging of the uAPI; all return 0 or -errno. */
int dma_log_probe(int fd);
int dma_log_stop(int fd);

/* @page_size is what is asked for, and what was granted. */
int dma_log_start(int fd, struct vfio_device_feature_dma_logging_range *ranges,
		  unsigned int nranges, u64 *page_size);

/* One range, pages of 4 KiB. */
int dma_log_start_simple(int fd, u64 iova, u64 length);

/* Bits are added to @bitmap, of which bit 0 is the page at @iova. */
int dma_log_report(int fd, u64 iova, u64 length, u64 page_size, struct dma_bitmap *bitmap);

bool dma_bitmap_test(const struct dma_bitmap *bitmap, unsigned int page);
unsigned int dma_bitmap_count(const struct dma_bitmap *bitmap);

#endif /* SELFTESTS_DMA_LOG_H */
