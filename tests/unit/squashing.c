/* SPDX-License-Identifier: Apache-2.0 */
#include "squashing.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "unit.h"

#include "base/analyser.h"
#include "fs/data.h"
#include "fs/dir.h"
#include "fs/xattr.h"

enum { PATH_ROOM = 32768, MANY_CHUNKS = 512 };

/* What is known of a file; shared by its names. */
struct known {
	struct squashing_file as;
	unsigned names;
	uint32_t number; /* of its inode, when that was seen */
};

struct squashing_name {
	char *path;
	struct known *file;
};

#define BLOCK (128 * 1024)

const struct squashing_file squashing_kinds[SQUASHING_KINDS] = {
	{ .path = "", .mode = S_IFDIR | 0750, .mtime = 1000000, .user = "root's" },
	{ .path = "bin/su", .mode = S_IFREG | 04711, .size = 10000, .capability = "\1\2\3" },
	{ .path = "bin", .mode = S_IFDIR | 01777, .mtime = 12345, .user = "late" },
	{ .path = "empty", .mtime = 1 },
	{ .path = "one", .size = 1, .seed = 1 },
	{ .path = "block", .size = BLOCK, .seed = 2 },
	{ .path = "blocks", .size = 3 * BLOCK + 7, .seed = 3, .user = "u", .capability = "c" },
	{ .path = "almost", .size = BLOCK - 1, .seed = 5 },
	{ .path = "above", .size = BLOCK + 1, .seed = 4 },
	{ .path = "zeros", .size = 2 * BLOCK + 1, .fill = FILL_NOTHING },
	{ .path = "few zeros", .size = 100, .fill = FILL_NOTHING },
	{ .path = "again", .link = "blocks" },
	{ .path = "sub/again", .link = "blocks" },
	{ .path = "link", .target = "/no/\377\1such \n thing" },
	{ .path = "sub/link2", .link = "link" },
	{ .path = "pipe", .mode = S_IFIFO | 0600, .user = "fifo" },
	{ .path = "socket", .mode = S_IFSOCK | 0777 },
	{ .path = "\1\377 name\n", .size = 5, .mtime = -5 },
	{ .path = "future", .mtime = 1LL << 40 },
	{ .path = "empty dir", .mode = S_IFDIR },
};

/* ---- the model --------------------------------------------------------------------- */

CH_MOVES_BEGIN
static struct squashing_name *find(const struct squashing *s, const char *path)
{
	for (size_t i = s->n; i-- > 0;)
		if (strcmp(s->names[i].path, path) == 0)
			return &s->names[i];
	return NULL;
}

static void forget(struct squashing_name *name)
{
	free(name->path);
	if (--name->file->names == 0)
		free(name->file);
}

/* PATH goes, and all that is below. */
static void drop(struct squashing *s, const char *path)
{
	size_t len = strlen(path), kept = 0;

	for (size_t i = 0; i < s->n; i++) {
		const char *have = s->names[i].path;

		if (strncmp(have, path, len) == 0 && (have[len] == '/' || !have[len]))
			forget(&s->names[i]);
		else
			s->names[kept++] = s->names[i];
	}
	s->n = kept;
}

static void set(struct squashing *s, const char *path, struct known *file)
{
	if (s->n == s->room) {
		s->room = s->room ? 2 * s->room : 64;
		s->names = NOT_NULL(realloc(s->names, s->room * sizeof(*s->names)));
	}
	file->names++;
	s->names[s->n].path = NOT_NULL(strdup(path));
	s->names[s->n++].file = file;
}

bool squashing_fits(const struct squashing *s, const struct squashing_file *f)
{
	const struct squashing_name *have;
	char part[PATH_ROOM];

	snprintf(part, sizeof(part), "%s", f->path);
	for (char *slash; (slash = strrchr(part, '/'));) {
		*slash = '\0';
		have = find(s, part);
		if (have && !S_ISDIR(have->file->as.mode))
			return false;
	}
	have = f->link ? find(s, f->link) : NULL;
	return !f->link || (have && !S_ISDIR(have->file->as.mode));
}

