/* SPDX-License-Identifier: Apache-2.0 */
/* write.h - write a JSON document, piece by piece
 *
 * Needs no library: the programs that only write have none to carry into a container. The
 * pieces have to come in the right order: members have a key, items of arrays have NULL.
 *
 *	struct ch_json_out out = { .buf = CH_BUF_INIT(65536) };
 *	ch_json_open(&out, NULL, '{');
 *	ch_json_put_text(&out, "name", "value");
 *	ch_json_close(&out, '}');
 *
 * Failures are the buffer's (base/buf.h). */
#ifndef CH_JSON_WRITE_H
#define CH_JSON_WRITE_H

#include <stdbool.h>

#include "base/buf.h"

struct ch_json_out {
	struct ch_buf buf; /* the document; the caller's */
	bool has_before;   /* a comma is due */
};

/* KIND: '{' or '[', and the same closed. */
void ch_json_open(struct ch_json_out *out, const char *key, char kind);
void ch_json_close(struct ch_json_out *out, char kind);

/* TEXT may be any bytes: what is not UTF-8 becomes U+FFFD. NULL becomes null. */
void ch_json_put_text(struct ch_json_out *out, const char *key, const char *text);
void ch_json_put_number(struct ch_json_out *out, const char *key, long long number);
void ch_json_put_bool(struct ch_json_out *out, const char *key, bool yes);

static inline void ch_auto_json_out(struct ch_json_out *out)
{
	ch_buf_done(&out->buf);
}

#endif
