// SPDX-License-Identifier: GPL-2.0-only
/*
 * Litmus test 5: providers of one profile that share no code of the device. One is under
 * test; one is the function in software; and one is a writer and a reader in this folder
 * that were made from the document, and have no device. Streams go from each to each.
 */
#include <string.h>

#include <linux/types.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "config_words.h"
#include "handshake.h"
#include "igbvf_device.h"
#include "mdev.h"
#include "software.h"
#include "stream_edit.h"
#include "testnet.h"
#include "vf_request.h"
#include "vmf_build.h"

#define UUID	"82576000-0000-4000-8000-000000000003"
#define VID	100

/* Those with a device come first. */
enum { TESTED, SOFTWARE, DOCUMENT, PROVIDERS };

static const char * const names[PROVIDERS] = {
	[TESTED] = "the provider under test",
	[SOFTWARE] = "the function in software",
	[DOCUMENT] = "the document",
};

FIXTURE(cross_provider)
{
	struct vf *vfs[DOCUMENT];
	struct vmf_config_word config[CONFIG_WORDS];
	struct vmf_build_device device;
	struct vmf_build_state state;
};

FIXTURE_SETUP(cross_provider)
{
	ASSERT_EQ(0, mdev_create(UUID));
	self->vfs[TESTED] = vf_open(vf_bdf(0), NULL);
	self->vfs[SOFTWARE] = vf_open(UUID, NULL);
	config_words_shown(self->vfs[TESTED], self->config);
	self->device = (struct vmf_build_device){
		.config = self->config, .config_words = CONFIG_WORDS,
		.provider = "made from the document",
	};
	vf_presented(self->vfs[TESTED], &self->device.presented);
	vmf_build_state_fill(&self->state);
}

FIXTURE_TEARDOWN(cross_provider)
{
	vf_close(self->vfs[TESTED]);
	vf_close(self->vfs[SOFTWARE]);
	EXPECT_EQ(0, format_set_target(vf_bdf(0), "2"));
	EXPECT_EQ(0, mdev_remove(UUID));
}

static struct mig_buf stream_of(struct vmf_build *build)
{
	return (struct mig_buf){ .data = build->buf, .len = build->len };
}

/* What who has a device writes is what the document says, and everybody reads it. */
static void every_direction(struct __test_metadata *_metadata,
			    struct _test_data_cross_provider *self, u32 version,
			    const char *target)
{
	struct mig_buf written[PROVIDERS] = { 0 }, again = { 0 };
	struct vmf_build document;
	unsigned int from, to;

	vmf_build_stream(&document, version, &self->device, &self->state);
	written[DOCUMENT] = stream_of(&document);
	for (to = 0; to < DOCUMENT; to++) {
		ASSERT_EQ(0, format_set_target(self->vfs[to]->bdf, target));
		ASSERT_EQ(0, mig_load(vf_fd(self->vfs[to]), &written[DOCUMENT]));
		ASSERT_EQ(0, mig_save(vf_fd(self->vfs[to]), &written[to]));
		/* Who has made a stream is in it; the rest is equal, byte for byte. */
		EXPECT_EQ(NULL, vmf_check(written[to].data, written[to].len));
		EXPECT_TRUE(edit_same_state(&written[DOCUMENT], &written[to])) {
			vmf_print(stdout, "# want: ", document.buf, document.len);
			vmf_print(stdout, "# saved: ", written[to].data, written[to].len);
		}
	}
	for (from = 0; from < DOCUMENT; from++) {
		to = from == TESTED ? SOFTWARE : TESTED;
		ASSERT_EQ(0, mig_load(vf_fd(self->vfs[to]), &written[from])) {
			TH_LOG("from %s to %s", names[from], names[to]);
		}
		ASSERT_EQ(0, mig_save(vf_fd(self->vfs[to]), &again));
		EXPECT_TRUE(mig_buf_equal(&written[to], &again)) {
			TH_LOG("from %s to %s", names[from], names[to]);
		}
	}
	for (from = 0; from < DOCUMENT; from++)
		mig_buf_free(&written[from]);
	mig_buf_free(&again);
}

TEST_F(cross_provider, litmus_5_version_1)
{
	every_direction(_metadata, self, 1, "1");
}

TEST_F(cross_provider, litmus_5_version_2)
{
	every_direction(_metadata, self, 2, "2");
}

/* The name of the provider may be missing; nobody compares it. */
TEST_F(cross_provider, litmus_5_anonymous)
{
	struct vmf_build document;
	struct mig_buf stream;
	unsigned int i;

	self->device.provider = NULL;
	vmf_build_stream(&document, 2, &self->device, &self->state);
	stream = stream_of(&document);
	for (i = 0; i < DOCUMENT; i++)
		EXPECT_EQ(0, mig_load(vf_fd(self->vfs[i]), &stream)) {
			TH_LOG("%s", names[i]);
		}
}

/* A guest that uses all of it goes through software, from function to function. */
TEST_F(cross_provider, litmus_5_of_a_guest)
{
	static const u8 further[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x01, 0x0a };
	const u16 hashes[] = { 0x123, 0x563 };
	struct mig_buf from = { 0 }, through = { 0 };
	int software = vf_fd(self->vfs[SOFTWARE]);
	struct testnet net;
	struct vf *vf;

	vf_close(self->vfs[TESTED]);
	self->vfs[TESTED] = NULL;
	ASSERT_EQ(0, testnet_open(&net, 0, 1));
	ASSERT_EQ(0, vf_set_vlan(net.guest.vf, VID, true));
	ASSERT_EQ(0, vf_set_multicast(net.guest.vf, hashes, ARRAY_SIZE(hashes)));
	ASSERT_EQ(0, vf_set_max_frame(net.guest.vf, 9018));
	ASSERT_EQ(0, vf_add_unicast(net.guest.vf, further));
	ASSERT_TRUE(testnet_exchange(&net, TESTNET_BURST));
	ASSERT_EQ(0, mig_save(vf_fd(net.guest.vf), &from));
	ASSERT_EQ(0, mig_load(software, &from));
	ASSERT_EQ(0, mig_save(software, &through));
	EXPECT_TRUE(edit_same_state(&from, &through));
	vf = testnet_land(&net, 2, &through);
	ASSERT_NE(NULL, vf);
	ASSERT_EQ(0, mig_save(vf_fd(vf), &through));
	EXPECT_TRUE(mig_buf_equal(&from, &through));
	ASSERT_EQ(0, testnet_depart(&net, vf));
	EXPECT_TRUE(testnet_exchange(&net, 2 * NIC_RX_RING));
	testnet_close(&net);
	mig_buf_free(&from);
	mig_buf_free(&through);
}

int main(int argc, char **argv)
{
	software_or_skip();
	return test_harness_run(argc, argv);
}
