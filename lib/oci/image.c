/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"
#include "json/json.h"

/* Names of platforms; what is none, is not there: images have been seen without. */
static int read_word(const struct ch_json *doc, const char *key, char **ret, struct ch_err *err)
{
	const char *text = ch_json_text(ch_json_get(doc, key));

	if (!text || !text[0] || strlen(text) >= CH_OCI_ARCH_MAX / 2)
		return 0;
	if (ch_text_copy(text, ret, err) < 0)
		return err->code;
	ch_text_one_line(*ret);
	return 0;
}

static int read_diff_ids(const struct ch_json *list, struct ch_oci_image *ret, struct ch_err *err)
{
	size_t n = ch_json_count(list);

	if (n > CH_OCI_ITEMS_MAX)
		return ch_err_set(err, -EFBIG, "it has %zu layers, more than %d", n,
				  CH_OCI_ITEMS_MAX);
	ret->diff_ids = calloc(n + 1, sizeof(*ret->diff_ids));
	if (!ret->diff_ids)
		return ch_err_nomem(err);
	for (; ret->n < n; ret->n++) {
		const char *digest = ch_json_text(ch_json_at(list, ret->n));

		if (!digest)
			return ch_err_set(err, -EINVAL, "'rootfs': item %zu is no text",
					  ret->n + 1);
		if (ch_oci_digest_check(digest, err) < 0)
			return ch_err_in(err, "'rootfs', item %zu", ret->n + 1);
		memcpy(ret->diff_ids[ret->n], digest, CH_OCI_DIGEST_SIZE);
	}
	return 0;
}

static int read_document(const struct ch_json *doc, struct ch_oci_image *ret, struct ch_err *err)
{
	const struct ch_json *layers = ch_json_get(ch_json_get(doc, "rootfs"), "diff_ids");

	if (!ch_json_is_list(layers))
		return ch_err_set(err, -EINVAL, "'rootfs' has no list of layers");
	if (read_word(doc, "os", &ret->os, err) < 0 ||
	    read_word(doc, "architecture", &ret->arch, err) < 0 ||
	    read_word(doc, "variant", &ret->variant, err) < 0)
		return err->code;
	return read_diff_ids(layers, ret, err);
}

int ch_oci_image_parse(const char *text, size_t len, struct ch_oci_image *ret, struct ch_err *err)
{
	ch_auto(json) struct ch_json *doc = NULL;
	ch_auto(oci_image) struct ch_oci_image image = { 0 };

	if (len > CH_OCI_MANIFEST_MAX)
		return ch_err_set(err, -EFBIG, "configuration: it is longer than %d bytes",
				  CH_OCI_MANIFEST_MAX);
	if (ch_json_parse(text, len, &doc, err) < 0 || read_document(doc, &image, err) < 0)
		return ch_err_in(err, "configuration");
	*ret = ch_take(image);
	return 0;
}

int ch_oci_image_check_os(const struct ch_oci_image *image, struct ch_err *err)
{
	if (!image->os || strcmp(image->os, "linux") == 0)
		return 0;
	return ch_err_set(err, -ENOTSUP, "the image is for '%s', not for Linux", image->os);
}

void ch_oci_image_done(struct ch_oci_image *image)
{
	free(image->os);
	free(image->arch);
	free(image->variant);
	free(image->diff_ids);
	*image = (struct ch_oci_image){ 0 };
}
