/* SPDX-License-Identifier: Apache-2.0 */
#include "build/copy_plan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/read.h"
#include "base/auto.h"
#include "base/err.h"
#include "build/copy.h"
#include "build/download.h"
#include "build/find.h"
#include "dockerfile/glob.h"

void ch_copy_item_done(struct ch_copy_item *item)
{
	free(item->path);
	free(item->into);
	ch_tree_done(&item->tree);
	*item = (struct ch_copy_item){ 0 };
}

void ch_copy_plan_done(struct ch_copy_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		ch_copy_item_done(&plan->items[i]);
	free(plan->items);
	free(plan->dest);
	free(plan->workdir);
	*plan = (struct ch_copy_plan){ 0 };
}

const char *ch_copy_item_name(const struct ch_copy_item *item)
{
	const char *slash;

	if (item->kind == CH_COPY_TEXT)
		return item->source->path;
	if (item->kind == CH_COPY_DOWNLOAD)
		return item->source->download->name;
	slash = strrchr(item->path, '/');
	return slash ? slash + 1 : item->path;
}

int ch_copy_plan_add(struct ch_copy_plan *plan, struct ch_copy_item *item, struct ch_err *err)
{
	void *items = reallocarray(plan->items, plan->n + 1, sizeof(*plan->items));

	if (!items)
		return ch_err_nomem(err);
	plan->items = items;
	plan->items[plan->n++] = *item;
	*item = (struct ch_copy_item){ 0 };
	return 0;
}

int ch_copy_plan_begin(const struct ch_context *context, const char *dest, const char *workdir,
		       const char *chmod, struct ch_copy_plan *ret_plan, struct ch_err *err)
{
	*ret_plan = (struct ch_copy_plan){
		.context = context,
		.dest = strdup(dest),
		.workdir = strdup(workdir ? workdir : "/"),
	};
	if (!ret_plan->dest || !ret_plan->workdir)
		return ch_err_nomem(err);
	return chmod ? ch_mode_parse(chmod, &ret_plan->mode, err) : 0;
}

/* ---- what a source contains -------------------------------------------------------------- */

/* For ch_tree_scan, which hands data on that are not const */
struct rules {
	const struct ch_copy_request *request;
};

static enum ch_tree_verdict filter(void *data, const char *path, const char *source, mode_t mode)
{
	const struct ch_copy_request *req = ((const struct rules *)data)->request;
	const struct ch_context *context = req->context;
	enum ch_tree_verdict one = CH_TREE_TAKE, other = CH_TREE_TAKE;

	if (context->ignore)
		one = context->ignore(context->ignore_data, source, S_ISDIR(mode));
	if (req->exclude)
		other = req->exclude(req->exclude_data, path, S_ISDIR(mode));
	return one > other ? one : other;
}

static void tell_left(void *data, const char *source, mode_t mode)
{
	const struct ch_copy_request *req = ((const struct rules *)data)->request;

	ch_tell(&req->teller, CH_WARN, "%s '%s' is not copied",
		S_ISSOCK(mode) ? "socket" : "device", source);
}

static int scan(const struct ch_copy_request *req, const char *plain, struct ch_copy_item *item,
		struct ch_err *err)
{
	struct rules rules = { req };
	const struct ch_tree_scan s = {
		.root = req->context->root,
		.within = ch_context_within(req->context),
		.path = plain,
		.name = item->kind == CH_COPY_DIR ? NULL : ch_copy_item_name(item),
		.filter = filter,
		.left = tell_left,
		.data = &rules,
	};

	return ch_tree_scan(&s, &item->tree, err);
}

/* Do the rules of the context exclude PATH? */
static bool is_ignored(const struct ch_copy_request *req, const char *path, mode_t mode)
{
	enum ch_tree_verdict verdict = ch_context_verdict(req->context, path, mode);

	return verdict == CH_TREE_LEAVE || (verdict == CH_TREE_LOOK && !S_ISDIR(mode));
}

