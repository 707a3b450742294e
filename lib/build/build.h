/* SPDX-License-Identifier: Apache-2.0 */
/* build.h - build images by a Dockerfile */
#ifndef CH_BUILD_BUILD_H
#define CH_BUILD_BUILD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/words.h"
#include "build/force.h"
#include "build/stage.h"
#include "rt/bind.h"

struct ch_df_err;
struct ch_dockerfile;

/* What RUN --mount=type=secret may ask for. */
struct ch_build_secret {
	char *id;   /* owned */
	char *path; /* owned; file of the host, or NULL */
	char *env;  /* owned; else variable of ours */
};

/* All is borrowed. */
struct ch_build {
	const struct ch_dockerfile *df;
	const char *file;     /* its name, for messages */
	const char *context;  /* directory; NULL: none */
	const char *ignore;   /* file of what is not of the context; NULL: its .dockerignore */
	const char *tag;      /* what becomes of it */
	const char *target;   /* last stage that is wanted, by name or number; NULL: the last one */
	struct ch_words args; /* --build-arg: NAME=VALUE */
	struct ch_binds binds;
	struct ch_force force;
	const struct ch_build_secret *secrets;
	size_t n_secrets;
	bool interactive;   /* the last instruction is a RUN whose command has our
			       terminal; it is never found in the cache */
	bool dry_run;	    /* say what would be executed, and do not */
	bool no_xattrs;	    /* files are to have no extended attributes */
	const char *keeper; /* program */
	int start_s;	    /* how long a container may take to start, seconds */
	struct ch_shelf shelf;
};

/* Build. Instructions and what they do are told to the shelf's tell.
 *
 * ERR: with the place in the Dockerfile, where there is one. Returns 0 or a negative errno:
 * -ECHILD a command has failed; -EINTR a signal came (SIGINT, SIGTERM, SIGHUP). For nothing to be
 * left then, the caller has these blocked; it gets the signal when it unblocks them.
 * Context: no other threads. Not reentrant. */
int ch_build(const struct ch_build *build, struct ch_df_err *err);

/* The name that is given to an image whose build has no --tag, by Dockerfile ("-": stdin) and
 * CONTEXT (absolute; NULL: none). ret_tag: malloc'ed. Errors: -EINVAL nothing of a name is
 * left. */
int ch_build_tag(const char *file, const char *context, char **ret_tag, struct ch_err *err);

#endif
