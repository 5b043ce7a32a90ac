// SPDX-License-Identifier: GPL-2.0-only
/*
 * Ways in which a stream can be wrong for this device, and some in which it may
 * be different. CRCs are made right.
 */
#include <errno.h>
#include <string.h>

#include <linux/kernel.h>
#include <linux/types.h>

#include "igbvf_user.h"
#include "refusals.h"
#include "vmf_descriptor.h"

#define LIMIT(_i)	(VMF_LIMIT_LEN * (_i))
#define ENTRY(_i)	(VMF_ENTRY_LEN * (_i))

static void edit_version(struct mig_buf *s)
{
	vmf_put32(s->data, edit_attribute(s, VMF_KEY_PROFILE_VERSION), 3);
	vmf_put32(s->data, edit_attribute(s, VMF_KEY_PROFILE_VERSION) + 4, 3);
	edit_fixup(s);
}

static void add_attribute(struct mig_buf *s, u16 key, u16 flags)
{
	struct vmf_section d = edit_section(s, VMF_DESCRIPTOR, 0);
	size_t at = edit_attribute(s, VMF_KEY_PROVIDER_DRIVER) - VMF_ATTRIBUTE_LEN;

	edit_insert(s, at, VMF_ATTRIBUTE_LEN);
	vmf_put16(s->data, at, key);
	vmf_put16(s->data, at + 2, flags);
	vmf_put64(s->data, d.off + VMF_SEC_LENGTH, d.len + VMF_ATTRIBUTE_LEN);
	edit_fixup(s);
}

static void edit_must_attribute(struct mig_buf *s)
{
	add_attribute(s, 63, VMF_ATTR_MUST);
}

static void edit_other_attribute(struct mig_buf *s)
{
	add_attribute(s, 63, 0);
}

/* Another word of features, of which nobody knows anything. */
static void edit_second_feature_word(struct mig_buf *s)
{
	struct vmf_section d = edit_section(s, VMF_DESCRIPTOR, 0);
	size_t at = edit_attribute(s, VMF_KEY_FEATURES_REQUIRED);

	edit_insert(s, at + 8, 16);
	vmf_put64(s->data, at + 16, 1);
	vmf_put32(s->data, at - 4, 24);
	vmf_put64(s->data, d.off + VMF_SEC_LENGTH, d.len + 16);
	edit_fixup(s);
}

/* The manifest has one more section, which is CRITICAL. */
static void edit_unknown_critical(struct mig_buf *s)
{
	edit_add_optional(s, 1, 8, 0);
	vmf_put16(s->data, edit_attribute(s, VMF_KEY_MANIFEST) + ENTRY(6) + 8, VMF_CRITICAL);
	edit_fixup(s);
}

/* And this is what it has to say. */
static void edit_optional_section(struct mig_buf *s)
{
	edit_add_optional(s, 3, 32768, 1);
}

static void edit_most_sections(struct mig_buf *s)
{
	edit_add_optional(s, 1000000, 8, VMF_SECTIONS_MAX - 10);
}

static void edit_no_statistics(struct mig_buf *s)
{
	struct vmf_section f = edit_section(s, VMF_STATISTICS, 0);

	edit_cut(s, f.off, VMF_SECTION_LEN + f.len);
	edit_renumber(s);
}

static void edit_statistics_0(struct mig_buf *s)
{
	struct vmf_section f = edit_section(s, VMF_STATISTICS, 0);

	memset(s->data + f.payload, 0, f.len);
	edit_fixup(s);
}

/* More VLANs than a device has room for. */
static void edit_vlans(struct mig_buf *s)
{
	memset(s->data + edit_section(s, VMF_FILTERS, 0).payload + 81, 0xff, 4);
	edit_fixup(s);
}

