/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_NESTED_STREAMS_H
#define SELFTESTS_NESTED_STREAMS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>

#include <linux/compiler.h>
#include <linux/types.h>

/*
 * Traffic between the nested guest and the test host, by the same code at both ends:
 * numbered datagrams both ways, a TCP connection both ways, and pings by the host.
 */
struct streams_config {
	/* The test host: connects, is the first to end, and may ping. */
	bool host;
	struct in_addr peer;
	u16 udp_port;
	u16 tcp_port;
	/* A datagram every so many microseconds. */
	u64 udp_interval_us;
	/* Thousands of bytes a second, each way; 0: no connection at all. */
	u64 tcp_kbps;
	u64 ping_ms;
	/* Where each event goes, or NULL. */
	FILE *events;
};

struct silence {
	u64 last_ns;
	u64 longest_ns;
};

struct udp_report {
	u64 sent;
	/* The kernel did not take it: no number was used. */
	u64 refused;
	/* Different numbers that came, and the highest of them + 1. */
	u64 received;
	u64 next;
	u64 duplicated;
	u64 reordered;
	u64 damaged;
	struct silence silence;
};

struct tcp_report {
	u64 connected;
	u64 ended;
	u64 sent;
	u64 received;
	u32 sent_crc;
	u32 received_crc;
	/* How often what came was not what belongs at its place. */
	u64 damaged;
	u64 error;
	struct silence silence;
};

struct ping_report {
	u64 sent;
	u64 refused;
	u64 answered;
	u64 shortest_ns;
	u64 longest_ns;
	u64 total_ns;
	struct silence silence;
};

struct streams_report {
	struct udp_report udp;
	struct tcp_report tcp;
	struct ping_report ping;
};

/* In a process of its own. All functions: 0, or a negative errno. */
int streams_start(const struct streams_config *config);

/* NAME=NUMBER for all that was counted so far, by a few calls of @line. */
int streams_print(void (*line)(const char *fmt, ...) __printf(1, 2));

/* Ends in order and waits for it; the report stays. */
int streams_end(unsigned int timeout_ms);

/*
 * Between the parts of the engine, in its process. Each part has a socket to poll for,
 * or -1, and a function that is called when something has come or time has passed.
 */
u64 streams_now(void);
void streams_event(const struct streams_config *config, const char *kind, u64 number);
void streams_heard(struct silence *silence);

/* What belongs at a place of an endless pattern: at least STREAMS_CHUNK bytes. */
#define STREAMS_CHUNK	4096
const void *streams_pattern(u64 place);

int udp_open(const struct streams_config *config, struct udp_report *report);
void udp_send(unsigned int count);
void udp_receive(void);

int tcp_open(const struct streams_config *config, struct tcp_report *report);
int tcp_fd(void);
void tcp_work(bool ending);

int ping_open(const struct streams_config *config, struct ping_report *report);
void ping_send(void);
void ping_receive(void);

#endif /* SELFTESTS_NESTED_STREAMS_H */
