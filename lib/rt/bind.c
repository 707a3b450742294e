/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/bind.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/analyser.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/path.h"
#include "base/text.h"

/* "ro" or "rw". */
static int parse_flags(const char *text, unsigned *flags, struct ch_err *err)
{
	if (strcmp(text, "ro") == 0)
		*flags |= CH_BIND_RO;
	else if (strcmp(text, "rw") != 0)
		return ch_err_set(err, -EINVAL, "bind option '%s' is neither ro nor rw", text);
	return 0;
}

static int check(const struct ch_bind *b, struct ch_err *err)
{
	if (!b->dst[0])
		return ch_err_set(err, -EINVAL, "bind destination is empty");
	if (b->dst[0] != '/')
		return ch_err_set(err, -EINVAL, "bind destination '%s' is not absolute", b->dst);
	if (strspn(b->dst, "/") == strlen(b->dst))
		return ch_err_set(err, -EINVAL, "bind destination '/' would hide the image");
	return 0;
}

/* The parts between unescaped colons: source, destination, options. */
static int split(const char *spec, char *parts[3], struct ch_err *err)
{
	for (int i = 0; i < 3 && spec; i++) {
		int rc = ch_text_next(&spec, ':', &parts[i], err);

		if (rc < 0)
			return rc;
	}
	if (spec)
		return ch_err_set(err, -EINVAL, "bind has more than three parts");
	return 0;
}

int ch_bind_parse(const char *spec, const char *cwd, struct ch_bind *ret_bind, struct ch_err *err)
{
	char *parts[3] = { NULL };
	ch_auto(bind) struct ch_bind b = { 0 };
	int rc = split(spec, parts, err);
	ch_auto(str) char *flags = parts[2];

	ch_auto(str) char *src = parts[0];

	b.dst = parts[1];
	if (rc == 0 && !src[0])
		rc = ch_err_set(err, -EINVAL, "bind source is empty");
	if (rc == 0)
		rc = ch_path_absolute(src, cwd, &b.src, err);
	if (rc < 0)
		return rc;
	if (!b.dst)
		b.dst = strdup(b.src);
	if (!b.dst)
		return ch_err_nomem(err);
	if (check(&b, err) < 0 || (flags && parse_flags(flags, &b.flags, err) < 0))
		return err->code;
	*ret_bind = ch_take(b);
	return 0;
}

void ch_bind_done(struct ch_bind *bind)
{
	free(bind->src);
	free(bind->dst);
	*bind = (struct ch_bind){ 0 };
}

CH_MOVES_BEGIN
int ch_binds_take(struct ch_binds *binds, struct ch_bind *bind, struct ch_err *err)
{
	struct ch_bind *list = realloc(binds->list, (binds->n + 1) * sizeof(*list));

	if (!list) {
		ch_bind_done(bind);
		return ch_err_nomem(err);
	}
	binds->list = list;
	list[binds->n++] = *bind;
	*bind = (struct ch_bind){ 0 };
	return 0;
}
CH_MOVES_END

int ch_binds_add(struct ch_binds *binds, const char *src, const char *dst, unsigned flags,
		 struct ch_err *err)
{
	struct ch_bind b = { .src = strdup(src), .dst = strdup(dst), .flags = flags };

	if (!b.src || !b.dst) {
		ch_bind_done(&b);
		return ch_err_nomem(err);
	}
	return ch_binds_take(binds, &b, err);
}

/* Would PATH of the host, bound at its own place, hide a part of the image's system? */
static bool is_system_path(const char *path)
{
	static const char *const trees[] = { "/bin", "/sbin", "/usr", "/lib", "/lib64", "/etc",
					     "/dev", "/proc", "/sys", "/tmp", "/ch" };
	static const char *const tops[] = { "/", "/run", "/var", "/opt", "/home", "/nonexistent" };

	for (size_t i = 0; i < sizeof(trees) / sizeof(trees[0]); i++)
		if (ch_path_is_below(path, trees[i]))
			return true;
	for (size_t i = 0; i < sizeof(tops) / sizeof(tops[0]); i++)
		if (strcmp(path, tops[i]) == 0)
			return true;
	return path[0] != '/' || strstr(path, "/..") || strstr(path, "//");
}

int ch_binds_add_named(struct ch_binds *binds, const char *path, struct ch_err *err)
{
	if (!path || is_system_path(path))
		return 0;
	return ch_binds_add(binds, path, path, CH_BIND_MAYBE, err);
}

const char *ch_bind_home(const char *user, char path[PATH_MAX])
{
	snprintf(path, PATH_MAX, "/home/%s", user);
	return path;
}

int ch_binds_add_home(struct ch_binds *binds, const char *home, const char *user,
		      struct ch_err *err)
{
	char inside[PATH_MAX];

	if (!home || home[0] != '/')
		return ch_err_set(err, -EINVAL, "HOME is not set to an absolute path");
	return ch_binds_add(binds, home, ch_bind_home(user, inside), 0, err);
}

int ch_binds_copy(struct ch_binds *binds, const struct ch_binds *more, struct ch_err *err)
{
	for (size_t i = 0; i < more->n; i++) {
		const struct ch_bind *b = &more->list[i];

		if (ch_binds_add(binds, b->src, b->dst, b->flags, err) < 0)
			return err->code;
	}
	return 0;
}

void ch_binds_done(struct ch_binds *binds)
{
	for (size_t i = 0; i < binds->n; i++)
		ch_bind_done(&binds->list[i]);
	free(binds->list);
	*binds = (struct ch_binds){ 0 };
}