/* EXDEV: of another device. */
static const struct stream_edit other_device[] = {
	{ "vendor", EXDEV, ATTRIBUTE, VMF_KEY_PRESENTED, 0, 16, 0, 0x8087 },
	{ "device", EXDEV, ATTRIBUTE, VMF_KEY_PRESENTED, 0, 16, 2, 0x1520 },
	{ "subvendor", EXDEV, ATTRIBUTE, VMF_KEY_PRESENTED, 0, 16, 4, 0x1234 },
	{ "subdevice", EXDEV, ATTRIBUTE, VMF_KEY_PRESENTED, 0, 16, 6, 0x1234 },
	{ "revision", EXDEV, ATTRIBUTE, VMF_KEY_PRESENTED, 0, 8, 8, 2 },
	{ "class", EXDEV, ATTRIBUTE, VMF_KEY_PRESENTED, 0, 8, 11, 1 },
	{ "not_a_vf", EXDEV, ATTRIBUTE, VMF_KEY_PRESENTED, 0, 8, 12, 0 },
	{ "profile_uuid", EXDEV, ATTRIBUTE, VMF_KEY_PROFILE_UUID, 0, 8, 15, 0 },
	{ "profile_name", EXDEV, ATTRIBUTE, VMF_KEY_PROFILE_NAME, 0, 8, 0, 'w' },
};

const struct stream_edits edits_other_device = { other_device, ARRAY_SIZE(other_device) };

/* EOPNOTSUPP: of this device, and too new. */
static const struct stream_edit too_new[] = {
	{ "version", EOPNOTSUPP, EDIT, .edit = edit_version },
	{ "unknown_attribute", EOPNOTSUPP, EDIT, .edit = edit_must_attribute },
	{ "second_feature_word", EOPNOTSUPP, EDIT, .edit = edit_second_feature_word },
	{ "required_feature", EOPNOTSUPP, ATTRIBUTE, VMF_KEY_FEATURES_REQUIRED, 0, 64, 0,
	  1ULL << 40 },
	{ "unknown_critical_section", EOPNOTSUPP, EDIT, .edit = edit_unknown_critical },
	{ "section_schema", EOPNOTSUPP, ATTRIBUTE, VMF_KEY_MANIFEST, 0, 32, ENTRY(4) + 4,
	  0x00020002 },
	{ "unknown_limit", EOPNOTSUPP, ATTRIBUTE, VMF_KEY_LIMITS, 0, 16, LIMIT(2), 99 },
	{ "descriptor_schema", EOPNOTSUPP, HEADER, VMF_DESCRIPTOR, 0, 16, VMF_SEC_SCHEMA, 2 },
};

const struct stream_edits edits_too_new = { too_new, ARRAY_SIZE(too_new) };

/* EDOM: more than the device has. */
static const struct stream_edit over_limits[] = {
	{ "rx_queues", EDOM, ATTRIBUTE, VMF_KEY_LIMITS, 0, 64, LIMIT(0) + 8, 3 },
	{ "tx_queues", EDOM, ATTRIBUTE, VMF_KEY_LIMITS, 0, 64, LIMIT(1) + 8, 3 },
	{ "fewer_vectors", EDOM, ATTRIBUTE, VMF_KEY_LIMITS, 0, 64, LIMIT(2) + 8, 2 },
	{ "limit_rule", EDOM, ATTRIBUTE, VMF_KEY_LIMITS, 0, 8, LIMIT(0) + 2, 6 },
	{ "section_instances", EDOM, ATTRIBUTE, VMF_KEY_MANIFEST, 0, 32, ENTRY(0) + 12, 3 },
};

const struct stream_edits edits_over_limits = { over_limits, ARRAY_SIZE(over_limits) };

