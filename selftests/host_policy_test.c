// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the host's administrator has decided about a VF holds: its address, its VLAN,
 * and whether its guest is trusted. Where that does not suit a guest, the guest does
 * not come in, and says at the source why.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "filters.h"
#include "handshake.h"
#include "kernel_log.h"
#include "monitor.h"
#include "pf_admin.h"
#include "probe.h"
#include "testnet.h"
#include "vf_request.h"

#define GUEST		0
#define PEER		1
#define TO		2
#define PORT_VLAN	7
#define VID		100
#define MAX_FRAME	9018

#define VMF_FILTERS_LEN	sizeof(struct vmf_igbvf_82576_filters)

static const u8 second_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x1a };
static const u8 host_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0xaa };

FIXTURE(host_policy)
{
	struct testnet net;
	struct mig_buf stream;
};

FIXTURE_SETUP(host_policy)
{
	self->stream = (struct mig_buf){ 0 };
	ASSERT_EQ(0, testnet_open(&self->net, GUEST, PEER));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

FIXTURE_TEARDOWN(host_policy)
{
	unsigned int i;

	testnet_close(&self->net);
	mig_buf_free(&self->stream);
	for (i = 0; i < VF_MAX; i++)
		EXPECT_EQ(0, pf_forget_vf(i));
}

/* The destination takes back what it has done, says why, and the source goes on. */
static void expect_refusal(struct __test_metadata *_metadata, struct testnet *net,
			   struct mig_buf *stream, const char *word, bool host_set_mac)
{
	char text[FORMAT_TEXT_MAX];
	struct vf *vf;

	ASSERT_EQ(0, mig_save(vf_fd(net->guest.vf), stream));
	vf = vf_open(vf_bdf(TO), &net->guest.ram);
	EXPECT_EQ(-EIO, mig_load(vf_fd(vf), stream));
	EXPECT_EQ(-EIO, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP, NULL));
	if (read_last_error(vf->bdf, text, sizeof(text))) {
		TH_LOG("last error: %s", text);
		EXPECT_NE(NULL, strstr(text, word));
		EXPECT_NE(NULL, strstr(text, "PF refuses"));
	}
	EXPECT_EQ(host_set_mac ? PF_RAH_VALID : 0,
		  monitor_pf_register(PF_RAH(TO)) & PF_RAH_VALID);
	vf_close(vf);
	ASSERT_EQ(0, mig_set(vf_fd(net->guest.vf), VFIO_DEVICE_STATE_RUNNING, NULL));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

TEST_F(host_policy, T10_mac_of_the_guest)
{
	struct testnet *net = &self->net;
	u8 first_mac[MAC_LEN];

	memcpy(first_mac, net->guest.mac, MAC_LEN);
	ASSERT_EQ(0, testnet_migrate(net, TO, true));
	EXPECT_TRUE(probe_both(net, first_mac, UNTAGGED));
	EXPECT_TRUE(probe_both(net, second_mac, DROPPED));

	/* Another one, which is the only one from then on. */
	memcpy(net->guest.mac, second_mac, MAC_LEN);
	ASSERT_EQ(0, vf_join(net->guest.vf, second_mac));
	EXPECT_TRUE(probe_both(net, first_mac, DROPPED));
	ASSERT_EQ(0, testnet_migrate(net, GUEST, false));
	EXPECT_TRUE(probe_both(net, first_mac, DROPPED));
	EXPECT_TRUE(probe_both(net, second_mac, UNTAGGED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* igb logs each request that it refuses: once for each owner is enough. */
TEST_F(host_policy, resets_do_not_fill_the_log)
{
	const char * const words[] = { "requested MAC filter", "administratively denied" };
	struct vf *vf;
	int log, i;

	ASSERT_EQ(0, pf_set_vf_mac(TO, host_mac));
	log = kernel_log_open();
	ASSERT_LE(0, log);
	vf = vf_open(vf_bdf(TO), &self->net.guest.ram);
	EXPECT_TRUE(kernel_log_has(log, words[0], words[1]));
	for (i = 0; i < 5; i++)
		vf_reset(vf);
	vf_close(vf);
	EXPECT_FALSE(kernel_log_has(log, words[0], words[1]));
	close(log);
}

/* With the address that the guest has anyway there is nothing to refuse. */
TEST_F(host_policy, T10_same_mac_set_by_the_host)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, pf_set_vf_mac(TO, net->guest.mac));
	ASSERT_EQ(0, testnet_migrate(net, TO, true));
	EXPECT_TRUE(probe_both(net, net->guest.mac, UNTAGGED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));

	/* The host's decision does not go along. */
	ASSERT_EQ(0, testnet_migrate(net, 3, false));
	ASSERT_EQ(0, vf_join(net->guest.vf, net->guest.mac));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* What the guest gets from its own host is its address from then on. */
TEST_F(host_policy, T10_mac_set_by_the_host_of_the_source)
{
	struct testnet *net = &self->net;
	u8 first_mac[MAC_LEN];
	u32 msg[3] = { VF_MSG_RESET };

	memcpy(first_mac, net->guest.mac, MAC_LEN);
	ASSERT_EQ(0, pf_set_vf_mac(GUEST, host_mac));
	ASSERT_EQ(0, nic_mailbox(net->guest.vf, msg, 1, 3));
	EXPECT_EQ(VF_MSG_RESET | VF_MSG_ACK, msg[0]);
	EXPECT_EQ(0, memcmp(&msg[1], host_mac, MAC_LEN));
	memcpy(net->guest.mac, host_mac, MAC_LEN);
	/* igbvf asks for it again, is refused, and minds that no more. */
	EXPECT_EQ(-EACCES, vf_join(net->guest.vf, host_mac));
	EXPECT_TRUE(probe_both(net, host_mac, UNTAGGED));

	ASSERT_EQ(0, testnet_migrate(net, TO, true));
	EXPECT_TRUE(probe_both(net, host_mac, UNTAGGED));
	EXPECT_TRUE(probe_both(net, first_mac, DROPPED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

TEST_F(host_policy, T10_other_mac_set_by_the_host)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, pf_set_vf_mac(TO, host_mac));
	expect_refusal(_metadata, net, &self->stream, "MAC address", true);

	/* It was this, and nothing that has stayed of it. */
	ASSERT_EQ(0, pf_forget_vf(TO));
	ASSERT_EQ(0, testnet_migrate(net, TO, false));
	EXPECT_TRUE(probe_both(net, host_mac, DROPPED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

TEST_F(host_policy, T10_other_mac_set_by_the_host_of_a_trusted_guest)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, pf_set_vf_mac(TO, host_mac));
	ASSERT_EQ(0, pf_set_vf_trust(TO, true));
	ASSERT_EQ(0, testnet_migrate(net, TO, true));
	EXPECT_TRUE(probe_both(net, net->guest.mac, UNTAGGED));
	EXPECT_TRUE(probe_both(net, host_mac, DROPPED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
	ASSERT_EQ(0, testnet_migrate(net, GUEST, true));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/*
 * A guest between its reset and VF_RESET has no address, whatever a stream says: all that the
 * PF is asked for is what outlasts a reset.
 */
TEST_F(host_policy, T10_other_mac_set_by_the_host_of_a_guest_after_a_reset)
{
	const u8 *filters, nothing[VMF_FILTERS_LEN] = { 0 };
	struct mig_buf up = { 0 }, *stream = &self->stream;
	struct testnet *net = &self->net;
	struct vf *vf = net->guest.vf;

	ASSERT_EQ(0, vf_set_max_frame(vf, MAX_FRAME));
	ASSERT_EQ(0, vf_set_vlan(vf, VID, true));
	ASSERT_EQ(0, mig_save(vf_fd(vf), &up));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	vf_write(vf, VF_CTRL, VF_CTRL_RST);
	ASSERT_EQ(0, mig_save(vf_fd(vf), stream));
	memcpy(stream->data + edit_section(stream, VMF_FILTERS, 0).payload,
	       up.data + edit_section(&up, VMF_FILTERS, 0).payload, VMF_FILTERS_LEN);
	edit_fixup(stream);
	ASSERT_EQ(0, pf_set_vf_mac(TO, host_mac));
	ASSERT_EQ(0, pf_set_vf_vlan(TO, PORT_VLAN));
	vf = testnet_land(net, TO, stream);
	ASSERT_NE(NULL, vf);

	/* Nor does it say so itself. */
	ASSERT_EQ(0, mig_save(vf_fd(vf), stream));
	filters = stream->data + edit_section(stream, VMF_FILTERS, 0).payload;
	EXPECT_EQ(MAX_FRAME_VALID, filters_flags(filters));
	EXPECT_EQ(MAX_FRAME, filters_max_frame(filters));
	EXPECT_EQ(0, memcmp(nothing, filters + IN_FILTERS(mac),
			    IN_FILTERS(max_frame) - IN_FILTERS(mac)));
	EXPECT_EQ(0, memcmp(nothing, filters + IN_FILTERS(multicast),
			    VMF_FILTERS_LEN - IN_FILTERS(multicast)));
	mig_buf_free(&up);
	vf_close(vf);
}

/* Further addresses are no business of a guest whose address the host has set. */
TEST_F(host_policy, T10_T12_further_addresses_need_trust)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, vf_add_unicast(net->guest.vf, second_mac));
	ASSERT_EQ(0, pf_set_vf_mac(TO, net->guest.mac));
	expect_refusal(_metadata, net, &self->stream, "unicast filter", true);
	EXPECT_TRUE(probe_both(net, second_mac, UNTAGGED));

	ASSERT_EQ(0, pf_set_vf_trust(TO, true));
	ASSERT_EQ(0, testnet_migrate(net, TO, false));
	EXPECT_TRUE(probe_both(net, second_mac, UNTAGGED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* Nor are they taken away in its name before the host has taken back its own. */
TEST_F(host_policy, T12_addresses_go_when_the_host_lets_them)
{
	struct testnet *net = &self->net;
	unsigned int before = vf_unicast_room(net->peer.vf);
	struct vf *vf = vf_open(vf_bdf(TO), NULL);

	ASSERT_EQ(0, vf_join(vf, second_mac));
	ASSERT_EQ(0, vf_add_unicast(vf, host_mac));
	ASSERT_EQ(0, pf_set_vf_mac(TO, second_mac));
	vf_close(vf);
	EXPECT_EQ(before - 1, vf_unicast_room(net->peer.vf));
	ASSERT_EQ(0, pf_forget_vf(TO));
	vf_close(vf_open(vf_bdf(TO), NULL));
	EXPECT_EQ(before, vf_unicast_room(net->peer.vf));
}

/* Only the host can take away what it has set, so it is told. */
TEST_F(host_policy, T10_address_that_stays_is_in_the_log)
{
	struct testnet *net = &self->net;
	int log;

	log = kernel_log_open();
	ASSERT_LE(0, log);
	ASSERT_EQ(0, testnet_migrate(net, TO, false));
	/* What the guest has set goes with it. */
	EXPECT_FALSE(kernel_log_has(log, vf_bdf(GUEST), "02:76:6d:66:00:0a"));

	ASSERT_EQ(0, pf_set_vf_mac(TO, host_mac));
	EXPECT_EQ(-EACCES, vf_join(net->guest.vf, net->guest.mac));
	memcpy(net->guest.mac, host_mac, MAC_LEN);
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
	kernel_log_has(log, "", "");
	ASSERT_EQ(0, testnet_migrate(net, GUEST, false));
	EXPECT_TRUE(kernel_log_has(log, vf_bdf(TO), "02:76:6d:66:00:aa"));
	close(log);
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* In a VLAN of the host's choice, and a guest that has none of its own. */
TEST_F(host_policy, T11_vlan_set_by_the_host)
{
	struct testnet *net = &self->net;
	u8 *mac = net->guest.mac;

	ASSERT_EQ(0, vf_set_vlan(net->guest.vf, 0, true));
	ASSERT_EQ(0, pf_set_vf_vlan(TO, PORT_VLAN));
	ASSERT_EQ(0, testnet_migrate(net, TO, true));
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, mac, PORT_VLAN, STRIPPED));
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, mac, 0, DROPPED));
	EXPECT_TRUE(probe_vf(&net->peer, &net->guest, mac, DROPPED));
	EXPECT_TRUE(probe_vf(&net->guest, &net->peer, net->peer.mac, DROPPED));

	/* It sees those that are in the same one. */
	ASSERT_EQ(0, pf_set_vf_vlan(PEER, PORT_VLAN));
	EXPECT_TRUE(probe_vf_vlan(&net->peer, &net->guest, mac, PORT_VLAN, STRIPPED));
	EXPECT_TRUE(probe_vf_vlan(&net->guest, &net->peer, net->peer.mac, PORT_VLAN, STRIPPED));

	/* The VLAN does not go along. */
	ASSERT_EQ(0, pf_set_vf_vlan(PEER, 0));
	ASSERT_EQ(0, testnet_migrate(net, GUEST, false));
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, mac, PORT_VLAN, DROPPED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

TEST_F(host_policy, T11_vlan_set_by_the_host_for_a_guest_with_vlans)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, vf_set_vlan(net->guest.vf, VID, true));
	ASSERT_EQ(0, pf_set_vf_vlan(TO, PORT_VLAN));
	expect_refusal(_metadata, net, &self->stream, "VLAN", false);
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, net->guest.mac, VID, STRIPPED));

	ASSERT_EQ(0, pf_set_vf_vlan(TO, 0));
	ASSERT_EQ(0, testnet_migrate(net, TO, false));
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, net->guest.mac, VID, STRIPPED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

TEST_HARNESS_MAIN
