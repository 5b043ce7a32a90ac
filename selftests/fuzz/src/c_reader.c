// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause
/*
 * The reader in include/vmf on any bytes, for the fuzz targets; with REPLAY a program that reads
 * what "mutants" of rust/vmf has made, to be built with the sanitizers.
 */
#include <stdlib.h>

#include <vmf/reader.h>

int vmf_c_judge(const struct vmf_caps *caps, const __u8 *data, size_t len, size_t piece, __u64 *at);

/* Takes any content, every byte of which has to be there. */
static int take(void *ctx, const struct vmf_piece *piece)
{
	__u32 *sum = ctx;

	*sum = vmf_crc(*sum, piece->data, piece->len);
	return 0;
}

/* The errno of the verdict, or 0; and the offset. */
int vmf_c_judge(const struct vmf_caps *caps, const __u8 *data, size_t len, size_t piece, __u64 *at)
{
	void *memory = malloc(vmf_reader_size(caps));
	struct vmf_reader reader;
	__u32 sum = 0;
	int ret = 0;

	if (!memory)
		abort();
	vmf_reader_init(&reader, caps, memory, take, &sum);
	while (len && ret >= 0) {
		size_t n = piece < len ? piece : len;

		ret = vmf_reader_feed(&reader, data, n);
		data += n;
		len -= n;
	}
	if (ret < 0 && vmf_reader_feed(&reader, NULL, 0) != ret)
		abort();
	ret = vmf_reader_finish(&reader);
	if (ret != -reader.why.error || !ret != !reader.why.reason)
		abort();
	*at = reader.why.at;
	free(memory);
	return -ret;
}

#ifdef REPLAY
#include <stdio.h>

#include "vmf_caps.h"

int main(void)
{
	const struct vmf_caps all[3] = { caps_igbvf(1), caps_igbvf(2), caps_sample() };
	unsigned long count = 0, accepted = 0;
	unsigned int i;
	__u32 len;
	__u64 at;

	while (fread(&len, sizeof(len), 1, stdin) == 1) {
		/* As long as the stream, so that a byte too many is seen. */
		__u8 *bytes = malloc(len ?: 1);

		if (!bytes || fread(bytes, 1, len, stdin) != len)
			return 1;
		for (i = 0; i < 3; i++) {
			accepted += !vmf_c_judge(&all[i], bytes, len, len ?: 1, &at);
			vmf_c_judge(&all[i], bytes, len, 13, &at);
		}
		free(bytes);
		count++;
	}
	printf("%lu streams, %lu accepted\n", count, accepted);
	return !count || !accepted;
}
#endif