static struct known *make(const struct squashing_file *as)
{
	struct known *file = NOT_NULL(calloc(1, sizeof(*file)));

	file->as = *as;
	if (file->as.mode == 0)
		file->as.mode = as->target ? S_IFLNK | 0777 : S_IFREG | 0644;
	return file;
}

static void set_parents(struct squashing *s, const char *path)
{
	const struct squashing_file dir = { .mode = S_IFDIR | 0755 };
	char part[PATH_ROOM];

	snprintf(part, sizeof(part), "%s", path);
	for (char *slash; (slash = strrchr(part, '/'));) {
		*slash = '\0';
		if (find(s, part))
			return;
		set(s, part, make(&dir));
	}
}

static void model(struct squashing *s, const struct squashing_file *as)
{
	struct squashing_name *have = find(s, as->path);
	struct known *file = as->link ? NOT_NULL(find(s, as->link))->file : make(as);

	set_parents(s, as->path);
	have = find(s, as->path);
	if (have && file == have->file)
		return;
	if (have && S_ISDIR(file->as.mode) && S_ISDIR(have->file->as.mode)) {
		have->file->as = file->as;
		free(file);
		return;
	}
	file->names++; /* it may have no name for a moment */
	if (have)
		drop(s, as->path);
	set(s, as->path, file);
	file->names--;
}
CH_MOVES_END

/* ---- contents ---------------------------------------------------------------------- */

static bool is_hole(const struct squashing_file *f, uint64_t chunk)
{
	switch (f->fill) {
	case FILL_SOME:
		return (f->seed + chunk * chunk / 3) % 5 < 3;
	case FILL_EDGES:
		return chunk > 0 && chunk < (f->size - 1) / CHUNK;
	case FILL_NOTHING:
		return true;
	default:
		return false;
	}
}

static void fill(const struct squashing_file *f, uint64_t chunk, uint8_t *to)
{
	uint32_t state = f->seed * 2654435761U + (uint32_t)chunk + 1;

	memset(to, 0, CHUNK);
	for (size_t i = 0; i < CHUNK && !is_hole(f, chunk); i++) {
		if (f->seed % 2 || i % 64 == 0)
			state = state * 1664525 + 1013904223;
		to[i] = (uint8_t)(state >> 24);
	}
}

/* Runs of chunks in pieces, some of which end in the midst of a chunk. */
static int give(struct squashing *s, const struct squashing_file *f)
{
	uint8_t *buf = NOT_NULL(malloc(s->piece + CHUNK));
	size_t have = 0;
	uint64_t chunks = f->fill == FILL_NOTHING ? 0 : (f->size + CHUNK - 1) / CHUNK, at = 0;
	int rc = 0;

	for (uint64_t i = 0; i < chunks && rc == 0; i++) {
		bool is_last = i + 1 == chunks;
		size_t n = is_last ? (size_t)(f->size - i * CHUNK) : CHUNK;

		if (is_hole(f, i)) {
			if (f->fill == FILL_EDGES)
				i = chunks - 2;
			at = (i + 1) * CHUNK;
			continue;
		}
		fill(f, i, buf + have);
		have += n;
		while (rc == 0 && have > 0 && (have >= s->piece || is_last || is_hole(f, i + 1))) {
			n = have < s->piece ? have : s->piece;
			rc = s->sink->data(s->sink, at, buf, n, &s->err);
			memmove(buf, buf + n, have - n);
			have -= n;
			at += n;
		}
	}
	free(buf);
	return rc;
}

/* ---- the image --------------------------------------------------------------------- */

void squashing_begin(struct squashing *s)
{
	if (s->piece == 0)
		s->piece = CHUNK;
	s->fd = memfd_create("image", MFD_CLOEXEC);
	assert_true(s->fd >= 0);
	if (ch_squash_writer_new(s->fd, &s->how, &s->writer, &s->err) < 0)
		fail_msg("%s", s->err.msg);
	s->sink = ch_squash_writer_sink(s->writer);
}

