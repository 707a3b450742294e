/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "registry/digest.h"
#include "registry/inner.h"
#include "registry/reason.h"
#include "registry/url.h"

static int has(struct ch_registry *registry, const char *digest, bool *ret_has, struct ch_err *err)
{
	ch_auto(http_answer) struct ch_http_answer answer = { 0 };
	ch_auto(str) char *url = NULL;
	char path[128];

	snprintf(path, sizeof(path), "blobs/%.100s", digest);
	if (ch_registry_url(registry, path, &url, err) < 0 ||
	    ch_registry_ask(registry, "HEAD", url, &answer, err) < 0)
		return err->code;
	if (answer.status != 200 && answer.status != 404)
		return ch_reason_err(&answer, err);
	*ret_has = answer.status == 200;
	return 0;
}

int ch_registry_has_blob(struct ch_registry *registry, const char *digest, bool *ret_has,
			 struct ch_err *err)
{
	if (has(registry, digest, ret_has, err) < 0)
		return ch_err_in(err, "registry '%s': look for blob '%s' in '%s'",
				 ch_registry_host(registry), digest,
				 ch_registry_repository(registry));
	return 0;
}

static int mount_url(struct ch_registry *registry, const char *digest, const char *from,
		     char **ret_url, struct ch_err *err)
{
	ch_auto(str) char *url = NULL;
	ch_auto(str) char *longer = NULL;

	if (ch_registry_url(registry, "blobs/uploads/", &url, err) < 0 ||
	    ch_url_add(url, "mount", digest, &longer, err) < 0)
		return err->code;
	return ch_url_add(longer, "from", from, ret_url, err);
}

/* 202 begins an upload instead, which nobody will continue. */
static int mount_blob(struct ch_registry *registry, const char *digest, const char *from,
		      bool *ret_done, struct ch_err *err)
{
	ch_auto(http_answer) struct ch_http_answer answer = { 0 };
	ch_auto(http_answer) struct ch_http_answer end = { 0 };
	ch_auto(str) char *url = NULL;
	ch_auto(str) char *session = NULL;
	struct ch_err ignored;
	int rc;

	if (mount_url(registry, digest, from, &url, err) < 0)
		return err->code;
	rc = ch_registry_ask(registry, "POST", url, &answer, err);
	if (rc == -EACCES) {
		*ret_done = false;
		return 0;
	}
	if (rc < 0)
		return rc;
	*ret_done = answer.status == 201;
	if (answer.status == 202 && ch_registry_location(url, &answer, &session, &ignored) == 0)
		(void)ch_registry_ask(registry, "DELETE", session, &end, &ignored);
	/* Without the right to read there, some registries refuse; others want to know who asks, as
	 * above. */
	if (answer.status / 100 == 2 || answer.status / 100 == 4)
		return 0;
	return ch_reason_err(&answer, err);
}

int ch_registry_mount_blob(struct ch_registry *registry, const char *digest, const char *from,
			   bool *ret_done, struct ch_err *err)
{
	if (mount_blob(registry, digest, from, ret_done, err) < 0)
		return ch_err_in(err, "registry '%s': take blob '%s' from '%s'",
				 ch_registry_host(registry), digest, from);
	return 0;
}

int ch_registry_put_blob(struct ch_registry *registry, const char *type, const void *bytes,
			 size_t len, struct ch_oci_desc *ret_desc, struct ch_err *err)
{
	ch_auto(oci_desc) struct ch_oci_desc desc = { 0 };
	struct ch_registry_upload upload = { .blob = &desc, .fd = -1, .bytes = bytes };
	char digest[CH_OCI_DIGEST_SIZE];
	bool is_there;

	if (ch_digest_of(bytes, len, digest, err) < 0 ||
	    ch_oci_desc_set(&desc, type, digest, len, err) < 0 ||
	    ch_registry_has_blob(registry, digest, &is_there, err) < 0)
		return err->code;
	if (!is_there && ch_registry_upload(registry, &upload, err) < 0)
		return err->code;
	*ret_desc = ch_take(desc);
	return 0;
}
