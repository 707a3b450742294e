/* SPDX-License-Identifier: Apache-2.0 */
#include "build/step_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "build/mount.h"
#include "build/step.h"

#define SECRET_MAX (512UL << 10)

/* ---- what they say ------------------------------------------------------------------ */

static enum ch_run_mount_kind kind_of(enum ch_df_mount_type type)
{
	switch (type) {
	case CH_DF_MOUNT_CACHE:
		return CH_RUN_MOUNT_CACHE;
	case CH_DF_MOUNT_SECRET:
		return CH_RUN_MOUNT_SECRET;
	case CH_DF_MOUNT_SSH:
		return CH_RUN_MOUNT_SSH;
	case CH_DF_MOUNT_TMPFS:
		return CH_RUN_MOUNT_TMPFS;
	case CH_DF_MOUNT_BIND:
		break;
	}
	return CH_RUN_MOUNT_BIND;
}

static enum ch_run_sharing sharing_of(enum ch_df_sharing sharing)
{
	switch (sharing) {
	case CH_DF_PRIVATE:
		return CH_RUN_PRIVATE;
	case CH_DF_LOCKED:
		return CH_RUN_LOCKED;
	case CH_DF_SHARED:
		break;
	}
	return CH_RUN_SHARED;
}

/* TEXT, else a copy of what is usual. */
static int set_default(struct ch_step *step, char **text, const char *usual)
{
	if (!*text && usual)
		*text = strdup(usual);
	return *text || !usual ? 0 : ch_step_nomem(step);
}

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Cache directories are called after where they are; secrets' files after them. */
static int set_defaults(struct ch_step *step, struct ch_run_mount *m)
{
	switch (m->kind) {
	case CH_RUN_MOUNT_BIND:
		return set_default(step, &m->source, "/");
	case CH_RUN_MOUNT_CACHE:
		return set_default(step, &m->id, m->target);
	case CH_RUN_MOUNT_SECRET:
		return set_default(step, &m->id, m->target ? last_part(m->target) : "");
	case CH_RUN_MOUNT_SSH:
		return set_default(step, &m->id, "default");
	case CH_RUN_MOUNT_TMPFS:
		break;
	}
	return 0;
}

static int read_mount(struct ch_step *step, const struct ch_df_mount *from, struct ch_run_mount *m)
{
	const struct {
		const struct ch_df_word *word;
		char **place;
	} texts[] = {
		{ &from->target, &m->target }, { &from->id, &m->id },	{ &from->from, &m->from },
		{ &from->source, &m->source }, { &from->env, &m->env },
	};
	int rc = 0;

	m->kind = kind_of(from->type);
	m->sharing = sharing_of(from->sharing);
	m->writable = !from->is_ro;
	m->required = from->is_required;
	m->size = from->size > 0 ? (uint64_t)from->size : 0;
	m->mode = from->mode >= 0		  ? (mode_t)from->mode
		  : m->kind == CH_RUN_MOUNT_CACHE ? 0755
						  : 0400;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]) && rc == 0; i++)
		rc = ch_step_expand(step, texts[i].word, texts[i].place);
	return rc < 0 ? rc : set_defaults(step, m);
}

/* The files that a mount shows decide what the command does: they are a part of the key. */
static int key_mount(struct ch_step *step, const struct ch_df_mount *from, struct ch_run_mount *m,
		     struct ch_step_source *ret_source)
{
	struct ch_err err;

	if (m->kind == CH_RUN_MOUNT_CACHE && (m->from || m->source))
		return ch_df_fail(step->df, &from->flag, 0, step->err, -ENOTSUP,
				  "--mount: caches begin empty: '%s' is not possible",
				  m->from ? "from" : "source");
	if (m->kind != CH_RUN_MOUNT_BIND)
		return 0;
	if (m->from)
		return ch_step_source(step, m->from, ret_source);
	if (!step->job->build->context)
		return ch_df_fail(step->df, &from->flag, 0, step->err, -ENOENT,
				  "there is no context to mount: it is '-'");
	if (ch_step_see(step, m->source, &err) < 0)
		return ch_df_fail(step->df, &from->flag, 0, step->err, err.code, "--mount: %s",
				  err.msg);
	return 0;
}

