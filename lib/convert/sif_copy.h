/* SPDX-License-Identifier: Apache-2.0 */
/* sif_copy.h - the SquashFS image in a SIF file, as it is */
#ifndef CH_CONVERT_SIF_COPY_H
#define CH_CONVERT_SIF_COPY_H

struct ch_convert;
struct ch_err;

/* Copy it out: a conversion from CH_FORMAT_SIF to CH_FORMAT_SQUASH that changes nothing. */
int ch_sif_copy(const struct ch_convert *convert, struct ch_err *err);

#endif
