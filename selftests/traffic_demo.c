// SPDX-License-Identifier: GPL-2.0-only
/*
 * The demo: a guest with its network driver in use moves from one VF to
 * another, and this tells what happened on the way.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "arcs.h"
#include "migration.h"
#include "testnet.h"
#include "vmf_descriptor.h"
#include "vmf_stream.h"

#define SOURCE		0
#define PEER		1
#define DESTINATION	2

#define FRAMES		240
#define REHEARSALS	10
#define BUFFER		65536
#define RATIO_MAX	150	/* per cent */

/* One request to a device, and how long it took. */
struct step {
	const char *where;
	const char *from;
	const char *to;
	u64 ns;
	struct arc arc;
};

enum {
	STEP_QUIESCE,
	STEP_STOP,
	STEP_SAVE,
	STEP_READ,
	STEP_RESUME,
	STEP_LOAD,
	STEP_LOADED,
	STEP_START,
	STEP_RUN,
	STEPS,
};

static struct step steps[STEPS] = {
	[STEP_QUIESCE] = { "source", "RUNNING", "RUNNING_P2P" },
	[STEP_STOP] = { "source", "RUNNING_P2P", "STOP" },
	[STEP_SAVE] = { "source", "STOP", "STOP_COPY" },
	[STEP_READ] = { "source", "read of the stream", "" },
	[STEP_RESUME] = { "destination", "STOP", "RESUMING" },
	[STEP_LOAD] = { "destination", "LOAD", "LOAD" },
	[STEP_LOADED] = { "destination", "RESUMING", "STOP" },
	[STEP_START] = { "destination", "STOP", "RUNNING_P2P" },
	[STEP_RUN] = { "destination", "RUNNING_P2P", "RUNNING" },
};

static void fail(const char *what, int err)
{
	printf("\nfailed: %s%s%s\n", what, err ? ": " : "", err ? strerror(-err) : "");
	exit(KSFT_FAIL);
}

static void timed_set(int fd, unsigned int step, u32 state, int *data_fd)
{
	u64 start = now_ns();
	int ret;

	ret = mig_set(fd, state, data_fd);
	steps[step].ns = now_ns() - start;
	if (ret)
		fail(mig_name(state), ret);
}

static void save(struct testnet *net, struct mig_buf *buf)
{
	int fd = vf_fd(net->guest.vf), data_fd;
	ssize_t len;
	u64 start;

	timed_set(fd, STEP_QUIESCE, VFIO_DEVICE_STATE_RUNNING_P2P, NULL);
	timed_set(fd, STEP_STOP, VFIO_DEVICE_STATE_STOP, NULL);
	/* Doorbells to a device that is stopped; the destination sends these. */
	if (!testnet_send(net, GUEST_TO_PEER, 9) || !testnet_send(net, GUEST_TO_PF, 5))
		fail("the guest's ring is full", 0);
	timed_set(fd, STEP_SAVE, VFIO_DEVICE_STATE_STOP_COPY, &data_fd);
	buf->len = 0;
	start = now_ns();
	do {
		len = read(data_fd, buf->data + buf->len, buf->room - buf->len);
		buf->len += len > 0 ? len : 0;
	} while (len > 0);
	steps[STEP_READ].ns = now_ns() - start;
	close(data_fd);
	if (len < 0)
		fail("read of the stream", -errno);
}

/* Migrations that are cancelled: an emulator translates code when it runs first. */
static void rehearse(struct testnet *net, struct mig_buf *buf)
{
	int ret;

	save(net, buf);
	ret = mig_set(vf_fd(net->guest.vf), VFIO_DEVICE_STATE_RUNNING, NULL);
	if (ret)
		fail("cancel", ret);
	if (!testnet_collect(net, NIC_TIMEOUT_MS))
		fail("frames are lost when a migration is cancelled", 0);
}

static void load(struct vf *vf, struct mig_buf *buf)
{
	int fd = vf_fd(vf), data_fd, ret;
	u64 start;

	timed_set(fd, STEP_RESUME, VFIO_DEVICE_STATE_RESUMING, &data_fd);
	start = now_ns();
	ret = mig_write(data_fd, buf->data, buf->len, MIG_CHUNK);
	steps[STEP_LOAD].ns = now_ns() - start;
	close(data_fd);
	if (ret)
		fail("write of the stream", ret);
	timed_set(fd, STEP_LOADED, VFIO_DEVICE_STATE_STOP, NULL);
	vf_vmm_setup(vf);
	timed_set(fd, STEP_START, VFIO_DEVICE_STATE_RUNNING_P2P, NULL);
	timed_set(fd, STEP_RUN, VFIO_DEVICE_STATE_RUNNING, NULL);
}

