/* SPDX-License-Identifier: Apache-2.0 */
/* write.h - write all of it: what signals and full pipes leave over, too */
#ifndef CH_SYS_WRITE_H
#define CH_SYS_WRITE_H

#include <stddef.h>
#include <sys/types.h>

/* Write LEN bytes to FD. Returns 0, or a negative errno: then some may have been written. */
int ch_write_all(int fd, const void *data, size_t len);

/* The same from the offset OFF on; that of FD stays. */
int ch_pwrite_all(int fd, const void *data, size_t len, off_t off);

#endif
