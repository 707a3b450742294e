/* SPDX-License-Identifier: Apache-2.0 */
/* rsync_options.h - the options of RSYNC */
#ifndef CH_BUILD_RSYNC_OPTIONS_H
#define CH_BUILD_RSYNC_OPTIONS_H

#include <stddef.h>

#include "build/rsync_rules.h"

struct ch_err;

enum {
	CH_RSYNC_RECURSIVE = 1 << 0,
	CH_RSYNC_DIRS = 1 << 1, /* directories, but not what is in them */
	CH_RSYNC_LINKS = 1 << 2,
	CH_RSYNC_COPY_LINKS = 1 << 3,
	CH_RSYNC_COPY_UNSAFE = 1 << 4,
	CH_RSYNC_SAFE = 1 << 5,
	CH_RSYNC_PERMS = 1 << 6,
	CH_RSYNC_TIMES = 1 << 7,
	CH_RSYNC_OWNER = 1 << 8,
	CH_RSYNC_XATTRS = 1 << 9,
	CH_RSYNC_HARDLINKS = 1 << 10,
	CH_RSYNC_SPECIALS = 1 << 11,
};

struct ch_rsync_options {
	unsigned flags;		     /* CH_RSYNC_* */
	const char *chmod;	     /* borrowed from the words; or NULL */
	struct ch_rsync_rules rules; /* owned; of --exclude and --include */
	const char **paths; /* owned, but not what it points to: words that are no options */
	size_t n_paths;
};

/* Sort out the words of an instruction. ret_options: for ch_rsync_options_done */
int ch_rsync_options(const char *const *words, size_t n, struct ch_rsync_options *ret_options,
		     struct ch_err *err);

void ch_rsync_options_done(struct ch_rsync_options *options);

static inline void ch_auto_rsync_options(struct ch_rsync_options *options)
{
	ch_rsync_options_done(options);
}

#endif
