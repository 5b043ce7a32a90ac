// SPDX-License-Identifier: GPL-2.0-only
/*
 * The test host's end of the traffic that goes on while the nested guest is migrated.
 *
 *   peer [--ping-ms N] [--events FILE] PEER UDP_PORT TCP_PORT UDP_INTERVAL_US TCP_KBPS
 *   peer sink PORT
 *   peer send PEER PORT MS
 *   peer rtt PEER COUNT INTERVAL_US
 *
 * Answers to the lines "report" and "end" as the agent in the guest does. FILE gets a line
 * for each event: nanoseconds of CLOCK_MONOTONIC, what it is, and its number. The others
 * see how fast the path is; all but the sink end by themselves.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "streams.h"
#include "streams_speed.h"

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

static int speed(int argc, char **argv)
{
	struct in_addr peer = { 0 };

	if (argc > 4 && !inet_aton(argv[2], &peer))
		return -EINVAL;
	if (argc == 3 && !strcmp(argv[1], "sink"))
		return speed_sink(atoi(argv[2]));
	if (argc == 5 && !strcmp(argv[1], "send"))
		return speed_send(peer, atoi(argv[3]), atoi(argv[4]), say);
	if (argc == 5 && !strcmp(argv[1], "rtt"))
		return speed_ping(peer, atoi(argv[3]), atoi(argv[4]), say);
	return -EINVAL;
}

int main(int argc, char **argv)
{
	struct streams_config config = { .host = true };
	char line[80];
	int ret;

	if (argc > 2 && argc < 6 && argv[1][0] != '-') {
		ret = speed(argc, argv);
		result(ret);
		return !!ret;
	}
	ret = parse(argc, argv, &config) ?: streams_start(&config);
	result(ret);
	if (ret)
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strcmp(line, "end")) {
			ret = streams_end(END_MS);
			result(ret ?: streams_print(say));
			return ret ? 1 : 0;
		}
		result(strcmp(line, "report") ? -ENOENT : streams_print(say));
	}
	return 0;
}
