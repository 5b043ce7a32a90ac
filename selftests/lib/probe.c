// SPDX-License-Identifier: GPL-2.0-only
/*
 * A few frames, to see which way the filters of the PF let them go.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "probe.h"

#define FRAMES		5
/* Within the NIC a frame has arrived, or has not, when it is sent. */
#define QUIET_MS	150

static const char * const fate_names[] = {
	[DROPPED] = "dropped",
	[UNTAGGED] = "untagged",
	[STRIPPED] = "stripped of their tag",
	[TAGGED] = "tagged",
	[MIXED] = "neither here nor there",
};

struct probe {
	struct ledger ledger;
	u16 tag;
	u32 tagged;
	u32 stripped;
};

static void probe_init(struct probe *probe, u16 tag)
{
	static u16 stream = 0x100;

	/* A number of its own, so that nothing late is taken for it. */
	memset(probe, 0, sizeof(*probe));
	ledger_init(&probe->ledger, stream++);
	probe->tag = tag;
}

static void take(struct probe *probe, u8 *frame, size_t len, u16 stripped)
{
	u16 tag = frame_untag(frame, &len);

	if (!frame_is(&probe->ledger, frame, len))
		return;
	frame_account(&probe->ledger, frame, len);
	probe->tagged += tag && tag == probe->tag;
	probe->stripped += stripped && stripped == probe->tag;
}

static void collect(struct probe *probe, struct nic *nic, int timeout_ms)
{
	u64 end = now_ns() + timeout_ms * 1000000ull;
	u8 frame[FRAME_LIMIT];
	unsigned int q;
	size_t len;

	do {
		for (q = 0; q < VF_QUEUES; q++)
			while ((len = nic_receive(nic, q, frame)))
				take(probe, frame, len, nic->rx[q].tag);
		if (probe->ledger.received >= probe->ledger.sent)
			return;
		usleep(500);
	} while (now_ns() < end);
}

static enum fate fate_of(const struct probe *probe)
{
	u32 sent = probe->ledger.sent;

	if (!probe->ledger.received)
		return DROPPED;
	if (!ledger_complete(&probe->ledger))
		return MIXED;
	if (probe->tagged == sent && !probe->stripped)
		return TAGGED;
	if (probe->stripped == sent && !probe->tagged)
		return STRIPPED;
	return probe->tagged || probe->stripped ? MIXED : UNTAGGED;
}

static bool judge(struct probe *probe, struct nic *nic, const u8 *dst, enum fate want)
{
	enum fate got;

	/* Some more time if there is something to be late, and for duplicates none. */
	collect(probe, nic, want == DROPPED ? QUIET_MS : NIC_TIMEOUT_MS);
	collect(probe, nic, 0);
	got = fate_of(probe);
	if (got == want)
		return true;
	ksft_print_msg("frames to %02x:%02x:%02x:%02x:%02x:%02x, tag %#x, at %s: %s, not %s\n",
		       dst[0], dst[1], dst[2], dst[3], dst[4], dst[5], probe->tag, nic->vf->bdf,
		       fate_names[got], fate_names[want]);
	ledger_print(&probe->ledger, "these");
	return false;
}

bool probe_pf(struct pf_socket *pf, struct nic *nic, const u8 *dst, u16 tag, enum fate want)
{
	struct probe probe;
	bool sent;

	probe_init(&probe, tag);
	if (tag)
		sent = pf_send_tagged(pf, &probe.ledger, dst, tag, FRAMES);
	else
		sent = pf_send(pf, &probe.ledger, dst, FRAMES);
	if (!sent)
		ksft_print_msg("the PF cannot send\n");
	return sent && judge(&probe, nic, dst, want);
}

static bool send_and_judge(struct probe *probe, struct nic *from, struct nic *nic, const u8 *dst,
			   enum fate want)
{
	if (!nic_send(from, 0, &probe->ledger, dst, FRAMES) ||
	    !nic_drain(from, 0, NIC_TIMEOUT_MS)) {
		ksft_print_msg("%s cannot send\n", from->vf->bdf);
		return false;
	}
	return judge(probe, nic, dst, want);
}

bool probe_vf_vlan(struct nic *from, struct nic *nic, const u8 *dst, u16 vid, enum fate want)
{
	struct probe probe;

	probe_init(&probe, vid);
	return send_and_judge(&probe, from, nic, dst, want);
}

bool probe_vf(struct nic *from, struct nic *nic, const u8 *dst, enum fate want)
{
	return probe_vf_vlan(from, nic, dst, 0, want);
}

bool probe_both(struct testnet *net, const u8 *dst, enum fate want)
{
	bool ok = probe_vf(&net->peer, &net->guest, dst, want);

	return probe_pf(&net->pf, &net->guest, dst, 0, want) && ok;
}

bool probe_length(struct nic *from, struct nic *nic, size_t len, enum fate want)
{
	struct probe probe;
	bool ok;

	probe_init(&probe, 0);
	probe.ledger.shortest = len;
	probe.ledger.longest = len;
	ok = send_and_judge(&probe, from, nic, nic->mac, want);
	if (!ok)
		ksft_print_msg("their length was %zu\n", len);
	return ok;
}
