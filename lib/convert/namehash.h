/* SPDX-License-Identifier: Apache-2.0 */
/* namehash.h - hashes of names in directories, for tables of them
 *
 * Names come from whoever made an image: a random number is mixed in, so that nobody can choose
 * many that have the same hash. */
#ifndef CH_CONVERT_NAMEHASH_H
#define CH_CONVERT_NAMEHASH_H

#include <stddef.h>
#include <stdint.h>
#include <sys/random.h>

/* One for each table. TABLE is where it is, which has to do where a machine that has just started
 * has no random numbers yet. */
static inline uint64_t ch_namehash_seed(const void *table)
{
	uint64_t seed;

	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
		return (uintptr_t)table;
	return seed;
}

/* DIR: a number of the directory that the name is in */
static inline uint64_t ch_namehash(uint64_t seed, uint64_t dir, const char *name, size_t len)
{
	uint64_t h = seed ^ dir;

	for (size_t i = 0; i < len; i++) {
		h = (h ^ (unsigned char)name[i]) * 0x9e3779b97f4a7c15;
		h ^= h >> 29;
	}
	return h ^ h >> 32;
}

#endif
