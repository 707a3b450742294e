/* SPDX-License-Identifier: Apache-2.0 */
/* commit.h - commits as Git has them, with what we put into them */
#ifndef CH_CACHE_COMMIT_H
#define CH_CACHE_COMMIT_H

#include "cache/cache.h"

struct ch_err;
struct ch_odb;

#define CH_CONFIG_MAX  (1 << 20)
#define CH_MESSAGE_MAX (1 << 20)

struct ch_commit {
	struct ch_oid tree;
	bool has_parent;
	struct ch_oid parent;
	int64_t time;
	struct ch_cache_state state;
	char *message; /* owned; without the state */
};

/* Read the commit OID, and check that it is one of ours. Errors: -ENOENT, -EBADMSG. */
int ch_commit_read(struct ch_odb *odb, const struct ch_oid *oid, struct ch_commit *ret_commit,
		   struct ch_err *err);

void ch_commit_done(struct ch_commit *commit);

static inline void ch_auto_commit(struct ch_commit *commit)
{
	ch_commit_done(commit);
}

/* Parse one. -EBADMSG. TEXT ends in NUL. */
int ch_commit_parse(const char *text, size_t len, struct ch_commit *ret_commit, struct ch_err *err);

/* The two parts of a commit's tree: the image's files, and its configuration. */
struct ch_commit_parts {
	struct ch_oid files;
	struct ch_oid config;
};
int ch_commit_parts(struct ch_odb *odb, const struct ch_oid *tree,
		    struct ch_commit_parts *ret_parts, struct ch_err *err);

/* The ref of STATE. */
#define CH_STATE_REF_MAX 128
void ch_state_ref(const struct ch_cache_state *state, char ret[CH_STATE_REF_MAX]);

#endif
