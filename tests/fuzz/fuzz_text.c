/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_text - lists, numbers and messages from foreign text; the first byte separates */
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void split(const char *list, char sep)
{
	struct ch_err err;
	size_t left = strlen(list) + 1;

	while (list) {
		ch_auto(str) char *item = NULL;

		if (ch_text_next(&list, sep, &item, &err) < 0)
			return;
		/* An item is never longer than what it was made of. */
		if (strlen(item) >= left)
			abort();
		left -= strlen(item);
	}
}

/* Is it UTF-8, as the C library understands it, without anything that a terminal obeys? */
static void check_line(const char *text)
{
	mbstate_t state = { 0 };
	size_t left = strlen(text);
	wchar_t c;

	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		abort();
	while (left > 0) {
		size_t n = mbrtowc(&c, text, left, &state);

		if (n == 0 || n > left || c < ' ' || (c >= 0x7f && c < 0xa0) ||
		    (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069))
			abort();
		text += n;
		left -= n;
	}
}

static void one_line(const char *text)
{
	struct ch_err err;

	ch_err_set(&err, -1, "%s", text);
	check_line(err.msg);
	ch_err_in(&err, "%s", text);
	check_line(err.msg);
	for (size_t max = 0; max < 8; max++) {
		ch_text_cut(err.msg, strlen(err.msg) * (8 - max) / 8);
		check_line(err.msg);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ch_err err;
	long long number;
	bool yes;

	if (size < 1 || data[0] == '\0' || data[0] == '\\')
		return 0;

	ch_auto(str) char *text = strndup((const char *)data + 1, size - 1);

	if (!text)
		return 0;
	split(text, (char)data[0]);
	one_line(text);
	(void)ch_text_number(text, "n", -1000, 1000, &number, &err);
	(void)ch_text_yesno(text, "b", &yes, &err);
	return 0;
}
