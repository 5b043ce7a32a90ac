/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * VFIO: what is known of a migration before there is one, by the file descriptor
 * of the device. Experimental.
 *
 * Upstream these are lines of linux/vfio.h, with numbers that are assigned there;
 * Documentation/upstreaming.rst has the reasons.
 */
#ifndef _UAPI_LINUX_VFIO_HANDSHAKE_H
#define _UAPI_LINUX_VFIO_HANDSHAKE_H

#include <linux/types.h>

/*
 * Numbers of features for experiments: the last 256 of VFIO_DEVICE_FEATURE_MASK.
 * linux/vfio.h assigns numbers in turn from 0, one with each patch that brings a
 * feature, and the core looks at its own before a driver is asked. A number of
 * this range says nothing but with the driver that has it: a user that does not
 * know the driver looks at what VFIO_DEVICE_FEATURE_X_MIG_DESCRIPTOR returns,
 * which begins with the magic number of its format, before it sets anything.
 */
#define VFIO_DEVICE_FEATURE_X_FIRST		0xff00
#define VFIO_DEVICE_FEATURE_X_LAST		0xffff

/*
 * Data of all three features: @size bytes follow, in memory that argsz covers.
 *
 * GET: @size is the room in data[], and 0 is fine. On return it is the length of
 *	what there is, in data[] if it has fit; what follows it in data[] is left as
 *	it was. If it has not fit the ioctl fails with ENOSPC, @size is written all
 *	the same, and data[] is as it was.
 * SET: @size is the length of data[]. Nothing is written.
 *
 * @flags is for later: 0.
 *
 * Errors of all three, beside those of VFIO_DEVICE_FEATURE:
 *
 * EINVAL	@flags is not 0, argsz does not cover @size bytes of data[], or the
 *		feature is only there for the other one of GET and SET.
 * EFAULT	The memory cannot be read, or written.
 * ENOSPC	GET: see above.
 * ENOMEM	There is no memory.
 * ENOTTY	There is no such feature.
 *
 * Nothing of a device waits for a fault of this memory but the caller.
 */
struct vfio_device_feature_x_mig_bytes {
	__u32 size;
	__u32 flags;
	__u8 data[];
};

/* No descriptor is longer, in bytes. */
#define VFIO_DEVICE_FEATURE_X_MIG_SIZE_MAX	4096

/*
 * Upon VFIO_DEVICE_FEATURE_GET, the bytes with which the migration data of the
 * device would begin if it were saved now: which format it is, whose state, and
 * what a destination must have to load it. May be asked for in any state, and
 * changes nothing. Two calls can give different bytes, also of different length:
 * ENOSPC can come again.
 *
 * EOPNOTSUPP	There is no descriptor: the data that is to be written has no words
 *		for what the user of the device makes use of.
 */
#define VFIO_DEVICE_FEATURE_X_MIG_DESCRIPTOR	0xfff0

/*
 * Upon VFIO_DEVICE_FEATURE_SET, judges the descriptor of another device: 0 if this
 * one would take the migration data that begins so, or the error that the write()
 * of a migration would fail with, or one that could only be found later. May be
 * asked in any state, and changes nothing. VFIO_DEVICE_FEATURE_X_MIG_LAST_ERROR
 * tells what does not fit, and why.
 *
 * ENODATA	@size is 0, or less than a descriptor.
 * E2BIG	@size is more than VFIO_DEVICE_FEATURE_X_MIG_SIZE_MAX.
 * any other	What the format has for what does not fit. EINVAL, EFAULT, E2BIG,
 *		ENOSPC, ENOMEM and ENOTTY are no verdicts.
 */
#define VFIO_DEVICE_FEATURE_X_MIG_CHECK		0xfff1

/*
 * Upon VFIO_DEVICE_FEATURE_GET, one line, printable ASCII without an end, for
 * people: why a migration of this device was refused or has failed, or why one of
 * the two features above was refused, whichever came last. @size is 0 if there is
 * none. The line goes when the device is opened, so that nobody reads of those who
 * had it before, and when migration data begins to be saved or resumed; it stays
 * over a reset.
 */
#define VFIO_DEVICE_FEATURE_X_MIG_LAST_ERROR	0xfff2

#endif /* _UAPI_LINUX_VFIO_HANDSHAKE_H */
