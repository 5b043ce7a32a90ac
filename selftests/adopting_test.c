// SPDX-License-Identifier: GPL-2.0-only
/*
 * A driver in C that has adopted the format: the kernel's sample of a serial device, with
 * selftests/adopting/mtty-vmf.patch. What it sends is an envelope.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/serial_reg.h>
#include <linux/types.h>
#include <linux/vfio.h>

#include <libvfio.h>

#include "kselftest_harness.h"

#include "kernel_log.h"
#include "migration.h"
#include "mtty.h"
#include "stream_edit.h"
#include "test_module.h"
#include "vmf_descriptor.h"

#define UUID_A	"4d545459-0000-4000-8000-00000000000a"
#define UUID_B	"4d545459-0000-4000-8000-00000000000b"
#define PORTS	2

/*
 * Of the blob: a header of 24 bytes, then ports, with the FIFO behind eight registers, its indices
 * and count, and two bools behind these.
 */
#define FIFO_HEAD	(24 + 8 + 16)
#define DLAB		(FIFO_HEAD + 3)
#define OVERRUN		(DLAB + 1)

FIXTURE(adopting)
{
	struct mtty *a, *b;
	struct mig_buf stream, again;
};

FIXTURE_SETUP(adopting)
{
	self->a = mtty_open(UUID_A, PORTS);
	self->b = mtty_open(UUID_B, PORTS);
}

FIXTURE_TEARDOWN(adopting)
{
	mtty_close(self->a);
	mtty_close(self->b);
	mig_buf_free(&self->stream);
	mig_buf_free(&self->again);
}

/* What a guest does with it, leaving bytes on the way in both ports. */
static void use(const struct mtty *mtty)
{
	unsigned int i;

	for (i = 0; i < PORTS; i++) {
		mtty_write(mtty, i, UART_FCR, UART_FCR_ENABLE_FIFO);
		mtty_write(mtty, i, UART_LCR, UART_LCR_WLEN8 + i);
		mtty_write(mtty, i, UART_MCR, UART_MCR_RTS);
		mtty_write(mtty, i, UART_SCR, 0x5a + i);
	}
	mtty_send(mtty, 0, "on the way");
	mtty_send(mtty, 1, "x");
}

static int precopy(const struct mtty *mtty, int *data_fd, struct mig_buf *preamble)
{
	preamble->len = 0;
	VFIO_ASSERT_EQ(mig_set(mtty_fd(mtty), VFIO_DEVICE_STATE_PRE_COPY, data_fd), 0);
	return mig_read(*data_fd, preamble, MIG_CHUNK);
}

/* The source is stopped while the destination has the descriptor already. */
static void migrate(struct __test_metadata *_metadata, const struct mtty *from,
		    const struct mtty *to, struct mig_buf *stream, size_t chunk)
{
	struct vfio_precopy_info info;
	int save, load;
	size_t initial;

	ASSERT_EQ(0, mig_set(mtty_fd(to), VFIO_DEVICE_STATE_RESUMING, &load));
	ASSERT_EQ(0, mig_set(mtty_fd(from), VFIO_DEVICE_STATE_PRE_COPY, &save));
	ASSERT_EQ(0, mig_precopy_info(save, &info));
	stream->len = 0;
	EXPECT_EQ(-ENOMSG, mig_read(save, stream, chunk));
	initial = stream->len;
	EXPECT_EQ(info.initial_bytes, initial);
	EXPECT_EQ(initial, vmf_initial_len(stream->data, initial));
	ASSERT_EQ(0, mig_write(load, stream->data, initial, chunk));
	ASSERT_EQ(0, mig_precopy_info(save, &info));
	EXPECT_EQ(0, info.initial_bytes);

	ASSERT_EQ(0, mig_set(mtty_fd(from), VFIO_DEVICE_STATE_STOP_COPY, NULL));
	EXPECT_EQ(0, mig_read(save, stream, chunk));
	ASSERT_EQ(0, mig_write(load, stream->data + initial, stream->len - initial, chunk));
	EXPECT_EQ(0, mig_set(mtty_fd(to), VFIO_DEVICE_STATE_STOP, NULL));
	EXPECT_EQ(0, mig_set(mtty_fd(to), VFIO_DEVICE_STATE_RUNNING, NULL));
	EXPECT_EQ(0, mig_set(mtty_fd(from), VFIO_DEVICE_STATE_STOP, NULL));
	EXPECT_EQ(0, mig_set(mtty_fd(from), VFIO_DEVICE_STATE_RUNNING, NULL));
	close(save);
	close(load);
}

