// SPDX-License-Identifier: GPL-2.0-only
/*
 * The guest of a testnet moves to another VF.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "testnet.h"

int testnet_set(struct testnet *net, u32 state)
{
	return mig_set(vf_fd(net->guest.vf), state, NULL);
}

/* In PRE_COPY all goes on as ever. */
static int read_precopy(struct testnet *net, struct mig_buf *buf)
{
	int fd = vf_fd(net->guest.vf), data_fd, ret;

	buf->len = 0;
	ret = mig_set(fd, VFIO_DEVICE_STATE_PRE_COPY, &data_fd);
	if (ret)
		return ret;
	ret = mig_read(data_fd, buf, MIG_CHUNK);
	if (ret != -ENOMSG)
		return ret ? ret : -EPROTO;
	if (!testnet_exchange(net, TESTNET_BURST))
		return -EPIPE;
	ret = mig_set(fd, VFIO_DEVICE_STATE_STOP_COPY, NULL);
	if (ret)
		return ret;
	ret = mig_read(data_fd, buf, MIG_CHUNK);
	close(data_fd);
	return ret;
}

struct vf *testnet_land(struct testnet *net, unsigned int to, const struct mig_buf *stream)
{
	struct vf *vf = vf_open(vf_bdf(to), &net->guest.ram);
	int ret = mig_load(vf_fd(vf), stream);

	if (!ret)
		return vf;
	ksft_print_msg("load into %s: %s\n", vf_bdf(to), strerror(-ret));
	vf_close(vf);
	return NULL;
}

struct vf *testnet_arrive(struct testnet *net, unsigned int to, bool precopy,
			  struct mig_buf *stream)
{
	struct mig_buf own = { 0 }, *buf = stream ? stream : &own;
	struct vf *vf = NULL;
	int ret;

	if (precopy)
		ret = read_precopy(net, buf);
	else
		ret = mig_save(vf_fd(net->guest.vf), buf);
	if (ret)
		ksft_print_msg("save of %s: %s\n", net->guest.vf->bdf, strerror(-ret));
	else
		vf = testnet_land(net, to, buf);
	mig_buf_free(&own);
	return vf;
}

int testnet_depart(struct testnet *net, struct vf *vf)
{
	struct vf *old = net->guest.vf;
	int ret;

	vf_vmm_setup(vf);
	ret = mig_set(vf_fd(vf), VFIO_DEVICE_STATE_RUNNING, NULL);
	net->guest.vf = vf;
	vf_close(old);
	return ret;
}

int testnet_migrate(struct testnet *net, unsigned int to, bool precopy)
{
	struct vf *vf = testnet_arrive(net, to, precopy, NULL);

	return vf ? testnet_depart(net, vf) : -EIO;
}
