/* SPDX-License-Identifier: Apache-2.0 */
/* buf.h - growing byte buffer with a mandatory maximum and a sticky failure
 *
 * Additions never report an error one by one; the first one that does not fit (or finds
 * no memory) makes the buffer bad, which ch_buf_take() or ch_buf_bad() tells at the end. */
#ifndef CH_BASE_BUF_H
#define CH_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

struct ch_buf {
	char *data; /* owned; always NUL-terminated when not NULL */
	size_t len; /* without the NUL */
	size_t cap;
	size_t max;
	bool bad;
};

#define CH_BUF_INIT(max_) ((struct ch_buf){ .max = (max_) })

void ch_buf_add(struct ch_buf *buf, const void *data, size_t len);
void ch_buf_adds(struct ch_buf *buf, const char *text);
void ch_buf_addf(struct ch_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Append what FD has left; a buffer that became bad is not read into any more. Returns 0, also
 * then, or a negative errno. */
int ch_buf_read(struct ch_buf *buf, int fd);

static inline bool ch_buf_bad(const struct ch_buf *buf)
{
	return buf->bad;
}

/* Move the text out. Returns 0, or -ENOMEM if the buffer is bad. An empty buffer gives "". */
int ch_buf_take(struct ch_buf *buf, char **ret_text);

void ch_buf_done(struct ch_buf *buf);

static inline void ch_auto_buf(struct ch_buf *buf)
{
	ch_buf_done(buf);
}

#endif
