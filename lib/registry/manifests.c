/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"
#include "hash/hash.h"
#include "registry/digest.h"
#include "registry/inner.h"
#include "registry/reason.h"

#define ACCEPT_IMAGE CH_OCI_TYPE_MANIFEST ", " CH_DOCKER_TYPE_MANIFEST
#define ACCEPT_ALL   ACCEPT_IMAGE ", " CH_OCI_TYPE_INDEX ", " CH_DOCKER_TYPE_INDEX

void ch_registry_manifest_done(struct ch_registry_manifest *manifest)
{
	free(manifest->text);
	free(manifest->type);
	*manifest = (struct ch_registry_manifest){ 0 };
}

/* Compare with what was asked for, or, for a tag, with what the registry says, if it does so in the
 * algorithm that counts here. Signed ones of
 * schema 1 are of another digest than their bytes; whoever parses them refuses the type, and says
 * why. */
static int check_digest(const char *reference, const struct ch_http_answer *answer,
			const char *digest, struct ch_err *err)
{
	bool is_by_digest = strchr(reference, ':');
	bool is_signed = answer->type && strcmp(answer->type, CH_DOCKER_TYPE_SIGNED) == 0;
	const char *wanted = is_by_digest ? reference : answer->digest;
	struct ch_err ignored;

	if (!is_by_digest && wanted && ch_oci_digest_check(wanted, &ignored) == -ENOTSUP)
		return 0;
	if (!wanted || strcmp(wanted, digest) == 0 || (is_signed && !is_by_digest))
		return 0;
	return ch_err_set(err, -EBADMSG, "its digest is %s, not %.100s; try again", digest, wanted);
}

static int take_manifest(const char *reference, struct ch_http_answer *answer,
			 struct ch_registry_manifest *ret, struct ch_err *err)
{
	ch_auto(registry_manifest) struct ch_registry_manifest m = { .len = answer->text.len };

	if (ch_buf_take(&answer->text, &m.text) < 0)
		return ch_err_nomem(err);
	if (ch_digest_of(m.text, m.len, m.digest, err) < 0 ||
	    check_digest(reference, answer, m.digest, err) < 0)
		return err->code;
	if (ch_text_copy(answer->type ? answer->type : "", &m.type, err) < 0)
		return err->code;
	*ret = ch_take(m);
	return 0;
}

static int manifest_url(struct ch_registry *registry, const char *reference, char **ret_url,
			struct ch_err *err)
{
	char path[512];

	snprintf(path, sizeof(path), "manifests/%.400s", reference);
	return ch_registry_url(registry, path, ret_url, err);
}

static int get(struct ch_registry *registry, const char *reference, bool no_index,
	       struct ch_registry_manifest *ret, struct ch_err *err)
{
	ch_auto(http_answer) struct ch_http_answer answer = { 0 };
	ch_auto(str) char *url = NULL;
	struct ch_exchange x = { 0 };

	if (manifest_url(registry, reference, &url, err) < 0)
		return err->code;
	x.request = (struct ch_http_request){
		.method = "GET",
		.url = url,
		.accept = no_index ? ACCEPT_IMAGE : ACCEPT_ALL,
		.text_max = CH_OCI_MANIFEST_MAX,
	};
	if (ch_registry_send(registry, &x, &answer, err) < 0)
		return err->code;
	if (answer.status != 200)
		return ch_reason_err(&answer, err);
	return take_manifest(reference, &answer, ret, err);
}

int ch_registry_get_manifest(struct ch_registry *registry, const char *reference, bool no_index,
			     struct ch_registry_manifest *ret, struct ch_err *err)
{
	if (!reference)
		reference = ch_registry_reference(registry);
	if (get(registry, reference, no_index, ret, err) < 0)
		return ch_err_in(err, "registry '%s': manifest '%s' of '%s'",
				 ch_registry_host(registry), reference,
				 ch_registry_repository(registry));
	return 0;
}

static int put(struct ch_registry *registry, const char *reference,
	       const struct ch_http_request *how, struct ch_err *err)
{
	ch_auto(http_answer) struct ch_http_answer answer = { 0 };
	ch_auto(str) char *url = NULL;
	struct ch_exchange x = { .request = *how };

	if (manifest_url(registry, reference, &url, err) < 0)
		return err->code;
	x.request.url = url;
	if (ch_registry_send(registry, &x, &answer, err) < 0)
		return err->code;
	return answer.status / 100 == 2 ? 0 : ch_reason_err(&answer, err);
}

int ch_registry_put_manifest(struct ch_registry *registry, const char *reference, const char *type,
			     const char *text, size_t len, struct ch_err *err)
{
	struct ch_http_request how = {
		.method = "PUT",
		.content_type = type,
		.bytes = text,
		.size = len,
	};

	if (!reference)
		reference = ch_registry_reference(registry);
	if (put(registry, reference, &how, err) < 0)
		return ch_err_in(err, "registry '%s': put manifest '%s' of '%s'",
				 ch_registry_host(registry), reference,
				 ch_registry_repository(registry));
	return 0;
}
