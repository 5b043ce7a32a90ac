// SPDX-License-Identifier: GPL-2.0-only
/* What the sample sends of a device with two ports; its structures are in its source. */

#include "samples/vfio-mdev/mtty.c"

static const struct mtty_data stream __used __section(".stream") = {
	.magic = MTTY_MAGIC,
	.major_ver = MTTY_MAJOR_VER,
	.minor_ver = MTTY_MINOR_VER,
	.nr_ports = 2,
	.flags = 0,
	.ports = {
		{
			.uart_reg = "register",
			.rxtx = { .fifo = "sixteen letters.", .head = 1, .tail = 2, .count = 3 },
			.dlab = true,
			.divisor = 4,
			.fcr = 5,
			.max_fifo_size = 6,
			.intr_trigger_level = 7,
		},
		{
			.uart_reg = { 8 },
			.rxtx = { .fifo = { 9 }, .head = 10, .tail = 11, .count = 12 },
			.overrun = true,
			.divisor = 13,
			.fcr = 14,
			.max_fifo_size = 15,
			.intr_trigger_level = 16,
		},
	},
};
