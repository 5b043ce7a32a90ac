// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that is gone is gone: the PF of its last home has nothing of it, and the next
 * owner of the VF gets none of its frames.
 */
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "binding.h"
#include "monitor.h"
#include "probe.h"
#include "testnet.h"
#include "vf_request.h"

#define GUEST		0
#define PEER		1
#define TO		2
#define HOME		3
#define VID		100
/* Longer than any frame that a guest receives which has not asked for more. */
#define LONG		1519

static const u8 last_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x0c };
static const u8 last_other_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x01, 0x0c };
static const u8 new_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x0d };
static const u8 group[MAC_LEN] = { 0x01, 0x00, 0x5e, 0x12, 0x34, 0x56 };

/* A guest that has asked the PF for all there is. */
static int ask_for_all(struct nic *nic, const u8 *other_mac)
{
	const u16 hash = vf_multicast_hash(group);
	int ret;

	ret = vf_set_vlan(nic->vf, VID, true);
	if (!ret)
		ret = vf_set_multicast(nic->vf, &hash, 1);
	if (!ret)
		ret = vf_set_max_frame(nic->vf, 9022);
	return ret ? ret : vf_add_unicast(nic->vf, other_mac);
}

static bool gets_all(struct testnet *net, struct nic *nic, const u8 *other_mac)
{
	bool ok = probe_pf(&net->pf, nic, nic->mac, 0, UNTAGGED);

	ok &= probe_vf(&net->peer, nic, nic->mac, UNTAGGED);
	ok &= probe_pf(&net->pf, nic, nic->mac, VID, STRIPPED);
	ok &= probe_pf(&net->pf, nic, group, 0, UNTAGGED);
	ok &= probe_pf(&net->pf, nic, other_mac, 0, UNTAGGED);
	ok &= probe_length(&net->peer, nic, FRAME_JUMBO_MAX, UNTAGGED);
	return ok;
}

/* What is for @nic itself, and nothing that @mac and @other_mac once got in its place. */
static bool gets_its_own(struct testnet *net, struct nic *nic, const u8 *mac,
			 const u8 *other_mac)
{
	bool ok = probe_pf(&net->pf, nic, nic->mac, 0, UNTAGGED);

	ok &= probe_vf(&net->peer, nic, nic->mac, UNTAGGED);
	ok &= probe_pf(&net->pf, nic, mac, 0, DROPPED);
	ok &= probe_vf(&net->peer, nic, mac, DROPPED);
	ok &= probe_pf(&net->pf, nic, mac, VID, DROPPED);
	ok &= probe_pf(&net->pf, nic, nic->mac, VID, DROPPED);
	ok &= probe_pf(&net->pf, nic, group, 0, DROPPED);
	ok &= probe_pf(&net->pf, nic, other_mac, 0, DROPPED);
	ok &= probe_length(&net->peer, nic, LONG, DROPPED);
	return ok;
}

/* No address of VF number @vf in the PF: it would keep frames from leaving the NIC. */
static void expect_forgotten(struct __test_metadata *_metadata, unsigned int vf)
{
	u32 vmolr = monitor_pf_register(PF_VMOLR(vf));

	EXPECT_EQ(0, monitor_pf_register(PF_RAH(vf)) & PF_RAH_VALID);
	EXPECT_EQ(0, vmolr & (PF_VMOLR_SOME_MULTI | PF_VMOLR_ALL_MULTI | PF_VMOLR_STRIP));
	if (vmolr & PF_VMOLR_LONG)
		EXPECT_GE(1522, vmolr & PF_VMOLR_FRAME_MASK);
}

FIXTURE(leaving)
{
	struct testnet net;
	struct nic last;	/* which was at HOME before */
	struct nic new;
	struct mig_buf stream;
};

FIXTURE_SETUP(leaving)
{
	self->stream = (struct mig_buf){ 0 };
	ASSERT_EQ(0, testnet_open(&self->net, GUEST, PEER));
	ASSERT_TRUE(testnet_exchange(&self->net, TESTNET_BURST));
	ASSERT_EQ(0, vf_set_max_frame(self->net.peer.vf, 9022));
	nic_init(&self->last, last_mac);
	nic_init(&self->new, new_mac);
}

