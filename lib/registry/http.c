/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/http_answer.h"
#include "registry/proxy.h"
#include "registry/trust.h"
#include "registry/url.h"

enum {
	CONNECT_SECONDS = 20,
	SILENCE_SECONDS = 60,	  /* without any data worth the name; see $CH_REGY_TIMEOUT */
	SILENCE_TIMES = 10,	  /* longer, if the server has much to do */
	SLOWEST = 10,		  /* bytes a second that are worth it */
	HEADERS_MAX = 256 * 1024, /* bytes of all headers of an answer */
	HEADER_MAX = 64 * 1024,
	BUFFER = 512 * 1024,
	SMALL = 1024 * 1024, /* bytes of a body that are sent without asking */
};

struct ch_http {
	CURL *easy;
	struct ch_trust trust;
	char *home; /* "https://HOST:PORT" of the registry that TRUST is for; or NULL */
	const atomic_bool *cancel;
	bool no_verify;
	long silence; /* seconds */
};

/* An exchange under way */
struct exchange {
	struct ch_http *http;
	const struct ch_http_request *request;
	struct ch_http_answer *answer;
	struct ch_err *err; /* set by our functions that libcurl calls, if CODE is not 0 */
	int code;
	struct ch_proxy proxy; /* that the environment names for it */
	long tunnel;	       /* what it answered to CONNECT; 0: nothing */
	size_t headers;	       /* bytes so far */
	uint64_t to_drop;      /* bytes that were not asked for */
	size_t sent;	       /* of the request's bytes */
	bool is_begun;	       /* the body */
	time_t deadline;       /* of CLOCK_MONOTONIC; 0: none */
	char why[CURL_ERROR_SIZE];
};

/* ---- life ------------------------------------------------------------------------------------ */

static void global_init(void)
{
	curl_global_init(CURL_GLOBAL_DEFAULT);
}

static long silence_seconds(void)
{
	const char *text = getenv("CH_REGY_TIMEOUT");
	struct ch_err err;
	uint32_t seconds;

	if (!text || ch_text_u32(text, "CH_REGY_TIMEOUT", 1, 86400, &seconds, &err) < 0)
		return SILENCE_SECONDS;
	return seconds;
}

static int set_home(struct ch_http *http, const char *registry, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf home = CH_BUF_INIT(CH_URL_MAX);
	char *system = NULL;

	if (!registry)
		return 0;
	ch_buf_addf(&home, "https://%s", registry);
	if (ch_buf_take(&home, &http->home) < 0)
		return ch_err_nomem(err);
	curl_easy_getinfo(http->easy, CURLINFO_CAINFO, &system);
	return ch_trust_registry(&http->trust, registry, system, err);
}

int ch_http_new(const struct ch_http_options *options, struct ch_http **ret_http,
		struct ch_err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct ch_http *http = calloc(1, sizeof(*http));

	pthread_once(&once, global_init);
	if (!http)
		return ch_err_nomem(err);
	http->easy = curl_easy_init();
	http->cancel = options->cancel;
	http->no_verify = options->no_verify;
	http->silence = silence_seconds();
	if (!http->easy)
		ch_err_nomem(err);
	else if (set_home(http, options->registry, err) == 0) {
		*ret_http = http;
		return 0;
	}
	ch_http_free(http);
	return err->code;
}

void ch_http_free(struct ch_http *http)
{
	if (!http)
		return;
	curl_easy_cleanup(http->easy);
	ch_trust_done(&http->trust);
	free(http->home);
	free(http);
}

bool ch_http_is_canceled(const struct ch_http *http)
{
	return http->cancel && atomic_load_explicit(http->cancel, memory_order_relaxed);
}

/* ---- what libcurl calls ---------------------------------------------------------------------- */

/* Of an interim answer, or a proxy's, nothing is left when the next one begins. */
static size_t on_header(char *line, size_t size, size_t n, void *data)
{
	struct exchange *x = data;

	(void)line;
	x->headers += size * n;
	if (x->headers > HEADERS_MAX) {
		x->code = ch_err_set(x->err, -EPROTO,
				     "the answer has more than %d bytes of headers", HEADERS_MAX);
		return 0;
	}
	return size * n;
}

