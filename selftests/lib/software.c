// SPDX-License-Identifier: GPL-2.0-only
/*
 * Functions in software.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/types.h>

#include <libvfio.h>

#include "binding.h"
#include "mdev.h"
#include "software.h"
#include "tap.h"

void software_or_skip(void)
{
	if (!access("/sys/class/mdev_bus/" MDEV_MODULE, F_OK))
		return;
	ksft_print_header();
	ksft_exit_skip("this kernel cannot emulate devices: no CONFIG_VFIO_MDEV\n");
}

int software_set(const struct software *software, const char *attribute, const char *value)
{
	char path[PATH_MAX];

	device_path(path, sizeof(path), software->uuid, attribute);
	return sysfs_write(path, value);
}

/* Of a tag that a frame had, a packet socket tells beside the frame, if it listens to all. */
static int listen_to(unsigned int ifindex)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = ifindex,
	};
	int one = 1, fd;

	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	VFIO_ASSERT_GE(fd, 0, "packet socket\n");
	VFIO_ASSERT_EQ(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	VFIO_ASSERT_EQ(setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)), 0);
	return fd;
}

int software_create(struct software *software, const char *uuid)
{
	char number[16];
	int ret;

	software->uuid = uuid;
	ret = mdev_create(uuid);
	if (ret)
		return ret;
	software->tap_fd = tap_open(SOFTWARE_TAP);
	if (software->tap_fd < 0) {
		mdev_remove(uuid);
		return software->tap_fd;
	}
	pf_open(&software->wire, SOFTWARE_TAP);
	software->ears = listen_to(software->wire.ifindex);
	snprintf_assert(number, sizeof(number), "%d", software->tap_fd);
	return software_set(software, "network/backend_fd", number);
}

int software_remove(struct software *software)
{
	close(software->ears);
	pf_close(&software->wire);
	close(software->tap_fd);
	return mdev_remove(software->uuid);
}

/* One frame: was it an announcement? */
static bool hear_frame(int fd, struct announcement *announcement)
{
	union {
		struct cmsghdr header;
		u8 bytes[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	u8 frame[FRAME_MAX];
	struct iovec part = { .iov_base = frame, .iov_len = sizeof(frame) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	const struct tpacket_auxdata *aux = (void *)CMSG_DATA(&control.header);

	if (recvmsg(fd, &message, 0) < FRAME_MIN - FRAME_TAG_LEN ||
	    frame[2 * MAC_LEN] != ETH_P_RARP >> 8 || frame[2 * MAC_LEN + 1] != (ETH_P_RARP & 0xff))
		return false;
	memcpy(announcement->mac, frame + MAC_LEN, MAC_LEN);
	announcement->vlan = 0;
	if (CMSG_FIRSTHDR(&message) && aux->tp_status & TP_STATUS_VLAN_VALID)
		announcement->vlan = aux->tp_vlan_tci & 0xfff;
	return true;
}

bool software_hear(struct software *software, struct announcement *announcement, int timeout_ms)
{
	struct pollfd pfd = { .fd = software->ears, .events = POLLIN };

	while (poll(&pfd, 1, timeout_ms) == 1)
		if (hear_frame(software->ears, announcement))
			return true;
	return false;
}
