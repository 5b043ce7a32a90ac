// SPDX-License-Identifier: GPL-2.0-only
/*
 * Single bits of a good stream: whichever is wrong, the stream is refused and the
 * hardware is left alone.
 *
 * After each of them the device has to be reset, which takes its time. So this
 * looks at every STRIDE-th bit, on all functions at once; the codec's own tests
 * look at every bit. The number is that of the litmus tests of the format.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "handshake.h"
#include "testnet.h"
#include "vmf_stream.h"

/* Prime: each bit of a byte has its turn. */
#define STRIDE		13
#define FLIP_S		60

struct flipper {
	pthread_t thread;
	const char *bdf;
	const struct mig_buf *good;
	size_t first;
	unsigned int done;
	unsigned int accepted;
	unsigned int touched;
	unsigned int others;	/* verdicts of "check" that are not that of write() */
	size_t which;
};

static void flip_one(struct flipper *f, struct vf *vf, u8 *bad, size_t bit, size_t preamble)
{
	u32 before[VF_REGS_MAX], after[VF_REGS_MAX];
	unsigned int i;
	int data_fd, ret;

	for (i = 0; i < vf_regs_count; i++)
		before[i] = 0x9e3779b9 * (2 * i + 5);
	vf_regs_write(vf, before);
	ret = mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RESUMING, &data_fd);
	if (ret) {
		f->accepted++;
		return;
	}
	vf_regs_read(vf, before);
	bad[bit / 8] ^= 1 << bit % 8;
	ret = mig_write(data_fd, bad, f->good->len, MIG_CHUNK);
	vf_regs_read(vf, after);
	if (bit / 8 < preamble && format_check(f->bdf, bad, preamble) != ret) {
		f->others++;
		f->which = bit;
	}
	bad[bit / 8] ^= 1 << bit % 8;
	if (!ret || mig_set(vf_fd(vf), VFIO_DEVICE_STATE_STOP, NULL) != ret) {
		f->accepted++;
		f->which = bit;
	}
	if (vf_regs_differ(before, after)) {
		f->touched++;
		f->which = bit;
	}
	close(data_fd);
	vf_reset(vf);
	f->done++;
}

static void *flipper(void *arg)
{
	u64 end = now_ns() + FLIP_S * 1000000000ull;
	struct flipper *f = arg;
	struct vf *vf = vf_open(f->bdf, NULL);
	struct mig_buf bad = { 0 };
	size_t bit, preamble = vmf_initial_len(f->good->data, f->good->len);

	mig_buf_copy(&bad, f->good);
	for (bit = f->first * STRIDE; bit < 8 * bad.len && now_ns() < end; bit += VF_MAX * STRIDE)
		flip_one(f, vf, bad.data, bit, preamble);
	/* Nothing of it is left. */
	if (mig_load(vf_fd(vf), f->good))
		f->accepted++;
	vf_close(vf);
	mig_buf_free(&bad);
	return NULL;
}

static void take_stream(struct __test_metadata *_metadata, struct mig_buf *stream)
{
	static const u8 mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x0a };
	struct ledger ledger;
	struct nic guest;

	nic_init(&guest, mac);
	ASSERT_EQ(0, nic_up(&guest, vf_open(vf_bdf(0), &guest.ram)));
	ledger_init(&ledger, 100);
	ASSERT_TRUE(nic_send(&guest, 0, &ledger, mac, 3));
	ASSERT_TRUE(nic_drain(&guest, 0, NIC_TIMEOUT_MS));
	ASSERT_EQ(0, mig_save(vf_fd(guest.vf), stream));
	vf_close(guest.vf);
	nic_free(&guest);
}

FIXTURE(flip)
{
	struct mig_buf good;
};

FIXTURE_SETUP(flip)
{
	self->good = (struct mig_buf){ 0 };
	take_stream(_metadata, &self->good);
}

FIXTURE_TEARDOWN(flip)
{
	mig_buf_free(&self->good);
}

TEST_F_TIMEOUT(flip, litmus_8_single_bits, 110)
{
	struct flipper flippers[VF_MAX];
	unsigned int i, done = 0;

	for (i = 0; i < VF_MAX; i++) {
		flippers[i] = (struct flipper){
			.bdf = vf_bdf(i), .good = &self->good, .first = i,
		};
		ASSERT_EQ(0, pthread_create(&flippers[i].thread, NULL, flipper, &flippers[i]));
	}
	for (i = 0; i < VF_MAX; i++) {
		ASSERT_EQ(0, pthread_join(flippers[i].thread, NULL));
		EXPECT_EQ(0, flippers[i].accepted) {
			TH_LOG("%u accepted, the last is bit %zu", flippers[i].accepted,
			       flippers[i].which);
		}
		EXPECT_EQ(0, flippers[i].touched) {
			TH_LOG("%u touched the hardware, the last is bit %zu",
			       flippers[i].touched, flippers[i].which);
		}
		EXPECT_EQ(0, flippers[i].others) {
			TH_LOG("%u have two verdicts, the last is bit %zu", flippers[i].others,
			       flippers[i].which);
		}
		done += flippers[i].done;
	}
	TH_LOG("%u of %zu bits", done, 8 * self->good.len);
	EXPECT_LT(50, done);
}

TEST_HARNESS_MAIN
