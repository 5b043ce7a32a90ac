// SPDX-License-Identifier: GPL-2.0-only
/*
 * The random walk: steps of all kinds in any order, with a fault in some of them where
 * the kernel can do that. The device is always in a state that there is, gives an errno
 * that is documented, and gives the guest back when asked.
 *
 * VMF_STEPS and VMF_SEED in the environment say how far, and from where; a seed is
 * printed, so that a walk can be taken again.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "dma_log.h"
#include "fault_nth.h"
#include "handshake.h"
#include "testnet.h"

#define GUEST		0
#define PEER		1

#define STEPS		50000
#define HOME		64	/* each so many steps the guest goes home, on average */
#define FAULT_ONE_IN	2
#define FAULT_MAX	160
#define STEP_S		60	/* a step that takes longer hangs */
#define PROGRESS	500
#define ARRIVAL_MS	2000

enum kind {
	SET_STATE, READ, WRITE, PRECOPY_INFO, RESET, LOG_START, LOG_REPORT, LOG_STOP,
	REGISTER_READ, REGISTER_WRITE, DATA_SIZE, DESCRIPTOR, CHECK, KINDS,
};

static const char * const kind_names[KINDS] = {
	"set_state", "read", "write", "precopy_info", "reset", "log_start", "log_report",
	"log_stop", "register_read", "register_write", "data_size", "descriptor", "check",
};

/* How often each is taken, of their sum. */
static const unsigned char weights[KINDS] = { 30, 16, 14, 6, 1, 4, 6, 3, 10, 8, 2, 2, 2 };

struct walk {
	struct testnet net;
	struct mig_buf stream;	/* that of the guest, and good */
	struct mig_buf scratch;
	size_t written;
	int data_fd;
	bool faults;
	u64 seed, state;
	unsigned long step, steps;
	unsigned long taken[KINDS], refused[KINDS];
	unsigned long injected[FAULT_WRITE + 1];
	unsigned long homes, resets, errors, bad;
	enum kind kind;
	u32 goal;
	struct fault fault;
};

/* splitmix64: any seed is good. */
static u64 random64(struct walk *w)
{
	u64 z = w->state += 0x9e3779b97f4a7c15ull;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
	z = (z ^ z >> 27) * 0x94d049bb133111ebull;
	return z ^ z >> 31;
}

static u32 below(struct walk *w, u32 n)
{
	return random64(w) % n;
}

static void complain(struct walk *w, const char *what, int ret)
{
	char text[FORMAT_TEXT_MAX] = "none";

	w->bad++;
	read_last_error(vf_bdf(GUEST), text, sizeof(text));
	printf("walk: seed %llu, step %lu, %s %s, %s: %s (%s; last error: %s)\n",
	       (unsigned long long)w->seed, w->step, kind_names[w->kind],
	       w->kind == SET_STATE ? mig_name(w->goal) : "", fault_text(&w->fault), what,
	       ret < 0 ? strerror(-ret) : "success", text);
}

static int fd_of(struct walk *w)
{
	return vf_fd(w->net.guest.vf);
}

static void close_data(struct walk *w)
{
	if (w->data_fd >= 0)
		close(w->data_fd);
	w->data_fd = -1;
}

/* All errnos that the uAPI, the driver's document and a fault can give to a step. */
static bool documented(const struct walk *w, int err)
{
	static const int always[] = { ENOMEM, EIO, EFAULT };
	static const int each[KINDS][8] = {
		[SET_STATE] = { EINVAL, ENODATA, EOPNOTSUPP, ETIMEDOUT, EBUSY, EMFILE, ENFILE,
				EBADMSG },
		[READ] = { ENODEV, ENOMSG, EINVAL, EBADF, EOPNOTSUPP, ESPIPE, ERANGE },
		[WRITE] = { ENODEV, EINVAL, EBADF, EBADMSG, EOPNOTSUPP, EMSGSIZE, ENODATA, ERANGE },
		[PRECOPY_INFO] = { EINVAL, ENODEV, ENOTTY, EBADF, EOPNOTSUPP },
		[RESET] = { EAGAIN, ENOTTY, ETIMEDOUT },
		[LOG_START] = { EINVAL, ENOTTY, EOPNOTSUPP },
		[LOG_REPORT] = { EINVAL, ENOTTY, EOPNOTSUPP },
		[LOG_STOP] = { EINVAL, ENOTTY, EOPNOTSUPP },
		[REGISTER_READ] = { EINVAL },
		[REGISTER_WRITE] = { EINVAL },
		[DATA_SIZE] = { ENOTTY, EINVAL },
		[DESCRIPTOR] = { EOPNOTSUPP },
		[CHECK] = { EOPNOTSUPP, EINVAL, EBADMSG },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(always); i++)
		if (err == always[i])
			return true;
	for (i = 0; i < ARRAY_SIZE(each[0]); i++)
		if (err && err == each[w->kind][i])
			return true;
	return false;
}

static enum kind choose(struct walk *w)
{
	unsigned int sum = 0, at, i;