static void account(const struct arcs *before, const struct arcs *after, unsigned int first,
		    unsigned int last)
{
	for (; first <= last; first++)
		steps[first].arc = arcs_delta(before, after, steps[first].from, steps[first].to);
}

static void print_steps(void)
{
	const struct step *step;
	char name[48];

	printf("\n  %-11s  %-26s  %10s  %5s  %6s  %9s\n", "VF", "state", "us", "reads",
	       "writes", "MMIO us");
	for (step = steps; step < steps + STEPS; step++) {
		if (step == &steps[STEP_LOAD])
			snprintf(name, sizeof(name), "write of the stream, load");
		else
			snprintf(name, sizeof(name), "%s%s%s", step->from, *step->to ? " -> " : "",
				 step->to);
		printf("  %-11s  %-26s  %10.1f  %5llu  %6llu  %9.1f\n", step->where, name,
		       step->ns / 1e3, step->arc.reads, step->arc.writes,
		       step->arc.mmio_ns / 1e3);
	}
}

static void print_ratio(void)
{
	u64 wall = 0, mmio = 0;
	unsigned int i;

	for (i = STEP_QUIESCE; i <= STEP_READ; i++) {
		wall += steps[i].ns;
		mmio += steps[i].arc.mmio_ns;
	}
	if (!mmio) {
		printf("\n  no ratio: the driver counted no MMIO\n");
		return;
	}
	printf("\n  RUNNING to the last byte of the stream: %.1f us, its MMIO %.1f us, ratio %.2f",
	       wall / 1e3, mmio / 1e3, (double)wall / mmio);
	printf(wall * 100 > mmio * RATIO_MAX ? ", exceeds %.2f\n" : " (at most %.2f)\n",
	       RATIO_MAX / 100.0);
}

static void print_limits(const u8 *value, u32 len)
{
	static const char * const names[] = { "?", "rx-queues", "tx-queues", "msix-vectors" };
	static const char * const rules[] = { "?", "=", "<=", ">=", "superset", "subset", "any" };
	u32 at;

	for (at = 0; at + VMF_LIMIT_LEN <= len; at += VMF_LIMIT_LEN) {
		u16 id = vmf_get16(value, at);
		u8 rule = value[at + 2];

		printf("%s%s %s %llu", at ? ", " : "", names[id < ARRAY_SIZE(names) ? id : 0],
		       rules[rule < ARRAY_SIZE(rules) ? rule : 0],
		       (unsigned long long)vmf_get64(value, at + 8));
	}
}

static void print_manifest(const u8 *value, u32 len)
{
	u32 at;

	for (at = 0; at + VMF_ENTRY_LEN <= len; at += VMF_ENTRY_LEN)
		printf("%s%u x %s", at ? ", " : "", vmf_get32(value, at + 12),
		       vmf_type_name(vmf_get32(value, at)));
}

