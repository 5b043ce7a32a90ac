// SPDX-License-Identifier: GPL-2.0-only
/*
 * The task of a function in software is what closes the function, or another one.
 *
 * It belongs to the process that has opened the function. Another process has it read its
 * memory, and is killed in the middle of that: then nobody has that memory any more but
 * the task, and with it the last mapping of a function. What is left to do for that file
 * the task does when it sees to a signal. It must not wait for itself then, nor two of them
 * for each other.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "deadline.h"
#include "fault_area.h"
#include "igbvf_user.h"
#include "mdev.h"
#include "migration.h"
#include "software.h"
#include "tap.h"
#include "vf_request.h"

#include "kselftest_harness.h"

#define FUNCTIONS	2
#define OTHER_TAP	"vmf1"
#define RAM		0x8000
/* In the guest's memory. A frame in two pages is waited for, one in one is not. */
#define RING		0
#define RING_LEN	128
#define AREA		0x4000
#define AREA_LEN	(2 * VF_PAGE_SIZE)
#define FRAME_LEN	200
#define END_MS		5000
#define POLL_US		5000

static const u8 guest_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x2b };

static const char *const uuids[FUNCTIONS] = {
	"82576000-0000-4000-8000-000000000005",
	"82576000-0000-4000-8000-000000000007",
};

/* What a guest tells of itself. */
struct told {
	pid_t pid;
	int fault;
	void *area;
};

FIXTURE(exits) {
	struct software software;
	int other_tap;
	pid_t opener;
};

FIXTURE_VARIANT(exits) {
	unsigned int functions;
	int signal;
};

FIXTURE_VARIANT_ADD(exits, killed) { .functions = 1, .signal = SIGKILL };
FIXTURE_VARIANT_ADD(exits, stopped) { .functions = 1, .signal = SIGSTOP };
FIXTURE_VARIANT_ADD(exits, both_killed) { .functions = 2, .signal = SIGKILL };
FIXTURE_VARIANT_ADD(exits, both_stopped) { .functions = 2, .signal = SIGSTOP };

/*
 * Has the function of this @number send what is in the area, and does nothing more. It has a
 * mapping of the next one only.
 */
static int run_guest(struct vf **vfs, unsigned int functions, unsigned int number, int tell)
{
	struct told told = { .pid = getpid() };
	struct vf *vf = vfs[number];
	unsigned int i;
	struct vf_tx_desc *ring;
	struct guest_ram ram;

	for (i = 0; i < functions; i++)
		if (i != (number + 1) % functions)
			vf_unmap(vfs[i]);
	guest_ram_init(&ram, RAM);
	told.area = ram.vaddr + AREA;
	told.fault = make_area_fault(told.area, AREA_LEN);
	if (told.fault < 0)
		return told.fault;
	vf->ram.vaddr = ram.vaddr;
	vf->ram.iova = ram.iova;
	vf->ram.size = ram.size;
	iommu_map(vf->iommu, &vf->ram);

	ring = ram.vaddr + RING;
	ring->addr = htole64(ram.iova + AREA + VF_PAGE_SIZE - FRAME_LEN / 2);
	ring->cmd_type_len = htole32(VF_TXD_DATA | VF_TXD_DEXT | VF_TXD_EOP | VF_TXD_IFCS |
				     FRAME_LEN);
	ring->olinfo_status = htole32(FRAME_LEN << VF_TXD_PAYLEN);
	vf_write(vf, VF_TDBAL(0), ram.iova + RING);
	vf_write(vf, VF_TDBAH(0), (ram.iova + RING) >> 32);
	vf_write(vf, VF_TDLEN(0), RING_LEN);
	vf_write(vf, VF_TXDCTL(0), VF_QUEUE_ENABLE);
	vf_write(vf, VF_TDT(0), 1);
	if (write(tell, &told, sizeof(told)) != sizeof(told))
		return -errno;
	for (;;)
		pause();
}

/* Opens the functions, and leaves each to a guest. */
static int run_opener(unsigned int functions, int tell)
{
	struct vf *vfs[FUNCTIONS];
	unsigned int i;

	for (i = 0; i < functions; i++) {
		vfs[i] = vf_open_mode(uuids[i], MODE_IOMMUFD, NULL);
		vf_bus_master(vfs[i], true);
		if (vf_join(vfs[i], guest_mac))
			return -ENETDOWN;
	}
	for (i = 0; i < functions; i++)
		if (!fork())
			_exit(-run_guest(vfs, functions, i, tell));
	close(tell);
	for (i = 0; i < functions; i++) {
		vf_unmap(vfs[i]);
		close(vf_fd(vfs[i]));
	}
	while (wait(NULL) > 0)
		;
	for (;;)
		pause();
}

/* The file of the guest, to answer its faults when it is gone. */
static int take_fd(pid_t pid, int fd)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);
	int taken = syscall(SYS_pidfd_getfd, pidfd, fd, 0);

	close(pidfd);
	return taken;
}

