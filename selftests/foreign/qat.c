// SPDX-License-Identifier: GPL-2.0-only
/*
 * What qat_vfio_pci sends: sections with what they have in them. Their header and that of a
 * rate limit are defined where they are used.
 */

#include "drivers/crypto/intel/qat/qat_common/adf_mstate_mgr.c"
#include "drivers/crypto/intel/qat/qat_common/adf_gen4_vf_mig.c"

/* A section of one value; its header, and then the value. */
#define SECTION(type, name) \
	struct { struct adf_mstate_sect_h head; type value; } __packed name

/* The header of the section NAME that is a member of stream.parts. */
#define HEAD(_id, name, _sub_sects) { \
	.id = _id, \
	.size = sizeof(stream.parts.name) - sizeof(struct adf_mstate_sect_h), \
	.sub_sects = _sub_sects, \
}

/* A section of one value. */
#define VALUE(_id, name, ...) { .head = HEAD(_id, name, 0), .value = __VA_ARGS__ }

/* The header of a block that is a member of stream.parts. */
#define PREAMBLE(name, _n_sects) { \
	.magic = ADF_MSTATE_MAGIC, \
	.version = ADF_MSTATE_VERSION, \
	.preh_len = sizeof(struct adf_mstate_preh), \
	.n_sects = _n_sects, \
	.size = sizeof(stream.parts.name) - sizeof(struct adf_mstate_preh), \
}

struct bank {
	struct adf_mstate_sect_h head;

	SECTION(struct adf_bank_state, mregs);
} __packed;

/* The buffer of the driver. */
static const union {
	struct {
		struct {
			struct adf_mstate_preh preamble;
			struct {
				struct adf_mstate_sect_h head;

				SECTION(u32, gencap);
				SECTION(u16, svcmap);
				SECTION(u32, extdc);
			} __packed config;
		} __packed setup;
		struct {
			struct adf_mstate_preh preamble;
			struct {
				struct adf_mstate_sect_h head;

				SECTION(u8, init);
				SECTION(u8, compat);
				SECTION(struct mig_user_sla, sla);
			} __packed general;
			struct {
				struct adf_mstate_sect_h head;

				SECTION(u32, source);
				SECTION(u32, mask);
				SECTION(u32, pf2vm_source);
				SECTION(u32, pf2vm_mask);
				SECTION(u32, pf2vm);
				SECTION(u32, vm2pf);
			} __packed misc;
			struct {
				struct adf_mstate_sect_h head;
				struct bank banks[4];
			} __packed etr;
		} __packed state;
	} __packed parts;
	u8 all[ADF_GEN4_VF_MSTATE_SIZE];
} stream __used __section(".stream") = {
	.parts = {
		.setup = {
			.preamble = PREAMBLE(setup, 1),
			.config = {
				.head = HEAD(ADF_MSTATE_CONFIG_IDS, setup.config, 3),
				.gencap = VALUE(ADF_MSTATE_GEN_CAP_IDS, setup.config.gencap, 1),
				.svcmap = VALUE(ADF_MSTATE_GEN_SVCMAP_IDS, setup.config.svcmap, 2),
				.extdc = VALUE(ADF_MSTATE_GEN_EXTDC_IDS, setup.config.extdc, 3),
			},
		},
		.state = {
			.preamble = PREAMBLE(state, 3),
			.general = {
				.head = HEAD(ADF_MSTATE_GEN_IDS, state.general, 3),
				.init = VALUE(ADF_MSTATE_IOV_INIT_IDS, state.general.init, 4),
				.compat = VALUE(ADF_MSTATE_COMPAT_VER_IDS, state.general.compat, 5),
				.sla = VALUE(ADF_MSTATE_SLA_IDS, state.general.sla,
					     { .srv = SVC_DC, .rp_mask = 6, .cir = 7, .pir = 8 }),
			},
			.misc = {
				.head = HEAD(ADF_MSTATE_MISCB_IDS, state.misc, 6),
				.source = VALUE(ADF_MSTATE_VINTSRC_IDS, state.misc.source, 9),
				.mask = VALUE(ADF_MSTATE_VINTMSK_IDS, state.misc.mask, 10),
				.pf2vm_source = VALUE(ADF_MSTATE_VINTSRC_PF2VM_IDS,
						      state.misc.pf2vm_source, 11),
				.pf2vm_mask = VALUE(ADF_MSTATE_VINTMSK_PF2VM_IDS,
						    state.misc.pf2vm_mask, 12),
				.pf2vm = VALUE(ADF_MSTATE_PF2VM_IDS, state.misc.pf2vm, 13),
				.vm2pf = VALUE(ADF_MSTATE_VM2PF_IDS, state.misc.vm2pf, 14),
			},
			.etr = {
				.head = HEAD(ADF_MSTATE_ETRB_IDS, state.etr, 4),
				.banks = {
					{
						.head = HEAD("bnk0", state.etr.banks[0], 1),
						.mregs = VALUE(ADF_MSTATE_ETR_REGS_IDS,
							       state.etr.banks[0].mregs, {
							.ringstat0 = 15,
							.ringstat1 = 16,
							.ringuostat = 17,
							.ringestat = 18,
							.ringnestat = 19,
							.ringnfstat = 20,
							.ringfstat = 21,
							.ringcstat0 = 22,
							.ringcstat1 = 23,
							.ringcstat2 = 24,
							.ringcstat3 = 25,
							.iaintflagen = 26,
							.iaintflagreg = 27,
							.iaintflagsrcsel0 = 28,
							.iaintflagsrcsel1 = 29,
							.iaintcolen = 30,
							.iaintcolctl = 31,
							.iaintflagandcolen = 32,
							.ringexpstat = 33,
							.ringexpintenable = 34,
							.ringsrvarben = 35,
							.reserved0 = 36,
							.rings[0] = { 37, 38, 39, 40, 41 },
							.rings[15] = { 42, 43, 44, 45, 46 },
						}),
					},
					{
						.head = HEAD("bnk1", state.etr.banks[1], 1),
						.mregs = VALUE(ADF_MSTATE_ETR_REGS_IDS,
							       state.etr.banks[1].mregs,
							       { .ringstat0 = 47 }),
					},
					{
						.head = HEAD("bnk2", state.etr.banks[2], 1),
						.mregs = VALUE(ADF_MSTATE_ETR_REGS_IDS,
							       state.etr.banks[2].mregs,
							       { .ringstat0 = 48 }),
					},
					{
						.head = HEAD("bnk3", state.etr.banks[3], 1),
						.mregs = VALUE(ADF_MSTATE_ETR_REGS_IDS,
							       state.etr.banks[3].mregs,
							       { .ringstat0 = 49 }),
					},
				},
			},
		},
	},
};
