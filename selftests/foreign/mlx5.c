// SPDX-License-Identifier: GPL-2.0-only
/* What mlx5_vfio_pci sends: the size that is to come, an image, and what has a new tag. */

#include "drivers/vfio/pci/mlx5/cmd.h"

static const struct {
	struct mlx5_vf_migration_header size_header;
	struct mlx5_vf_migration_tag_stop_copy_data size;
	struct mlx5_vf_migration_header image_header;
	u8 image[5];
	struct mlx5_vf_migration_header new_header;
	u8 new[3];
} __packed stream __used __section(".stream") = {
	.size_header = {
		.record_size = cpu_to_le64(sizeof(stream.size)),
		.flags = cpu_to_le32(MLX5_MIGF_HEADER_FLAGS_TAG_OPTIONAL),
		.tag = cpu_to_le32(MLX5_MIGF_HEADER_TAG_STOP_COPY_SIZE),
	},
	.size.stop_copy_size = cpu_to_le64(0x3000),
	.image_header = {
		.record_size = cpu_to_le64(sizeof(stream.image)),
		.flags = cpu_to_le32(MLX5_MIGF_HEADER_FLAGS_TAG_MANDATORY),
		.tag = cpu_to_le32(MLX5_MIGF_HEADER_TAG_FW_DATA),
	},
	.image = "image",
	.new_header = {
		.record_size = cpu_to_le64(sizeof(stream.new)),
		.flags = cpu_to_le32(MLX5_MIGF_HEADER_FLAGS_TAG_OPTIONAL),
		.tag = cpu_to_le32(9),
	},
	.new = "new",
};
