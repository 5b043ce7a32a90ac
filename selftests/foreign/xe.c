// SPDX-License-Identifier: GPL-2.0-only
/* What xe sends of a device with one GT. */

#include <linux/bitfield.h>
#include <linux/sizes.h>
#include "drivers/gpu/drm/xe/xe_sriov_packet_types.h"
#include "drivers/gpu/drm/xe/xe_guc_klv_helpers.h"
#include "drivers/gpu/drm/xe/abi/xe_driver_klvs_abi.h"

#define PACKET(_type, _size, ...) { \
	.version = 1, \
	.type = XE_SRIOV_PACKET_TYPE_##_type, \
	.size = _size, \
	__VA_ARGS__ \
}

static const struct {
	struct xe_sriov_packet_hdr descriptor_header;
	u32 descriptor[4];
	struct xe_sriov_packet_hdr guc_header;
	u32 guc[3];
	struct xe_sriov_packet_hdr ggtt_header;
	u64 ggtt[2];
	struct xe_sriov_packet_hdr mmio_header;
	u32 mmio[4];
	struct xe_sriov_packet_hdr vram_header;
	u8 vram[6];
	struct xe_sriov_packet_hdr trailer_header;
} __packed stream __used __section(".stream") = {
	.descriptor_header = PACKET(DESCRIPTOR, sizeof(stream.descriptor)),
	.descriptor = {
		PREP_GUC_KLV_CONST(MIGRATION_KLV_DEVICE_DEVID_KEY, MIGRATION_KLV_DEVICE_DEVID_LEN),
		0xe20b,
		PREP_GUC_KLV_CONST(MIGRATION_KLV_DEVICE_REVID_KEY, MIGRATION_KLV_DEVICE_REVID_LEN),
		1,
	},
	.guc_header = PACKET(GUC, sizeof(stream.guc), .tile_id = 2, .gt_id = 3),
	.guc = { 4, 5, 6 },
	.ggtt_header = PACKET(GGTT, sizeof(stream.ggtt)),
	.ggtt = { 7, 8 },
	.mmio_header = PACKET(MMIO, sizeof(stream.mmio), .flags = 9),
	.mmio = { 10, 11, 12, 13 },
	.vram_header = PACKET(VRAM, sizeof(stream.vram), .offset = SZ_512M),
	.vram = "memory",
	.trailer_header = PACKET(TRAILER, 0),
};
