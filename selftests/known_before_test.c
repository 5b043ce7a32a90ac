// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the administrator of the destination has decided is refused at the end of a
 * migration, and known before it: what vmfctl says of a stream, or of the source, and a
 * VF is what the load then does.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/types.h>

#include <libvfio.h>
#include <libvfio/assert.h>

#include "kselftest_harness.h"

#include "pf_admin.h"
#include "testnet.h"
#include "vf_request.h"

#define GUEST		0
#define PEER		1
#define TO		2
#define PORT_VLAN	7
#define VID		100

static const u8 second_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0x1a };
static const u8 host_mac[MAC_LEN] = { 0x02, 0x76, 0x6d, 0x66, 0x00, 0xaa };

FIXTURE(known_before)
{
	struct testnet net;
	char file[sizeof("/tmp/stream-XXXXXX")];
};

FIXTURE_SETUP(known_before)
{
	int fd;

	snprintf_assert(self->file, sizeof(self->file), "/tmp/stream-XXXXXX");
	fd = mkstemp(self->file);
	ASSERT_LE(0, fd);
	close(fd);
	ASSERT_EQ(0, testnet_open(&self->net, GUEST, PEER));
}

FIXTURE_TEARDOWN(known_before)
{
	unsigned int i;

	unlink(self->file);
	testnet_close(&self->net);
	for (i = 0; i < VF_MAX; i++)
		EXPECT_EQ(0, pf_forget_vf(i));
}

/* The exit status of a check, and whether @word is among what it prints. */
static int ask(const char *source, const char *word, bool *found)
{
	char line[512];
	FILE *out;
	int status;

	snprintf_assert(line, sizeof(line), "vmfctl check %s --against %s", source, vf_bdf(TO));
	out = popen(line, "r");
	if (!out)
		return -1;
	*found = false;
	while (fgets(line, sizeof(line), out)) {
		printf("# %s", line);
		*found |= !!strstr(line, word);
	}
	status = pclose(out);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The guest's device stops for this, and stays so. */
static void save(struct __test_metadata *_metadata, struct testnet *net, const char *path,
		 struct mig_buf *stream)
{
	FILE *file;

	ASSERT_EQ(0, mig_save(vf_fd(net->guest.vf), stream));
	file = fopen(path, "w");
	ASSERT_NE(NULL, file);
	ASSERT_EQ(stream->len, fwrite(stream->data, 1, stream->len, file));
	ASSERT_EQ(0, fclose(file));
}

/*
 * What is said beforehand is what the load does: it is refused by @rule, or by none. The
 * guest goes on at the source.
 */
static void expect_known(struct __test_metadata *_metadata, struct testnet *net,
			 const char *path, const char *rule)
{
	struct mig_buf stream = { 0 };
	char word[64] = "accepted";
	struct vf *vf;
	bool found;

	if (rule)
		snprintf_assert(word, sizeof(word), "refused: EIO: %s", rule);

	save(_metadata, net, path, &stream);
	ASSERT_EQ(0, testnet_set(net, VFIO_DEVICE_STATE_RUNNING));
	EXPECT_EQ(!!rule, ask(path, word, &found));
	EXPECT_TRUE(found);

	vf = vf_open(vf_bdf(TO), &net->guest.ram);
	EXPECT_EQ(rule ? -EIO : 0, mig_load(vf_fd(vf), &stream));
	vf_close(vf);
	mig_buf_free(&stream);
}

TEST_F(known_before, nothing_decided)
{
	expect_known(_metadata, &self->net, self->file, NULL);
}

TEST_F(known_before, same_mac)
{
	ASSERT_EQ(0, pf_set_vf_mac(TO, self->net.guest.mac));
	expect_known(_metadata, &self->net, self->file, NULL);
}

TEST_F(known_before, other_mac)
{
	bool found;

	ASSERT_EQ(0, pf_set_vf_mac(TO, host_mac));
	expect_known(_metadata, &self->net, self->file, "address of the guest");

	/* Of a source that is there its own PF says which address it has. */
	EXPECT_EQ(1, ask(vf_bdf(GUEST), "refused: EIO: address of the guest", &found));
	EXPECT_TRUE(found);
}

TEST_F(known_before, other_mac_of_a_trusted_guest)
{
	ASSERT_EQ(0, pf_set_vf_mac(TO, host_mac));
	ASSERT_EQ(0, pf_set_vf_trust(TO, true));
	expect_known(_metadata, &self->net, self->file, NULL);
}

TEST_F(known_before, further_addresses)
{
	ASSERT_EQ(0, vf_add_unicast(self->net.guest.vf, second_mac));
	expect_known(_metadata, &self->net, self->file, NULL);
	ASSERT_EQ(0, pf_set_vf_mac(TO, self->net.guest.mac));
	expect_known(_metadata, &self->net, self->file, "further addresses");
	ASSERT_EQ(0, pf_set_vf_trust(TO, true));
	expect_known(_metadata, &self->net, self->file, NULL);
}

TEST_F(known_before, port_vlan)
{
	ASSERT_EQ(0, vf_set_vlan(self->net.guest.vf, 0, true));
	ASSERT_EQ(0, pf_set_vf_vlan(TO, PORT_VLAN));
	expect_known(_metadata, &self->net, self->file, NULL);
	ASSERT_EQ(0, vf_set_vlan(self->net.guest.vf, VID, true));
	expect_known(_metadata, &self->net, self->file, "VLANs of the guest");
}

TEST_F(known_before, spoof_check)
{
	bool found;

	ASSERT_EQ(0, pf_set_vf_spoofchk(TO, false));
	EXPECT_EQ(0, ask(vf_bdf(GUEST), "warning      spoof check", &found));
	EXPECT_TRUE(found);
}

TEST_F(known_before, pf_down)
{
	struct mig_buf stream = { 0 };
	bool found;

	save(_metadata, &self->net, self->file, &stream);
	mig_buf_free(&stream);
	ASSERT_EQ(0, pf_down());
	EXPECT_EQ(1, ask(self->file, "refused: EIO: interface of the physical function", &found));
	EXPECT_TRUE(found);
	ASSERT_EQ(0, pf_up());
	EXPECT_EQ(0, ask(self->file, "accepted", &found));
	EXPECT_TRUE(found);
}

TEST_HARNESS_MAIN