TEST_F(adopting, there_and_back)
{
	char text[17];
	u64 max;

	use(self->a);
	migrate(_metadata, self->a, self->b, &self->stream, MIG_CHUNK);
	EXPECT_EQ(NULL, vmf_check(self->stream.data, self->stream.len));
	ASSERT_EQ(0, mig_data_size(mtty_fd(self->b), &max));
	EXPECT_GE(max, self->stream.len);
	/* It has arrived: saved once more it is the same, byte for byte. */
	ASSERT_EQ(0, mig_save(mtty_fd(self->b), &self->again));
	EXPECT_TRUE(mig_buf_equal(&self->stream, &self->again));
	ASSERT_EQ(0, mig_set(mtty_fd(self->b), VFIO_DEVICE_STATE_RUNNING, NULL));
	EXPECT_EQ(0x5b, mtty_read(self->b, 1, UART_SCR));
	EXPECT_EQ(UART_LCR_WLEN8, mtty_read(self->b, 0, UART_LCR));
	mtty_receive(self->b, 0, text, 3);
	EXPECT_STREQ("on ", text);
	mtty_send(self->b, 0, ", back");

	migrate(_metadata, self->b, self->a, &self->stream, 1);
	mtty_receive(self->a, 0, text, 16);
	EXPECT_STREQ("the way, back", text);
	mtty_receive(self->a, 1, text, 16);
	EXPECT_STREQ("x", text);
}

