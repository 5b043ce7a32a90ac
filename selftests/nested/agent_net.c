// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the agent of the nested guest does with network interfaces, by ioctl.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_packet.h>
#include <linux/if_vlan.h>
#include <linux/sockios.h>

#include "agent.h"

static int net_fd(void)
{
	static int fd = -1;

	if (fd < 0)
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd;
}

int net_ioctl(unsigned long request, struct ifreq *ifr, const char *netdev)
{
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", netdev);
	return ioctl(net_fd(), request, ifr) ? -errno : 0;
}

int net_parse_mac(const char *text, unsigned char *mac)
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2,
		      mac + 3, mac + 4, mac + 5) == 6 ? 0 : -EINVAL;
}

static int set_flags(const char *netdev, short set, short clear)
{
	struct ifreq ifr = { 0 };
	int ret = net_ioctl(SIOCGIFFLAGS, &ifr, netdev);

	if (ret)
		return ret;
	ifr.ifr_flags = (ifr.ifr_flags | set) & ~clear;
	return net_ioctl(SIOCSIFFLAGS, &ifr, netdev);
}

static int cmd_up(int argc, char **argv)
{
	return set_flags(argv[1], IFF_UP, 0);
}

static int cmd_down(int argc, char **argv)
{
	return set_flags(argv[1], 0, IFF_UP);
}

int net_set_mac(const char *netdev, const char *mac)
{
	struct ifreq ifr = { .ifr_hwaddr.sa_family = ARPHRD_ETHER };
	int ret = net_parse_mac(mac, (void *)ifr.ifr_hwaddr.sa_data);

	return ret ?: net_ioctl(SIOCSIFHWADDR, &ifr, netdev);
}

/* mac IF [ADDRESS] */
static int cmd_mac(int argc, char **argv)
{
	struct ifreq ifr = { 0 };
	unsigned char *mac = (void *)ifr.ifr_hwaddr.sa_data;
	int ret = argc > 2 ? net_set_mac(argv[1], argv[2]) : 0;

	ret = ret ?: net_ioctl(SIOCGIFHWADDR, &ifr, argv[1]);
	if (!ret)
		answer("= %02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		       mac[4], mac[5]);
	return ret;
}

static int cmd_mtu(int argc, char **argv)
{
	struct ifreq ifr = { .ifr_mtu = atoi(argv[2]) };

	return net_ioctl(SIOCSIFMTU, &ifr, argv[1]);
}

/* address IF ADDRESS MASK */
static int cmd_address(int argc, char **argv)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct ifreq ifr = { 0 };
	int ret;

	sin.sin_addr.s_addr = inet_addr(argv[2]);
	memcpy(&ifr.ifr_addr, &sin, sizeof(sin));
	ret = net_ioctl(SIOCSIFADDR, &ifr, argv[1]);
	if (ret)
		return ret;
	sin.sin_addr.s_addr = inet_addr(argv[3]);
	memcpy(&ifr.ifr_netmask, &sin, sizeof(sin));
	return net_ioctl(SIOCSIFNETMASK, &ifr, argv[1]);
}

static int vlan(struct vlan_ioctl_args *args, const char *netdev)
{
	snprintf(args->device1, sizeof(args->device1), "%s", netdev);
	return ioctl(net_fd(), SIOCSIFVLAN, args) ? -errno : 0;
}

/* vlan IF ID: makes IF.ID */
static int cmd_vlan(int argc, char **argv)
{
	struct vlan_ioctl_args type = {
		.cmd = SET_VLAN_NAME_TYPE_CMD,
		.u.name_type = VLAN_NAME_TYPE_RAW_PLUS_VID_NO_PAD,
	};
	struct vlan_ioctl_args add = { .cmd = ADD_VLAN_CMD, .u.VID = atoi(argv[2]) };

	return vlan(&type, argv[1]) ?: vlan(&add, argv[1]);
}

static int cmd_vlan_del(int argc, char **argv)
{
	struct vlan_ioctl_args del = { .cmd = DEL_VLAN_CMD };

	return vlan(&del, argv[1]);
}

static int member_fd = -1;

/* join IF ADDRESS: into the filter of the interface, multicast or unicast. */
static int cmd_join(int argc, char **argv)
{
	struct packet_mreq mreq = { .mr_ifindex = if_nametoindex(argv[1]), .mr_alen = 6 };
	int ret = net_parse_mac(argv[2], mreq.mr_address);

	if (ret)
		return ret;
	if (member_fd < 0)
		member_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	mreq.mr_type = mreq.mr_address[0] & 1 ? PACKET_MR_MULTICAST : PACKET_MR_UNICAST;
	return setsockopt(member_fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq,
			  sizeof(mreq)) ? -errno : 0;
}

/* leave: all that was joined */
static int cmd_leave(int argc, char **argv)
{
	if (member_fd >= 0)
		close(member_fd);
	member_fd = -1;
	return 0;
}

const struct command net_commands[] = {
	{ "up", 1, cmd_up },
	{ "down", 1, cmd_down },
	{ "mac", 1, cmd_mac },
	{ "mtu", 2, cmd_mtu },
	{ "address", 3, cmd_address },
	{ "vlan", 2, cmd_vlan },
	{ "vlan_del", 1, cmd_vlan_del },
	{ "join", 2, cmd_join },
	{ "leave", 0, cmd_leave },
	{ 0 }
};
