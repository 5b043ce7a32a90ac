// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pages of the queues of the function in software: memory, which its task looks
 * after as long as the guest is busy.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "mdev.h"
#include "software.h"
#include "tap.h"
#include "testnet.h"
#include "vmf_stream.h"

#define UUID		"82576000-0000-4000-8000-000000000001"
/* As the kernel cuts it. */
#define TASK		"igbvf-mdev"
/* Longer than a guest has to be quiet for it to be at rest. */
#define REST_US		100000
#define ROUNDS		50

static const u8 guest_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x0a };

FIXTURE(pages)
{
	struct software software;
	struct nic nic;
};

FIXTURE_SETUP(pages)
{
	ASSERT_EQ(0, software_create(&self->software, UUID));
	nic_init(&self->nic, guest_mac);
	ASSERT_EQ(0, nic_up(&self->nic, vf_open(UUID, &self->nic.ram)));
	vf_bus_master(self->nic.vf, true);
	ASSERT_NE(NULL, self->nic.vf->pages[VF_PAGE_RX]);
	ASSERT_NE(NULL, self->nic.vf->pages[VF_PAGE_TX]);
}

FIXTURE_TEARDOWN(pages)
{
	vf_close(self->nic.vf);
	nic_free(&self->nic);
	EXPECT_EQ(0, software_remove(&self->software));
}

/* How often the task of the device has run, by the scheduler. */
static u64 runs(void)
{
	struct dirent *entry;
	char path[64], comm[32];
	unsigned long long time, waited, slices;
	u64 count = 0;
	DIR *tasks = opendir("/proc/self/task");
	FILE *file;
	int got;

	VFIO_ASSERT_NOT_NULL(tasks);
	while ((entry = readdir(tasks))) {
		snprintf(path, sizeof(path), "/proc/self/task/%.20s/comm", entry->d_name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (!fgets(comm, sizeof(comm), file))
			comm[0] = 0;
		fclose(file);
		if (strncmp(comm, TASK, strlen(TASK)))
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%.20s/schedstat", entry->d_name);
		file = fopen(path, "r");
		VFIO_ASSERT_NOT_NULL(file);
		got = fscanf(file, "%llu %llu %llu", &time, &waited, &slices);
		VFIO_ASSERT_EQ(got, 3);
		fclose(file);
		count += slices;
	}
	closedir(tasks);
	return count;
}

/* A device with nothing to do does nothing; one store into memory has it go on. */
TEST_F(pages, at_rest_until_the_next_doorbell)
{
	struct pf_socket *wire = &self->software.wire;
	struct nic *nic = &self->nic;
	struct ledger out, *at_tap[] = { &out };
	u64 before;
	int i;

	ledger_init(&out, 1);
	for (i = 0; i < ROUNDS; i++) {
		usleep(i % 5 ? 1000 * (i % 5) : REST_US);
		EXPECT_TRUE(nic_send(nic, 0, &out, wire->mac, 1));
		EXPECT_TRUE(pf_collect(wire, at_tap, 1, NIC_TIMEOUT_MS));
		EXPECT_TRUE(nic_drain(nic, 0, NIC_TIMEOUT_MS));
	}
	usleep(REST_US);
	before = runs();
	EXPECT_NE(0, before);
	usleep(10 * REST_US);
	/* The host's stack may have something to say; who looks by itself does so 5000 times. */
	EXPECT_GE(before + 10, runs());
}

/* A tail that the guest has left in memory goes with it. */
TEST_F(pages, what_a_stopped_device_is_told_waits)
{
	struct pf_socket *wire = &self->software.wire;
	struct ledger out, *at_tap[] = { &out };
	struct nic *nic = &self->nic;
	struct vf *vf = nic->vf;
	struct mig_buf stream = { 0 };
	struct vmf_section tx;

	ledger_init(&out, 1);
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP, NULL));
	EXPECT_TRUE(nic_send(nic, 0, &out, wire->mac, 3));
	EXPECT_FALSE(pf_collect(wire, at_tap, 1, 300));
	vf_write(vf, VF_SRRCTL(1), 0x02000003);
	ASSERT_EQ(0, mig_save(vf_fd(vf), &stream));
	ASSERT_TRUE(vmf_lookup(stream.data, stream.len, VMF_TX_QUEUE, 0, &tx));
	EXPECT_EQ(3, vmf_get32(stream.data, tx.payload +
			       offsetof(struct vmf_igbvf_82576_tx_queue, tdt)));
	EXPECT_EQ(0x02000003, vf_ask(vf, VF_SRRCTL(1)));
	vf_reset(vf);
	EXPECT_EQ(0, vf_read(vf, VF_TDT(0)));
	EXPECT_EQ(0, vf_read(vf, VF_TXDCTL(0)) & VF_QUEUE_ENABLE);
	ASSERT_EQ(0, mig_load(vf_fd(vf), &stream));
	EXPECT_EQ(3, vf_read(vf, VF_TDT(0)));
	EXPECT_EQ(0x02000003, vf_read(vf, VF_SRRCTL(1)));
	vf_bus_master(vf, true);
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING, NULL));
	EXPECT_TRUE(pf_collect(wire, at_tap, 1, NIC_TIMEOUT_MS));
	mig_buf_free(&stream);
}

