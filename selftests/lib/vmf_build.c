// SPDX-License-Identifier: GPL-2.0-only
/*
 * A second writer of the VFIO Migration Format.
 */
#include <endian.h>
#include <string.h>

#include <linux/kernel.h>
#include <linux/types.h>

#include <libvfio/assert.h>

#include "vmf_build.h"
#include "vmf_stream.h"

static void append(struct vmf_build *b, const void *data, size_t len)
{
	size_t padded = (len + VMF_ALIGN - 1) & ~(size_t)(VMF_ALIGN - 1);

	VFIO_ASSERT_LE(b->len + padded, sizeof(b->buf));
	memset(b->buf + b->len, 0, padded);
	memcpy(b->buf + b->len, data, len);
	b->len += padded;
}

static void file_header(struct vmf_build *b)
{
	struct vmf_file_header h = {
		.endian_tag = htole32(VMF_ENDIAN_TAG),
		.major = htole16(VMF_MAJOR),
		.minor = htole16(VMF_MINOR),
		.header_len = htole32(sizeof(h)),
	};

	memcpy(h.magic, VMF_MAGIC, sizeof(h.magic));
	h.crc = htole32(vmf_crc32c(0, &h, sizeof(h)));
	append(b, &h, sizeof(h));
}

static void section(struct vmf_build *b, u32 type, u16 flags, u32 instance, const void *payload,
		    size_t len)
{
	struct vmf_section_header h = {
		.type = htole32(type),
		.schema = htole16(1),
		.flags = htole16(flags),
		.instance = htole32(instance),
		.seq = htole32(b->seq++),
		.length = htole64(len),
	};
	size_t at = b->len;

	append(b, &h, sizeof(h));
	append(b, payload, len);
	h.payload_crc = htole32(vmf_crc32c(0, b->buf + at + sizeof(h), b->len - at - sizeof(h)));
	h.header_crc = htole32(vmf_crc32c(0, &h, offsetof(struct vmf_section_header, header_crc)));
	memcpy(b->buf + at, &h, sizeof(h));
}

static void attribute(struct vmf_build *d, u16 key, u16 flags, const void *value, size_t len)
{
	struct vmf_attribute_header h = {
		.key = htole16(key),
		.flags = htole16(flags),
		.len = htole32(len),
	};

	append(d, &h, sizeof(h));
	append(d, value, len);
}

static const struct {
	u32 type, since, count, len;
	u16 flags;
} sections[] = {
	{ VMF_IGBVF_82576_TYPE_RX_QUEUE, 1, 2, sizeof(struct vmf_igbvf_82576_rx_queue),
	  VMF_FLAG_CRITICAL },
	{ VMF_IGBVF_82576_TYPE_TX_QUEUE, 1, 2, sizeof(struct vmf_igbvf_82576_tx_queue),
	  VMF_FLAG_CRITICAL },
	{ VMF_IGBVF_82576_TYPE_INTERRUPTS, 1, 1, sizeof(struct vmf_igbvf_82576_interrupts),
	  VMF_FLAG_CRITICAL },
	{ VMF_IGBVF_82576_TYPE_MAILBOX, 1, 1, sizeof(struct vmf_igbvf_82576_mailbox),
	  VMF_FLAG_CRITICAL },
	{ VMF_IGBVF_82576_TYPE_FILTERS, 1, 1, sizeof(struct vmf_igbvf_82576_filters),
	  VMF_FLAG_CRITICAL },
	{ VMF_IGBVF_82576_TYPE_STATISTICS, 2, 1, sizeof(struct vmf_igbvf_82576_statistics), 0 },
};

static void descriptor(struct vmf_build *b, u32 version, const struct vmf_build_device *device)
{
	struct vmf_version versions = {
		.version = htole32(version),
		.min_reader = htole32(VMF_IGBVF_82576_MIN_READER),
	};
	struct vmf_limit limits[] = {
		{ .id = htole16(VMF_IGBVF_82576_LIMIT_RX_QUEUES), .rule = VMF_RULE_LE,
		  .value = htole64(VMF_IGBVF_82576_LIMIT_RX_QUEUES_VALUE) },
		{ .id = htole16(VMF_IGBVF_82576_LIMIT_TX_QUEUES), .rule = VMF_RULE_LE,
		  .value = htole64(VMF_IGBVF_82576_LIMIT_TX_QUEUES_VALUE) },
		{ .id = htole16(VMF_IGBVF_82576_LIMIT_MSIX_VECTORS), .rule = VMF_RULE_EQUAL,
		  .value = htole64(VMF_IGBVF_82576_LIMIT_MSIX_VECTORS_VALUE) },
	};
	struct vmf_manifest_entry manifest[ARRAY_SIZE(sections)] = {};
	u64 features = 0, stream_max = htole64(VMF_IGBVF_82576_STREAM_MAX);
	struct vmf_build d = {};
	unsigned int i, n = 0;

	for (i = 0; i < ARRAY_SIZE(sections); i++) {
		if (sections[i].since > version)
			continue;
		manifest[n++] = (struct vmf_manifest_entry){
			.type = htole32(sections[i].type),
			.schema = htole16(1),
			.min_reader = htole16(1),
			.flags = htole16(sections[i].flags),
			.count_max = htole32(sections[i].count),
			.len_max = htole32(sections[i].len),
		};
	}
	attribute(&d, VMF_KEY_PRESENTED, VMF_ATTR_MUST, &device->presented,
		  sizeof(device->presented));
	attribute(&d, VMF_KEY_PROFILE_UUID, VMF_ATTR_MUST, VMF_IGBVF_82576_UUID, 16);
	attribute(&d, VMF_KEY_PROFILE_NAME, VMF_ATTR_MUST, VMF_IGBVF_82576_NAME,
		  strlen(VMF_IGBVF_82576_NAME));
	attribute(&d, VMF_KEY_PROFILE_VERSION, VMF_ATTR_MUST, &versions, sizeof(versions));
	attribute(&d, VMF_KEY_FEATURES_REQUIRED, VMF_ATTR_MUST, &features, sizeof(features));
	attribute(&d, VMF_KEY_LIMITS, VMF_ATTR_MUST, limits, sizeof(limits));
	attribute(&d, VMF_KEY_MANIFEST, VMF_ATTR_MUST, manifest, n * sizeof(manifest[0]));
	attribute(&d, VMF_KEY_STREAM_MAX, VMF_ATTR_MUST, &stream_max, sizeof(stream_max));
	if (device->config_words)
		attribute(&d, VMF_KEY_PRESENTED_CONFIG, 0, device->config,
			  device->config_words * sizeof(device->config[0]));
	if (device->provider)
		attribute(&d, VMF_KEY_PROVIDER_DRIVER, 0, device->provider,
			  strlen(device->provider));
	section(b, VMF_TYPE_DESCRIPTOR, VMF_FLAG_CRITICAL, 0, d.buf, d.len);
}

