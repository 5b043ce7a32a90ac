// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PF has a life of its own: it pings its VFs, is reset, and goes down, in the
 * worst of moments.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "counters.h"
#include "handshake.h"
#include "monitor.h"
#include "pf_admin.h"
#include "probe.h"
#include "testnet.h"
#include "vf_request.h"

#define GUEST		0
#define PEER		1
#define TO		2
#define VID		100
#define VLANS		30
#define PULLS_MAX	80
#define REPEATS		2
#define CARRIER_MS	10000
/* On a machine that may be busy; the driver waits for about one second. */
#define REFUSAL_MS	10000

static const u8 other_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x01, 0x0a };
static const u8 third_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x02, 0x0a };

FIXTURE(pf_reset)
{
	struct testnet net;
	struct mig_buf stream;
	struct vf *to;
};

FIXTURE_SETUP(pf_reset)
{
	self->stream = (struct mig_buf){ 0 };
	self->to = NULL;
	ASSERT_EQ(0, testnet_open(&self->net, GUEST, PEER));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

FIXTURE_TEARDOWN(pf_reset)
{
	vf_close(self->to);
	testnet_close(&self->net);
	mig_buf_free(&self->stream);
	EXPECT_EQ(0, pf_up());
}

/* Drivers that were told of the reset start anew; what they have not received is lost. */
static void drivers_up(struct __test_metadata *_metadata, struct testnet *net)
{
	pf_renew(&net->pf);
	ASSERT_EQ(0, nic_up(&net->peer, net->peer.vf));
	ASSERT_EQ(0, nic_up(&net->guest, net->guest.vf));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

static bool queues_are_off(struct vf *vf)
{
	unsigned int q;

	for (q = 0; q < VF_QUEUES; q++)
		if ((vf_read(vf, VF_RXDCTL(q)) | vf_read(vf, VF_TXDCTL(q))) & VF_QUEUE_ENABLE)
			return false;
	return true;
}

/* Without its rings the guest must not run; it learns from the mailbox what has happened. */
static void expect_reset_seen(struct __test_metadata *_metadata, struct vf *vf)
{
	u32 seen;

	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, mig_state(vf_fd(vf)));
	EXPECT_TRUE(queues_are_off(vf));
	seen = vf_read(vf, VF_MAILBOX);
	EXPECT_TRUE(seen & VF_MBX_RSTD) {
		TH_LOG("mailbox %#x", seen);
	}
	EXPECT_FALSE(seen & VF_MBX_RSTI);
	/* Once. */
	EXPECT_FALSE(vf_read(vf, VF_MAILBOX) & VF_MBX_RSTD);
}

static struct vf *start(struct testnet *net, struct vf *vf)
{
	return testnet_depart(net, vf) ? NULL : vf;
}

struct puller {
	pthread_t thread;
	int monitor;
	int ret;
	unsigned int pulls;
	bool stop;
	bool done;
};

static long long repeats(void)
{
	return counter_read(vf_bdf(TO), "mailbox_repeats");
}

/* Until some of the pings have been in the way. */
static void *pull(void *arg)
{
	struct puller *puller = arg;
	long long enough = repeats() + REPEATS;

	for (; puller->pulls < PULLS_MAX && repeats() < enough; puller->pulls++) {
		if (__atomic_load_n(&puller->stop, __ATOMIC_ACQUIRE))
			break;
		puller->ret = monitor_set_link(puller->monitor, false);
		if (!puller->ret)
			puller->ret = monitor_set_link(puller->monitor, true);
		if (puller->ret)
			break;
	}
	__atomic_store_n(&puller->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* A ping takes the place of a message or of its answer, whichever is in the buffer. */
TEST_F_TIMEOUT(pf_reset, T15_pings_during_the_replay, 100)
{
	struct testnet *net = &self->net;
	struct vf *source = net->guest.vf;
	struct puller puller = { 0 };
	unsigned int loads, i;
	long long before;
	int ret = 0;

	for (i = 0; i < VLANS; i++)
		ASSERT_EQ(0, vf_set_vlan(source, VID + i, true));
	ASSERT_EQ(0, vf_add_unicast(source, other_mac));
	ASSERT_EQ(0, vf_add_unicast(source, third_mac));
	ASSERT_EQ(0, vf_set_max_frame(source, 9022));
	ASSERT_EQ(0, mig_save(vf_fd(source), &self->stream));

	self->to = vf_open(vf_bdf(TO), &net->guest.ram);
	before = repeats();
	ASSERT_LE(0, before);
	puller.monitor = monitor_open();
	ASSERT_LE(0, puller.monitor);
	ASSERT_EQ(0, pthread_create(&puller.thread, NULL, pull, &puller));
	for (loads = 0; !ret && !__atomic_load_n(&puller.done, __ATOMIC_ACQUIRE); loads++)
		ret = mig_load(vf_fd(self->to), &self->stream);
	__atomic_store_n(&puller.stop, true, __ATOMIC_RELEASE);
	pthread_join(puller.thread, NULL);
	monitor_close(puller.monitor);
	TH_LOG("%u loads, %u pings, %lld repeats", loads, 2 * puller.pulls, repeats() - before);
	ASSERT_EQ(0, puller.ret);
	ASSERT_EQ(0, ret);
	/* Whether a ping meets a message is chance; what follows has to hold either way. */
	if (before == repeats())
		TH_LOG("no ping has met a message this time");

	/* Nothing of it got lost. */
	ASSERT_NE(NULL, start(net, self->to));
	self->to = NULL;
	for (i = 0; i < VLANS; i++)
		EXPECT_TRUE(probe_pf(&net->pf, &net->guest, net->guest.mac, VID + i, STRIPPED));
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, other_mac, 0, UNTAGGED));
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, third_mac, 0, UNTAGGED));
	EXPECT_TRUE(probe_length(&net->peer, &net->guest, FRAME_JUMBO_MAX, UNTAGGED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* The rest of @stream, of which @done bytes were written when the PF still worked. */
static void expect_refusal(struct __test_metadata *_metadata, struct vf *vf, int data_fd,
			   const struct mig_buf *stream, size_t done)
{
	char text[FORMAT_TEXT_MAX];
	u64 begin = now_ns();
	unsigned int ms;

	EXPECT_EQ(-EIO, mig_write(data_fd, stream->data + done, stream->len - done, MIG_CHUNK));
	close(data_fd);
	ms = (now_ns() - begin) / 1000000;
	TH_LOG("refused after %u ms", ms);
	EXPECT_GT(REFUSAL_MS, ms);
	EXPECT_EQ(-EIO, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP, NULL));
	if (read_last_error(vf->bdf, text, sizeof(text))) {
		TH_LOG("last error: %s", text);
		EXPECT_NE(NULL, strstr(text, "PF"));
		EXPECT_NE(NULL, strstr(text, "reset"));
	}
}

/* Here it is the source's PF too: its guest can go on, and finds that it was reset. */
TEST_F_TIMEOUT(pf_reset, T15_pf_down_while_resuming, 90)
{
	struct mig_buf *stream = &self->stream;
	struct testnet *net = &self->net;
	struct vf *source = net->guest.vf;
	size_t half;
	int data_fd;

	ASSERT_EQ(0, mig_save(vf_fd(source), stream));
	half = stream->len / 2;
	self->to = vf_open(vf_bdf(TO), &net->guest.ram);
	ASSERT_EQ(0, mig_set(vf_fd(self->to), VFIO_DEVICE_STATE_RESUMING, &data_fd));
	ASSERT_EQ(0, mig_write(data_fd, stream->data, half, MIG_CHUNK));
	ASSERT_EQ(0, pf_down());
	expect_refusal(_metadata, self->to, data_fd, stream, half);
	vf_close(self->to);

	/* The same when it is down from the start. */
	self->to = vf_open(vf_bdf(TO), &net->guest.ram);
	ASSERT_EQ(0, mig_set(vf_fd(self->to), VFIO_DEVICE_STATE_RESUMING, &data_fd));
	expect_refusal(_metadata, self->to, data_fd, stream, 0);

	ASSERT_EQ(0, mig_set(vf_fd(source), VFIO_DEVICE_STATE_RUNNING, NULL));
	EXPECT_TRUE(queues_are_off(source));
	ASSERT_EQ(0, pf_up());
	/* It is not the PF that has put this one out of action for good. */
	vf_reset(self->to);
	EXPECT_EQ(0, mig_load(vf_fd(self->to), stream));
	vf_close(self->to);
	self->to = NULL;

	EXPECT_TRUE(vf_read(source, VF_MAILBOX) & VF_MBX_RSTD);
	drivers_up(_metadata, net);
	ASSERT_EQ(0, testnet_migrate(net, TO, false));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* Saved while its PF is in reset: the guest is, too, and learns that at the destination. */
TEST_F_TIMEOUT(pf_reset, T15_T23_pf_in_reset_when_saved, 60)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, pf_down());
	ASSERT_EQ(0, mig_save(vf_fd(net->guest.vf), &self->stream));
	ASSERT_EQ(0, pf_up());
	self->to = testnet_land(net, TO, &self->stream);
	ASSERT_NE(NULL, self->to);
	ASSERT_NE(NULL, start(net, self->to));
	self->to = NULL;
	expect_reset_seen(_metadata, net->guest.vf);
	drivers_up(_metadata, net);
}

