/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/commit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/analyser.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "cache/blobs.h"
#include "cache/files.h"
#include "cache/odb.h"
#include "cache/press.h"
#include "cache/refs.h"
#include "cache/repo.h"
#include "cache/statfile.h"
#include "cache/walk.h"
#include "cache/write.h"
#include "hash/hash.h"

#define CONFIG	"config"
#define FILES	"root"
#define AUTHOR	"ch-image <ch-image@localhost>"
#define TRAILER "\n\nState: "

/* ---- states ---- */

static void hash_number(struct ch_hash *hash, uint64_t number)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(number >> 8 * i);
	ch_hash_more(hash, bytes, sizeof(bytes));
}

int ch_cache_state_make(const struct ch_cache_state *parent, const struct ch_cache_part *parts,
			size_t n, struct ch_cache_state *ret_state, struct ch_err *err)
{
	static const struct ch_cache_state none;
	ch_auto(hash) struct ch_hash hash = { 0 };
	int rc = ch_hash_start(&hash, CH_SHA256, err);

	if (rc < 0)
		return rc;
	ch_hash_more(&hash, parent ? parent : &none, sizeof(none));
	for (size_t i = 0; i < n; i++) {
		hash_number(&hash, parts[i].len);
		ch_hash_more(&hash, parts[i].data, parts[i].len);
	}
	ch_hash_end(&hash, ret_state->bytes);
	return 0;
}

void ch_state_ref(const struct ch_cache_state *state, char ret[CH_STATE_REF_MAX])
{
	char hex[CH_SHA256_HEX];

	ch_hash_hex(state->bytes, CH_CACHE_STATE_BYTES, hex);
	snprintf(ret, CH_STATE_REF_MAX, CH_REFS_STATES "/%.2s/%s", hex, hex + 2);
}

int ch_cache_lookup(struct ch_cache *cache, const struct ch_cache_state *state,
		    struct ch_oid *ret_commit, struct ch_err *err)
{
	char ref[CH_STATE_REF_MAX];
	struct ch_oid commit;
	int rc = ch_repo_need(cache, false, err);

	ch_state_ref(state, ref);
	if (rc == 1)
		rc = ch_refs_get(cache, ref, &commit, err);
	if (rc == 1)
		rc = ch_repo_need_commit(cache, &commit, err);
	if (rc <= 0)
		return ch_repo_said(rc, err);

	/* A ref may outlive its commit: power loss, or git(1). */
	ch_auto(commit) struct ch_commit read = { 0 };

	rc = ch_commit_read(&cache->odb, &commit, &read, err);
	if (rc == -ENOENT || rc == -EBADMSG)
		return 0;
	if (rc < 0)
		return ch_repo_said(rc, err);
	ch_refs_touch(cache, ref);
	*ret_commit = commit;
	return 1;
}

/* ---- read ---- */

static int damaged(struct ch_err *err)
{
	return ch_err_set(err, -EBADMSG, "a commit is damaged");
}

/* Take "KEY HEX\n" off *AT, if it is there. */
static bool take_oid(const char **at, const char *key, struct ch_oid *ret_oid)
{
	size_t len = strlen(key);

	if (strncmp(*at, key, len) != 0 || strlen(*at) < len + CH_OID_HEX ||
	    !ch_oid_unhex(*at + len, ret_oid->bytes, CH_OID_BYTES) ||
	    (*at)[len + CH_OID_HEX - 1] != '\n')
		return false;
	*at += len + CH_OID_HEX;
	return true;
}

/* The time of "committer NAME <ADDRESS> SECONDS ZONE". */
static int64_t take_time(const char *header, const char *end)
{
	const char *line = strstr(header, "\ncommitter ");
	const char *close = line && line < end ? strstr(line, "> ") : NULL;

	return close && close < end ? strtoll(close + 2, NULL, 10) : 0;
}

CH_MOVES_BEGIN
int ch_commit_parse(const char *text, size_t len, struct ch_commit *ret_commit, struct ch_err *err)
{
	struct ch_commit commit = { 0 };
	const char *at = text, *body, *trailer = NULL;

	if (strlen(text) != len || !take_oid(&at, "tree ", &commit.tree))
		return damaged(err);
	commit.has_parent = take_oid(&at, "parent ", &commit.parent);
	body = strstr(at - 1, "\n\n");
	if (!body)
		return damaged(err);
	commit.time = take_time(at - 1, body);
	for (const char *p = body; (p = strstr(p, TRAILER)); p++)
		trailer = p;
	if (!trailer || strlen(trailer + strlen(TRAILER)) < 2UL * CH_CACHE_STATE_BYTES ||
	    !ch_oid_unhex(trailer + strlen(TRAILER), commit.state.bytes, CH_CACHE_STATE_BYTES))
		return damaged(err);
	body += 2;
	commit.message = strndup(body, trailer > body ? (size_t)(trailer - body) : 0);
	if (!commit.message)
		return ch_err_nomem(err);
	*ret_commit = commit;
	return 0;
}
CH_MOVES_END

