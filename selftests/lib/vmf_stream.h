/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_VMF_STREAM_H
#define SELFTESTS_VMF_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <linux/types.h>

/*
 * The container of a migration stream, written from its description alone:
 * what the tests believe of a stream does not come from the driver's code.
 */
#define VMF_HEADER_LEN		32
#define VMF_SECTION_LEN		32
#define VMF_END_LEN		24
#define VMF_SECTIONS_MAX	64

/* Offsets in the file header. */
#define VMF_HDR_MAGIC		0
#define VMF_HDR_ENDIAN		8
#define VMF_HDR_MAJOR		12
#define VMF_HDR_MINOR		14
#define VMF_HDR_LEN		16
#define VMF_HDR_INCOMPAT	20
#define VMF_HDR_COMPAT		24
#define VMF_HDR_CRC		28

/* Offsets in a section header. */
#define VMF_SEC_TYPE		0
#define VMF_SEC_SCHEMA		4
#define VMF_SEC_FLAGS		6
#define VMF_SEC_INSTANCE	8
#define VMF_SEC_SEQ		12
#define VMF_SEC_LENGTH		16
#define VMF_SEC_PAYLOAD_CRC	24
#define VMF_SEC_HEADER_CRC	28

/* Offsets in the payload of END. */
#define VMF_END_COUNT		0
#define VMF_END_GENERATION	4
#define VMF_END_TOTAL		8
#define VMF_END_CRC		16

/* Section types: of the container, and of the profile vf.net.igbvf-82576. */
#define VMF_DESCRIPTOR		1u
#define VMF_END			2u
#define VMF_POLICY		3u
#define VMF_TEXT		4u
#define VMF_FEATURE_NAMES	5u
#define VMF_RX_QUEUE		0x10001u
#define VMF_TX_QUEUE		0x10002u
#define VMF_INTERRUPTS		0x10003u
#define VMF_MAILBOX		0x10004u
#define VMF_FILTERS		0x10005u

#define VMF_CRITICAL		0x1u
#define VMF_VERIFY_ONLY		0x2u
#define VMF_CONT		0x4u

struct vmf_section {
	u32 type;
	u16 schema;
	u16 flags;
	u32 instance;
	u32 seq;
	u64 len;		/* of the payload, without padding */
	size_t off;		/* of the section header in the stream */
	size_t payload;		/* of the payload in the stream */
};

/* CRC32C; start with a @crc of 0, or go on with the result so far. */
u32 vmf_crc32c(u32 crc, const void *p, size_t n);

/*
 * The sections of a stream, which may be cut off after any of them. CRCs are
 * not looked at. Returns their number, or -1 if lengths do not fit.
 */
int vmf_walk(const void *buf, size_t len, struct vmf_section *s, int max);

/* The section of @type and @instance, or NULL. */
const struct vmf_section *vmf_find(const struct vmf_section *s, int n, u32 type, u32 instance);

/* walk and find in one: whether there is such a section. */
bool vmf_lookup(const void *buf, size_t len, u32 type, u32 instance, struct vmf_section *s);

/* Bytes of file header and DESCRIPTORs; 0 if @buf does not begin with them. */
size_t vmf_initial_len(const void *buf, size_t len);

/* NULL if every rule of the container is kept, else which one is not. */
const char *vmf_check(const void *buf, size_t len);

/* After an edit: all CRCs anew, including the one in END. Sizes and numbers stay. */
void vmf_fixup(void *buf, size_t len);

const char *vmf_type_name(u32 type);

/* The stream in words, a line for each section, each after @prefix. */
void vmf_print(FILE *out, const char *prefix, const void *buf, size_t len);

u16 vmf_get16(const void *buf, size_t off);
u32 vmf_get32(const void *buf, size_t off);
u64 vmf_get64(const void *buf, size_t off);
void vmf_put16(void *buf, size_t off, u16 val);
void vmf_put32(void *buf, size_t off, u32 val);
void vmf_put64(void *buf, size_t off, u64 val);

#endif /* SELFTESTS_VMF_STREAM_H */
