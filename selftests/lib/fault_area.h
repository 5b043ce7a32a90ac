/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_FAULT_AREA_H
#define SELFTESTS_FAULT_AREA_H

#include <stddef.h>

/*
 * Memory that was replaced by such that faults, and faults that nobody answers.
 */

/* Ends the program, as skipped, on a kernel that has none. */
void userfaults_or_skip(void);

/* Faults in @area from here on; an fd that is readable when somebody waits in one, or -errno. */
int make_area_fault(void *area, size_t size);

/* Somebody does, within @ms; 0 or -errno. */
int area_wait(int fd, int ms);

/* All faults are answered, with zeros; 0 or -errno. */
int area_answer(int fd, void *area, size_t size);

#endif /* SELFTESTS_FAULT_AREA_H */