FIXTURE_TEARDOWN(leaving)
{
	vf_close(self->last.vf);
	vf_close(self->new.vf);
	testnet_close(&self->net);
	nic_free(&self->last);
	nic_free(&self->new);
	mig_buf_free(&self->stream);
	EXPECT_TRUE(bind_driver(vf_bdf(HOME), driver_name()));
}

/* @nic on VF HOME, with all there is. */
static void move_in(struct __test_metadata *_metadata, struct testnet *net, struct nic *nic)
{
	ASSERT_EQ(0, nic_up(nic, vf_open(vf_bdf(HOME), &nic->ram)));
	ASSERT_EQ(0, ask_for_all(nic, last_other_mac));
	ASSERT_TRUE(gets_all(net, nic, last_other_mac));
}

static void move_out(struct nic *nic)
{
	vf_close(nic->vf);
	nic->vf = NULL;
}

/* From the source's host and from its other VFs, to where the guest is now. */
TEST_F(leaving, T21_first_frame_from_the_source)
{
	struct testnet *net = &self->net;
	unsigned int i;

	ASSERT_EQ(0, ask_for_all(&net->guest, last_other_mac));
	ASSERT_EQ(0, nic_up(&self->new, vf_open(vf_bdf(HOME), &self->new.ram)));
	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, testnet_migrate(net, i ? GUEST : TO, i));
		expect_forgotten(_metadata, i ? TO : GUEST);
		EXPECT_TRUE(monitor_pf_register(PF_RAH(i ? GUEST : TO)) & PF_RAH_VALID);
		EXPECT_TRUE(gets_all(net, &net->guest, last_other_mac));
		EXPECT_TRUE(probe_vf(&self->new, &net->guest, net->guest.mac, UNTAGGED));
		ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
	}
}

