/* SPDX-License-Identifier: Apache-2.0 */
/* context.h - where COPY, ADD and RSYNC take files from
 *
 * The context directory of a build, or the root of another image or stage. Nobody gets out of
 * either: in a context, a link that leads out of it is an error; in an image, absolute links
 * and ".." stay inside, as they do in a container. */
#ifndef CH_BUILD_CONTEXT_H
#define CH_BUILD_CONTEXT_H

#include <stdbool.h>
#include <sys/types.h>

#include "sys/tree.h"

struct ch_err;
struct ch_ignore;

/* What is to happen to PATH (no slash at its begin or end; relative to the context's root, or,
 * for --exclude, to the directory that is copied)? Must be quick and free of side effects. */
typedef enum ch_tree_verdict ch_context_filter(void *data, const char *path, bool is_dir);

struct ch_context {
	int root;   /* owned; open directory, or -1: there is none, and each source is an error */
	char *name; /* owned; for messages: "context '/home/me/src'", "image 'foo'" */
	bool is_image;
	ch_context_filter *ignore; /* NULL: nothing is ignored */
	void *ignore_data;	   /* borrowed, or rules */
	struct ch_ignore *rules;   /* owned; or NULL */
};

#define CH_CONTEXT_INIT ((struct ch_context){ .root = -1 })

/* The context directory at PATH, of the host. */
int ch_context_open(const char *path, struct ch_context *ret_context, struct ch_err *err);

/* Ignore what FILE says, the path of a Dockerfile with ".dockerignore" at its end (NULL: there is
 * none); or if there is no such file, what .dockerignore in the context says, if there is one. */
int ch_context_read_rules(struct ch_context *context, const char *file, struct ch_err *err);

/* What rules say, as of .dockerignore or COPY --exclude: a filter whose data are a struct
 * ch_ignore (dockerfile/ignore.h). */
enum ch_tree_verdict ch_context_by_rules(void *data, const char *path, bool is_dir);

/* An image or stage, whose root directory ROOT is taken, also on failure. NAME: for messages. */
int ch_context_of_image(int root, const char *name, struct ch_context *ret_context,
			struct ch_err *err);

/* How links in it are confined */
static inline enum ch_within ch_context_within(const struct ch_context *context)
{
	return context->is_image ? CH_WITHIN_ROOT : CH_WITHIN_BELOW;
}

/* What its rules say on the plain PATH, of MODE, and on the directories that it is in. */
enum ch_tree_verdict ch_context_verdict(const struct ch_context *context, const char *path,
					mode_t mode);

void ch_context_done(struct ch_context *context);

static inline void ch_auto_context(struct ch_context *context)
{
	ch_context_done(context);
}

#endif
