// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sweeps over all the faults that a system call can meet.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "fault_sweep.h"
#include "handshake.h"
#include "vmf_stream.h"

#define GUEST		0
#define PEER		1
#define FAULTS_MAX	5000
#define COMPLAINTS_MAX	250
/* Frames that are lost are waited for in vain. */
#define ARRIVAL_MS	500
#define SECTIONS	VMF_WALK_MAX

/* Faults of all tests of this program, which are processes of their own. */
static unsigned int *total;

static void __attribute__((constructor)) share_total(void)
{
	total = mmap(NULL, sizeof(*total), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	VFIO_ASSERT_NE((void *)total, MAP_FAILED);
}

static void renew_ledgers(struct sweep *s)
{
	unsigned int path;

	/* What is still under way would be taken for frames of the new ones. */
	testnet_collect(&s->net, 0);
	for (path = 0; path < PATHS; path++)
		ledger_init(&s->net.ledgers[path], path + 1);
}

int sweep_open(struct sweep *s)
{
	int ret;

	memset(s, 0, sizeof(*s));
	s->data_fd = -1;
	s->bdf = vf_bdf(GUEST);
	VFIO_ASSERT_TRUE(fault_nth_setup());
	ret = testnet_open(&s->net, GUEST, PEER);
	if (!ret && !sweep_traffic(s))
		ret = -EPIPE;
	return ret;
}

void sweep_close_data(struct sweep *s)
{
	if (s->data_fd >= 0)
		close(s->data_fd);
	s->data_fd = -1;
}

void sweep_close(struct sweep *s)
{
	sweep_close_data(s);
	vf_close(s->there);
	testnet_close(&s->net);
	mig_buf_free(&s->good);
	mig_buf_free(&s->now);
}

static void tell(struct sweep *s, const char *fmt, va_list args)
{
	char text[FORMAT_TEXT_MAX] = "none";

	printf("# %s, %s: ", s->name, fault_text(&s->fault));
	vprintf(fmt, args);
	read_last_error(s->bdf, text, sizeof(text));
	printf(" (last error: %s)\n", text);
}

void sweep_complain(struct sweep *s, const char *fmt, ...)
{
	va_list args;

	s->bad++;
	va_start(args, fmt);
	tell(s, fmt, args);
	va_end(args);
}

void sweep_feel(struct sweep *s, const char *fmt, ...)
{
	va_list args;

	if (s->fault.kind == FAULT_WRITE)
		s->lost++;
	else
		s->bad++;
	va_start(args, fmt);
	tell(s, fmt, args);
	va_end(args);
}

bool sweep_traffic(struct sweep *s)
{
	unsigned int path;

	for (path = 0; path < PATHS; path++)
		if (!testnet_send(&s->net, path, 1))
			return false;
	testnet_collect(&s->net, ARRIVAL_MS);
	return testnet_complete(&s->net);
}

static const char *missing_path(struct sweep *s)
{
	unsigned int path;

	for (path = 0; path < PATHS; path++)
		if (!ledger_complete(&s->net.ledgers[path]))
			return testnet_path_name(path);
	return "none";
}

static void start_anew(struct sweep *s)
{
	struct vf *vf = s->net.guest.vf;
	int ret;

	ret = nic_up(&s->net.guest, vf);
	if (ret)
		sweep_complain(s, "the guest's driver does not come up again: %s", strerror(-ret));
	renew_ledgers(s);
	if (!ret && !sweep_traffic(s)) {
		sweep_feel(s, "no frames after a reset, %s", missing_path(s));
		renew_ledgers(s);
	}
}

void sweep_recover(struct sweep *s, bool lost)
{
	struct vf *vf = s->net.guest.vf;
	int ret = 0, state = mig_state(vf_fd(vf));
	bool reset = state == VFIO_DEVICE_STATE_ERROR;

	if (!reset && state != VFIO_DEVICE_STATE_RUNNING) {
		ret = mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING, NULL);
		/* Half of a stream was written. */
		if (ret == -ENODATA)
			reset = true;
		else if (ret)
			sweep_complain(s, "%s to RUNNING: %s", mig_name(state), strerror(-ret));
	}
	sweep_close_data(s);
	if (reset || ret) {
		vf_reset(vf);
		state = mig_state(vf_fd(vf));
		if (state != VFIO_DEVICE_STATE_RUNNING)
			sweep_complain(s, "state %s after a reset", mig_name(state));
		lost = true;
	}
	if (lost) {
		start_anew(s);
	} else if (!sweep_traffic(s)) {
		sweep_feel(s, "frames are missing, %s", missing_path(s));
		vf_reset(vf);
		start_anew(s);
	}
}

int sweep_remember(struct sweep *s)
{
	int fd = vf_fd(s->net.guest.vf), ret;

	ret = mig_save(fd, &s->good);
	return ret ? ret : mig_set(fd, VFIO_DEVICE_STATE_RUNNING, NULL);
}

