// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every fault in opening a device, and in closing it: whoever is next finds one that
 * works.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "fault_sweep.h"

#define GUEST		0
#define OPEN_S		800

FIXTURE(opening) {
	struct sweep s;
};

FIXTURE_SETUP(opening)
{
	ASSERT_EQ(0, sweep_open(&self->s));
}

FIXTURE_TEARDOWN(opening)
{
	sweep_close(&self->s);
}

/* Of the guest's VF, whether or not it is open. */
static const char *guest_bdf(struct sweep *s)
{
	return vf_bdf(GUEST);
}

/* Open, in the three steps of user space with a character device. */

static struct iommu *iommu;
static const char *cdev;
static int device_fd = -1;

/* Nobody has the device, and then somebody has come so far with it. */
static int prepare_open(struct sweep *s)
{
	if (s->net.guest.vf)
		vf_close(s->net.guest.vf);
	s->net.guest.vf = NULL;
	return 0;
}

static int call_open(struct sweep *s)
{
	device_fd = open(cdev, O_RDWR | O_CLOEXEC);
	return device_fd < 0 ? -errno : 0;
}

static int call_bind(struct sweep *s)
{
	return __vfio_device_bind_iommufd(device_fd, iommu->iommufd, NULL) ? -errno : 0;
}

static int call_attach(struct sweep *s)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach),
		.pt_id = iommu->ioas_id,
	};

	return ioctl(device_fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) ? -errno : 0;
}

static int prepare_bind(struct sweep *s)
{
	prepare_open(s);
	return call_open(s);
}

static int prepare_attach(struct sweep *s)
{
	int ret = prepare_bind(s);

	return ret ? ret : call_bind(s);
}

/* Whoever is next finds a device that works. */
static void judge_open(struct sweep *s, int ret)
{
	if (s->fault.kind == FAULT_NONE && ret)
		sweep_complain(s, "without a fault: %s", strerror(-ret));
	if (device_fd >= 0)
		close(device_fd);
	device_fd = -1;
	s->net.guest.vf = vf_open(vf_bdf(GUEST), &s->net.guest.ram);
	sweep_recover(s, true);
}

static const struct {
	const char *name;
	struct sweep_op op;
} opens[] = {
	{ "open", { .prepare = prepare_open, .call = call_open, .judge = judge_open,
		    .bdf = guest_bdf } },
	{ "open, bind", { .prepare = prepare_bind, .call = call_bind, .judge = judge_open,
			  .bdf = guest_bdf } },
	{ "open, attach", { .prepare = prepare_attach, .call = call_attach,
			    .judge = judge_open, .bdf = guest_bdf } },
};

TEST_F_TIMEOUT(opening, open, OPEN_S)
{
	unsigned int i;
	bool ok = true;

	if (!vf_iommu_mode_available(MODE_IOMMUFD))
		SKIP(return, "no iommufd");
	cdev = vfio_pci_get_cdev_path(vf_bdf(GUEST));
	iommu = iommu_init(MODE_IOMMUFD);
	for (i = 0; i < ARRAY_SIZE(opens); i++)
		ok &= sweep_run(&self->s, opens[i].name, &opens[i].op);
	EXPECT_TRUE(ok);
	iommu_cleanup(iommu);
}

/* Close, with the queues on. */

static int prepare_close(struct sweep *s)
{
	struct vf *vf = s->net.guest.vf;

	/* A mapping is a reference, too. */
	vf_unmap(vf);
	return 0;
}

static int call_close(struct sweep *s)
{
	return close(vf_fd(s->net.guest.vf)) ? -errno : 0;
}

static void judge_close(struct sweep *s, int ret)
{
	struct vf *vf = s->net.guest.vf;

	if (ret)
		sweep_complain(s, "%s", strerror(-ret));
	/* What libvfio wants to close. */
	vf->pci->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	vf_close(vf);
	s->net.guest.vf = vf_open(vf_bdf(GUEST), &s->net.guest.ram);
	sweep_recover(s, true);
}

/*
 * iommu_device_release_dma_owner() warns if it cannot allocate what it needs to give the
 * function its own address space back: nobody could be told.
 */
static const struct sweep_op close_op = {
	.prepare = prepare_close, .call = call_close, .judge = judge_close, .bdf = guest_bdf,
	.device_only = true,
};

TEST_F_TIMEOUT(opening, close, OPEN_S)
{
	EXPECT_TRUE(sweep_run(&self->s, "close", &close_op));
}

int main(int argc, char **argv)
{
	fault_nth_or_skip();
	return test_harness_run(argc, argv);
}
