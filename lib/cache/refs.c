/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/refs.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/analyser.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "cache/repo.h"
#include "cache/temp.h"
#include "sys/write.h"

#define PACKED	   "packed-refs"
#define PACKED_MAX (256 << 20)
#define REF_MAX	   400
#define DEPTH_MAX  8
#define OPEN_DIR   (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* ---- packed-refs ---- */

/* The whole file, or "" if there is none. ret_text: malloc'ed. */
static int read_packed(struct ch_cache *cache, char **ret_text, struct ch_err *err)
{
	ch_auto(fd) int fd = openat(cache->dir, PACKED, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st = { 0 };
	size_t len = 0;

	if (fd < 0 && errno != ENOENT)
		return ch_err_sys(err, "'%s'", PACKED);
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_size > PACKED_MAX)
		return ch_err_set(err, -EBADMSG, "'%s' is too big", PACKED);

	ch_auto(str) char *text = malloc((size_t)st.st_size + 1);

	if (!text)
		return ch_err_nomem(err);
	while (fd >= 0 && len < (size_t)st.st_size) {
		ssize_t n = read(fd, text + len, (size_t)st.st_size - len);

		if (n < 0 && errno != EINTR)
			return ch_err_sys(err, "'%s'", PACKED);
		if (n == 0)
			break;
		len += n > 0 ? (size_t)n : 0;
	}
	text[len] = '\0';
	*ret_text = ch_take(text);
	return 0;
}

struct line {
	const char *start, *end; /* with its newline */
	struct ch_oid commit;
	const char *name;
	size_t name_len;
	bool is_ref; /* not a comment, or what a tag leads to */
};

static bool next_line(const char **at, struct line *ret_line)
{
	const char *p = *at, *nl = strchr(p, '\n');
	struct line line = { .start = p, .end = nl ? nl + 1 : p + strlen(p) };
	size_t len = (size_t)(line.end - p) - (nl != NULL);

	if (!*p)
		return false;
	line.is_ref = len > CH_OID_HEX && p[CH_OID_HEX - 1] == ' ' &&
		      ch_oid_unhex(p, line.commit.bytes, CH_OID_BYTES);
	line.name = p + CH_OID_HEX;
	line.name_len = line.is_ref ? len - CH_OID_HEX : 0;
	*at = line.end;
	*ret_line = line;
	return true;
}

static bool is_named(const struct line *line, const char *ref)
{
	return line->is_ref && line->name_len == strlen(ref) &&
	       memcmp(line->name, ref, line->name_len) == 0;
}

static int get_packed(struct ch_cache *cache, const char *ref, struct ch_oid *ret_commit,
		      struct ch_err *err)
{
	ch_auto(str) char *text = NULL;
	int rc = faccessat(cache->dir, PACKED, F_OK, 0) < 0 ? 1 : read_packed(cache, &text, err);
	const char *at = text;
	struct line line;

	if (rc != 0)
		return rc < 0 ? rc : 0;
	while (next_line(&at, &line))
		if (is_named(&line, ref)) {
			*ret_commit = line.commit;
			return 1;
		}
	return 0;
}

/* With Git's own lock file, in case git(1) is at work. */
static int replace_packed(struct ch_cache *cache, const struct ch_buf *text, struct ch_err *err)
{
	ch_auto(fd) int fd = openat(cache->dir, PACKED ".lock",
				    O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);

	if (fd < 0 && errno == EEXIST)
		return ch_err_set(err, -EBUSY,
				  "'%s.lock' is there: remove it if no git is "
				  "running",
				  PACKED);
	if (fd < 0)
		return ch_err_sys(err, "'%s.lock'", PACKED);

	int rc = ch_write_all(fd, text->data, text->len);

	if (rc == 0 &&
	    (fdatasync(fd) < 0 || renameat(cache->dir, PACKED ".lock", cache->dir, PACKED) < 0))
		rc = -errno;
	if (rc < 0) {
		unlinkat(cache->dir, PACKED ".lock", 0);
		return ch_err_rc(err, rc, "write '%s'", PACKED);
	}
	return 0;
}

