// SPDX-License-Identifier: GPL-2.0-only
/* What hisi_acc_vfio_pci sends of a device that is in use. */

#include <linux/vfio_pci_core.h>
#include "drivers/vfio/pci/hisilicon/hisi_acc_vfio_pci.h"

static const struct acc_vf_data stream __used __section(".stream") = {
	.acc_magic = ACC_DEV_MAGIC_V2,
	.qp_num = 2,
	.dev_id = 0xa251,
	.que_iso_cfg = 3,
	.qp_base = 4,
	.vf_qm_state = QM_NOT_READY,
	.major_ver = ACC_DRV_MAJOR_VER,
	.minor_ver = ACC_DRV_MINOR_VER,
	.qm_rsv_state = { 5, 6 },
	.aeq_int_mask = 7,
	.eq_int_mask = 8,
	.ifc_int_source = 9,
	.ifc_int_mask = 10,
	.ifc_int_set = 11,
	.page_size = 12,
	.qm_eqc_dw = { 13, 14, 15, 16, 17, 18, 19 },
	.qm_aeqc_dw = { 20, 21, 22, 23, 24, 25, 26 },
	.qm_rsv_regs = { 27, 28, 29, 30, 31 },
	.padding = 32,
	.eqe_dma = 33,
	.aeqe_dma = 34,
	.sqc_dma = 35,
	.cqc_dma = 36,
};
