/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_NESTED_STREAMS_SPEED_H
#define SELFTESTS_NESTED_STREAMS_SPEED_H

#include <netinet/in.h>

#include <linux/compiler.h>
#include <linux/types.h>

/*
 * How fast a path is. The sink is for the datagrams of speed_send() and does not return;
 * speed_ping() says NUMBER=NANOSECONDS of each round trip. 0, or a negative errno.
 */
int speed_sink(u16 port);
int speed_send(struct in_addr peer, u16 port, unsigned int ms,
	       void (*line)(const char *fmt, ...) __printf(1, 2));
int speed_ping(struct in_addr peer, unsigned int count, unsigned int interval_us,
	       void (*line)(const char *fmt, ...) __printf(1, 2));

#endif /* SELFTESTS_NESTED_STREAMS_SPEED_H */
