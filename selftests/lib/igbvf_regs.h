/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_IGBVF_REGS_H
#define SELFTESTS_IGBVF_REGS_H

#include <stdbool.h>

#include <linux/bits.h>
#include <linux/types.h>

/* Register map of an 82576 VF, as drivers/net/ethernet/intel/igbvf uses it. */
#define VF_CTRL		0x0000
#define VF_CTRL_RST	BIT(26)
#define VF_STATUS	0x0008
#define VF_STATUS_LU	BIT(1)
#define VF_MBMEM(i)	(0x0800 + 4 * (i))
#define VF_MBMEM_WORDS	16
#define VF_MAILBOX	0x0c40
#define VF_MBX_REQ	BIT(0)
#define VF_MBX_ACK	BIT(1)
#define VF_MBX_VFU	BIT(2)
#define VF_MBX_PFU	BIT(3)
#define VF_MBX_PFSTS	BIT(4)
#define VF_MBX_PFACK	BIT(5)
#define VF_MBX_RSTI	BIT(6)
#define VF_MBX_RSTD	BIT(7)

/* Counters, in the order of the section "statistics"; they wrap and cannot be set. */
#define VF_GPRC		0x0f10
#define VF_GPTC		0x0f14
#define VF_GORC		0x0f18
#define VF_GOTC		0x0f34
#define VF_MPRC		0x0f3c
#define VF_GPRLBC	0x0f40
#define VF_GPTLBC	0x0f44
#define VF_GORLBC	0x0f48
#define VF_GOTLBC	0x0f50
#define VF_COUNTERS	9

#define VF_EICS		0x1520
#define VF_EIMS		0x1524
#define VF_EIMC		0x1528
#define VF_EIAC		0x152c
#define VF_EIAM		0x1530
#define VF_EICR		0x1580
#define VF_EITR(k)	(0x1680 + 4 * (k))
#define VF_IVAR0	0x1700
#define VF_IVAR_MISC	0x1740
#define VF_IVAR_VALID	0x80u
#define VF_EIMASK	0x7u

#define VF_RX(n, off)	(0x2800 + 0x100 * (n) + (off))
#define VF_RDBAL(n)	VF_RX(n, 0x00)
#define VF_RDBAH(n)	VF_RX(n, 0x04)
#define VF_RDLEN(n)	VF_RX(n, 0x08)
#define VF_SRRCTL(n)	VF_RX(n, 0x0c)
#define VF_RDH(n)	VF_RX(n, 0x10)
#define VF_RDT(n)	VF_RX(n, 0x18)
#define VF_RXDCTL(n)	VF_RX(n, 0x28)

#define VF_TX(n, off)	(0x3800 + 0x100 * (n) + (off))
#define VF_TDBAL(n)	VF_TX(n, 0x00)
#define VF_TDBAH(n)	VF_TX(n, 0x04)
#define VF_TDLEN(n)	VF_TX(n, 0x08)
#define VF_TDH(n)	VF_TX(n, 0x10)
#define VF_TXCTL(n)	VF_TX(n, 0x14)
#define VF_TDT(n)	VF_TX(n, 0x18)
#define VF_TXDCTL(n)	VF_TX(n, 0x28)
#define VF_TDWBAL(n)	VF_TX(n, 0x38)
#define VF_TDWBAH(n)	VF_TX(n, 0x3c)

#define VF_QUEUES	2
#define VF_QUEUE_ENABLE	BIT(25)
#define VF_RXDCTL_RESET	0x00010000u

#define VF_SRRCTL_ADV_ONEBUF	0x02000000u
#define VF_SRRCTL_BSIZE_2K	2u
/* As igbvf has it for large frames: the first bytes go to a buffer of their own. */
#define VF_SRRCTL_SPLIT_ALWAYS	0x0a000000u
#define VF_SRRCTL_BSIZEHDR(n)	((n) << 2)

