/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_VMF_STREAM_H
#define SELFTESTS_VMF_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include <linux/types.h>
#include <linux/vmf.h>

/*
 * The container of a migration stream, written from its description alone:
 * what the tests believe of a stream does not come from the driver's code. Numbers
 * are those of the uAPI header.
 */
#define VMF_HEADER_LEN		32
#define VMF_SECTION_LEN		32
#define VMF_END_LEN		24
/* What the tests look at: streams that break the limit, too. */
#define VMF_WALK_MAX		(2 * VMF_SECTIONS_MAX)

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

/* Section types and flags, in short. */
#define VMF_DESCRIPTOR		VMF_TYPE_DESCRIPTOR
#define VMF_END			VMF_TYPE_END
#define VMF_POLICY		VMF_TYPE_POLICY
#define VMF_TEXT		VMF_TYPE_TEXT
#define VMF_FEATURE_NAMES	VMF_TYPE_FEATURE_NAMES
#define VMF_RX_QUEUE		VMF_IGBVF_82576_TYPE_RX_QUEUE
#define VMF_TX_QUEUE		VMF_IGBVF_82576_TYPE_TX_QUEUE
#define VMF_INTERRUPTS		VMF_IGBVF_82576_TYPE_INTERRUPTS
#define VMF_MAILBOX		VMF_IGBVF_82576_TYPE_MAILBOX
#define VMF_FILTERS		VMF_IGBVF_82576_TYPE_FILTERS
#define VMF_STATISTICS		VMF_IGBVF_82576_TYPE_STATISTICS
#define VMF_UNICAST		VMF_IGBVF_82576_TYPE_UNICAST

#define VMF_CRITICAL		VMF_FLAG_CRITICAL
#define VMF_VERIFY_ONLY		VMF_FLAG_VERIFY_ONLY
#define VMF_CONT		VMF_FLAG_CONT

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