/* The VF that a guest has left has another one, while the first goes on elsewhere. */
TEST_F(leaving, T21_next_guest_of_the_source)
{
	struct testnet *net = &self->net;

	ASSERT_EQ(0, ask_for_all(&net->guest, last_other_mac));
	ASSERT_TRUE(gets_all(net, &net->guest, last_other_mac));
	ASSERT_EQ(0, testnet_migrate(net, TO, true));
	ASSERT_EQ(0, nic_up(&self->new, vf_open(vf_bdf(GUEST), &self->new.ram)));
	EXPECT_TRUE(gets_its_own(net, &self->new, net->guest.mac, last_other_mac));
	EXPECT_TRUE(gets_all(net, &net->guest, last_other_mac));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

TEST_F(leaving, T21_after_close)
{
	struct testnet *net = &self->net;

	move_in(_metadata, net, &self->last);
	move_out(&self->last);
	expect_forgotten(_metadata, HOME);
	ASSERT_EQ(0, nic_up(&self->new, vf_open(vf_bdf(HOME), &self->new.ram)));
	EXPECT_TRUE(gets_its_own(net, &self->new, last_mac, last_other_mac));
}

TEST_F(leaving, T21_after_reset)
{
	struct testnet *net = &self->net;

	move_in(_metadata, net, &self->last);
	vf_reset(self->last.vf);
	expect_forgotten(_metadata, HOME);
	memcpy(self->last.mac, new_mac, MAC_LEN);
	ASSERT_EQ(0, nic_up(&self->last, self->last.vf));
	EXPECT_TRUE(gets_its_own(net, &self->last, last_mac, last_other_mac));
}

/* A driver that does not clean up had the VF before. */
TEST_F(leaving, T21_after_another_driver)
{
	struct testnet *net = &self->net;

	ASSERT_TRUE(bind_driver(vf_bdf(HOME), "vfio-pci"));
	move_in(_metadata, net, &self->last);
	move_out(&self->last);
	ASSERT_TRUE(bind_driver(vf_bdf(HOME), driver_name()));
	self->new.vf = vf_open(vf_bdf(HOME), &self->new.ram);
	expect_forgotten(_metadata, HOME);
	ASSERT_EQ(0, nic_up(&self->new, self->new.vf));
	EXPECT_TRUE(gets_its_own(net, &self->new, last_mac, last_other_mac));
}

/* A guest arrives where another one ran before, with no close in between. */
TEST_F(leaving, T21_in_the_same_session)
{
	struct testnet *net = &self->net;
	struct vf *home;

	move_in(_metadata, net, &self->last);
	ASSERT_EQ(0, mig_save(vf_fd(net->guest.vf), &self->stream));
	/* The machine of the new one, in place of that of the last. */
	home = self->last.vf;
	ASSERT_EQ(0, mig_set(vf_fd(home), VFIO_DEVICE_STATE_STOP, NULL));
	iommu_unmap(home->iommu, &home->ram);
	home->ram.vaddr = net->guest.ram.vaddr;
	iommu_map(home->iommu, &home->ram);
	ASSERT_EQ(0, mig_load(vf_fd(home), &self->stream));
	self->last.vf = NULL;
	ASSERT_EQ(0, testnet_depart(net, home));
	EXPECT_TRUE(gets_its_own(net, &net->guest, last_mac, last_other_mac));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
}

/* Both VFs have the guest's address for a while, and one of them the guest. */
TEST_F(leaving, T22_both_at_once)
{
	struct testnet *net = &self->net;
	struct vf *old, *vf;
	unsigned int i;

	ASSERT_EQ(0, ask_for_all(&net->guest, last_other_mac));
	for (i = 0; i < 4; i++) {
		unsigned int from = i & 1 ? TO : GUEST, to = i & 1 ? GUEST : TO;

		vf = testnet_arrive(net, to, i & 2, &self->stream);
		ASSERT_NE(NULL, vf);
		EXPECT_TRUE(monitor_pf_register(PF_RAH(from)) & PF_RAH_VALID);
		EXPECT_TRUE(monitor_pf_register(PF_RAH(to)) & PF_RAH_VALID);
		EXPECT_EQ(monitor_pf_register(PF_RAL(from)), monitor_pf_register(PF_RAL(to)));
		/* What comes while the guest stands still is lost. */
		EXPECT_TRUE(probe_pf(&net->pf, &net->guest, net->guest.mac, 0, DROPPED));
		EXPECT_TRUE(probe_vf(&net->peer, &net->guest, net->guest.mac, DROPPED));

		vf_vmm_setup(vf);
		ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING, NULL));
		old = net->guest.vf;
		net->guest.vf = vf;
		EXPECT_TRUE(gets_all(net, &net->guest, last_other_mac));
		EXPECT_TRUE(testnet_exchange(net, 3 * TESTNET_BURST));
		vf_close(old);
		EXPECT_TRUE(gets_all(net, &net->guest, last_other_mac));
		ASSERT_TRUE(testnet_exchange(net, 3 * TESTNET_BURST));
	}
}

/* The guest stays where it was: the destination gives back what it has claimed. */
TEST_F(leaving, T22_cancelled_after_the_load)
{
	struct testnet *net = &self->net;
	struct vf *vf;

	ASSERT_EQ(0, ask_for_all(&net->guest, last_other_mac));
	vf = testnet_arrive(net, TO, false, &self->stream);
	ASSERT_NE(NULL, vf);
	vf_close(vf);
	expect_forgotten(_metadata, TO);
	ASSERT_EQ(0, mig_set(vf_fd(net->guest.vf), VFIO_DEVICE_STATE_RUNNING, NULL));
	/*
	 * The PF has one entry for a further address, which was the destination's and is
	 * gone with it. On another host this would be another PF.
	 */
	EXPECT_TRUE(probe_pf(&net->pf, &net->guest, last_other_mac, 0, DROPPED));
	ASSERT_EQ(0, vf_add_unicast(net->guest.vf, last_other_mac));
	EXPECT_TRUE(gets_all(net, &net->guest, last_other_mac));
	ASSERT_TRUE(testnet_exchange(net, TESTNET_BURST));
	ASSERT_EQ(0, nic_up(&self->new, vf_open(vf_bdf(TO), &self->new.ram)));
	EXPECT_TRUE(probe_pf(&net->pf, &self->new, net->guest.mac, 0, DROPPED));
}

TEST_HARNESS_MAIN