/* The stream is from before, and the destination all the same as the guest left it. */
TEST_F_TIMEOUT(pf_reset, T23_between_save_and_load, 60)
{
	struct testnet *net = &self->net;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, vf_set_vlan(net->guest.vf, VID, true));
		ASSERT_EQ(0, vf_add_unicast(net->guest.vf, other_mac));
		ASSERT_EQ(0, mig_save(vf_fd(net->guest.vf), &self->stream));
		if (i)
			self->to = vf_open(vf_bdf(GUEST), &net->guest.ram);
		ASSERT_EQ(0, pf_reset());
		if (!i)
			self->to = vf_open(vf_bdf(TO), &net->guest.ram);
		ASSERT_EQ(0, mig_load(vf_fd(self->to), &self->stream));
		ASSERT_NE(NULL, start(net, self->to));
		self->to = NULL;

		EXPECT_EQ(0, vf_read(net->guest.vf, VF_MAILBOX) & (VF_MBX_RSTD | VF_MBX_RSTI));
		ASSERT_EQ(0, nic_up(&net->peer, net->peer.vf));
		EXPECT_TRUE(probe_pf(&net->pf, &net->guest, other_mac, 0, UNTAGGED));
		EXPECT_TRUE(probe_pf(&net->pf, &net->guest, net->guest.mac, VID, STRIPPED));
		ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
	}
}

