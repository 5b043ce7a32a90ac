/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_VMF_BUILD_H
#define SELFTESTS_VMF_BUILD_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>
#include <linux/vmf.h>

/*
 * A writer of streams that shares no code with the driver: it knows what is in
 * the document and in the uAPI header, and nothing else. It has no PF and no
 * registers; what it says of a device is made up.
 */
struct vmf_build {
	u8 buf[8192];
	size_t len;
	u32 seq;
};

/* What it says of the device, and of itself. */
struct vmf_build_device {
	struct vmf_presented presented;
	/* What a VMM would find in configuration space, if that is to be said. */
	const struct vmf_config_word *config;
	unsigned int config_words;
	/* NULL: anonymous. */
	const char *provider;
};

/* The state that it writes; queues are off, and the PF was never asked. */
struct vmf_build_state {
	struct vmf_igbvf_82576_rx_queue rx[2];
	struct vmf_igbvf_82576_tx_queue tx[2];
	struct vmf_igbvf_82576_interrupts interrupts;
	struct vmf_igbvf_82576_mailbox mailbox;
	struct vmf_igbvf_82576_filters filters;
	struct vmf_igbvf_82576_statistics statistics;
};

/* A state in which every field that can differ from 0 on a new device does. */
void vmf_build_state_fill(struct vmf_build_state *state);

/* A whole stream of profile version @version. */
void vmf_build_stream(struct vmf_build *b, u32 version, const struct vmf_build_device *device,
		      const struct vmf_build_state *state);

#endif /* SELFTESTS_VMF_BUILD_H */
