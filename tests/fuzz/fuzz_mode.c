/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_mode - changes of modes, as of COPY --chmod */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "build/mode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(str) char *text = strndup((const char *)data, size);
	struct ch_mode mode;
	struct ch_err err;

	if (!text || ch_mode_parse(text, &mode, &err) < 0)
		return 0;
	/* There is a change, and it is one of permissions only. */
	if (mode.n == 0 || mode.n > CH_MODE_CHANGES ||
	    (ch_mode_apply(&mode, S_IFDIR | 0640) & ~07777U) != S_IFDIR)
		abort();
	return 0;
}
