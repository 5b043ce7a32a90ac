// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reader and editor of the container of a migration stream. Programs run on
 * x86 only, as the device does: little-endian, with the CRC32 instruction.
 */
#include <nmmintrin.h>
#include <string.h>

#include <linux/types.h>

#include "vmf_stream.h"

static const u8 magic[8] = { 0x89, 'V', 'M', 'F', '\r', '\n', 0x1a, '\n' };

__attribute__((target("sse4.2")))
u32 vmf_crc32c(u32 crc, const void *p, size_t n)
{
	const u8 *byte = p;
	u64 word;

	crc = ~crc;
	for (; n >= sizeof(word); n -= sizeof(word), byte += sizeof(word)) {
		memcpy(&word, byte, sizeof(word));
		crc = _mm_crc32_u64(crc, word);
	}
	while (n--)
		crc = _mm_crc32_u8(crc, *byte++);
	return ~crc;
}

u16 vmf_get16(const void *buf, size_t off)
{
	u16 val;

	memcpy(&val, buf + off, sizeof(val));
	return val;
}

u32 vmf_get32(const void *buf, size_t off)
{
	u32 val;

	memcpy(&val, buf + off, sizeof(val));
	return val;
}

u64 vmf_get64(const void *buf, size_t off)
{
	u64 val;

	memcpy(&val, buf + off, sizeof(val));
	return val;
}

void vmf_put16(void *buf, size_t off, u16 val)
{
	memcpy(buf + off, &val, sizeof(val));
}

void vmf_put32(void *buf, size_t off, u32 val)
{
	memcpy(buf + off, &val, sizeof(val));
}

void vmf_put64(void *buf, size_t off, u64 val)
{
	memcpy(buf + off, &val, sizeof(val));
}

static u64 padded(u64 len)
{
	return (len + 7) & ~7ULL;
}

int vmf_walk(const void *buf, size_t len, struct vmf_section *s, int max)
{
	size_t off;
	int n = 0;

	if (len < VMF_HEADER_LEN)
		return -1;
	off = vmf_get32(buf, VMF_HDR_LEN);
	if (off < VMF_HEADER_LEN || off > 256 || off % 8 || off > len)
		return -1;

	while (off < len) {
		if (len - off < VMF_SECTION_LEN || n == max)
			return -1;
		s[n].type = vmf_get32(buf, off + VMF_SEC_TYPE);
		s[n].schema = vmf_get16(buf, off + VMF_SEC_SCHEMA);
		s[n].flags = vmf_get16(buf, off + VMF_SEC_FLAGS);
		s[n].instance = vmf_get32(buf, off + VMF_SEC_INSTANCE);
		s[n].seq = vmf_get32(buf, off + VMF_SEC_SEQ);
		s[n].len = vmf_get64(buf, off + VMF_SEC_LENGTH);
		s[n].off = off;
		s[n].payload = off + VMF_SECTION_LEN;
		if (s[n].len > len || padded(s[n].len) > len - s[n].payload)
			return -1;
		off = s[n].payload + padded(s[n].len);
		n++;
	}
	return n;
}

const struct vmf_section *vmf_find(const struct vmf_section *s, int n, u32 type, u32 instance)
{
	int i;

	for (i = 0; i < n; i++) {
		if (s[i].type == type && s[i].instance == instance)
			return &s[i];
	}
	return NULL;
}

bool vmf_lookup(const void *buf, size_t len, u32 type, u32 instance, struct vmf_section *s)
{
	struct vmf_section all[VMF_WALK_MAX];
	const struct vmf_section *found;
	int n = vmf_walk(buf, len, all, VMF_WALK_MAX);

	found = n < 0 ? NULL : vmf_find(all, n, type, instance);
	if (found)
		*s = *found;
	return found;
}

size_t vmf_initial_len(const void *buf, size_t len)
{
	struct vmf_section s[VMF_WALK_MAX];
	size_t initial = 0;
	int i, n;

	n = vmf_walk(buf, len, s, VMF_WALK_MAX);
	for (i = 0; i < n && s[i].type == VMF_DESCRIPTOR; i++)
		initial = s[i].payload + padded(s[i].len);
	return initial;
}

static u32 header_crc(const void *buf)
{
	u32 len = vmf_get32(buf, VMF_HDR_LEN);
	u32 zero = 0, crc;

	crc = vmf_crc32c(0, buf, VMF_HDR_CRC);
	crc = vmf_crc32c(crc, &zero, sizeof(zero));
	return vmf_crc32c(crc, buf + VMF_HEADER_LEN, len - VMF_HEADER_LEN);
}

static u32 payload_crc(const void *buf, const struct vmf_section *s)
{
	return vmf_crc32c(0, buf + s->payload, padded(s->len));
}

static const char *check_section(const void *buf, const struct vmf_section *s, int i)
{
	u64 at;

	if (vmf_get32(buf, s->off + VMF_SEC_HEADER_CRC) !=
	    vmf_crc32c(0, buf + s->off, VMF_SEC_HEADER_CRC))
		return "CRC of a section header";
	if (vmf_get32(buf, s->off + VMF_SEC_PAYLOAD_CRC) != payload_crc(buf, s))
		return "CRC of a payload";
	if (s->seq != (u32)i)
		return "sequence number";
	if (s->flags & ~(VMF_CRITICAL | VMF_VERIFY_ONLY | VMF_CONT))
		return "section flags";
	for (at = s->len; at < padded(s->len); at++) {
		if (((const u8 *)buf)[s->payload + at])
			return "padding is not 0";
	}
	return NULL;
}

