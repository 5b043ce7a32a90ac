// SPDX-License-Identifier: GPL-2.0-only
/*
 * One TCP connection, both ways at a given rate. Each byte follows from its place, and a
 * CRC of all says at the end that both sides mean the same bytes.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "streams.h"
#include "vmf_stream.h"

/* What may be made up for after a pause: no more, or there is a storm. */
#define TCP_BURST	65536
#define NS		1000000000ull

static const struct streams_config *config;
static struct tcp_report *tcp;
static struct sockaddr_in peer;
static int listening = -1, connection = -1;
static bool connecting, sent_all, received_all;
static u64 budget, filled_ns;

int tcp_fd(void)
{
	/* At its end it would be ready all the time. */
	if (received_all)
		return -1;
	return connection >= 0 ? connection : listening;
}

static void tcp_close(int error)
{
	if (error)
		tcp->error = error;
	if (connection >= 0)
		close(connection);
	connection = -1;
	tcp->ended = 1;
}

/* What is in flight when the guest stops: little, so that it is soon made up for. */
static int tcp_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int size = TCP_BURST, one = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	return fd;
}

int tcp_open(const struct streams_config *c, struct tcp_report *report)
{
	config = c;
	tcp = report;
	peer = (struct sockaddr_in) {
		.sin_family = AF_INET, .sin_addr = c->peer, .sin_port = htons(c->tcp_port),
	};
	if (!c->tcp_kbps) {
		tcp->ended = 1;
		return 0;
	}
	if (c->host)
		return 0;
	peer.sin_addr.s_addr = INADDR_ANY;
	listening = tcp_socket();
	if (listening < 0)
		return listening;
	return bind(listening, (struct sockaddr *)&peer, sizeof(peer)) ||
	       listen(listening, 1) ? -errno : 0;
}

static void tcp_established(void)
{
	connecting = false;
	tcp->connected = 1;
	filled_ns = streams_now();
}

static void tcp_accept(void)
{
	connection = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (connection < 0)
		return;
	close(listening);
	listening = -1;
	tcp_established();
}

/* Until somebody listens. */
static void tcp_connect(void)
{
	if (connection < 0) {
		connection = tcp_socket();
		if (connection < 0) {
			tcp_close(-connection);
			return;
		}
		connecting = true;
	}
	if (!connect(connection, (struct sockaddr *)&peer, sizeof(peer)) || errno == EISCONN) {
		tcp_established();
	} else if (errno != EINPROGRESS && errno != EALREADY) {
		close(connection);
		connection = -1;
	}
}

static void tcp_receive(void)
{
	static u8 chunk[STREAMS_CHUNK];
	ssize_t len;

	while ((len = recv(connection, chunk, sizeof(chunk), 0)) > 0) {
		if (memcmp(chunk, streams_pattern(tcp->received), len))
			tcp->damaged++;
		tcp->received_crc = vmf_crc32c(tcp->received_crc, chunk, len);
		tcp->received += len;
		streams_event(config, "tcp-received", tcp->received);
		streams_heard(&tcp->silence);
	}
	if (!len)
		received_all = true;
	else if (errno != EAGAIN)
		tcp_close(errno);
}

static void tcp_send(void)
{
	u64 now = streams_now();
	const void *data;
	ssize_t len;

	budget += (now - filled_ns) * config->tcp_kbps * 1000 / NS;
	filled_ns = now;
	if (budget > TCP_BURST)
		budget = TCP_BURST;
	while (budget >= STREAMS_CHUNK) {
		data = streams_pattern(tcp->sent);
		len = send(connection, data, STREAMS_CHUNK, MSG_NOSIGNAL);
		if (len < 0) {
			if (errno != EAGAIN)
				tcp_close(errno);
			return;
		}
		tcp->sent_crc = vmf_crc32c(tcp->sent_crc, data, len);
		tcp->sent += len;
		budget -= len;
	}
}

/* The host ends its side, then the guest, so that both know all bytes of the other. */
void tcp_work(bool ending)
{
	if (tcp->ended)
		return;
	if (listening >= 0)
		tcp_accept();
	else if (config->host && (connection < 0 || connecting))
		tcp_connect();
	if (connection < 0 || connecting)
		return;
	tcp_receive();
	if (!tcp->ended && !sent_all && !(config->host ? ending : received_all))
		tcp_send();
	else if (!tcp->ended && !sent_all)
		sent_all = !shutdown(connection, SHUT_WR);
	if (sent_all && received_all)
		tcp_close(0);
}
