// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls that have to come back in time.
 */
#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/types.h>

#include "deadline.h"
#include "igbvf_user.h"

#define POLL_US	5000

pid_t deadline_begin(int (*call)(void *arg), void *arg)
{
	pid_t pid = fork();

	if (!pid)
		_exit(-call(arg));
	return pid;
}

bool deadline_reap(pid_t pid, unsigned int ms, int *status)
{
	u64 end = now_ns() + ms * 1000000ull;

	do {
		if (waitpid(pid, status, WNOHANG) == pid)
			return true;
		usleep(POLL_US);
	} while (now_ns() < end);
	return false;
}

int deadline_end(pid_t pid, unsigned int ms)
{
	int status;

	if (!deadline_reap(pid, ms, &status)) {
		/* It may not be able to die either: nobody waits for that. */
		kill(pid, SIGKILL);
		return -ETIMEDOUT;
	}
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

int deadline_call(int (*call)(void *arg), void *arg, unsigned int ms)
{
	pid_t pid = deadline_begin(call, arg);

	return pid < 0 ? -errno : deadline_end(pid, ms);
}
