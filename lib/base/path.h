/* SPDX-License-Identifier: Apache-2.0 */
/* path.h - paths as texts; nothing here looks at the file system */
#ifndef CH_BASE_PATH_H
#define CH_BASE_PATH_H

#include <stdbool.h>

struct ch_err;

/* Is PATH the directory DIR, or below it? Slashes at DIR's end do not matter; "" and "/" are
 * the root. */
bool ch_path_is_below(const char *path, const char *dir);

/* PATH if it is absolute, else PATH in the directory DIR. ret_path: malloc'ed. */
int ch_path_absolute(const char *path, const char *dir, char **ret_path, struct ch_err *err);

#endif