void squashing_done(struct squashing *s)
{
	ch_reader_free(s->reader);
	ch_data_free(s->data);
	ch_squash_done(&s->image);
	ch_squash_writer_free(s->writer);
	for (size_t i = 0; i < s->n; i++)
		forget(&s->names[i]);
	free(s->names);
	close(s->fd);
}

int squashing_add(struct squashing *s, const struct squashing_file *f)
{
	struct ch_entry_xattr xattrs[3] = { { .name = "system.posix_acl_access", .value = "no" } };
	struct known *as = make(f);
	struct ch_entry entry = {
		.path = f->path,
		.link = f->link,
		.target = f->target,
		.mode = as->as.mode,
		.mtime.tv_sec = f->mtime,
		.size = f->size,
		.xattrs = xattrs,
		.n_xattrs = 1,
	};
	int rc;

	free(as);
	if (f->user)
		xattrs[entry.n_xattrs++] = (struct ch_entry_xattr){ "user.some", f->user,
								    strlen(f->user) };
	if (f->capability)
		xattrs[entry.n_xattrs++] = (struct ch_entry_xattr){ "security.capability",
								    f->capability,
								    strlen(f->capability) };
	rc = s->sink->add(s->sink, &entry, &s->err);
	if (rc == 0)
		model(s, f);
	if (rc == 0 && S_ISREG(entry.mode) && !entry.link)
		rc = give(s, f);
	return rc;
}

void squashing_end(struct squashing *s)
{
	if (s->sink->end(s->sink, &s->err) < 0 ||
	    ch_squash_open(s->fd, 0, 0, &s->image, &s->err) < 0 ||
	    ch_data_new(&s->image, 1, -1, &s->data, &s->err) < 0 ||
	    ch_reader_new(s->data, &s->reader, &s->err) < 0)
		fail_msg("%s", s->err.msg);
}

void *squashing_bytes(const struct squashing *s, size_t *ret_len)
{
	struct stat st;
	void *bytes;

	assert_int_equal(fstat(s->fd, &st), 0);
	bytes = NOT_NULL(malloc((size_t)st.st_size));
	assert_int_equal(pread(s->fd, bytes, (size_t)st.st_size, 0), st.st_size);
	*ret_len = (size_t)st.st_size;
	return bytes;
}

/* ---- comparing --------------------------------------------------------------------- */

void squashing_find(const struct squashing *s, const char *path, struct ch_inode *ret_inode)
{
	const struct ch_squash *image = &s->image;

	assert_int_equal(ch_inode_read(image, image->root, ret_inode), 0);
	for (const char *part = path; *part;) {
		size_t len = strcspn(part, "/");
		char name[256] = "";
		struct ch_dirent e;

		memcpy(name, part, len);
		if (ch_dir_lookup(image, ret_inode, name, &e) < 0)
			fail_msg("'%s' is not in the image", path);
		assert_int_equal(ch_inode_read(image, e.ref, ret_inode), 0);
		assert_int_equal(e.number, ret_inode->number);
		assert_int_equal(ch_inode_type(e.type), ret_inode->mode & S_IFMT);
		part += len + (part[len] == '/');
	}
}

static void compare_chunk(struct squashing *s, const struct squashing_file *f,
			  const struct ch_inode *inode, uint64_t chunk)
{
	uint64_t left = f->size - chunk * CHUNK;
	const struct iovec *parts;
	uint8_t wanted[CHUNK];
	unsigned n;
	size_t at = 0;
	long len = ch_data_get(s->reader, inode, chunk * CHUNK, CHUNK, &parts, &n);

	assert_int_equal(len, left < CHUNK ? left : CHUNK);
	fill(f, chunk, wanted);
	for (unsigned i = 0; i < n; i++) {
		assert_memory_equal(parts[i].iov_base, wanted + at, parts[i].iov_len);
		at += parts[i].iov_len;
	}
	ch_data_done(s->reader);
}

static void compare_contents(struct squashing *s, const struct squashing_file *f,
			     const struct ch_inode *inode)
{
	uint64_t chunks = (f->size + CHUNK - 1) / CHUNK;

	assert_int_equal(inode->size, f->size);
	for (uint64_t i = 0; i < chunks; i++) {
		if (i == MANY_CHUNKS && chunks > 2 * MANY_CHUNKS)
			i = chunks - MANY_CHUNKS;
		compare_chunk(s, f, inode, i);
	}
}

