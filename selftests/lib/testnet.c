// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest, a peer and the PF, which send each other numbered frames.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include "dma_log.h"
#include "pf_admin.h"
#include "testnet.h"

#define SILENCE_MS	100
#define SETTLE_US	50000

static const u8 guest_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x0a };
static const u8 peer_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x0b };

static const char * const path_names[PATHS] = {
	[GUEST_TO_PEER] = "guest to peer VF",
	[GUEST_TO_PF] = "guest to PF",
	[PEER_TO_GUEST] = "peer VF to guest",
	[PF_TO_GUEST] = "PF to guest",
};

const char *testnet_path_name(unsigned int path)
{
	return path_names[path];
}

int testnet_open(struct testnet *net, unsigned int guest, unsigned int peer)
{
	unsigned int path;
	int ret;

	memset(net, 0, sizeof(*net));
	for (path = 0; path < PATHS; path++)
		ledger_init(&net->ledgers[path], path + 1);
	pf_open(&net->pf, vf_wire());
	nic_init(&net->guest, guest_mac);
	nic_init(&net->peer, peer_mac);
	ret = nic_up(&net->peer, vf_open(vf_bdf(peer), &net->peer.ram));
	if (ret)
		return ret;
	return nic_up(&net->guest, vf_open(vf_bdf(guest), &net->guest.ram));
}

void testnet_close(struct testnet *net)
{
	vf_close(net->guest.vf);
	vf_close(net->peer.vf);
	nic_free(&net->guest);
	nic_free(&net->peer);
	pf_close(&net->pf);
}

bool testnet_send(struct testnet *net, enum testnet_path path, u32 count)
{
	struct ledger *ledger = &net->ledgers[path];

	switch (path) {
	case GUEST_TO_PEER:
		return nic_send(&net->guest, GUEST_QUEUE_PEER, ledger, net->peer.mac, count);
	case GUEST_TO_PF:
		return nic_send(&net->guest, GUEST_QUEUE_PF, ledger, net->pf.mac, count);
	case PEER_TO_GUEST:
		return nic_send(&net->peer, 0, ledger, net->guest.mac, count);
	case PF_TO_GUEST:
		return pf_send(&net->pf, ledger, net->guest.mac, count);
	default:
		return false;
	}
}

void testnet_settle(struct testnet *net)
{
	u32 head;

	do {
		head = vf_read(net->guest.vf, VF_RDH(0));
		usleep(SETTLE_US);
	} while (vf_read(net->guest.vf, VF_RDH(0)) != head);
}

bool testnet_collect(struct testnet *net, int timeout_ms)
{
	struct ledger *at_guest[] = {
		&net->ledgers[PEER_TO_GUEST], &net->ledgers[PF_TO_GUEST],
	};
	struct ledger *at_peer[] = { &net->ledgers[GUEST_TO_PEER] };
	struct ledger *at_pf[] = { &net->ledgers[GUEST_TO_PF] };
	bool ok;

	ok = nic_collect(&net->peer, at_peer, 1, timeout_ms);
	ok &= pf_collect(&net->pf, at_pf, 1, timeout_ms);
	ok &= nic_collect(&net->guest, at_guest, 2, timeout_ms);
	return ok;
}

bool testnet_queue(struct testnet *net)
{
	return testnet_send(net, GUEST_TO_PEER, 9) && testnet_send(net, GUEST_TO_PF, 5);
}

bool testnet_silent(struct testnet *net)
{
	u32 peer = net->ledgers[GUEST_TO_PEER].received;
	u32 pf = net->ledgers[GUEST_TO_PF].received;

	testnet_collect(net, SILENCE_MS);
	return peer == net->ledgers[GUEST_TO_PEER].received &&
	       pf == net->ledgers[GUEST_TO_PF].received;
}

bool testnet_exchange(struct testnet *net, u32 count)
{
	unsigned int path;
	u32 burst;

	for (; count; count -= burst) {
		burst = count < TESTNET_BURST ? count : TESTNET_BURST;
		for (path = 0; path < PATHS; path++)
			if (!testnet_send(net, path, burst))
				return false;
		if (!testnet_collect(net, NIC_TIMEOUT_MS))
			return false;
	}
	return testnet_complete(net);
}

bool testnet_complete(struct testnet *net)
{
	unsigned int path;

	for (path = 0; path < PATHS; path++)
		if (!ledger_complete(&net->ledgers[path]))
			return false;
	return true;
}

int testnet_reset_pf(struct testnet *net)
{
	int ret;

	ret = pf_down();
	if (!ret)
		ret = pf_up();
	if (ret)
		return ret;
	pf_renew(&net->pf);
	return nic_up(&net->peer, net->peer.vf);
}

bool testnet_go_around(struct testnet *net)
{
	unsigned int i;

	for (i = 0; i < 2 * NIC_RX_RING; i += TESTNET_BURST) {
		if (!testnet_exchange(net, TESTNET_BURST))
			return false;
		vf_flush(net->guest.vf);
	}
	return true;
}

int testnet_log_start(struct testnet *net)
{
	return dma_log_start_simple(vf_fd(net->guest.vf), net->guest.ram.iova, net->guest.ram.size);
}

int testnet_log_stop(struct testnet *net)
{
	return dma_log_stop(vf_fd(net->guest.vf));
}

void testnet_print(struct testnet *net)
{
	unsigned int path;

	for (path = 0; path < PATHS; path++)
		ledger_print(&net->ledgers[path], path_names[path]);
}