/* The first bytes of the body: where do they belong? */
static int begin_body(struct exchange *x)
{
	struct curl_header *h;
	unsigned long long start;
	long status = 0;

	curl_easy_getinfo(x->http->easy, CURLINFO_RESPONSE_CODE, &status);
	x->answer->status = (int)status;
	x->is_begun = true;
	if (status != 206) {
		x->to_drop = status == 200 ? x->request->from : 0;
		return 0;
	}
	if (curl_easy_header(x->http->easy, "Content-Range", 0, CURLH_HEADER, -1, &h) !=
		    CURLHE_OK ||
	    sscanf(h->value, "bytes %llu-", &start) != 1 || start != x->request->from)
		return ch_err_set(x->err, -EPROTO, "other bytes were sent than those from %llu on",
				  (unsigned long long)x->request->from);
	return 0;
}

static int gather(struct exchange *x, const char *bytes, size_t len)
{
	struct ch_buf *text = &x->answer->text;
	size_t room = text->max - text->len;

	if (len > room && x->answer->status / 100 == 2)
		return ch_err_set(x->err, -EFBIG, "the answer is longer than %zu bytes", text->max);
	ch_buf_add(text, bytes, len < room ? len : room);
	return ch_buf_bad(text) ? ch_err_nomem(x->err) : 0;
}

static int take_body(struct exchange *x, const char *bytes, size_t len)
{
	const struct ch_http_request *r = x->request;

	if (!x->is_begun && begin_body(x) < 0)
		return x->err->code;
	if (!r->write || (x->answer->status != 200 && x->answer->status != 206))
		return gather(x, bytes, len);

	size_t dropped = x->to_drop < len ? (size_t)x->to_drop : len;

	x->to_drop -= dropped;
	return len > dropped ? r->write(r->write_context, bytes + dropped, len - dropped, x->err)
			     : 0;
}

static size_t on_body(char *bytes, size_t size, size_t n, void *data)
{
	struct exchange *x = data;

	x->code = take_body(x, bytes, size * n);
	return x->code < 0 ? 0 : size * n;
}

static size_t copy_bytes(struct exchange *x, char *to, size_t room)
{
	size_t left = (size_t)x->request->size - x->sent;
	size_t n = left < room ? left : room;

	memcpy(to, (const char *)x->request->bytes + x->sent, n);
	x->sent += n;
	return n;
}

static size_t on_read(char *bytes, size_t size, size_t n, void *data)
{
	struct exchange *x = data;
	size_t got = 0;

	if (x->request->bytes)
		return copy_bytes(x, bytes, size * n);
	if (!x->request->read)
		return 0;
	x->code = x->request->read(x->request->read_context, bytes, size * n, &got, x->err);
	return x->code < 0 ? CURL_READFUNC_ABORT : got;
}

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

/* What is no data is short: who takes that long for it does not want to end. */
static void set_deadline(struct exchange *x)
{
	const struct ch_http_request *r = x->request;

	if (!r->write && !r->read)
		x->deadline = now() + x->http->silence * SILENCE_TIMES * (r->is_slow ? 2 : 1);
}

static int on_tick(void *data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct exchange *x = data;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	if (x->deadline && now() > x->deadline)
		x->code = ch_err_set(x->err, -ETIMEDOUT, "the answer does not end");
	return x->code < 0 || ch_http_is_canceled(x->http);
}

/* ---- the request ----------------------------------------------------------------------------- */

static void ch_auto_slist(struct curl_slist **list)
{
	for (struct curl_slist *item = *list; item; item = item->next)
		explicit_bzero(item->data, strlen(item->data));
	curl_slist_free_all(*list);
}

