// SPDX-License-Identifier: GPL-2.0-only
/*
 * Litmus test 5: two providers of one profile. One is the driver, with a device;
 * the other one is a writer and a reader in this folder that were made from the
 * document and have neither. Streams go both ways.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "config_words.h"
#include "handshake.h"
#include "igbvf_device.h"
#include "migration.h"
#include "vmf_build.h"
#include "vmf_stream.h"

FIXTURE(cross_provider)
{
	struct guest_ram ram;
	struct vf *vf;
	struct vmf_config_word config[CONFIG_WORDS];
	struct vmf_build_device device;
	struct vmf_build_state state;
	struct vmf_build stream;
	struct mig_buf saved;
};

/* What configuration space says, which is what a guest would be shown. */
static void presented_of(const char *bdf, struct vmf_presented *id)
{
	char path[128];
	u8 config[64];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", bdf);
	fd = open(path, O_RDONLY);
	VFIO_ASSERT_GE(fd, 0);
	VFIO_ASSERT_EQ((ssize_t)sizeof(config), read(fd, config, sizeof(config)));
	close(fd);
	memset(id, 0, sizeof(*id));
	/* The ids of a VF read as all ones; the kernel takes them from the PF. */
	id->vendor = htole16(0x8086);
	id->device = htole16(0x10ca);
	memcpy(&id->subvendor, config + 0x2c, 4);
	id->revision = config[8];
	memcpy(id->class, config + 9, 3);
	id->flags = VMF_PRESENTED_IS_VF;
}

FIXTURE_SETUP(cross_provider)
{
	self->saved = (struct mig_buf){ 0 };
	guest_ram_init(&self->ram, 1 << 20);
	self->vf = vf_open(vf_bdf(0), &self->ram);
	config_words_shown(self->vf, self->config);
	self->device = (struct vmf_build_device){
		.config = self->config, .config_words = CONFIG_WORDS,
	};
	presented_of(vf_bdf(0), &self->device.presented);
	vmf_build_state_fill(&self->state);
}

FIXTURE_TEARDOWN(cross_provider)
{
	mig_buf_free(&self->saved);
	vf_close(self->vf);
	guest_ram_free(&self->ram);
	format_set_target(vf_bdf(0), "2");
}

/* The other provider's stream loads, and what the driver saves then is the same. */
static void both_ways(struct __test_metadata *_metadata, struct _test_data_cross_provider *self,
		      u32 version, const char *target)
{
	struct vmf_build want;
	struct mig_buf given;

	self->device.provider = "made from the document";
	vmf_build_stream(&self->stream, version, &self->device, &self->state);
	ASSERT_EQ(NULL, vmf_check(self->stream.buf, self->stream.len));
	given = (struct mig_buf){ .data = self->stream.buf, .len = self->stream.len };
	ASSERT_EQ(0, mig_load(vf_fd(self->vf), &given));

	/* Who has made a stream is in it; the rest is equal, byte for byte. */
	self->device.provider = "igbvf_vfio_pci";
	vmf_build_stream(&want, version, &self->device, &self->state);
	ASSERT_EQ(0, format_set_target(vf_bdf(0), target));
	ASSERT_EQ(0, mig_save(vf_fd(self->vf), &self->saved));
	ASSERT_EQ(NULL, vmf_check(self->saved.data, self->saved.len));
	ASSERT_EQ(want.len, self->saved.len);
	EXPECT_EQ(0, memcmp(want.buf, self->saved.data, want.len)) {
		vmf_print(stdout, "# want: ", want.buf, want.len);
		vmf_print(stdout, "# saved: ", self->saved.data, self->saved.len);
	}
}

TEST_F(cross_provider, litmus_5_version_1)
{
	both_ways(_metadata, self, 1, "1");
}

TEST_F(cross_provider, litmus_5_version_2)
{
	both_ways(_metadata, self, 2, "2");
}

/* The name of the provider may be missing; nobody compares it. */
TEST_F(cross_provider, litmus_5_anonymous)
{
	struct mig_buf given;

	vmf_build_stream(&self->stream, 2, &self->device, &self->state);
	given = (struct mig_buf){ .data = self->stream.buf, .len = self->stream.len };
	EXPECT_EQ(0, mig_load(vf_fd(self->vf), &given));
}

TEST_HARNESS_MAIN