static void print_value(u16 key, const u8 *value, u32 len)
{
	u32 i;

	switch (key) {
	case VMF_KEY_PRESENTED:
		printf("%04x:%04x, subsystem %04x:%04x, revision %u, class %02x%02x%02x%s",
		       vmf_get16(value, 0), vmf_get16(value, 2), vmf_get16(value, 4),
		       vmf_get16(value, 6), value[8], value[11], value[10], value[9],
		       value[12] & 1 ? ", VF" : "");
		break;
	case VMF_KEY_PROFILE_UUID:
		for (i = 0; i < len; i++)
			printf("%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			       value[i]);
		break;
	case VMF_KEY_PROFILE_NAME:
		printf("%.*s", (int)len, value);
		break;
	case VMF_KEY_PROFILE_VERSION:
		printf("%u, readable from %u", vmf_get32(value, 0), vmf_get32(value, 4));
		break;
	case VMF_KEY_LIMITS:
		print_limits(value, len);
		break;
	case VMF_KEY_MANIFEST:
		print_manifest(value, len);
		break;
	case VMF_KEY_STREAM_MAX:
		printf("%llu bytes", (unsigned long long)vmf_get64(value, 0));
		break;
	case VMF_KEY_PROVIDER_DRIVER:
		printf("%.*s", (int)len, value);
		break;
	default:
		for (i = 0; i + 8 <= len; i += 8)
			printf("%s%#llx", i ? " " : "", (unsigned long long)vmf_get64(value, i));
	}
}

static void print_descriptor(const u8 *payload, u64 len)
{
	static const char * const names[] = {
		"?", "presented", "profile_uuid", "profile_name", "profile_version",
		"features_required", "features_optional", "limits", "manifest", "stream_max",
		[VMF_KEY_PROVIDER_DRIVER] = "provider_driver",
	};
	u64 at = 0;

	while (at + 8 <= len) {
		u16 key = vmf_get16(payload, at);
		u32 size = vmf_get32(payload, at + 4);

		if (size > len - at - 8)
			break;
		printf("    %-17s  ", key < ARRAY_SIZE(names) && names[key] ? names[key] : "?");
		print_value(key, payload + at + 8, size);
		printf("\n");
		at += VMF_ATTRIBUTE_LEN + ((size + 7) & ~7u);
	}
}

static void print_stream(const struct mig_buf *buf)
{
	struct vmf_section s;

	printf("\n");
	vmf_print(stdout, "  ", buf->data, buf->len);
	if (!vmf_lookup(buf->data, buf->len, VMF_DESCRIPTOR, 0, &s))
		return;
	printf("\n  descriptor\n");
	print_descriptor(buf->data + s.payload, s.len);
}

static int verdict(struct testnet *net, const u32 *before, const u32 *stopped)
{
	u32 lost = 0, duplicated = 0, damaged = 0;
	unsigned int i;

	printf("\n  %-18s  %8s  %8s  %8s  %8s\n", "frames", "before", "stopped", "after",
	       "arrived");
	for (i = 0; i < PATHS; i++) {
		struct ledger *ledger = &net->ledgers[i];

		printf("  %-18s  %8u  %8u  %8u  %8u\n", testnet_path_name(i), before[i],
		       stopped[i] - before[i], ledger->sent - stopped[i], ledger->received);
		lost += ledger_lost(ledger);
		duplicated += ledger->duplicated;
		damaged += ledger->damaged;
	}
	if (damaged)
		printf("\n  %u frames were damaged\n", damaged);
	printf("\nmigrated, frames lost %u, duplicated %u\n", lost, duplicated);
	return lost || duplicated || damaged || !testnet_complete(net);
}

static void count_sent(struct testnet *net, u32 *sent)
{
	unsigned int i;

	for (i = 0; i < PATHS; i++)
		sent[i] = net->ledgers[i].sent;
}

int main(void)
{
	u32 before[PATHS], stopped[PATHS];
	struct arcs arcs[2][2];
	struct mig_buf buf = { 0 };
	struct vf *source, *destination;
	struct testnet net;
	bool counted;
	unsigned int i;
	u64 start;
	int ret;

	setlinebuf(stdout);
	printf("Live migration of a virtual function under traffic\n\n");
	printf("  PF           %s (%s)\n", vf_pf_bdf(), vf_pf_netdev());
	printf("  source       VF %s\n", vf_bdf(SOURCE));
	printf("  destination  VF %s\n", vf_bdf(DESTINATION));
	printf("  peer         VF %s\n", vf_bdf(PEER));
	printf("  first        %u migrations that are cancelled in STOP_COPY\n", REHEARSALS);

	ret = testnet_open(&net, SOURCE, PEER);
	if (ret)
		fail("the guest's driver does not come up", ret);
	if (!testnet_exchange(&net, FRAMES))
		fail("frames are lost before any migration", 0);
	source = net.guest.vf;
	destination = vf_open(vf_bdf(DESTINATION), &net.guest.ram);

	buf.room = BUFFER;
	buf.data = calloc_assert(1, buf.room);
	for (i = 0; i < REHEARSALS; i++)
		rehearse(&net, &buf);

	/* Received, and not fetched by the guest when it is stopped. */
	if (!testnet_send(&net, PEER_TO_GUEST, 7) || !nic_drain(&net.peer, 0, NIC_TIMEOUT_MS))
		fail("the peer does not send", 0);
	count_sent(&net, before);
	counted = arcs_read(source->bdf, &arcs[0][0]) && arcs_read(destination->bdf, &arcs[1][0]);

	start = now_ns();
	save(&net, &buf);
	load(destination, &buf);
	start = now_ns() - start;

	counted &= arcs_read(source->bdf, &arcs[0][1]) && arcs_read(destination->bdf, &arcs[1][1]);
	net.guest.vf = destination;
	vf_close(source);
	count_sent(&net, stopped);
	if (testnet_collect(&net, NIC_TIMEOUT_MS))
		testnet_exchange(&net, FRAMES);

	if (counted) {
		account(&arcs[0][0], &arcs[0][1], STEP_QUIESCE, STEP_SAVE);
		account(&arcs[1][0], &arcs[1][1], STEP_RESUME, STEP_RUN);
	}
	print_steps();
	print_ratio();
	printf("  RUNNING to RUNNING, with what the VMM does: %.1f ms\n", start / 1e6);
	print_stream(&buf);
	ret = verdict(&net, before, stopped);
	mig_buf_free(&buf);
	testnet_close(&net);
	return ret ? KSFT_FAIL : KSFT_PASS;
}
