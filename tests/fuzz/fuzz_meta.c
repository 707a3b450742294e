/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_meta - what an image says about itself, as the keeper hands it on */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/command.h"
#include "rt/meta.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A command has at least one word, and its list an end. */
static void try_command(const char *text, size_t size)
{
	ch_auto(command) struct ch_command command = { 0 };
	struct ch_err err;
	size_t n = 0;

	if (ch_command_make(text, size, NULL, &command, &err) < 0)
		return;
	while (command.argv[n])
		n += strlen(command.argv[n]) < size + 8;
	if (n == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const kinds[] = { "env",	  "entry", "entry-shell", "cmd",
					     "cmd-shell", "shell", "error",	  "" };
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
	try_command(text, size);
	return 0;
}
