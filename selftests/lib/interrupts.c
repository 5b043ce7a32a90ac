// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which vectors of a VF come, and how often.
 */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "interrupts.h"

/* What has come when something has, or after @timeout_ms: 0. */
static u32 next_vectors(struct vf *vf, unsigned int *counts, int timeout_ms)
{
	struct pollfd pfds[VF_VECTORS];
	unsigned int i;
	u32 vectors = 0;
	u64 count;

	for (i = 0; i < VF_VECTORS; i++)
		pfds[i] = (struct pollfd){ .fd = vf->pci->msi_eventfds[i], .events = POLLIN };
	if (poll(pfds, VF_VECTORS, timeout_ms) <= 0)
		return 0;
	for (i = 0; i < VF_VECTORS; i++) {
		if (!(pfds[i].revents & POLLIN) ||
		    read(pfds[i].fd, &count, sizeof(count)) != sizeof(count))
			continue;
		vectors |= BIT(i);
		counts[i] += count;
	}
	return vectors;
}

void irq_count(struct vf *vf, unsigned int *counts)
{
	while (next_vectors(vf, counts, IRQ_QUIET_MS))
		;
}

u32 irq_collect(struct vf *vf, u32 want)
{
	u64 end = now_ns() + IRQ_MS * 1000000ull;
	unsigned int counts[VF_VECTORS] = { 0 }, i;
	u32 vectors = 0;

	while ((vectors & want) != want && now_ns() < end)
		vectors |= next_vectors(vf, counts, IRQ_QUIET_MS);
	irq_count(vf, counts);
	for (i = 0; i < VF_VECTORS; i++)
		if (counts[i])
			vectors |= BIT(i);
	return vectors;
}

static u32 irq_of_frame(struct testnet *net, enum testnet_path path, u64 *ns)
{
	unsigned int counts[VF_VECTORS] = { 0 };
	struct vf *vf = net->guest.vf;
	u64 start;
	u32 vectors;

	irq_count(vf, counts);
	start = now_ns();
	if (!testnet_send(net, path, 1))
		return 0;
	vectors = next_vectors(vf, counts, IRQ_MS);
	if (ns)
		*ns = now_ns() - start;
	vectors |= irq_collect(vf, 0);
	if (!testnet_collect(net, NIC_TIMEOUT_MS) || nic_clean(&net->guest, GUEST_QUEUE_PEER))
		return 0;
	return vectors;
}

u32 irq_of_receive(struct testnet *net, u64 *ns)
{
	return irq_of_frame(net, PEER_TO_GUEST, ns);
}

u32 irq_of_send(struct testnet *net, u64 *ns)
{
	return irq_of_frame(net, GUEST_TO_PEER, ns);
}

bool irq_works(struct testnet *net)
{
	return irq_of_receive(net, NULL) == IRQ_RX && irq_of_send(net, NULL) == IRQ_TX;
}
