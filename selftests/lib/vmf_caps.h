/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_VMF_CAPS_H
#define SELFTESTS_VMF_CAPS_H

#include <linux/types.h>

#include <vmf/format.h>

/* A device of vf.net.igbvf-82576 on QEMU, which knows versions up to @version. */
struct vmf_caps caps_igbvf(u32 version);

/*
 * The device whose envelopes are in selftests/vectors/envelope: @parts are the names of its
 * features and the blob, at both ends.
 */
struct vmf_caps caps_sample(void);

#endif /* SELFTESTS_VMF_CAPS_H */
