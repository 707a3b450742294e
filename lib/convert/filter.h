/* SPDX-License-Identifier: Apache-2.0 */
/* filter.h - what every image goes through on its way, whatever its formats are
 *
 * A sink in front of another one. Left out are devices, what is below "dev", hard links to
 * that, set-user-ID and set-group-ID bits, and extended attributes but user.*: containers have no
 * use for them, and an image that somebody mounts as root should not be a danger. The user may
 * enter and write to all directories, and read and write all files. Mount points that are missing
 * are added in the end. What the image says about itself is kept, for formats that have it apart
 * from files. */
#ifndef CH_CONVERT_FILTER_H
#define CH_CONVERT_FILTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "archive/entry.h"
#include "convert/sif_meta.h"
#include "store/about.h"

struct ch_err;
struct ch_progress;

struct ch_filter_how {
	bool no_xattrs;
	bool has_meta; /* what the image says about itself will be put (ch_filter_put): where that
			  goes, what came is left out */
	uint64_t max;  /* bytes of contents, and 512 for each entry; 0: no limit */
	struct ch_progress *progress; /* told of contents; may be NULL */
	const atomic_bool *cancel;    /* borrowed; true: -ECANCELED; NULL: nobody does */
};

/* Files that say something about the image */
enum ch_filter_text {
	CH_FILTER_METADATA,
	CH_FILTER_CONFIG,
	CH_FILTER_SIF, /* the first of those of sif_meta.h */
	CH_FILTER_TEXTS = CH_FILTER_SIF + CH_SIF_TEXTS,
};

#define CH_FILTER_METADATA_PATH	   "ch/metadata.json"
#define CH_FILTER_CONFIG_PATH	   "ch/config.pulled.json"
#define CH_FILTER_ENVIRONMENT_PATH "ch/environment"

struct ch_filter {
	struct ch_sink sink; /* what it is used by; its end() does nothing */

	uint64_t devices; /* left out */
	uint64_t links;	  /* left out: hard links to what was */
	bool has_place;	  /* something is where such files are, or where their directory is to be */
	/* What was in these files, each ending in NUL, too; NULL: they were not there, or were
	 * longer than 1 MiB */
	char *texts[CH_FILTER_TEXTS]; /* owned */
	uint64_t lens[CH_FILTER_TEXTS];

	/* private */
	struct ch_sink *to; /* borrowed */
	struct ch_filter_how how;
	uint64_t sum;
	bool skips;			/* the contents of the last file */
	int text;			/* the last file is this one; -1: none of them */
	bool has_root;			/* it came */
	mode_t points[CH_ABOUT_POINTS]; /* what is at mount points; 0: nothing so far */
};

/* TO is borrowed, till the filter is done. */
void ch_filter_init(struct ch_filter *filter, struct ch_sink *to, const struct ch_filter_how *how);

/* Add a file of LEN bytes that says something about the image (CH_FILTER_*_PATH). */
int ch_filter_put(struct ch_filter *filter, const char *path, const void *data, size_t len,
		  struct ch_err *err);

/* There is no more: also for the sink behind. */
int ch_filter_end(struct ch_filter *filter, struct ch_err *err);

void ch_filter_done(struct ch_filter *filter);

static inline void ch_auto_filter(struct ch_filter *filter)
{
	ch_filter_done(filter);
}

#endif
