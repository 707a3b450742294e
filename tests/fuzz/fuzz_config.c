/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_config - the OCI configuration in an image */
#include <stdint.h>
#include <stdlib.h>

#include "base/auto.h"
#include "base/err.h"
#include "oci/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(str) char *text = NULL;
	struct ch_err err;
	size_t len;

	if (ch_oci_config_meta((const char *)data, size, 4096, &text, &len, &err) < 0)
		return 0;
	/* Items end in a NUL, the last one, too. */
	if (len > 4096 || (len > 0 && text[len - 1] != '\0'))
		abort();
	return 0;
}