static bool is_archive_at(int root, const char *plain)
{
	ch_auto(fd) int fd = ch_within_open(root, plain, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);

	return fd >= 0 && ch_archive_is_tar(fd);
}

/* Find out what ITEM is. WRITTEN: as its path, or with "/" at the end. */
static int look_at(const struct ch_copy_request *req, const char *written,
		   struct ch_copy_item *item, struct ch_err *err)
{
	const struct ch_context *context = req->context;
	ch_auto(str) char *plain = NULL;
	struct stat st;

	if (ch_within_resolve(context->root, written, ch_context_within(context), &plain, err) < 0)
		return err->code;

	ch_auto(fd) int fd = ch_within_open(context->root, plain, O_PATH | O_NOFOLLOW);

	if (fd == -ENOENT)
		return ch_err_set(err, fd, "%s",
				  strcmp(plain, item->path) == 0 ? "it is not there"
								 : "its link leads nowhere");
	if (fd < 0)
		return ch_err_rc(err, fd, "open it");
	if (fstat(fd, &st) < 0)
		return ch_err_sys(err, "look at it");
	if (is_ignored(req, plain, st.st_mode) || is_ignored(req, item->path, st.st_mode))
		return ch_err_set(err, -ENOENT, "it is one of the files to be ignored");
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return ch_err_set(err, -EINVAL, "it is neither a file nor a directory");
	if (S_ISDIR(st.st_mode))
		item->kind = CH_COPY_DIR;
	else if (req->unpack && is_archive_at(context->root, plain))
		item->kind = CH_COPY_ARCHIVE;
	return scan(req, plain, item, err);
}

/* ---- paths as they are written ----------------------------------------------------------- */

char *ch_copy_clean(const char *text)
{
	char *path = strdup(text), *end = path;

	if (!path)
		return NULL;
	while (*(text += strspn(text, "/"))) {
		size_t len = strcspn(text, "/");

		if (len != 1 || *text != '.') {
			if (end != path)
				*end++ = '/';
			memcpy(end, text, len);
			end += len;
		}
		text += len;
	}
	*end = '\0';
	return path;
}

