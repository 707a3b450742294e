/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "base/text.h"
#include "hash/hash.h"
#include "registry/digest.h"
#include "registry/inner.h"
#include "registry/reason.h"
#include "registry/url.h"

/* A blob goes up in a session: POST gives it a URL; PUT with the digest ends it, and may carry all
 * of the blob; before that, PATCH appends a chunk. Each answer has the URL for the next request.
 * When a connection breaks, GET of that URL tells how much has arrived. */

enum {
	CHUNK = 16 << 20, /* bytes in memory of what cannot be read again */
	CHUNK_MAX = 128 << 20,
	LEAST = 512 << 10,
};

struct session {
	struct ch_registry *registry;
	const struct ch_registry_upload *u;
	struct ch_retry retry;
	char *url;	     /* for the next request; owned */
	uint64_t sent;	     /* bytes that the registry has */
	size_t chunk;	     /* bytes of a chunk of a stream: as the registry wants them */
	uint64_t most;	     /* bytes of a file in a request: as the registry takes them */
	struct ch_hash hash; /* of what was read, if it cannot be read again */
};

static void ch_auto_session(struct session *s)
{
	ch_hash_done(&s->hash);
	free(s->url);
}

/* The URL for what comes next; without one, it stays. */
static int keep_location(struct session *s, const struct ch_http_answer *answer, struct ch_err *err)
{
	char *url;

	if (!answer->location && s->url)
		return 0;
	if (ch_registry_location(s->url, answer, &url, err) < 0)
		return err->code;
	free(s->url);
	s->url = url;
	return 0;
}

static int begin(struct session *s, struct ch_err *err)
{
	ch_auto(http_answer) struct ch_http_answer answer = { 0 };
	unsigned long long least;

	free(s->url);
	s->url = NULL;
	s->sent = 0;
	if (ch_registry_url(s->registry, "blobs/uploads/", &s->url, err) < 0 ||
	    ch_registry_ask(s->registry, "POST", s->url, &answer, err) < 0)
		return err->code;
	if (answer.status != 202)
		return ch_reason_err(&answer, err);
	if (!answer.location)
		return ch_err_set(err, -EPROTO, "the answer lacks a location");
	if (answer.upload_min && sscanf(answer.upload_min, "%llu", &least) == 1 && least > CHUNK)
		s->chunk = least < CHUNK_MAX ? (size_t)least : CHUNK_MAX;
	return keep_location(s, &answer, err);
}

/* How much has arrived? "0-N", with the last byte's number: a session with nothing in it looks
 * like one with a byte. Returns 0, or -ENOENT there is no such session any more, ... */
static int ask_offset(struct session *s, uint64_t *ret_offset, struct ch_err *err)
{
	ch_auto(http_answer) struct ch_http_answer answer = { 0 };
	unsigned long long last;

	if (ch_registry_ask(s->registry, "GET", s->url, &answer, err) < 0)
		return err->code;
	if (answer.status != 204)
		return ch_reason_err(&answer, err);
	if (!answer.range || sscanf(answer.range, "0-%llu", &last) != 1)
		return ch_err_set(err, -EPROTO, "the answer does not say how much has arrived");
	*ret_offset = last == 0 ? 0 : last + 1;
	return keep_location(s, &answer, err);
}

/* ---- sources --------------------------------------------------------------------------------- */

/* What a request sends: a part of the file. */
struct part {
	const struct ch_registry_upload *u;
	uint64_t at, end;
};

static int read_file(int fd, void *bytes, size_t size, uint64_t at, size_t *ret_n,
		     struct ch_err *err)
{
	ssize_t n;

	do
		n = pread(fd, bytes, size, (off_t)at);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return ch_err_sys(err, "read");
	if (n == 0)
		return ch_err_set(err, -EIO, "the file became shorter");
	*ret_n = (size_t)n;
	return 0;
}

static int read_part(void *context, void *bytes, size_t size, size_t *ret_n, struct ch_err *err)
{
	struct part *p = context;
	uint64_t left = p->end - p->at;

	*ret_n = 0;
	if (left == 0)
		return 0;
	if (read_file(p->u->fd, bytes, size < left ? size : (size_t)left, p->at, ret_n, err) < 0)
		return err->code;
	p->at += *ret_n;
	ch_progress_add(p->u->progress, *ret_n);
	return 0;
}

/* ---- requests -------------------------------------------------------------------------------- */