/* Nothing of what others said may begin another header. */
static bool is_value(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

/* value: NULL: none. "": libcurl is to send none, either */
static int add_header(struct curl_slist **list, const char *name, const char *value,
		      struct ch_err *err)
{
	ch_auto(buf) struct ch_buf line = CH_BUF_INIT(HEADER_MAX);
	struct curl_slist *longer;

	if (!value)
		return 0;
	if (!is_value(value))
		return ch_err_set(err, -EINVAL, "header '%s': it has control characters", name);
	ch_buf_addf(&line, "%s:%s%s", name, value[0] ? " " : "", value);
	longer = ch_buf_bad(&line) ? NULL : curl_slist_append(*list, line.data);
	if (line.data)
		explicit_bzero(line.data, line.len);
	if (!longer)
		return ch_err_set(err, -ENOMEM, "header '%s': out of memory, or too long", name);
	*list = longer;
	return 0;
}

static int make_headers(const struct ch_http_request *r, struct curl_slist **ret,
			struct ch_err *err)
{
	char range[48];

	snprintf(range, sizeof(range), "bytes=%llu-", (unsigned long long)r->from);
	if (add_header(ret, "Authorization", r->authorization, err) < 0 ||
	    add_header(ret, "Accept", r->accept, err) < 0 ||
	    add_header(ret, "Content-Type", r->content_type, err) < 0 ||
	    add_header(ret, "Content-Range", r->content_range, err) < 0 ||
	    add_header(ret, "Range", r->from > 0 ? range : NULL, err) < 0 ||
	    /* To ask whether it is welcome takes longer than to send it; and a second, where a
	     * proxy does not pass on the answer. */
	    add_header(ret, "Expect", r->size <= SMALL ? "" : NULL, err) < 0)
		return err->code;
	return 0;
}

static void set_method(CURL *c, const struct ch_http_request *r)
{
	if (strcmp(r->method, "HEAD") == 0) {
		curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
		return;
	}
	if (strcmp(r->method, "GET") == 0)
		return;
	curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, r->method);
	curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)r->size);
}

/* The authorities that we believe. is_home: of the registry's own, too */
static void set_authorities(struct ch_http *http, bool is_home)
{
	const char *file = ch_trust_file();
	struct curl_blob blob = { .data = http->trust.certs.data,
				  .len = http->trust.certs.len,
				  .flags = CURL_BLOB_NOCOPY };

	if (file)
		curl_easy_setopt(http->easy, CURLOPT_CAINFO, file);
	if (is_home && blob.len > 0)
		curl_easy_setopt(http->easy, CURLOPT_CAINFO_BLOB, &blob);
}

static void set_trust(struct ch_http *http, const struct ch_http_request *r)
{
	CURL *c = http->easy;
	bool is_home = http->home && ch_url_is_same_server(http->home, r->url);

	if (http->no_verify || r->is_probe) {
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 0L);
	} else {
		set_authorities(http, is_home);
	}
	if (is_home && !http->no_verify && http->trust.client_cert) {
		curl_easy_setopt(c, CURLOPT_SSLCERT, http->trust.client_cert);
		curl_easy_setopt(c, CURLOPT_SSLKEY, http->trust.client_key);
	}
}

static void set_functions(CURL *c, struct exchange *x)
{
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, x->why);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
	curl_easy_setopt(c, CURLOPT_READDATA, x);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_tick);
	curl_easy_setopt(c, CURLOPT_XFERINFODATA, x);
}

/* To whom it wants to be encrypted, a proxy has to prove who it is, too. */
static void set_proxy(CURL *c, const struct ch_proxy *proxy)
{
	const char *file = ch_trust_file();

	curl_easy_setopt(c, CURLOPT_PROXY, proxy->variable ? proxy->url : "");
	if (file)
		curl_easy_setopt(c, CURLOPT_PROXY_CAINFO, file);
}

static void set_rest(struct ch_http *http, bool is_slow)
{
	CURL *c = http->easy;

	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(c, CURLOPT_USERAGENT, "ch-image");
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, (long)SLOWEST);
	curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, http->silence * (is_slow ? SILENCE_TIMES : 1));
	curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
	curl_easy_setopt(c, CURLOPT_BUFFERSIZE, (long)BUFFER);
	curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, (long)BUFFER);
	curl_easy_setopt(c, CURLOPT_FILETIME, 1L);
}

