/* SPDX-License-Identifier: Apache-2.0 */
/* usage.h - what a directory takes on disk */
#ifndef CH_CACHE_USAGE_H
#define CH_CACHE_USAGE_H

#include <stdint.h>

/* Bytes of all that is in DIR; what cannot be read counts as nothing. */
uint64_t ch_usage(int dir);

#endif
