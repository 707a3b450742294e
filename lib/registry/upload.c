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
#include "registry/inner.h"
#include "registry/reason.h"
#include "registry/url.h"

/* A blob goes up in a session: POST gives it a URL; PUT with the digest ends it, and may carry all
 * of the blob; before that, PATCH appends a chunk. Each answer has the URL for the next request.
 * When a connection breaks, GET of that URL tells how much has arrived. */

enum {
	MOST = 128 << 20, /* bytes of a request, for a registry that does not take all at once */
	LEAST = 512 << 10,
	EXCUSES =
		3, /* requests in vain that are nobody's fault, before something new has arrived */
};

struct session {
	struct ch_registry *registry;
	const struct ch_registry_upload *u;
	struct ch_retry retry;
	unsigned excuses; /* so far */
	char *url;	  /* for the next request; owned */
	uint64_t sent;	  /* bytes that the registry has */
	uint64_t record;  /* the most that it has ever had */
	uint64_t most;	  /* bytes of a request */
	bool is_done;	  /* it has the blob */
};

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
	return keep_location(s, &answer, err);
}

/* "0-N", with the last byte's number: a session with nothing in it looks like one with a byte.
 * Some write it as in other headers. */
static bool read_range(const struct ch_http_answer *answer, uint64_t *ret_offset)
{
	unsigned long long last;

	if (!answer->range || (sscanf(answer->range, "0-%llu", &last) != 1 &&
			       sscanf(answer->range, "bytes=0-%llu", &last) != 1))
		return false;
	*ret_offset = last == 0 ? 0 : last + 1;
	return true;
}

/* How much has arrived? Returns 0, or -ENOENT there is no such session any more, ... */
static int ask_offset(struct session *s, uint64_t *ret_offset, struct ch_err *err)
{
	ch_auto(http_answer) struct ch_http_answer answer = { 0 };

	if (ch_registry_ask(s->registry, "GET", s->url, &answer, err) < 0)
		return err->code;
	if (answer.status != 204)
		return ch_reason_err(&answer, err);
	if (!read_range(&answer, ret_offset))
		return ch_err_set(err, -EPROTO, "the answer does not say how much has arrived");
	return keep_location(s, &answer, err);
}

/* ---- sources --------------------------------------------------------------------------------- */

/* What a request sends: a part of the blob. */
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

	*ret_n = size < left ? size : (size_t)left;
	if (p->u->bytes)
		memcpy(bytes, (const char *)p->u->bytes + p->at, *ret_n);
	else if (left > 0 && read_file(p->u->fd, bytes, *ret_n, p->at, ret_n, err) < 0)
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
	/* All is there: the registry puts it together, and copies it, maybe. */
	x.request.is_slow = how->size == 0;
	return ch_registry_send(s->registry, &x, answer, err);
}

/* Did the blob arrive, and only the answer got lost? Then there is no such session any more. */
static bool has_it(struct session *s, const char *digest)
{
	struct ch_err err;
	bool has = false;

	return ch_registry_has_blob(s->registry, digest, &has, &err) == 0 && has;
}

/* What is wrong with us, and not with the registry? */
static void explain(const struct ch_http_answer *answer, struct ch_err *err)
{
	bool is_other = answer->status == 400 && answer->text.len > 0 &&
			strstr(answer->text.data, "DIGEST_INVALID");

	ch_reason_err(answer, err);
	if (is_other)
		err->code = -EBADMSG;
}

/* Bytes that had arrived in an older session, which is lost, do not count again: a registry that
 * always forgets would have them for ever. */
static void note_progress(struct session *s)
{
	if (s->sent <= s->record)
		return;
	s->record = s->sent;
	s->retry.failures = 0;
	s->excuses = 0;
}

/* A request has failed, for the reason WHY, or was answered by ANSWER: is there a next one? If so,
 * it is time for it. Returns as ch_retry_wait. */
static int may_repeat(struct session *s, const struct ch_http_answer *answer, int rc,
		      struct ch_err *why)
{
	bool is_renewed = rc == -EAGAIN; /* the authorization, and nothing else was amiss */
	bool is_misplaced = rc == 0 && answer->status == 416; /* more or less had arrived */

