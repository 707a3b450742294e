/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/registry.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"
#include "oci/ref.h"
#include "registry/inner.h"
#include "registry/reason.h"
#include "registry/secret.h"
#include "registry/url.h"

#define HUB "registry-1.docker.io"

enum { HTTPS_PORT = 443, NAME_MAX_ = 1024, ROUNDS = 4 };

enum protocol { NOT_KNOWN, HTTPS, HTTP };

struct ch_registry_shared {
	atomic_uint users;
	struct ch_registry_options options;
	char *host; /* "HOST:PORT" */
	char *repository, *reference, *name;
	struct ch_auth *auth;
	pthread_mutex_t lock;
	enum protocol protocol; /* under the lock, while it is not known */
};

/* ---- names ----------------------------------------------------------------------------------- */

/* Where a reference leads. All owned. */
struct place {
	char *host;
	unsigned port;
	char *repository;
	char *reference;
};

static void ch_auto_place(struct place *place)
{
	free(place->host);
	free(place->repository);
	free(place->reference);
}

static const char *given(const char *variable)
{
	const char *value = getenv(variable);

	return value && value[0] ? value : NULL;
}

static bool is_hub(const char *host)
{
	static const char *const names[] = { HUB, "docker.io", "index.docker.io" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(host, names[i]) == 0)
			return true;
	return false;
}

/* The registry for names without one. ret_prefix: in front of all paths there; or NULL */
static int default_host(struct place *ret, const char **ret_prefix, struct ch_err *err)
{
	const char *host = given("CH_REGY_DEFAULT_HOST"), *port = given("CH_REGY_DEFAULT_PORT");

	*ret_prefix = host ? given("CH_REGY_DEFAULT_PATH_PREFIX") : NULL;
	if (host && port &&
	    ch_text_u32(port, "CH_REGY_DEFAULT_PORT", 1, UINT16_MAX, &ret->port, err) < 0)
		return err->code;
	return ch_text_copy(host ? host : HUB, &ret->host, err);
}

/* "PREFIX/PATH/NAME", of what is there. Official images of Docker Hub are in "library". */
static int set_repository(const struct ch_ref *ref, const char *prefix, struct place *ret,
			  struct ch_err *err)
{
	ch_auto(buf) struct ch_buf out = CH_BUF_INIT(NAME_MAX_);
	const char *path = ref->path;

	if (!path && !prefix && strcmp(ret->host, HUB) == 0)
		path = "library";
	if (prefix)
		ch_buf_addf(&out, "%s/", prefix);
	if (path)
		ch_buf_addf(&out, "%s/", path);
	ch_buf_adds(&out, ref->name);
	if (ch_buf_take(&out, &ret->repository) < 0)
		return ch_err_nomem(err);
	return 0;
}

static int find_place(const struct ch_ref *ref, struct place *ret, struct ch_err *err)
{
	const char *prefix = NULL;
	int rc;

	ret->port = ref->port ? ref->port : HTTPS_PORT;
	if (ref->host)
		rc = ch_text_copy(is_hub(ref->host) ? HUB : ref->host, &ret->host, err);
	else
		rc = default_host(ret, &prefix, err);
	if (rc < 0 || set_repository(ref, prefix, ret, err) < 0)
		return err->code;
	if (ref->digest && ch_oci_digest_check(ref->digest, err) < 0)
		return err->code;
	return ch_text_copy(ref->digest ? ref->digest
			    : ref->tag	? ref->tag
					: "latest",
			    &ret->reference, err);
}

const char *ch_registry_name(const struct ch_registry *registry)
{
	return registry->shared->name;
}

const char *ch_registry_host(const struct ch_registry *registry)
{
	return registry->shared->host;
}

const char *ch_registry_repository(const struct ch_registry *registry)
{
	return registry->shared->repository;
}

