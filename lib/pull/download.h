/* SPDX-License-Identifier: Apache-2.0 */
/* download.h - the layers of an image come into the download cache, several at a time, and are
 * read while they come */
#ifndef CH_PULL_DOWNLOAD_H
#define CH_PULL_DOWNLOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct ch_blobs;
struct ch_downloads;
struct ch_err;
struct ch_oci_desc;
struct ch_registry;

/* All is borrowed, until ch_downloads_stop. */
struct ch_downloads_options {
	struct ch_registry *registry;
	const struct ch_blobs *blobs;
	const struct ch_oci_desc *layers; /* the lowest one first */
	size_t n;
	bool anew;	     /* also what is there */
	atomic_bool *cancel; /* true: stop; set when one fails, or all end; REGISTRY's, too */
	/* Told, by any thread, what becomes of layer I: "downloading". */
	void (*tell)(void *data, size_t i, const char *what);
	void *data;
};

/* Begin. They come in their order, by threads of their own, which have the signals blocked that
 * the caller has. */
int ch_downloads_start(const struct ch_downloads_options *options,
		       struct ch_downloads **ret_downloads, struct ch_err *err);

/* Read on in layer I; waits for it. As a file that is read from begin to end; layers one after
 * the other. Up to SIZE bytes to BUF. Returns their number, 0 at the end: then the layer is whole,
 * and what it should be. Or a negative errno: -EAGAIN if UNWANTED, which may be NULL, is true: then
 * reading can go on later. */
ssize_t ch_downloads_read(struct ch_downloads *downloads, size_t i, void *buf, size_t size,
			  const atomic_bool *unwanted, struct ch_err *err);

/* From now on, the reader does not wait for what has not come by half a second from now: -EAGAIN.
 */
void ch_downloads_hurry(struct ch_downloads *downloads);

/* Whoever reads them has failed, for the reason ERR: no more of them is wanted. */
void ch_downloads_fail(struct ch_downloads *downloads, const struct ch_err *err);

/* The same, for what is in layer I: what has come of it is not kept to go on from, if it is not
 * whole. It may be damaged. */
void ch_downloads_reject(struct ch_downloads *downloads, size_t i, const struct ch_err *err);

/* Stop what is under way, and wait until it has stopped. NULL is fine. */
void ch_downloads_stop(struct ch_downloads *downloads);

static inline void ch_auto_downloads(struct ch_downloads **downloads)
{
	ch_downloads_stop(*downloads);
}

#endif
