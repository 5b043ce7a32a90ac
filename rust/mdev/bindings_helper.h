/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Headers that the kernel's helper of the same name lacks: the mdev bus.
 */

#include <linux/mdev.h>