static void compare_xattr(const struct squashing *s, const struct ch_inode *inode, const char *name,
			  const char *wanted)
{
	char value[256];
	long len = ch_xattr_get(&s->image, inode, name, value, sizeof(value));

	if (!wanted || !s->how.xattrs) {
		assert_int_equal(len, -ENODATA);
		return;
	}
	assert_int_equal(len, strlen(wanted));
	assert_memory_equal(value, wanted, (size_t)len);
}

static unsigned count_dirs(const struct squashing *s, const char *path)
{
	size_t len = strlen(path);
	unsigned n = 0;

	for (size_t i = 0; i < s->n; i++) {
		const char *have = s->names[i].path;

		if (S_ISDIR(s->names[i].file->as.mode) && strncmp(have, path, len) == 0 &&
		    have[len] == '/' && !strchr(have + len + 1, '/'))
			n++;
	}
	return n;
}

static uint32_t wanted_time(time_t t)
{
	return t < 0 ? 0 : t > UINT32_MAX ? UINT32_MAX : (uint32_t)t;
}

static void compare_name(struct squashing *s, const struct squashing_name *name)
{
	struct known *file = name->file;
	const struct squashing_file *f = &file->as;
	struct ch_inode inode;
	char target[PATH_ROOM];

	squashing_find(s, name->path, &inode);
	if (inode.mode != f->mode || inode.mtime != wanted_time(f->mtime))
		fail_msg("'%s': mode %o, not %o, time %u, not %lld", name->path, inode.mode,
			 f->mode, inode.mtime, (long long)f->mtime);
	assert_int_equal(inode.nlink,
			 S_ISDIR(f->mode) ? 2 + count_dirs(s, name->path) : file->names);
	if (file->number)
		assert_int_equal(inode.number, file->number);
	file->number = inode.number;
	compare_xattr(s, &inode, "user.some", f->user);
	compare_xattr(s, &inode, "security.capability", f->capability);
	if (S_ISREG(f->mode)) {
		compare_contents(s, f, &inode);
	} else if (S_ISLNK(f->mode)) {
		assert_int_equal(ch_inode_target(&s->image, &inode, target, sizeof(target)),
				 strlen(f->target));
		assert_string_equal(target, f->target);
	}
}

/* How many are in the directory REF, and below? They are sorted. Only as deep as there is
 * stack. */
static size_t count(const struct squashing *s, uint64_t ref)
{
	char before[CH_DIR_NAME_MAX + 2] = "";
	struct ch_inode inode;
	struct ch_dir dir;
	struct ch_dirent e;
	size_t n = 0;
	int rc;

	assert_int_equal(ch_inode_read(&s->image, ref, &inode), 0);
	assert_int_equal(ch_dir_open(&s->image, &inode, CH_DIR_FIRST, NULL, &dir), 0);
	while ((rc = ch_dir_next(&dir, &e)) > 0) {
		assert_true(strcmp(before, e.name) < 0);
		memcpy(before, e.name, e.len + 1);
		n++;
		if (S_ISDIR(ch_inode_type(e.type)))
			n += count(s, e.ref);
	}
	assert_int_equal(rc, 0);
	return n;
}

void squashing_compare(struct squashing *s)
{
	bool has_root = find(s, "") != NULL;

	for (size_t i = 0; i < s->n; i++)
		s->names[i].file->number = 0;
	for (size_t i = 0; i < s->n; i++)
		if (s->names[i].path[0])
			compare_name(s, &s->names[i]);
	assert_int_equal(count(s, s->image.root) + has_root, s->n);
}

void squashing_check(struct squashing *s, const struct squashing_file *files, size_t n)
{
	squashing_begin(s);
	for (size_t i = 0; i < n; i++)
		if (squashing_add(s, &files[i]) < 0)
			fail_msg("'%s': %s", files[i].path, s->err.msg);
	squashing_end(s);
	squashing_compare(s);
}
