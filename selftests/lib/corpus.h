/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_CORPUS_H
#define SELFTESTS_CORPUS_H

#include <linux/types.h>

/* A file as a part of the program. */
#define CORPUS_EMBED(_id, _file)					\
	asm(".pushsection .rodata\n"					\
	    ".balign 8\n"						\
	    "corpus_" #_id ":\n"					\
	    ".incbin \"" _file "\"\n"					\
	    "corpus_" #_id "_end:\n"					\
	    ".popsection\n");						\
	extern const u8 corpus_##_id[], corpus_##_id##_end[]

#define CORPUS_STREAM(_id, _name, ...)					\
	{ _name, corpus_##_id, corpus_##_id##_end, __VA_ARGS__ }

/* Streams of selftests/vectors, which are part of the program. */
struct corpus_stream {
	const char *name;
	const u8 *data;
	const u8 *end;
	u32 version;		/* of the profile; 0 if it is to be refused */
	int error;		/* the errno then, and where */
	u64 at;
};

/* Those of vf.net.igbvf-82576 that every reader loads, and those that the newest refuses. */
extern const struct corpus_stream corpus_good[], corpus_refused[];
extern const unsigned int corpus_good_count, corpus_refused_count;

/* Two of an envelope: with all that there can be, and with the least. */
extern const struct corpus_stream corpus_envelopes[2];

#endif /* SELFTESTS_CORPUS_H */
