/* SPDX-License-Identifier: Apache-2.0 */
/* rsync_rules.h - --exclude and --include of RSYNC: the first pattern that matches decides
 *
 * A pattern with "/" at its begin begins where what is copied begins, others in any directory.
 * With "/" at its end it is for directories only; with "/" and three asterisks, for a directory
 * and all that is below. Wildcards are those of .dockerignore: * ? [a-z] [^a-z] and two
 * asterisks for any directories; a backslash takes the meaning from what follows. */
#ifndef CH_BUILD_RSYNC_RULES_H
#define CH_BUILD_RSYNC_RULES_H

#include <stdbool.h>
#include <stddef.h>

struct ch_err;
struct ch_rsync_rule;

struct ch_rsync_rules {
	struct ch_rsync_rule *list; /* owned */
	size_t n;
};

/* Add one behind the others. */
int ch_rsync_rules_add(struct ch_rsync_rules *rules, const char *pattern, bool is_include,
		       struct ch_err *err);

/* Is PATH, in what is copied, left out? */
bool ch_rsync_rules_exclude(const struct ch_rsync_rules *rules, const char *path, bool is_dir);

void ch_rsync_rules_done(struct ch_rsync_rules *rules);

#endif
