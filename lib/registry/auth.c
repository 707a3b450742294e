/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/auth.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"
#include "base/words.h"
#include "registry/challenge.h"
#include "registry/credentials.h"
#include "registry/http.h"
#include "registry/secret.h"
#include "registry/token.h"

enum { SCOPES_MAX = 16 };

enum level { NOTHING, AS_ANYBODY, WITH_CREDENTIALS };

struct ch_auth {
	pthread_mutex_t lock; /* of all that follows */
	struct ch_registry_options options;
	char *host, *repository;
	enum level level;
	struct ch_challenge challenge;
	struct ch_words scopes; /* that tokens are asked for */
	struct ch_credentials credentials;
	char *header; /* secret; NULL: none */
	unsigned generation;
	bool was_accepted;
	time_t expires; /* of CLOCK_MONOTONIC */
};

/* ---- life ------------------------------------------------------------------------------------ */

static bool wants_credentials(const struct ch_auth *auth)
{
	return auth->options.flags & (CH_REGISTRY_AUTH | CH_REGISTRY_PUSH);
}

static void add_own_scope(struct ch_auth *auth)
{
	char scope[1024];

	snprintf(scope, sizeof(scope), "repository:%s:pull%s", auth->repository,
		 auth->options.flags & CH_REGISTRY_PUSH ? ",push" : "");
	ch_words_add(&auth->scopes, scope);
}

int ch_auth_new(const struct ch_registry_options *options, const char *host, const char *repository,
		struct ch_auth **ret_auth, struct ch_err *err)
{
	struct ch_auth *auth = calloc(1, sizeof(*auth));

	if (!auth)
		return ch_err_nomem(err);
	pthread_mutex_init(&auth->lock, NULL);
	auth->options = *options;
	auth->host = strdup(host);
	auth->repository = strdup(repository);
	if (auth->repository)
		add_own_scope(auth);
	if (!auth->host || !auth->repository || auth->scopes.bad) {
		ch_auth_free(auth);
		return ch_err_nomem(err);
	}
	*ret_auth = auth;
	return 0;
}

void ch_auth_free(struct ch_auth *auth)
{
	if (!auth)
		return;
	free(auth->host);
	free(auth->repository);
	ch_challenge_done(&auth->challenge);
	ch_words_done(&auth->scopes);
	ch_credentials_done(&auth->credentials);
	ch_secret_free(auth->header);
	pthread_mutex_destroy(&auth->lock);
	free(auth);
}

/* ---- headers --------------------------------------------------------------------------------- */

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static bool forgets(const struct ch_auth *auth)
{
	return auth->options.flags & CH_REGISTRY_FORGET;
}

static int find_credentials(struct ch_auth *auth, struct ch_err *err)
{
	if (auth->credentials.user && !forgets(auth))
		return 0;
	ch_credentials_done(&auth->credentials);
	if (ch_credentials_find(&auth->options, auth->host, auth->repository, &auth->credentials,
				err) < 0)
		return err->code;
	if (auth->credentials.user)
		return 0;
	return ch_err_set(err, -EACCES,
			  "not there, or credentials are needed: see --auth, or log in with "
			  "another tool");
}

static int get_token(struct ch_auth *auth, struct ch_http *http, bool is_plain, char **ret_header,
		     struct ch_err *err)
{
	static const struct ch_credentials none;
	bool is_known = auth->level == WITH_CREDENTIALS;
	struct ch_token_request request = {
		.http = http,
		.challenge = &auth->challenge,
		.scopes = &auth->scopes,
		.credentials = is_known ? &auth->credentials : &none,
		.may_be_plain = is_plain && (auth->options.flags & CH_REGISTRY_NO_VERIFY),
		.is_local = is_plain,
	};
	unsigned seconds;

	if (ch_token_get(&request, ret_header, &seconds, err) < 0)
		return err->code;
	/* Some of it is over when the token is used. */
	auth->expires = now() + (time_t)(seconds - seconds / 10);
	return 0;
}

/* The header for level and challenge; a higher level, if that is not enough. */
static int make_header(struct ch_auth *auth, struct ch_http *http, bool is_plain, char **ret_header,
		       struct ch_err *err)
{
	bool is_basic = auth->challenge.kind == CH_CHALLENGE_BASIC;
	int rc;

	if (is_basic)
		auth->level = WITH_CREDENTIALS;
	if (auth->level == WITH_CREDENTIALS && find_credentials(auth, err) < 0)
		return err->code;
	if (is_basic && auth->credentials.is_token)
		return ch_err_set(err, -EACCES, "the registry takes no identity tokens");
	if (is_basic)
		return ch_credentials_basic(&auth->credentials, ret_header, err);
	rc = get_token(auth, http, is_plain, ret_header, err);
	if (rc != -EACCES || auth->level == WITH_CREDENTIALS)
		return rc;
	auth->level = WITH_CREDENTIALS;
	if (find_credentials(auth, err) < 0)
		return err->code;
	return get_token(auth, http, is_plain, ret_header, err);
}

static int renew(struct ch_auth *auth, struct ch_http *http, bool is_plain, struct ch_err *err)
{
	char *header = NULL;

	if (make_header(auth, http, is_plain, &header, err) < 0)
		return err->code;
	ch_secret_free(auth->header);
	auth->header = header;
	auth->generation++;
	auth->was_accepted = false;
	return 0;
}

