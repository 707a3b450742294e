/* SPDX-License-Identifier: Apache-2.0 */
#include "build/rsync.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "build/copy_plan.h"
#include "build/find.h"
#include "build/rsync_options.h"
#include "dockerfile/glob.h"

struct maker {
	const struct ch_rsync_request *request;
	struct ch_rsync_options options; /* owned */
	struct ch_copy_plan plan;	 /* owned */
};

static void ch_auto_maker(struct maker *m)
{
	ch_rsync_options_done(&m->options);
	ch_copy_plan_done(&m->plan);
}

/* ---- what a source contains -------------------------------------------------------------- */

static const char *kind_of(mode_t mode)
{
	return S_ISLNK(mode)	? "link"
	       : S_ISDIR(mode)	? "directory"
	       : S_ISSOCK(mode) ? "socket"
	       : S_ISFIFO(mode) ? "FIFO"
				: "device";
}

static void tell_left(void *data, const char *source, mode_t mode)
{
	const struct maker *m = data;

	/* Unsafe links are left out silently where somebody asked for that. */
	if (!S_ISLNK(mode) || !(m->options.flags & CH_RSYNC_LINKS))
		ch_tell(&m->request->teller, CH_WARN, "%s '%s' is not copied", kind_of(mode),
			source);
}

static enum ch_tree_verdict filter(void *data, const char *path, const char *source, mode_t mode)
{
	const struct maker *m = data;
	const struct ch_context *context = m->request->context;
	unsigned flags = m->options.flags;
	bool leave = (S_ISDIR(mode) && !(flags & (CH_RSYNC_RECURSIVE | CH_RSYNC_DIRS))) ||
		     (S_ISFIFO(mode) && !(flags & CH_RSYNC_SPECIALS));

	if (*path && ch_rsync_rules_exclude(&m->options.rules, path, S_ISDIR(mode)))
		return CH_TREE_LEAVE;
	if (leave) {
		tell_left(data, source, mode);
		return CH_TREE_LEAVE;
	}
	return context->ignore ? context->ignore(context->ignore_data, source, S_ISDIR(mode))
			       : CH_TREE_TAKE;
}

static enum ch_tree_link safe_links(unsigned flags)
{
	if (flags & CH_RSYNC_COPY_LINKS)
		return CH_TREE_LINK_FOLLOW;
	return flags & CH_RSYNC_LINKS ? CH_TREE_LINK_KEEP : CH_TREE_LINK_LEAVE;
}

static enum ch_tree_link unsafe_links(unsigned flags)
{
	if (flags & (CH_RSYNC_COPY_LINKS | CH_RSYNC_COPY_UNSAFE))
		return CH_TREE_LINK_FOLLOW;
	return flags & CH_RSYNC_SAFE ? CH_TREE_LINK_LEAVE : safe_links(flags);
}

/* List what is at the plain path. */
static int scan(struct maker *m, const char *plain, const char *name, struct ch_copy_item *item,
		struct ch_err *err)
{
	unsigned flags = m->options.flags;
	const struct ch_context *context = m->request->context;
	const struct ch_tree_scan s = {
		.root = context->root,
		.within = ch_context_within(context),
		.path = plain,
		.name = name,
		.links = safe_links(flags),
		.unsafe_links = unsafe_links(flags),
		.is_flat = !(flags & CH_RSYNC_RECURSIVE),
		.filter = filter,
		.left = tell_left,
		.data = m,
	};

	if (ch_tree_scan(&s, &item->tree, err) < 0)
		return err->code;
	if (item->tree.n && S_ISDIR(item->tree.entries[0].st.st_mode))
		item->kind = CH_COPY_DIR;
	return 0;
}

/* ---- sources ----------------------------------------------------------------------------- */

/* The plain path of PATH, whose last component may be a link: that is not followed. */
static int resolve_dir(const struct ch_context *context, const char *path, char **ret_plain,
		       struct ch_err *err)
{
	const char *slash = strrchr(path, '/');
	ch_auto(str) char *dir = strndup(path, slash ? (size_t)(slash - path) : 0);
	char *text;
	ch_auto(str) char *plain = NULL;

	if (!dir)
		return ch_err_nomem(err);
	if (ch_within_resolve(context->root, dir, ch_context_within(context), &plain, err) < 0)
		return err->code;
	if (asprintf(&text, "%s%s%s", plain, *plain ? "/" : "", slash ? slash + 1 : path) < 0)
		return ch_err_nomem(err);
	*ret_plain = text;
	return 0;
}

