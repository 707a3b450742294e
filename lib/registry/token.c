/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "json/json.h"
#include "registry/credentials.h"
#include "registry/exchange.h"
#include "registry/reason.h"
#include "registry/secret.h"
#include "registry/url.h"

enum {
	LIFE = 60, /* seconds, if the server does not say */
	LIFE_MAX = 24 * 60 * 60,
	FORM_MAX = 64 * 1024,
};

/* Credentials go there. */
static int check_realm(const struct ch_token_request *t, struct ch_err *err)
{
	ch_auto(url) struct ch_url url = { 0 };

	if (ch_url_parse(t->challenge->realm, &url, err) < 0)
		return err->code;
	if (!url.is_https && !t->may_be_plain && !(t->is_local && ch_url_is_loopback(url.host)))
		return ch_err_set(err, -EPROTO, "'%.200s' is not encrypted", t->challenge->realm);
	return 0;
}

static int add(char **url, const char *name, const char *value, struct ch_err *err)
{
	char *longer;

	if (ch_url_add(*url, name, value, &longer, err) < 0)
		return err->code;
	free(*url);
	*url = longer;
	return 0;
}

/* With user and password, or as nobody: GET REALM?service=...&scope=... */
static int ask_by_query(const struct ch_token_request *t, struct ch_http_answer *answer,
			struct ch_err *err)
{
	ch_auto(str) char *url = strdup(t->challenge->realm);
	ch_auto(secret) char *basic = NULL;
	struct ch_exchange x = { .http = t->http, .request.method = "GET" };

	if (!url)
		return ch_err_nomem(err);
	if (t->challenge->service && add(&url, "service", t->challenge->service, err) < 0)
		return err->code;
	for (size_t i = 0; i < t->scopes->n; i++)
		if (add(&url, "scope", t->scopes->v[i], err) < 0)
			return err->code;
	if (t->credentials->user && ch_credentials_basic(t->credentials, &basic, err) < 0)
		return err->code;
	x.request.url = url;
	x.request.authorization = basic;
	return ch_exchange_run(&x, answer, err);
}

static void put_field(struct ch_buf *form, const char *name, const char *value)
{
	ch_buf_addf(form, "%s%s=", form->len ? "&" : "", name);
	ch_url_escape(value, form);
}

/* With an identity token: OAuth2 (RFC 6749, 6) */
static int ask_by_form(const struct ch_token_request *t, struct ch_http_answer *answer,
		       struct ch_err *err)
{
	ch_auto(secret_buf) struct ch_buf form = CH_BUF_INIT(FORM_MAX);
	struct ch_exchange x = { .http = t->http };

	put_field(&form, "grant_type", "refresh_token");
	put_field(&form, "client_id", "ch-image");
	put_field(&form, "service", t->challenge->service ? t->challenge->service : "");
	for (size_t i = 0; i < t->scopes->n; i++) {
		ch_buf_adds(&form, i == 0 ? "&scope=" : "%20");
		ch_url_escape(t->scopes->v[i], &form);
	}
	put_field(&form, "refresh_token", t->credentials->secret);
	if (ch_buf_bad(&form))
		return ch_err_nomem(err);
	x.request = (struct ch_http_request){
		.method = "POST",
		.url = t->challenge->realm,
		.content_type = "application/x-www-form-urlencoded",
		.bytes = form.data,
		.size = form.len,
	};
	return ch_exchange_run(&x, answer, err);
}

static int make_header(const char *token, char **ret_header, struct ch_err *err)
{
	size_t len = strlen("Bearer ") + strlen(token) + 1;

	*ret_header = malloc(len);
	if (!*ret_header)
		return ch_err_nomem(err);
	snprintf(*ret_header, len, "Bearer %s", token);
	return 0;
}

static int read_answer(const struct ch_http_answer *answer, char **ret_header,
		       unsigned *ret_seconds, struct ch_err *err)
{
	ch_auto(json) struct ch_json *doc = NULL;
	const char *token;
	long long seconds;

	if (ch_json_parse(answer->text.data ? answer->text.data : "", answer->text.len, &doc, err) <
	    0)
		return err->code;
	token = ch_json_text(ch_json_get(doc, "token"));
	if (!token || !token[0])
		token = ch_json_text(ch_json_get(doc, "access_token"));
	if (!token || !token[0])
		return ch_err_set(err, -EPROTO, "there is no token in the answer");
	if (!ch_json_integer(ch_json_get(doc, "expires_in"), &seconds) || seconds <= 0)
		seconds = LIFE;
	*ret_seconds = seconds < LIFE_MAX ? (unsigned)seconds : LIFE_MAX;
	return make_header(token, ret_header, err);
}

static int get(const struct ch_token_request *t, char **ret_header, unsigned *ret_seconds,
	       struct ch_err *err)
{
	ch_auto(http_answer) struct ch_http_answer answer = { 0 };
	int rc = check_realm(t, err);

	if (rc == 0)
		rc = t->credentials->is_token ? ask_by_form(t, &answer, err)
					      : ask_by_query(t, &answer, err);
	if (rc == 0)
		rc = answer.status == 200 ? read_answer(&answer, ret_header, ret_seconds, err)
					  : ch_reason_err(&answer, err);
	if (answer.text.data)
		explicit_bzero(answer.text.data, answer.text.len);
	return rc;
}

int ch_token_get(const struct ch_token_request *request, char **ret_header, unsigned *ret_seconds,
		 struct ch_err *err)
{
	if (get(request, ret_header, ret_seconds, err) < 0)
		return ch_err_in(err, "token server");
	return 0;
}
