// SPDX-License-Identifier: GPL-2.0-only
/*
 * The receive page, which is the device's while the guest runs and nothing is logged, and
 * memory at all other times: nobody who has it mapped can tell, and nothing that is
 * written there is lost.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "log_lab.h"
#include "testnet.h"

#define FLIPS		400
#define STORES		16
#define RDT_MASK	0xffffu

FIXTURE(page)
{
	struct testnet net;
};

FIXTURE_SETUP(page)
{
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_NE(NULL, self->net.guest.vf->pages[VF_PAGE_RX]);
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
}

FIXTURE_TEARDOWN(page)
{
	testnet_close(&self->net);
}

/* All of it is the device's: what a store does is seen by who asks the device. */
TEST_F(page, is_the_device_while_nothing_is_logged)
{
	struct vf *vf = self->net.guest.vf;

	vf_write(vf, VF_SRRCTL(1), 0x02000002);
	EXPECT_EQ(0x02000002, vf_ask(vf, VF_SRRCTL(1)));
	EXPECT_EQ(vf_ask(vf, VF_RDH(0)), vf_read(vf, VF_RDH(0)));
	EXPECT_EQ(vf_ask(vf, VF_RXDCTL(0)), vf_read(vf, VF_RXDCTL(0)));
}

/* It is memory when the device is stopped, and what was written there is the device's then. */
TEST_F(page, what_a_stopped_device_is_told_waits)
{
	struct testnet *net = &self->net;
	struct vf *vf = net->guest.vf;
	u32 tail = vf_read(vf, VF_RDT(0));

	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP));
	EXPECT_EQ(tail, vf_read(vf, VF_RDT(0)));
	EXPECT_TRUE(vf_read(vf, VF_RXDCTL(0)) & VF_QUEUE_ENABLE);
	vf_write(vf, VF_SRRCTL(1), 0x02000003);
	vf_write(vf, VF_RDT(1), 5);
	EXPECT_EQ(0x02000003, vf_ask(vf, VF_SRRCTL(1)));
	EXPECT_EQ(5, vf_ask(vf, VF_RDT(1)));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_EQ(0x02000003, vf_ask(vf, VF_SRRCTL(1)));
	EXPECT_EQ(5, vf_ask(vf, VF_RDT(1)));
	EXPECT_EQ(5, vf_read(vf, VF_RDT(1)));
}

/* What a save has the device know of its setup is not what it runs with. */
TEST_F(page, a_ring_moved_and_moved_back)
{
	struct testnet *net = &self->net;
	struct vf *vf = net->guest.vf;
	u32 base = vf_read(vf, VF_RDBAL(0));
	struct mig_buf stream = { 0 };

	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP));
	vf_write(vf, VF_RDBAL(0), base + 0x10000);
	ASSERT_EQ(0, mig_save(vf_fd(vf), &stream));
	vf_write(vf, VF_RDBAL(0), base);
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_EQ(base, vf_ask(vf, VF_RDBAL(0)));
	EXPECT_TRUE(testnet_go_around(net));
	mig_buf_free(&stream);
}

/* Each time the log begins or ends the mapping is another one, with traffic on all paths. */
TEST_F_TIMEOUT(page, traffic_while_it_changes, 900)
{
	struct testnet *net = &self->net;
	unsigned int i;

	for (i = 0; i < FLIPS / 4; i++) {
		ASSERT_EQ(0, testnet_log_start(net));
		ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST)) {
			TH_LOG("logged, the %uth time", i);
		}
		ASSERT_EQ(0, testnet_log_stop(net));
		ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST)) {
			TH_LOG("not logged, the %uth time", i);
		}
	}
	EXPECT_TRUE(testnet_complete(net));
}

/* Who stores to registers of both queues, and to pages that do not change, all the time. */
struct storm {
	struct vf *vf;
	u32 reg;
	u32 mask;
	atomic_bool stop;
	unsigned long stores;
	unsigned long wrong;
	u32 last;
};

static void *store(void *arg)
{
	struct storm *storm = arg;
	u32 val = 0;

	while (!storm->stop) {
		unsigned int i;

		for (i = 0; i < STORES; i++) {
			val = (val * 2654435761u + 1) & storm->mask;
			vf_write(storm->vf, storm->reg, val);
			storm->wrong += vf_read(storm->vf, storm->reg) != val;
			storm->stores++;
		}
	}
	storm->last = val;
	return NULL;
}

/* A queue that is off: a tail, and all that sets it up, is just a value. */
TEST_F_TIMEOUT(page, stores_while_it_changes, 900)
{
	struct vf *vf = self->net.guest.vf;
	struct storm storms[] = {
		{ .vf = vf, .reg = VF_RDT(1), .mask = RDT_MASK },
		{ .vf = vf, .reg = VF_SRRCTL(1), .mask = 0x7f },
		{ .vf = vf, .reg = VF_TXCTL(1), .mask = 0xff },
	};
	pthread_t threads[ARRAY_SIZE(storms)];
	unsigned int i;

	vf_write(vf, VF_RXDCTL(1), VF_RXDCTL_RESET);
	vf_flush(vf);
	for (i = 0; i < ARRAY_SIZE(storms); i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, store, &storms[i]));
	for (i = 0; i < FLIPS; i++) {
		ASSERT_EQ(0, testnet_log_start(&self->net));
		if (i % 4 == 0)
			usleep(2000);
		ASSERT_EQ(0, testnet_log_stop(&self->net));
	}
	for (i = 0; i < ARRAY_SIZE(storms); i++) {
		storms[i].stop = true;
		pthread_join(threads[i], NULL);
		TH_LOG("register %#x: %lu stores, %lu read back as something else", storms[i].reg,
		       storms[i].stores, storms[i].wrong);
		EXPECT_EQ(0, storms[i].wrong);
		EXPECT_EQ(storms[i].last, vf_read(vf, storms[i].reg));
		EXPECT_EQ(storms[i].last, vf_ask(vf, storms[i].reg));
	}
}

