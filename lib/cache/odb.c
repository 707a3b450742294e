/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/odb.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "cache/git.h"

int ch_odb_open(int repo, struct ch_odb *ret_odb, struct ch_err *err)
{
	ch_auto(fd) int dir = openat(repo, "objects/pack",
				     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (dir < 0)
		return ch_err_sys(err, "'objects/pack'");
	*ret_odb = (struct ch_odb){ .repo = repo, .dir = ch_take_fd(&dir) };
	pthread_mutex_init(&ret_odb->lock, NULL);

	int rc = ch_odb_refresh(ret_odb, err);

	if (rc < 0)
		ch_odb_close(ret_odb);
	return rc;
}

static void forget(struct ch_odb *odb)
{
	for (size_t i = 0; i < odb->n; i++)
		ch_pack_close(odb->packs[i]);
	free(odb->packs);
	odb->packs = NULL;
	odb->n = 0;
	ch_git_close(odb->git);
	odb->git = NULL;
}

void ch_odb_close(struct ch_odb *odb)
{
	forget(odb);
	ch_close(&odb->dir);
	pthread_mutex_destroy(&odb->lock);
}

static int add(struct ch_odb *odb, const char *name, struct ch_err *err)
{
	ch_auto(pack) struct ch_pack *pack = NULL;
	int rc = ch_pack_open(odb->dir, name, &pack, err);

	/* Gone, or not there yet. */
	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return rc;

	struct ch_pack **more = reallocarray(odb->packs, odb->n + 1, sizeof(struct ch_pack *));

	if (!more)
		return ch_err_nomem(err);
	odb->packs = more;
	odb->packs[odb->n++] = ch_take(pack);
	return 0;
}

static bool is_index(const char *name)
{
	size_t len = strlen(name);

	return len > 9 && strncmp(name, "pack-", 5) == 0 && strcmp(name + len - 4, ".idx") == 0;
}

int ch_odb_refresh(struct ch_odb *odb, struct ch_err *err)
{
	ch_auto(fd) int copy = openat(odb->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ch_auto(dir) DIR *dir = copy < 0 ? NULL : fdopendir(copy);

	if (!dir)
		return ch_err_sys(err, "read 'objects/pack'");
	ch_take_fd(&copy);
	forget(odb);
	for (struct dirent *entry; (entry = readdir(dir));) {
		int rc = is_index(entry->d_name) ? add(odb, entry->d_name, err) : 0;

		if (rc < 0)
			return rc;
	}
	return 0;
}

static struct ch_pack *find(const struct ch_odb *odb, const struct ch_oid *oid,
			    uint64_t *ret_offset)
{
	for (size_t i = odb->n; i-- > 0;)
		if (ch_pack_find(odb->packs[i], oid, ret_offset))
			return odb->packs[i];
	return NULL;
}

bool ch_odb_has(const struct ch_odb *odb, const struct ch_oid *oid)
{
	uint64_t offset;

	return find(odb, oid, &offset) != NULL;
}

uint64_t ch_odb_size(const struct ch_odb *odb, const struct ch_oid *oid)
{
	uint64_t offset;
	const struct ch_pack *pack = find(odb, oid, &offset);
	struct ch_entry entry = { 0 };
	struct ch_err unused;

	if (!pack || ch_pack_entry(pack, offset, &entry, &unused) < 0)
		return 0;
	return entry.size;
}

uint64_t ch_odb_weight(const struct ch_odb *odb, const struct ch_oid *oid)
{
	uint64_t offset;
	struct ch_pack *pack = find(odb, oid, &offset);

	return pack ? ch_pack_room(pack, offset) : 0;
}

bool ch_odb_is_small(const struct ch_odb *odb, const struct ch_oid *oid, uint64_t max)
{
	return ch_odb_size(odb, oid) < max;
}

static int git_of(struct ch_odb *odb, struct ch_git **ret_git, struct ch_err *err)
{
	int rc = 0;

	pthread_mutex_lock(&odb->lock);
	if (!odb->git)
		rc = ch_git_open(odb->repo, &odb->git, err);
	*ret_git = odb->git;
	pthread_mutex_unlock(&odb->lock);
	return rc;
}

static int wrong_kind(const struct ch_oid *oid, struct ch_err *err)
{
	char hex[CH_OID_HEX];

	return ch_err_set(err, -EBADMSG, "object %s is not of the kind expected",
			  ch_oid_hex(oid, hex));
}

/* What is loose, or made from other objects, is for libgit2. */
static int stream_by_git(struct ch_odb *odb, const struct ch_oid *oid, enum ch_kind kind,
			 ch_pack_sink *sink, void *to, struct ch_err *err)
{
	ch_auto(mem) uint8_t *data = NULL;
	struct ch_git *git;
	enum ch_kind is = kind;
	size_t len = 0;
	int rc = git_of(odb, &git, err);

	if (rc == 0)
		rc = ch_git_read(git, oid, SIZE_MAX / 2, &is, &data, &len, err);
	if (rc < 0)
		return rc;
	if (is != kind)
		return wrong_kind(oid, err);
	return len ? sink(data, len, to, err) : 0;
}

int ch_odb_stream(struct ch_odb *odb, const struct ch_oid *oid, enum ch_kind kind,
		  ch_pack_sink *sink, void *to, struct ch_err *err)
{
	uint64_t offset;
	const struct ch_pack *pack = find(odb, oid, &offset);
	struct ch_entry entry = { 0 };
	int rc = pack ? ch_pack_entry(pack, offset, &entry, err) : 0;

	if (rc < 0)
		return rc;
	if (!pack || entry.kind == CH_KIND_OFFSET_DELTA || entry.kind == CH_KIND_NAME_DELTA)
		return stream_by_git(odb, oid, kind, sink, to, err);
	if (entry.kind != kind)
		return wrong_kind(oid, err);
	return ch_pack_unpack(&entry, sink, to, err);
}

struct memory {
	uint8_t *data;
	size_t len, cap;
};

static int to_memory(const void *data, size_t len, void *to, struct ch_err *err)
{
	struct memory *m = to;

	if (len > CH_ODB_MAX - m->len)
		return ch_err_set(err, -EBADMSG, "an object is too big");
	if (m->len + len + 1 > m->cap) {
		size_t cap = 2 * m->cap > m->len + len + 1 ? 2 * m->cap : m->len + len + 1;
		uint8_t *more = realloc(m->data, cap);

		if (!more)
			return ch_err_nomem(err);
		m->data = more;
		m->cap = cap;
	}
	memcpy(m->data + m->len, data, len);
	m->len += len;
	return 0;
}

int ch_odb_read(struct ch_odb *odb, const struct ch_oid *oid, enum ch_kind kind, uint8_t **ret_data,
		size_t *ret_len, struct ch_err *err)
{
	struct memory m = { .data = malloc(1), .cap = 1 };
	int rc = m.data ? ch_odb_stream(odb, oid, kind, to_memory, &m, err) : ch_err_nomem(err);

	if (rc < 0) {
		free(m.data);
		return rc;
	}
	m.data[m.len] = '\0';
	*ret_data = m.data;
	*ret_len = m.len;
	return 0;
}
