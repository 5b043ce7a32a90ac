/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_NESTED_AGENT_H
#define SELFTESTS_NESTED_AGENT_H

#include <linux/compiler.h>

struct ifreq;
struct pollfd;

struct command {
	const char *name;
	int arguments;
	/* 0, or a negative errno. */
	int (*run)(int argc, char **argv);
};

#define MAX_LISTENERS	4

/* agent.c: a line of the answer, without its end. */
void __printf(1, 2) answer(const char *fmt, ...);

/* agent_net.c: interfaces. */
extern const struct command net_commands[];
int net_set_mac(const char *netdev, const char *mac);
int net_ioctl(unsigned long request, struct ifreq *ifr, const char *netdev);
int net_parse_mac(const char *text, unsigned char *mac);

/* agent_ethtool.c: counters, rings and offloads. */
extern const struct command ethtool_commands[];

/* agent_frames.c: numbered frames. */
extern const struct command frame_commands[];
int frames_poll(struct pollfd *fds);
void frames_receive(void);

/* agent_streams.c: datagrams, and bytes of a connection, all the time. */
extern const struct command streams_commands[];

/* agent_memory.c: datagrams that stay in the guest's memory. */
extern const struct command memory_commands[];

/* agent_serial.c: serial ports, and ports of the processor. */
extern const struct command serial_commands[];

#endif /* SELFTESTS_NESTED_AGENT_H */
