/* SPDX-License-Identifier: Apache-2.0 */
/* target.h - images to be written, as sinks (archive/entry.h)
 *
 * What comes of them appears when it is complete (place.h, store/draft.h). */
#ifndef CH_CONVERT_TARGET_H
#define CH_CONVERT_TARGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "archive/compress.h"
#include "convert/format.h"
#include "convert/place.h"
#include "convert/squash_write.h"

struct ch_err;
struct ch_oci_meta;
struct ch_sink;
struct ch_store;

/* Where an image goes, and how. Everything is borrowed, till the target is freed. */
struct ch_target_how {
	const char *path;	   /* or a name */
	const char *temp;	   /* directory for temporary files */
	const char *tag;	   /* what it is called in there; NULL: not given */
	const atomic_bool *cancel; /* as in source.h */
	struct ch_store *store;	   /* for CH_FORMAT_CH_IMAGE */
	bool keep;		   /* what is there already is not replaced */
	bool no_xattrs;
	struct ch_squash_compress squash; /* for CH_FORMAT_SQUASH */
	struct ch_compress_how pack;	  /* for archives and layers */
};

struct ch_target;

/* A format that can be written; a struct of SIZE bytes, which begins with struct ch_target and is
 * all zero at first, is one target. */
struct ch_target_kind {
	size_t size;
	bool is_dir;	/* what is made is a directory; else a file */
	bool is_layout; /* a directory that is an OCI layout is replaced, not one that is an
			   image */
	bool is_named;	/* it is not at a path: the kind itself makes it appear */

	const char *program; /* that is given an archive; NULL: none */

	/* Begin. ret_sink: borrowed */
	int (*begin)(struct ch_target *target, struct ch_sink **ret_sink, struct ch_err *err);

	/* Write what is left to be written when the sink's end was called; NULL: nothing. META:
	 * what the image says about itself, for formats that have it apart from files. */
	int (*finish)(struct ch_target *target, const struct ch_oci_meta *meta, struct ch_err *err);

	/* Release what begin has made, also if it failed; may be called again. */
	void (*forget)(struct ch_target *target);
};

struct ch_target {
	const struct ch_target_kind *kind;
	const struct ch_target_how *how; /* borrowed */
	struct ch_place place;
};

/* Nothing is made yet, but it is looked whether it could be.
 * Errors: as of ch_place_check; -ENOTSUP the format cannot be written. */
int ch_target_new(enum ch_format format, const struct ch_target_how *how,
		  struct ch_target **ret_target, struct ch_err *err);

/* Begin, or begin anew: what came till then is forgotten. */
int ch_target_begin(struct ch_target *target, struct ch_sink **ret_sink, struct ch_err *err);

/* All is there, to the sink's end: have it appear. */
int ch_target_commit(struct ch_target *target, const struct ch_oci_meta *meta, struct ch_err *err);

/* What was not committed is removed. NULL is fine. */
void ch_target_free(struct ch_target *target);

static inline void ch_auto_target(struct ch_target **target)
{
	ch_target_free(*target);
}

/* The kinds; each in to_NAME.c. */
extern const struct ch_target_kind ch_target_dir;
extern const struct ch_target_kind ch_target_docker;
extern const struct ch_target_kind ch_target_docker_archive;
extern const struct ch_target_kind ch_target_image;
extern const struct ch_target_kind ch_target_oci;
extern const struct ch_target_kind ch_target_oci_archive;
extern const struct ch_target_kind ch_target_podman;
extern const struct ch_target_kind ch_target_squash;
extern const struct ch_target_kind ch_target_tar;

#endif
