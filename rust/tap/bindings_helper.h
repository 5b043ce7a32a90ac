/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Headers that the kernel's helper of the same name lacks: how others than its owner get at a
 * TAP device.
 */

#include <linux/if_tap.h>
#include <linux/if_tun.h>
