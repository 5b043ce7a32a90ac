// SPDX-License-Identifier: GPL-2.0-only
/*
 * The PF has taken a message and answers it after the driver has waited in vain: what
 * it then agrees to goes with the next migration all the same.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "filters.h"
#include "probe.h"
#include "test_module.h"
#include "testnet.h"
#include "vf_request.h"

#define SLOW_PF		"slow_pf"
/* Three times what the driver waits for. */
#define DELAY_MS	600
#define VID		100

#define STOP		VFIO_DEVICE_STATE_STOP
#define RUNNING		VFIO_DEVICE_STATE_RUNNING

static const u8 other_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x01, 0x0a };

FIXTURE(late)
{
	struct testnet net;
	struct igbvf_mailbox mbx;
	struct mig_buf stream;
};

/* The interrupt that igb has for its mailboxes, which is called as its interface. */
static int mailbox_irq(void)
{
	char line[1024], *end;
	int irq = -1;
	FILE *file;

	file = fopen("/proc/interrupts", "r");
	if (!file)
		return -1;
	while (irq < 0 && fgets(line, sizeof(line), file)) {
		end = line + strcspn(line, "\n");
		*end = '\0';
		end -= strlen(vf_pf_netdev());
		if (end > line && end[-1] == ' ' && !strcmp(end, vf_pf_netdev()))
			irq = atoi(line);
	}
	fclose(file);
	return irq;
}

/* A PF that is busy must not keep the test from running. */
static bool run_apart_from_the_pf(void)
{
	char path[64];
	cpu_set_t set;
	FILE *file;
	int irq;

	irq = mailbox_irq();
	if (irq < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/irq/%d/smp_affinity_list", irq);
	file = fopen(path, "w");
	if (!file)
		return false;
	fputs("0", file);
	if (fclose(file))
		return false;
	CPU_ZERO(&set);
	CPU_SET(1, &set);
	return !sched_setaffinity(0, sizeof(set), &set);
}

FIXTURE_VARIANT(late)
{
	bool in_stop;
};

/* The device has gone on when the answer comes, */
FIXTURE_VARIANT_ADD(late, answered_in_running)
{
	.in_stop = false,
};

/* or is stopped still. */
FIXTURE_VARIANT_ADD(late, answered_in_stop)
{
	.in_stop = true,
};

FIXTURE_SETUP(late)
{
	self->stream = (struct mig_buf){ 0 };
	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "the PF needs a CPU of its own");
	ASSERT_EQ(0, test_module_insert(SLOW_PF));
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
	ASSERT_TRUE(run_apart_from_the_pf());
	mailbox_init(&self->mbx, self->net.guest.vf);
}

FIXTURE_TEARDOWN(late)
{
	testnet_close(&self->net);
	mig_buf_free(&self->stream);
	EXPECT_EQ(0, test_module_remove(SLOW_PF));
}

/*
 * The message is sent, and the device is stopped and started again before there is an
 * answer, as by a migration that is cancelled. The guest waits on.
 */
static void ask_and_cancel(struct __test_metadata *_metadata, struct igbvf_mailbox *mbx, u32 *msg,
			   unsigned int words, bool answered_in_stop)
{
	int fd = vf_fd(mbx->vf);
	u32 kind = msg[0];
	u64 start;

	ASSERT_EQ(0, test_module_set(SLOW_PF, "delay_ms", DELAY_MS));
	ASSERT_EQ(0, mailbox_post(mbx, msg, words));
	start = now_ns();
	ASSERT_EQ(0, mig_set(fd, STOP, NULL));
	/* Or the test has proved nothing. */
	ASSERT_EQ(1, test_module_get(SLOW_PF, "delayed"));
	ASSERT_GT(DELAY_MS * 1000000ull, now_ns() - start);
	if (answered_in_stop)
		usleep(2 * DELAY_MS * 1000);
	ASSERT_EQ(0, mig_set(fd, RUNNING, NULL));
	if (!answered_in_stop)
		ASSERT_EQ(0, vf_read(mbx->vf, VF_MAILBOX) & VF_MBX_PFSTS);
	ASSERT_EQ(0, mailbox_fetch(mbx, msg, 1));
	ASSERT_EQ(kind | VF_MSG_ACK | VF_MSG_CTS, msg[0]);
}

TEST_F(late, T11_vlan)
{
	u32 msg[2] = { VF_MSG_SET_VLAN | 1 << VF_MSG_INFO_SHIFT, VID };
	struct testnet *net = &self->net;
	const u8 *filters;

	ask_and_cancel(_metadata, &self->mbx, msg, 2, variant->in_stop);
	ASSERT_TRUE(probe_pf(&net->pf, &net->guest, net->guest.mac, VID, STRIPPED));
	filters = filters_move(net, &self->stream, 2);
	ASSERT_NE(NULL, filters);
	EXPECT_TRUE(filters_have_vlan(filters, VID));
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, net->guest.mac, VID, STRIPPED));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* Asked once, done once: the table of the PF has one entry for it. */
TEST_F(late, T12_further_address)
{
	struct testnet *net = &self->net;
	u32 msg[3] = { VF_MSG_MAC_FILTER_ADD };
	unsigned int room;

	room = vf_unicast_room(net->guest.vf);
	ASSERT_LT(1, room);
	memcpy(&msg[1], other_mac, MAC_LEN);
	ask_and_cancel(_metadata, &self->mbx, msg, 3, variant->in_stop);
	ASSERT_TRUE(probe_both(net, other_mac, UNTAGGED));
	ASSERT_EQ(0, testnet_migrate(net, 2, true));
	EXPECT_TRUE(probe_both(net, other_mac, UNTAGGED));
	ASSERT_EQ(0, vf_clear_unicast(net->guest.vf, other_mac));
	EXPECT_EQ(room, vf_unicast_room(net->guest.vf));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* It was late for one message; the guest's next one is another. */
TEST_F(late, T11_next_message)
{
	u32 msg[2] = { VF_MSG_SET_VLAN | 1 << VF_MSG_INFO_SHIFT, VID };
	struct testnet *net = &self->net;
	const u8 *filters;

	ask_and_cancel(_metadata, &self->mbx, msg, 2, variant->in_stop);
	ASSERT_EQ(0, vf_set_vlan(net->guest.vf, VID, false));
	ASSERT_EQ(0, vf_set_vlan(net->guest.vf, VID + 1, true));
	filters = filters_move(net, &self->stream, 2);
	ASSERT_NE(NULL, filters);
	EXPECT_EQ(1, filters_vlans(filters));
	EXPECT_TRUE(filters_have_vlan(filters, VID + 1));
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, net->guest.mac, VID, DROPPED));
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, net->guest.mac, VID + 1, STRIPPED));
}

TEST_HARNESS_MAIN
