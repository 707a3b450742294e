/* SPDX-License-Identifier: Apache-2.0 */
/* branch.c - branches by the names of images */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/analyser.h"
#include "base/auto.h"
#include "base/err.h"
#include "cache/cache.h"
#include "cache/name.h"
#include "cache/refs.h"
#include "cache/repo.h"

#define REF_MAX (CH_NAME_REF_MAX + 64)

static int ref_of(const char *space, const char *name, char ret[REF_MAX], struct ch_err *err)
{
	char escaped[CH_NAME_REF_MAX + 1];
	int rc = ch_name_to_ref(name, escaped, err);

	if (rc < 0)
		return rc;
	snprintf(ret, REF_MAX, "%s/%s", space, escaped);
	return 0;
}

int ch_cache_branch_set(struct ch_cache *cache, const char *name, const struct ch_oid *commit,
			struct ch_err *err)
{
	char ref[REF_MAX];
	int rc = ref_of(CH_REFS_BRANCHES, name, ref, err);

	if (rc == 0)
		rc = ch_repo_need(cache, true, err);
	if (rc < 0)
		return ch_repo_said(rc, err);
	rc = ch_refs_set(cache, ref, commit, err);
	/* What had been deleted under this name is not to come back. */
	if (rc == 0)
		rc = ref_of(CH_REFS_DELETED, name, ref, err);
	return ch_repo_said(rc == 0 ? ch_refs_remove(cache, ref, err) : rc, err);
}

static int get(struct ch_cache *cache, const char *name, struct ch_oid *ret_commit,
	       struct ch_err *err)
{
	char ref[REF_MAX];
	int rc = ref_of(CH_REFS_BRANCHES, name, ref, err);

	if (rc == 0)
		rc = ch_repo_need(cache, false, err);
	return rc == 1 ? ch_refs_get(cache, ref, ret_commit, err) : rc;
}

int ch_cache_branch_get(struct ch_cache *cache, const char *name, struct ch_oid *ret_commit,
			struct ch_err *err)
{
	return ch_repo_said(get(cache, name, ret_commit, err), err);
}

/* The new one first: whatever happens in between, the commit keeps a name. */
static int move(struct ch_cache *cache, const char *from, const char *to,
		const struct ch_oid *commit, struct ch_err *err)
{
	int rc = ch_refs_set(cache, to, commit, err);

	if (rc == 0)
		rc = ch_refs_remove(cache, from, err);
	return rc < 0 ? rc : 1;
}

int ch_cache_branch_delete(struct ch_cache *cache, const char *name, struct ch_err *err)
{
	char branch[REF_MAX], deleted[REF_MAX];
	struct ch_oid commit;
	int rc = get(cache, name, &commit, err);

	if (rc != 1)
		return ch_repo_said(rc, err);
	rc = ref_of(CH_REFS_BRANCHES, name, branch, err);
	if (rc == 0)
		rc = ref_of(CH_REFS_DELETED, name, deleted, err);
	return ch_repo_said(rc == 0 ? move(cache, branch, deleted, &commit, err) : rc, err);
}

int ch_cache_branch_undelete(struct ch_cache *cache, const char *name, struct ch_oid *ret_commit,
			     struct ch_err *err)
{
	char branch[REF_MAX], deleted[REF_MAX];
	struct ch_oid commit;
	int rc = get(cache, name, &commit, err);

	if (rc == 1)
		return ch_err_set(err, -EEXIST, "image '%s' is there", name);
	if (rc == 0)
		rc = ref_of(CH_REFS_BRANCHES, name, branch, err);
	if (rc == 0)
		rc = ref_of(CH_REFS_DELETED, name, deleted, err);
	if (rc == 0)
		rc = ch_repo_need(cache, false, err);
	if (rc == 1)
		rc = ch_refs_get(cache, deleted, &commit, err);
	if (rc == 1)
		rc = move(cache, deleted, branch, &commit, err);
	if (rc == 1)
		*ret_commit = commit;
	return ch_repo_said(rc, err);
}

static int by_name(const void *a, const void *b)
{
	const struct ch_cache_branch *x = a, *y = b;

	return strcmp(x->name, y->name);
}

CH_MOVES_BEGIN
static int convert(const struct ch_refs *refs, struct ch_cache_branches *to, struct ch_err *err)
{
	to->list = calloc(refs->n + 1, sizeof(*to->list));
	if (!to->list)
		return ch_err_nomem(err);
	for (size_t i = 0; i < refs->n; i++) {
		char name[CH_NAME_REF_MAX + 1];

		ch_name_from_ref(strrchr(refs->list[i].name, '/') + 1, name);
		to->list[i].name = strdup(name);
		if (!to->list[i].name)
			return ch_err_nomem(err);
		to->list[i].commit = refs->list[i].commit;
		to->n++;
	}
	qsort(to->list, to->n, sizeof(*to->list), by_name);
	return 0;
}
CH_MOVES_END

int ch_cache_branches(struct ch_cache *cache, bool deleted, struct ch_cache_branches *ret_branches,
		      struct ch_err *err)
{
	ch_auto(refs) struct ch_refs refs = { 0 };
	ch_auto(cache_branches) struct ch_cache_branches branches = { 0 };
	int rc = ch_repo_need(cache, false, err);

	if (rc == 1)
		rc = ch_refs_list(cache, deleted ? CH_REFS_DELETED : CH_REFS_BRANCHES, &refs, err);
	if (rc == 0)
		rc = convert(&refs, &branches, err);
	if (rc == 0)
		*ret_branches = ch_take(branches);
	return ch_repo_said(rc, err);
}

void ch_cache_branches_done(struct ch_cache_branches *branches)
{
	for (size_t i = 0; i < branches->n; i++)
		free(branches->list[i].name);
	free(branches->list);
	*branches = (struct ch_cache_branches){ 0 };
}
