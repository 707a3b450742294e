/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/authfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "json/json.h"
#include "registry/base64.h"
#include "registry/secret.h"

enum { KEY_MAX = 512 };

/* What a registry may be called. Docker's key of its own one has a path. */
struct names {
	char with_port[KEY_MAX];
	char short_name[KEY_MAX]; /* without the usual port; or "" */
	bool is_hub;
};

static const char *const hub[] = { "docker.io", "index.docker.io", "registry-1.docker.io" };
static const char hub_key[] = "https://index.docker.io/v1/";

static int make_names(const char *host, struct names *ret, struct ch_err *err)
{
	size_t n = strlen(host), end = strlen(":443");

	*ret = (struct names){ 0 };
	if (n >= KEY_MAX)
		return ch_err_set(err, -EINVAL, "the name of registry '%.100s' is too long", host);
	memcpy(ret->with_port, host, n + 1);
	if (n <= end || strcmp(host + n - end, ":443") != 0)
		return 0;
	memcpy(ret->short_name, host, n - end);
	for (size_t i = 0; i < sizeof(hub) / sizeof(hub[0]); i++)
		ret->is_hub |= strcmp(ret->short_name, hub[i]) == 0;
	return 0;
}

/* Member "NAME/PATH" of LIST; PATH NULL: "NAME" */
static const struct ch_json *look(const struct ch_json *list, const char *name, const char *path,
				  size_t len)
{
	char key[2 * KEY_MAX];

	if (!name[0] || (size_t)snprintf(key, sizeof(key), "%s%s%.*s", name, path ? "/" : "",
					 (int)len, path ? path : "") >= sizeof(key))
		return NULL;
	return ch_json_get(list, key);
}

static const struct ch_json *look_by_names(const struct ch_json *list, const struct names *names,
					   const char *path, size_t len)
{
	const struct ch_json *found = look(list, names->with_port, path, len);

	if (!found)
		found = look(list, names->short_name, path, len);
	for (size_t i = 0; !found && names->is_hub && i < sizeof(hub) / sizeof(hub[0]); i++)
		found = look(list, hub[i], path, len);
	return found;
}

/* Old versions of docker wrote URLs. */
static const struct ch_json *look_for_urls(const struct ch_json *list, const struct names *names)
{
	static const char *const starts[] = { "https://", "http://" };
	const struct ch_json *value;
	const char *key;
	void *iter = NULL;

	if (names->is_hub && (value = ch_json_get(list, hub_key)))
		return value;
	while ((value = ch_json_next(list, &iter, &key)))
		for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
			const char *name = key + strlen(starts[i]);
			size_t n;

			if (strncmp(key, starts[i], strlen(starts[i])) != 0)
				continue;
			n = strcspn(name, "/");
			if ((strlen(names->with_port) == n &&
			     strncmp(name, names->with_port, n) == 0) ||
			    (n > 0 && strlen(names->short_name) == n &&
			     strncmp(name, names->short_name, n) == 0))
				return value;
		}
	return NULL;
}

/* From "HOST/a/b" to "HOST/a" to "HOST" */
static const struct ch_json *find_entry(const struct ch_json *auths, const struct names *names,
					const char *repository)
{
	const struct ch_json *found = NULL;

	for (size_t n = strlen(repository); n > 0 && !found;) {
		found = look_by_names(auths, names, repository, n);
		while (n > 0 && repository[n - 1] != '/')
			n--;
		n -= n > 0;
	}
	if (!found)
		found = look_by_names(auths, names, NULL, 0);
	return found ? found : look_for_urls(auths, names);
}

static int set(struct ch_credentials *ret, const char *user, size_t len, const char *secret,
	       bool is_token, struct ch_err *err)
{
	ret->user = strndup(user, len);
	ret->secret = strdup(secret);
	ret->is_token = is_token;
	return ret->user && ret->secret ? 0 : ch_err_nomem(err);
}

/* BASE64 of "USER:PASSWORD" */
static int decode(const char *auth, struct ch_credentials *ret, struct ch_err *err)
{
	ch_auto(secret) char *text = NULL;
	const char *colon;
	size_t len;
	int rc = ch_base64_decode(auth, &text, &len);

	if (rc == -ENOMEM)
		return ch_err_nomem(err);
	colon = rc == 0 ? strchr(text, ':') : NULL;
	if (!colon)
		return ch_err_set(err, -EINVAL, "'auth' is not 'USER:PASSWORD' in Base64");
	return set(ret, text, (size_t)(colon - text), colon + 1, false, err);
}

static int read_entry(const struct ch_json *entry, struct ch_credentials *ret, struct ch_err *err)
{
	const char *token = ch_json_text(ch_json_get(entry, "identitytoken"));
	const char *auth = ch_json_text(ch_json_get(entry, "auth"));
	const char *user = ch_json_text(ch_json_get(entry, "username"));
	const char *secret = ch_json_text(ch_json_get(entry, "password"));

	if (token && token[0])
		return set(ret, "", 0, token, true, err);
	if (auth && auth[0])
		return decode(auth, ret, err);
	return user && user[0] && secret ? set(ret, user, strlen(user), secret, false, err) : 0;
}

/* NAME becomes part of the name of a program. */
static int set_helper(const char *name, const struct names *names, struct ch_authfile_answer *ret,
		      struct ch_err *err)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				"0123456789_.-");

	if (n == 0 || name[n] || n > 100)
		return ch_err_set(err, -EINVAL, "'%.100s' is no name of a credential helper", name);
	ret->helper = strdup(name);
	ret->server = strdup(names->is_hub	    ? hub_key
			     : names->short_name[0] ? names->short_name
						    : names->with_port);
	return ret->helper && ret->server ? 0 : ch_err_nomem(err);
}

static int find(const struct ch_json *doc, const char *host, const char *repository,
		struct ch_authfile_answer *ret, struct ch_err *err)
{
	const struct ch_json *entry;
	const char *helper;
	struct names names;

	if (make_names(host, &names, err) < 0)
		return err->code;
	helper = ch_json_text(look_by_names(ch_json_get(doc, "credHelpers"), &names, NULL, 0));
	if (helper && helper[0])
		return set_helper(helper, &names, ret, err);
	entry = find_entry(ch_json_get(doc, "auths"), &names, repository);
	if (read_entry(entry, &ret->credentials, err) < 0)
		return err->code;
	if (ret->credentials.user)
		return 0;
	helper = ch_json_text(ch_json_get(doc, "credsStore"));
	return helper && helper[0] ? set_helper(helper, &names, ret, err) : 0;
}

int ch_authfile_find(const char *text, size_t len, const char *host, const char *repository,
		     struct ch_authfile_answer *ret, struct ch_err *err)
{
	ch_auto(json) struct ch_json *doc = NULL;
	ch_auto(authfile_answer) struct ch_authfile_answer answer = { 0 };

	if (ch_json_parse(text, len, &doc, err) < 0 ||
	    find(doc, host, repository, &answer, err) < 0)
		return err->code;
	*ret = ch_take(answer);
	return 0;
}

void ch_authfile_answer_done(struct ch_authfile_answer *answer)
{
	ch_credentials_done(&answer->credentials);
	free(answer->helper);
	free(answer->server);
	*answer = (struct ch_authfile_answer){ 0 };
}
