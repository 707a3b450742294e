/* SPDX-License-Identifier: Apache-2.0 */
/* http.h - one HTTP exchange: the one door to libcurl
 *
 * One request, one answer: nothing is repeated, and no redirect is followed (exchange.h does
 * both). Proxies are those of the usual variables (proxy.h). Certificate authorities are the
 * system's, or those of the file that $CURL_CA_BUNDLE, $SSL_CERT_FILE or $REQUESTS_CA_BUNDLE names;
 * for a registry, those of its directory below certs.d, too (trust.h). */
#ifndef CH_REGISTRY_HTTP_H
#define CH_REGISTRY_HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/buf.h"
#include "base/words.h"
#include "registry/proxy.h"

struct ch_err;
struct ch_http;

#define CH_HTTP_TEXT_MAX                                                                           \
	(64 * 1024) /* bytes of an answer that is not data, if nothing else is                     \
		     * said */

struct ch_http_options {
	bool no_verify;		   /* of certificates */
	const atomic_bool *cancel; /* borrowed; see registry.h; or NULL */
	const char *registry;	   /* "HOST:PORT" with a directory below certs.d; or NULL */
};

/* Its connections are kept for the next requests. For one thread at a time. */
int ch_http_new(const struct ch_http_options *options, struct ch_http **ret_http,
		struct ch_err *err);

void ch_http_free(struct ch_http *http);

/* A source of bytes: fills SIZE bytes as far as possible; *ret_n 0: the end. */
typedef int ch_http_read(void *context, void *bytes, size_t size, size_t *ret_n,
			 struct ch_err *err);

typedef int ch_http_write(void *context, const void *bytes, size_t len, struct ch_err *err);

/* All is borrowed; what is not needed is zero. */
struct ch_http_request {
	const char *method;
	const char *url;
	const char *authorization; /* value of the header; secret */
	const char *accept;
	const char *content_type, *content_range;

	/* GET: only what is behind that many bytes. If the server sends all, these are dropped
	 * here. */
	uint64_t from;

	/* What is sent: SIZE bytes, at BYTES or of READ. */
	const void *bytes;
	ch_http_read *read;
	void *read_context;
	uint64_t size;
	bool is_slow; /* the server has much to do before it answers: it may be silent for longer */

	/* It matters only whether TLS is spoken: any certificate will do. (To read all authorities
	 * takes longer than the rest.) */
	bool is_probe;

	/* What comes with 200 or 206 goes there; else, it is gathered as text. */
	ch_http_write *write;
	void *write_context;
	size_t text_max; /* 0: CH_HTTP_TEXT_MAX; longer ones are an error with 2xx, or cut */
};

/* Texts are owned, or NULL. */
struct ch_http_answer {
	int status;
	char *type; /* Content-Type, without parameters */
	char *location;
	char *range;		    /* Range: of uploads */
	char *digest;		    /* Docker-Content-Digest */
	struct ch_words challenges; /* WWW-Authenticate */
	uint64_t wait;		    /* Retry-After, in seconds; 0: not given */
	int64_t length;		    /* Content-Length; -1: not given */
	time_t modified;	    /* Last-Modified; -1: not given */
	struct ch_buf text;
	struct ch_proxy
		proxy; /* that may have answered instead of the server: one of http; or zero */
	bool may_pass; /* after an error: it was one of the connection */
};

/* Send REQUEST, and receive the answer. ANSWER: zero, or one that is over.
 *
 * Errors: those of READ and WRITE, as they are; -EHOSTUNREACH no connection; -ECONNRESET it broke
 * off; -ETIMEDOUT; -EKEYREJECTED the certificate; -EPROTONOSUPPORT no TLS is spoken, or it broke
 * off while that was begun; -EPERM a proxy refuses; -EPROTO; -EFBIG; -ECANCELED; -ENOMEM. They do
 * not say with whom, except for a proxy. */
int ch_http_do(struct ch_http *http, const struct ch_http_request *request,
	       struct ch_http_answer *ret, struct ch_err *err);

void ch_http_answer_done(struct ch_http_answer *answer);

static inline void ch_auto_http_answer(struct ch_http_answer *answer)
{
	ch_http_answer_done(answer);
}

/* Is somebody tired of waiting? */
bool ch_http_is_canceled(const struct ch_http *http);

#endif