static int check(const struct ch_context *context, const char *plain, struct ch_err *err)
{
	ch_auto(fd) int fd = ch_within_open(context->root, plain, O_PATH | O_NOFOLLOW);
	struct stat st;

	if (fd < 0)
		return ch_err_rc(err, fd, "open it");
	if (fstat(fd, &st) < 0)
		return ch_err_sys(err, "look at it");
	if (ch_context_verdict(context, plain, st.st_mode) == CH_TREE_LEAVE)
		return ch_err_set(err, -ENOENT, "it is one of the files to be ignored");
	return 0;
}

/* PATH, without wildcards, is a source, or of one. */
static int add_path(struct maker *m, const char *path, struct ch_err *err)
{
	const struct ch_context *context = m->request->context;
	ch_auto(copy_item) struct ch_copy_item item = {
		.path = ch_copy_clean(path),
		.into = strdup(""),
	};
	ch_auto(str) char *plain = NULL;
	/* Such a path means what the directory contains. */
	bool contents = ch_copy_names_dir(path);

	if (!item.path || !item.into)
		return ch_err_nomem(err);
	if ((contents ? ch_within_resolve(context->root, path, ch_context_within(context), &plain,
					  err)
		      : resolve_dir(context, item.path, &plain, err)) < 0 ||
	    check(context, plain, err) < 0 ||
	    scan(m, plain, contents ? "" : ch_copy_item_name(&item), &item, err) < 0)
		return err->code;
	return item.tree.n ? ch_copy_plan_add(&m->plan, &item, err) : 0;
}

static int add_source(struct maker *m, const char *path, struct ch_err *err)
{
	ch_auto(found) struct ch_found found = { 0 };
	size_t len = strlen(path);

	if (m->request->context->root < 0)
		return ch_err_set(err, -ENOENT, "there is no context directory");
	if (!ch_glob_is_magic(path))
		return add_path(m, path, err);
	if (ch_find(m->request->context, path, &found, err) < 0)
		return err->code;
	if (found.n == 0)
		return ch_err_set(err, -ENOENT, "nothing matches it");
	for (size_t i = 0; i < found.n; i++) {
		char *one;

		/* "*" and "/" mean what the directories contain, too. */
		if (asprintf(&one, "%s%s", found.paths[i], path[len - 1] == '/' ? "/" : "") < 0)
			return ch_err_nomem(err);

		int rc = add_path(m, one, err);

		free(one);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* What copies keep, by the options */
static unsigned keep(unsigned flags)
{
	return (flags & CH_RSYNC_PERMS ? CH_TREE_MODES : 0U) |
	       (flags & CH_RSYNC_TIMES ? CH_TREE_TIMES : 0U) |
	       (flags & CH_RSYNC_XATTRS ? CH_TREE_XATTRS : 0U) |
	       (flags & CH_RSYNC_OWNER ? CH_TREE_OWNERS : 0U) |
	       (flags & CH_RSYNC_HARDLINKS ? CH_TREE_HARDLINKS : 0U);
}

int ch_rsync_plan(const struct ch_rsync_request *request, struct ch_copy_plan *ret_plan,
		  struct ch_err *err)
{
	ch_auto(maker) struct maker m = { .request = request };
	const struct ch_rsync_options *o = &m.options;
	const struct ch_context *context = request->context;

	if (ch_rsync_options(request->words, request->n_words, &m.options, err) < 0)
		return err->code;

	const char *dest = o->paths[o->n_paths - 1];

	if (ch_copy_plan_begin(context, dest, request->workdir, o->chmod, &m.plan, err) < 0)
		return err->code;
	for (size_t i = 0; i + 1 < o->n_paths; i++)
		if (add_source(&m, o->paths[i], err) < 0)
			return ch_err_in(err, "source '%s' in %s", o->paths[i],
					 context->name ? context->name : "no context");
	m.plan.keep = keep(o->flags) | (o->chmod ? CH_TREE_MODES : 0U);
	m.plan.wants_dir = m.plan.n != 1 || m.plan.items[0].kind == CH_COPY_DIR ||
			   ch_copy_names_dir(dest);
	*ret_plan = ch_take(m.plan);
	return 0;
}
