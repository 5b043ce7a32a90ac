// SPDX-License-Identifier: GPL-2.0-only
/*
 * Traffic that goes on by itself, in a process of its own: a loop that waits for sockets
 * and for a timer, and counts in memory that it shares with who has started it.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "streams.h"

#define MS		1000000ul
/* After an end: what is still on its way. */
#define LINGER_NS	(500 * MS)
/* Datagrams that are made up for after a pause of this process. */
#define MAX_TICKS	8
/* A prime, so that no power of two in a path of data hides a shift. */
#define PERIOD		65521

struct shared {
	struct streams_report report;
	int end_asked;
	int error;
	/* When this side has stopped to send: silence after that is no news. */
	u64 over_ns;
};

static struct shared *shared;
static struct streams_config config;
static pid_t pid;
static u8 pattern[PERIOD + STREAMS_CHUNK];

u64 streams_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 * MS + ts.tv_nsec;
}

void streams_event(const struct streams_config *c, const char *kind, u64 number)
{
	if (c->events)
		fprintf(c->events, "%lu %s %lu\n", streams_now(), kind, number);
}

static u64 silence_ns(const struct silence *silence)
{
	u64 until = shared->over_ns ?: streams_now();

	if (!silence->last_ns || until < silence->last_ns + silence->longest_ns)
		return silence->longest_ns;
	return until - silence->last_ns;
}

void streams_heard(struct silence *silence)
{
	silence->longest_ns = silence_ns(silence);
	silence->last_ns = streams_now();
}

const void *streams_pattern(u64 place)
{
	return pattern + place % PERIOD;
}

static void fill_pattern(void)
{
	u32 value = 82576;
	size_t i;

	for (i = 0; i < PERIOD; i++) {
		value = value * 1664525 + 1013904223;
		pattern[i] = value >> 24;
	}
	memcpy(pattern + PERIOD, pattern, STREAMS_CHUNK);
}

static int tick_open(void)
{
	struct itimerspec every = {
		.it_value.tv_nsec = 1,
		.it_interval.tv_sec = config.udp_interval_us / 1000000,
		.it_interval.tv_nsec = config.udp_interval_us % 1000000 * 1000,
	};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);

	return fd < 0 || timerfd_settime(fd, 0, &every, NULL) ? -errno : fd;
}

/* How often the timer has come since the last time. */
static unsigned int ticks(int fd)
{
	u64 count;

	if (read(fd, &count, sizeof(count)) != sizeof(count))
		return 0;
	return count < MAX_TICKS ? count : MAX_TICKS;
}

static void ping_in_time(u64 *next)
{
	u64 now = streams_now(), every = config.ping_ms * MS;

	if (!every || now < *next)
		return;
	ping_send();
	*next = now - *next < every ? *next + every : now + every;
}

/* The guest is there first: what it sends before the host listens would be lost. */
static bool heard_of(const struct streams_report *report)
{
	return config.host || report->udp.received || report->tcp.connected;
}

static int run(void)
{
	struct streams_report *report = &shared->report;
	int udp = udp_open(&config, &report->udp), tick = tick_open();
	int ping = ping_open(&config, &report->ping);
	int ret = tcp_open(&config, &report->tcp);
	u64 next_ping = 0, ended = 0;
	unsigned int count;
	bool asked;

	if (udp < 0 || tick < 0 || ret < 0 || (config.ping_ms && ping < 0))
		return udp < 0 ? udp : tick < 0 ? tick : ret < 0 ? ret : ping;
	while (!ended || streams_now() < ended + LINGER_NS) {
		struct pollfd fds[] = {
			{ .fd = tick, .events = POLLIN },
			{ .fd = udp, .events = POLLIN },
			{ .fd = ping, .events = POLLIN },
			{ .fd = tcp_fd(), .events = POLLIN },
		};

		poll(fds, 4, -1);
		udp_receive();
		if (ping >= 0)
			ping_receive();
		asked = __atomic_load_n(&shared->end_asked, __ATOMIC_ACQUIRE);
		count = ticks(tick);
		/* The guest's datagrams end with the host's bytes. */
		if (!shared->over_ns && (asked || (config.tcp_kbps && report->tcp.ended)))
			shared->over_ns = streams_now();
		if (!shared->over_ns && heard_of(report)) {
			udp_send(count);
			ping_in_time(&next_ping);
		}
		tcp_work(asked);
		if (asked && report->tcp.ended && !ended)
			ended = streams_now();
	}
	return 0;
}

