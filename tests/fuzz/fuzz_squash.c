/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_squash - an image file: everything that can be asked of it, within limits */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "fs/data.h"
#include "fs/dir.h"
#include "fs/inode.h"
#include "fs/meta.h"
#include "fs/squash.h"
#include "fs/xattr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A damaged image may hold itself. */
enum { ENTRIES_MAX = 300, DEPTH_MAX = 6, BLOCKS_MAX = 2000, PART = 128 * 1024 };

struct walk {
	const struct ch_squash *image;
	struct ch_reader *reader;
	unsigned entries;
};

static char buffer[PART];

static void read_part(struct walk *w, const struct ch_inode *inode, uint64_t off, size_t size)
{
	const struct iovec *parts;
	unsigned n;
	char *to = buffer;

	if (ch_data_get(w->reader, inode, off, size, &parts, &n) < 0)
		return;
	for (unsigned i = 0; i < n; i++) {
		memcpy(to, parts[i].iov_base, parts[i].iov_len);
		to += parts[i].iov_len;
	}
	ch_data_done(w->reader);
}

static void read_file(struct walk *w, const struct ch_inode *inode)
{
	read_part(w, inode, 0, PART);
	if (inode->size > PART)
		read_part(w, inode, inode->size - PART, PART);
	read_part(w, inode, inode->size / 2, 1);
}

static void read_attributes(struct walk *w, const struct ch_inode *inode)
{
	char names[4096];
	long n = ch_xattr_list(w->image, inode, names, sizeof(names));

	for (long at = 0; at < n; at += (long)strlen(names + at) + 1)
		ch_xattr_get(w->image, inode, names + at, buffer, sizeof(buffer));
}

static void visit(struct walk *w, uint64_t ref, unsigned depth);

static void list(struct walk *w, const struct ch_inode *inode, unsigned depth)
{
	struct ch_dir dir;
	struct ch_dirent e, same;

	if (ch_dir_open(w->image, inode, CH_DIR_FIRST, NULL, &dir) < 0)
		return;
	while (w->entries < ENTRIES_MAX && ch_dir_next(&dir, &e) > 0) {
		w->entries++;
		if (e.len > CH_DIR_NAME_MAX)
			abort();
		ch_dir_lookup(w->image, inode, e.name, &same);
		visit(w, e.ref, depth + 1);
	}
}

static void visit(struct walk *w, uint64_t ref, unsigned depth)
{
	struct ch_inode inode;

	if (depth > DEPTH_MAX || ch_inode_read(w->image, ref, &inode) < 0)
		return;
	read_attributes(w, &inode);
	if (S_ISREG(inode.mode))
		read_file(w, &inode);
	else if (S_ISLNK(inode.mode))
		ch_inode_target(w->image, &inode, buffer, sizeof(buffer));
	else if (S_ISDIR(inode.mode))
		list(w, &inode, depth);
}

static void walk(const struct ch_squash *image)
{
	struct walk w = { .image = image };
	struct ch_data *data = NULL;
	struct ch_err err;

	if (ch_data_new(image, 1, -1, &data, &err) == 0 &&
	    ch_reader_new(data, &w.reader, &err) == 0)
		visit(&w, image->root, 0);
	ch_reader_free(w.reader);
	ch_data_free(data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(fd) int fd = memfd_create("image", MFD_CLOEXEC);
	ch_auto(squash) struct ch_squash image = { 0 };
	struct ch_err err;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;
	ch_meta_allow(BLOCKS_MAX);
	if (ch_squash_open(fd, 0, 0, &image, &err) == 0)
		walk(&image);
	return 0;
}