TEST_F_TIMEOUT(pf_reset, T23_between_load_and_running, 60)
{
	struct testnet *net = &self->net;

	self->to = testnet_arrive(net, TO, true, &self->stream);
	ASSERT_NE(NULL, self->to);
	ASSERT_EQ(0, pf_reset());
	ASSERT_NE(NULL, start(net, self->to));
	self->to = NULL;
	expect_reset_seen(_metadata, net->guest.vf);
	drivers_up(_metadata, net);
	ASSERT_EQ(0, testnet_migrate(net, GUEST, true));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* The same where the guest stays: the migration is cancelled. */
TEST_F_TIMEOUT(pf_reset, T23_between_save_and_cancel, 60)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, mig_save(vf_fd(net->guest.vf), &self->stream));
	ASSERT_EQ(0, pf_reset());
	ASSERT_EQ(0, mig_set(vf_fd(net->guest.vf), VFIO_DEVICE_STATE_RUNNING, NULL));
	expect_reset_seen(_metadata, net->guest.vf);
	drivers_up(_metadata, net);
}

/* The guest runs and sees to it itself; and can be migrated before it has, and after. */
TEST_F_TIMEOUT(pf_reset, T23_while_running, 60)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, vf_add_unicast(net->guest.vf, other_mac));
	ASSERT_EQ(0, testnet_migrate(net, TO, true));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
	ASSERT_EQ(0, pf_reset());
	EXPECT_TRUE(vf_read(net->guest.vf, VF_MAILBOX) & VF_MBX_RSTD);
	drivers_up(_metadata, net);
	ASSERT_EQ(0, testnet_migrate(net, GUEST, true));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));

	ASSERT_EQ(0, pf_reset());
	ASSERT_EQ(0, testnet_migrate(net, TO, false));
	expect_reset_seen(_metadata, net->guest.vf);
	drivers_up(_metadata, net);
}

