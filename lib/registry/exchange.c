/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "registry/url.h"

enum {
	REPETITIONS = 5,
	CONNECTS = 2,	     /* of them, if there is no connection at all */
	FIRST_PAUSE = 250,   /* milliseconds */
	WAIT_MAX = 60,	     /* seconds that we wait because somebody says so */
	SLICE = 100,	     /* milliseconds between looks whether somebody is tired of it */
	PROGRESS = 64 << 10, /* bytes after which failures are forgotten */
	REDIRECTS = 10,
};

/* ---- repetitions ----------------------------------------------------------------------------- */

bool ch_retry_is_due(const struct ch_http_answer *answer)
{
	static const int statuses[] = { 408, 425, 429, 500, 502, 503, 504 };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (answer->status == statuses[i])
			return true;
	return answer->may_pass;
}

static int pause_for(const struct ch_http *http, uint64_t ms, struct ch_err *err)
{
	for (uint64_t passed = 0; passed < ms; passed += SLICE) {
		struct timespec slice = { .tv_nsec = SLICE * 1000000L };

		if (ch_http_is_canceled(http))
			return ch_err_set(err, -ECANCELED, "canceled");
		nanosleep(&slice, NULL);
	}
	return 0;
}

/* Between half and all of it; without good luck, all. */
static uint64_t shorten(uint64_t ms)
{
	uint8_t luck;

	if (getrandom(&luck, sizeof(luck), GRND_NONBLOCK) != sizeof(luck))
		return ms;
	return ms - ms / 2 * luck / 255;
}

int ch_retry_wait(struct ch_retry *retry, const struct ch_http *http,
		  const struct ch_http_answer *answer, struct ch_err *err)
{
	bool is_connected = !answer->may_pass ||
			    (err->code != -EHOSTUNREACH && err->code != -EPROTONOSUPPORT);
	uint64_t ms = shorten((uint64_t)FIRST_PAUSE << retry->failures);

	if (!ch_retry_is_due(answer) || answer->wait > WAIT_MAX ||
	    ++retry->failures > (is_connected ? REPETITIONS : CONNECTS))
		return 0;
	if (answer->wait > 0)
		ms = answer->wait * 1000;
	ch_log(CH_DEBUG, "trying again in %llu ms", (unsigned long long)ms);
	return pause_for(http, ms, err) < 0 ? err->code : 1;
}

/* ---- redirects ------------------------------------------------------------------------------- */

static bool is_redirect(const struct ch_http_request *r, const struct ch_http_answer *answer)
{
	static const int statuses[] = { 301, 302, 303, 307, 308 };

	if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "HEAD") != 0)
		return false;
	for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++)
		if (answer->status == statuses[i] && answer->location)
			return true;
	return false;
}

static bool is_https(const char *url)
{
	return strncmp(url, "https:", strlen("https:")) == 0;
}

/* R gets the new URL, which is in *PLACE, and no authorization if that is another server's. */
static int follow(struct ch_exchange *x, struct ch_http_request *r,
		  const struct ch_http_answer *answer, char **place, struct ch_err *err)
{
	ch_auto(str) char *url = NULL;

	if (ch_url_join(r->url, answer->location, &url, err) < 0)
		return ch_err_in(err, "redirect");
	if (is_https(r->url) && !is_https(url)) {
		url[strcspn(url, "?")] = '\0';
		ch_text_one_line(url);
		return ch_err_set(err, -EPROTO,
				  "redirect to '%.200s', which is not encrypted, is refused", url);
	}
	if (!ch_url_is_same_server(r->url, url)) {
		r->authorization = NULL;
		x->is_foreign = true;
	}
	free(*place);
	*place = ch_take(url);
	r->url = *place;
	return 0;
}

static int run_once(struct ch_exchange *x, struct ch_http_request *r, struct ch_http_answer *ret,
		    struct ch_err *err)
{
	ch_auto(str) char *url = NULL;

	x->is_foreign = false;
	for (unsigned i = 0; i <= REDIRECTS; i++) {
		if (ch_http_do(x->http, r, ret, err) < 0)
			return err->code;
		if (!is_redirect(r, ret))
			return 0;
		if (follow(x, r, ret, &url, err) < 0)
			return err->code;
	}
	return ch_err_set(err, -EPROTO, "there are more than %d redirects", REDIRECTS);
}

/* ---- both ------------------------------------------------------------------------------------ */

static int count_and_write(void *context, const void *bytes, size_t len, struct ch_err *err)
{
	struct ch_exchange *x = context;

	x->request.from += len;
	return x->request.write(x->request.write_context, bytes, len, err);
}

int ch_exchange_run(struct ch_exchange *x, struct ch_http_answer *ret, struct ch_err *err)
{
	for (;;) {
		struct ch_http_request r = x->request;
		uint64_t before = r.from;
		int rc, again;

		if (r.write) {
			r.write = count_and_write;
			r.write_context = x;
		}
		rc = run_once(x, &r, ret, err);
		if (x->request.from - before >= PROGRESS)
			x->retry.failures = 0;
		if (rc < 0 && ret->may_pass && x->end > 0 && x->request.from == x->end)
			return 0;
		if ((rc == 0 && !ch_retry_is_due(ret)) || x->request.read ||
		    (x->request.from > before && !x->resume))
			return rc;

		again = ch_retry_wait(&x->retry, x->http, ret, err);
		if (again <= 0)
			return again < 0 ? again : rc;
	}
}
