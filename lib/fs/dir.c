/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/dir.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/le.h"
#include "fs/squash.h"
#include "fs/inode.h"

#define HEADER_SIZE 12
#define ENTRY_SIZE  8
#define INDEX_SIZE  12
#define RUN_MAX	    256
#define RUN_BITS    9 /* of a position: entries to skip; 256 is legal, at the end of a run */
#define EMPTY_SIZE  3 /* sizes of directories in inodes are so much larger than the listing */

#define ENDS 64

struct end {
	uint64_t key; /* inode reference + 1; 0: unused */
	struct ch_dir dir;
};

struct ch_dir_ends {
	pthread_mutex_t lock;
	size_t victim;
	struct end all[ENDS];
};

static int dir_read(struct ch_dir *dir, void *buf, size_t len)
{
	if (len > dir->end - dir->at)
		return -EIO;
	dir->at += len;
	return ch_meta_read(dir->image, &dir->pos, buf, len);
}

static int start(const struct ch_squash *image, const struct ch_inode *inode, struct ch_dir *dir)
{
	if (!S_ISDIR(inode->mode))
		return -ENOTDIR;
	*dir = (struct ch_dir){
		.image = image,
		.pos = { .block = image->dir_table + inode->start, .off = inode->off },
		.end = inode->size > EMPTY_SIZE ? inode->size - EMPTY_SIZE : 0,
	};
	return 0;
}

static int read_header(struct ch_dir *dir)
{
	uint8_t h[HEADER_SIZE];
	uint64_t at = dir->at;

	if (dir_read(dir, h, sizeof(h)) < 0 || ch_le32(h) >= RUN_MAX)
		return -EIO;
	dir->header = at;
	dir->done = 0;
	dir->count = ch_le32(h) + 1;
	dir->block = ch_le32(h + 4);
	dir->number = ch_le32(h + 8);
	return 0;
}

static int check_name(const struct ch_dirent *e)
{
	if (memchr(e->name, '/', e->len) || memchr(e->name, '\0', e->len))
		return -EIO;
	if (strcmp(e->name, ".") == 0 || strcmp(e->name, "..") == 0)
		return -EIO;
	return 0;
}

int ch_dir_next(struct ch_dir *dir, struct ch_dirent *ret_entry)
{
	uint8_t b[ENTRY_SIZE];

	if (dir->done == dir->count) {
		if (dir->at == dir->end)
			return 0;
		if (read_header(dir) < 0)
			return -EIO;
	}
	if (dir_read(dir, b, sizeof(b)) < 0)
		return -EIO;
	dir->done++;
	ret_entry->ref = (uint64_t)dir->block << 16 | ch_le16(b);
	/* a signed difference: sign-extend, then add modulo 2^32 */
	ret_entry->number = dir->number + (ch_le16(b + 2) ^ 0x8000U) - 0x8000U;
	ret_entry->type = ch_le16(b + 4);
	ret_entry->len = (size_t)ch_le16(b + 6) + 1;
	ret_entry->next = CH_DIR_FIRST + (dir->header << RUN_BITS | dir->done);
	if (ret_entry->len > CH_DIR_NAME_MAX || dir_read(dir, ret_entry->name, ret_entry->len) < 0)
		return -EIO;
	ret_entry->name[ret_entry->len] = '\0';
	return check_name(ret_entry) < 0 ? -EIO : 1;
}

static uint64_t position_of(const struct ch_dir *dir)
{
	return CH_DIR_FIRST + (dir->header << RUN_BITS | dir->done);
}

struct ch_dir_ends *ch_dir_ends_new(void)
{
	struct ch_dir_ends *ends = calloc(1, sizeof(*ends));

	if (ends)
		pthread_mutex_init(&ends->lock, NULL);
	return ends;
}

void ch_dir_ends_free(struct ch_dir_ends *ends)
{
	if (!ends)
		return;
	pthread_mutex_destroy(&ends->lock);
	free(ends);
}