/*
 * The link check of igbvf, which runs with every interrupt of the mailbox and every two
 * seconds: a PF that was reset, or whose last word is not that the guest may send,
 * takes the carrier away.
 */
static bool has_carrier(struct vf *vf)
{
	u32 word, seen = vf_read(vf, VF_MAILBOX);
	int i;

	if (seen & (VF_MBX_RSTD | VF_MBX_RSTI) || !(vf_read(vf, VF_STATUS) & VF_STATUS_LU))
		return false;
	for (i = 0; i < 100; i++) {
		vf_write(vf, VF_MAILBOX, VF_MBX_VFU);
		seen = vf_read(vf, VF_MAILBOX);
		if (seen & (VF_MBX_RSTD | VF_MBX_RSTI))
			return false;
		if (seen & VF_MBX_VFU)
			break;
		usleep(1000);
	}
	word = vf_read(vf, VF_MBMEM(0));
	vf_write(vf, VF_MAILBOX, VF_MBX_ACK);
	return i < 100 && word & VF_MSG_CTS;
}

TEST_F_TIMEOUT(pf_reset, T16_carrier_stays, 60)
{
	struct testnet *net = &self->net;
	unsigned int looks = 0;
	u64 end;

	ASSERT_TRUE(has_carrier(net->guest.vf));
	ASSERT_EQ(0, testnet_migrate(net, TO, true));
	for (end = now_ns() + CARRIER_MS * 1000000ull; now_ns() < end; looks++) {
		ASSERT_TRUE(has_carrier(net->guest.vf)) {
			TH_LOG("not at look %u", looks);
		}
		if (looks % 16 == 0)
			ASSERT_TRUE(testnet_exchange(net, PATHS));
		usleep(50000);
	}
	ASSERT_LT(10, looks);
	/* The PF's word still reaches the guest. */
	ASSERT_EQ(0, vf_set_vlan(net->guest.vf, VID, true));
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, net->guest.mac, VID, STRIPPED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* Who is reset while the PF is in reset leaves nothing in the table that all VFs share. */
TEST_F_TIMEOUT(pf_reset, T12_addresses_go_after_a_reset_of_both, 60)
{
	struct testnet *net = &self->net;
	unsigned int before = vf_unicast_room(net->peer.vf);

	ASSERT_LT(1, before);
	self->to = vf_open(vf_bdf(TO), NULL);
	ASSERT_EQ(0, vf_join(self->to, third_mac));
	ASSERT_EQ(0, vf_add_unicast(self->to, other_mac));
	EXPECT_EQ(before - 1, vf_unicast_room(net->peer.vf));
	ASSERT_EQ(0, pf_down());
	vf_reset(self->to);
	ASSERT_EQ(0, pf_up());
	vf_close(self->to);
	self->to = NULL;
	drivers_up(_metadata, net);
	EXPECT_EQ(before, vf_unicast_room(net->peer.vf));
}

TEST_HARNESS_MAIN
