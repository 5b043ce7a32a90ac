// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VMM has replaced the pages of a receive ring by such that fault, and does not answer
 * the fault: while DMA is logged, who rings the doorbell waits for it in the kernel.
 * That is its own affair. Nobody else waits with it, and it can be killed.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "binding.h"
#include "deadline.h"
#include "fault_area.h"
#include "handshake.h"
#include "log_lab.h"
#include "migration.h"
#include "pf_admin.h"

#include "kselftest_harness.h"

#define SIBLING		2
#define FILE_MS		2000
#define KILL_MS		5000
#define BIND_MS		10000
#define NUMVFS_MS	10000

static const u8 guest_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x1a };

FIXTURE(fault) {
	pid_t vmm;
	const char *bdf;
};

static void *ring_doorbell(void *arg)
{
	vf_write(arg, VF_RDT(0), 20);
	return NULL;
}

/* The VMM: tells that there is a fault, and does nothing more. */
static int run_vmm(int tell)
{
	struct ring_guest guest;
	pthread_t thread;
	struct vf *vf;
	int ret, fd;

	ring_guest_init(&guest, LOG_LAB_RAM, guest_mac);
	vf = vf_open_mode(vf_bdf(0), MODE_IOMMUFD, &guest.ram);
	ret = ring_guest_up(&guest, vf);
	if (ret)
		return ret;
	ring_guest_setup(&guest, &ring_shape_usual, true);
	ret = dma_log_start_simple(vf_fd(vf), guest.ram.iova, guest.ram.size);
	if (ret)
		return ret;
	fd = make_area_fault(guest.rx_area, DMA_LOG_PAGE);
	if (fd < 0)
		return fd;
	ret = pthread_create(&thread, NULL, ring_doorbell, vf);
	if (ret)
		return -ret;
	ret = area_wait(fd, NIC_TIMEOUT_MS);
	if (ret)
		return ret;
	if (write(tell, "f", 1) != 1)
		return -errno;
	for (;;)
		pause();
}

/* Returns a VMM that has come to where it tells that it is. */
static pid_t begin_vmm(int (*run)(int tell))
{
	bool there;
	int tell[2];
	pid_t vmm;
	char c;

	if (pipe(tell))
		return -errno;
	vmm = fork();
	if (!vmm) {
		close(tell[0]);
		_exit(-run(tell[1]));
	}
	close(tell[1]);
	there = read(tell[0], &c, 1) == 1;
	close(tell[0]);
	return there ? vmm : -ECHILD;
}

FIXTURE_SETUP(fault)
{
	self->bdf = vf_bdf(0);
	self->vmm = begin_vmm(run_vmm);
	ASSERT_LT(0, self->vmm) {
		TH_LOG("the VMM does not wait in a fault");
	}
}

static bool end_vmm(pid_t *vmm)
{
	int status;

	if (*vmm > 0) {
		kill(*vmm, SIGKILL);
		if (!deadline_reap(*vmm, KILL_MS, &status))
			return false;
		*vmm = 0;
	}
	return true;
}

FIXTURE_TEARDOWN(fault)
{
	EXPECT_TRUE(end_vmm(&self->vmm));
}

/* Whatever it says, it says it now. */
static int read_file(void *path)
{
	char buf[8192];
	int fd;

	fd = open(path, O_RDONLY);
	while (fd >= 0 && read(fd, buf, sizeof(buf)) > 0)
		;
	return 0;
}

/* How many files of a directory there are; those that do not answer are in @hung. */
static unsigned int read_files(const char *path, unsigned int *hung)
{
	struct dirent *entry;
	unsigned int n = 0;
	char file[512];
	DIR *dir;

	dir = opendir(path);
	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		if (*entry->d_name == '.')
			continue;
		n++;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		if (deadline_call(read_file, file, FILE_MS)) {
			ksft_print_msg("%s does not answer\n", file);
			(*hung)++;
		}
	}
	closedir(dir);
	return n;
}

TEST_F_TIMEOUT(fault, files_of_the_device_answer, 60)
{
	unsigned int hung = 0;
	char path[256];

	format_path(path, sizeof(path), self->bdf, "");
	EXPECT_LE(4, read_files(path, &hung));
	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", MODULE_NAME, self->bdf);
	if (!access(path, F_OK))
		EXPECT_LE(3, read_files(path, &hung));
	EXPECT_EQ(0, hung);
}

static int rebind(void *arg)
{
	int ret = unbind_driver(arg);

	if (ret)
		return ret;
	return bind_driver(arg, driver_name()) ? 0 : -ENODEV;
}

