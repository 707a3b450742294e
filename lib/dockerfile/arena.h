/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h - memory of a parsed Dockerfile: allocated piece by piece, freed at once */
#ifndef CH_DOCKERFILE_ARENA_H
#define CH_DOCKERFILE_ARENA_H

#include <stddef.h>

struct ch_df_block;

struct ch_df_arena {
	struct ch_df_block *blocks;
};

/* SIZE bytes of zeros, aligned for everything; NULL if memory is short. */
void *ch_df_alloc(struct ch_df_arena *arena, size_t size);

/* The first LEN bytes of TEXT and a NUL; NULL if memory is short. */
char *ch_df_copy(struct ch_df_arena *arena, const char *text, size_t len);

/* Room for one more in ARRAY, which has N items of SIZE bytes: where it is now, perhaps
 * elsewhere; NULL if memory is short. */
void *ch_df_grow(struct ch_df_arena *arena, void *array, size_t n, size_t size);

void ch_df_arena_done(struct ch_df_arena *arena);

#endif
