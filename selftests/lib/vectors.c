// SPDX-License-Identifier: GPL-2.0-only
/*
 * Golden streams; the Makefile says where they are.
 */
#include <linux/kernel.h>
#include <linux/types.h>

#include "vectors.h"

#define VECTOR(_id, _file)						\
	asm(".pushsection .rodata\n"					\
	    ".balign 8\n"						\
	    #_id ":\n"							\
	    ".incbin \"" VECTORS_DIR "/" _file ".vmf\"\n"		\
	    #_id "_end:\n"						\
	    ".popsection\n")

VECTOR(v1_reset, "v1-reset");
VECTOR(v1_running, "v1-running");
VECTOR(v1_mailbox_pending, "v1-mailbox-pending");
VECTOR(v2_reset, "v2-reset");
VECTOR(v2_running, "v2-running");

const struct vector vectors[] = {
	{ "v1-reset", 1, v1_reset, v1_reset_end },
	{ "v1-running", 1, v1_running, v1_running_end },
	{ "v1-mailbox-pending", 1, v1_mailbox_pending, v1_mailbox_pending_end },
	{ "v2-reset", 2, v2_reset, v2_reset_end },
	{ "v2-running", 2, v2_running, v2_running_end },
};

const unsigned int vectors_count = ARRAY_SIZE(vectors);
