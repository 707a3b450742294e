/* SPDX-License-Identifier: Apache-2.0 */
/* squashing.h - files go to the SquashFS writer, and a model of what must be in the image
 *
 * The image is read by the image server's code. */
#ifndef CH_TESTS_SQUASHING_H
#define CH_TESTS_SQUASHING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "archive/entry.h"
#include "base/err.h"
#include "convert/squash_write.h"
#include "fs/inode.h"
#include "fs/squash.h"

#define CHUNK 4096 /* bytes, in which contents are said */

enum squashing_fill {
	FILL_ALL,
	FILL_SOME,  /* chunks, by the seed; others are holes */
	FILL_EDGES, /* the first and the last chunk */
	FILL_NOTHING,
};

/* A file. Only its path must be there. */
struct squashing_file {
	const char *path, *link, *target;
	mode_t mode; /* 0: a regular file, or what TARGET says */
	time_t mtime;
	uint64_t size;
	unsigned seed; /* of its contents: even ones can be compressed */
	enum squashing_fill fill;
	const char *user, *capability; /* values of extended attributes */
};

/* Files of all kinds. */
enum { SQUASHING_KINDS = 20 };
extern const struct squashing_file squashing_kinds[SQUASHING_KINDS];

struct squashing {
	struct ch_squash_options how;
	size_t piece; /* of contents that are given at once; 0: a chunk */
	int fd;
	struct ch_squash_writer *writer;
	struct ch_sink *sink;
	struct ch_err err;
	struct squashing_name *names; /* the model */
	size_t n, room;
	struct ch_squash image;
	struct ch_data *data;
	struct ch_reader *reader;
};

/* Begin an image; HOW and PIECE are set, all else is zero. */
void squashing_begin(struct squashing *s);
void squashing_done(struct squashing *s);

/* Is there what FILE needs: directories on the way, a file to link to? */
bool squashing_fits(const struct squashing *s, const struct squashing_file *file);

/* Give FILE to the writer, and if it takes it to the model. Returns what the sink says. */
int squashing_add(struct squashing *s, const struct squashing_file *file);

/* Complete the image, and open it. */
void squashing_end(struct squashing *s);

/* Is in the image what is in the model, and nothing else? */
void squashing_compare(struct squashing *s);

/* begin, add all N, end, compare. To be done. */
void squashing_check(struct squashing *s, const struct squashing_file *files, size_t n);

/* The inode at PATH of the image. */
void squashing_find(const struct squashing *s, const char *path, struct ch_inode *ret_inode);

/* The whole image; malloc'ed. */
void *squashing_bytes(const struct squashing *s, size_t *ret_len);

#endif
