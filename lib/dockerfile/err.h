/* SPDX-License-Identifier: Apache-2.0 */
/* err.h - errors in Dockerfiles: what, where, and the line itself
 *
 * Like struct ch_err of fixed size, written only on failure, and fit for a terminal. */
#ifndef CH_DOCKERFILE_ERR_H
#define CH_DOCKERFILE_ERR_H

#include "dockerfile/dockerfile.h"

struct ch_buf;

struct ch_df_err {
	int code;	      /* negative errno */
	struct ch_df_pos pos; /* line 0: of no place */
	char msg[400];	      /* one line: no full stop, no newline */
	char line[160];	      /* the line, or the part of it that matters */
	unsigned caret;	      /* how many characters of it are in front of the place */
};

/* "FILE:LINE:COLUMN: MESSAGE", and below it the line, unless it is empty, and a caret. Added to
 * OUT, which ends without a newline. FILE is made one line. */
void ch_df_err_show(const struct ch_df_err *err, const char *file, struct ch_buf *out);

#endif
