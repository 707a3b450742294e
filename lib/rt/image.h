/* SPDX-License-Identifier: Apache-2.0 */
/* image.h - what kind of image is this file?
 *
 * Content decides, not the name. Only the first few hundred bytes are looked at, and the
 * table of a SIF file (sif.h), as the user; the file system itself is parsed by the image
 * server. */
#ifndef CH_RT_IMAGE_H
#define CH_RT_IMAGE_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct ch_err;

enum ch_image_kind { CH_IMAGE_DIR, CH_IMAGE_SQUASH };

struct ch_image {
	enum ch_image_kind kind;
	bool is_sif;	       /* CH_IMAGE_SQUASH: a partition of the file */
	uint64_t offset, size; /* of the partition, bytes; else 0 */
	int fd;		       /* owned; open for reading */
};

#define CH_IMAGE_INIT ((struct ch_image){ .fd = -1 })

/* How an image is opened: not waiting for the writer of a FIFO. */
#define CH_IMAGE_OPEN (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)

/* The image that is open as FD, which is taken, also on failure. PATH is for messages.
 * Errors say what the file looks like instead. */
int ch_image_take(int fd, const char *path, struct ch_image *ret_image, struct ch_err *err);

/* Open PATH. */
int ch_image_open(const char *path, struct ch_image *ret_image, struct ch_err *err);

/* Does PATH, as given for an image, mean the host itself? */
static inline bool ch_image_is_host(const char *path)
{
	return path[0] == '/' && path[strspn(path, "/")] == '\0';
}

/* Refuse an image that lies below none of the directories of ALLOWED (separated by ':'). */
int ch_image_check_allowed(const struct ch_image *image, const char *allowed, struct ch_err *err);

void ch_image_done(struct ch_image *image);

static inline void ch_auto_image(struct ch_image *image)
{
	ch_image_done(image);
}

#endif
