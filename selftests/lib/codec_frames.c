// SPDX-License-Identifier: GPL-2.0-only
/*
 * The functions of include/vmf that a driver calls, to be compiled with a limit on their frames,
 * with what is inlined into them. Nobody calls these here.
 */
#include <linux/types.h>

#include <vmf/reader.h>
#include <vmf/writer.h>

extern const void *const codec_frames[];

const void *const codec_frames[] = {
	vmf_reader_init, vmf_reader_feed, vmf_reader_finish, vmf_reader_check,
	vmf_writer_start, vmf_writer_descriptor, vmf_writer_state, vmf_writer_end,
};
