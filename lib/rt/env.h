/* SPDX-License-Identifier: Apache-2.0 */
/* env.h - changes to the environment of what runs in a container
 *
 * Two front ends have their environments in different places (environ; a job's
 * environment in slurmstepd), so the work is done through a few functions. */
#ifndef CH_RT_ENV_H
#define CH_RT_ENV_H

#include <stdbool.h>
#include <stddef.h>

struct ch_err;

struct ch_env {
	/* Value of NAME, or NULL; valid until the next call of any function here. */
	const char *(*get)(const char *name, void *data);
	int (*set)(const char *name, const char *value, void *data); /* 0 or -ENOMEM */
	int (*unset)(const char *name, void *data);
	/* NULL-terminated "NAME=VALUE" list; valid until the next change. */
	char **(*list)(void *data);
	void *data;
};

/* An assignment "NAME=VALUE": one pair of single quotes around VALUE is taken off. With
 * EXPAND, items of VALUE between colons that start with '$' are replaced by that variable's
 * value, and vanish with one colon when it is unset or empty.
 * Errors: -EINVAL no "=", or no name. */
int ch_env_assign(const struct ch_env *env, const char *text, bool expand, struct ch_err *err);

/* Assignments from a file, one a record; SEP ends a record: '\n' or NUL. Empty records are
 * skipped. KEEP: names for which it returns true are left alone; may be NULL. */
int ch_env_file(const struct ch_env *env, const char *path, char sep, bool expand,
		bool (*keep)(const char *name), struct ch_err *err);

/* Remove all variables whose names match GLOB (fnmatch(3) with FNM_EXTMATCH). */
int ch_env_unset_glob(const struct ch_env *env, const char *glob, struct ch_err *err);

/* What every container gets: /bin in PATH, and CH_RUNNING. The latter last. */
int ch_env_path(const struct ch_env *env, struct ch_err *err);
int ch_env_running(const struct ch_env *env, struct ch_err *err);

/* Changes asked for by the user, in their order. */
enum ch_env_kind {
	CH_ENV_ASSIGN, /* "NAME=VALUE" */
	CH_ENV_FILE,   /* a file of the host, read before the container is entered */
	CH_ENV_FILE0,
	CH_ENV_IMAGE, /* what the image says: /ch/environment and its configuration */
	CH_ENV_IMAGE0,
	CH_ENV_UNSET, /* glob */
};

struct ch_env_op {
	enum ch_env_kind kind;
	char *text; /* owned; file operations: the path, then the contents, once read */
	size_t len; /* of the contents */
	char *path; /* where they came from; owned */
};

struct ch_env_ops {
	struct ch_env_op *list;
	size_t n;
	bool no_expand;
};

/* Append an operation with a copy of TEXT (NULL: none). */
int ch_env_ops_add(struct ch_env_ops *ops, enum ch_env_kind kind, const char *text,
		   struct ch_err *err);

/* Read the host files that OPS name, in place. Call outside the container. ONLY_FILES:
 * refuse pipes and the like, which could keep us waiting. */
int ch_env_ops_load(struct ch_env_ops *ops, bool only_files, struct ch_err *err);

/* Carry OPS out. Call inside the container. META: as of meta.h. KEEP: names that what
 * comes from the image may not touch; may be NULL. */
int ch_env_ops_apply(const struct ch_env_ops *ops, const struct ch_env *env, const char *meta,
		     size_t meta_len, bool (*keep)(const char *name), struct ch_err *err);

void ch_env_ops_done(struct ch_env_ops *ops);

#endif
