/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Headers that the helper of the same name in the kernel lacks.
 *
 * Upstream these are lines in that file; see Documentation/upstreaming.rst.
 */

#include <linux/anon_inodes.h>
#include <linux/crc32.h>
#include <linux/eventfd.h>
#include <linux/fault-inject.h>
#include <linux/iommufd.h>
#include <linux/sched/vhost_task.h>
#include <linux/vfio.h>
#include <linux/vfio_pci_core.h>

#include "../../include/uapi/linux/vfio_handshake.h"
