// SPDX-License-Identifier: GPL-2.0-only
/*
 * The function in software: it is what the other one is, to who migrates it.
 */
#include <errno.h>
#include <net/if.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <linux/pci_regs.h>
#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "binding.h"
#include "dma_log.h"
#include "fault_area.h"
#include "mdev.h"
#include "software.h"
#include "tap.h"
#include "testnet.h"
#include "vf_request.h"

#define UUID	"82576000-0000-4000-8000-000000000001"

#define CONFIG_SIZE	4096

FIXTURE(software)
{
	struct vf *vf;
};

FIXTURE_SETUP(software)
{
	ASSERT_EQ(0, mdev_create(UUID));
	self->vf = vf_open(UUID, NULL);
}

FIXTURE_TEARDOWN(software)
{
	vf_close(self->vf);
	EXPECT_EQ(0, mdev_remove(UUID));
}

static void read_config(struct __test_metadata *_metadata, struct vf *vf, u8 *to)
{
	ASSERT_EQ(CONFIG_SIZE, pread(vf_fd(vf), to, CONFIG_SIZE, vf->pci->config_space.offset));
}

/* All of it as the function of the device has it, just opened. */
TEST_F(software, configuration_space)
{
	u8 ours[CONFIG_SIZE], theirs[CONFIG_SIZE];
	struct vf *hardware;
	unsigned int i;

	read_config(_metadata, self->vf, ours);
	hardware = vf_open(vf_bdf(0), NULL);
	read_config(_metadata, hardware, theirs);
	vf_close(hardware);
	for (i = 0; i < CONFIG_SIZE; i++)
		EXPECT_EQ(theirs[i], ours[i]) {
			TH_LOG("byte 0x%x", i);
		}
}

static const u8 guest_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x0a };
static const u8 host_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0xaa };

/* With its wire in a TAP device, and a guest's driver. */
FIXTURE(wired)
{
	struct software software;
	struct nic nic;
};

FIXTURE_SETUP(wired)
{
	ASSERT_EQ(0, software_create(&self->software, UUID));
	nic_init(&self->nic, guest_mac);
	ASSERT_EQ(0, nic_up(&self->nic, vf_open(UUID, &self->nic.ram)));
	vf_bus_master(self->nic.vf, true);
}

FIXTURE_TEARDOWN(wired)
{
	vf_close(self->nic.vf);
	nic_free(&self->nic);
	EXPECT_EQ(0, software_remove(&self->software));
}

/* Both ways over a TAP device. */
TEST_F(wired, frames)
{
	struct ledger out, in, *at_tap[] = { &out }, *at_guest[] = { &in };
	struct pf_socket *wire = &self->software.wire;
	struct nic *nic = &self->nic;
	int i;

	ledger_init(&out, 1);
	ledger_init(&in, 2);
	for (i = 0; i < 20; i++) {
		EXPECT_TRUE(nic_send(nic, 0, &out, wire->mac, TESTNET_BURST));
		EXPECT_TRUE(pf_collect(wire, at_tap, 1, NIC_TIMEOUT_MS));
		EXPECT_TRUE(pf_send(wire, &in, nic->mac, TESTNET_BURST));
		EXPECT_TRUE(nic_collect(nic, at_guest, 1, NIC_TIMEOUT_MS));
	}
	ledger_print(&out, "guest to TAP");
	ledger_print(&in, "TAP to guest");
}

/* Answers a fault of @buf after a while. */
struct late_answer {
	pthread_t thread;
	void *buf;
	int fd;
};

static void *answer_late(void *arg)
{
	struct late_answer *late = arg;

	usleep(100000);
	return (void *)(long)area_answer(late->fd, late->buf, DMA_LOG_PAGE);
}