int ch_step_mounts_read(struct ch_step *step, struct ch_step_mounts *all)
{
	size_t n = step->instr->nmounts;
	int rc = 0;

	if (n == 0)
		return 0;
	all->list = calloc(n, sizeof(*all->list));
	all->sources = calloc(n, sizeof(*all->sources));
	all->roots = calloc(n, sizeof(*all->roots));
	if (!all->list || !all->sources || !all->roots)
		return ch_step_nomem(step);
	all->n = n;
	for (size_t i = 0; i < n; i++)
		all->roots[i] = -1;
	for (size_t i = 0; i < n && rc == 0; i++) {
		rc = read_mount(step, &step->instr->mounts[i], &all->list[i]);
		if (rc == 0)
			rc = key_mount(step, &step->instr->mounts[i], &all->list[i],
				       &all->sources[i]);
	}
	return rc;
}

/* ---- what is found for them --------------------------------------------------------- */

/* Directory FD as a path, for the container's maker: it is a child of ours, so that it is open
 * there, too, only under our name. */
static int path_of(struct ch_step *step, int fd, struct ch_step_mounts *all, const char **ret)
{
	char *path;

	if (asprintf(&path, "/proc/%d/fd/%d", (int)getpid(), fd) < 0)
		path = NULL;
	ch_words_give(&all->kept, path);
	*ret = path;
	return path ? 0 : ch_step_nomem(step);
}

static int find_bind(struct ch_step *step, struct ch_step_mounts *all, size_t i)
{
	struct ch_run_mount *m = &all->list[i];

	if (!m->from) {
		m->root = step->job->build->context;
		return 0;
	}
	all->roots[i] = ch_step_source_open(step, &all->sources[i]);
	return all->roots[i] < 0 ? all->roots[i] : path_of(step, all->roots[i], all, &m->root);
}

static int read_secret(const char *path, struct ch_buf *ret, struct ch_err *err)
{
	ch_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : ch_buf_read(ret, fd);

	if (rc < 0)
		return ch_err_rc(err, rc, "secret '%s'", path);
	if (ch_buf_bad(ret))
		return ch_err_set(err, -EFBIG, "secret '%s': more than %lu bytes", path,
				  SECRET_MAX);
	return 0;
}

/* It stays in memory; never in a key. */
static int find_secret(struct ch_step *step, struct ch_step_mounts *all, struct ch_run_mount *m)
{
	const struct ch_build *b = step->job->build;
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(SECRET_MAX);
	struct ch_err err;
	char *data;

	for (size_t i = 0; i < b->n_secrets; i++) {
		const struct ch_build_secret *s = &b->secrets[i];

		if (strcmp(s->id, m->id) != 0)
			continue;
		if (s->path && read_secret(s->path, &text, &err) < 0)
			return ch_step_fail(step, &err);
		if (s->env && getenv(s->env))
			ch_buf_adds(&text, getenv(s->env));
		m->len = text.len;
		if (ch_buf_take(&text, &data) < 0)
			return ch_step_nomem(step);
		ch_words_give(&all->kept, data);
		m->data = data;
		break;
	}
	return all->kept.bad ? ch_step_nomem(step) : 0;
}

int ch_step_mounts_find(struct ch_step *step, struct ch_step_mounts *all)
{
	int rc = 0;

	for (size_t i = 0; i < all->n && rc == 0; i++) {
		if (all->list[i].kind == CH_RUN_MOUNT_BIND)
			rc = find_bind(step, all, i);
		else if (all->list[i].kind == CH_RUN_MOUNT_SECRET)
			rc = find_secret(step, all, &all->list[i]);
		else if (all->list[i].kind == CH_RUN_MOUNT_SSH)
			all->list[i].socket = getenv("SSH_AUTH_SOCK");
	}
	return rc;
}

/* ---- the end -------------------------------------------------------------------------------- */

void ch_step_mounts_done(struct ch_step_mounts *all)
{
	for (size_t i = 0; i < all->n; i++) {
		ch_run_mount_done(&all->list[i]);
		ch_ref_done(&all->sources[i].ref);
		ch_auto_fd(&all->roots[i]);
	}
	free(all->list);
	free(all->sources);
	free(all->roots);
	ch_words_done(&all->kept);
}
