/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_mountinfo - lines of /proc/PID/mountinfo */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "sys/mountinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(str) char *line = strndup((const char *)data, size);
	ch_auto(mountinfo) struct ch_mountinfo m = { 0 };
	struct ch_err err;

	if (line && ch_mountinfo_parse(line, &m, &err) == 0 && strlen(m.path) > strlen(line))
		abort();
	return 0;
}
