/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_SOFTWARE_H
#define SELFTESTS_SOFTWARE_H

#include "pf_socket.h"

/* The interface at the far end. */
#define SOFTWARE_TAP	"vmf0"

/* A function in software, and the far end of its wire. */
struct software {
	const char *uuid;
	struct pf_socket wire;
	int tap_fd;
	int ears;
};

/* What the network is told of a guest that has arrived; @vlan is 0 without a tag. */
struct announcement {
	u8 mac[MAC_LEN];
	u16 vlan;
};

/* Ends the program, as skipped, on a kernel without the mdev bus. */
void software_or_skip(void);

/* Make one, with a TAP device for its wire. 0 or -errno. */
int software_create(struct software *software, const char *uuid);
int software_remove(struct software *software);

/* Write to one of its attributes. 0 or -errno. */
int software_set(const struct software *software, const char *attribute, const char *value);

/* The next announcement; false if there is none in this time. */
bool software_hear(struct software *software, struct announcement *announcement, int timeout_ms);

#endif /* SELFTESTS_SOFTWARE_H */