int streams_start(const struct streams_config *c)
{
	if (pid)
		return -EBUSY;
	if (!c->udp_interval_us)
		return -EINVAL;
	if (!shared)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED) {
		shared = NULL;
		return -ENOMEM;
	}
	memset(shared, 0, sizeof(*shared));
	config = *c;
	pid = fork();
	if (pid < 0) {
		pid = 0;
		return -errno;
	}
	if (pid)
		return 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	fill_pattern();
	shared->error = -run();
	if (config.events)
		fflush(config.events);
	_exit(0);
}

static void print_udp(void (*line)(const char *fmt, ...) __printf(1, 2),
		      const struct udp_report *udp)
{
	u64 lost = udp->next > udp->received ? udp->next - udp->received : 0;

	line("= udp_sent=%lu udp_refused=%lu udp_received=%lu udp_lost=%lu", udp->sent,
	     udp->refused, udp->received, lost);
	line("= udp_duplicated=%lu udp_reordered=%lu udp_damaged=%lu udp_silence_ms=%lu",
	     udp->duplicated, udp->reordered, udp->damaged, silence_ns(&udp->silence) / MS);
}

static void print_tcp(void (*line)(const char *fmt, ...) __printf(1, 2),
		      const struct tcp_report *tcp)
{
	line("= tcp_connected=%lu tcp_ended=%lu tcp_error=%lu", tcp->connected, tcp->ended,
	     tcp->error);
	line("= tcp_sent=%lu tcp_sent_crc=%u tcp_received=%lu tcp_received_crc=%u", tcp->sent,
	     tcp->sent_crc, tcp->received, tcp->received_crc);
	line("= tcp_damaged=%lu tcp_silence_ms=%lu", tcp->damaged, silence_ns(&tcp->silence) / MS);
}

static void print_ping(void (*line)(const char *fmt, ...) __printf(1, 2),
		       const struct ping_report *ping)
{
	line("= ping_sent=%lu ping_refused=%lu ping_answered=%lu ping_lost=%lu", ping->sent,
	     ping->refused, ping->answered, ping->sent - ping->answered);
	line("= ping_shortest_us=%lu ping_mean_us=%lu ping_longest_us=%lu ping_silence_ms=%lu",
	     ping->shortest_ns / 1000,
	     ping->answered ? ping->total_ns / ping->answered / 1000 : 0,
	     ping->longest_ns / 1000, silence_ns(&ping->silence) / MS);
}

int streams_print(void (*line)(const char *fmt, ...) __printf(1, 2))
{
	if (!shared)
		return -ESRCH;
	print_udp(line, &shared->report.udp);
	print_tcp(line, &shared->report.tcp);
	if (config.ping_ms)
		print_ping(line, &shared->report.ping);
	if (shared->error)
		return -shared->error;
	/* While it has not been told to, it does not end. */
	return pid && waitpid(pid, NULL, WNOHANG) ? -ECHILD : 0;
}

int streams_end(unsigned int timeout_ms)
{
	u64 until = streams_now() + timeout_ms * MS;
	int status = 0;
	pid_t ended;

	if (!pid)
		return -ESRCH;
	__atomic_store_n(&shared->end_asked, 1, __ATOMIC_RELEASE);
	while (!(ended = waitpid(pid, &status, WNOHANG)) && streams_now() < until)
		usleep(10000);
	if (!ended) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	pid = 0;
	if (!ended)
		return -ETIMEDOUT;
	/* One that has crashed is no end. */
	return ended > 0 && WIFEXITED(status) ? 0 : -ECHILD;
}