/* Mailbox messages. */
#define VF_MSG_RESET		0x01u
#define VF_MSG_SET_MAC		0x02u
#define VF_MSG_MAC_FILTER_CLR	0x010002u
#define VF_MSG_MAC_FILTER_ADD	0x020002u
#define VF_MSG_SET_MULTICAST	0x03u
#define VF_MSG_SET_VLAN		0x04u
#define VF_MSG_SET_LPE		0x05u
#define VF_MSG_SET_PROMISC	0x06u
#define VF_MSG_INFO_SHIFT	16
#define VF_MSG_PROMISC_MULTI	0x02u
#define VF_MSG_ACK		0x80000000u
#define VF_MSG_NACK		0x40000000u
#define VF_MSG_CTS		0x20000000u

/* Advanced transmit descriptor. */
struct vf_tx_desc {
	__le64 addr;
	__le32 cmd_type_len;
	__le32 olinfo_status;
};

#define VF_TXD_CONTEXT	0x00200000u
#define VF_TXD_DATA	0x00300000u
#define VF_TXD_EOP	0x01000000u
#define VF_TXD_IFCS	0x02000000u
#define VF_TXD_RS	0x08000000u
#define VF_TXD_DEXT	0x20000000u
#define VF_TXD_VLE	0x40000000u
#define VF_TXD_TSE	0x80000000u
#define VF_TXD_DD	0x00000001u
#define VF_TXD_INDEX	4
#define VF_TXD_IXSM	0x00000100u
#define VF_TXD_TXSM	0x00000200u
#define VF_TXD_PAYLEN	14

/* Advanced transmit context descriptor: what data descriptors refer to, by index. */
struct vf_tx_context_desc {
	__le32 vlan_macip_lens;
	__le32 seqnum_seed;
	__le32 type_tucmd_mlhl;
	__le32 mss_l4len_idx;
};

#define VF_TXC_MACLEN	9
#define VF_TXC_TAG	16
#define VF_TXC_IPV4	0x00000400u
#define VF_TXC_TCP	0x00000800u
#define VF_TXC_SCTP	0x00001000u
#define VF_TXC_L4LEN	8
#define VF_TXC_MSS	16

/* Advanced receive descriptor: as posted, and as written back. */
union vf_rx_desc {
	struct {
		__le64 pkt_addr;
		__le64 hdr_addr;
	} read;
	struct {
		__le32 info;
		__le32 rss;
		__le32 status_error;
		__le16 length;
		__le16 vlan;
	} wb;
};

#define VF_RXD_DD	0x01u
#define VF_RXD_EOP	0x02u
#define VF_RXD_VP	0x08u
/* In wb.info: how much is in the buffer for headers. */
#define VF_RXD_HDR_LEN(i)	((i) >> 21 & 0x3ff)

/* A register that a guest can write and read back. */
struct vf_reg {
	const char *name;
	u32 offset;
	u32 mask;	/* the bits that hold what is written, without those that act */
};

#define VF_REGS_MAX	64

extern const struct vf_reg vf_regs[];
extern const unsigned int vf_regs_count;

extern const u32 vf_counters[VF_COUNTERS];

struct vf;

/* What the guest reads in its counters. */
void vf_counters_read(struct vf *vf, u32 *values);

/* All of vf_regs[]; the mailbox control register, which has side effects, is not. */
void vf_regs_read(struct vf *vf, u32 *values);

/* Write @values, each within its mask; what is masked by EIMS is replaced, not added. */
void vf_regs_write(struct vf *vf, const u32 *values);

/* One pattern for all registers, or one that differs from register to register. */
void vf_regs_fill(u32 *values, u32 pattern);
void vf_regs_scatter(u32 *values, u32 seed);

/*
 * What a guest with @values finds on @vf when it has begun to run: a device that masks by
 * itself has sent all messages, and masked their vectors. False if it does not.
 */
bool vf_regs_masked(struct vf *vf, u32 *values);

/*
 * The same if it has arrived with @loaded: a device that does not mask enables the vectors
 * that the one of the source may have masked like that.
 */
void vf_regs_start(struct vf *vf, u32 *values, const u32 *loaded);

/* Every bit that can be is another one. */
void vf_regs_invert(u32 *values);

/* The first register that differs, or NULL. */
const struct vf_reg *vf_regs_differ(const u32 *a, const u32 *b);

#endif /* SELFTESTS_IGBVF_REGS_H */
