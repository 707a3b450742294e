/* SPDX-License-Identifier: Apache-2.0 */
#include "gunzip.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_ISAL
#include <isa-l/igzip_lib.h>
#endif

#include "base/err.h"

enum { ROOM = 256 * 1024 };

/* Have N bytes of input, if there are so many. */
static int fill(struct ch_gunzip *g, size_t n, struct ch_err *err)
{
	if (g->end - g->at >= n || g->is_at_end)
		return 0;
	memmove(g->in, g->in + g->at, g->end - g->at);
	g->end -= g->at;
	g->at = 0;
	while (g->end < n && !g->is_at_end) {
		ssize_t got = g->more(g->data, g->in + g->end, ROOM - g->end, err);

		g->is_at_end = got <= 0;
		if (got < 0)
			return (int)got;
		g->end += (size_t)got;
	}
	return 0;
}

static ssize_t next_plain(struct ch_gunzip *g, const void **ret_data, struct ch_err *err)
{
	size_t n;

	if (fill(g, 1, err) < 0)
		return err->code;
	n = g->end - g->at;
	*ret_data = g->in + g->at;
	g->at = g->end;
	return (ssize_t)n;
}

#ifdef HAVE_ISAL

/* What a member begins with: its mark, and the one method there is. */
static const uint8_t magic[] = { 0x1f, 0x8b, 8 };

/* isal_inflate would forget, between two pieces of a header, what was in the first one. */
struct ch_gunzip_member {
	struct inflate_state state;
	struct isal_gzip_header header;
};

/* Does a member begin where we are? Returns 1 if so. */
static int begin_member(struct ch_gunzip *g, struct ch_err *err)
{
	if (fill(g, sizeof(magic), err) < 0)
		return err->code;
	if (g->end - g->at < sizeof(magic) || memcmp(g->in + g->at, magic, sizeof(magic)) != 0)
		return 0;
	if (!g->member)
		g->member = malloc(sizeof(*g->member));
	if (!g->out)
		g->out = malloc(ROOM);
	if (!g->member || !g->out)
		return ch_err_nomem(err);
	isal_inflate_init(&g->member->state);
	isal_gzip_header_init(&g->member->header);
	g->member->state.crc_flag = ISAL_GZIP;
	return 1;
}

/* Undo some of the input. Returns how much came out of it, which may be nothing. */
static ssize_t inflate(struct ch_gunzip *g, struct ch_err *err)
{
	struct inflate_state *s = &g->member->state;
	size_t before = g->at;
	int rc = ISAL_DECOMP_OK;

	s->next_in = g->in + g->at;
	s->avail_in = (uint32_t)(g->end - g->at);
	s->next_out = g->out;
	s->avail_out = ROOM;
	if (!s->wrapper_flag)
		rc = isal_read_gzip_header(s, &g->member->header);
	if (rc == ISAL_DECOMP_OK)
		rc = isal_inflate(s);
	g->at = g->end - s->avail_in;
	if (rc < 0)
		return ch_err_set(err, -EINVAL, "read: damaged gzip input");
	if (s->avail_out == ROOM && g->at == before && s->block_state != ISAL_BLOCK_FINISH)
		return ch_err_set(err, -EINVAL, "read: truncated gzip input");
	return ROOM - (ssize_t)s->avail_out;
}

ssize_t ch_gunzip_next(struct ch_gunzip *g, const void **ret_data, struct ch_err *err)
{
	ssize_t n = 0;

	if (!g->has_begun && begin_member(g, err) < 0)
		return err->code;
	g->has_begun = true;
	if (!g->member)
		return next_plain(g, ret_data, err);
	while (n == 0) {
		int rc = g->member->state.block_state == ISAL_BLOCK_FINISH ? begin_member(g, err)
									   : 1;

		if (rc != 1)
			return rc;
		if (fill(g, 1, err) < 0)
			return err->code;
		n = inflate(g, err);
	}
	*ret_data = g->out;
	return n;
}

#else

ssize_t ch_gunzip_next(struct ch_gunzip *g, const void **ret_data, struct ch_err *err)
{
	return next_plain(g, ret_data, err);
}

#endif

int ch_gunzip_init(struct ch_gunzip *gunzip, struct ch_err *err)
{
	gunzip->in = malloc(ROOM);
	return gunzip->in ? 0 : ch_err_nomem(err);
}

void ch_gunzip_done(struct ch_gunzip *gunzip)
{
	free(gunzip->in);
	free(gunzip->out);
	free(gunzip->member);
}
