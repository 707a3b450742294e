/* SPDX-License-Identifier: Apache-2.0 */
/* copying.h - COPY and ADD as examples: before, what they say, and then */
#ifndef CH_TESTS_COPYING_H
#define CH_TESTS_COPYING_H

#include <stdbool.h>

struct ch_err;
struct trees;

enum { SOURCES = 4 };

struct instruction {
	const char *sources[SOURCES]; /* "<<NAME": a here-document with the text "text" */
	const char *dest;
	const char *chmod;
	/* A name, or path, that is left out; or with "!", the only path that is not */
	const char *exclude, *ignore;
	bool parents, from_image, unpack;
};

#define FROM(...) .sources = { __VA_ARGS__ }
#define TO(path)  .dest = (path)

struct example {
	const char *context, *image; /* before */
	struct instruction copy;
	const char *result; /* the image then; NULL: it cannot be done */
	const char *error;  /* and this is said */
};

/* Do what IN says, in the working directory "/work". */
int copying_do(const struct trees *t, const struct instruction *in, struct ch_err *err);

/* What the last one noted; each note ends in ";" */
extern char copying_notes[1000];

void copying_check(const struct example *e);

#define CHECK(...)                                                                                 \
	do {                                                                                       \
		static const struct example examples[] = { __VA_ARGS__ };                          \
                                                                                                   \
		(void)state;                                                                       \
		for (size_t i = 0; i < ARRAY_SIZE(examples); i++)                                  \
			copying_check(&examples[i]);                                               \
	} while (0)

#endif