void ch_commit_done(struct ch_commit *commit)
{
	free(commit->message);
	*commit = (struct ch_commit){ 0 };
}

int ch_commit_read(struct ch_odb *odb, const struct ch_oid *oid, struct ch_commit *ret_commit,
		   struct ch_err *err)
{
	ch_auto(mem) uint8_t *text = NULL;
	char hex[CH_OID_HEX];
	size_t len;
	int rc = ch_odb_read(odb, oid, CH_KIND_COMMIT, &text, &len, err);

	if (rc == 0)
		rc = ch_commit_parse((char *)text, len, ret_commit, err);
	return rc < 0 ? ch_err_in(err, "commit %s", ch_oid_hex(oid, hex)) : 0;
}

int ch_commit_parts(struct ch_odb *odb, const struct ch_oid *tree,
		    struct ch_commit_parts *ret_parts, struct ch_err *err)
{
	ch_auto(mem) uint8_t *data = NULL;
	struct ch_gittree_entry entry;
	unsigned found = 0;
	size_t len;
	int rc = ch_odb_read(odb, tree, CH_KIND_TREE, &data, &len, err);

	if (rc < 0)
		return rc;
	for (const uint8_t *at = data; ch_gittree_entry_next(&at, &len, &entry) == 1;) {
		if (strcmp(entry.name, CONFIG) == 0 && entry.mode == CH_MODE_FILE) {
			ret_parts->config = entry.oid;
			found |= 1;
		} else if (strcmp(entry.name, FILES) == 0 && entry.mode == CH_MODE_TREE) {
			ret_parts->files = entry.oid;
			found |= 2;
		}
	}
	return found == 3 ? 0 : damaged(err);
}

int ch_cache_read(struct ch_cache *cache, const struct ch_oid *oid, struct ch_cache_info *ret_info,
		  struct ch_err *err)
{
	ch_auto(commit) struct ch_commit commit = { 0 };
	ch_auto(mem) uint8_t *config = NULL;
	struct ch_commit_parts parts;
	size_t len;
	int rc = ch_repo_need_commit(cache, oid, err);

	if (rc == 0)
		return ch_err_set(err, -ENOENT, "there is no build cache");
	if (rc == 1)
		rc = ch_commit_read(&cache->odb, oid, &commit, err);
	if (rc == 0)
		rc = ch_commit_parts(&cache->odb, &commit.tree, &parts, err);
	if (rc == 0)
		rc = ch_odb_read(&cache->odb, &parts.config, CH_KIND_BLOB, &config, &len, err);
	if (rc < 0)
		return ch_repo_said(rc, err);
	*ret_info = (struct ch_cache_info){
		.message = ch_take(commit.message),
		.config = (char *)ch_take(config),
		.has_parent = commit.has_parent,
		.parent = commit.parent,
		.state = commit.state,
		.time = commit.time,
	};
	return 0;
}

void ch_cache_info_done(struct ch_cache_info *info)
{
	free(info->message);
	free(info->config);
	*info = (struct ch_cache_info){ 0 };
}

/* ---- write ---- */

/* A commit in the making. */
struct making {
	struct ch_cache *cache;
	const struct ch_cache_new *what;
	struct ch_writer *writer;
	struct ch_press press;
	struct ch_gittree tree; /* the image's */
	struct ch_statfile statfile;
	struct ch_cache_report report;
};

/* What an image has before there is one. */
static int put_nothing(struct making *m, struct ch_oid *ret_files, struct ch_err *err)
{
	m->tree.root = (struct ch_node){ .name = "", .mode = S_IFDIR | 0755 };
	return ch_files_write(m->writer, &m->press, &m->tree, ret_files, err);
}

static int put_parents(struct making *m, struct ch_oid *ret_files, struct ch_err *err)
{
	ch_auto(commit) struct ch_commit commit = { 0 };
	struct ch_commit_parts parts = { 0 };
	int rc = ch_commit_read(&m->cache->odb, m->what->parent, &commit, err);

	if (rc == 0)
		rc = ch_commit_parts(&m->cache->odb, &commit.tree, &parts, err);
	*ret_files = parts.files;
	return rc;
}

static int put_image(struct making *m, struct ch_oid *ret_files, struct ch_err *err)
{
	ch_auto(gittree) struct ch_gittree old = { 0 };
	struct ch_opened opened = { 0 };
	int root = m->what->image->root;
	int rc = ch_statfile_begin(m->what->image, &m->statfile, err);

	if (rc < 0)
		return rc;
	ch_statfile_read(m->what->image, m->cache->generation, &old);
	rc = ch_walk(root, &old, false, &m->tree, &opened, &m->report, err);
	if (rc == 0)
		rc = ch_blobs_store(m->cache, m->writer, m->what->image, &m->tree, &m->report, err);
	ch_walk_restore(root, &opened, rc == 0 ? &m->tree : NULL);
	return rc == 0 ? ch_files_write(m->writer, &m->press, &m->tree, ret_files, err) : rc;
}

