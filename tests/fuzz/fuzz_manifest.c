/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_manifest - manifests and indices; configurations of images */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "oci/image.h"
#include "oci/image_meta.h"
#include "oci/manifest.h"
#include "oci/meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is written is what was read, and the same again. */
static void check_printed(const struct ch_oci_manifest *manifest)
{
	ch_auto(oci_manifest) struct ch_oci_manifest again = { 0 };
	ch_auto(str) char *text = NULL;
	ch_auto(str) char *text2 = NULL;
	struct ch_err err;

	/* Written out, a long one may become too long. */
	if (ch_oci_manifest_print(manifest, &text, &err) < 0)
		return;
	if (ch_oci_manifest_parse(NULL, text, strlen(text), &again, &err) < 0 ||
	    ch_oci_manifest_print(&again, &text2, &err) < 0 || strcmp(text, text2) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(oci_manifest) struct ch_oci_manifest manifest = { 0 };
	ch_auto(oci_image) struct ch_oci_image image = { 0 };
	ch_auto(oci_meta) struct ch_oci_meta meta = { 0 };
	const struct ch_oci_desc *chosen;
	struct ch_err err;

	(void)ch_oci_image_parse((const char *)data, size, &image, &err);
	(void)ch_oci_image_meta((const char *)data, size, &meta, &err);
	if (ch_oci_manifest_parse(NULL, (const char *)data, size, &manifest, &err) < 0)
		return 0;
	check_printed(&manifest);
	if (manifest.kind == CH_OCI_INDEX)
		(void)ch_oci_choose(&manifest, "arm/v5", &chosen, &err);
	return 0;
}
