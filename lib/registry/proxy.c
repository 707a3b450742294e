/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/proxy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "base/err.h"
#include "base/text.h"
#include "registry/url.h"

static bool is_given(const char *variable, struct ch_proxy *proxy)
{
	const char *value = getenv(variable);

	if (!value || !value[0])
		return false;
	proxy->variable = variable;
	proxy->url = value;
	return true;
}

/* Not $HTTP_PROXY: a web server sets that to what a client wants (CGI). */
static bool find_variable(const struct ch_url *url, struct ch_proxy *proxy)
{
	if (url->is_https && (is_given("https_proxy", proxy) || is_given("HTTPS_PROXY", proxy)))
		return true;
	if (!url->is_https && is_given("http_proxy", proxy))
		return true;
	return is_given("all_proxy", proxy) || is_given("ALL_PROXY", proxy);
}

/* libcurl's default ports for them */
static bool read_scheme(const char *scheme, const char **ret_port)
{
	static const char *const schemes[] = { "http", "socks4", "socks4a", "socks5", "socks5h" };

	*ret_port = "443";
	if (strcmp(scheme, "https") == 0)
		return true;
	*ret_port = "1080";
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
		if (strcmp(scheme, schemes[i]) == 0)
			return true;
	return false;
}

/* Take it apart as libcurl will do it; its own messages would show a password. */
static bool read_url(CURLU *u, struct ch_proxy *proxy)
{
	char *scheme = NULL, *host = NULL, *port = NULL, *user = NULL;
	const char *usual = NULL;
	bool is_right = curl_url_set(u, CURLUPART_URL, proxy->url,
				     CURLU_NON_SUPPORT_SCHEME | CURLU_GUESS_SCHEME) == CURLUE_OK &&
			curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
			read_scheme(scheme, &usual) &&
			curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK;

	if (is_right) {
		curl_url_get(u, CURLUPART_PORT, &port, 0);
		proxy->has_user = curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK;
		snprintf(proxy->name, sizeof(proxy->name), "%.100s:%s", host, port ? port : usual);
		ch_text_one_line(proxy->name);
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(port);
	curl_free(user);
	return is_right;
}

int ch_proxy_find(const struct ch_url *url, struct ch_proxy *ret, struct ch_err *err)
{
	struct ch_proxy proxy = { 0 };
	bool is_right;
	CURLU *u;

	if (ch_url_is_loopback(url->host) || !find_variable(url, &proxy))
		return 0;
	u = curl_url();
	if (!u)
		return ch_err_nomem(err);
	is_right = read_url(u, &proxy);
	curl_url_cleanup(u);
	if (!is_right)
		return ch_err_set(err, -EINVAL,
				  "$%s names no proxy: it should be like "
				  "'http://[USER:PASSWORD@]HOST:PORT'",
				  proxy.variable);
	*ret = proxy;
	return 0;
}

int ch_proxy_err(const struct ch_proxy *proxy, int status, struct ch_err *err)
{
	/* tinyproxy says 401 to a wrong password. */
	if ((status == 407 || status == 401) && proxy->has_user)
		return ch_err_set(err, -EPERM,
				  "proxy '%s' does not accept the user and password of $%s (%d)",
				  proxy->name, proxy->variable, status);
	if (status == 407)
		return ch_err_set(err, -EPERM,
				  "proxy '%s' wants a user and password: "
				  "$%s is to be 'http://USER:PASSWORD@%s' (407)",
				  proxy->name, proxy->variable, proxy->name);
	return ch_err_set(err, status >= 500 ? -EHOSTUNREACH : -EPERM,
			  "proxy '%s' of $%s does not connect us: it answers %d", proxy->name,
			  proxy->variable, status);
}

int ch_proxy_hint(const struct ch_proxy *proxy, struct ch_err *err)
{
	struct ch_err why = *err;

	ch_err_set(err, why.code, "%.250s; $%s names proxy '%s'", why.msg, proxy->variable,
		   proxy->name);
	err->file = why.file;
	err->line = why.line;
	return why.code;
}
