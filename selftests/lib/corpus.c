// SPDX-License-Identifier: GPL-2.0-only
/*
 * The golden streams; the Makefile says where they are, and lists those that are refused.
 */
#include <errno.h>

#include <linux/kernel.h>
#include <linux/types.h>

#include "corpus.h"

CORPUS_EMBED(v1_reset, VECTORS_DIR "/v1-reset.vmf");
CORPUS_EMBED(v1_running, VECTORS_DIR "/v1-running.vmf");
CORPUS_EMBED(v1_mailbox_pending, VECTORS_DIR "/v1-mailbox-pending.vmf");
CORPUS_EMBED(v2_reset, VECTORS_DIR "/v2-reset.vmf");
CORPUS_EMBED(v2_running, VECTORS_DIR "/v2-running.vmf");
CORPUS_EMBED(v2_unicast, VECTORS_DIR "/v2-unicast.vmf");
CORPUS_EMBED(v2_full, VECTORS_DIR "/v2-full.vmf");
CORPUS_EMBED(fragments, ENVELOPES_DIR "/fragments.vmf");
CORPUS_EMBED(least, ENVELOPES_DIR "/least.vmf");

#define EMBED_REFUSED
#include "corpus_refused.h"
#undef EMBED_REFUSED

const struct corpus_stream corpus_good[] = {
	CORPUS_STREAM(v1_reset, "v1-reset", 1),
	CORPUS_STREAM(v1_running, "v1-running", 1),
	CORPUS_STREAM(v1_mailbox_pending, "v1-mailbox-pending", 1),
	CORPUS_STREAM(v2_reset, "v2-reset", 2),
	CORPUS_STREAM(v2_running, "v2-running", 2),
	CORPUS_STREAM(v2_unicast, "v2-unicast", 2),
	CORPUS_STREAM(v2_full, "v2-full", 2),
};

const struct corpus_stream corpus_envelopes[] = {
	CORPUS_STREAM(fragments, "fragments", 3),
	CORPUS_STREAM(least, "least", 3),
};

const struct corpus_stream corpus_refused[] = {
#include "corpus_refused.h"
};

const unsigned int corpus_good_count = ARRAY_SIZE(corpus_good);
const unsigned int corpus_refused_count = ARRAY_SIZE(corpus_refused);