	for (i = 0; i < KINDS; i++)
		sum += weights[i];
	at = below(w, sum);
	for (i = 0; at >= weights[i]; i++)
		at -= weights[i];
	return i;
}

static ssize_t result(ssize_t ret)
{
	return ret < 0 ? -errno : ret;
}

/* Of a register that a guest may read at any time, and one that it rings. */
static const u32 to_read[] = {
	VF_STATUS, VF_EIMS, VF_EITR(0), VF_RDH(0), VF_RDT(0), VF_TDH(1), VF_TDT(1), VF_RXDCTL(0),
	VF_MAILBOX, VF_MBMEM(0), VF_GPRC,
};

/* What was chosen before goes in here; only the call itself is made with a fault. */
static u8 piece[64 * 1024];
static struct dma_bitmap bitmap;

static int take(struct walk *w, size_t size, u32 reg)
{
	struct nic *nic = &w->net.guest;
	struct guest_ram *ram = &nic->ram;
	struct vfio_precopy_info info;
	u32 value, tail = (nic->rx[0].next + NIC_RX_RING - 1) % NIC_RX_RING;
	u64 bytes;
	int fd = fd_of(w), data_fd, ret;

	switch (w->kind) {
	case SET_STATE:
		ret = mig_set(fd, w->goal, &data_fd);
		if (data_fd >= 0) {
			close_data(w);
			w->data_fd = data_fd;
			w->written = 0;
		}
		return ret;
	case READ:
		return result(read(w->data_fd, piece, size));
	case WRITE:
		ret = result(write(w->data_fd, w->stream.data + w->written, size));
		if (ret > 0)
			w->written += ret;
		return ret;
	case PRECOPY_INFO:
		return mig_precopy_info(w->data_fd, &info);
	case RESET:
		return __vfio_pci_device_reset(nic->vf->pci);
	case LOG_START:
		return dma_log_start_simple(fd, ram->iova, ram->size);
	case LOG_REPORT:
		return dma_log_report(fd, ram->iova, ram->size, DMA_LOG_PAGE, &bitmap);
	case LOG_STOP:
		return dma_log_stop(fd);
	case REGISTER_READ:
		return vf_region_access(nic->vf, false, reg, &value, sizeof(value));
	case REGISTER_WRITE:
		return vf_region_access(nic->vf, true, VF_RDT(0), &tail, sizeof(tail));
	case DATA_SIZE:
		return mig_data_size(fd, &bytes);
	case DESCRIPTOR:
		w->scratch.len = 0;
		return format_descriptor(vf_bdf(GUEST), &w->scratch);
	case CHECK:
		return format_check(vf_bdf(GUEST), w->scratch.data, w->scratch.len);
	default:
		return 0;
	}
}

static bool traffic(struct walk *w)
{
	unsigned int path;

	for (path = 0; path < PATHS; path++)
		if (!testnet_send(&w->net, path, 1))
			return false;
	testnet_collect(&w->net, ARRIVAL_MS);
	return testnet_complete(&w->net);
}

static void start_anew(struct walk *w)
{
	unsigned int path;
	int ret;

	close_data(w);
	vf_reset(w->net.guest.vf);
	w->resets++;
	if (mig_state(fd_of(w)) != VFIO_DEVICE_STATE_RUNNING)
		complain(w, "not RUNNING after a reset", 0);
	ret = nic_up(&w->net.guest, w->net.guest.vf);
	if (ret)
		complain(w, "the guest's driver does not come up", ret);
	testnet_collect(&w->net, 0);
	for (path = 0; path < PATHS; path++)
		ledger_init(&w->net.ledgers[path], path + 1);
	if (!ret && !traffic(w))
		complain(w, "no frames after a reset", 0);
}

/*
 * The guest is given back, and saved: that is what it loads from here on. It is @lost
 * what it was doing where it was reset, or a write was lost.
 */
static void go_home(struct walk *w, bool lost)
{
	int ret, state = mig_state(fd_of(w));

	w->homes++;
	w->kind = SET_STATE;
	w->goal = VFIO_DEVICE_STATE_RUNNING;
	w->fault.kind = FAULT_NONE;
	if (state != VFIO_DEVICE_STATE_ERROR && state != VFIO_DEVICE_STATE_RUNNING) {
		ret = mig_set(fd_of(w), VFIO_DEVICE_STATE_RUNNING, NULL);
		if (ret && state != VFIO_DEVICE_STATE_RESUMING)
			complain(w, "not home", ret);
		lost |= ret;
	}
	close_data(w);
	w->errors += state == VFIO_DEVICE_STATE_ERROR;
	if (lost || state == VFIO_DEVICE_STATE_ERROR) {
		start_anew(w);
	} else if (!traffic(w)) {
		complain(w, "frames are missing", 0);
		start_anew(w);
	}
	ret = mig_save(fd_of(w), &w->stream);
	if (!ret)
		ret = mig_set(fd_of(w), VFIO_DEVICE_STATE_RUNNING, NULL);
	if (!ret)
		ret = format_descriptor(vf_bdf(GUEST), &w->scratch);
	if (ret)
		complain(w, "cannot be saved", ret);
}

