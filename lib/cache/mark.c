/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/mark.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "cache/commit.h"
#include "cache/files.h"
#include "cache/name.h"
#include "cache/node.h"
#include "cache/odb.h"

struct ch_oid ch_mark_large(const struct ch_large *large)
{
	struct ch_oid name = { 0 };

	memcpy(name.bytes, large->hash, CH_OID_BYTES);
	return name;
}

/* Returns 1: it is new; 0: it was seen before. */
static int see(struct ch_mark *m, const struct ch_oid *oid, enum ch_mark_kind kind,
	       struct ch_err *err)
{
	if (m->before && ch_oidmap_find(m->before, oid))
		return 0;

	int rc = ch_oidmap_add(&m->seen, oid, kind);

	if (rc < 0)
		return ch_err_nomem(err);
	if (rc == 1)
		m->bytes += ch_odb_weight(m->odb, oid);
	return rc;
}

/* A small file might say where a large one is. One that only looks so keeps that one, too, which
 * does no harm. */
static int mark_large(struct ch_mark *m, const struct ch_oid *oid, struct ch_err *err)
{
	ch_auto(mem) uint8_t *text = NULL;
	struct ch_large large;
	struct ch_err unused;
	size_t len;
	int rc;

	if (!ch_odb_is_small(m->odb, oid, CH_LARGE_TEXT))
		return 0;
	rc = ch_odb_read(m->odb, oid, CH_KIND_BLOB, &text, &len, err);
	if (rc < 0 || ch_large_from_text((char *)text, len, &large, &unused) < 0)
		return rc;

	struct ch_oid name = ch_mark_large(&large);

	rc = ch_oidmap_add(&m->large, &name, 0);
	if (rc < 0)
		return ch_err_nomem(err);
	if (rc == 1)
		m->bytes += large.size;
	return 0;
}

static int mark_file(struct ch_mark *m, const struct ch_oid *oid, struct ch_err *err)
{
	int rc = see(m, oid, CH_MARK_FILE, err);

	return rc == 1 ? mark_large(m, oid, err) : rc;
}

static int mark_tree(struct ch_mark *m, const struct ch_oid *oid, unsigned depth,
		     struct ch_err *err);

static int mark_entry(struct ch_mark *m, const struct ch_gittree_entry *entry, unsigned depth,
		      struct ch_err *err)
{
	if (entry->mode == CH_MODE_TREE)
		return mark_tree(m, &entry->oid, depth + 1, err);
	/* At the top is the configuration. */
	if (depth == 0 || strcmp(entry->name, CH_NAME_META) == 0) {
		int rc = see(m, &entry->oid, CH_MARK_OTHER, err);

		return rc < 0 ? rc : 0;
	}
	return mark_file(m, &entry->oid, err);
}

static int mark_tree(struct ch_mark *m, const struct ch_oid *oid, unsigned depth,
		     struct ch_err *err)
{
	ch_auto(mem) uint8_t *data = NULL;
	struct ch_gittree_entry entry;
	size_t len;
	int rc = see(m, oid, CH_MARK_TREE, err);

	if (rc != 1)
		return rc;
	if (depth > CH_NODE_DEPTH_MAX + 1)
		return ch_err_set(err, -EBADMSG, "directories are nested too deep");
	rc = ch_odb_read(m->odb, oid, CH_KIND_TREE, &data, &len, err);
	for (const uint8_t *at = data; rc == 0 && len > 0;) {
		if (ch_gittree_entry_next(&at, &len, &entry) != 1)
			return ch_err_set(err, -EBADMSG, "a tree is damaged");
		rc = mark_entry(m, &entry, depth, err);
	}
	return rc;
}

int ch_mark_commit(struct ch_mark *m, const struct ch_oid *oid, struct ch_err *err)
{
	struct ch_oid at = *oid;
	int rc;

	while ((rc = see(m, &at, CH_MARK_COMMIT, err)) == 1) {
		ch_auto(commit) struct ch_commit commit = { 0 };

		rc = ch_commit_read(m->odb, &at, &commit, err);
		if (rc == 0)
			rc = mark_tree(m, &commit.tree, 0, err);
		if (rc < 0 || !commit.has_parent)
			return rc;
		at = commit.parent;
	}
	return rc;
}

void ch_mark_done(struct ch_mark *m)
{
	ch_oidmap_done(&m->seen);
	ch_oidmap_done(&m->large);
}
