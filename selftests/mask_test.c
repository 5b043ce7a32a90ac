// SPDX-License-Identifier: GPL-2.0-only
/*
 * The interrupt mask of a guest that nobody has watched set it: what is saved is
 * what it has set, or more, and never less. While the device is stopped nothing
 * comes; when it goes on, each vector that is not masked comes once.
 */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "interrupts.h"
#include "migration.h"
#include "vmf_stream.h"

/* The longest, 33.5 ms; what igbvf uses for bulk traffic, 1 ms; and none. */
static const u32 throttles[] = { 0x7ffe, 980, 0 };

/* What the guest was doing when it was stopped. */
enum {
	QUIET,
	RAISED,		/* a cause of each vector was set, and waits if it is masked */
	MASKED_LATE,	/* raised, and masked while the throttle runs */
	SHORTENED,	/* raised, and then the throttle was made shorter */
	LIVES,
};

FIXTURE(mask)
{
	struct vf *vf;
	struct mig_buf stream;
};

/* MSI-X: off, with some vectors of the user, or with none, as QEMU switches it on. */
FIXTURE_VARIANT(mask)
{
	bool on;
	unsigned int vectors;
};

FIXTURE_VARIANT_ADD(mask, off) { .on = false };
FIXTURE_VARIANT_ADD(mask, three_vectors) { .on = true, .vectors = VF_VECTORS };
FIXTURE_VARIANT_ADD(mask, one_vector) { .on = true, .vectors = 1 };
FIXTURE_VARIANT_ADD(mask, no_vector) { .on = true, .vectors = 0 };

static void set_irqs(struct vf *vf, u32 data, const s32 *fds, u32 count)
{
	char buf[sizeof(struct vfio_irq_set) + VF_VECTORS * sizeof(s32)] = { 0 };
	struct vfio_irq_set *set = (void *)buf;

	set->argsz = sizeof(*set) + (fds ? count * sizeof(s32) : 0);
	set->flags = data | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = VFIO_PCI_MSIX_IRQ_INDEX;
	set->count = count;
	if (fds)
		memcpy(set->data, fds, count * sizeof(s32));
	ioctl_assert(vf_fd(vf), VFIO_DEVICE_SET_IRQS, set);
}

/* With an eventfd for the first of them only: the others stay masked in the table. */
static void enable(struct vf *vf, unsigned int vectors)
{
	s32 fds[VF_VECTORS];
	unsigned int i;

	vf_irq_enable(vf);
	if (vectors == VF_VECTORS)
		return;
	for (i = 0; i < VF_VECTORS; i++)
		fds[i] = i < vectors ? vf->pci->msi_eventfds[i] : -1;
	set_irqs(vf, VFIO_IRQ_SET_DATA_NONE, NULL, 0);
	set_irqs(vf, VFIO_IRQ_SET_DATA_EVENTFD, fds, vectors ? vectors : 1);
}

FIXTURE_SETUP(mask)
{
	self->stream = (struct mig_buf){ 0 };
	self->vf = vf_open(vf_bdf(0), NULL);
	vf_bus_master(self->vf, true);
}

FIXTURE_TEARDOWN(mask)
{
	mig_buf_free(&self->stream);
	vf_close(self->vf);
}

static u32 saved_mask(struct mig_buf *stream)
{
	struct vmf_section s;

	if (!vmf_lookup(stream->data, stream->len, VMF_INTERRUPTS, 0, &s))
		return ~0;
	return vmf_get32(stream->data,
			 s.payload + offsetof(struct vmf_igbvf_82576_interrupts, eims));
}

/* A reset takes back what is pending, and leaves the throttle's timer alone. */
static void live(struct vf *vf, u32 mask, u32 throttle, unsigned int life)
{
	unsigned int k;

	usleep(VF_THROTTLE_US);
	vf_reset(vf);
	vf_bus_master(vf, true);
	for (k = 0; k < VF_VECTORS; k++)
		vf_write(vf, VF_EITR(k), throttle);
	/* Causes go with their interrupts. */
	vf_write(vf, VF_EIAC, VF_EIMASK);
	vf_write(vf, VF_EIMS, life == MASKED_LATE ? VF_EIMASK : mask);
	if (life == QUIET)
		return;
	vf_write(vf, VF_EICS, VF_EIMASK);
	/* Of the message that comes with the throttle there is a second one after it. */
	vf_write(vf, VF_EICS, VF_EIMASK);
	if (life == MASKED_LATE)
		vf_write(vf, VF_EIMC, VF_EIMASK & ~mask);
	if (life == SHORTENED)
		for (k = 0; k < VF_VECTORS; k++)
			vf_write(vf, VF_EITR(k), 0);
}

/*
 * Which bits may be there that the guest has not set: those of vectors that had a
 * message pending, which nobody can take back.
 */
static u32 undecidable(bool on, unsigned int vectors, u32 throttle, unsigned int life)
{
	/* MSI-X was off, or the vector is not set up: what was raised before is pending. */
	u32 held = on ? VF_EIMASK & ~(BIT(vectors) - 1) : VF_EIMASK;

	if (life == MASKED_LATE)
		return throttle ? VF_EIMASK : held;
	return 0;
}

/* Once; or twice, as QEMU's throttle repeats a message when its time is over. */
static void expect_each_once(struct __test_metadata *_metadata, struct vf *vf, u32 mask,
			     u32 throttle, const char *what)
{
	unsigned int counts[VF_VECTORS] = { 0 }, k;

	usleep(VF_THROTTLE_US);
	irq_count(vf, counts);
	for (k = 0; k < VF_VECTORS; k++) {
		EXPECT_LE(!!(mask & BIT(k)), counts[k]) {
			TH_LOG("%s: vector %u does not come", what, k);
		}
		EXPECT_GE(!!(mask & BIT(k)) * (throttle ? 2 : 1), counts[k]) {
			TH_LOG("%s: vector %u comes %u times", what, k, counts[k]);
		}
	}
}

