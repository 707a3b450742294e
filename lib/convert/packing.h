/* SPDX-License-Identifier: Apache-2.0 */
/* packing.h - how an archive, or a layer, is compressed: as an option says it, or a name */
#ifndef CH_CONVERT_PACKING_H
#define CH_CONVERT_PACKING_H

#include "convert/format.h"

struct ch_compress_how;
struct ch_err;

/* What the name of a tar archive says: ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst", ".tar.xz",
 * ".txz". Errors: -EINVAL it ends in none of them. */
int ch_packing_of_name(const char *name, struct ch_compress_how *how, struct ch_err *err);

/* What is usual for layers of FORMAT. */
void ch_packing_usual(enum ch_format format, struct ch_compress_how *how);

#endif
