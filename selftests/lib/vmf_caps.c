// SPDX-License-Identifier: GPL-2.0-only
/*
 * Devices in the terms of the reader and writer in include/vmf. x86 is little-endian, as streams
 * are.
 */
#include <linux/kernel.h>
#include <linux/types.h>

#include "vmf_caps.h"

#define PART(_type, _struct, _count, _flags, _since, _feature) {			\
	.entry = {									\
		.type = VMF_IGBVF_82576_TYPE_##_type, .schema = 1, .min_reader = 1,	\
		.flags = (_flags), .count_max = (_count),				\
		.len_max = sizeof(struct vmf_igbvf_82576_##_struct),			\
	}, .since = (_since), .feature = (_feature),					\
	.len_min = sizeof(struct vmf_igbvf_82576_##_struct),				\
}

#define LIMIT(_id, _rule) {								\
	.id = VMF_IGBVF_82576_LIMIT_##_id, .rule = (_rule),				\
	.value = VMF_IGBVF_82576_LIMIT_##_id##_VALUE,					\
}

static const struct vmf_part igbvf_parts[] = {
	PART(RX_QUEUE, rx_queue, 2, VMF_FLAG_CRITICAL, 1, -1),
	PART(TX_QUEUE, tx_queue, 2, VMF_FLAG_CRITICAL, 1, -1),
	PART(INTERRUPTS, interrupts, 1, VMF_FLAG_CRITICAL, 1, -1),
	PART(MAILBOX, mailbox, 1, VMF_FLAG_CRITICAL, 1, -1),
	PART(FILTERS, filters, 1, VMF_FLAG_CRITICAL, 1, -1),
	PART(STATISTICS, statistics, 1, 0, 2, -1),
	PART(UNICAST, unicast, 1, VMF_FLAG_CRITICAL, 2, VMF_IGBVF_82576_FEATURE_UNICAST_FILTERS),
};

static const struct vmf_limit igbvf_limits[] = {
	LIMIT(RX_QUEUES, VMF_RULE_LE),
	LIMIT(TX_QUEUES, VMF_RULE_LE),
	LIMIT(MSIX_VECTORS, VMF_RULE_EQUAL),
};

static const char * const igbvf_limit_names[] = { "rx-queues", "tx-queues", "msix-vectors" };

struct vmf_caps caps_igbvf(u32 version)
{
	return (struct vmf_caps){
		.id = {
			.vendor = 0x8086, .device = 0x10ca,
			.subvendor = 0x1af4, .subdevice = 0x1100,
			.revision = 1, .class = { 0, 0, 2 }, .flags = VMF_PRESENTED_IS_VF,
		},
		.uuid = VMF_IGBVF_82576_UUID,
		.name = VMF_IGBVF_82576_NAME,
		.driver = "igbvf_vfio_pci",
		.version = version,
		.min_reader = VMF_IGBVF_82576_MIN_READER,
		.floor = VMF_IGBVF_82576_FLOOR,
		.features = { version > 1 ? 1ULL << VMF_IGBVF_82576_FEATURE_UNICAST_FILTERS : 0 },
		.limits = igbvf_limits,
		.limit_names = igbvf_limit_names,
		.nr_limits = ARRAY_SIZE(igbvf_limits),
		.parts = igbvf_parts,
		.nr_parts = ARRAY_SIZE(igbvf_parts),
		.stream_max = VMF_IGBVF_82576_STREAM_MAX,
	};
}

static const struct vmf_part sample_parts[] = {
	{ .entry = { .type = VMF_TYPE_FEATURE_NAMES, .schema = 1, .min_reader = 1,
		     .count_max = 1, .len_max = 64 },
	  .since = 1, .feature = -1, .len_min = 1 },
	VMF_ENVELOPE_PART(4096),
};

static const struct vmf_limit sample_limits[] = {
	{ .id = 1, .rule = VMF_RULE_LE, .value = 8 },
	{ .id = 2, .rule = VMF_RULE_SUPERSET, .value = 6 },
};

struct vmf_caps caps_sample(void)
{
	return (struct vmf_caps){
		.id = {
			.vendor = 0x1234, .device = 0x5678,
			.subvendor = 0x9abc, .subdevice = 0xdef0,
			.revision = 3, .class = { 1, 2, 3 }, .flags = VMF_PRESENTED_IS_VF,
		},
		.uuid = VMF_ENVELOPE_UUID,
		.name = VMF_ENVELOPE_NAME ".sample",
		.driver = "sample",
		.version = 3,
		.min_reader = 2,
		.floor = 2,
		.features = { 1 << 5, 1 << 6 },
		.limits = sample_limits,
		.nr_limits = ARRAY_SIZE(sample_limits),
		.parts = sample_parts,
		.nr_parts = ARRAY_SIZE(sample_parts),
		.stream_max = 8192,
	};
}