/* Rings that are made anew while there is traffic, all of it by stores into memory. */
TEST_F(pages, rings_made_anew)
{
	struct ledger in, out, *at_guest[] = { &in }, *at_tap[] = { &out };
	struct pf_socket *wire = &self->software.wire;
	struct nic *nic = &self->nic;
	unsigned int q;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		ledger_init(&in, 2);
		ledger_init(&out, 1);
		EXPECT_TRUE(nic_send(nic, 0, &out, wire->mac, TESTNET_BURST));
		EXPECT_TRUE(pf_collect(wire, at_tap, 1, NIC_TIMEOUT_MS));
		EXPECT_TRUE(pf_send(wire, &in, nic->mac, TESTNET_BURST));
		EXPECT_TRUE(nic_collect(nic, at_guest, 1, NIC_TIMEOUT_MS));
		/*
		 * As drivers do: off, and something that is trapped. A ring that is off and on
		 * again, as it was, in between two looks is the one that there was.
		 */
		for (q = 0; q < VF_QUEUES; q++) {
			vf_write(nic->vf, VF_RXDCTL(q), 0);
			vf_write(nic->vf, VF_TXDCTL(q), 0);
		}
		EXPECT_EQ(0, vf_ask(nic->vf, VF_RXDCTL(0)) & VF_QUEUE_ENABLE);
		nic_setup(nic);
		if (i % 2)
			usleep(1000);
	}
}

/*
 * A queue takes the first frame that is later than the store which has switched it on, be
 * the task of the device in the middle of frames that nobody wants.
 */
TEST_F_TIMEOUT(pages, no_frame_is_too_early, 120)
{
	static const u8 nobody[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x0e };
	struct ledger in, noise, *at_guest[] = { &in };
	struct pf_socket *wire = &self->software.wire;
	struct nic *nic = &self->nic;
	int i;

	ledger_init(&in, 2);
	ledger_init(&noise, 3);
	for (i = 0; i < 10 * ROUNDS; i++) {
		vf_write(nic->vf, VF_RXDCTL(0), 0);
		ASSERT_EQ(0, vf_ask(nic->vf, VF_RXDCTL(0)) & VF_QUEUE_ENABLE);
		ASSERT_TRUE(pf_send(wire, &noise, nobody, i % 64));
		vf_write(nic->vf, VF_RXDCTL(0), VF_QUEUE_ENABLE);
		ASSERT_TRUE(pf_send(wire, &in, nic->mac, 1));
		ASSERT_TRUE(nic_collect(nic, at_guest, 1, NIC_TIMEOUT_MS)) {
			TH_LOG("round %d", i);
		}
	}
}

/* A reset of the function by the guest is seen in its pages. */
TEST_F(pages, reset_by_the_guest)
{
	struct vf *vf = self->nic.vf;

	EXPECT_NE(0, vf_read(vf, VF_RXDCTL(0)) & VF_QUEUE_ENABLE);
	vf_write(vf, VF_CTRL, VF_CTRL_RST);
	EXPECT_EQ(0, vf_read(vf, VF_RXDCTL(0)) & VF_QUEUE_ENABLE);
	EXPECT_EQ(0, vf_read(vf, VF_TXDCTL(0)) & VF_QUEUE_ENABLE);
	/* Before it is told that it may. */
	vf_write(vf, VF_RDT(0), 7);
	EXPECT_EQ(7, vf_ask(vf, VF_RDT(0)));
}

/* Where there is no register there is memory all the same, and it is nobody else's. */
TEST_F(pages, nothing_is_left_of_a_former_owner)
{
	static const u32 places[] = { 0x2000, 0x27fc, 0x282c, 0x3000, 0x3ffc };
	struct vf *vf = self->nic.vf;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		vf_write(vf, places[i], 0x600df00d);
		EXPECT_EQ(0x600df00d, vf_read(vf, places[i]));
	}
	vf_reset(vf);
	for (i = 0; i < ARRAY_SIZE(places); i++) {
		EXPECT_EQ(0, vf_read(vf, places[i]));
		vf_write(vf, places[i], 0x600df00d);
	}
	vf_close(vf);
	vf = vf_open(UUID, &self->nic.ram);
	self->nic.vf = vf;
	for (i = 0; i < ARRAY_SIZE(places); i++)
		EXPECT_EQ(0, vf_read(vf, places[i]));
}

/* Only these pages, and only for all to see. */
TEST_F(pages, other_mappings)
{
	static const struct {
		off_t at;
		size_t len;
		int flags;
	} bad[] = {
		{ 0, VF_PAGE_SIZE, MAP_SHARED },
		{ VF_PAGE_SIZE, VF_PAGE_SIZE, MAP_SHARED },
		{ 0, VF_BAR0_SIZE, MAP_SHARED },
		{ 3 * VF_PAGE_SIZE, 2 * VF_PAGE_SIZE, MAP_SHARED },
		{ 2 * VF_PAGE_SIZE, VF_PAGE_SIZE, MAP_PRIVATE },
		{ VF_BAR0_SIZE, VF_PAGE_SIZE, MAP_SHARED },
	};
	struct vf *vf = self->nic.vf;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(MAP_FAILED, mmap(NULL, bad[i].len, PROT_READ | PROT_WRITE, bad[i].flags,
					   vf_fd(vf), vf->bar0 + bad[i].at)) {
			TH_LOG("mapping %u", i);
		}
	EXPECT_EQ(MAP_FAILED, mmap(NULL, VF_PAGE_SIZE, PROT_READ, MAP_SHARED, vf_fd(vf),
				   vf->pci->config_space.offset));
}

int main(int argc, char **argv)
{
	software_or_skip();
	return test_harness_run(argc, argv);
}