static const char *check_end(const void *buf, size_t len, const struct vmf_section *end,
			     u32 generation)
{
	const void *payload = buf + end->payload;

	if (end->len != VMF_END_LEN)
		return "length of END";
	if (vmf_get32(payload, VMF_END_COUNT) != end->seq + 1)
		return "section count in END";
	if (vmf_get32(payload, VMF_END_GENERATION) != generation)
		return "descriptor generation in END";
	if (vmf_get64(payload, VMF_END_TOTAL) != len)
		return "total length in END";
	if (vmf_get32(payload, VMF_END_CRC) != vmf_crc32c(0, buf, end->off))
		return "CRC in END";
	if (vmf_get32(payload, VMF_END_CRC + 4))
		return "reserved word of END";
	return NULL;
}

const char *vmf_check(const void *buf, size_t len)
{
	struct vmf_section s[VMF_WALK_MAX];
	const char *why;
	u32 generation;
	int i, n;

	n = vmf_walk(buf, len, s, VMF_WALK_MAX);
	if (n < 2)
		return "layout";
	if (memcmp(buf, magic, sizeof(magic)))
		return "magic";
	if (vmf_get32(buf, VMF_HDR_ENDIAN) != 0x01020304)
		return "endian tag";
	if (vmf_get32(buf, VMF_HDR_CRC) != header_crc(buf))
		return "CRC of the file header";
	if (vmf_get16(buf, VMF_HDR_MAJOR) != 1 || vmf_get32(buf, VMF_HDR_INCOMPAT))
		return "format version";

	for (i = 0; i < n; i++) {
		why = check_section(buf, &s[i], i);
		if (why)
			return why;
	}
	for (i = 0; s[i].type == VMF_DESCRIPTOR && i < n - 1; i++) {
		if (s[i].instance != (u32)i)
			return "descriptor generation";
	}
	if (!i)
		return "no DESCRIPTOR";
	generation = i - 1;
	for (i++; i < n - 1; i++) {
		if (s[i].type < s[i - 1].type ||
		    (s[i].type == s[i - 1].type && s[i].instance < s[i - 1].instance))
			return "order of sections";
		if (s[i].type == s[i - 1].type && s[i].instance == s[i - 1].instance &&
		    !(s[i - 1].flags & VMF_CONT))
			return "section twice";
	}
	if (s[n - 1].type != VMF_END)
		return "no END";
	return check_end(buf, len, &s[n - 1], generation);
}

void vmf_fixup(void *buf, size_t len)
{
	struct vmf_section s[VMF_WALK_MAX];
	int i, n;

	n = vmf_walk(buf, len, s, VMF_WALK_MAX);
	if (n < 0)
		return;
	vmf_put32(buf, VMF_HDR_CRC, header_crc(buf));
	for (i = 0; i < n; i++) {
		if (s[i].type == VMF_END && s[i].len == VMF_END_LEN)
			vmf_put32(buf, s[i].payload + VMF_END_CRC,
				  vmf_crc32c(0, buf, s[i].off));
		vmf_put32(buf, s[i].off + VMF_SEC_PAYLOAD_CRC, payload_crc(buf, &s[i]));
		vmf_put32(buf, s[i].off + VMF_SEC_HEADER_CRC,
			  vmf_crc32c(0, buf + s[i].off, VMF_SEC_HEADER_CRC));
	}
}

const char *vmf_type_name(u32 type)
{
	switch (type) {
	case VMF_DESCRIPTOR:
		return "DESCRIPTOR";
	case VMF_END:
		return "END";
	case VMF_POLICY:
		return "POLICY";
	case VMF_TEXT:
		return "TEXT";
	case VMF_FEATURE_NAMES:
		return "FEATURE_NAMES";
	case VMF_RX_QUEUE:
		return "rx-queue";
	case VMF_TX_QUEUE:
		return "tx-queue";
	case VMF_INTERRUPTS:
		return "interrupts";
	case VMF_MAILBOX:
		return "mailbox";
	case VMF_FILTERS:
		return "filters";
	case VMF_STATISTICS:
		return "statistics";
	case VMF_UNICAST:
		return "unicast";
	default:
		return "?";
	}
}

void vmf_print(FILE *out, const char *prefix, const void *buf, size_t len)
{
	struct vmf_section s[VMF_WALK_MAX];
	const char *why = vmf_check(buf, len);
	int i, n;

	n = vmf_walk(buf, len, s, VMF_WALK_MAX);
	if (n < 0) {
		fprintf(out, "%snot a VMF stream\n", prefix);
		return;
	}
	fprintf(out, "%sVMF %u.%u, %zu bytes, %d sections, %s%s\n", prefix,
		vmf_get16(buf, VMF_HDR_MAJOR), vmf_get16(buf, VMF_HDR_MINOR), len, n,
		why ? "wrong: " : "complete", why ? why : "");
	for (i = 0; i < n; i++)
		fprintf(out, "%s  %5zu  %2u  %-13s %u  schema %u%s  %4llu bytes\n", prefix,
			s[i].off, s[i].seq, vmf_type_name(s[i].type), s[i].instance,
			s[i].schema, s[i].flags & VMF_CRITICAL ? " critical" : "",
			(unsigned long long)s[i].len);
}
