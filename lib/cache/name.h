/* SPDX-License-Identifier: Apache-2.0 */
/* name.h - names that Git does not take, written so that it does
 *
 * Files may have any name, such as ".git", which Git refuses in a tree, also in the guises in
 * which other systems' file systems mistake a name for it. Branches may have only some. */
#ifndef CH_CACHE_NAME_H
#define CH_CACHE_NAME_H

#include <stdbool.h>
#include <stddef.h>

struct ch_err;

/* What is said of a directory's entries is a blob in it of this name. */
#define CH_NAME_META ".ch-meta"

#define CH_NAME_FILE_MAX 255
#define CH_NAME_TREE_MAX (4 + 3 * CH_NAME_FILE_MAX + 1) /* with NUL */

/* A file's NAME as in a tree. Returns the length. */
size_t ch_name_to_tree(const char *name, char ret[CH_NAME_TREE_MAX]);

/* And back. Returns false for what ch_name_to_tree does not make: names of more than one part,
 * "..", two ways to write the same name, ... */
bool ch_name_from_tree(const char *name, char ret[CH_NAME_FILE_MAX + 1]);

/* Can this be a file's name? */
bool ch_name_is_file(const char *name);

#define CH_NAME_REF_MAX 255

/* An image's name as the last part of a ref's. -EINVAL: too long, or empty. */
int ch_name_to_ref(const char *name, char ret[CH_NAME_REF_MAX + 1], struct ch_err *err);

/* And back, for any REF; "%", "+" become what they stand for. */
void ch_name_from_ref(const char *ref, char ret[CH_NAME_REF_MAX + 1]);

#endif
