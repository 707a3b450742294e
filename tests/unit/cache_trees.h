/* SPDX-License-Identifier: Apache-2.0 */
/* cache_trees.h - for tests of the build cache: trees of files of all kinds */
#ifndef CH_TESTS_CACHE_TREES_H
#define CH_TESTS_CACHE_TREES_H

#include <stdbool.h>
#include <stddef.h>

struct ch_cache;
struct ch_cache_image;
struct ch_oid;

/* A directory for a test; the current one meanwhile. */
struct place {
	char path[64];
	int before; /* directory */
};

void place_enter(struct place *place);

/* The same, if possible where it does not matter how busy the disk is. */
void place_enter_memory(struct place *place);

/* Leave and remove it. */
void place_leave(struct place *place);

/* Fill the directory DIR (made if missing) with N entries of all kinds, by the random numbers of
 * SEED. */
void tree_make(const char *dir, unsigned *seed, int n);

/* Do N random changes to it. */
void tree_change(const char *dir, unsigned *seed, int n);

/* All that there is to know about it, as text. malloc'ed. */
char *tree_describe(const char *dir);

void tree_remove(const char *dir);

void assert_same_trees(const char *a, const char *b);

/* Does git fsck --full --strict say that the cache in the directory STORAGE is right? True, too,
 * where there is no git. */
bool git_is_content(const char *storage);

/* The cache in the directory "storage". */
struct ch_cache *cache_open(void);

/* DIR, made if missing, with the stat file "DIR.stat". Release with image_done. */
void image_open(const char *dir, struct ch_cache_image *ret_image, char stat_name[64]);
void image_done(struct ch_cache_image *image);

/* Commit DIR on top of PARENT (or NULL) as the state of number N. Returns the result of
 * ch_cache_commit. */
int commit_dir(struct ch_cache *cache, const char *dir, const struct ch_oid *parent, int n,
	       struct ch_oid *ret_commit);
int checkout_dir(struct ch_cache *cache, const char *dir, const struct ch_oid *commit);

#endif
