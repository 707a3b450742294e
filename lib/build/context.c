/* SPDX-License-Identifier: Apache-2.0 */
#include "build/context.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "dockerfile/ignore.h"
#include "sys/mnt.h"

int ch_context_open(const char *path, struct ch_context *ret_context, struct ch_err *err)
{
	ch_auto(fd) int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *name;

	if (root < 0)
		return ch_err_sys(err, "open context directory '%s'", path);
	if (asprintf(&name, "context '%s'", path) < 0)
		return ch_err_nomem(err);
	*ret_context = (struct ch_context){ .root = ch_take_fd(&root), .name = name };
	return 0;
}

int ch_context_of_image(int root, const char *name, struct ch_context *ret_context,
			struct ch_err *err)
{
	ch_auto(fd) int fd = root;
	char *text;

	if (asprintf(&text, "image '%s'", name) < 0)
		return ch_err_nomem(err);
	*ret_context = (struct ch_context){ .root = ch_take_fd(&fd),
					    .name = text,
					    .is_image = true };
	return 0;
}

enum ch_tree_verdict ch_context_by_rules(void *data, const char *path, bool is_dir)
{
	const struct ch_ignore *rules = data;

	if (!ch_ignore_has(rules, path))
		return CH_TREE_TAKE;
	return is_dir && !ch_ignore_has_all(rules, path) ? CH_TREE_LOOK : CH_TREE_LEAVE;
}

static int open_rules(const struct ch_context *context, const char *file)
{
	int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	int fd = file ? open(file, flags) : -1;

	if (fd >= 0 || (file && errno != ENOENT))
		return fd < 0 ? -errno : fd;
	return ch_open_in_root(context->root, ".dockerignore", flags);
}

int ch_context_read_rules(struct ch_context *context, const char *file, struct ch_err *err)
{
	ch_auto(fd) int fd = open_rules(context, file);
	ch_auto(str) char *text = fd < 0 ? NULL : malloc(CH_IGNORE_MAX + 1);
	size_t len = 0;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return ch_err_rc(err, fd, "open .dockerignore");
	context->rules = calloc(1, sizeof(*context->rules));
	if (!text || !context->rules)
		return ch_err_nomem(err);
	while (len <= CH_IGNORE_MAX) {
		ssize_t got = read(fd, text + len, CH_IGNORE_MAX + 1 - len);

		if (got < 0)
			return ch_err_sys(err, "read .dockerignore");
		if (got == 0)
			break;
		len += (size_t)got;
	}
	context->ignore = ch_context_by_rules;
	context->ignore_data = context->rules;
	return ch_ignore_parse(context->rules, text, len, err);
}

enum ch_tree_verdict ch_context_verdict(const struct ch_context *context, const char *path,
					mode_t mode)
{
	char dir[PATH_MAX];

	if (!context->ignore || !*path)
		return CH_TREE_TAKE;
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
		size_t len = (size_t)(slash - path);

		if (len >= sizeof(dir))
			return CH_TREE_LEAVE;
		memcpy(dir, path, len);
		dir[len] = '\0';
		if (context->ignore(context->ignore_data, dir, true) == CH_TREE_LEAVE)
			return CH_TREE_LEAVE;
	}
	return context->ignore(context->ignore_data, path, S_ISDIR(mode));
}

void ch_context_done(struct ch_context *context)
{
	ch_close(&context->root);
	free(context->name);
	if (context->rules)
		ch_ignore_done(context->rules);
	free(context->rules);
	*context = CH_CONTEXT_INIT;
}
