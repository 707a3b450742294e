/* SPDX-License-Identifier: Apache-2.0 */
#include "image_remote.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "image_registry.h"
#include "image_signals.h"
#include "oci/manifest.h"
#include "oci/ref.h"
#include "pull/watch.h"

enum { DIGITS = 11 }; /* of a hash, for people */

static void print_archs(const struct ch_oci_manifest *index)
{
	const char *head = "archs available:";

	for (size_t i = 0; i < index->n; i++) {
		const struct ch_oci_desc *item = &index->items[i];
		char arch[CH_OCI_ARCH_MAX];

		if (!ch_oci_desc_is_image(item))
			continue;
		ch_oci_arch_text(item, arch);
		printf("%-21s%-9s %.*s\n", head, arch[0] ? arch : "-", DIGITS,
		       item->digest + strlen("sha256:"));
		head = "";
	}
	if (head[0])
		printf("%-21snone\n", head);
}

/* An image that is for one architecture says for which in its configuration; that would be another
 * request. */
static void print_manifest(const struct ch_registry_manifest *text,
			   const struct ch_oci_manifest *manifest)
{
	bool is_index = manifest->kind == CH_OCI_INDEX;

	printf("available remotely:  yes\n"
	       "remote digest:       %s\n"
	       "remote arch-aware:   %s\n"
	       "host architecture:   %s\n",
	       text->digest, is_index ? "yes" : "no", ch_oci_arch_host());
	if (is_index)
		print_archs(manifest);
}

static int ask(struct ch_registry *registry, struct ch_err *err)
{
	ch_auto(registry_manifest) struct ch_registry_manifest text = { 0 };
	ch_auto(oci_manifest) struct ch_oci_manifest manifest = { 0 };

	if (ch_registry_get_manifest(registry, NULL, false, &text, err) < 0 ||
	    ch_oci_manifest_parse(text.type, text.text, text.len, &manifest, err) < 0)
		return err->code;
	print_manifest(&text, &manifest);
	return 0;
}

static int show(const struct ch_image_common *common, const struct ch_ref *ref, struct ch_err *err)
{
	struct ch_registry_options options = ch_image_registry(common);
	ch_auto(watch) struct ch_watch watch = { 0 };
	ch_auto(registry) struct ch_registry *registry = NULL;

	options.cancel = &watch.cancel;
	if (ch_watch_start(&watch, err) < 0 || ch_registry_open(ref, &options, &registry, err) < 0)
		return err->code;
	printf("full remote ref:     %s\n", ch_registry_name(registry));
	if (ask(registry, err) < 0) {
		ch_watch_explain(err);
		if (err->code == -ENOMEM || err->code == -EINTR)
			return err->code;
		printf("available remotely:  no (%s)\n", err->msg);
	}
	return 0;
}

int ch_image_remote(const struct ch_image_common *common, const struct ch_ref *ref,
		    struct ch_err *err)
{
	sigset_t before;
	int rc;

	ch_image_signals_hold(&before);
	rc = show(common, ref, err);
	ch_image_signals_release(&before);
	return rc;
}