	if (is_renewed || is_misplaced)
		return ++s->excuses <= EXCUSES;
	return ch_retry_wait(&s->retry, s->registry->http, answer, why);
}

/* The last request has failed, or was answered by ANSWER, which is no success: is it to be tried
 * again? Then "sent" is how much the registry has.
 * Returns 0: yes; or the error, which is in ERR. RC: that of the request, in ERR, if not 0 */
static int recover(struct session *s, const struct ch_http_answer *answer, int rc,
		   struct ch_err *err)
{
	struct ch_err why = *err;

	if (rc == 0)
		explain(answer, &why);
	else if (rc == -EAGAIN)
		ch_err_set(&why, -EACCES, "the authorization is refused each time");
	if (may_repeat(s, answer, rc, &why) <= 0) {
		*err = why;
		return why.code;
	}
	if (ask_offset(s, &s->sent, err) == 0) {
		note_progress(s);
		return 0;
	}
	if (err->code != -ENOENT)
		return ch_err_in(err, "%.200s; then, going on with it", why.msg);
	s->is_done = has_it(s, s->u->blob->digest);
	return s->is_done ? 0 : begin(s, err);
}

/* ---- uploads --------------------------------------------------------------------------------- */

/* Are the bytes from AT to END sent by PUT? */
static bool ends_session(const struct session *s, uint64_t at, uint64_t end)
{
	return at == s->u->blob->size || (at == 0 && end == s->u->blob->size);
}

/* At the begin, all of it by PUT; what is left after a break, or where that is too much for the
 * registry, by PATCH. */
static int send_part(struct session *s, struct part *part, struct ch_http_answer *answer,
		     struct ch_err *err)
{
	struct ch_http_request how = {
		.read = read_part,
		.read_context = part,
		.size = part->end - part->at,
	};
	struct ch_exchange x = { 0 };
	char range[64];

	if (ends_session(s, part->at, part->end))
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
	s->most = s->most > MOST ? MOST : s->most / 4;
	return true;
}

/* A part was accepted, up to END, or less of it. */
static int go_on(struct session *s, const struct ch_http_answer *answer, uint64_t end,
		 struct ch_err *err)
{
	uint64_t arrived;

	if (ends_session(s, s->sent, end))
		return ch_err_set(err, -EPROTO, "it has all, but does not end (202)");
	if (!read_range(answer, &arrived) || arrived <= s->sent || arrived > end)
		arrived = end;
	s->sent = arrived;
	note_progress(s);
	return keep_location(s, answer, err);
}

static int send_next(struct session *s, struct ch_err *err)
{
	ch_auto(http_answer) struct ch_http_answer answer = { 0 };
	uint64_t left = s->u->blob->size - s->sent, n = left < s->most ? left : s->most;
	struct part part = { .u = s->u, .at = s->sent, .end = s->sent + n };
	int rc = send_part(s, &part, &answer, err);

	s->is_done = rc == 0 && answer.status == 201;
	if (s->is_done)
		return 0;
	if (rc == 0 && answer.status == 202)
		return go_on(s, &answer, s->sent + n, err);
	if (rc == 0 && answer.status == 413 && send_less(s))
		return begin(s, err);
	return recover(s, &answer, rc, err);
}

static int send_all(struct session *s, struct ch_err *err)
{
	while (!s->is_done) {
		if (send_next(s, err) < 0)
			return err->code;
		if (s->sent > s->u->blob->size)
			return ch_err_set(err, -EPROTO, "the registry has more than was sent");
	}
	return 0;
}

static int upload_all(struct session *s, struct ch_err *err)
{
	return begin(s, err) < 0 ? err->code : send_all(s, err);
}

int ch_registry_upload(struct ch_registry *registry, const struct ch_registry_upload *upload,
		       struct ch_err *err)
{
	struct session s = { .registry = registry, .u = upload, .most = UINT64_MAX };
	int rc = upload_all(&s, err);

	free(s.url);
	if (rc < 0)
		return ch_err_in(err, "registry '%s': send a blob to '%s'",
				 ch_registry_host(registry), ch_registry_repository(registry));
	return 0;
}
