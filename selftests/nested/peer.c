// SPDX-License-Identifier: GPL-2.0-only
/*
 * The test host's end of the traffic that goes on while the nested guest is migrated.
 *
 *   peer [--ping-ms N] [--events FILE] PEER UDP_PORT TCP_PORT UDP_INTERVAL_US TCP_KBPS
 *
 * Answers to the lines "report" and "end" as the agent in the guest does. FILE gets a line
 * for each event: nanoseconds of CLOCK_MONOTONIC, what it is, and its number.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "streams.h"

/* The guest ends after us: it may have to be sent bytes once more. */
#define END_MS	60000

static void __printf(1, 2) say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	putchar('\n');
}

static void result(int ret)
{
	if (ret)
		say("error %s", strerror(-ret));
	else
		say("ok");
	fflush(stdout);
}

static int parse(int argc, char **argv, struct streams_config *config)
{
	static const struct option options[] = {
		{ "ping-ms", required_argument, NULL, 'p' },
		{ "events", required_argument, NULL, 'e' },
		{ 0 }
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (opt == 'p') {
			config->ping_ms = atoi(optarg);
		} else if (opt == 'e') {
			config->events = fopen(optarg, "w");
			if (!config->events)
				return -errno;
		} else {
			return -EINVAL;
		}
	}
	argv += optind;
	if (argc - optind != 5 || !inet_aton(argv[0], &config->peer))
		return -EINVAL;
	config->udp_port = atoi(argv[1]);
	config->tcp_port = atoi(argv[2]);
	config->udp_interval_us = atoi(argv[3]);
	config->tcp_kbps = atoi(argv[4]);
	return 0;
}

int main(int argc, char **argv)
{
	struct streams_config config = { .host = true };
	char line[80];
	int ret = parse(argc, argv, &config) ?: streams_start(&config);

	result(ret);
	if (ret)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "report")) {
			result(streams_print(say));
		} else if (!strcmp(line, "end")) {
			ret = streams_end(END_MS);
			result(ret ?: streams_print(say));
			return ret ? 1 : 0;
		} else {
			result(-ENOENT);
		}
	}
	return 0;
}
