/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_meta - what an image says about itself, as the keeper hands it on */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "rt/meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const kinds[] = { "env", "entry", "cmd", "" };
	const char *text = (const char *)data;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t pos = 0;
		const char *item;

		while ((item = ch_meta_next(text, size, kinds[i], &pos))) {
			/* It ends within the text. */
			if (item < text || item + strlen(item) >= text + size || pos > size)
				abort();
		}
	}
	return 0;
}
