// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the agent of the nested guest does as ethtool would, by the same ioctls.
 */
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include <linux/ethtool.h>
#include <linux/sockios.h>

#include "agent.h"

static int ethtool(const char *netdev, void *data)
{
	struct ifreq ifr = { .ifr_data = data };

	return net_ioctl(SIOCETHTOOL, &ifr, netdev);
}

/* stats IF: what ethtool -S prints */
static int cmd_stats(int argc, char **argv)
{
	struct {
		struct ethtool_sset_info info;
		__u32 count;
	} sset = {
		.info.cmd = ETHTOOL_GSSET_INFO,
		.info.sset_mask = 1ull << ETH_SS_STATS,
	};
	struct ethtool_gstrings *names = NULL;
	struct ethtool_stats *stats = NULL;
	int ret = ethtool(argv[1], &sset);
	unsigned int i;

	if (ret)
		return ret;
	names = calloc(1, sizeof(*names) + sset.count * ETH_GSTRING_LEN);
	stats = calloc(1, sizeof(*stats) + sset.count * sizeof(__u64));
	if (!names || !stats) {
		ret = -ENOMEM;
		goto out;
	}
	*names = (struct ethtool_gstrings) {
		.cmd = ETHTOOL_GSTRINGS, .string_set = ETH_SS_STATS, .len = sset.count,
	};
	ret = ethtool(argv[1], names);
	if (ret)
		goto out;
	stats->cmd = ETHTOOL_GSTATS;
	stats->n_stats = sset.count;
	ret = ethtool(argv[1], stats);
	for (i = 0; !ret && i < sset.count; i++)
		answer("= %s=%llu", (char *)names->data + i * ETH_GSTRING_LEN,
		       (unsigned long long)stats->data[i]);
out:
	free(names);
	free(stats);
	return ret;
}

/* ring IF RX TX: how many descriptors; the driver sets its rings up anew */
static int cmd_ring(int argc, char **argv)
{
	struct ethtool_ringparam ring = { .cmd = ETHTOOL_GRINGPARAM };
	int ret = ethtool(argv[1], &ring);

	if (ret)
		return ret;
	ring.cmd = ETHTOOL_SRINGPARAM;
	ring.rx_pending = atoi(argv[2]);
	ring.tx_pending = atoi(argv[3]);
	ret = ethtool(argv[1], &ring);
	if (ret)
		return ret;
	/* The driver rounds what it is told. */
	ring.cmd = ETHTOOL_GRINGPARAM;
	ret = ethtool(argv[1], &ring);
	if (!ret)
		answer("= rx=%u tx=%u", ring.rx_pending, ring.tx_pending);
	return ret;
}

static const struct offload {
	const char *name;
	__u32 get;
	__u32 set;
} offloads[] = {
	{ "rx", ETHTOOL_GRXCSUM, ETHTOOL_SRXCSUM },
	{ "tx", ETHTOOL_GTXCSUM, ETHTOOL_STXCSUM },
	{ "sg", ETHTOOL_GSG, ETHTOOL_SSG },
	{ "tso", ETHTOOL_GTSO, ETHTOOL_STSO },
	{ "gso", ETHTOOL_GGSO, ETHTOOL_SGSO },
	{ "gro", ETHTOOL_GGRO, ETHTOOL_SGRO },
	{ 0 }
};

/* offload IF NAME [0|1]: what it is then */
static int cmd_offload(int argc, char **argv)
{
	const struct offload *offload = offloads;
	struct ethtool_value value = { 0 };
	int ret = 0;

	while (offload->name && strcmp(offload->name, argv[2]))
		offload++;
	if (!offload->name)
		return -EINVAL;
	if (argc > 3) {
		value.cmd = offload->set;
		value.data = atoi(argv[3]);
		ret = ethtool(argv[1], &value);
	}
	value.cmd = offload->get;
	ret = ret ?: ethtool(argv[1], &value);
	if (!ret)
		answer("= %s=%u", offload->name, value.data);
	return ret;
}

const struct command ethtool_commands[] = {
	{ "stats", 1, cmd_stats },
	{ "ring", 3, cmd_ring },
	{ "offload", 2, cmd_offload },
	{ 0 }
};