static int remove_packed(struct ch_cache *cache, const char *ref, struct ch_err *err)
{
	ch_auto(str) char *text = NULL;
	ch_auto(buf) struct ch_buf rest = CH_BUF_INIT(PACKED_MAX);
	struct ch_oid commit;
	int rc = get_packed(cache, ref, &commit, err);

	if (rc == 1)
		rc = read_packed(cache, &text, err);
	if (rc < 0 || !text)
		return rc;

	const char *at = text;
	struct line line;
	bool gone = false;

	while (next_line(&at, &line)) {
		/* "^..." belongs to the line before. */
		gone = is_named(&line, ref) || (gone && line.start[0] == '^');
		if (!gone)
			ch_buf_add(&rest, line.start, (size_t)(line.end - line.start));
	}
	if (ch_buf_bad(&rest))
		return ch_err_nomem(err);
	return replace_packed(cache, &rest, err);
}

/* ---- one ---- */

/* Returns 1, or 0: it is not there, or not a commit's. */
static int read_loose(int dir, const char *ref, struct ch_oid *ret_commit, int64_t *ret_used)
{
	ch_auto(fd) int fd = openat(dir, ref, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char hex[CH_OID_HEX];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || read(fd, hex, sizeof(hex)) < CH_OID_HEX - 1 ||
	    !ch_oid_unhex(hex, ret_commit->bytes, CH_OID_BYTES))
		return 0;
	*ret_used = st.st_mtim.tv_sec;
	return 1;
}

int ch_refs_get(struct ch_cache *cache, const char *ref, struct ch_oid *ret_commit,
		struct ch_err *err)
{
	int64_t used;

	if (read_loose(cache->dir, ref, ret_commit, &used))
		return 1;
	return get_packed(cache, ref, ret_commit, err);
}

void ch_refs_touch(struct ch_cache *cache, const char *ref)
{
	/* A packed one is as old as its file. */
	(void)utimensat(cache->dir, ref, NULL, AT_SYMLINK_NOFOLLOW);
}

/* One writer at a time. Returns a descriptor that holds the lock. */
static int lock(struct ch_cache *cache, struct ch_err *err)
{
	ch_auto(fd) int fd = openat(cache->dir, CH_REPO_OURS "/refs.lock",
				    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);

	if (fd < 0)
		return ch_err_sys(err, "lock the branches");
	if (ch_repo_flock(cache, fd, LOCK_EX, "somebody changes branches of the build cache", err) <
	    0)
		return err->code;
	return ch_take_fd(&fd);
}