/* Who has seen a frame finds it counted, though the function is not through with the next one. */
TEST_F(wired, counted_once_seen)
{
	struct nic *nic = &self->nic;
	struct pf_socket *wire = &self->software.wire;
	struct ledger out, next, *at_tap[] = { &out };
	/* The frames before this are in the page before. */
	struct late_answer late = { .buf = nic->tx[0].bufs + DMA_LOG_PAGE };
	u8 frame[FRAME_LIMIT];
	void *answered;
	int i;

	ledger_init(&out, 1);
	ledger_init(&next, 2);
	for (i = 0; i < DMA_LOG_PAGE / NIC_BUF_SIZE; i++)
		ASSERT_TRUE(nic_post(nic, 0, frame, frame_build(&out, frame, wire->mac, nic->mac)));
	ASSERT_TRUE(nic_post(nic, 0, frame, frame_build(&next, frame, wire->mac, nic->mac)));
	late.fd = make_area_fault(late.buf, DMA_LOG_PAGE);
	ASSERT_LE(0, late.fd);
	nic_doorbell(nic, 0);
	ASSERT_TRUE(pf_collect(wire, at_tap, 1, NIC_TIMEOUT_MS));
	ASSERT_EQ(0, area_wait(late.fd, NIC_TIMEOUT_MS));
	ASSERT_EQ(0, pthread_create(&late.thread, NULL, answer_late, &late));
	EXPECT_LE(out.sent, vf_read(nic->vf, VF_GPTC));
	ASSERT_EQ(0, pthread_join(late.thread, &answered));
	EXPECT_EQ(NULL, answered);
	close(late.fd);
}

/* What comes while it is stopped is not for the guest, which may have got it elsewhere. */
TEST_F(wired, stopped)
{
	struct pf_socket *wire = &self->software.wire;
	struct ledger lost, in, *at_guest[] = { &lost, &in };
	struct nic *nic = &self->nic;
	int fd = vf_fd(nic->vf);

	ledger_init(&lost, 3);
	ledger_init(&in, 2);
	ASSERT_EQ(0, mig_set(fd, VFIO_DEVICE_STATE_STOP, NULL));
	ASSERT_TRUE(pf_send(wire, &lost, nic->mac, TESTNET_BURST));
	ASSERT_EQ(0, mig_set(fd, VFIO_DEVICE_STATE_RUNNING, NULL));
	usleep(100000);
	ASSERT_TRUE(pf_send(wire, &in, nic->mac, TESTNET_BURST));
	EXPECT_FALSE(nic_collect(nic, at_guest, 2, 500));
	EXPECT_EQ(0, lost.received);
	EXPECT_TRUE(ledger_complete(&in));
}

/* Memory is not touched as long as the guest does not let it. */
TEST_F(wired, bus_master)
{
	struct pf_socket *wire = &self->software.wire;
	struct ledger in, out, *at_guest[] = { &in }, *at_tap[] = { &out };
	struct nic *nic = &self->nic;

	ledger_init(&in, 2);
	ledger_init(&out, 1);
	vf_bus_master(nic->vf, false);
	ASSERT_TRUE(pf_send(wire, &in, nic->mac, TESTNET_BURST));
	ASSERT_TRUE(nic_send(nic, 0, &out, wire->mac, TESTNET_BURST));
	EXPECT_FALSE(nic_collect(nic, at_guest, 1, 300));
	EXPECT_EQ(0, in.received);
	EXPECT_FALSE(pf_collect(wire, at_tap, 1, 300));
	EXPECT_EQ(0, out.received);
	vf_bus_master(nic->vf, true);
	EXPECT_TRUE(nic_collect(nic, at_guest, 1, NIC_TIMEOUT_MS));
	EXPECT_TRUE(pf_collect(wire, at_tap, 1, NIC_TIMEOUT_MS));
}

