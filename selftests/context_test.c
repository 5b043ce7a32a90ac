// SPDX-License-Identifier: GPL-2.0-only
/*
 * Transmit contexts, which the device keeps and no register shows. A guest that posts
 * one with each packet, as Linux' igbvf, does not notice a migration; one that posts it
 * once and refers to it from then on, as DPDK does, loses it, until it posts the next.
 *
 * What the loss does is a property of QEMU's model, which finds the layers of a packet
 * without the context: checksums of UDP and TCP are right as long as the context of
 * nobody else says SCTP.
 */
#include <netinet/in.h>
#include <string.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "offload.h"
#include "pf_admin.h"
#include "testnet.h"
#include "vf_request.h"

#define SOURCE		0
#define PEER		1
#define DESTINATION	2

#define PACKETS		5
#define TAG		5
#define TAG_FORMER	7

/* The PF takes some seconds for a reset on a busy machine. */
#define RESET_S		100

FIXTURE(context)
{
	struct testnet net;
	struct offload_flow flow;
	bool opened;
};

FIXTURE_VARIANT(context)
{
	struct offload offload;
	u32 without;		/* what is wrong if the queue never had a context */
	struct offload former;	/* what the last owner of the destination has said, */
	u32 with_former;	/* and what is wrong with that */
};

FIXTURE_VARIANT_ADD(context, udp_checksum)
{
	.offload = { "UDP", IPPROTO_UDP, 0, 300 },
	.without = 0,
	.former = { "SCTP", IPPROTO_SCTP, 0 },
	.with_former = OFFLOAD_L4_CHECKSUM | OFFLOAD_DAMAGED,
};

FIXTURE_VARIANT_ADD(context, tcp_checksum)
{
	.offload = { "TCP", IPPROTO_TCP, 1, 700 },
	.without = 0,
	.former = { "SCTP", IPPROTO_SCTP, 1 },
	.with_former = OFFLOAD_L4_CHECKSUM | OFFLOAD_DAMAGED,
};

FIXTURE_VARIANT_ADD(context, sctp_checksum)
{
	.offload = { "SCTP", IPPROTO_SCTP, 0, 100 },
	.without = OFFLOAD_L4_CHECKSUM,
	.former = { "UDP", IPPROTO_UDP, 0 },
	.with_former = OFFLOAD_L4_CHECKSUM,
};

FIXTURE_VARIANT_ADD(context, vlan_tag)
{
	.offload = { "UDP with a tag", IPPROTO_UDP, 1, 200, .tag = TAG },
	.without = OFFLOAD_TAG,
	.former = { "UDP with another tag", IPPROTO_UDP, 1, .tag = TAG_FORMER },
	.with_former = OFFLOAD_TAG,
};

FIXTURE_VARIANT_ADD(context, segments)
{
	.offload = { "TCP in segments", IPPROTO_TCP, 0, 1500, .mss = 500 },
	.without = OFFLOAD_ABSENT,
	.former = { "TCP in shorter segments", IPPROTO_TCP, 0, .mss = 100 },
	.with_former = OFFLOAD_SEGMENTS,
};

FIXTURE_SETUP(context)
{
}

FIXTURE_TEARDOWN(context)
{
	if (self->opened)
		testnet_close(&self->net);
}

static void begin(struct __test_metadata *_metadata, struct testnet *net,
		  struct offload_flow *flow, const struct offload *offload)
{
	ASSERT_EQ(0, testnet_open(net, SOURCE, PEER));
	ASSERT_EQ(0, vf_set_vlan(net->guest.vf, TAG, true));
	ASSERT_EQ(0, vf_set_vlan(net->peer.vf, TAG, true));
	ASSERT_EQ(0, vf_set_vlan(net->peer.vf, TAG_FORMER, true));
	offload_flow_init(flow, &net->guest, &net->peer, offload);
}

static void send_some(struct __test_metadata *_metadata, struct offload_flow *flow,
		      unsigned int count, bool context, u32 want, const char *when)
{
	u32 wrong;

	while (count--) {
		wrong = offload_send(flow, context);
		EXPECT_EQ(want, wrong) {
			TH_LOG("%s: %s %s", flow->offload->name, when, offload_words(wrong));
		}
	}
}

/*
 * The guest goes to another VF, and has posted packets while the device was stopped,
 * which the destination finds and sends.
 */
