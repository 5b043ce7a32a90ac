// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PF's network interface, down and up.
 */
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio/assert.h>

#include "binding.h"
#include "pf_link.h"

#define CARRIER_S	20
/* The PF tells its VFs about the link right after it has a carrier. */
#define PING_US		100000

static bool set_flag_up(const char *netdev, bool up)
{
	struct ifreq ifr = { 0 };
	bool ok;
	int fd;

	snprintf_assert(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", netdev);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return false;
	ok = !ioctl(fd, SIOCGIFFLAGS, &ifr);
	if (up)
		ifr.ifr_flags |= IFF_UP;
	else
		ifr.ifr_flags &= ~IFF_UP;
	ok = ok && !ioctl(fd, SIOCSIFFLAGS, &ifr);
	close(fd);
	return ok;
}

static bool has_carrier(const char *netdev)
{
	char path[64], text[8];

	snprintf_assert(path, sizeof(path), "/sys/class/net/%s/carrier", netdev);
	return sysfs_read(path, text, sizeof(text)) && *text == '1';
}

bool pf_link_down(const char *netdev)
{
	return set_flag_up(netdev, false);
}

bool pf_link_up(const char *netdev)
{
	int i;

	if (!set_flag_up(netdev, true))
		return false;
	for (i = 0; i < CARRIER_S * 100; i++) {
		if (has_carrier(netdev)) {
			usleep(PING_US);
			return true;
		}
		usleep(10000);
	}
	return false;
}

bool pf_reset(const char *netdev)
{
	return pf_link_down(netdev) && pf_link_up(netdev);
}
