/* SPDX-License-Identifier: Apache-2.0 */
/* input.h - read what may come through a pipe, as long as somebody wants it */
#ifndef CH_ARCHIVE_INPUT_H
#define CH_ARCHIVE_INPUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <sys/types.h>

struct ch_err;

/* read(2), in any thread. While it waits for data, either flag (or NULL) ends it with -ECANCELED
 * within a tenth of a second. */
ssize_t ch_input_read(int fd, void *buf, size_t size, const atomic_bool *cancel,
		      const atomic_bool *unwanted, struct ch_err *err);

#endif
