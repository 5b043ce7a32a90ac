// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first process of the nested guest. Takes one command a line from a serial
 * port, and answers with any number of lines "= TEXT" and then one line "ok" or
 * "error TEXT". It is the only program in the guest that the tests talk to, and is
 * quick: no shell, no fork for what one system call can do.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define MAX_WORDS	8

static int console;

void answer(const char *fmt, ...)
{
	char line[512];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line) - 1, fmt, args);
	va_end(args);
	if (len > (int)sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	if (write(console, line, len) != len)
		abort();
}

/* cat PATH [TEXT]: the lines of a file, or those with TEXT in them. */
static int cmd_cat(int argc, char **argv)
{
	FILE *file = fopen(argv[1], "r");
	char line[400];

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (argc < 3 || strstr(line, argv[2]))
			answer("= %s", line);
	}
	fclose(file);
	return 0;
}

/* put PATH TEXT: into a file of sysfs or procfs. */
static int cmd_put(int argc, char **argv)
{
	int fd = open(argv[1], O_WRONLY), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, argv[2], strlen(argv[2])) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

/* kmsg: what the kernel has said since the last time, and when. */
static int cmd_kmsg(int argc, char **argv)
{
	static int fd = -1;
	char record[1024], *time, *text;
	ssize_t len;

	if (fd < 0)
		fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	for (;;) {
		len = read(fd, record, sizeof(record) - 1);
		/* Records were overwritten before they were read. */
		if (len < 0 && errno == EPIPE) {
			answer("= records were lost");
			continue;
		}
		if (len <= 0)
			return 0;
		record[len] = '\0';
		record[strcspn(record, "\n")] = '\0';
		/* Priority and number, microseconds; more may come, and then the text. */
		time = strchr(record, ',');
		time = time ? strchr(time + 1, ',') : NULL;
		text = strchr(record, ';');
		if (time && text)
			answer("= [%.3f] %s", strtoull(time + 1, NULL, 10) / 1e6, text + 1);
		else
			answer("= %s", record);
	}
}

struct loop {
	unsigned long done;
	unsigned long failed;
	int error;
};

static struct loop *loop;
static pid_t loop_pid;

/*
 * mac_loop IF ADDRESS ADDRESS: set one and the other, as fast as the PF agrees, until
 * "mac_loop_end". Each is a message to the PF with its answer.
 */
static int cmd_mac_loop(int argc, char **argv)
{
	int i, ret;

	if (loop_pid)
		return -EBUSY;
	if (!loop)
		loop = mmap(NULL, sizeof(*loop), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (loop == MAP_FAILED)
		return -errno;
	memset(loop, 0, sizeof(*loop));
	loop_pid = fork();
	if (loop_pid < 0)
		return -errno;
	for (i = 0; !loop_pid; i = !i) {
		ret = net_set_mac(argv[1], argv[2 + i]);
		if (ret) {
			loop->failed++;
			loop->error = -ret;
		}
		loop->done++;
	}
	return 0;
}

static int cmd_mac_loop_done(int argc, char **argv)
{
	if (!loop_pid)
		return -ESRCH;
	answer("= done=%lu failed=%lu error=%d", loop->done, loop->failed, loop->error);
	return 0;
}

static int cmd_mac_loop_end(int argc, char **argv)
{
	int ret = cmd_mac_loop_done(argc, argv);

	if (!ret) {
		kill(loop_pid, SIGKILL);
		waitpid(loop_pid, NULL, 0);
		loop_pid = 0;
	}
	return ret;
}

static int cmd_hello(int argc, char **argv)
{
	answer("= %s", argv[1]);
	return 0;
}

static const struct command commands[] = {
	{ "hello", 1, cmd_hello },
	{ "cat", 1, cmd_cat },
	{ "put", 2, cmd_put },
	{ "kmsg", 0, cmd_kmsg },
	{ "mac_loop", 3, cmd_mac_loop },
	{ "mac_loop_done", 0, cmd_mac_loop_done },
	{ "mac_loop_end", 0, cmd_mac_loop_end },
	{ 0 }
};

static const struct command *find(const struct command *command, const char *name)
{
	for (; command->name; command++)
		if (!strcmp(command->name, name))
			return command;
	return NULL;
}

static void run(char *line)
{
	static const struct command * const all[] = {
		commands, net_commands, ethtool_commands, frame_commands, streams_commands,
		memory_commands, serial_commands, NULL
	};
	const struct command *command = NULL;
	char *argv[MAX_WORDS + 1] = { 0 }, *save;
	int argc = 0, i, ret;

	for (argv[0] = strtok_r(line, " \r\n", &save); argv[argc] && argc < MAX_WORDS;)
		argv[++argc] = strtok_r(NULL, " \r\n", &save);
	if (!argc)
		return;
	for (i = 0; !command && all[i]; i++)
		command = find(all[i], argv[0]);
	if (!command)
		ret = -ENOENT;
	else if (argc - 1 < command->arguments)
		ret = -EINVAL;
	else
		ret = command->run(argc, argv);
	if (ret)
		answer("error %s", strerror(-ret));
	else
		answer("ok");
}

static void read_commands(void)
{
	static char line[512];
	static size_t len;
	ssize_t got;
	char c;

	while ((got = read(console, &c, 1)) == 1) {
		if (c != '\n') {
			if (len < sizeof(line) - 1)
				line[len++] = c;
			continue;
		}
		line[len] = '\0';
		len = 0;
		run(line);
		return;
	}
	if (got < 0 && errno != EINTR && errno != EAGAIN)
		abort();
}

int main(int argc, char **argv)
{
	struct pollfd fds[1 + MAX_LISTENERS];
	struct termios tio;
	int n;

	console = open(argv[1], O_RDWR | O_NOCTTY);
	if (console < 0 || tcgetattr(console, &tio))
		return 1;
	cfmakeraw(&tio);
	tcsetattr(console, TCSANOW, &tio);
	/*
	 * What the guest's kernel does comes first. igbvf_has_link() looks at what its interrupt
	 * handler sets after it has let go of its lock: a worker that gets no CPU there takes
	 * the interrupt of the mailbox for a link that is down.
	 */
	setpriority(PRIO_PROCESS, 0, 19);
	answer("agent");
	for (;;) {
		fds[0].fd = console;
		fds[0].events = POLLIN;
		n = 1 + frames_poll(fds + 1);
		if (poll(fds, n, -1) < 0)
			continue;
		frames_receive();
		if (fds[0].revents)
			read_commands();
	}
}
