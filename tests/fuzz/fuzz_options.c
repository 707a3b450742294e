/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_options - values of options that Slurm forwards
 *
 * The first byte chooses the option; many a value, separated by NULs, may follow. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct ch_opt *choose(unsigned byte)
{
	size_t n = 0;

	while (ch_options[n].name)
		n++;
	return &ch_options[byte % n];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(settings) struct ch_settings s = { .cwd = "/cwd" };
	const struct ch_opt *opt = size ? choose(data[0]) : NULL;
	struct ch_err err;

	for (size_t pos = 1; pos < size;) {
		ch_auto(str) char *value = strndup((const char *)data + pos, size - pos);

		if (!value)
			return 0;
		if (opt->where & CH_OPT_SPANK)
			(void)ch_opt_take(opt, value, &s, &err);
		else
			(void)opt->set(&s, value, &err);
		pos += strlen(value) + 1;
	}
	for (size_t i = 0; i < s.binds.n; i++)
		if (s.binds.list[i].src[0] != '/' || s.binds.list[i].dst[0] != '/')
			abort();
	/* It becomes part of mount options. */
	if (s.write_size && strpbrk(s.write_size, ",= \n"))
		abort();
	return 0;
}
