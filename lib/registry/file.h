/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - read a small configuration file */
#ifndef CH_REGISTRY_FILE_H
#define CH_REGISTRY_FILE_H

#include <stddef.h>

struct ch_err;

/* Read the regular file PATH, of at most MAX bytes.
 * ret_text: malloc'ed, with a NUL behind it. Errors: -ENOENT it is not there; -EFBIG; ... */
int ch_file_read(const char *path, size_t max, char **ret_text, size_t *ret_len,
		 struct ch_err *err);

#endif
