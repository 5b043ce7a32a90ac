// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that moves while it waits for an answer, and holds the mailbox again: its words
 * stay where they are, and the PF of the destination is asked when it lets go.
 */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "filters.h"
#include "probe.h"
#include "testnet.h"

#define VID		100
#define KIND		(VF_MSG_SET_VLAN | 1 << VF_MSG_INFO_SHIFT)
#define AGREED		(KIND | VF_MSG_ACK | VF_MSG_CTS)
/* A PF that was asked has answered by then. */
#define ANSWER_US	200000

#define IN_MAILBOX(_field)	offsetof(struct vmf_igbvf_82576_mailbox, _field)
#define RESET_DONE	VMF_IGBVF_82576_MAILBOX_VF_RESET_DONE
#define VFU		VMF_IGBVF_82576_MAILBOX_VFU
#define PENDING		VMF_IGBVF_82576_MAILBOX_REQUEST_PENDING

static const u32 request[VF_MBMEM_WORDS] = { KIND, VID };

FIXTURE(pending)
{
	struct testnet net;
	struct mig_buf stream;
};

FIXTURE_SETUP(pending)
{
	self->stream = (struct mig_buf){ 0 };
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

FIXTURE_TEARDOWN(pending)
{
	testnet_close(&self->net);
	mig_buf_free(&self->stream);
}

static u32 word_of_the_guest(unsigned int i)
{
	return 0x5a000000 | i;
}

/* The guest takes the buffer, and has these words in it. */
static bool hold(struct vf *vf, const u32 *words, unsigned int count)
{
	unsigned int i;

	vf_write(vf, VF_MAILBOX, VF_MBX_VFU);
	if (!(vf_read(vf, VF_MAILBOX) & VF_MBX_VFU))
		return false;
	for (i = 0; i < VF_MBMEM_WORDS; i++)
		vf_write(vf, VF_MBMEM(i), i < count ? words[i] : word_of_the_guest(i));
	return true;
}

static u8 *mailbox_of(struct mig_buf *stream)
{
	return stream->data + edit_section(stream, VMF_MAILBOX, 0).payload;
}

/* The guest has let go with its request, and taken the buffer again for what comes next. */
static int save_asking_and_holding(struct testnet *net, struct mig_buf *stream)
{
	u8 *mailbox;
	int ret;

	if (!hold(net->guest.vf, NULL, 0))
		return -1;
	ret = mig_save(vf_fd(net->guest.vf), stream);
	if (ret)
		return ret;
	mailbox = mailbox_of(stream);
	if (mailbox[IN_MAILBOX(flags)] != (RESET_DONE | VFU))
		return -1;
	mailbox[IN_MAILBOX(flags)] |= PENDING;
	memcpy(mailbox + IN_MAILBOX(request), request, sizeof(request));
	edit_fixup(stream);
	return 0;
}

/* The device runs, and nothing of the guest's mailbox has changed. */
static void expect_held(struct __test_metadata *_metadata, struct testnet *net)
{
	struct vf *vf = net->guest.vf;
	unsigned int i;

	usleep(ANSWER_US);
	EXPECT_EQ(VF_MBX_VFU, vf_read(vf, VF_MAILBOX));
	for (i = 0; i < VF_MBMEM_WORDS; i++) {
		EXPECT_EQ(word_of_the_guest(i), vf_read(vf, VF_MBMEM(i))) {
			TH_LOG("word %u", i);
		}
	}
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, net->guest.mac, VID, DROPPED));
}

/* The answer has a word, and the buffer those of the request or of the guest beside it. */
static void expect_answer(struct __test_metadata *_metadata, struct testnet *net)
{
	struct vf *vf = net->guest.vf;
	struct igbvf_mailbox mbx;
	u32 got, words[VF_MBMEM_WORDS];
	unsigned int i;

	mailbox_init(&mbx, vf);
	ASSERT_EQ(0, mailbox_fetch(&mbx, words, VF_MBMEM_WORDS));
	EXPECT_EQ(AGREED, words[0]);
	for (i = 1; i < VF_MBMEM_WORDS; i++) {
		got = words[i];
		EXPECT_TRUE(got == request[i] || got == word_of_the_guest(i)) {
			TH_LOG("word %u is %#x", i, got);
		}
	}
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, net->guest.mac, VID, STRIPPED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

static int land(struct testnet *net, unsigned int to, const struct mig_buf *stream)
{
	struct vf *vf = testnet_land(net, to, stream);

	return vf ? testnet_depart(net, vf) : -1;
}

TEST_F(pending, T14_waits_until_the_guest_lets_go)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, save_asking_and_holding(net, &self->stream));
	ASSERT_EQ(0, land(net, 2, &self->stream));
	expect_held(_metadata, net);
	/* It has not, */
	vf_write(net->guest.vf, VF_MAILBOX, VF_MBX_VFU);
	expect_held(_metadata, net);
	/* and now it has. */
	vf_write(net->guest.vf, VF_MAILBOX, VF_MBX_ACK);
	expect_answer(_metadata, net);
}