static void end(struct vmf_build *b)
{
	struct vmf_end e = {
		.sections = htole32(b->seq + 1),
		.total = htole64(b->len + sizeof(struct vmf_section_header) + sizeof(e)),
		.stream_crc = htole32(vmf_crc32c(0, b->buf, b->len)),
	};

	section(b, VMF_TYPE_END, VMF_FLAG_CRITICAL, 0, &e, sizeof(e));
}

void vmf_build_stream(struct vmf_build *b, u32 version, const struct vmf_build_device *device,
		      const struct vmf_build_state *s)
{
	const u16 must = VMF_FLAG_CRITICAL;
	u32 i;

	memset(b, 0, sizeof(*b));
	file_header(b);
	descriptor(b, version, device);
	for (i = 0; i < 2; i++)
		section(b, VMF_IGBVF_82576_TYPE_RX_QUEUE, must, i, &s->rx[i], sizeof(s->rx[i]));
	for (i = 0; i < 2; i++)
		section(b, VMF_IGBVF_82576_TYPE_TX_QUEUE, must, i, &s->tx[i], sizeof(s->tx[i]));
	section(b, VMF_IGBVF_82576_TYPE_INTERRUPTS, must, 0, &s->interrupts,
		sizeof(s->interrupts));
	section(b, VMF_IGBVF_82576_TYPE_MAILBOX, must, 0, &s->mailbox, sizeof(s->mailbox));
	section(b, VMF_IGBVF_82576_TYPE_FILTERS, must, 0, &s->filters, sizeof(s->filters));
	if (version >= 2)
		section(b, VMF_IGBVF_82576_TYPE_STATISTICS, 0, 0, &s->statistics,
			sizeof(s->statistics));
	end(b);
}

void vmf_build_state_fill(struct vmf_build_state *s)
{
	unsigned int i;

	memset(s, 0, sizeof(*s));
	for (i = 0; i < 2; i++) {
		s->rx[i] = (struct vmf_igbvf_82576_rx_queue){
			.rdba = htole64(0x123456780ull + 0x1000 * i),
			.rdlen = htole32(0x1000 + 0x80 * i),
			.srrctl = htole32(0x02000002 + i),
			.rdh = htole32(11 + i),
			.rdt = htole32(21 + i),
			.rxdctl = htole32(0x00010808 + i),
			.rxctl = htole32(0x300 + i),
			.psrtype = htole32(i ? 0 : 0x12),
		};
		s->tx[i] = (struct vmf_igbvf_82576_tx_queue){
			.tdba = htole64(0x223456780ull + 0x1000 * i),
			.tdwba = htole64(0x323456780ull + 0x1000 * i),
			.tdlen = htole32(0x2000 + 0x80 * i),
			.tdh = htole32(31 + i),
			.tdt = htole32(41 + i),
			.txdctl = htole32(0x00010108 + i),
			.txctl = htole32(0x2a00 + i),
		};
	}
	s->interrupts = (struct vmf_igbvf_82576_interrupts){
		.eims = htole32(5),
		.eiac = htole32(3),
		.eiam = htole32(6),
		.eitr = { htole32(0x1e8), htole32(0x7ffc), htole32(0x10) },
		.ivar = htole32(0x00008180),
		.ivar_misc = htole32(0x82),
	};
	for (i = 0; i < 16; i++)
		s->mailbox.vmbmem[i] = htole32(0x01010101 * (i + 1));
	s->mailbox.r2c = 0x20;
	s->filters.flags = htole32(VMF_IGBVF_82576_FILTERS_MAX_FRAME_VALID);
	s->filters.max_frame = htole32(1522);
	s->statistics = (struct vmf_igbvf_82576_statistics){
		.gprc = htole32(1), .gptc = htole32(0xffffffff), .gorc = htole32(3),
		.gotc = htole32(4), .mprc = htole32(5), .gprlbc = htole32(6),
		.gptlbc = htole32(7), .gorlbc = htole32(8), .gotlbc = htole32(9),
	};
}