static int copy_header(const struct ch_auth *auth, char **ret_header, unsigned *ret_generation,
		       struct ch_err *err)
{
	*ret_generation = auth->generation;
	*ret_header = NULL;
	return ch_text_copy(auth->header, ret_header, err);
}

int ch_auth_get(struct ch_auth *auth, struct ch_http *http, bool is_plain, char **ret_header,
		unsigned *ret_generation, struct ch_err *err)
{
	int rc = 0;

	pthread_mutex_lock(&auth->lock);
	if (auth->header && auth->challenge.kind == CH_CHALLENGE_BEARER && now() >= auth->expires)
		rc = renew(auth, http, is_plain, err);
	if (rc == 0)
		rc = copy_header(auth, ret_header, ret_generation, err);
	pthread_mutex_unlock(&auth->lock);
	return rc;
}

void ch_auth_accepted(struct ch_auth *auth, unsigned generation)
{
	pthread_mutex_lock(&auth->lock);
	if (generation == auth->generation)
		auth->was_accepted = true;
	pthread_mutex_unlock(&auth->lock);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static bool has_scope(const struct ch_auth *auth, const char *scope)
{
	for (size_t i = 0; i < auth->scopes.n; i++)
		if (strcmp(auth->scopes.v[i], scope) == 0)
			return true;
	return false;
}

/* Scopes that the challenge names, and that tokens were not asked for yet. Returns 1 if there are
 * some, else 0. */
static int add_scopes(struct ch_auth *auth, const char *list, struct ch_err *err)
{
	size_t before = auth->scopes.n;

	while (list && *list && auth->scopes.n < SCOPES_MAX) {
		size_t n = strcspn(list, " ");
		ch_auto(str) char *scope = strndup(list, n);

		if (!scope)
			return ch_err_nomem(err);
		if (n > 0 && !has_scope(auth, scope))
			ch_words_add(&auth->scopes, scope);
		list += n + strspn(list + n, " ");
	}
	if (auth->scopes.bad)
		return ch_err_nomem(err);
	return auth->scopes.n > before;
}

/* Only what the repository itself needs is asked for from now on. Returns whether that is less. */
static bool drop_scopes(struct ch_auth *auth)
{
	bool is_less = auth->scopes.n > 1;

	while (auth->scopes.n > 1) {
		free(auth->scopes.v[--auth->scopes.n]);
		auth->scopes.v[auth->scopes.n] = NULL;
	}
	return is_less;
}

static int refuse(const struct ch_auth *auth, struct ch_err *err)
{
	if (auth->level == WITH_CREDENTIALS && auth->credentials.is_token)
		return ch_err_set(err, -EACCES, "the identity token was not accepted");
	return ch_err_set(err, -EACCES, "the credentials of '%.100s' were not accepted",
			  auth->credentials.user ? auth->credentials.user : "");
}

/* How to go on after what NEW says. has_more: it names scopes that were not asked for */
static int choose_level(struct ch_auth *auth, const struct ch_challenge *new, bool has_more,
			struct ch_err *err)
{
	bool is_same = auth->level != NOTHING && new->kind == auth->challenge.kind;
	bool is_over = new->error &&strcmp(new->error, "invalid_token") == 0;
	bool is_used_up = auth->was_accepted && forgets(auth);
	bool may_repeat = is_used_up || (new->kind == CH_CHALLENGE_BEARER &&
					 (auth->was_accepted || has_more || is_over));

	if (is_same && may_repeat)
		return 0;
	if (is_same && auth->level == WITH_CREDENTIALS)
		return refuse(auth, err);
	auth->level = is_same || wants_credentials(auth) ? WITH_CREDENTIALS : AS_ANYBODY;
	return 0;
}

static int answer_challenge(struct ch_auth *auth, struct ch_http *http, bool is_plain,
			    const struct ch_http_answer *answer, struct ch_err *err)
{
	ch_auto(challenge) struct ch_challenge new = { 0 };
	struct ch_err ignored;
	int has_more, rc;

	if (ch_challenge_choose(&answer->challenges, &new, err) < 0)
		return err->code;
	if (new.kind == CH_CHALLENGE_NONE)
		return ch_err_set(err, -EACCES,
				  "authentication is wanted by none of the ways that are known "
				  "(Basic, Bearer)");
	has_more = add_scopes(auth, new.scope, err);
	if (has_more < 0)
		return has_more;
	rc = choose_level(auth, &new, has_more, err);
	if (rc == 0) {
		ch_challenge_done(&auth->challenge);
		auth->challenge = ch_take(new);
		rc = renew(auth, http, is_plain, err);
	}
	/* Rights that we do not get must not cost us those that we had. */
	if (rc == -EACCES && drop_scopes(auth))
		(void)renew(auth, http, is_plain, &ignored);
	return rc;
}

int ch_auth_refused(struct ch_auth *auth, struct ch_http *http, bool is_plain, unsigned generation,
		    const struct ch_http_answer *answer, struct ch_err *err)
{
	int rc = 0;

	pthread_mutex_lock(&auth->lock);
	/* Else, another thread was refused before, and there is a new one. */
	if (generation == auth->generation)
		rc = answer_challenge(auth, http, is_plain, answer, err);
	pthread_mutex_unlock(&auth->lock);
	return rc;
}