/* As it waits it is state like any other. */
TEST_F(pending, T14_goes_on_with_the_guest)
{
	struct testnet *net = &self->net;
	struct mig_buf again = { 0 };

	ASSERT_EQ(0, save_asking_and_holding(net, &self->stream));
	ASSERT_EQ(0, land(net, 2, &self->stream));
	ASSERT_EQ(0, mig_save(vf_fd(net->guest.vf), &again));
	EXPECT_EQ(0, memcmp(mailbox_of(&again), mailbox_of(&self->stream),
			    sizeof(struct vmf_igbvf_82576_mailbox)));
	ASSERT_EQ(0, land(net, 3, &again));
	expect_held(_metadata, net);
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	expect_held(_metadata, net);
	vf_write(net->guest.vf, VF_MAILBOX, 0);
	expect_answer(_metadata, net);
	mig_buf_free(&again);
}

/* The guest asks for something else: the PF never hears of the first request. */
TEST_F(pending, T14_gives_way_to_the_next)
{
	struct testnet *net = &self->net;
	struct igbvf_mailbox mbx;
	u32 msg[2] = { KIND, VID + 1 };
	const u8 *filters;

	ASSERT_EQ(0, save_asking_and_holding(net, &self->stream));
	ASSERT_EQ(0, land(net, 2, &self->stream));
	expect_held(_metadata, net);
	mailbox_init(&mbx, net->guest.vf);
	ASSERT_EQ(0, mailbox_post(&mbx, msg, ARRAY_SIZE(msg)));
	ASSERT_EQ(0, mailbox_fetch(&mbx, msg, ARRAY_SIZE(msg)));
	EXPECT_EQ(AGREED, msg[0]);
	EXPECT_EQ(VID + 1, msg[1]);
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, net->guest.mac, VID, DROPPED));
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, net->guest.mac, VID + 1, STRIPPED));
	filters = filters_move(net, &self->stream, 3);
	ASSERT_NE(NULL, filters);
	EXPECT_EQ(1, filters_vlans(filters));
	EXPECT_TRUE(filters_have_vlan(filters, VID + 1));
}

/* A reset of the function drops it. */
TEST_F(pending, T14_is_dropped_by_a_reset)
{
	struct testnet *net = &self->net;
	struct igbvf_mailbox mbx;
	u32 words[3];

	ASSERT_EQ(0, save_asking_and_holding(net, &self->stream));
	ASSERT_EQ(0, land(net, 2, &self->stream));
	mailbox_init(&mbx, net->guest.vf);
	ASSERT_EQ(0, mailbox_reset(&mbx, words));
	EXPECT_EQ(VF_MSG_RESET, words[0] & 0xffff);
	usleep(ANSWER_US);
	EXPECT_EQ(0, vf_read(net->guest.vf, VF_MAILBOX) & VF_MBX_PFSTS);
	ASSERT_EQ(0, nic_up(&net->guest, net->guest.vf));
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, net->guest.mac, VID, DROPPED));
}

/* The buffer is not let go of by a request that takes it in the same write. */
TEST_F(pending, T14_a_request_that_keeps_the_buffer)
{
	struct testnet *net = &self->net;
	struct vf *vf = net->guest.vf;

	ASSERT_TRUE(hold(vf, request, 2));
	vf_write(vf, VF_MAILBOX, VF_MBX_REQ | VF_MBX_VFU);
	ASSERT_EQ(0, mig_save(vf_fd(vf), &self->stream));
	EXPECT_EQ(RESET_DONE | VFU | PENDING, mailbox_of(&self->stream)[IN_MAILBOX(flags)]);
	ASSERT_EQ(0, land(net, 2, &self->stream));
	usleep(ANSWER_US);
	EXPECT_EQ(VF_MBX_VFU, vf_read(net->guest.vf, VF_MAILBOX));
	EXPECT_EQ(KIND, vf_read(net->guest.vf, VF_MBMEM(0)));
	vf_write(net->guest.vf, VF_MAILBOX, VF_MBX_ACK);
	expect_answer(_metadata, net);
}

TEST_HARNESS_MAIN
