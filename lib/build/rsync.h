/* SPDX-License-Identifier: Apache-2.0 */
/* rsync.h - the instruction RSYNC: copies with the rules and options of rsync(1)
 *
 *	RSYNC [+m|+l|+u|+z] [-OPTION...] SOURCE... DEST
 *
 * Other than with COPY, a directory is copied itself, unless its name ends in a slash; then what
 * it contains is, and its metadata. "+l" is the default:
 *
 *	+m	metadata, directories (as -AHSXpr); links are left out
 *	+l	and links that do not lead out of what is copied (-l --safe-links)
 *	+u	and instead of the others, what they lead to (-l --copy-unsafe-links)
 *	+z	nothing but what options say
 *
 * An argument of an option follows "=": words are options or paths by their look alone. Options
 * that could make no difference here (-v, --whole-file ...) are accepted; those that would, and
 * that are not known here, are errors. */
#ifndef CH_BUILD_RSYNC_H
#define CH_BUILD_RSYNC_H

#include <stddef.h>

#include "base/teller.h"
#include "build/copy.h"

struct ch_err;

/* What an instruction says; borrowed, as in struct ch_copy_request. */
struct ch_rsync_request {
	const struct ch_context *context;
	const char *const *words; /* all of them, expanded */
	size_t n_words;
	const char *workdir;	 /* absolute, in the image; NULL: "/" */
	struct ch_teller teller; /* told of each file that is not copied for what it is */
};

/* Make a plan; for ch_copy_hash and ch_copy_execute. Errors: as of ch_copy_plan; -EINVAL for an
 * option that there is not, -ENOTSUP for one that there is not here. */
int ch_rsync_plan(const struct ch_rsync_request *request, struct ch_copy_plan *ret_plan,
		  struct ch_err *err);

#endif