/* Stopped and started again; returns what was saved. */
static u32 stop_and_go(struct __test_metadata *_metadata, struct vf *vf,
		       struct mig_buf *stream, u32 usable, const char *what)
{
	u32 got;

	stream->len = 0;
	ASSERT_EQ(0, mig_save(vf_fd(vf), stream));
	got = saved_mask(stream);
	if (usable) {
		/* What went out before the device was stopped is late on a busy machine. */
		irq_collect(vf, 0);
		vf_write(vf, VF_EICS, VF_EIMASK);
		EXPECT_EQ(0, irq_collect(vf, 0)) {
			TH_LOG("%s: it comes while stopped", what);
		}
	}
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING, NULL));
	EXPECT_EQ(got, vf_read(vf, VF_EIMS));
	return got;
}

TEST_F_TIMEOUT(mask, every_mask_of_every_life, 1000)
{
	u32 usable = variant->on ? BIT(variant->vectors) - 1 : 0, mask, throttle, more, got;
	unsigned int i, life, exact = 0, inexact = 0;
	char what[80];

	if (variant->on)
		enable(self->vf, variant->vectors);
	for (i = 0; i < ARRAY_SIZE(throttles) * LIVES * (VF_EIMASK + 1); i++) {
		mask = i % (VF_EIMASK + 1);
		life = i / (VF_EIMASK + 1) % LIVES;
		throttle = throttles[i / (VF_EIMASK + 1) / LIVES];
		if (!throttle && life > RAISED)
			continue;
		snprintf(what, sizeof(what), "mask %u, throttle %#x, life %u", mask, throttle,
			 life);
		live(self->vf, mask, throttle, life);
		got = stop_and_go(_metadata, self->vf, &self->stream, usable, what);
		more = undecidable(variant->on, variant->vectors, throttle, life);
		EXPECT_EQ(mask, got & (mask | ~more)) {
			TH_LOG("%s: saved as %u", what, got);
		}
		exact += got == mask;
		inexact += got != mask;
		if (usable)
			expect_each_once(_metadata, self->vf, got & usable,
					 life == SHORTENED ? 0 : throttle, what);
	}
	TH_LOG("%u masks are exact, %u have a bit more", exact, inexact);
}

/* The pending bit of a vector that is not set up stays: it counts as unmasked from then on. */
TEST_F(mask, of_a_second_stop)
{
	struct vf *vf = self->vf;
	u32 first = BIT(0) | BIT(1), second = BIT(2), got;

	if (variant->on)
		enable(vf, variant->vectors);
	live(vf, first, 0, QUIET);
	ASSERT_EQ(0, mig_save(vf_fd(vf), &self->stream));
	EXPECT_EQ(first, saved_mask(&self->stream));
	ASSERT_EQ(0, mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING, NULL));

	vf_write(vf, VF_EIMC, VF_EIMASK);
	vf_write(vf, VF_EIMS, second);
	self->stream.len = 0;
	ASSERT_EQ(0, mig_save(vf_fd(vf), &self->stream));
	got = saved_mask(&self->stream);
	EXPECT_EQ(second, got & second);
	EXPECT_EQ(0, got & ~(variant->vectors == VF_VECTORS ? second : first | second));
}

FIXTURE(muted)
{
	struct testnet net;
};

FIXTURE_SETUP(muted)
{
	ASSERT_EQ(0, testnet_open(&self->net, 0, 1));
	ASSERT_TRUE(irq_works(&self->net));
	ASSERT_EQ(0, testnet_set(&self->net, VFIO_DEVICE_STATE_STOP));
}

FIXTURE_TEARDOWN(muted)
{
	testnet_close(&self->net);
}

/* The VMM sets its vectors up anew, and gets what is pending; they come when the device goes on. */
TEST_F(muted, vectors_set_up_anew_while_stopped)
{
	struct vf *vf = self->net.guest.vf;

	vf_irq_disable(vf);
	vf_irq_enable(vf);
	irq_collect(vf, 0);
	vf_write(vf, VF_EICS, VF_EIMASK);
	EXPECT_EQ(0, irq_collect(vf, 0));
	ASSERT_EQ(0, testnet_set(&self->net, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_EQ(VF_EIMASK, irq_collect(vf, VF_EIMASK));
	EXPECT_TRUE(irq_works(&self->net));
}

/* Nothing is left of it for a guest that begins anew, */
TEST_F(muted, a_reset_unmutes)
{
	struct testnet *net = &self->net;

	vf_reset(net->guest.vf);
	vf_bus_master(net->guest.vf, true);
	ASSERT_EQ(0, nic_up(&net->guest, net->guest.vf));
	EXPECT_TRUE(irq_works(net));
}

/* nor for the next owner, whose device was closed by the last one while it was stopped. */
TEST_F(muted, so_does_close)
{
	struct testnet *net = &self->net;
	struct vf *vf;

	vf_close(net->guest.vf);
	vf = vf_open(vf_bdf(0), &net->guest.ram);
	net->guest.vf = vf;
	vf_vmm_setup(vf);
	ASSERT_EQ(0, nic_up(&net->guest, vf));
	EXPECT_TRUE(irq_works(net));
}

TEST_HARNESS_MAIN
