/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/checkout.h"

#include <errno.h>
#include <stdlib.h>

#include "base/auto.h"
#include "base/err.h"
#include "cache/commit.h"
#include "cache/files.h"
#include "cache/repo.h"
#include "cache/statfile.h"
#include "cache/walk.h"

static int change(struct ch_checkout *c, struct ch_err *err)
{
	int rc = ch_checkout_dirs(c, err);

	if (rc == 0)
		rc = ch_checkout_files(c, err);
	return rc == 0 ? ch_checkout_end(c, err) : rc;
}

static int checkout(struct ch_checkout *c, const struct ch_cache_image *image, struct ch_err *err)
{
	ch_auto(gittree) struct ch_gittree old = { 0 };
	ch_auto(statfile) struct ch_statfile statfile = { .fd = -1 };
	struct ch_cache_report unused = { 0 };
	struct ch_opened opened = { 0 };
	int rc = ch_statfile_begin(image, &statfile, err);

	if (rc < 0)
		return rc;
	ch_statfile_read(image, c->cache->generation, &old);
	rc = ch_walk(c->root, &old, true, &c->is, &opened, &unused, err);
	if (rc < 0)
		ch_walk_restore(c->root, &opened, NULL);
	else
		ch_walk_leave(&opened, &c->wanted);
	if (rc == 0)
		rc = change(c, err);
	if (rc == 0)
		rc = ch_statfile_wait(&statfile, err);
	return rc == 0 ? ch_statfile_end(&statfile, c->cache->generation, &c->wanted, err) : rc;
}

static int read_wanted(struct ch_checkout *c, const struct ch_oid *oid, struct ch_err *err)
{
	ch_auto(commit) struct ch_commit commit = { 0 };
	struct ch_commit_parts parts;
	int rc = ch_commit_read(&c->cache->odb, oid, &commit, err);

	if (rc == 0)
		rc = ch_commit_parts(&c->cache->odb, &commit.tree, &parts, err);
	return rc == 0 ? ch_files_read(&c->cache->odb, &parts.files, &c->wanted, err) : rc;
}

int ch_cache_checkout(struct ch_cache *cache, const struct ch_oid *commit,
		      const struct ch_cache_image *image, struct ch_cache_report *ret_report,
		      struct ch_err *err)
{
	ch_auto(mem) struct ch_checkout *c = calloc(1, sizeof(*c));
	int rc = c ? ch_repo_need_commit(cache, commit, err) : ch_err_nomem(err);

	if (rc == 0)
		return ch_err_set(err, -ENOENT, "there is no build cache");
	if (rc < 0 || !c)
		return ch_repo_said(rc, err);
	c->cache = cache;
	c->root = image->root;
	c->progress = image->progress;
	rc = read_wanted(c, commit, err);
	if (rc == 0)
		rc = checkout(c, image, err);
	if (rc == 0 && ret_report)
		*ret_report = (struct ch_cache_report){
			.entries = c->wanted.count,
			.files = atomic_load(&c->files),
			.bytes = atomic_load(&c->bytes),
			.xattrs = atomic_load(&c->xattrs),
			.removed = c->removed,
		};
	free(c->list);
	ch_gittree_done(&c->is);
	ch_gittree_done(&c->wanted);
	return ch_repo_said(rc, err);
}
