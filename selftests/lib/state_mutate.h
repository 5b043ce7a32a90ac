/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_STATE_MUTATE_H
#define SELFTESTS_STATE_MUTATE_H

#include <stddef.h>

#include "migration.h"

/*
 * Mutant number @n of @good, with CRCs that are right; it follows from @base and @n.
 * First all borders of all fields of all sections, then random values, also of two
 * fields. @what gets the last change, for the log.
 */
void state_mutate(const struct mig_buf *good, unsigned int base, unsigned int n,
		  struct mig_buf *s, char *what, size_t size);

#endif /* SELFTESTS_STATE_MUTATE_H */