/* True if the guest may have lost what it was in. */
static bool walk_one(struct walk *w)
{
	unsigned int n = 0;
	size_t size, left;
	int ret, state;
	u32 reg;

	w->kind = choose(w);
	/* One in eight is no state at all. */
	w->goal = below(w, 8) ? below(w, MIG_STATES) : MIG_STATES + below(w, 1000);
	size = 1 + (below(w, 4) ? below(w, 1000) : below(w, sizeof(piece) - 1));
	left = w->stream.len - w->written;
	if (w->kind == WRITE && size > left)
		size = left;
	reg = to_read[below(w, ARRAY_SIZE(to_read))];
	if (w->faults && !below(w, FAULT_ONE_IN))
		/* Most steps have few that can fail. */
		n = 1 + below(w, 1 + below(w, 1 + below(w, FAULT_MAX)));
	w->taken[w->kind]++;
	w->fault.kind = FAULT_NONE;
	w->fault.n = n;

	alarm(STEP_S);
	if (n)
		fault_begin(&w->fault, vf_bdf(GUEST), n);
	ret = take(w, size, reg);
	if (n)
		fault_end(&w->fault, vf_bdf(GUEST));
	alarm(0);

	w->injected[w->fault.kind] += n > 0;
	if (ret < 0) {
		w->refused[w->kind]++;
		if (!documented(w, -ret))
			complain(w, "not a documented errno", ret);
	}
	state = mig_state(fd_of(w));
	if (state < 0 || state >= MIG_STATES)
		complain(w, "no such state", state);
	/* A write that was lost is one that the guest has made, or that was made for it. */
	return w->kind == RESET || w->fault.kind == FAULT_WRITE;
}

static void print_figures(const struct walk *w, u64 ns)
{
	unsigned int i;

	printf("@vmf json {\"seed\": %llu, \"steps\": %lu, \"seconds\": %llu, ",
	       (unsigned long long)w->seed, w->step, (unsigned long long)(ns / 1000000000));
	printf("\"faults\": {\"allocations\": %lu, \"reads\": %lu, \"writes\": %lu}, ",
	       w->injected[FAULT_ALLOCATION], w->injected[FAULT_READ], w->injected[FAULT_WRITE]);
	printf("\"homes\": %lu, \"resets\": %lu, \"errors\": %lu, ", w->homes, w->resets,
	       w->errors);
	printf("\"kinds\": {");
	for (i = 0; i < KINDS; i++)
		printf("%s\"%s\": [%lu, %lu]", i ? ", " : "", kind_names[i], w->taken[i],
		       w->refused[i]);
	printf("}, \"failures\": %lu}\n", w->bad);
}

static unsigned long number_from(const char *name, unsigned long otherwise)
{
	const char *value = getenv(name);

	return value && *value ? strtoul(value, NULL, 0) : otherwise;
}

int main(int argc, char **argv)
{
	static struct walk w = { .data_fd = -1 };
	bool lost = false;
	u64 begin;
	int ret;

	w.steps = argc > 1 ? strtoul(argv[1], NULL, 0) : number_from("VMF_STEPS", STEPS);
	w.seed = number_from("VMF_SEED", now_ns());
	w.state = w.seed;
	setvbuf(stdout, NULL, _IOLBF, 0);
	w.faults = fault_nth_setup();
	printf("walk: seed %llu, %lu steps, %s\n", (unsigned long long)w.seed, w.steps,
	       w.faults ? "with faults" : "without faults: not in this kernel");
	begin = now_ns();
	ret = testnet_open(&w.net, GUEST, PEER);
	if (ret || !traffic(&w)) {
		printf("walk: the guest's driver does not come up: %s\n", strerror(-ret));
		return KSFT_FAIL;
	}
	go_home(&w, false);
	for (w.step = 0; w.step < w.steps && w.bad < 50; w.step++) {
		if (w.step % PROGRESS == 0)
			printf("@vmf progress walk: step %lu of %lu, %lu faults, %lu bad\n", w.step,
			       w.steps, w.injected[FAULT_ALLOCATION] + w.injected[FAULT_READ] +
			       w.injected[FAULT_WRITE], w.bad);
		if (!below(&w, HOME)) {
			go_home(&w, lost);
			lost = false;
		}
		lost |= walk_one(&w);
	}
	go_home(&w, lost);
	print_figures(&w, now_ns() - begin);
	testnet_close(&w.net);
	printf("walk %s: %lu steps, %lu faults, seed %llu\n", w.bad ? "FAILED" : "passed", w.step,
	       w.injected[FAULT_ALLOCATION] + w.injected[FAULT_READ] + w.injected[FAULT_WRITE],
	       (unsigned long long)w.seed);
	return w.bad ? KSFT_FAIL : KSFT_PASS;
}
