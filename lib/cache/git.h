/* SPDX-License-Identifier: Apache-2.0 */
/* git.h - the one door to libgit2: new repositories, and objects that we did not write
 *
 * Started only when needed. libgit2 1.5 hashes in software, and writes loose objects of
 * compression level 0 that nobody can read: so nothing is written by it but a new repository's
 * files. */
#ifndef CH_CACHE_GIT_H
#define CH_CACHE_GIT_H

#include <stddef.h>
#include <stdint.h>

#include "cache/oid.h"
#include "cache/pack.h"

struct ch_err;
struct ch_git;

/* Make the directory DIR (a descriptor) an empty bare repository whose HEAD is BRANCH. */
int ch_git_init(int dir, const char *branch, struct ch_err *err);

/* Open the repository DIR. ret_git: release with ch_git_close. */
int ch_git_open(int dir, struct ch_git **ret_git, struct ch_err *err);

void ch_git_close(struct ch_git *git);

/* Read an object, of at most MAX bytes, wherever it is: loose, or a difference from others.
 * ret_data: malloc'ed. -ENOENT: there is none. Thread-safe. */
int ch_git_read(struct ch_git *git, const struct ch_oid *oid, uint64_t max, enum ch_kind *ret_kind,
		uint8_t **ret_data, size_t *ret_len, struct ch_err *err);

#endif
