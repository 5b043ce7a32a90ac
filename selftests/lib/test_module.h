/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_TEST_MODULE_H
#define SELFTESTS_TEST_MODULE_H

#include <stdbool.h>

/*
 * The modules of selftests/modules, by their names. All return 0 or -errno; none does
 * anything until a parameter is set.
 */
int test_module_insert(const char *name);
int test_module_remove(const char *name);

int test_module_set(const char *name, const char *parameter, unsigned int value);

/* What the module has counted; -1 if it is not there. */
long test_module_get(const char *name, const char *parameter);

#endif /* SELFTESTS_TEST_MODULE_H */
