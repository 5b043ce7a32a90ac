// SPDX-License-Identifier: GPL-2.0-only
/*
 * A guest that is frozen between any two of its accesses to the mailbox.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include "freezer.h"
#include "stream_edit.h"

#define HERE	0
#define PEER	1
#define THERE	2

#define IN_MAILBOX(_field)	offsetof(struct vmf_igbvf_82576_mailbox, _field)

int freezer_open(struct freezer *f)
{
	int ret;

	memset(f, 0, sizeof(*f));
	f->precopy_fd = -1;
	ret = life_open(&f->life, HERE, PEER);
	f->there = vf_open(vf_bdf(THERE), &f->life.net.guest.ram);
	return ret;
}

void freezer_close(struct freezer *f)
{
	if (f->precopy_fd >= 0)
		close(f->precopy_fd);
	vf_close(f->there);
	life_close(&f->life);
	mig_buf_free(&f->stream);
}

/* The stream into the other VF, which runs then, with the guest. */
static int land(struct freezer *f)
{
	struct vf *from = f->life.net.guest.vf;
	int ret;

	ret = mig_load(vf_fd(f->there), &f->stream);
	if (ret)
		return ret;
	vf_vmm_setup(f->there);
	ret = mig_set(vf_fd(f->there), VFIO_DEVICE_STATE_RUNNING, NULL);
	life_moved(&f->life, f->there);
	f->there = from;
	f->moves++;
	return ret;
}

int freeze_move(struct freezer *f)
{
	int ret = mig_save(vf_fd(f->life.net.guest.vf), &f->stream);

	return ret ? ret : land(f);
}

int freeze_cancel(struct freezer *f)
{
	int fd = vf_fd(f->life.net.guest.vf), ret;

	ret = mig_save(fd, &f->stream);
	return ret ? ret : mig_set(fd, VFIO_DEVICE_STATE_RUNNING, NULL);
}

static int precopy_begin(struct freezer *f)
{
	int ret;

	f->stream.len = 0;
	ret = mig_set(vf_fd(f->life.net.guest.vf), VFIO_DEVICE_STATE_PRE_COPY, &f->precopy_fd);
	if (ret)
		return ret;
	ret = mig_read(f->precopy_fd, &f->stream, MIG_CHUNK);
	return ret == -ENOMSG ? 0 : ret ? ret : -EPROTO;
}

int freeze_precopy_there_and_back(struct freezer *f)
{
	int ret = f->precopy_fd < 0 ? precopy_begin(f) : 0;

	if (!ret)
		ret = mig_set(vf_fd(f->life.net.guest.vf), VFIO_DEVICE_STATE_STOP_COPY, NULL);
	if (!ret)
		ret = mig_read(f->precopy_fd, &f->stream, MIG_CHUNK);
	close(f->precopy_fd);
	f->precopy_fd = -1;
	if (!ret)
		ret = land(f);
	if (!ret)
		ret = freeze_move(f);
	return ret ? ret : precopy_begin(f);
}

/* REQ is the next access; this is the stream of a guest that has just made it. */
static int save_requested(struct freezer *f)
{
	struct vmf_section s;
	u8 *mailbox;
	int ret;

	ret = mig_save(vf_fd(f->life.net.guest.vf), &f->stream);
	if (ret)
		return ret;
	s = edit_section(&f->stream, VMF_MAILBOX, 0);
	mailbox = f->stream.data + s.payload;
	if (!(mailbox[IN_MAILBOX(flags)] & VMF_IGBVF_82576_MAILBOX_VFU))
		return -EPROTO;
	mailbox[IN_MAILBOX(flags)] &= ~VMF_IGBVF_82576_MAILBOX_VFU;
	mailbox[IN_MAILBOX(flags)] |= VMF_IGBVF_82576_MAILBOX_REQUEST_PENDING;
	memcpy(mailbox + IN_MAILBOX(request), mailbox + IN_MAILBOX(vmbmem),
	       VF_MBMEM_WORDS * sizeof(u32));
	edit_fixup(&f->stream);
	return 0;
}

int freeze_move_requested(struct freezer *f)
{
	int ret = save_requested(f);

	return ret ? ret : land(f);
}

int freeze_move_requested_twice(struct freezer *f)
{
	int ret = save_requested(f);
	struct vf *through = f->there;

	if (!ret)
		ret = mig_load(vf_fd(through), &f->stream);
	if (!ret)
		ret = mig_save(vf_fd(through), &f->stream);
	f->there = f->life.net.guest.vf;
	f->life.net.guest.vf = through;
	return ret ? ret : land(f);
}

/* The hook: before each access, but for those that are repeated until they succeed. */
static bool before_access(struct igbvf_mailbox *mbx, enum mailbox_access access, bool again)
{
	struct freezer *f = mbx->context;
	unsigned int point;
	bool chosen;
	int ret;

	if (again)
		return false;
	chosen = !f->requests_only || access == MBX_REQUEST;
	point = chosen ? f->points++ : 0;
	chosen = chosen && f->freeze && point % f->stride == f->first;
	if (!f->freeze)
		f->seen[f->last][access]++;
	if (chosen && !*f->life.error) {
		snprintf(f->where, sizeof(f->where), "%u, \"%s\" | \"%s\" of %s", point,
			 mailbox_access_name(f->last), mailbox_access_name(access), f->life.doing);
		ret = f->freeze(f);
		if (ret)
			snprintf(f->life.error, sizeof(f->life.error), "migration: %s",
				 strerror(-ret));
		f->pairs[f->last][access]++;
		f->frozen++;
	}
	f->last = access;
	return chosen && f->requests_only;
}

bool freezer_live(struct freezer *f)
{
	bool ok;

	f->points = 0;
	f->last = MBX_ACCESSES;
	*f->life.error = '\0';
	f->life.mbx.before = before_access;
	f->life.mbx.context = f;
	ok = life_run(&f->life);
	f->life.doing = "the end";
	before_access(&f->life.mbx, MBX_ACCESSES, false);
	f->life.mbx.before = NULL;
	return life_check(&f->life) && ok && !*f->life.error;
}

static void print_pairs(struct freezer *f)
{
	unsigned int before, after;

	for (before = 0; before <= MBX_ACCESSES; before++)
		for (after = 0; after <= MBX_ACCESSES; after++)
			if (f->pairs[before][after])
				printf("# T14: %16s | %-16s %4u\n", mailbox_access_name(before),
				       mailbox_access_name(after), f->pairs[before][after]);
}

/* The life that the last freeze was in has failed. */
static void print_failure(struct freezer *f)
{
	printf("# T14: frozen at %s: %s\n", f->where, f->life.error);
}

bool freezer_live_all(struct freezer *f, freeze_t freeze)
{
	unsigned int points, lives;
	bool ok = freezer_live(f);
	u64 start = now_ns();

	points = f->points;
	if (!ok)
		printf("# T14: never frozen: %s\n", f->life.error);
	lives = f->stride ? f->stride : points;
	f->stride = lives;
	f->freeze = freeze;
	for (f->first = 0; ok && f->first < lives; f->first++) {
		ok = freezer_live(f) && f->points == points;
		if (!ok)
			print_failure(f);
	}
	printf("# T14: %u of %u points, %u lives, %u migrations, %lu ms\n", f->frozen, points,
	       lives, f->moves, (now_ns() - start) / 1000000);
	print_pairs(f);
	/* Each pair of accesses that a life has was frozen between as often as it has it. */
	return ok && points && f->frozen == points &&
	       (f->requests_only || !memcmp(f->seen, f->pairs, sizeof(f->seen)));
}