static bool within_end_ms(bool (*is_so)(const void *what), const void *what)
{
	u64 end = now_ns() + END_MS * 1000000ull;

	do {
		if (is_so(what))
			return true;
		usleep(POLL_US);
	} while (now_ns() < end);
	return false;
}

static bool is_gone(const void *pid)
{
	return kill(*(const pid_t *)pid, 0) && errno == ESRCH;
}

/* Nobody has the function open: its state is not there. */
static bool is_closed(const void *uuid)
{
	char path[128], c;
	bool closed;
	int fd;

	snprintf(path, sizeof(path), "/sys/kernel/debug/vfio/%s/migration/state",
		 (const char *)uuid);
	fd = open(path, O_RDONLY);
	VFIO_ASSERT_GE(fd, 0, "%s\n", path);
	closed = read(fd, &c, 1) < 0;
	close(fd);
	return closed;
}

FIXTURE_SETUP(exits)
{
	struct software other = { .uuid = uuids[1] };
	char number[16];

	self->opener = 0;
	self->other_tap = -1;
	ASSERT_EQ(0, software_create(&self->software, uuids[0]));
	if (variant->functions == 1)
		return;
	ASSERT_EQ(0, mdev_create(uuids[1]));
	self->other_tap = tap_open(OTHER_TAP);
	ASSERT_LE(0, self->other_tap);
	snprintf(number, sizeof(number), "%d", self->other_tap);
	ASSERT_EQ(0, software_set(&other, "network/backend_fd", number));
}

static int remove_function(void *software)
{
	return software_remove(software);
}

static int remove_other(void *unused)
{
	return mdev_remove(uuids[1]);
}

FIXTURE_TEARDOWN(exits)
{
	if (self->opener > 0) {
		kill(self->opener, SIGKILL);
		EXPECT_TRUE(deadline_reap(self->opener, END_MS, NULL));
	}
	EXPECT_EQ(0, deadline_call(remove_function, &self->software, END_MS));
	if (variant->functions > 1) {
		EXPECT_EQ(0, deadline_call(remove_other, NULL, END_MS));
		close(self->other_tap);
	}
}

static int use(void *uuid)
{
	struct mig_buf stream = { 0 };
	struct vf *vf = vf_open_mode(uuid, MODE_IOMMUFD, NULL);
	int ret = mig_save(vf_fd(vf), &stream);

	vf_close(vf);
	mig_buf_free(&stream);
	return ret;
}

TEST_F_TIMEOUT(exits, last_close_in_a_task, 60)
{
	struct told told[FUNCTIONS];
	int faults[FUNCTIONS];
	unsigned int i;
	int tell[2];

	ASSERT_EQ(0, pipe(tell));
	self->opener = fork();
	ASSERT_LE(0, self->opener);
	if (!self->opener) {
		close(tell[0]);
		_exit(-run_opener(variant->functions, tell[1]));
	}
	close(tell[1]);
	for (i = 0; i < variant->functions; i++) {
		ASSERT_EQ((ssize_t)sizeof(told[i]), read(tell[0], &told[i], sizeof(told[i])));
		faults[i] = take_fd(told[i].pid, told[i].fault);
		ASSERT_LE(0, faults[i]);
		ASSERT_EQ(0, area_wait(faults[i], NIC_TIMEOUT_MS)) {
			TH_LOG("a function does not wait in a fault");
		}
	}
	close(tell[0]);
	for (i = 0; i < variant->functions; i++) {
		ASSERT_EQ(0, kill(told[i].pid, SIGKILL));
		/* The opener has reaped it. */
		ASSERT_TRUE(within_end_ms(is_gone, &told[i].pid));
	}
	for (i = 0; i < variant->functions; i++) {
		ASSERT_EQ(0, area_answer(faults[i], told[i].area, AREA_LEN));
		close(faults[i]);
	}
	usleep(200000);
	/* So it is a task that has the last reference. */
	for (i = 0; i < variant->functions; i++)
		EXPECT_FALSE(is_closed(uuids[i]));
	ASSERT_EQ(0, kill(self->opener, variant->signal));
	for (i = 0; i < variant->functions; i++) {
		EXPECT_TRUE(within_end_ms(is_closed, uuids[i]));
		/* Also as long as the opener, and its tasks, are stopped. */
		ASSERT_EQ(0, deadline_call(use, (void *)uuids[i], END_MS));
	}
	if (variant->signal == SIGSTOP) {
		ASSERT_EQ(0, kill(self->opener, SIGCONT));
		EXPECT_EQ(0, waitpid(self->opener, NULL, WNOHANG));
	}
}

int main(int argc, char **argv)
{
	software_or_skip();
	if (!vf_iommu_mode_available(MODE_IOMMUFD)) {
		ksft_print_header();
		ksft_exit_skip("this kernel has no iommufd\n");
	}
	userfaults_or_skip();
	return test_harness_run(argc, argv);
}
