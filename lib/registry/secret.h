/* SPDX-License-Identifier: Apache-2.0 */
/* secret.h - texts that are wiped from memory before they are freed */
#ifndef CH_REGISTRY_SECRET_H
#define CH_REGISTRY_SECRET_H

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static inline void ch_secret_free(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

static inline void ch_auto_secret(char **text)
{
	ch_secret_free(*text);
}

/* A buffer of which earlier, shorter places may be left behind: give it room at first. */
static inline void ch_auto_secret_buf(struct ch_buf *buf)
{
	if (buf->data)
		explicit_bzero(buf->data, buf->cap);
	ch_buf_done(buf);
}

#endif