TEST_F_TIMEOUT(fault, sibling_is_bound_again, 60)
{
	const char *bdf = vf_bdf(SIBLING);
	struct mig_buf stream = { 0 };
	struct vf *vf;

	ASSERT_EQ(0, deadline_call(rebind, (void *)bdf, BIND_MS));
	vf = vf_open_mode(bdf, MODE_IOMMUFD, NULL);
	EXPECT_EQ(0, mig_save(vf_fd(vf), &stream));
	vf_close(vf);
	mig_buf_free(&stream);
}

static void expect_works(struct __test_metadata *_metadata, const char *bdf)
{
	struct mig_buf stream = { 0 };
	struct vf *vf = vf_open_mode(bdf, MODE_IOMMUFD, NULL);

	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, mig_state(vf_fd(vf)));
	EXPECT_EQ(0, mig_save(vf_fd(vf), &stream));
	vf_close(vf);
	mig_buf_free(&stream);
}

TEST_F_TIMEOUT(fault, vmm_can_be_killed, 60)
{
	ASSERT_TRUE(end_vmm(&self->vmm));
	expect_works(_metadata, self->bdf);
}

static int set_vfs(void *number)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/sriov_numvfs", vf_pf_bdf());
	return sysfs_write(path, number);
}

/* That waits for the VMM, and for nobody who looks at the device. */
TEST_F_TIMEOUT(fault, functions_can_be_removed, 90)
{
	pid_t reader, remover;
	char path[256];
	int i;

	format_path(path, sizeof(path), self->bdf, "descriptor");
	reader = deadline_begin(read_file, path);
	ASSERT_LT(0, reader);
	usleep(100000);
	remover = deadline_begin(set_vfs, "0");
	ASSERT_LT(0, remover);
	usleep(500000);
	/* The VMM has the device. */
	EXPECT_EQ(0, waitpid(remover, NULL, WNOHANG));
	ASSERT_TRUE(end_vmm(&self->vmm));
	ASSERT_EQ(0, deadline_end(remover, NUMVFS_MS));
	EXPECT_EQ(0, deadline_end(reader, FILE_MS));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", self->bdf);
	EXPECT_NE(0, access(path, F_OK));

	ASSERT_EQ(0, set_vfs("4"));
	for (i = 0; i < VF_MAX; i++)
		ASSERT_TRUE(bind_driver(vf_bdf(i), driver_name()));
	ASSERT_EQ(0, pf_wait_link(true));
	expect_works(_metadata, self->bdf);
}

/* A VMM that has the device's DMA logged, and is asleep: with it is the task that watches. */
FIXTURE(asleep) {
	pid_t vmm;
	const char *bdf;
};

static int run_logging(int tell)
{
	struct ring_guest guest;
	struct vf *vf;
	int ret;

	ring_guest_init(&guest, LOG_LAB_RAM, guest_mac);
	vf = vf_open_mode(vf_bdf(0), MODE_IOMMUFD, &guest.ram);
	ret = dma_log_start_simple(vf_fd(vf), guest.ram.iova, guest.ram.size);
	if (ret)
		return ret;
	if (write(tell, "l", 1) != 1)
		return -errno;
	for (;;)
		pause();
}

FIXTURE_SETUP(asleep)
{
	self->bdf = vf_bdf(0);
	self->vmm = begin_vmm(run_logging);
	ASSERT_LT(0, self->vmm);
	ASSERT_EQ(0, kill(self->vmm, SIGSTOP));
	ASSERT_EQ(self->vmm, waitpid(self->vmm, NULL, WUNTRACED));
}

FIXTURE_TEARDOWN(asleep)
{
	EXPECT_TRUE(end_vmm(&self->vmm));
}

static int reset_function(void *bdf)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", (char *)bdf);
	return sysfs_write(path, "1");
}

static int runs(void *path)
{
	char state[32] = "";

	return sysfs_read(path, state, sizeof(state)) && !strncmp(state, "RUNNING\n", 8) ?
	       0 : -EPROTO;
}

/* What the reset leaves to do waits for that task, and nobody who looks does it. */
TEST_F_TIMEOUT(asleep, state_of_a_device_that_was_reset, 60)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/debug/vfio/%s/migration/state", self->bdf);
	if (access(path, F_OK))
		SKIP(return, "no CONFIG_VFIO_DEBUGFS");
	ASSERT_EQ(0, deadline_call(reset_function, (void *)self->bdf, BIND_MS));
	EXPECT_EQ(0, deadline_call(runs, path, FILE_MS)) {
		TH_LOG("the state waits for the VMM");
	}
	ASSERT_TRUE(end_vmm(&self->vmm));
	expect_works(_metadata, self->bdf);
}

int main(int argc, char **argv)
{
	log_lab_or_skip();
	userfaults_or_skip();
	return test_harness_run(argc, argv);
}
