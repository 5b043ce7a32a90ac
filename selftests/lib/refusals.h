/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_REFUSALS_H
#define SELFTESTS_REFUSALS_H

#include "stream_edit.h"

/* Ways to make a good stream a bad one, by the errno that they are refused with. */
extern const struct stream_edits edits_malformed;
extern const struct stream_edits edits_other_format;
extern const struct stream_edits edits_other_device;
extern const struct stream_edits edits_too_new;
extern const struct stream_edits edits_over_limits;
extern const struct stream_edits edits_wrong_order;
extern const struct stream_edits edits_too_long;
extern const struct stream_edits edits_out_of_range;

/* Ways to make a good stream another good one. */
extern const struct stream_edits edits_harmless;

#endif /* SELFTESTS_REFUSALS_H */
