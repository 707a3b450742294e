/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/fetch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "base/text.h"
#include "hash/hash.h"
#include "registry/digest.h"
#include "registry/exchange.h"
#include "registry/reason.h"
#include "registry/url.h"
#include "sys/write.h"

/* A file on its way */
struct transfer {
	const struct ch_fetch *f;
	struct ch_hash hash;
	uint64_t got;
};

static int receive(void *context, const void *bytes, size_t len, struct ch_err *err)
{
	struct transfer *t = context;
	int rc;

	ch_hash_more(&t->hash, bytes, len);
	if (t->f->max > 0 && len > t->f->max - t->got)
		return ch_err_set(err, -EFBIG, "it is longer than %llu bytes",
				  (unsigned long long)t->f->max);
	ch_progress_add(t->f->progress, len);
	rc = ch_pwrite_all(t->f->fd, bytes, len, (off_t)t->got);
	if (rc < 0)
		return ch_err_rc(err, rc, "write");
	t->got += len;
	return 0;
}

static int start(struct transfer *t, struct ch_err *err)
{
	t->got = 0;
	if (ftruncate(t->f->fd, 0) < 0)
		return ch_err_sys(err, "file");
	return ch_hash_start(&t->hash, CH_SHA256, err);
}

/* From the begin: between two requests, the file may be another one there. */
static int transfer(struct transfer *t, struct ch_http *http, struct ch_http_answer *answer,
		    struct ch_err *err)
{
	struct ch_exchange x = { .http = http };

	for (;;) {
		int rc = start(t, err);

		if (rc < 0)
			return rc;
		x.request = (struct ch_http_request){
			.method = "GET",
			.url = t->f->url,
			.write = receive,
			.write_context = t,
		};
		rc = ch_exchange_run(&x, answer, err);
		if (rc == 0 && answer->status != 200)
			return ch_reason_err(answer, err);
		if (rc == 0 || !answer->may_pass || t->got == 0)
			return rc;
		rc = ch_retry_wait(&x.retry, http, answer, err);
		if (rc <= 0)
			return err->code;
	}
}

static int finish(struct transfer *t, const struct ch_http_answer *answer, struct ch_fetched *ret,
		  struct ch_err *err)
{
	char digest[CH_OCI_DIGEST_SIZE];

	ch_digest_end(&t->hash, digest);
	if (t->f->digest && strcmp(t->f->digest, digest) != 0)
		return ch_err_set(err, -EBADMSG, "its digest is %s, not %s", digest, t->f->digest);
	memcpy(ret->digest, digest, sizeof(digest));
	ret->size = t->got;
	ret->modified = answer->modified;
	return 0;
}

static int fetch(const struct ch_fetch *fetch, struct ch_http *http, struct ch_fetched *ret,
		 struct ch_err *err)
{
	ch_auto(http_answer) struct ch_http_answer answer = { 0 };
	struct transfer t = { .f = fetch };
	int rc = transfer(&t, http, &answer, err);

	if (rc == 0)
		rc = finish(&t, &answer, ret, err);
	ch_hash_done(&t.hash);
	return rc;
}

int ch_fetch(const struct ch_fetch *what, struct ch_fetched *ret, struct ch_err *err)
{
	struct ch_http_options options = { .no_verify = what->no_verify, .cancel = what->cancel };
	struct ch_http *http;
	int rc = what->digest ? ch_oci_digest_check(what->digest, err) : 0;

	if (rc == 0)
		rc = ch_http_new(&options, &http, err);
	if (rc == 0) {
		rc = fetch(what, http, ret, err);
		ch_http_free(http);
	}
	if (rc < 0)
		return ch_err_in(err, "get '%.*s'", (int)strcspn(what->url, "?"), what->url);
	return 0;
}

int ch_fetch_name(const char *url, char **ret_name, struct ch_err *err)
{
	ch_auto(str) char *path = NULL;
	const char *name;

	if (ch_url_path(url, &path, err) < 0)
		return err->code;
	name = strrchr(path, '/');
	name = name ? name + 1 : path;
	*ret_name = NULL;
	return ch_text_copy(strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ? "" : name, ret_name,
			    err);
}

bool ch_fetch_is_url(const char *text)
{
	return strncasecmp(text, "http://", strlen("http://")) == 0 ||
	       strncasecmp(text, "https://", strlen("https://")) == 0;
}