/* Headers have checksums: what differs is what they are of. */
static void complain_of_payload(struct sweep *s)
{
	struct vmf_section sections[SECTIONS], *in;
	int n = vmf_walk(s->good.data, s->good.len, sections, SECTIONS);
	size_t at;

	for (in = sections; in < sections + n; in++) {
		if (in->type == VMF_END)
			continue;
		for (at = in->payload; at < in->payload + in->len; at += sizeof(u32)) {
			u32 now = vmf_get32(s->now.data, at), good = vmf_get32(s->good.data, at);

			if (now == good)
				continue;
			sweep_feel(s, "UNNOTICED: %s %u has %#x at %zu, and had %#x",
				   vmf_type_name(in->type), in->instance, now,
				   at - in->payload, good);
			return;
		}
	}
	sweep_feel(s, "UNNOTICED: the stream differs");
}

static bool is_saving(struct vf *vf)
{
	switch (mig_state(vf_fd(vf))) {
	case VFIO_DEVICE_STATE_PRE_COPY:
	case VFIO_DEVICE_STATE_PRE_COPY_P2P:
	case VFIO_DEVICE_STATE_STOP_COPY:
		return true;
	default:
		return false;
	}
}

/* In a saving session there is a stream already. */
static int save_now(struct sweep *s, struct vf *vf)
{
	int ret;

	if (s->data_fd < 0 || !is_saving(vf))
		return mig_save(vf_fd(vf), &s->now);
	s->now.len = 0;
	ret = mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP_COPY, NULL);
	return ret ? ret : mig_read(s->data_fd, &s->now, MIG_CHUNK);
}

void sweep_compare(struct sweep *s, struct vf *vf)
{
	int ret = save_now(s, vf);

	if (ret) {
		/* Who reads is told, which is as good as an arc that fails: once. */
		sweep_close_data(s);
		ret = mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP, NULL);
		if (!ret)
			ret = mig_save(vf_fd(vf), &s->now);
	}
	if (ret)
		sweep_feel(s, "no save is possible after it: %s", strerror(-ret));
	else if (s->now.len != s->good.len)
		sweep_feel(s, "UNNOTICED: %zu bytes of state, and were %zu", s->now.len,
			   s->good.len);
	else if (memcmp(s->now.data, s->good.data, s->good.len))
		complain_of_payload(s);
}

/* What is not as it should be must not be taken for what the next fault has done. */
static void begin_anew(struct sweep *s)
{
	/* No fault is an excuse from here on. */
	s->fault.kind = FAULT_NONE;
	sweep_close_data(s);
	if (s->there)
		vf_reset(s->there);
	if (!s->net.guest.vf)
		return;
	vf_reset(s->net.guest.vf);
	start_anew(s);
}

static int prepare(struct sweep *s, const struct sweep_op *op)
{
	int ret = op->prepare(s);

	if (!ret)
		return 0;
	sweep_complain(s, "before the next fault: %s", strerror(-ret));
	begin_anew(s);
	return op->prepare(s);
}

bool sweep_run(struct sweep *s, const char *name, const struct sweep_op *op)
{
	unsigned int sum = 0, n, calls = 0, before;
	enum fault_kind kind = FAULT_NONE;
	int ret;

	s->name = name;
	s->bad = 0;
	s->lost = 0;
	s->refused = 0;
	memset(s->injected, 0, sizeof(s->injected));
	fault_allocations(!op->device_only);
	for (n = 1; n <= FAULTS_MAX && s->bad < COMPLAINTS_MAX; n++) {
		if (prepare(s, op))
			break;
		s->bdf = op->bdf ? op->bdf(s) : s->net.guest.vf->bdf;
		fault_begin(&s->fault, s->bdf, n);
		ret = op->call(s);
		fault_end(&s->fault, s->bdf);
		calls++;
		s->refused += ret < 0;
		kind = s->fault.kind;
		s->injected[kind]++;
		before = s->bad + s->lost;
		op->judge(s, ret);
		if (s->bad + s->lost != before)
			begin_anew(s);
		if (kind == FAULT_NONE)
			break;
		sum++;
	}
	fault_allocations(true);
	*total += sum;
	printf("# %s: %u faults: %u allocations, %u reads, %u writes; ", name, sum,
	       s->injected[FAULT_ALLOCATION], s->injected[FAULT_READ], s->injected[FAULT_WRITE]);
	printf("%u calls of %u gave an errno\n", s->refused, calls);
	printf("# total: %u faults\n", *total);
	if (kind != FAULT_NONE)
		sweep_complain(s, "there is no end of it");
	if (!sum && !op->spotless)
		sweep_complain(s, "nothing has failed");
	if (s->lost)
		printf("# %s: the guest has felt that writes were lost, %u times\n", name, s->lost);
	if (s->bad)
		printf("# %s: %u complaints\n", name, s->bad);
	return !s->bad;
}
