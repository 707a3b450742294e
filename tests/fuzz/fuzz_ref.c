/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_ref - image references */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "oci/ref.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(str) char *text = strndup((const char *)data, size);
	ch_auto(ref) struct ch_ref ref = { 0 };
	ch_auto(ref) struct ch_ref again = { 0 };
	struct ch_err err;

	if (!text || ch_ref_parse(text, &ref, &err) < 0)
		return 0;
	/* What storage relies on; and a file's name is the reference, too. */
	if (!ref.file[0] || ref.file[0] == '.' || strchr(ref.file, '/') || !ref.name[0] ||
	    ch_ref_parse(ref.file, &again, &err) < 0 || strcmp(ref.text, again.text) != 0)
		abort();
	return 0;
}