/* Make the directories that REF is in. */
static int make_dirs(struct ch_cache *cache, const char *ref, struct ch_err *err)
{
	char path[REF_MAX];

	for (const char *slash = strchr(ref, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(path, sizeof(path), "%.*s", (int)(slash - ref), ref);
		if (mkdirat(cache->dir, path, 0777) < 0 && errno != EEXIST)
			return ch_err_sys(err, "make '%s'", path);
	}
	return 0;
}

int ch_refs_set(struct ch_cache *cache, const char *ref, const struct ch_oid *commit,
		struct ch_err *err)
{
	ch_auto(fd) int held = lock(cache, err);
	char line[CH_OID_HEX + 1];

	if (held < 0)
		return held;
	snprintf(line, sizeof(line), "%s\n", ch_oid_hex(commit, (char[CH_OID_HEX]){ 0 }));

	int rc = make_dirs(cache, ref, err);

	if (rc == 0)
		rc = ch_temp_replace(cache->temp, "tmp_ref_", cache->dir, ref, line, CH_OID_HEX,
				     err);
	return rc;
}

int ch_refs_remove(struct ch_cache *cache, const char *ref, struct ch_err *err)
{
	ch_auto(fd) int held = lock(cache, err);

	if (held < 0)
		return held;
	/* The packed one is older, and would come to light. */
	int rc = remove_packed(cache, ref, err);

	if (rc == 0 && unlinkat(cache->dir, ref, 0) < 0 && errno != ENOENT)
		rc = ch_err_sys(err, "remove '%s'", ref);
	return rc;
}

/* ---- all ---- */

CH_MOVES_BEGIN
static int add(struct ch_refs *refs, const char *name, size_t len, const struct ch_oid *commit,
	       int64_t used, struct ch_err *err)
{
	if (refs->n == refs->cap) {
		size_t cap = refs->cap ? 2 * refs->cap : 64;
		struct ch_refs_entry *more = reallocarray(refs->list, cap, sizeof(*more));

		if (!more)
			return ch_err_nomem(err);
		refs->list = more;
		refs->cap = cap;
	}

	char *copy = strndup(name, len);

	if (!copy)
		return ch_err_nomem(err);
	refs->list[refs->n++] = (struct ch_refs_entry){ copy, *commit, used };
	return 0;
}
CH_MOVES_END

static int list_loose(struct ch_cache *cache, const char *dir, unsigned depth, struct ch_refs *refs,
		      struct ch_err *err)
{
	ch_auto(fd) int fd = openat(cache->dir, dir, OPEN_DIR);
	ch_auto(dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	int rc = 0;

	if (!d)
		return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
			       ? 0
			       : ch_err_sys(err, "'%s'", dir);
	ch_take_fd(&fd);
	for (struct dirent *entry; rc == 0 && (entry = readdir(d));) {
		char path[REF_MAX];
		struct ch_oid commit;
		int64_t used;
		int len = snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);

		if (entry->d_name[0] == '.' || len >= (int)sizeof(path))
			continue;
		if (read_loose(cache->dir, path, &commit, &used))
			rc = add(refs, path, (size_t)len, &commit, used, err);
		else if (depth < DEPTH_MAX)
			rc = list_loose(cache, path, depth + 1, refs, err);
	}
	return rc;
}

static int by_name(const void *a, const void *b)
{
	const struct ch_refs_entry *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static bool has(const struct ch_refs *refs, size_t n, const char *name, size_t len)
{
	ch_auto(str) char *copy = strndup(name, len);
	struct ch_refs_entry key = { .name = copy };

	return copy && n && bsearch(&key, refs->list, n, sizeof(key), by_name);
}

/* Those that are not loose as well. */
static int list_packed(struct ch_cache *cache, const char *prefix, struct ch_refs *refs,
		       struct ch_err *err)
{
	ch_auto(str) char *text = NULL;
	size_t loose = refs->n, len = strlen(prefix);
	struct line line;
	struct stat st;

	if (fstatat(cache->dir, PACKED, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;

	int rc = read_packed(cache, &text, err);

	for (const char *at = text; rc == 0 && next_line(&at, &line);)
		if (line.is_ref && line.name_len > len && line.name[len] == '/' &&
		    memcmp(line.name, prefix, len) == 0 && line.name_len < REF_MAX &&
		    !has(refs, loose, line.name, line.name_len))
			rc = add(refs, line.name, line.name_len, &line.commit, st.st_mtim.tv_sec,
				 err);
	return rc;
}

static void sort(struct ch_refs *refs)
{
	if (refs->n)
		qsort(refs->list, refs->n, sizeof(*refs->list), by_name);
}

int ch_refs_list(struct ch_cache *cache, const char *prefix, struct ch_refs *ret_refs,
		 struct ch_err *err)
{
	struct ch_refs refs = { 0 };
	int rc = list_loose(cache, prefix, 0, &refs, err);

	sort(&refs);
	if (rc == 0)
		rc = list_packed(cache, prefix, &refs, err);
	if (rc < 0) {
		ch_refs_done(&refs);
		return rc;
	}
	sort(&refs);
	*ret_refs = refs;
	return 0;
}

void ch_refs_done(struct ch_refs *refs)
{
	for (size_t i = 0; i < refs->n; i++)
		free(refs->list[i].name);
	free(refs->list);
	*refs = (struct ch_refs){ 0 };
}