void ch_dir_remember(struct ch_dir_ends *ends, const struct ch_inode *inode,
		     const struct ch_dir *dir)
{
	pthread_mutex_lock(&ends->lock);
	ends->all[ends->victim++ % ENDS] = (struct end){ .key = inode->ref + 1, .dir = *dir };
	pthread_mutex_unlock(&ends->lock);
}

/* Move DIR, at its start, to the last remembered place that is not behind POSITION. It may be
 * before: the kernel asks again for what the process had no room for. */
static void jump(struct ch_dir_ends *ends, const struct ch_inode *inode, uint64_t position,
		 struct ch_dir *dir)
{
	pthread_mutex_lock(&ends->lock);
	for (size_t i = 0; i < ENDS; i++) {
		const struct end *e = &ends->all[i];

		if (e->key == inode->ref + 1 && position_of(&e->dir) <= position &&
		    position_of(&e->dir) > position_of(dir))
			*dir = e->dir;
	}
	pthread_mutex_unlock(&ends->lock);
}

/* Move DIR forward to the run at HEADER, whose header is read if it is another one. */
static int seek_run(struct ch_dir *dir, uint64_t header)
{
	if (dir->count && dir->header == header)
		return 0;
	if (header < dir->at || header > dir->end)
		return -EINVAL;
	dir->done = dir->count = 0;
	dir->header = header;
	return dir_read(dir, NULL, (size_t)(header - dir->at));
}

int ch_dir_open(const struct ch_squash *image, const struct ch_inode *inode, uint64_t position,
		struct ch_dir_ends *ends, struct ch_dir *ret_dir)
{
	struct ch_dirent e;
	struct ch_dir dir;
	int rc = start(image, inode, &dir);

	if (rc < 0)
		return rc;
	if (position < CH_DIR_FIRST)
		return -EINVAL;

	uint64_t header = (position - CH_DIR_FIRST) >> RUN_BITS;
	uint32_t skip = (position - CH_DIR_FIRST) & ((1U << RUN_BITS) - 1);

	if (skip > RUN_MAX)
		return -EINVAL;
	if (ends)
		jump(ends, inode, position, &dir);
	rc = seek_run(&dir, header);
	while (rc == 0 && dir.done < skip)
		rc = ch_dir_next(&dir, &e) == 1 && dir.header == header ? 0 : -EIO;
	if (rc == 0)
		*ret_dir = dir;
	return rc;
}

/* Large directories have an index of headers with the name that follows: narrow DIR to the
 * part that can have NAME. */
static int narrow(struct ch_dir *dir, const struct ch_inode *inode, const char *name)
{
	struct ch_meta_pos pos = inode->next;

	for (uint32_t i = 0; i < inode->indexes; i++) {
		uint8_t b[INDEX_SIZE];
		char first[CH_DIR_NAME_MAX + 2];

		if (ch_meta_read(dir->image, &pos, b, sizeof(b)) < 0)
			return -EIO;

		uint32_t at = ch_le32(b);
		uint32_t len = ch_le32(b + 8);

		if (len >= CH_DIR_NAME_MAX || at > dir->end || at < dir->at ||
		    ch_meta_read(dir->image, &pos, first, len + 1) < 0)
			return -EIO;
		first[len + 1] = '\0';
		if (strcmp(first, name) > 0) {
			dir->end = at;
			return 0;
		}
		dir->at = at;
		dir->pos.block = dir->image->dir_table + ch_le32(b + 4);
		dir->pos.off = (uint32_t)((inode->off + (uint64_t)at) % CH_META_SIZE);
	}
	return 0;
}

int ch_dir_lookup(const struct ch_squash *image, const struct ch_inode *inode, const char *name,
		  struct ch_dirent *ret_entry)
{
	struct ch_dir dir;
	size_t len = strlen(name);
	int rc = start(image, inode, &dir);

	if (rc == 0)
		rc = narrow(&dir, inode, name);
	if (rc < 0)
		return rc;
	while ((rc = ch_dir_next(&dir, ret_entry)) > 0) {
		if (ret_entry->len == len && memcmp(ret_entry->name, name, len) == 0)
			return 0;
	}
	return rc < 0 ? rc : -ENOENT;
}