static int put_top(struct making *m, const struct ch_oid *files, struct ch_oid *ret_tree,
		   struct ch_err *err)
{
	ch_auto(buf) struct ch_buf tree = CH_BUF_INIT(1024);
	struct ch_gittree_entry config = { CH_MODE_FILE, CONFIG, { { 0 } } };
	struct ch_gittree_entry root = { CH_MODE_TREE, FILES, *files };
	int rc = ch_writer_put(m->writer, &m->press, CH_KIND_BLOB, m->what->config,
			       strlen(m->what->config), &config.oid, err);

	if (rc < 0)
		return rc;
	ch_gittree_entry_add(&tree, &config);
	ch_gittree_entry_add(&tree, &root);
	if (ch_buf_bad(&tree))
		return ch_err_nomem(err);
	return ch_writer_put(m->writer, &m->press, CH_KIND_TREE, tree.data, tree.len, ret_tree,
			     err);
}

static int put_commit(struct making *m, const struct ch_oid *tree, struct ch_oid *ret_commit,
		      struct ch_err *err)
{
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(CH_MESSAGE_MAX + 1024);
	long long now = time(NULL);
	char hex[CH_SHA256_HEX];

	ch_buf_addf(&text, "tree %s\n", ch_oid_hex(tree, hex));
	if (m->what->parent)
		ch_buf_addf(&text, "parent %s\n", ch_oid_hex(m->what->parent, hex));
	ch_buf_addf(&text, "author " AUTHOR " %lld +0000\ncommitter " AUTHOR " %lld +0000\n\n", now,
		    now);
	ch_hash_hex(m->what->state->bytes, CH_CACHE_STATE_BYTES, hex);
	ch_buf_adds(&text, m->what->message);
	ch_buf_addf(&text, TRAILER "%s\n", hex);
	if (ch_buf_bad(&text))
		return ch_err_nomem(err);
	return ch_writer_put(m->writer, &m->press, CH_KIND_COMMIT, text.data, text.len, ret_commit,
			     err);
}

static int make(struct making *m, struct ch_oid *ret_commit, struct ch_err *err)
{
	struct ch_oid files, tree;
	int rc;

	if (m->what->image)
		rc = put_image(m, &files, err);
	else if (m->what->parent)
		rc = put_parents(m, &files, err);
	else
		rc = put_nothing(m, &files, err);
	if (rc == 0)
		rc = put_top(m, &files, &tree, err);
	if (rc == 0)
		rc = put_commit(m, &tree, ret_commit, err);
	return rc == 0 ? ch_writer_finish(m->writer, err) : rc;
}

static int check_new(const struct ch_cache_new *what, struct ch_err *err)
{
	if (strlen(what->message) > CH_MESSAGE_MAX)
		return ch_err_set(err, -E2BIG, "the instruction is too long");
	if (strlen(what->config) > CH_CONFIG_MAX)
		return ch_err_set(err, -E2BIG, "the configuration is too long");
	return 0;
}

/* The commit is there: let it be found. */
static int publish(struct making *m, const struct ch_oid *commit, struct ch_err *err)
{
	char ref[CH_STATE_REF_MAX];
	int rc = ch_odb_refresh(&m->cache->odb, err);

	ch_state_ref(m->what->state, ref);
	if (rc == 0)
		rc = ch_refs_set(m->cache, ref, commit, err);
	if (rc == 0 && m->what->image)
		rc = ch_statfile_end(&m->statfile, m->cache->generation, &m->tree, err);
	return rc;
}

int ch_cache_commit(struct ch_cache *cache, const struct ch_cache_new *what,
		    struct ch_oid *ret_commit, struct ch_cache_report *ret_report,
		    struct ch_err *err)
{
	ch_auto(writer) struct ch_writer writer = { .fd = -1 };
	struct making m = { .cache = cache, .what = what, .writer = &writer };
	struct ch_oid commit;
	int rc = check_new(what, err);

	if (rc == 0)
		rc = what->parent ? ch_repo_need_commit(cache, what->parent, err)
				  : ch_repo_need_objects(cache, true, err);
	if (rc == 0)
		return ch_err_set(err, -ENOENT, "there is no build cache");
	if (rc == 1) {
		ch_repo_clean(cache);
		rc = ch_writer_begin(&cache->odb, &writer, err);
	}
	if (rc == 0)
		rc = make(&m, &commit, err);
	if (rc == 0)
		rc = publish(&m, &commit, err);
	ch_press_done(&m.press);
	ch_gittree_done(&m.tree);
	ch_statfile_abort(&m.statfile);
	if (rc < 0)
		return ch_repo_said(rc, err);
	*ret_commit = commit;
	if (ret_report)
		*ret_report = m.report;
	return 0;
}