bool ch_copy_names_dir(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	return !*name || strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

static bool has_part(const char *path, const char *part)
{
	size_t len = strlen(part);

	for (;; path++) {
		size_t n = strcspn(path, "/");

		if (n == len && memcmp(path, part, len) == 0)
			return true;
		path += n;
		if (!*path)
			return false;
	}
}

/* With --parents: how many components of what is found for SOURCE are left out, since a "/./"
 * follows them? */
static int count_left_out(const char *source, size_t *ret_n, struct ch_err *err)
{
	const char *pivot = strstr(source, "/./");
	ch_auto(str) char *before = pivot ? strndup(source, (size_t)(pivot - source)) : strdup("");
	ch_auto(str) char *path = before ? ch_copy_clean(before) : NULL;
	size_t n = 0;

	if (!path)
		return ch_err_nomem(err);
	if (has_part(before, "**"))
		return ch_err_set(err, -EINVAL, "'**' cannot precede '/./'");
	for (const char *p = path; *p; p += *p == '/') {
		p += strcspn(p, "/");
		n++;
	}
	*ret_n = n;
	return 0;
}

/* Where ITEM goes, below the destination. LEFT_OUT: so many of its directories do not count. */
static int set_into(const struct ch_copy_request *req, struct ch_copy_item *item, size_t left_out,
		    struct ch_err *err)
{
	const char *path = item->path, *end;

	for (size_t i = 0; i < left_out; i++) {
		path += strcspn(path, "/");
		path += *path == '/';
	}
	if (has_part(path, "..") && req->parents)
		return ch_err_set(err, -EINVAL, "'..' is not possible with --parents");
	end = item->kind == CH_COPY_DIR ? path + strlen(path) : strrchr(path, '/');
	item->into = strndup(path, req->parents && end ? (size_t)(end - path) : 0);
	return item->into ? 0 : ch_err_nomem(err);
}

/* ---- plans ------------------------------------------------------------------------------- */

/* PATH, without wildcards, is a source, or of one. */
static int add_path(struct ch_copy_plan *plan, const struct ch_copy_request *req, const char *path,
		    size_t left_out, struct ch_err *err)
{
	ch_auto(copy_item) struct ch_copy_item item = { .path = ch_copy_clean(path) };

	if (!item.path)
		return ch_err_nomem(err);
	if (look_at(req, path, &item, err) < 0 || set_into(req, &item, left_out, err) < 0)
		return err->code;
	/* A file that --exclude is about. */
	if (item.kind != CH_COPY_DIR && item.tree.n == 0)
		return 0;
	return ch_copy_plan_add(plan, &item, err);
}

/* What is no file of the context */
static int add_bytes(struct ch_copy_plan *plan, const struct ch_copy_request *req,
		     const struct ch_copy_source *source, struct ch_err *err)
{
	bool is_archive = !source->text && req->unpack_downloads &&
			  ch_archive_is_tar(source->download->fd);
	ch_auto(copy_item) struct ch_copy_item item = {
		.kind = source->text ? CH_COPY_TEXT
			: is_archive ? CH_COPY_ARCHIVE
				     : CH_COPY_DOWNLOAD,
		.source = source,
		.path = strdup(source->path),
		.into = strdup(""),
	};

	return item.path && item.into ? ch_copy_plan_add(plan, &item, err) : ch_err_nomem(err);
}

static int add_source(struct ch_copy_plan *plan, const struct ch_copy_request *req,
		      const struct ch_copy_source *source, size_t *matches, struct ch_err *err)
{
	ch_auto(found) struct ch_found found = { 0 };
	size_t left_out = 0;

	if (source->text || source->download) {
		(*matches)++;
		return add_bytes(plan, req, source, err);
	}
	if (req->context->root < 0)
		return ch_err_set(err, -ENOENT, "there is no context directory");
	if (req->parents && count_left_out(source->path, &left_out, err) < 0)
		return err->code;
	if (source->is_literal || !ch_glob_is_magic(source->path)) {
		(*matches)++;
		return add_path(plan, req, source->path, left_out, err);
	}
	if (ch_find(req->context, source->path, &found, err) < 0)
		return err->code;
	*matches += found.n;
	for (size_t i = 0; i < found.n; i++)
		if (add_path(plan, req, found.paths[i], left_out, err) < 0)
			return err->code;
	return 0;
}

int ch_copy_plan(const struct ch_copy_request *request, struct ch_copy_plan *ret_plan,
		 struct ch_err *err)
{
	const struct ch_context *context = request->context;
	ch_auto(copy_plan) struct ch_copy_plan plan = { 0 };
	size_t matches = 0;

	if (ch_copy_plan_begin(context, request->dest, request->workdir, request->chmod, &plan,
			       err) < 0)
		return err->code;
	for (size_t i = 0; i < request->n_sources; i++)
		if (add_source(&plan, request, &request->sources[i], &matches, err) < 0)
			return ch_err_in(err, "source '%s' in %s", request->sources[i].path,
					 context->name ? context->name : "no context");
	/* One pattern that matches nothing may be meant so, if others do. */
	if (matches == 0)
		return ch_err_set(err, -ENOENT, "nothing in %s matches '%s'", context->name,
				  request->n_sources ? request->sources[0].path : "");
	plan.wants_dir = request->parents || plan.n != 1 || plan.items[0].kind == CH_COPY_DIR ||
			 plan.items[0].kind == CH_COPY_ARCHIVE || ch_copy_names_dir(request->dest);
	plan.keep = CH_TREE_MODES | CH_TREE_TIMES | CH_TREE_XATTRS | CH_TREE_HARDLINKS;
	/* What is in an image has owners; what is in a context becomes its builder's. */
	if (context->is_image)
		plan.keep |= CH_TREE_OWNERS;
	*ret_plan = ch_take(plan);
	return 0;
}
