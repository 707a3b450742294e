/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

static void ch_auto_curl_url(CURLU **u)
{
	curl_url_cleanup(*u);
}

static void ch_auto_curl_text(char **text)
{
	curl_free(*text);
}

/* What is in the query may be secret. */
static int bad(const char *text, const char *why, struct ch_err *err)
{
	return ch_err_set(err, -EINVAL, "URL '%.*s': %s", (int)strcspn(text, "?"), text, why);
}

/* ret_u: curl's */
static int parse(const char *text, CURLU **ret_u, struct ch_err *err)
{
	ch_auto(curl_url) CURLU *u = curl_url();
	CURLUcode rc;

	if (!u)
		return ch_err_nomem(err);
	if (strlen(text) > CH_URL_MAX)
		return bad(text, "it is too long", err);
	rc = curl_url_set(u, CURLUPART_URL, text, CURLU_DISALLOW_USER);
	if (rc != CURLUE_OK)
		return bad(text, curl_url_strerror(rc), err);
	*ret_u = ch_take(u);
	return 0;
}

/* Returns the text, malloc'ed, or NULL: an error. */
static char *get(CURLU *u, CURLUPart part, unsigned flags, struct ch_err *err)
{
	ch_auto(curl_text) char *text = NULL;
	CURLUcode rc = curl_url_get(u, part, &text, flags);
	char *copy = rc == CURLUE_OK ? strdup(text) : NULL;

	if (rc == CURLUE_OK && !copy)
		ch_err_nomem(err);
	else if (rc != CURLUE_OK)
		ch_err_set(err, rc == CURLUE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL, "URL: %s",
			   curl_url_strerror(rc));
	return copy;
}

/* The same for whoever wants a result. */
static int get_to(CURLU *u, CURLUPart part, unsigned flags, char **ret_text, struct ch_err *err)
{
	char *text = get(u, part, flags, err);

	if (!text)
		return err->code;
	*ret_text = text;
	return 0;
}

static int parse_port(CURLU *u, unsigned *ret_port, struct ch_err *err)
{
	ch_auto(str) char *port = get(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, err);

	return port ? ch_text_u32(port, "port", 0, UINT16_MAX, ret_port, err) : err->code;
}

int ch_url_parse(const char *text, struct ch_url *ret, struct ch_err *err)
{
	ch_auto(curl_url) CURLU *u = NULL;

	if (parse(text, &u, err) < 0)
		return err->code;

	ch_auto(str) char *scheme = get(u, CURLUPART_SCHEME, 0, err);

	if (!scheme)
		return err->code;
	ret->is_https = strcmp(scheme, "https") == 0;
	if (!ret->is_https && strcmp(scheme, "http") != 0)
		return bad(text, "it is neither of http nor of https", err);

	ch_auto(str) char *host = get(u, CURLUPART_HOST, 0, err);

	if (!host || parse_port(u, &ret->port, err) < 0)
		return err->code;
	ret->host = ch_take(host);
	return 0;
}

void ch_url_done(struct ch_url *url)
{
	free(url->host);
	*url = (struct ch_url){ 0 };
}

bool ch_url_is_same_server(const char *a, const char *b)
{
	ch_auto(url) struct ch_url one = { 0 };
	ch_auto(url) struct ch_url two = { 0 };
	struct ch_err err;

	return ch_url_parse(a, &one, &err) == 0 && ch_url_parse(b, &two, &err) == 0 &&
	       one.is_https == two.is_https && one.port == two.port &&
	       strcasecmp(one.host, two.host) == 0;
}

bool ch_url_is_loopback(const char *host)
{
	struct in_addr address;

	if (strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0)
		return true;
	return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
}

int ch_url_join(const char *base, const char *location, char **ret_url, struct ch_err *err)
{
	ch_auto(curl_url) CURLU *u = NULL;
	ch_auto(str) char *url = NULL;
	ch_auto(url) struct ch_url from = { 0 }, to = { 0 };
	CURLUcode rc;

	if (strlen(location) > CH_URL_MAX)
		return bad(location, "it is too long", err);
	if (parse(base, &u, err) < 0)
		return err->code;
	rc = curl_url_set(u, CURLUPART_URL, location, CURLU_DISALLOW_USER);
	if (rc != CURLUE_OK)
		return bad(location, curl_url_strerror(rc), err);
	url = get(u, CURLUPART_URL, 0, err);
	if (!url || ch_url_parse(base, &from, err) < 0 || ch_url_parse(url, &to, err) < 0)
		return err->code;
	if (from.is_https && !to.is_https) {
		url[strcspn(url, "?")] = '\0';
		ch_text_one_line(url);
		return ch_err_set(err, -EPROTO, "'%.200s', which is not encrypted, is refused",
				  url);
	}
	*ret_url = ch_take(url);
	return 0;
}

int ch_url_add(const char *url, const char *name, const char *value, char **ret_url,
	       struct ch_err *err)
{
	ch_auto(curl_url) CURLU *u = NULL;
	char pair[1024];

	if (parse(url, &u, err) < 0)
		return err->code;
	if ((size_t)snprintf(pair, sizeof(pair), "%s=%s", name, value) >= sizeof(pair))
		return bad(url, "what is added to it is too long", err);
	if (curl_url_set(u, CURLUPART_QUERY, pair, CURLU_APPENDQUERY | CURLU_URLENCODE) !=
	    CURLUE_OK)
		return ch_err_nomem(err);
	return get_to(u, CURLUPART_URL, 0, ret_url, err);
}

void ch_url_escape(const char *text, struct ch_buf *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789-._~";

	for (; *text; text++)
		if (strchr(plain, *text))
			ch_buf_add(out, text, 1);
		else
			ch_buf_addf(out, "%%%02X", (unsigned char)*text);
}

int ch_url_path(const char *url, char **ret_path, struct ch_err *err)
{
	ch_auto(curl_url) CURLU *u = NULL;

	if (parse(url, &u, err) < 0)
		return err->code;
	return get_to(u, CURLUPART_PATH, CURLU_URLDECODE, ret_path, err);
}
