/* SPDX-License-Identifier: Apache-2.0 */
/* copy.h - the instructions COPY and ADD, once their words are parsed and expanded
 *
 * In three steps, so that a cache can be asked in between:
 *
 *	ch_copy_plan	which files are meant; nothing is written
 *	ch_copy_hash	a hash of names, types, modes, contents and link targets
 *	ch_copy_execute	copy them into the image
 *
 * Sources are patterns (find.h), relative to the context's root, "/" at their begin or not.
 * Links that a source names, or leads through, are followed, within the context; links further
 * down are copied as links. The destination is looked for inside the image, and links there,
 * too, never lead out of it.
 *
 *	one directory, several sources, or "/" at the end	destination is a directory
 *	else							it is one if it exists as one
 *
 * What a directory source contains goes into the destination, not the directory itself, whose
 * own metadata is left alone. Below that, what is copied wins: directories get mode and times
 * of the source, and what has another type is replaced, with all that is in it. */
#ifndef CH_BUILD_COPY_H
#define CH_BUILD_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/teller.h"
#include "build/context.h"
#include "build/mode.h"
#include "sys/tree.h"

struct ch_download;
struct ch_err;
struct ch_statcache;

struct ch_copy_source {
	const char *path;		    /* a pattern; of a here-document, its name; a URL */
	const char *text;		    /* a here-document; else NULL */
	size_t len;			    /* of text */
	const struct ch_download *download; /* what was at the URL; else NULL */
	bool is_literal;		    /* path is no pattern */
};

/* What an instruction says. All is borrowed; a plan needs the context, the texts of
 * here-documents, and downloads until it is done, and nothing else. */
struct ch_copy_request {
	const struct ch_context *context;
	const struct ch_copy_source *sources;
	size_t n_sources;
	const char *dest;	    /* relative to workdir, or absolute */
	const char *workdir;	    /* absolute, in the image; NULL: "/" */
	const char *chmod;	    /* octal, or symbolic as of chmod(1); NULL: modes are kept */
	ch_context_filter *exclude; /* of --exclude; NULL: nothing is */
	void *exclude_data;
	bool parents;	       /* --parents: sources keep their directories, those behind a "/./" */
	bool unpack;	       /* ADD: archives are unpacked */
	bool unpack_downloads; /* those that were downloaded, too */
	struct ch_teller teller; /* told of each file that is not copied for what it is */
};

struct ch_copy_item; /* copy_plan.h */

struct ch_copy_plan {
	const struct ch_context *context; /* borrowed */
	char *dest, *workdir;		  /* owned */
	struct ch_copy_item *items;	  /* owned */
	size_t n;
	struct ch_mode mode; /* changes of modes; none: they are kept */
	unsigned keep;	     /* CH_TREE_* */
	bool wants_dir;	     /* the destination is a directory, or else an error */
};

/* Errors name the source: nothing of this name or pattern (-ENOENT), a link that leads out of
 * the context (-EXDEV), what is neither file, directory nor link, cannot be read ... */
int ch_copy_plan(const struct ch_copy_request *request, struct ch_copy_plan *ret_plan,
		 struct ch_err *err);

void ch_copy_plan_done(struct ch_copy_plan *plan);

static inline void ch_auto_copy_plan(struct ch_copy_plan *plan)
{
	ch_copy_plan_done(plan);
}

/* SHA-256 over what is to be copied: the same for the same files, whatever their times and
 * wherever the context is. The destination and the flags are not in it: they are in the text
 * of the instruction. Files are read by several threads; not at all if CACHE (or NULL) knows
 * them. ret_hash: CH_SHA256_BYTES. */
int ch_copy_hash(const struct ch_copy_plan *plan, struct ch_statcache *cache, uint8_t *ret_hash,
		 struct ch_err *err);

/* Copy into the image whose root directory is open as ROOT. A failure leaves what was copied
 * till then. */
int ch_copy_execute(const struct ch_copy_plan *plan, int root, struct ch_err *err);

#endif