/* PUT, the end of the session; HOW has what is still to be sent. */
static int finish(struct session *s, const char *digest, const struct ch_http_request *how,
		  struct ch_http_answer *answer, struct ch_err *err)
{
	ch_auto(str) char *url = NULL;
	struct ch_exchange x = { .request = *how };

	if (ch_url_add(s->url, "digest", digest, &url, err) < 0)
		return err->code;
	x.request.method = "PUT";
	x.request.url = url;
	x.request.content_type = "application/octet-stream";
	return ch_registry_send(s->registry, &x, answer, err);
}

/* Did the blob arrive, and only the answer got lost? Then there is no such session any more. */
static bool has_it(struct session *s, const char *digest)
{
	struct ch_err err;
	bool has = false;

	return ch_registry_has_blob(s->registry, digest, &has, &err) == 0 && has;
}

/* The last request has failed, or was answered by ANSWER, which is no success: is it to be tried
 * again? Then *ret_offset is how much the registry has.
 * Returns 0: yes; or the error, which is in ERR. RC: that of the request, in ERR, if not 0 */
static int recover(struct session *s, const struct ch_http_answer *answer, int rc,
		   struct ch_err *err)
{
	uint64_t before = s->sent;
	struct ch_err why = *err;
	int again = 1;

	if (rc == 0)
		ch_reason_err(answer, &why);
	/* Nothing was amiss but the authorization, and that is a new one now. */
	if (rc != -EAGAIN)
		again = ch_retry_wait(&s->retry, s->registry->http, answer, rc < 0 ? err : &why);
	if (again < 0)
		return err->code;
	if (again == 0) {
		*err = why;
		return why.code;
	}
	if (ask_offset(s, &s->sent, err) < 0) {
		if (err->code == -ENOENT && s->u->fd >= 0)
			return begin(s, err);
		return ch_err_in(err, "%.200s; then, going on with it", why.msg);
	}
	if (s->sent > before)
		s->retry.failures = 0;
	return 0;
}

/* ---- files ----------------------------------------------------------------------------------- */

/* At the begin, all of it by PUT; what is left after a break, or where that is too much for the
 * registry, by PATCH. */
static int send_part(struct session *s, struct part *part, struct ch_http_answer *answer,
		     struct ch_err *err)
{
	uint64_t size = s->u->blob->size;
	struct ch_http_request how = {
		.read = read_part,
		.read_context = part,
		.size = part->end - part->at,
	};
	struct ch_exchange x = { 0 };
	char range[64];

	if (part->at == size || (part->at == 0 && part->end == size))
		return finish(s, s->u->blob->digest, &how, answer, err);
	snprintf(range, sizeof(range), "%llu-%llu", (unsigned long long)part->at,
		 (unsigned long long)part->end - 1);
	x.request = how;
	x.request.method = "PATCH";
	x.request.url = s->url;
	x.request.content_type = "application/octet-stream";
	x.request.content_range = range;
	return ch_registry_send(s->registry, &x, answer, err);
}

/* The registry, or what is in front of it, takes no such long bodies. Returns false if it does not
 * even take short ones. */
static bool send_less(struct session *s)
{
	if (s->most <= LEAST)
		return false;
	s->most = s->most > CHUNK_MAX ? CHUNK_MAX : s->most / 4;
	return true;
}

static int upload_file(struct session *s, struct ch_err *err)
{
	ch_auto(http_answer) struct ch_http_answer answer = { 0 };
	uint64_t size = s->u->blob->size;

	for (;;) {
		uint64_t left = size - s->sent, n = left < s->most ? left : s->most;
		struct part part = { .u = s->u, .at = s->sent, .end = s->sent + n };
		int rc = send_part(s, &part, &answer, err);

		if (rc == 0 && answer.status == 201)
			return 0;
		if (rc == 0 && answer.status == 202) {
			if (keep_location(s, &answer, err) < 0)
				return err->code;
			s->sent += n;
		} else if (rc == 0 && answer.status == 413 && send_less(s)) {
			if (begin(s, err) < 0)
				return err->code;
		} else if (recover(s, &answer, rc, err) < 0) {
			return err->code;
		} else if (s->sent == 0 && has_it(s, s->u->blob->digest)) {
			return 0;
		}
		if (s->sent > size)
			return ch_err_set(err, -EPROTO, "the registry has more than was sent");
	}
}