/* From STOP_COPY at once it is the same stream; and the tool knows what it is. */
TEST_F(adopting, the_tool_understands_it)
{
	int fd;

	use(self->a);
	ASSERT_EQ(0, mig_save(mtty_fd(self->a), &self->stream));
	ASSERT_EQ(0, mig_set(mtty_fd(self->a), VFIO_DEVICE_STATE_RUNNING, NULL));
	migrate(_metadata, self->a, self->b, &self->again, 7);
	EXPECT_TRUE(mig_buf_equal(&self->stream, &self->again));
	fd = open("/tmp/mtty.vmf", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ASSERT_LE(0, fd);
	ASSERT_EQ(self->stream.len, write(fd, self->stream.data, self->stream.len));
	close(fd);
	EXPECT_EQ(0, system("vmfctl verify /tmp/mtty.vmf | grep -q 'as envelope.mtty version 1'"));
	EXPECT_EQ(0, system("vmfctl describe /tmp/mtty.vmf | grep -q '4348:3253'"));
	EXPECT_EQ(0, system("vmfctl check /tmp/mtty.vmf --against /tmp/mtty.vmf >/tmp/said"));
	unlink("/tmp/mtty.vmf");
}

struct change {
	const char *what;
	int err;
	u16 key;		/* the attribute, or 0 */
	unsigned int at;	/* in its value, or in the stream */
	u8 val;
};

/* While the source runs: what the destination finds in the descriptor. */
static const struct change early[] = {
	{ "vendor id", EXDEV, VMF_KEY_PRESENTED, 0, 0x49 },
	{ "subsystem id", EXDEV, VMF_KEY_PRESENTED, 6, 1 },
	{ "profile name", EXDEV, VMF_KEY_PROFILE_NAME, 9, 'n' },
	{ "profile version too new", EOPNOTSUPP, VMF_KEY_PROFILE_VERSION, 4, 2 },
	{ "required features", EOPNOTSUPP, VMF_KEY_FEATURES_REQUIRED, 0, 1 },
	{ "ports", EDOM, VMF_KEY_LIMITS, 8, 1 },
	{ "stream_max", EFBIG, VMF_KEY_STREAM_MAX, 2, 1 },
	{ "payload CRC", EBADMSG, 0, 70, 0xff },
	{ "container major version", EPROTONOSUPPORT, 0, VMF_HDR_MAJOR, 2 },
};

/* The log takes ten lines in five seconds, and each of these has to be in it. */
static_assert(ARRAY_SIZE(early) <= 10, "more refusals than the log takes");

static void apply(struct mig_buf *stream, const struct change *change)
{
	size_t at = change->at + (change->key ? edit_attribute(stream, change->key) : 0);

	stream->data[at] = change->val;
	/* A newer version is one that older readers cannot take. */
	if (change->key == VMF_KEY_PROFILE_VERSION)
		stream->data[at - 4] = change->val;
	if (change->key || change->at == VMF_HDR_MAJOR)
		edit_fixup(stream);
}

/* Refused for good, until a reset; the device is as it was. */
static void refused(struct __test_metadata *_metadata, const struct mtty *mtty, int load, int err)
{
	u8 byte = 0;

	EXPECT_EQ(-err, mig_write(load, &byte, 1, 1));
	EXPECT_EQ(-err, mig_set(mtty_fd(mtty), VFIO_DEVICE_STATE_STOP, NULL));
	close(load);
	ASSERT_EQ(0, ioctl(mtty_fd(mtty), VFIO_DEVICE_RESET));
	EXPECT_EQ(VFIO_DEVICE_STATE_RUNNING, mig_state(mtty_fd(mtty)));
	EXPECT_EQ(0, mtty_read(mtty, 0, UART_SCR));
}

TEST_F(adopting, refused_in_pre_copy)
{
	int save, load, log = kernel_log_open();
	const struct change *change;
	char text[17];
	u32 size;

	ASSERT_LE(0, log);
	use(self->a);
	for (change = early; change < early + ARRAY_SIZE(early); change++) {
		ASSERT_EQ(-ENOMSG, precopy(self->a, &save, &self->stream));
		apply(&self->stream, change);
		ASSERT_EQ(0, mig_set(mtty_fd(self->b), VFIO_DEVICE_STATE_RESUMING, &load));
		for (size = 1; size < 100; size += 98) {
			EXPECT_EQ(-change->err, mig_write(load, self->stream.data,
							  self->stream.len, size)) {
				TH_LOG("%s", change->what);
			}
		}
		EXPECT_TRUE(kernel_log_has(log, "stream refused: E", change->what)) {
			TH_LOG("%s is not in the log", change->what);
		}
		refused(_metadata, self->b, load, change->err);
		/* The guest has not noticed. */
		EXPECT_EQ(0, mig_set(mtty_fd(self->a), VFIO_DEVICE_STATE_RUNNING, NULL));
		close(save);
	}
	close(log);
	migrate(_metadata, self->a, self->b, &self->stream, MIG_CHUNK);
	mtty_receive(self->b, 0, text, 16);
	EXPECT_STREQ("on the way", text);
}

TEST_F(adopting, another_number_of_ports)
{
	int save, load;

	mtty_close(self->b);
	self->b = mtty_open(UUID_B, 1);
	ASSERT_EQ(-ENOMSG, precopy(self->a, &save, &self->stream));
	ASSERT_EQ(0, mig_set(mtty_fd(self->b), VFIO_DEVICE_STATE_RESUMING, &load));
	EXPECT_EQ(-EDOM, mig_write(load, self->stream.data, self->stream.len, MIG_CHUNK));
	refused(_metadata, self->b, load, EDOM);
	close(save);
}

/* Streams that end too early are seen last of all; the device was not touched. */
TEST_F(adopting, a_stream_that_is_cut_off)
{
	size_t len;
	int load;

	use(self->a);
	ASSERT_EQ(0, mig_save(mtty_fd(self->a), &self->stream));
	for (len = 0; len < self->stream.len; len += 13) {
		ASSERT_EQ(0, mig_set(mtty_fd(self->b), VFIO_DEVICE_STATE_RESUMING, &load));
		EXPECT_EQ(0, mig_write(load, self->stream.data, len, MIG_CHUNK));
		EXPECT_EQ(-ENODATA, mig_set(mtty_fd(self->b), VFIO_DEVICE_STATE_STOP, NULL));
		refused(_metadata, self->b, load, ENODATA);
	}
}

static void load_edited(struct __test_metadata *_metadata,
			struct _test_data_adopting *self, int err)
{
	int load;

	ASSERT_EQ(0, mig_set(mtty_fd(self->b), VFIO_DEVICE_STATE_RESUMING, &load));
	EXPECT_EQ(-err, mig_write(load, self->again.data, self->again.len, MIG_CHUNK));
	refused(_metadata, self->b, load, err);
}

/* What a guest cannot have brought about, and what was damaged, behind the descriptor. */
TEST_F(adopting, refused_at_the_end)
{
	struct vmf_section blob;

	use(self->a);
	ASSERT_EQ(0, mig_save(mtty_fd(self->a), &self->stream));
	ASSERT_TRUE(vmf_lookup(self->stream.data, self->stream.len, VMF_ENVELOPE_TYPE_BLOB, 0,
			       &blob));

	mig_buf_copy(&self->again, &self->stream);
	self->again.data[blob.payload + FIFO_HEAD] = 16;
	edit_fixup(&self->again);
	load_edited(_metadata, self, ERANGE);
	mig_buf_copy(&self->again, &self->stream);
	self->again.data[blob.payload + DLAB] = 2;
	edit_fixup(&self->again);
	load_edited(_metadata, self, ERANGE);
	mig_buf_copy(&self->again, &self->stream);
	self->again.data[blob.payload + OVERRUN] = 255;
	edit_fixup(&self->again);
	load_edited(_metadata, self, ERANGE);
	mig_buf_copy(&self->again, &self->stream);
	self->again.data[blob.payload] ^= 1;
	edit_fixup(&self->again);
	load_edited(_metadata, self, ERANGE);
	mig_buf_copy(&self->again, &self->stream);
	self->again.data[blob.payload + 30] ^= 1;
	load_edited(_metadata, self, EBADMSG);
	mig_buf_copy(&self->again, &self->stream);
	self->again.data[self->again.len - 8] ^= 1;
	load_edited(_metadata, self, EBADMSG);
	mig_buf_copy(&self->again, &self->stream);
	mig_buf_append(&self->again, "", 1);
	load_edited(_metadata, self, EILSEQ);
}

/* The module with the patch is there where the kernel has mediated devices. */
int main(int argc, char **argv)
{
	int ret = test_module_insert(MTTY_MODULE);

	if (ret && ret != -EEXIST) {
		ksft_print_header();
		ksft_exit_skip("no module " MTTY_MODULE " for this kernel: %s\n", strerror(-ret));
	}
	ret = test_harness_run(argc, argv);
	return test_module_remove(MTTY_MODULE) ? KSFT_FAIL : ret;
}
