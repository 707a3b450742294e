/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_config - what an image says about itself: /ch/metadata.json, a NUL, and the OCI
 * configuration; without a NUL the latter only */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "oci/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(str) char *text = NULL;
	struct ch_err err;
	size_t len;

	const char *begin = (const char *)data;
	const char *nul = size ? memchr(begin, '\0', size) : NULL;
	struct ch_oci_text metadata = { 0 }, config = { begin, size };

	if (nul) {
		metadata = (struct ch_oci_text){ begin, (size_t)(nul - begin) };
		config = (struct ch_oci_text){ nul + 1, size - metadata.len - 1 };
	}
	if (ch_oci_config_meta(metadata, config, 4096, &text, &len, &err) < 0)
		return 0;
	/* Items end in a NUL, the last one, too. */
	if (len > 4096 || (len > 0 && text[len - 1] != '\0'))
		abort();
	return 0;
}
