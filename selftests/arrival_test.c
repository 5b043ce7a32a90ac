// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that goes on is told of by an event of its VF: by which addresses the network
 * knows it, and not as often as its VMM likes.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "migration.h"
#include "testnet.h"
#include "vf_request.h"

#define VID		100
/* As many as are told of in INTERVAL_S, and steps that would be more. */
#define TOLD		10
#define STEPS		40
#define INTERVAL_S	5
/* The kernel's events, before udev has seen them. */
#define GROUP		1

FIXTURE(arrival)
{
	struct testnet net;
	int events;
};

FIXTURE_SETUP(arrival)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = GROUP };

	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
	self->events = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
			      NETLINK_KOBJECT_UEVENT);
	ASSERT_GE(self->events, 0);
	ASSERT_EQ(0, bind(self->events, (struct sockaddr *)&to, sizeof(to)));
}

FIXTURE_TEARDOWN(arrival)
{
	close(self->events);
	testnet_close(&self->net);
}

/* The value of @name in an event of @len bytes, which are strings; NULL if it has none. */
static const char *value_of(const char *event, size_t len, const char *name)
{
	const char *at;

	for (at = event; at < event + len; at += strlen(at) + 1) {
		if (!strncmp(at, name, strlen(name)) && at[strlen(name)] == '=')
			return at + strlen(name) + 1;
	}
	return NULL;
}

/* How many events say that the guest of the VF runs; the stations of the last one. */
static unsigned int told(int events, const char *bdf, char *stations, size_t size)
{
	char event[4096];
	unsigned int count = 0;
	ssize_t len;

	while ((len = recv(events, event, sizeof(event) - 1, 0)) > 0) {
		const char *what, *slot, *list;

		event[len] = '\0';
		what = value_of(event, len, "VMF_EVENT");
		slot = value_of(event, len, "PCI_SLOT_NAME");
		list = value_of(event, len, "VMF_STATIONS");
		if (!what || strcmp(what, "running") || !slot || strcmp(slot, bdf) || !list)
			continue;
		snprintf(stations, size, "%s", list);
		count++;
	}
	return count;
}

static int stop_and_go(int fd)
{
	int err = mig_set(fd, VFIO_DEVICE_STATE_RUNNING_P2P, NULL);

	return err ?: mig_set(fd, VFIO_DEVICE_STATE_RUNNING, NULL);
}

TEST_F(arrival, says_by_which_addresses)
{
	struct vf *vf = self->net.guest.vf;
	const u8 *mac = self->net.guest.mac;
	char stations[256] = "", own[18], want[64];

	ASSERT_EQ(0, vf_set_vlan(vf, VID, true));
	ASSERT_EQ(0, told(self->events, vf->bdf, stations, sizeof(stations)));
	ASSERT_EQ(0, stop_and_go(vf_fd(vf)));
	EXPECT_EQ(1, told(self->events, vf->bdf, stations, sizeof(stations)));
	snprintf(own, sizeof(own), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	snprintf(want, sizeof(want), "%s %s@%d", own, own, VID);
	EXPECT_STREQ(want, stations);
}

/* Nobody who listens is flooded, and later there is an event again. */
TEST_F(arrival, is_not_said_all_the_time)
{
	struct vf *vf = self->net.guest.vf;
	char stations[256];
	unsigned int i;

	sleep(INTERVAL_S + 1);
	for (i = 0; i < STEPS; i++)
		ASSERT_EQ(0, stop_and_go(vf_fd(vf)));
	EXPECT_EQ(TOLD, told(self->events, vf->bdf, stations, sizeof(stations)));
	sleep(INTERVAL_S + 1);
	ASSERT_EQ(0, stop_and_go(vf_fd(vf)));
	EXPECT_EQ(1, told(self->events, vf->bdf, stations, sizeof(stations)));
}

/* Without an address the network knows nobody. */
TEST_F(arrival, of_a_guest_without_an_address_nothing)
{
	struct vf *vf = self->net.guest.vf;
	char stations[256];

	vfio_pci_device_reset(vf->pci);
	ASSERT_EQ(0, stop_and_go(vf_fd(vf)));
	EXPECT_EQ(0, told(self->events, vf->bdf, stations, sizeof(stations)));
}

TEST_HARNESS_MAIN