static void migrate(struct __test_metadata *_metadata, struct testnet *net,
		    struct offload_flow *flow, unsigned int to, bool context, u32 want)
{
	unsigned int i;
	struct vf *vf;
	u32 wrong;

	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP));
	for (i = 0; i < PACKETS; i++) {
		if (context)
			offload_post_context(flow);
		offload_post(flow);
	}
	offload_ring(flow);
	vf = testnet_arrive(net, to, false, NULL);
	ASSERT_NE(NULL, vf);
	ASSERT_EQ(0, testnet_depart(net, vf));
	ASSERT_TRUE(offload_taken(flow));
	for (i = 0; i < PACKETS; i++) {
		wrong = offload_look(flow);
		EXPECT_EQ(want, wrong) {
			TH_LOG("%s: posted while stopped: %s", flow->offload->name,
			       offload_words(wrong));
		}
	}
}

/* A context is posted once, and used from then on, before a migration and after it. */
static void use_one_context(struct __test_metadata *_metadata, struct testnet *net,
			    struct offload_flow *flow, u32 want)
{
	send_some(_metadata, flow, 1, true, 0, "with its context");
	send_some(_metadata, flow, PACKETS, false, 0, "at the source");
	migrate(_metadata, net, flow, DESTINATION, false, want);
	send_some(_metadata, flow, PACKETS, false, want, "at the destination");
	send_some(_metadata, flow, 1, true, 0, "with a new context");
	send_some(_metadata, flow, PACKETS, false, 0, "after it");
	/* Nothing else has suffered. */
	EXPECT_TRUE(testnet_exchange(net, 2 * NIC_RX_RING));
}

/* A reset of the PF is all that takes a context out of the device. */
TEST_F_TIMEOUT(context, T26_context_is_lost_until_the_guest_posts_one, RESET_S)
{
	ASSERT_EQ(0, pf_reset());
	begin(_metadata, &self->net, &self->flow, &variant->offload);
	self->opened = true;
	use_one_context(_metadata, &self->net, &self->flow, variant->without);
}

static void leave_context(struct __test_metadata *_metadata, const struct offload *offload)
{
	static const u8 mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x2c };
	struct offload_flow flow;
	struct nic nic;

	nic_init(&nic, mac);
	ASSERT_EQ(0, nic_up(&nic, vf_open(vf_bdf(DESTINATION), &nic.ram)));
	offload_flow_init(&flow, &nic, &nic, offload);
	offload_post_context(&flow);
	offload_ring(&flow);
	EXPECT_TRUE(offload_taken(&flow));
	vf_close(nic.vf);
	nic_free(&nic);
}

/* Not even a function-level reset does. */
TEST_F(context, T26_context_of_the_last_owner_is_used_until_then)
{
	leave_context(_metadata, &variant->former);
	begin(_metadata, &self->net, &self->flow, &variant->offload);
	self->opened = true;
	use_one_context(_metadata, &self->net, &self->flow, variant->with_former);
}

/* As Linux does: the same destination, and nothing to notice. */
TEST_F(context, T26_context_with_each_packet)
{
	leave_context(_metadata, &variant->former);
	begin(_metadata, &self->net, &self->flow, &variant->offload);
	self->opened = true;
	send_some(_metadata, &self->flow, PACKETS, true, 0, "before");
	migrate(_metadata, &self->net, &self->flow, DESTINATION, true, 0);
	send_some(_metadata, &self->flow, PACKETS, true, 0, "after");
	EXPECT_TRUE(testnet_exchange(&self->net, 2 * NIC_RX_RING));
}

/* A guest that does not leave keeps it. */
TEST(T26_context_is_kept_if_the_migration_is_cancelled)
{
	static const struct offload segments = {
		"TCP in segments", IPPROTO_TCP, 0, 1500, .mss = 500,
	};
	struct mig_buf stream = { 0 };
	struct offload_flow flow;
	struct testnet net;

	begin(_metadata, &net, &flow, &segments);
	send_some(_metadata, &flow, 1, true, 0, "with its context");
	ASSERT_EQ(0, mig_save(vf_fd(net.guest.vf), &stream));
	mig_buf_free(&stream);
	ASSERT_EQ(0, testnet_set(&net, VFIO_DEVICE_STATE_RUNNING));
	send_some(_metadata, &flow, PACKETS, false, 0, "after a cancel");
	EXPECT_TRUE(testnet_exchange(&net, TESTNET_BURST));
	testnet_close(&net);
}

TEST_HARNESS_MAIN
