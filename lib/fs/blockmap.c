/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/blockmap.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/le.h"
#include "fs/squash.h"
#include "fs/inode.h"
#include "fs/meta.h"

#define FILES 8
#define MARKS 1024 /* of one file */
#define STEP  1024 /* blocks between marks, or more */
#define ENTRY sizeof(uint32_t)

/* A place in a block list. */
struct mark {
	struct ch_meta_pos list;
	uint64_t pos; /* of the block whose size is there */
};

struct file {
	uint64_t key; /* inode reference + 1; 0: unused */
	uint64_t step;
	size_t n; /* marks known: marks[i] is for block i * step */
	struct mark marks[MARKS];
};

struct ch_blockmap {
	const struct ch_squash *image;
	pthread_mutex_t lock;
	size_t victim;
	struct file files[FILES];
};

struct ch_blockmap *ch_blockmap_new(const struct ch_squash *image)
{
	struct ch_blockmap *map = calloc(1, sizeof(*map));

	if (!map)
		return NULL;
	map->image = image;
	pthread_mutex_init(&map->lock, NULL);
	return map;
}

void ch_blockmap_free(struct ch_blockmap *map)
{
	if (!map)
		return;
	pthread_mutex_destroy(&map->lock);
	free(map);
}

uint64_t ch_blockmap_count(const struct ch_squash *image, const struct ch_inode *inode)
{
	uint64_t whole = inode->size / image->block_size;

	if (inode->fragment == CH_SQUASH_NONE && inode->size % image->block_size)
		whole++;
	return whole;
}

/* Move M over N entries of the list. */
static int advance(const struct ch_squash *image, struct mark *m, uint64_t n)
{
	uint8_t sizes[STEP * ENTRY];

	while (n) {
		size_t now = n < STEP ? (size_t)n : STEP;

		if (ch_meta_read(image, &m->list, sizes, now * ENTRY) < 0)
			return -EIO;
		for (size_t i = 0; i < now; i++)
			m->pos += ch_block_size(ch_le32(sizes + i * ENTRY));
		n -= now;
	}
	return 0;
}

static struct mark beginning(const struct ch_inode *inode)
{
	return (struct mark){ .list = inode->next, .pos = inode->start };
}

static struct file *known(struct ch_blockmap *map, uint64_t key)
{
	for (size_t i = 0; i < FILES; i++) {
		if (map->files[i].key == key)
			return &map->files[i];
	}
	return NULL;
}

static struct file *file_of(struct ch_blockmap *map, const struct ch_inode *inode)
{
	struct file *f = known(map, inode->ref + 1);

	if (f)
		return f;
	f = &map->files[map->victim++ % FILES];
	f->key = inode->ref + 1;
	f->step = ch_blockmap_count(map->image, inode) / MARKS + 1;
	if (f->step < STEP)
		f->step = STEP;
	f->n = 1;
	f->marks[0] = beginning(inode);
	return f;
}

/* Mark I of a file, for all; unless another thread was faster, or the file's place is taken. */
static void publish(struct ch_blockmap *map, uint64_t key, size_t i, const struct mark *m)
{
	pthread_mutex_lock(&map->lock);

	struct file *f = known(map, key);

	if (f && f->n == i) {
		f->marks[i] = *m;
		f->n++;
	}
	pthread_mutex_unlock(&map->lock);
}

/* The last mark before INDEX. If it is not known yet, it is looked for without the lock, so
 * that other files need not wait. What is found on the way stays known, also on failure. */
static int nearest(struct ch_blockmap *map, const struct ch_inode *inode, uint64_t index,
		   struct mark *ret_mark, uint64_t *ret_left)
{
	pthread_mutex_lock(&map->lock);

	const struct file *f = file_of(map, inode);
	uint64_t step = f->step;
	size_t want = (size_t)(index / step); /* < MARKS */
	size_t i = want < f->n ? want : f->n - 1;
	struct mark m = f->marks[i];

	pthread_mutex_unlock(&map->lock);
	while (i < want) {
		if (advance(map->image, &m, step) < 0)
			return -EIO;
		publish(map, inode->ref + 1, ++i, &m);
	}
	*ret_mark = m;
	*ret_left = index - want * step;
	return 0;
}

int ch_blockmap_find(struct ch_blockmap *map, const struct ch_inode *inode, uint64_t index,
		     struct ch_block *ret_block)
{
	struct mark m = beginning(inode);
	uint64_t left = index;
	uint8_t header[ENTRY];

	if (index >= STEP && nearest(map, inode, index, &m, &left) < 0)
		return -EIO;
	if (advance(map->image, &m, left) < 0 ||
	    ch_meta_read(map->image, &m.list, header, sizeof(header)) < 0)
		return -EIO;
	*ret_block = (struct ch_block){ .pos = m.pos, .header = ch_le32(header) };
	return 0;
}
