/* SPDX-License-Identifier: Apache-2.0 */
/* image.h - images for fuzz targets, and all that can be asked of one
 *
 * A target that is about one part of an image opens the empty image, appends its input as
 * that part, and points fields of struct ch_squash to it: so no byte of the input is spent
 * on what must be right for the part to be reached. */
#ifndef TESTS_FUZZ_IMAGE_H
#define TESTS_FUZZ_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "fs/inode.h"
#include "fs/meta.h"
#include "fs/squash.h"

struct ch_data;
struct ch_reader;

struct fuzz_image {
	struct ch_squash squash;
	int fd;
	struct ch_data *data;
	struct ch_reader *reader;
	unsigned entries; /* seen so far */
};

/* Open the image of SIZE bytes at DATA. Returns 0, or -1: refused. */
int fuzz_image_open(struct fuzz_image *f, const uint8_t *data, size_t size);

/* Open an image with an empty root directory, and no tables but that of inodes. */
int fuzz_image_empty(struct fuzz_image *f, unsigned compressor, unsigned block_log);

void fuzz_image_done(struct fuzz_image *f);

/* Append to the image; returns the position. */
uint64_t fuzz_image_append(struct fuzz_image *f, const void *data, size_t size);

/* The same as metadata, in uncompressed blocks. */
struct ch_meta_pos fuzz_image_append_meta(struct fuzz_image *f, const void *data, size_t size);

/* A list of one position, as tables begin (ch_squash_table()). */
uint64_t fuzz_image_append_list(struct fuzz_image *f, uint64_t pos);

/* Ask all there is to be asked of an inode, and of those below it; within limits, since a
 * damaged image may hold itself. */
void fuzz_image_visit(struct fuzz_image *f, const struct ch_inode *inode);
void fuzz_image_visit_ref(struct fuzz_image *f, uint64_t ref);

/* Cut N bytes off the input; zeros when it is too short. */
void fuzz_take(const uint8_t **data, size_t *size, void *buf, size_t n);
unsigned fuzz_take16(const uint8_t **data, size_t *size);

#endif
