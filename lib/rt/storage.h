/* SPDX-License-Identifier: Apache-2.0 */
/* storage.h - which file is meant by IMAGE? A name in the storage of ch-image, or a path
 *
 * Storage is a directory of the user: STORAGE/img/NAME, with "/" of the name written as "%"
 * and ":" as "+". Names beat paths, and anybody may make a directory of the default's name
 * in /var/tmp: so storage counts only if it is a real directory, belongs to the effective
 * user, and nobody else may write to it. */
#ifndef CH_RT_STORAGE_H
#define CH_RT_STORAGE_H

#include <stdbool.h>

#include "rt/image.h"
#include "rt/request.h"

struct ch_err;

/* May IMAGE, as the user typed it, be a name? What begins with "/" or "." is a path. */
bool ch_storage_may_name(const char *image);

/* Where storage is by default: /var/tmp/USER.ch. USER is who we are, as the user database has
 * it, not what $USER says. ret_path: malloc'ed; NULL for an id without a name, which has
 * none. */
int ch_storage_default(char **ret_path, struct ch_err *err);

/* Open the directory NAME below DIR (O_PATH), which must be one, and the user's alone. Returns
 * the descriptor (the caller's), -ENOENT without WHY, or another error, with WHY: "it ...". */
int ch_storage_open_own(int dir, const char *name, struct ch_err *why);

/* Can PATH be the user's storage? What is not there can. Errors say what is wrong with it. */
int ch_storage_check(const char *path, struct ch_err *err);

/* Find and open the image of REQ, by its name or its path; once, as the effective user. The
 * path where it was found replaces that in REQ. An image in storage is not to be written to:
 * -EROFS, unless REQ says that it is meant so. */
int ch_storage_find(struct ch_request *req, struct ch_image *ret_image, struct ch_err *err);

#endif
