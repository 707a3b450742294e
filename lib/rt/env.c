/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/env.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "rt/meta.h"

#define IMAGE_FILE "/ch/environment"

/* A value, or a file of values, is at most so long; execve(2) allows 128 KiB a string. */
enum { VALUE_MAX = 128 * 1024, FILE_MAX = 1024 * 1024 };

/* ---- one assignment -------------------------------------------------------------------- */

/* Append VALUE with its items "$NAME" replaced. An item that vanishes takes one of its
 * colons along. */
static void expand_into(struct ch_buf *out, const struct ch_env *env, const char *value)
{
	bool is_first = true;

	for (const char *p = value;; p++) {
		size_t len = strcspn(p, ":");
		ch_auto(str) char *name = strndup(p, len);
		const char *text = name;

		if (name && name[0] == '$' && name[1])
			text = env->get(name + 1, env->data);
		if (!name)
			out->bad = true;
		else if (text == name || (text && text[0])) {
			if (!is_first)
				ch_buf_adds(out, ":");
			ch_buf_adds(out, text);
			is_first = false;
		}
		p += len;
		if (!*p)
			return;
	}
}

static int set(const struct ch_env *env, const char *name, const char *value, struct ch_err *err)
{
	if (env->set(name, value, env->data) < 0)
		return ch_err_set(err, -ENOMEM, "cannot set environment variable '%s'", name);
	return 0;
}

/* Take one pair of single quotes off. */
static void unquote(char *value)
{
	size_t n = strlen(value);

	if (n >= 2 && value[0] == '\'' && value[n - 1] == '\'') {
		memmove(value, value + 1, n - 2);
		value[n - 2] = '\0';
	}
}

int ch_env_assign(const struct ch_env *env, const char *text, bool expand, struct ch_err *err)
{
	size_t n = strcspn(text, "=");
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(VALUE_MAX);
	ch_auto(str) char *name = strndup(text, n);
	ch_auto(str) char *value = text[n] ? strdup(text + n + 1) : NULL;
	ch_auto(str) char *result = NULL;

	if (!text[n])
		return ch_err_set(err, -EINVAL, "environment '%s' is not NAME=VALUE", text);
	if (n == 0)
		return ch_err_set(err, -EINVAL, "environment '%s' has no name", text);
	if (!name || !value)
		return ch_err_nomem(err);
	unquote(value);
	if (!expand)
		return set(env, name, value, err);
	expand_into(&buf, env, value);
	if (ch_buf_take(&buf, &result) < 0)
		return ch_err_set(err, -E2BIG, "environment variable '%s' is too long", name);
	return set(env, name, result, err);
}

/* ---- files ------------------------------------------------------------------------------ */

/* ONLY_FILE: refuse pipes and the like, on which reading could wait for ever. */
static int read_file(const char *path, bool only_file, char **ret_text, size_t *ret_len,
		     struct ch_err *err)
{
	int nonblock = only_file ? O_NONBLOCK : 0;
	ch_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | nonblock);
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(FILE_MAX);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return ch_err_sys(err, "environment file '%s'", path);
	if (only_file && !S_ISREG(st.st_mode))
		return ch_err_set(err, -EINVAL, "environment file '%s': not a regular file", path);
	rc = ch_buf_read(&buf, fd);
	if (rc < 0)
		return ch_err_rc(err, rc, "environment file '%s'", path);
	*ret_len = buf.len;
	if (ch_buf_take(&buf, ret_text) < 0)
		return ch_err_set(err, -EFBIG, "environment file '%s' is too long", path);
	return 0;
}

/* Returns 1 if the variable of assignment TEXT is to be left alone, 0, or -ENOMEM. */
static int is_kept(const char *text, bool (*keep)(const char *name), struct ch_err *err)
{
	if (!keep)
		return 0;

	ch_auto(str) char *name = strndup(text, strcspn(text, "="));

	return name ? keep(name) : ch_err_nomem(err);
}

/* An assignment, unless its variable is to be left alone. */
static int assign_unless_kept(const struct ch_env *env, const char *text, bool expand,
			      bool (*keep)(const char *name), struct ch_err *err)
{
	int rc = is_kept(text, keep, err);

	return rc == 0 ? ch_env_assign(env, text, expand, err) : rc < 0 ? rc : 0;
}

/* Take one newline off the end. */
static void chomp(char *text)
{
	size_t n = strlen(text);

	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
}

/* All records of TEXT, which came from PATH. */
static int apply_text(const struct ch_env *env, const char *path, const char *text, size_t len,
		      char sep, bool expand, bool (*keep)(const char *name), struct ch_err *err)
{
	unsigned line = 0;

	while (len > 0) {
		const char *end = memchr(text, sep, len);
		size_t n = end ? (size_t)(end - text) : len;
		ch_auto(str) char *record = strndup(text, n);

		line++;
		if (!record)
			return ch_err_nomem(err);
		if (sep == '\0')
			chomp(record);
		if (record[0] && assign_unless_kept(env, record, expand, keep, err) < 0)
			return ch_err_in(err, "%s:%u", path, line);
		text += n + (end ? 1 : 0);
		len -= n + (end ? 1 : 0);
	}
	return 0;
}

int ch_env_file(const struct ch_env *env, const char *path, char sep, bool expand,
		bool (*keep)(const char *name), struct ch_err *err)
{
	ch_auto(str) char *text = NULL;
	size_t len;

	if (read_file(path, true, &text, &len, err) < 0)
		return err->code;
	return apply_text(env, path, text, len, sep, expand, keep, err);
}

/* ---- other changes ------------------------------------------------------------------------ */