/* ERANGE: a value that the device cannot have. */
static const struct stream_edit out_of_range[] = {
	{ "rdba", ERANGE, PAYLOAD, VMF_RX_QUEUE, 0, 8, 0, 0x10 },
	{ "rdlen_unit", ERANGE, PAYLOAD, VMF_RX_QUEUE, 0, 32, 8, 4096 + 8 },
	{ "rdlen_large", ERANGE, PAYLOAD, VMF_RX_QUEUE, 0, 32, 8, 0x100000 },
	{ "rdlen_0_enabled", ERANGE, PAYLOAD, VMF_RX_QUEUE, 0, 32, 8, 0 },
	{ "rdh", ERANGE, PAYLOAD, VMF_RX_QUEUE, 0, 32, 16, NIC_RX_RING },
	{ "rdt", ERANGE, PAYLOAD, VMF_RX_QUEUE, 0, 32, 20, NIC_RX_RING },
	{ "rxdctl_flush", ERANGE, PAYLOAD, VMF_RX_QUEUE, 0, 32, 24, VF_QUEUE_ENABLE | BIT(26) },
	{ "psrtype_of_queue_1", ERANGE, PAYLOAD, VMF_RX_QUEUE, 1, 32, 32, 1 },
	{ "tdba", ERANGE, PAYLOAD, VMF_TX_QUEUE, 1, 8, 0, 0x10 },
	{ "tdlen_unit", ERANGE, PAYLOAD, VMF_TX_QUEUE, 1, 32, 16, 8 },
	{ "tdlen_0_enabled", ERANGE, PAYLOAD, VMF_TX_QUEUE, 1, 32, 16, 0 },
	{ "tdh", ERANGE, PAYLOAD, VMF_TX_QUEUE, 1, 32, 20, NIC_TX_RING },
	{ "tdt", ERANGE, PAYLOAD, VMF_TX_QUEUE, 1, 32, 24, 0x10000 },
	{ "eims", ERANGE, PAYLOAD, VMF_INTERRUPTS, 0, 32, 0, 8 },
	{ "eiac", ERANGE, PAYLOAD, VMF_INTERRUPTS, 0, 32, 4, 8 },
	{ "eiam", ERANGE, PAYLOAD, VMF_INTERRUPTS, 0, 32, 8, 8 },
	{ "eitr", ERANGE, PAYLOAD, VMF_INTERRUPTS, 0, 32, 20, 0x10000 },
	{ "ivar", ERANGE, PAYLOAD, VMF_INTERRUPTS, 0, 32, 24, 0x04 },
	{ "ivar_misc", ERANGE, PAYLOAD, VMF_INTERRUPTS, 0, 32, 28, 0x40 },
	{ "mailbox_r2c", ERANGE, PAYLOAD, VMF_MAILBOX, 0, 8, 128, VF_MBX_VFU },
	{ "request_without_flag", ERANGE, PAYLOAD, VMF_MAILBOX, 0, 32, 64, VF_MSG_RESET },
	{ "mac_multicast", ERANGE, PAYLOAD, VMF_FILTERS, 0, 8, 4, 0x03 },
	{ "mac_without_flag", ERANGE, PAYLOAD, VMF_FILTERS, 0, 32, 0, 0 },
	{ "max_frame", ERANGE, PAYLOAD, VMF_FILTERS, 0, 32, 12, 0x2601 },
	{ "max_frame_without_flag", ERANGE, PAYLOAD, VMF_FILTERS, 0, 32, 12, 1522 },
	{ "multicast_count", ERANGE, PAYLOAD, VMF_FILTERS, 0, 16, 10, 256 },
	{ "multicast_hash", ERANGE, PAYLOAD, VMF_FILTERS, 0, 64, 10, 0x1000000000000001ull },
	{ "multicast_over_count", ERANGE, PAYLOAD, VMF_FILTERS, 0, 16, 16, 1 },
	{ "vlan_0", ERANGE, PAYLOAD, VMF_FILTERS, 0, 8, 80, 1 },
	{ "vlans", ERANGE, EDIT, .edit = edit_vlans },
	{ "statistics_0", ERANGE, EDIT, .edit = edit_statistics_0 },
};

const struct stream_edits edits_out_of_range = { out_of_range, ARRAY_SIZE(out_of_range) };

/* Not wrong: what a reader does not know and need not, or has more of. */
static const struct stream_edit harmless[] = {
	{ "minor", 0, FILE_HEADER, 0, 0, 16, VMF_HDR_MINOR, 7 },
	{ "compat", 0, FILE_HEADER, 0, 0, 32, VMF_HDR_COMPAT, 0x80000001 },
	{ "other_attribute", 0, EDIT, .edit = edit_other_attribute },
	{ "optional_section", 0, EDIT, .edit = edit_optional_section },
	{ "most_sections", 0, EDIT, .edit = edit_most_sections },
	{ "no_provider", 0, EDIT, .edit = edit_anonymous },
	{ "no_statistics", 0, EDIT, .edit = edit_no_statistics },
	{ "fewer_rx_queues", 0, ATTRIBUTE, VMF_KEY_LIMITS, 0, 64, LIMIT(0) + 8, 1 },
	{ "smaller_stream_max", 0, ATTRIBUTE, VMF_KEY_STREAM_MAX, 0, 64, 0, 4096 },
};

const struct stream_edits edits_harmless = { harmless, ARRAY_SIZE(harmless) };
