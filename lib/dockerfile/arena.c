/* SPDX-License-Identifier: Apache-2.0 */
#include "dockerfile/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE ((size_t)16 << 10)

struct ch_df_block {
	struct ch_df_block *next;
	size_t used, size;
	alignas(max_align_t) unsigned char data[];
};

static struct ch_df_block *new_block(struct ch_df_arena *arena, size_t least)
{
	size_t size = least > BLOCK_SIZE ? least : BLOCK_SIZE;
	struct ch_df_block *block = calloc(1, sizeof(*block) + size);

	if (!block)
		return NULL;
	block->size = size;
	block->next = arena->blocks;
	arena->blocks = block;
	return block;
}

void *ch_df_alloc(struct ch_df_arena *arena, size_t size)
{
	const size_t unit = alignof(max_align_t);
	struct ch_df_block *block = arena->blocks;

	if (size > SIZE_MAX / 4)
		return NULL;
	size = size ? (size + unit - 1) / unit * unit : unit;
	if (!block || block->size - block->used < size)
		block = new_block(arena, size);
	if (!block)
		return NULL;

	void *p = block->data + block->used;

	block->used += size;
	return p;
}

char *ch_df_copy(struct ch_df_arena *arena, const char *text, size_t len)
{
	char *copy = ch_df_alloc(arena, len + 1);

	if (copy && len)
		memcpy(copy, text, len);
	return copy;
}

void *ch_df_grow(struct ch_df_arena *arena, void *array, size_t n, size_t size)
{
	/* Full whenever N is a power of two. */
	if (n & (n - 1))
		return array;

	void *more = ch_df_alloc(arena, (n ? 2 * n : 1) * size);

	if (more && n)
		memcpy(more, array, n * size);
	return more;
}

void ch_df_arena_done(struct ch_df_arena *arena)
{
	for (struct ch_df_block *block = arena->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	arena->blocks = NULL;
}
