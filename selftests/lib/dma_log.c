// SPDX-License-Identifier: GPL-2.0-only
/*
 * Thin helpers over the uAPI of DMA logging.
 */
#include <stdint.h>
#include <string.h>

#include <libvfio/assert.h>

#include "dma_log.h"
#include "migration.h"

int dma_log_probe(int fd)
{
	return mig_feature(fd, VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_SET |
			   VFIO_DEVICE_FEATURE_DMA_LOGGING_START, NULL, 0);
}

int dma_log_stop(int fd)
{
	return mig_feature(fd, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_STOP,
			   NULL, 0);
}

int dma_log_start(int fd, struct vfio_device_feature_dma_logging_range *ranges,
		  unsigned int nranges, u64 *page_size)
{
	struct vfio_device_feature_dma_logging_control control = {
		.page_size = *page_size,
		.num_ranges = nranges,
		.ranges = (uintptr_t)ranges,
	};
	int ret;

	ret = mig_feature(fd, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_DMA_LOGGING_START,
			  &control, sizeof(control));
	*page_size = control.page_size;
	return ret;
}

int dma_log_start_simple(int fd, u64 iova, u64 length)
{
	struct vfio_device_feature_dma_logging_range range = { .iova = iova, .length = length };
	u64 page_size = DMA_LOG_PAGE;

	return dma_log_start(fd, &range, 1, &page_size);
}

int dma_log_report(int fd, u64 iova, u64 length, u64 page_size, struct dma_bitmap *bitmap)
{
	struct vfio_device_feature_dma_logging_report report = {
		.iova = iova,
		.length = length,
		.page_size = page_size,
		.bitmap = (uintptr_t)bitmap->words,
	};

	VFIO_ASSERT_LE(length / DMA_LOG_PAGE, (u64)DMA_LOG_PAGES_MAX);
	return mig_feature(fd, VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT,
			   &report, sizeof(report));
}

bool dma_bitmap_test(const struct dma_bitmap *bitmap, unsigned int page)
{
	return bitmap->words[page / 64] >> (page % 64) & 1;
}

unsigned int dma_bitmap_count(const struct dma_bitmap *bitmap)
{
	unsigned int i, n = 0;

	for (i = 0; i < DMA_LOG_PAGES_MAX / 64; i++)
		n += __builtin_popcountll(bitmap->words[i]);
	return n;
}
