// SPDX-License-Identifier: GPL-2.0-only
/*
 * rtnetlink and the ioctls of a network interface, for the PF.
 */
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/types.h>

#include <libvfio/assert.h>

#include "binding.h"
#include "igbvf_device.h"
#include "igbvf_user.h"
#include "pf_admin.h"

#define LINK_TIMEOUT_MS	20000
#define PING_US		100000

struct request {
	struct nlmsghdr hdr;
	struct ifinfomsg info;
	u8 attrs[256];
};

static struct rtattr *put(struct request *req, u16 type, const void *data, size_t len)
{
	struct rtattr *attr = (void *)req + NLMSG_ALIGN(req->hdr.nlmsg_len);

	attr->rta_type = type;
	attr->rta_len = RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(attr), data, len);
	req->hdr.nlmsg_len = NLMSG_ALIGN(req->hdr.nlmsg_len) + RTA_ALIGN(attr->rta_len);
	return attr;
}

static void put_end(struct request *req, struct rtattr *nest)
{
	nest->rta_len = (void *)req + req->hdr.nlmsg_len - (void *)nest;
}

/* The kernel's verdict on @req. */
static int talk(struct request *req)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
	struct {
		struct nlmsghdr hdr;
		struct nlmsgerr err;
		u8 rest[1024];
	} reply;
	ssize_t len;
	int fd, ret;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	len = sendto(fd, req, req->hdr.nlmsg_len, 0, (void *)&kernel, sizeof(kernel));
	if (len >= 0)
		len = recv(fd, &reply, sizeof(reply), 0);
	ret = len < 0 ? -errno : reply.err.error;
	close(fd);
	if (len >= 0 && reply.hdr.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return ret;
}

static int set_vf(u16 type, const void *data, size_t len)
{
	struct request req = {
		.hdr.nlmsg_len = NLMSG_LENGTH(sizeof(req.info)),
		.hdr.nlmsg_type = RTM_SETLINK,
		.hdr.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		.info.ifi_family = AF_UNSPEC,
		.info.ifi_index = if_nametoindex(vf_pf_netdev()),
	};
	struct rtattr *list, *vf;

	list = put(&req, IFLA_VFINFO_LIST | NLA_F_NESTED, NULL, 0);
	vf = put(&req, IFLA_VF_INFO | NLA_F_NESTED, NULL, 0);
	put(&req, type, data, len);
	put_end(&req, vf);
	put_end(&req, list);
	return talk(&req);
}

int pf_set_vf_mac(unsigned int vf, const u8 *mac)
{
	struct ifla_vf_mac set = { .vf = vf };

	memcpy(set.mac, mac, MAC_LEN);
	return set_vf(IFLA_VF_MAC, &set, sizeof(set));
}

int pf_set_vf_vlan(unsigned int vf, u16 vid)
{
	struct ifla_vf_vlan set = { .vf = vf, .vlan = vid };

	return set_vf(IFLA_VF_VLAN, &set, sizeof(set));
}

int pf_set_vf_trust(unsigned int vf, bool on)
{
	struct ifla_vf_trust set = { .vf = vf, .setting = on };

	return set_vf(IFLA_VF_TRUST, &set, sizeof(set));
}

int pf_set_vf_spoofchk(unsigned int vf, bool on)
{
	struct ifla_vf_spoofchk set = { .vf = vf, .setting = on };

	return set_vf(IFLA_VF_SPOOFCHK, &set, sizeof(set));
}

int pf_forget_vf(unsigned int vf)
{
	static const u8 none[MAC_LEN];
	int ret;

	ret = pf_set_vf_mac(vf, none);
	if (!ret)
		ret = pf_set_vf_vlan(vf, 0);
	if (!ret)
		ret = pf_set_vf_trust(vf, false);
	return ret ? ret : pf_set_vf_spoofchk(vf, true);
}

/* @get, a change by @change and @set of the interface. */
static int change_interface(unsigned long get, unsigned long set, void (*change)(struct ifreq *))
{
	struct ifreq ifr = { 0 };
	int fd, ret;

	snprintf_assert(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", vf_pf_netdev());
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	ret = ioctl(fd, get, &ifr);
	if (!ret) {
		change(&ifr);
		ret = ioctl(fd, set, &ifr);
	}
	ret = ret ? -errno : 0;
	close(fd);
	return ret;
}

static void mark_down(struct ifreq *ifr)
{
	ifr->ifr_flags &= ~IFF_UP;
}

static void mark_up(struct ifreq *ifr)
{
	ifr->ifr_flags |= IFF_UP;
}

static void longer_frames(struct ifreq *ifr)
{
	ifr->ifr_mtu += 4;
}

static void shorter_frames(struct ifreq *ifr)
{
	ifr->ifr_mtu -= 4;
}

int pf_wait_link(bool on)
{
	u64 end = now_ns() + LINK_TIMEOUT_MS * 1000000ull;
	char path[64], text[16];

	snprintf_assert(path, sizeof(path), "/sys/class/net/%s/carrier", vf_pf_netdev());
	while (!sysfs_read(path, text, sizeof(text)) || text[0] != (on ? '1' : '0')) {
		if (now_ns() > end)
			return -ETIMEDOUT;
		usleep(2000);
	}
	return 0;
}

int pf_down(void)
{
	return change_interface(SIOCGIFFLAGS, SIOCSIFFLAGS, mark_down);
}

int pf_up(void)
{
	int ret = change_interface(SIOCGIFFLAGS, SIOCSIFFLAGS, mark_up);

	ret = ret ? ret : pf_wait_link(true);
	/* The PF tells its VFs about the link right after it has one. */
	usleep(PING_US);
	return ret;
}

/* Another MTU makes the driver reset the function; a second one leaves it as it was. */
int pf_reset(void)
{
	int ret;

	ret = change_interface(SIOCGIFMTU, SIOCSIFMTU, longer_frames);
	if (!ret)
		ret = change_interface(SIOCGIFMTU, SIOCSIFMTU, shorter_frames);
	return ret ? ret : pf_wait_link(true);
}
