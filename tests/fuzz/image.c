/* SPDX-License-Identifier: Apache-2.0 */
#include "image.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/le.h"
#include "fs/data.h"
#include "fs/dir.h"
#include "fs/xattr.h"

enum { ENTRIES_MAX = 300, DEPTH_MAX = 6, BLOCKS_MAX = 2000, PART = 128 * 1024 };

enum { SUPER_SIZE = 96, ROOT_SIZE = 32, UNCOMPRESSED = 0x8000 };

static char buffer[PART];

/* ---- making ------------------------------------------------------------------- */

int fuzz_image_open(struct fuzz_image *f, const uint8_t *data, size_t size)
{
	struct ch_err err;

	*f = (struct fuzz_image){ .fd = memfd_create("image", MFD_CLOEXEC) };
	ch_meta_allow(BLOCKS_MAX);
	if (f->fd < 0 || write(f->fd, data, size) != (ssize_t)size ||
	    ch_squash_open(f->fd, 0, 0, &f->squash, &err) < 0 ||
	    ch_data_new(&f->squash, 1, -1, &f->data, &err) < 0 ||
	    ch_reader_new(f->data, &f->reader, &err) < 0) {
		fuzz_image_done(f);
		return -1;
	}
	return 0;
}

void fuzz_image_done(struct fuzz_image *f)
{
	ch_reader_free(f->reader);
	ch_data_free(f->data);
	ch_squash_done(&f->squash);
	if (f->fd >= 0)
		close(f->fd);
}

/* Little-endian, as in the image. */
static void put(uint8_t *to, uint64_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		to[i] = (uint8_t)(value >> 8 * i);
}

int fuzz_image_empty(struct fuzz_image *f, unsigned compressor, unsigned block_log)
{
	uint8_t image[SUPER_SIZE + 2 + ROOT_SIZE] = "hsqs";
	uint8_t *root = image + SUPER_SIZE + 2;

	put(image + 4, 1, 4); /* inodes */
	put(image + 12, (uint64_t)1 << block_log, 4);
	put(image + 20, compressor, 2);
	put(image + 22, block_log, 2);
	put(image + 28, 4, 2);			   /* version */
	put(image + 40, sizeof(image), 8);	   /* size */
	memset(image + 48, 0xff, SUPER_SIZE - 48); /* no tables */
	put(image + 64, SUPER_SIZE, 8);		   /* inodes */
	put(image + 72, sizeof(image), 8);	   /* directories */
	put(image + SUPER_SIZE, UNCOMPRESSED | ROOT_SIZE, 2);
	put(root, 1, 2); /* a directory */
	put(root + 2, 0755, 2);
	put(root + 24, 3, 2); /* empty */
	return fuzz_image_open(f, image, sizeof(image));
}

uint64_t fuzz_image_append(struct fuzz_image *f, const void *data, size_t size)
{
	uint64_t pos = f->squash.size;

	if (pwrite(f->fd, data, size, (off_t)pos) != (ssize_t)size)
		abort();
	f->squash.size += size;
	return pos;
}

struct ch_meta_pos fuzz_image_append_meta(struct fuzz_image *f, const void *data, size_t size)
{
	struct ch_meta_pos pos = { .block = f->squash.size };
	const uint8_t *from = data;

	for (size_t at = 0; at < size; at += CH_META_SIZE) {
		size_t now = size - at < CH_META_SIZE ? size - at : CH_META_SIZE;
		uint8_t head[2];

		put(head, UNCOMPRESSED | now, sizeof(head));
		fuzz_image_append(f, head, sizeof(head));
		fuzz_image_append(f, from + at, now);
	}
	return pos;
}

uint64_t fuzz_image_append_list(struct fuzz_image *f, uint64_t pos)
{
	uint8_t list[8];

	put(list, pos, sizeof(list));
	return fuzz_image_append(f, list, sizeof(list));
}

void fuzz_take(const uint8_t **data, size_t *size, void *buf, size_t n)
{
	size_t have = *size < n ? *size : n;

	memset(buf, 0, n);
	if (have)
		memcpy(buf, *data, have);
	*data += have;
	*size -= have;
}

unsigned fuzz_take16(const uint8_t **data, size_t *size)
{
	uint8_t b[2];

	fuzz_take(data, size, b, sizeof(b));
	return ch_le16(b);
}

/* ---- asking ------------------------------------------------------------------- */

static void read_part(struct fuzz_image *f, const struct ch_inode *inode, uint64_t off, size_t size)
{
	const struct iovec *parts;
	unsigned n;
	char *to = buffer;

	if (ch_data_get(f->reader, inode, off, size, &parts, &n) < 0)
		return;
	for (unsigned i = 0; i < n; i++) {
		memcpy(to, parts[i].iov_base, parts[i].iov_len);
		to += parts[i].iov_len;
	}
	ch_data_done(f->reader);
}

static void read_file(struct fuzz_image *f, const struct ch_inode *inode)
{
	read_part(f, inode, 0, PART);
	if (inode->size > PART)
		read_part(f, inode, inode->size - PART, PART);
	read_part(f, inode, inode->size / 2, 1);
}

static void read_attributes(struct fuzz_image *f, const struct ch_inode *inode)
{
	char names[4096];
	long n = ch_xattr_list(&f->squash, inode, names, sizeof(names));

	for (long at = 0; at < n; at += (long)strlen(names + at) + 1)
		ch_xattr_get(&f->squash, inode, names + at, buffer, sizeof(buffer));
}

static void visit(struct fuzz_image *f, const struct ch_inode *inode, unsigned depth);

static void visit_ref(struct fuzz_image *f, uint64_t ref, unsigned depth)
{
	struct ch_inode inode;

	if (depth <= DEPTH_MAX && ch_inode_read(&f->squash, ref, &inode) == 0)
		visit(f, &inode, depth);
}

static void list(struct fuzz_image *f, const struct ch_inode *inode, unsigned depth)
{
	struct ch_dir dir, again;
	struct ch_dirent e, same;

	ch_dir_lookup(&f->squash, inode, "absent", &same);
	if (ch_dir_open(&f->squash, inode, CH_DIR_FIRST, NULL, &dir) < 0)
		return;
	while (f->entries < ENTRIES_MAX && ch_dir_next(&dir, &e) > 0) {
		f->entries++;
		if (e.len > CH_DIR_NAME_MAX || strlen(e.name) != e.len)
			abort();
		ch_dir_lookup(&f->squash, inode, e.name, &same);
		ch_dir_open(&f->squash, inode, e.next, NULL, &again);
		visit_ref(f, e.ref, depth + 1);
	}
}

static void visit(struct fuzz_image *f, const struct ch_inode *inode, unsigned depth)
{
	read_attributes(f, inode);
	if (S_ISREG(inode->mode))
		read_file(f, inode);
	else if (S_ISLNK(inode->mode))
		ch_inode_target(&f->squash, inode, buffer, sizeof(buffer));
	else if (S_ISDIR(inode->mode))
		list(f, inode, depth);
}

void fuzz_image_visit(struct fuzz_image *f, const struct ch_inode *inode)
{
	visit(f, inode, 0);
}

void fuzz_image_visit_ref(struct fuzz_image *f, uint64_t ref)
{
	visit_ref(f, ref, 0);
}