/* A child has the mapping of its parent, and sees the same. */
TEST_F(page, forked_mapping)
{
	struct vf *vf = self->net.guest.vf;
	int status, round;
	pid_t child;

	for (round = 0; round < 3; round++) {
		if (round == 1)
			ASSERT_EQ(0, testnet_log_start(&self->net));
		if (round == 2)
			ASSERT_EQ(0, testnet_log_stop(&self->net));
		child = fork();
		ASSERT_LE(0, child);
		if (!child) {
			vf_write(vf, VF_SRRCTL(1), 0x10 + round);
			_exit(0);
		}
		ASSERT_EQ(child, waitpid(child, &status, 0));
		EXPECT_EQ(0, status);
		EXPECT_EQ(0x10u + round, vf_read(vf, VF_SRRCTL(1)));
		vf_flush(vf);
		EXPECT_EQ(0x10u + round, vf_ask(vf, VF_SRRCTL(1)));
	}
}

/* The log can begin and end in any state, and the device goes on in the other mode. */
TEST_F(page, log_begins_and_ends_while_stopped)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP));
	ASSERT_EQ(0, testnet_log_start(net));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	ASSERT_TRUE(testnet_go_around(net));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_STOP));
	ASSERT_EQ(0, testnet_log_stop(net));
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	ASSERT_TRUE(testnet_go_around(net));
	EXPECT_EQ(vf_ask(net->guest.vf, VF_RDT(0)), vf_read(net->guest.vf, VF_RDT(0)));
}

/*
 * The orders in which drivers set a queue up, during a log: igbvf writes the head before
 * it switches the queue on, DPDK after it.
 */
static void set_up_as(struct nic *nic, bool dpdk)
{
	struct vf *vf = nic->vf;
	unsigned int q = GUEST_QUEUE_PEER;
	u64 base = guest_ram_iova(&nic->ram, nic->rx[q].ring);

	vf_write(vf, VF_RXDCTL(q), VF_RXDCTL_RESET);
	if (!dpdk)
		vf_flush(vf);
	vf_write(vf, VF_RDLEN(q), NIC_RX_RING * 16);
	vf_write(vf, VF_RDBAH(q), base >> 32);
	vf_write(vf, VF_RDBAL(q), base);
	if (!dpdk) {
		vf_write(vf, VF_RDH(q), 0);
		vf_write(vf, VF_RDT(q), 0);
	}
	vf_write(vf, VF_RXDCTL(q), VF_RXDCTL_RESET | VF_QUEUE_ENABLE);
	if (dpdk)
		vf_write(vf, VF_RDH(q), 0);
	nic_fill_ring(nic, q);
	vf_write(vf, VF_RDT(q), NIC_RX_RING - 1);
	vf_flush(vf);
}

TEST_F(page, queues_set_up_while_logged)
{
	struct testnet *net = &self->net;
	unsigned int i;

	ASSERT_EQ(0, testnet_log_start(net));
	for (i = 0; i < 8; i++) {
		set_up_as(&net->guest, i & 1);
		ASSERT_TRUE(testnet_go_around(net)) {
			TH_LOG("set up for the %uth time", i);
		}
	}
	ASSERT_EQ(0, testnet_log_stop(net));
	ASSERT_TRUE(testnet_go_around(net));
}

/* A process that starts the log for another, and ends: nobody watches, and all counts as dirty. */
TEST_F(page, who_started_the_log_is_gone)
{
	struct testnet *net = &self->net;
	struct dma_bitmap bitmap = { 0 };
	unsigned int i;
	int status;
	pid_t child;

	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(testnet_log_start(net) ? 1 : 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	ASSERT_EQ(0, status);
	ASSERT_TRUE(testnet_go_around(net));
	for (i = 0; i < 3; i++) {
		bitmap = (struct dma_bitmap){ 0 };
		ASSERT_EQ(0, dma_log_report(vf_fd(net->guest.vf), net->guest.ram.iova,
					    net->guest.ram.size, DMA_LOG_PAGE, &bitmap));
		EXPECT_EQ(net->guest.ram.size / DMA_LOG_PAGE, dma_bitmap_count(&bitmap));
	}
	EXPECT_EQ(vf_ask(net->guest.vf, VF_RDT(0)), vf_read(net->guest.vf, VF_RDT(0)));
	ASSERT_EQ(0, testnet_log_stop(net));
	ASSERT_TRUE(testnet_go_around(net));
}

int main(int argc, char **argv)
{
	log_lab_or_skip();
	return test_harness_run(argc, argv);
}
