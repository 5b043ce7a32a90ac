// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest whose DMA is logged, and a peer.
 */
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "log_lab.h"

static const u8 guest_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x1a };
static const u8 peer_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x1b };

void log_lab_or_skip(void)
{
	/* Bitmaps of dirty pages come with iommufd, whatever the device is opened through. */
	if (!access("/dev/iommu", F_OK))
		return;
	ksft_print_header();
	ksft_exit_skip("this kernel cannot report dirty pages: no CONFIG_IOMMUFD\n");
}

int log_lab_open(struct log_lab *lab, const char *iommu_mode, size_t ram_size)
{
	struct vf *vf;
	int ret;

	memset(lab, 0, sizeof(*lab));
	ledger_init(&lab->ledger, 8);
	nic_init(&lab->peer, peer_mac);
	ret = nic_up(&lab->peer, vf_open(vf_bdf(1), &lab->peer.ram));
	if (ret)
		return ret;
	ring_guest_init(&lab->guest, ram_size, guest_mac);
	vf = vf_open_mode(vf_bdf(0), iommu_mode, &lab->guest.ram);
	return ring_guest_up(&lab->guest, vf);
}

void log_lab_close(struct log_lab *lab)
{
	vf_close(lab->guest.vf);
	vf_close(lab->peer.vf);
	ring_guest_free(&lab->guest);
	nic_free(&lab->peer);
}

int log_lab_fd(struct log_lab *lab)
{
	return vf_fd(lab->guest.vf);
}

int log_lab_start(struct log_lab *lab)
{
	struct guest_ram *ram = &lab->guest.ram;
	int ret = dma_log_start_simple(log_lab_fd(lab), ram->iova, ram->size);

	oracle_reset(&lab->guest.oracle);
	oracle_expect(&lab->guest.oracle, ram->iova, ram->size);
	return ret;
}

bool log_lab_receive(struct log_lab *lab, u32 count)
{
	u8 frame[NIC_BUF_SIZE];
	size_t len;

	while (count--) {
		len = frame_build(&lab->ledger, frame, lab->guest.mac, lab->peer.mac);
		if (!nic_post(&lab->peer, 0, frame, len))
			return false;
	}
	nic_doorbell(&lab->peer, 0);
	return nic_drain(&lab->peer, 0, NIC_TIMEOUT_MS);
}

int log_lab_check_in(struct log_lab *lab, u64 page_size, struct dma_bitmap *bitmap)
{
	struct guest_ram *ram = &lab->guest.ram;
	int ret;

	memset(bitmap, 0, sizeof(*bitmap));
	oracle_look(&lab->guest.oracle);
	ret = dma_log_report(log_lab_fd(lab), ram->iova, ram->size, page_size, bitmap);
	if (ret)
		return ret;
	return oracle_check(&lab->guest.oracle, bitmap, page_size);
}

int log_lab_check(struct log_lab *lab)
{
	struct dma_bitmap bitmap;

	return log_lab_check_in(lab, DMA_LOG_PAGE, &bitmap);
}

int log_lab_settle(struct log_lab *lab)
{
	int ret = log_lab_check(lab);

	return ret ? ret : log_lab_check(lab);
}

int log_lab_copy(struct log_lab *lab, struct guest_ram *to)
{
	struct guest_ram *ram = &lab->guest.ram;
	struct dma_bitmap bitmap = { 0 };
	unsigned int page;
	int ret;

	ret = dma_log_report(log_lab_fd(lab), ram->iova, ram->size, DMA_LOG_PAGE, &bitmap);
	for (page = 0; !ret && page < ram->size / DMA_LOG_PAGE; page++)
		if (dma_bitmap_test(&bitmap, page))
			memcpy(to->vaddr + page * DMA_LOG_PAGE,
			       ram->vaddr + page * DMA_LOG_PAGE, DMA_LOG_PAGE);
	return ret;
}

unsigned int log_lab_precision(const struct log_lab *lab)
{
	const struct ram_oracle *oracle = &lab->guest.oracle;

	return oracle->sum_reported ? oracle->sum_changed * 100 / oracle->sum_reported : 0;
}
