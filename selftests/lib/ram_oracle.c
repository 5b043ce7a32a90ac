// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which pages of guest RAM has a device written to?
 */
#include <string.h>

#include <linux/types.h>

#include "ram_oracle.h"

void oracle_init(struct ram_oracle *oracle, struct guest_ram *ram)
{
	memset(oracle, 0, sizeof(*oracle));
	oracle->ram = ram;
	oracle->pages = ram->size / DMA_LOG_PAGE;
	VFIO_ASSERT_LE(oracle->pages, (unsigned int)DMA_LOG_PAGES_MAX);
	oracle->copy = malloc_assert(ram->size);
	oracle->written = calloc_assert(oracle->pages, sizeof(bool));
	oracle->changed = calloc_assert(oracle->pages, sizeof(bool));
	oracle->logged = calloc_assert(oracle->pages, sizeof(bool));
	oracle_reset(oracle);
}

void oracle_free(struct ram_oracle *oracle)
{
	free(oracle->copy);
	free(oracle->written);
	free(oracle->changed);
	free(oracle->logged);
}

/* What the device has left there must not be hidden by what the guest writes. */
void oracle_write(struct ram_oracle *oracle, void *dst, const void *src, size_t len)
{
	size_t at = dst - oracle->ram->vaddr, done, n;

	for (done = 0; done < len; done += n) {
		n = DMA_LOG_PAGE - (at + done) % DMA_LOG_PAGE;
		if (n > len - done)
			n = len - done;
		if (memcmp(dst + done, oracle->copy + at + done, n))
			oracle->written[(at + done) / DMA_LOG_PAGE] = true;
	}
	memcpy(oracle->copy + at, src, len);
	memcpy(dst, src, len);
}

void oracle_reset(struct ram_oracle *oracle)
{
	memcpy(oracle->copy, oracle->ram->vaddr, oracle->ram->size);
	memset(oracle->written, 0, oracle->pages * sizeof(bool));
	memset(oracle->logged, 0, oracle->pages * sizeof(bool));
}

void oracle_expect(struct ram_oracle *oracle, iova_t iova, size_t len)
{
	unsigned int page = (iova - oracle->ram->iova) / DMA_LOG_PAGE;
	unsigned int last = page + len / DMA_LOG_PAGE;

	while (page < last && page < oracle->pages)
		oracle->logged[page++] = true;
}

void oracle_look(struct ram_oracle *oracle)
{
	unsigned int page;

	for (page = 0; page < oracle->pages; page++) {
		size_t at = page * DMA_LOG_PAGE;

		oracle->changed[page] = oracle->written[page] ||
			memcmp(oracle->ram->vaddr + at, oracle->copy + at, DMA_LOG_PAGE);
	}
}

unsigned int oracle_check(struct ram_oracle *oracle, const struct dma_bitmap *bitmap,
			  u64 page_size)
{
	unsigned int page, missed = 0;

	oracle->first_missed = -1;
	for (page = 0; page < oracle->pages; page++) {
		size_t at = page * DMA_LOG_PAGE;
		bool changed = oracle->changed[page];
		bool reported = dma_bitmap_test(bitmap, at / page_size);

		if (changed || reported) {
			memcpy(oracle->copy + at, oracle->ram->vaddr + at, DMA_LOG_PAGE);
			oracle->written[page] = false;
		}
		/* What is reported by larger pages is not ours to judge. */
		if (reported && !oracle->logged[page] && page_size == DMA_LOG_PAGE)
			oracle->sum_strayed++;
		if (!oracle->logged[page])
			continue;
		oracle->sum_changed += changed;
		oracle->sum_reported += reported;
		if (changed && !reported) {
			if (!missed++)
				oracle->first_missed = page;
		}
	}
	return missed;
}