/* Nothing keeps an interface that was given up, not even a device that is at work with it. */
TEST_F(wired, let_go)
{
	struct software *software = &self->software;
	struct nic *nic = &self->nic;
	struct ledger in;
	int i;

	ledger_init(&in, 2);
	ASSERT_TRUE(pf_send(&software->wire, &in, nic->mac, NIC_RX_RING));
	ASSERT_EQ(0, software_set(software, "network/backend_fd", "-1"));
	EXPECT_EQ(-EINVAL, software_set(software, "network/backend_fd", "-2"));
	close(software->tap_fd);
	for (i = 0; i < 200 && if_nametoindex(SOFTWARE_TAP); i++)
		usleep(10000);
	EXPECT_EQ(0, if_nametoindex(SOFTWARE_TAP));
	software->tap_fd = tap_open(SOFTWARE_TAP);
	ASSERT_LE(0, software->tap_fd);
}

/* The network hears of a guest that has arrived, in each of its VLANs, and not before it runs. */
TEST_F(wired, announced)
{
	static const u16 vlans[] = { 0, 7, 100 };
	struct software *software = &self->software;
	bool heard[ARRAY_SIZE(vlans)] = { 0 };
	struct vf *vf = self->nic.vf;
	struct mig_buf stream = { 0 };
	struct announcement from;
	unsigned int i, n;

	for (i = 1; i < ARRAY_SIZE(vlans); i++)
		ASSERT_EQ(0, vf_set_vlan(vf, vlans[i], true));
	ASSERT_EQ(0, mig_save(vf_fd(vf), &stream));
	vf_reset(vf);
	ASSERT_EQ(0, mig_load(vf_fd(vf), &stream));
	EXPECT_FALSE(software_hear(software, &from, 300));
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING, NULL));
	for (n = 0; n < ARRAY_SIZE(vlans); n++) {
		ASSERT_TRUE(software_hear(software, &from, 1000));
		EXPECT_EQ(0, memcmp(from.mac, guest_mac, MAC_LEN));
		for (i = 0; i < ARRAY_SIZE(vlans); i++)
			heard[i] |= from.vlan == vlans[i];
	}
	for (i = 0; i < ARRAY_SIZE(vlans); i++)
		EXPECT_TRUE(heard[i]) {
			TH_LOG("VLAN %u", vlans[i]);
		}
	/* It may have run elsewhere meanwhile, and not stayed there. */
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP, NULL));
	EXPECT_FALSE(software_hear(software, &from, 300));
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING, NULL));
	EXPECT_TRUE(software_hear(software, &from, 1000));
	mig_buf_free(&stream);
}

/* As with a PF: the administrator's address is the guest's, who has another one stays away. */
TEST_F(wired, administrator)
{
	const char *const bad[] = {
		"-", "02:76:6d:66:00", "02:76:6d:66:00:aa:bb", "03:76:6d:66:00:aa",
		"2:76:6d:66:00:aa", "02-76-6d-66-00-aa", "02:76:6d:66:00:+a",
	};
	struct software *software = &self->software;
	struct vf *vf = self->nic.vf;
	struct mig_buf stream = { 0 };
	struct igbvf_mailbox mailbox;
	unsigned int i;
	u32 reply[3];

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, software_set(software, "network/mac", bad[i]));
	EXPECT_EQ(-EINVAL, software_set(software, "network/trusted", "2"));
	ASSERT_EQ(0, mig_save(vf_fd(vf), &stream));
	ASSERT_EQ(0, software_set(software, "network/mac", "02:76:6d:66:00:aa"));
	vf_reset(vf);
	EXPECT_EQ(-EIO, mig_load(vf_fd(vf), &stream));
	vf_reset(vf);
	mailbox_init(&mailbox, vf);
	ASSERT_EQ(0, mailbox_reset(&mailbox, reply));
	EXPECT_EQ(0, memcmp(&reply[1], host_mac, MAC_LEN));
	EXPECT_EQ(-EACCES, vf_join(vf, guest_mac));
	ASSERT_EQ(0, software_set(software, "network/trusted", "1"));
	EXPECT_EQ(0, vf_join(vf, guest_mac));
	vf_reset(vf);
	EXPECT_EQ(0, mig_load(vf_fd(vf), &stream));
	mig_buf_free(&stream);
}

int main(int argc, char **argv)
{
	software_or_skip();
	return test_harness_run(argc, argv);
}
