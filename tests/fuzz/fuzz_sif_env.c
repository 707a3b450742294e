/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_sif_env - a script of an image that sets variables */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/words.h"
#include "convert/sif_env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	ch_auto(str) char *script = strndup((const char *)data, size);
	ch_auto(words) struct ch_words env = { 0 };

	if (!script)
		return 0;
	(void)ch_sif_env_read(script, &env);
	for (size_t i = 0; i < env.n; i++)
		if (env.v[i][0] == '=' || !strchr(env.v[i], '='))
			abort();
	return 0;
}
