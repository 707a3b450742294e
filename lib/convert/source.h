/* SPDX-License-Identifier: Apache-2.0 */
/* source.h - images to be read, as entries for a sink (archive/entry.h) */
#ifndef CH_CONVERT_SOURCE_H
#define CH_CONVERT_SOURCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "convert/format.h"

struct ch_err;
struct ch_progress;
struct ch_sink;
struct ch_store;

/* Where an image is, and how it is to be read. Everything is borrowed, till the source is freed. */
struct ch_source_how {
	const char *path;	/* or a name */
	const char *tag;	/* which one of several in there; NULL: not given */
	const char *arch;	/* of several; as ch_oci_arch_parse has it */
	struct ch_store *store; /* for CH_FORMAT_CH_IMAGE */
	const char *temp;	/* directory for what has to be unpacked before it can be read */
	bool no_xattrs;
	uint64_t max;		      /* bytes; 0: no limit */
	struct ch_progress *progress; /* told of bytes read, by sources that have a size */
	const atomic_bool *cancel;    /* true ends waiting for data with -ECANCELED; or NULL */
};

/* Is it not wanted any more? */
static inline bool ch_source_is_cancelled(const struct ch_source_how *how)
{
	return how->cancel && atomic_load_explicit(how->cancel, memory_order_relaxed);
}

struct ch_source {
	/* Give all entries to SINK, but not its end. Returns 1 if it turns out only now how the
	 * image has to be read: begin again, with a sink that has got nothing. */
	int (*send)(struct ch_source *source, struct ch_sink *sink, struct ch_err *err);

	void (*free)(struct ch_source *source);

	uint64_t devices; /* left out by the last send */

	/* Borrowed: a directory that is read while OUT is written; NULL: no such */
	const int *root;

	/* What the image says about itself, apart from its files: an OCI configuration
	 * (image-spec, config.md). NULL: nothing. */
	const char *config;
	size_t config_len;

	/* Of a SIF file: the member "config" of such a configuration, and the architecture. What
	 * its files say goes before. NULL: it does not say. */
	const char *settings, *arch;

	uint64_t size; /* bytes that will be read, as the progress is told; 0: not known, and it
			* is not told */
};

/* Open an image. Nothing is read but what tells where the rest is.
 * Errors: -ENOENT etc.; -EINVAL it is not of that format, or damaged; -ENOTSUP the format cannot
 * be read. */
int ch_source_open(enum ch_format format, const struct ch_source_how *how,
		   struct ch_source **ret_source, struct ch_err *err);

/* How many bytes an archive of an image may have that HOW allows; 0: any number. More than that
 * image, for headers; who has too much in files is told so by the filter, which knows which. */
uint64_t ch_source_archive_max(const struct ch_source_how *how);

/* The same as ch_source_open, by format; each in from_NAME.c. */
int ch_source_dir(const struct ch_source_how *how, struct ch_source **ret_source,
		  struct ch_err *err);
int ch_source_docker(const struct ch_source_how *how, struct ch_source **ret_source,
		     struct ch_err *err);
int ch_source_docker_archive(const struct ch_source_how *how, struct ch_source **ret_source,
			     struct ch_err *err);
int ch_source_image(const struct ch_source_how *how, struct ch_source **ret_source,
		    struct ch_err *err);
int ch_source_oci(const struct ch_source_how *how, struct ch_source **ret_source,
		  struct ch_err *err);
int ch_source_oci_archive(const struct ch_source_how *how, struct ch_source **ret_source,
			  struct ch_err *err);
int ch_source_podman(const struct ch_source_how *how, struct ch_source **ret_source,
		     struct ch_err *err);
int ch_source_squash(const struct ch_source_how *how, struct ch_source **ret_source,
		     struct ch_err *err); /* SIF, too */
int ch_source_tar(const struct ch_source_how *how, struct ch_source **ret_source,
		  struct ch_err *err);

static inline void ch_auto_source(struct ch_source **source)
{
	if (*source)
		(*source)->free(*source);
}

#endif
