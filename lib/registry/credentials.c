/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/credentials.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "registry/authfile.h"
#include "registry/base64.h"
#include "registry/file.h"
#include "registry/helper.h"
#include "registry/secret.h"

enum { FILE_MAX = 1024 * 1024 };

void ch_credentials_done(struct ch_credentials *credentials)
{
	free(credentials->user);
	ch_secret_free(credentials->secret);
	*credentials = (struct ch_credentials){ 0 };
}

static int from_environment(struct ch_credentials *ret, struct ch_err *err)
{
	const char *user = getenv("CH_IMAGE_USERNAME"), *secret = getenv("CH_IMAGE_PASSWORD");

	if (!user && !secret)
		return 0;
	if (!user || !secret)
		return ch_err_set(err, -EINVAL, "%s is set, but not %s",
				  user ? "CH_IMAGE_USERNAME" : "CH_IMAGE_PASSWORD",
				  user ? "CH_IMAGE_PASSWORD" : "CH_IMAGE_USERNAME");

	ch_auto(credentials) struct ch_credentials found = { .user = strdup(user),
							     .secret = strdup(secret) };

	if (!found.user || !found.secret)
		return ch_err_nomem(err);
	*ret = ch_take(found);
	return 0;
}

/* Look into the file at PATH, or ask whom it names. One that is not there is empty. */
static int from_file(const char *path, const char *host, const char *repository,
		     struct ch_credentials *ret, struct ch_err *err)
{
	ch_auto(authfile_answer) struct ch_authfile_answer answer = { 0 };
	ch_auto(secret) char *text = NULL;
	size_t len;
	int rc = ch_file_read(path, FILE_MAX, &text, &len, err);

	if (rc == -ENOENT || rc == -ENOTDIR || rc == -EACCES)
		return 0;
	if (rc < 0)
		return ch_err_in(err, "credentials");
	if (ch_authfile_find(text, len, host, repository, &answer, err) < 0)
		return ch_err_in(err, "credentials: '%s'", path);
	if (answer.helper)
		return ch_helper_get(answer.helper, answer.server, ret, err);
	*ret = ch_take(answer.credentials);
	return 0;
}

/* Where "login" stores, in the order of who is asked first */
static int from_files(const char *host, const char *repository, struct ch_credentials *ret,
		      struct ch_err *err)
{
	static const struct {
		const char *variable, *rest;
	} places[] = {
		{ "XDG_RUNTIME_DIR", "containers/auth.json" },
		{ "HOME", ".config/containers/auth.json" },
		{ "DOCKER_CONFIG", "config.json" },
		{ "HOME", ".docker/config.json" },
	};
	const char *only = getenv("REGISTRY_AUTH_FILE");
	int rc = 0;

	if (only && only[0])
		return from_file(only, host, repository, ret, err);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && rc == 0 && !ret->user; i++) {
		const char *dir = getenv(places[i].variable);
		char path[PATH_MAX];

		if (dir && dir[0] &&
		    (size_t)snprintf(path, sizeof(path), "%s/%s", dir, places[i].rest) <
			    sizeof(path))
			rc = from_file(path, host, repository, ret, err);
	}
	return rc;
}

static int find(const struct ch_registry_options *options, const char *host, const char *repository,
		struct ch_credentials *ret, struct ch_err *err)
{
	bool is_wanted = options->flags & (CH_REGISTRY_AUTH | CH_REGISTRY_PUSH);
	int rc = is_wanted ? from_environment(ret, err) : 0;

	if (rc == 0 && !ret->user)
		rc = from_files(host, repository, ret, err);
	if (rc == 0 && !ret->user && is_wanted && options->ask)
		rc = options->ask(options->context, host, ret, err);
	return rc;
}

int ch_credentials_find(const struct ch_registry_options *options, const char *host,
			const char *repository, struct ch_credentials *ret, struct ch_err *err)
{
	ch_auto(credentials) struct ch_credentials found = { 0 };
	int rc = find(options, host, repository, &found, err);

	if (rc == 0)
		*ret = ch_take(found);
	return rc;
}

int ch_credentials_basic(const struct ch_credentials *credentials, char **ret_header,
			 struct ch_err *err)
{
	size_t len = strlen(credentials->user) + 1 + strlen(credentials->secret);
	ch_auto(secret) char *pair = malloc(len + 1);
	ch_auto(secret) char *text = NULL;
	char *header;

	if (!pair)
		return ch_err_nomem(err);
	snprintf(pair, len + 1, "%s:%s", credentials->user, credentials->secret);
	if (ch_base64_encode(pair, len, &text) < 0)
		return ch_err_nomem(err);
	len = strlen("Basic ") + strlen(text) + 1;
	header = malloc(len);
	if (!header)
		return ch_err_nomem(err);
	snprintf(header, len, "Basic %s", text);
	*ret_header = header;
	return 0;
}
