// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest's end of the traffic that goes on while it is migrated.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "streams.h"
#include "streams_speed.h"

/* What the host has sent last is on its way, or sent once more. */
#define END_MS	30000

/* streams_start PEER UDP_PORT TCP_PORT UDP_INTERVAL_US TCP_KBPS: see streams.h */
static int cmd_streams_start(int argc, char **argv)
{
	struct streams_config config = {
		.udp_port = atoi(argv[2]),
		.tcp_port = atoi(argv[3]),
		.udp_interval_us = atoi(argv[4]),
		.tcp_kbps = atoi(argv[5]),
	};

	if (!inet_aton(argv[1], &config.peer))
		return -EINVAL;
	return streams_start(&config);
}

static int cmd_streams_report(int argc, char **argv)
{
	return streams_print(answer);
}

/* streams_end: after the host's end, as its last bytes end ours; with a report */
static int cmd_streams_end(int argc, char **argv)
{
	int ended = streams_end(END_MS);
	int ret = ended == -ESRCH ? ended : streams_print(answer);

	return ended ?: ret;
}

/* speed_send PEER PORT MS: as fast as it goes, see streams_speed.c */
static int cmd_speed_send(int argc, char **argv)
{
	struct in_addr peer;

	if (!inet_aton(argv[1], &peer))
		return -EINVAL;
	return speed_send(peer, atoi(argv[2]), atoi(argv[3]), answer);
}

static pid_t sink;

/* speed_sink PORT: receives, until speed_sink_end */
static int cmd_speed_sink(int argc, char **argv)
{
	if (sink)
		return -EBUSY;
	sink = fork();
	if (!sink)
		_exit(-speed_sink(atoi(argv[1])));
	if (sink < 0) {
		sink = 0;
		return -EAGAIN;
	}
	return 0;
}

static int cmd_speed_sink_end(int argc, char **argv)
{
	if (sink <= 0)
		return -ESRCH;
	kill(sink, SIGKILL);
	waitpid(sink, NULL, 0);
	sink = 0;
	return 0;
}

const struct command streams_commands[] = {
	{ "streams_start", 5, cmd_streams_start },
	{ "streams_report", 0, cmd_streams_report },
	{ "streams_end", 0, cmd_streams_end },
	{ "speed_send", 3, cmd_speed_send },
	{ "speed_sink", 1, cmd_speed_sink },
	{ "speed_sink_end", 0, cmd_speed_sink_end },
	{ 0 }
};