/* ---- streams --------------------------------------------------------------------------------- */

/* Fill a chunk. *ret_len is less than its size at the end only. */
static int read_chunk(struct session *s, char *chunk, size_t *ret_len, struct ch_err *err)
{
	size_t len = 0, n = 1;

	while (len < s->chunk && n > 0) {
		if (s->u->read(s->u->context, chunk + len, s->chunk - len, &n, err) < 0)
			return err->code;
		len += n;
	}
	ch_hash_more(&s->hash, chunk, len);
	*ret_len = len;
	return 0;
}

/* The chunk begins at START of the blob; its first SKIP bytes have arrived. */
static int patch(struct session *s, const char *chunk, size_t len, size_t skip, uint64_t start,
		 struct ch_http_answer *answer, struct ch_err *err)
{
	/* It must not be repeated without a look at what has arrived. */
	struct ch_exchange x = { .once = true };
	char range[64];

	snprintf(range, sizeof(range), "%llu-%llu", (unsigned long long)(start + skip),
		 (unsigned long long)(start + len - 1));
	x.request = (struct ch_http_request){
		.method = "PATCH",
		.url = s->url,
		.content_type = "application/octet-stream",
		.content_range = range,
		.bytes = chunk + skip,
		.size = len - skip,
	};
	return ch_registry_send(s->registry, &x, answer, err);
}

static int send_chunk(struct session *s, const char *chunk, size_t len, struct ch_err *err)
{
	ch_auto(http_answer) struct ch_http_answer answer = { 0 };
	uint64_t start = s->sent;

	while (s->sent < start + len) {
		int rc = patch(s, chunk, len, (size_t)(s->sent - start), start, &answer, err);

		if (rc == 0 && answer.status == 202) {
			s->sent = start + len;
			if (keep_location(s, &answer, err) < 0)
				return err->code;
		} else if (recover(s, &answer, rc, err) < 0) {
			return err->code;
		}
		if (s->sent < start || s->sent > start + len)
			return ch_err_set(err, -EPROTO, "the registry has lost what it had");
	}
	ch_progress_add(s->u->progress, len);
	return 0;
}

static int upload_stream(struct session *s, char digest[CH_OCI_DIGEST_SIZE], struct ch_err *err)
{
	ch_auto(http_answer) struct ch_http_answer answer = { 0 };
	ch_auto(mem) char *chunk = malloc(s->chunk);
	struct ch_http_request nothing = { 0 };
	size_t len = 0;

	if (!chunk)
		return ch_err_nomem(err);
	if (ch_hash_start(&s->hash, CH_SHA256, err) < 0)
		return err->code;
	do {
		if (read_chunk(s, chunk, &len, err) < 0 ||
		    (len > 0 && send_chunk(s, chunk, len, err) < 0))
			return err->code;
	} while (len == s->chunk);
	ch_digest_end(&s->hash, digest);
	if (finish(s, digest, &nothing, &answer, err) < 0)
		return err->code;
	if (answer.status == 201)
		return 0;
	ch_reason_err(&answer, err);
	return has_it(s, digest) ? 0 : err->code;
}

/* ---- all ------------------------------------------------------------------------------------- */

static int upload_any(struct session *s, char digest[CH_OCI_DIGEST_SIZE], struct ch_err *err)
{
	if (begin(s, err) < 0)
		return err->code;
	if (s->u->fd < 0)
		return upload_stream(s, digest, err);
	memcpy(digest, s->u->blob->digest, CH_OCI_DIGEST_SIZE);
	return upload_file(s, err);
}

int ch_registry_upload(struct ch_registry *registry, const struct ch_registry_upload *upload,
		       char ret_digest[CH_OCI_DIGEST_SIZE], uint64_t *ret_size, struct ch_err *err)
{
	ch_auto(session) struct session s = {
		.registry = registry, .u = upload, .chunk = CHUNK, .most = UINT64_MAX
	};
	char digest[CH_OCI_DIGEST_SIZE];

	if (upload_any(&s, digest, err) < 0)
		return ch_err_in(err, "registry '%s': send a blob to '%s'",
				 ch_registry_host(registry), ch_registry_repository(registry));
	if (ret_digest)
		memcpy(ret_digest, digest, sizeof(digest));
	if (ret_size)
		*ret_size = upload->fd < 0 ? s.sent : upload->blob->size;
	return 0;
}