/* The first variable that matches, or NULL. The caller frees. */
static int find_match(const struct ch_env *env, const char *glob, char **ret_name,
		      struct ch_err *err)
{
	char **list = env->list(env->data);

	*ret_name = NULL;
	for (size_t i = 0; list && list[i]; i++) {
		ch_auto(str) char *name = strndup(list[i], strcspn(list[i], "="));

		if (!name)
			return ch_err_nomem(err);
		if (name[0] && fnmatch(glob, name, FNM_EXTMATCH) == 0) {
			*ret_name = ch_take(name);
			return 0;
		}
	}
	return 0;
}

int ch_env_unset_glob(const struct ch_env *env, const char *glob, struct ch_err *err)
{
	if (!glob[0])
		return ch_err_set(err, -EINVAL, "the pattern of variables to unset is empty");
	for (;;) {
		ch_auto(str) char *name = NULL;

		if (find_match(env, glob, &name, err) < 0)
			return err->code;
		if (!name)
			return 0;
		if (env->unset(name, env->data) < 0 || env->get(name, env->data))
			return ch_err_set(err, -EINVAL, "cannot unset variable '%s'", name);
	}
}

int ch_env_path(const struct ch_env *env, struct ch_err *err)
{
	const char *path = env->get("PATH", env->data);
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(VALUE_MAX);
	ch_auto(str) char *longer = NULL;

	if (!path || strncmp(path, "/bin", 4) == 0 || strstr(path, ":/bin"))
		return 0;
	ch_buf_addf(&buf, "%s:/bin", path);
	if (ch_buf_take(&buf, &longer) < 0)
		return ch_err_set(err, -E2BIG, "environment variable 'PATH' is too long");
	return set(env, "PATH", longer, err);
}

int ch_env_running(const struct ch_env *env, struct ch_err *err)
{
	return set(env, "CH_RUNNING", "Weird Al Yankovic", err);
}

/* ---- lists of changes ---------------------------------------------------------------------- */

int ch_env_ops_add(struct ch_env_ops *ops, enum ch_env_kind kind, const char *text,
		   struct ch_err *err)
{
	struct ch_env_op *list = realloc(ops->list, (ops->n + 1) * sizeof(*list));

	if (!list)
		return ch_err_nomem(err);
	ops->list = list;
	list[ops->n] = (struct ch_env_op){ .kind = kind, .text = text ? strdup(text) : NULL };
	if (text && !list[ops->n].text)
		return ch_err_nomem(err);
	ops->n++;
	return 0;
}

int ch_env_ops_load(struct ch_env_ops *ops, bool only_files, struct ch_err *err)
{
	for (size_t i = 0; i < ops->n; i++) {
		struct ch_env_op *op = &ops->list[i];
		char *text;

		if (op->kind != CH_ENV_FILE && op->kind != CH_ENV_FILE0)
			continue;
		if (read_file(op->text, only_files, &text, &op->len, err) < 0)
			return err->code;
		op->path = op->text;
		op->text = text;
	}
	return 0;
}

/* "NAME=VALUE" as it is: no quotes, no expansion. */
static int set_literally(const struct ch_env *env, const char *text, bool (*keep)(const char *name),
			 struct ch_err *err)
{
	size_t n = strcspn(text, "=");
	ch_auto(str) char *name = strndup(text, n);
	int rc = is_kept(text, keep, err);

	if (!name)
		return ch_err_nomem(err);
	if (rc != 0 || n == 0 || !text[n])
		return rc < 0 ? rc : 0;
	return set(env, name, text + n + 1, err);
}

/* The image's configuration first: /ch/environment has the last word. */
static int apply_image(const struct ch_env *env, bool expand, char sep, const char *meta,
		       size_t meta_len, bool (*keep)(const char *name), struct ch_err *err)
{
	size_t pos = 0;
	const char *item;

	if (ch_meta_check(meta, meta_len, "error", err) < 0)
		return err->code;
	while ((item = ch_meta_next(meta, meta_len, "env", &pos)))
		if (set_literally(env, item, keep, err) < 0)
			return ch_err_in(err, "image configuration");

	int rc = ch_env_file(env, IMAGE_FILE, sep, expand, keep, err);

	/* An image that brings a configuration needs no second file. */
	return rc == -ENOENT && meta_len > 0 ? 0 : rc;
}

int ch_env_ops_apply(const struct ch_env_ops *ops, const struct ch_env *env, const char *meta,
		     size_t meta_len, bool (*keep)(const char *name), struct ch_err *err)
{
	bool expand = !ops->no_expand;
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < ops->n; i++) {
		const struct ch_env_op *op = &ops->list[i];

		switch (op->kind) {
		case CH_ENV_ASSIGN:
			rc = ch_env_assign(env, op->text, expand, err);
			break;
		case CH_ENV_FILE:
		case CH_ENV_FILE0:
			rc = apply_text(env, op->path, op->text, op->len,
					op->kind == CH_ENV_FILE ? '\n' : '\0', expand, NULL, err);
			break;
		case CH_ENV_IMAGE:
		case CH_ENV_IMAGE0:
			rc = apply_image(env, expand, op->kind == CH_ENV_IMAGE ? '\n' : '\0', meta,
					 meta_len, keep, err);
			break;
		case CH_ENV_UNSET:
			rc = ch_env_unset_glob(env, op->text, err);
			break;
		}
	}
	return rc;
}

void ch_env_ops_done(struct ch_env_ops *ops)
{
	for (size_t i = 0; i < ops->n; i++) {
		free(ops->list[i].path);
		free(ops->list[i].text);
	}
	free(ops->list);
	*ops = (struct ch_env_ops){ 0 };
}
