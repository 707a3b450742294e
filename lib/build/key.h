/* SPDX-License-Identifier: Apache-2.0 */
/* key.h - all that the result of an instruction depends on, beside the state before it */
#ifndef CH_BUILD_KEY_H
#define CH_BUILD_KEY_H

#include <stddef.h>

#include "base/buf.h"

/* Parts, each with its length, so that where one ends is clear. */
struct ch_key {
	struct ch_buf buf;
};

#define CH_KEY_MAX  (64UL << 20) /* bytes; here-documents are in it */
#define CH_KEY_INIT ((struct ch_key){ CH_BUF_INIT(CH_KEY_MAX) })

void ch_key_add(struct ch_key *key, const void *data, size_t len);

/* TEXT, which may be NULL: that is a part, too. */
void ch_key_text(struct ch_key *key, const char *text);

/* Something that no other key has: the result is not to be found again. */
void ch_key_unique(struct ch_key *key);

static inline void ch_auto_key(struct ch_key *key)
{
	ch_buf_done(&key->buf);
}

#endif
