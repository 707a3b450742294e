/* SPDX-License-Identifier: Apache-2.0 */
/* temp.h - temporary files, which have no names: they end with their descriptor */
#ifndef CH_CONVERT_TEMP_H
#define CH_CONVERT_TEMP_H

struct ch_err;
struct ch_source_how;

/* Make one in the directory DIR. Returns it, for reading and writing, or a negative errno. */
int ch_convert_temp(const char *dir, struct ch_err *err);

/* What is open as FD and called HOW's path, uncompressed, in a temporary file: for archives that
 * are compressed, or come through a pipe. At most HOW's max bytes. Returns it, or a negative
 * errno. */
int ch_convert_unpack(int fd, const struct ch_source_how *how, struct ch_err *err);

#endif