const char *ch_registry_reference(const struct ch_registry *registry)
{
	return registry->shared->reference;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void unref(struct ch_registry_shared *s)
{
	if (!s || atomic_fetch_sub(&s->users, 1) > 1)
		return;
	free(s->host);
	free(s->repository);
	free(s->reference);
	free(s->name);
	ch_auth_free(s->auth);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

/* What is neither encrypted nor wanted is not even tried. */
static enum protocol first_protocol(const char *host, unsigned flags)
{
	return ch_url_is_loopback(host) || (flags & CH_REGISTRY_NO_VERIFY) ? NOT_KNOWN : HTTPS;
}

static int fill(struct ch_registry_shared *s, struct place *place, struct ch_err *err)
{
	char text[NAME_MAX_];
	bool is_digest = strchr(place->reference, ':');

	s->repository = ch_take(place->repository);
	s->reference = ch_take(place->reference);
	s->protocol = first_protocol(place->host, s->options.flags);
	snprintf(text, sizeof(text), "%s:%u", place->host, place->port);
	if (ch_text_copy(text, &s->host, err) < 0)
		return err->code;
	snprintf(text, sizeof(text), "%s/%s%c%s", s->host, s->repository, is_digest ? '@' : ':',
		 s->reference);
	if (ch_text_copy(text, &s->name, err) < 0)
		return err->code;
	return ch_auth_new(&s->options, s->host, s->repository, &s->auth, err);
}

/* Takes over a count of SHARED, also on failure. */
static int make_handle(struct ch_registry_shared *shared, struct ch_registry **ret_registry,
		       struct ch_err *err)
{
	struct ch_http_options options = {
		.no_verify = shared->options.flags & CH_REGISTRY_NO_VERIFY,
		.cancel = shared->options.cancel,
		.registry = shared->host,
	};
	struct ch_registry *registry = calloc(1, sizeof(*registry));

	if (!registry) {
		unref(shared);
		return ch_err_nomem(err);
	}
	registry->shared = shared;
	if (ch_http_new(&options, &registry->http, err) < 0) {
		ch_registry_close(registry);
		return err->code;
	}
	*ret_registry = registry;
	return 0;
}

int ch_registry_open(const struct ch_ref *ref, const struct ch_registry_options *options,
		     struct ch_registry **ret_registry, struct ch_err *err)
{
	ch_auto(place) struct place place = { 0 };
	struct ch_registry_shared *shared;

	if (find_place(ref, &place, err) < 0)
		return ch_err_in(err, "image '%s'", ref->text);
	shared = calloc(1, sizeof(*shared));
	if (!shared)
		return ch_err_nomem(err);
	atomic_init(&shared->users, 1);
	pthread_mutex_init(&shared->lock, NULL);
	shared->options = *options;
	if (fill(shared, &place, err) < 0) {
		unref(shared);
		return err->code;
	}
	return make_handle(shared, ret_registry, err);
}

int ch_registry_again(struct ch_registry *registry, struct ch_registry **ret_registry,
		      struct ch_err *err)
{
	atomic_fetch_add(&registry->shared->users, 1);
	return make_handle(registry->shared, ret_registry, err);
}

void ch_registry_close(struct ch_registry *registry)
{
	if (!registry)
		return;
	ch_http_free(registry->http);
	unref(registry->shared);
	free(registry);
}

/* ---- protocols ------------------------------------------------------------------------------- */

static int base_url(const struct ch_registry_shared *s, enum protocol protocol, const char *path,
		    char **ret_url, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf url = CH_BUF_INIT(CH_URL_MAX);

	ch_buf_addf(&url, "%s://%s/v2/%s", protocol == HTTP ? "http" : "https", s->host, path);
	if (ch_buf_take(&url, ret_url) < 0)
		return ch_err_nomem(err);
	return 0;
}

/* GET /v2/, whatever the answer is. ONCE: do not repeat it */
static int knock(struct ch_registry *registry, enum protocol protocol, bool once,
		 struct ch_http_answer *answer, struct ch_err *err)
{
	ch_auto(str) char *url = NULL;
	struct ch_exchange x = { .http = registry->http,
				 .request = { .method = "GET", .is_probe = true } };

	if (base_url(registry->shared, protocol, "", &url, err) < 0)
		return err->code;
	x.request.url = url;
	return once ? ch_http_do(registry->http, &x.request, answer, err)
		    : ch_exchange_run(&x, answer, err);
}

/* A server of HTTPS answers to HTTP with 400, if at all. One that breaks off may have a bad moment:
 * it is asked twice. Some proxies let nobody through to ports that are not those of HTTPS. */
static int find_protocol(struct ch_registry *registry, enum protocol *ret, struct ch_err *err)
{
	ch_auto(http_answer) struct ch_http_answer answer = { 0 };
	struct ch_err other;
	int rc = knock(registry, HTTPS, true, &answer, err);

	if (rc == -EPROTONOSUPPORT)
		rc = knock(registry, HTTPS, true, &answer, err);
	if ((rc == -EPROTONOSUPPORT || rc == -EPERM) &&
	    knock(registry, HTTP, true, &answer, &other) == 0 && answer.status != 400) {
		*ret = HTTP;
		return 0;
	}
	if (rc < 0 && answer.may_pass && rc != -EPROTONOSUPPORT)
		rc = knock(registry, HTTPS, false, &answer, err);
	if (rc == 0)
		*ret = HTTPS;
	return rc;
}

static int get_protocol(struct ch_registry *registry, enum protocol *ret, struct ch_err *err)
{
	struct ch_registry_shared *s = registry->shared;
	int rc = 0;

	pthread_mutex_lock(&s->lock);
	if (s->protocol == NOT_KNOWN)
		rc = find_protocol(registry, &s->protocol, err);
	*ret = s->protocol;
	pthread_mutex_unlock(&s->lock);
	return rc;
}

int ch_registry_url(struct ch_registry *registry, const char *path, char **ret_url,
		    struct ch_err *err)
{
	ch_auto(buf) struct ch_buf full = CH_BUF_INIT(CH_URL_MAX);
	enum protocol protocol;

	if (get_protocol(registry, &protocol, err) < 0)
		return err->code;
	ch_buf_addf(&full, "%s/%s", registry->shared->repository, path);
	if (ch_buf_bad(&full))
		return ch_err_nomem(err);
	return base_url(registry->shared, protocol, full.data, ret_url, err);
}

/* Behind a proxy that does the encryption for it, a registry may believe that it is one of http: on
 * the host of URL, only the path of LOCATION counts then. */
static const char *path_at_home(const char *url, const char *location)
{
	ch_auto(url) struct ch_url home = { 0 };
	ch_auto(url) struct ch_url other = { 0 };
	const char *host = strstr(location, "://");
	struct ch_err err;

	if (!host || ch_url_parse(url, &home, &err) < 0 || ch_url_parse(location, &other, &err) < 0)
		return location;
	if (!home.is_https || other.is_https || strcasecmp(home.host, other.host) != 0)
		return location;
	host += strlen("://");
	return host + strcspn(host, "/");
}

int ch_registry_location(const char *url, const struct ch_http_answer *answer, char **ret_url,
			 struct ch_err *err)
{
	if (!answer->location)
		return ch_err_set(err, -EPROTO, "the answer lacks a location");
	if (ch_url_join(url, path_at_home(url, answer->location), ret_url, err) < 0)
		return ch_err_in(err, "location");
	return 0;
}

/* ---- requests -------------------------------------------------------------------------------- */

/* Is URL the registry's own? Uploads may be sent to other places. */
static bool is_home(const struct ch_registry *registry, enum protocol protocol, const char *url)
{
	ch_auto(str) char *base = NULL;
	struct ch_err err;

	return base_url(registry->shared, protocol, "", &base, &err) == 0 &&
	       ch_url_is_same_server(base, url);
}

/* What listens there speaks no TLS. */
static void advise(struct ch_err *err)
{
	struct ch_err why = *err;

	ch_err_set(err, why.code, "%.300s; for plain HTTP, see --tls-no-verify", why.msg);
}

/* Once, with the authorization that there is; a better one is got if that is not enough: *ret_again
 */
static int send_once(struct ch_registry *registry, enum protocol protocol, struct ch_exchange *x,
		     struct ch_http_answer *ret, bool *ret_again, struct ch_err *err)
{
	struct ch_auth *auth = registry->shared->auth;
	ch_auto(secret) char *header = NULL;
	bool is_plain = protocol == HTTP;
	unsigned generation = 0;
	int rc;

	if (ch_auth_get(auth, registry->http, is_plain, &header, &generation, err) < 0)
		return err->code;
	x->request.authorization = header;
	rc = ch_exchange_run(x, ret, err);
	x->request.authorization = NULL;
	if (rc == -EPROTONOSUPPORT)
		advise(err);
	if (rc < 0)
		return rc;
	*ret_again = ret->status == 401 && !x->is_foreign;
	if (*ret_again)
		return ch_auth_refused(auth, registry->http, is_plain, generation, ret, err);
	ch_auth_accepted(auth, generation);
	return 0;
}

int ch_registry_send(struct ch_registry *registry, struct ch_exchange *x,
		     struct ch_http_answer *ret, struct ch_err *err)
{
	enum protocol protocol;

	x->http = registry->http;
	if (get_protocol(registry, &protocol, err) < 0)
		return err->code;
	if (!is_home(registry, protocol, x->request.url))
		return ch_exchange_run(x, ret, err);
	for (unsigned i = 0; i < ROUNDS; i++) {
		bool again = false;

		if (send_once(registry, protocol, x, ret, &again, err) < 0)
			return err->code;
		if (!again)
			return 0;
		if (x->request.read)
			return ch_err_set(err, -EAGAIN, "authorization had to be renewed");
	}
	return ch_reason_err(ret, err);
}

int ch_registry_ask(struct ch_registry *registry, const char *method, const char *url,
		    struct ch_http_answer *ret, struct ch_err *err)
{
	struct ch_exchange x = { .request = { .method = method, .url = url } };

	return ch_registry_send(registry, &x, ret, err);
}

static int check(struct ch_registry *registry, struct ch_err *err)
{
	ch_auto(http_answer) struct ch_http_answer answer = { 0 };
	ch_auto(str) char *url = NULL;
	enum protocol protocol;

	if (get_protocol(registry, &protocol, err) < 0 ||
	    base_url(registry->shared, protocol, "", &url, err) < 0 ||
	    ch_registry_ask(registry, "GET", url, &answer, err) < 0)
		return err->code;
	return answer.status == 200 ? 0 : ch_reason_err(&answer, err);
}

int ch_registry_check(struct ch_registry *registry, struct ch_err *err)
{
	if (check(registry, err) < 0)
		return ch_err_in(err, "registry '%s'", registry->shared->host);
	return 0;
}
