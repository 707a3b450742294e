/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_bind - bind specifications, as of a command line */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/bind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(str) char *spec = strndup((const char *)data, size);
	ch_auto(bind) struct ch_bind b = { 0 };
	struct ch_err err;

	if (!spec || ch_bind_parse(spec, "/cwd", &b, &err) < 0)
		return 0;
	/* What the keeper relies on. */
	if (b.src[0] != '/' || b.dst[0] != '/' || !b.dst[strspn(b.dst, "/")] ||
	    b.flags & ~(unsigned)CH_BIND_RO)
		abort();
	return 0;
}
