// SPDX-License-Identifier: GPL-2.0-only
/*
 * What virtio_vfio_pci sends: a record of device parts. What is in a part is defined by the
 * specification and not in the kernel, but for its header.
 */

#include <linux/virtio_pci.h>
#include "drivers/vfio/pci/virtio/common.h"

static const struct {
	struct virtiovf_migration_header header;
	struct {
		struct virtio_dev_part_hdr features_header;
		__le64 features;
		struct virtio_dev_part_hdr common_header;
		__le16 common;
		struct virtio_dev_part_hdr status_header;
		u8 status;
		struct virtio_dev_part_hdr queue_header;
		struct {
			__le16 size, vector, enabled, reserved;
			__le64 desc, driver, device;
		} queue;
	} __packed parts;
} __packed stream __used __section(".stream") = {
	.header = {
		.record_size = cpu_to_le64(sizeof(stream.parts)),
		.flags = cpu_to_le32(VIRTIOVF_MIGF_HEADER_FLAGS_TAG_MANDATORY),
		.tag = cpu_to_le32(VIRTIOVF_MIGF_HEADER_TAG_DEVICE_DATA),
	},
	.parts = {
		.features_header = {
			.part_type = cpu_to_le16(0x100),
			.flags = BIT(VIRTIO_DEV_PART_F_OPTIONAL),
			.length = cpu_to_le32(sizeof(stream.parts.features)),
		},
		.features = cpu_to_le64(0x100000020),
		.common_header = {
			.part_type = cpu_to_le16(0x102),
			.selector.pci_common_cfg.offset = cpu_to_le32(VIRTIO_PCI_COMMON_Q_SELECT),
			.length = cpu_to_le32(sizeof(stream.parts.common)),
		},
		.common = cpu_to_le16(1),
		.status_header = {
			.part_type = cpu_to_le16(0x103),
			.length = cpu_to_le32(sizeof(stream.parts.status)),
		},
		.status = 15,
		.queue_header = {
			.part_type = cpu_to_le16(0x104),
			.selector.vq_index.index = cpu_to_le16(2),
			.length = cpu_to_le32(sizeof(stream.parts.queue)),
		},
		.queue = {
			.size = cpu_to_le16(256),
			.vector = cpu_to_le16(3),
			.enabled = cpu_to_le16(1),
			.desc = cpu_to_le64(4),
			.driver = cpu_to_le64(5),
			.device = cpu_to_le64(6),
		},
	},
};