/* libcurl ignores SIGPIPE only if it may change the process's signals. So it is blocked in this
 * thread, and one that came of our connection is taken away. */
static CURLcode perform(CURL *c)
{
	sigset_t pipe, before, pending;
	struct timespec now = { 0 };
	bool was_there;
	CURLcode rc;

	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	sigpending(&pending);
	was_there = sigismember(&pending, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, &before);
	rc = curl_easy_perform(c);
	if (!was_there)
		while (sigtimedwait(&pipe, NULL, &now) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

/* ---- the exchange ------------------------------------------------------------------------------
 */

/* The proxy, and not the server, has answered. */
static int fail_by_proxy(struct exchange *x, int status)
{
	x->answer->may_pass = status >= 500;
	return ch_proxy_err(&x->proxy, status, x->err);
}

static int fail(struct exchange *x, CURLcode rc)
{
	int code = ch_http_code((int)rc, &x->answer->may_pass);

	if (rc == CURLE_WRITE_ERROR || rc == CURLE_ABORTED_BY_CALLBACK)
		x->answer->may_pass = false;
	if (x->code < 0)
		return x->code;
	if (code == -ECANCELED)
		return ch_err_set(x->err, code, "canceled");
	if (x->tunnel >= 300)
		return fail_by_proxy(x, (int)x->tunnel);
	ch_text_one_line(x->why);
	ch_err_set(x->err, code, "%.200s%s", x->why[0] ? x->why : curl_easy_strerror(rc),
		   code == -EKEYREJECTED ? "; see --tls-no-verify" : "");
	return x->proxy.variable && x->answer->may_pass ? ch_proxy_hint(&x->proxy, x->err) : code;
}

/* Queries may have keys in them. */
static void log_exchange(const struct ch_http_request *r, const struct ch_http_answer *answer)
{
	ch_log(CH_DEBUG, "%s %.*s: %d", r->method, (int)strcspn(r->url, "?"), r->url,
	       answer->status);
}

int ch_http_do(struct ch_http *http, const struct ch_http_request *request,
	       struct ch_http_answer *ret, struct ch_err *err)
{
	ch_auto(slist) struct curl_slist *headers = NULL;
	ch_auto(url) struct ch_url url = { 0 };
	struct exchange x = { .http = http, .request = request, .answer = ret, .err = err };
	CURLcode rc;

	ch_http_answer_done(ret);
	ret->text = CH_BUF_INIT(request->text_max ? request->text_max : CH_HTTP_TEXT_MAX);
	if (ch_url_parse(request->url, &url, err) < 0 || ch_proxy_find(&url, &x.proxy, err) < 0 ||
	    make_headers(request, &headers, err) < 0)
		return err->code;
	curl_easy_reset(http->easy);
	set_rest(http, request->is_slow);
	set_proxy(http->easy, &x.proxy);
	set_trust(http, request);
	set_functions(http->easy, &x);
	set_deadline(&x);
	set_method(http->easy, request);
	curl_easy_setopt(http->easy, CURLOPT_HTTPHEADER, headers);
	if (curl_easy_setopt(http->easy, CURLOPT_URL, request->url) != CURLE_OK)
		return ch_err_nomem(err);
	rc = perform(http->easy);
	ch_http_answer_read(http->easy, ret);
	curl_easy_getinfo(http->easy, CURLINFO_HTTP_CONNECTCODE, &x.tunnel);
	if (!url.is_https)
		ret->proxy = x.proxy;
	log_exchange(request, ret);
	/* The list, and this frame, are gone after it. */
	curl_easy_reset(http->easy);
	if (rc != CURLE_OK)
		return fail(&x, rc);
	if (ret->status == 407 && x.proxy.variable)
		return fail_by_proxy(&x, ret->status);
	return ret->challenges.bad ? ch_err_nomem(err) : 0;
}
