/* SPDX-License-Identifier: Apache-2.0 */
/* image_build.h - options of ch-image build */
#ifndef CH_CLI_IMAGE_BUILD_H
#define CH_CLI_IMAGE_BUILD_H

#include "base/buf.h"
#include "build/build.h"
#include "image_options.h"

struct ch_image_build {
	struct ch_image_common common;
	const char *file, *tag, *target; /* borrowed from the command line */
	struct ch_words args;
	struct ch_binds binds;
	bool has_force;
	const char *force; /* NULL: it had no argument; borrowed */
	struct ch_words force_cmds;
	bool no_force_detect;
	struct ch_build_secret *secrets; /* owned */
	size_t n_secrets;
	bool dry_run, parse_only;
	/* Of modify: */
	struct ch_words cmds;
	const char *shell; /* NULL: /bin/sh */
	bool interactive;  /* the last instruction is */
};

extern const struct ch_opt ch_image_build_options[];
extern const struct ch_opt ch_image_modify_options[];

/* A Dockerfile, and where it is from. */
struct ch_image_source {
	char *context; /* absolute; NULL: none */
	char *file;    /* for messages; "-": standard input */
	char *ignore;  /* FILE.dockerignore, or NULL */
	struct ch_buf text;
};

/* Read a text of up to CH_DF_MAX bytes.
 *
 * what: what it is, for errors: "Dockerfile"
 * path: "-" is standard input
 * ret: overwritten; the caller's, also after errors */
int ch_image_read_text(const char *what, const char *path, struct ch_buf *ret, struct ch_err *err);

/* Build TAG by it. */
int ch_image_build_source(const struct ch_image_build *set, const struct ch_image_source *source,
			  const char *tag, struct ch_err *err);

/* Release what the options' setters have allocated. */
void ch_image_build_done(void *settings);

#endif
