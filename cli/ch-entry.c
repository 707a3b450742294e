/* SPDX-License-Identifier: Apache-2.0 */
/* ch-entry - put an image's entry point in front of a command, and exec it
 *
 * Slurm execs argv[0] of a task, and until 23.11 a plugin cannot make that list longer.
 * So it makes this program argv[0], as "/proc/self/fd/N" of a descriptor opened outside,
 * with what goes before the other arguments in CH_ENTRY_WORDS: NUL-separated in an
 * anonymous file, whose descriptor that variable names. Linked statically: it runs in any
 * image, and needs no file of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "rt/version.h"

enum { WORDS_MAX = 128 * 1024, EXIT_EXEC = 49 };

static char words[WORDS_MAX + 1];

/* OBJECT is the image's text, and stderr the user's terminal. */
static int fail(const char *what, const char *object)
{
	char text[256];
	int code = errno;

	snprintf(text, sizeof(text), "%s", object);
	ch_text_one_line(text);
	fprintf(stderr, "charlie: error: %s '%s': %s\n", what, text, strerror(code));
	return EXIT_EXEC;
}

/* Read the words from the descriptor that TEXT names, and close it. */
static size_t read_words(const char *text)
{
	char *end;
	long fd = strtol(text, &end, 10);
	size_t len = 0;
	ssize_t n;

	if (fd < 3 || fd > 1 << 20 || *end)
		return 0;
	while ((n = pread((int)fd, words + len, WORDS_MAX - len, (off_t)len)) > 0)
		len += (size_t)n;
	close((int)fd);
	return len;
}

int main(int argc, char **argv)
{
	const char *where = getenv("CH_ENTRY_WORDS");
	size_t len = where ? read_words(where) : 0, n = 0;

	if (!where && argc == 2 && strcmp(argv[1], "--version") == 0) {
		ch_version_print("ch-entry");
		return 0;
	}
	if (len == 0) {
		fprintf(stderr,
			"ch-entry: error: not for use by hand; the Slurm plugin starts it\n");
		return 64;
	}

	char **list = calloc(len + (size_t)argc + 1, sizeof(*list));

	if (!list)
		return fail("start", "entry point");
	for (size_t pos = 0; pos < len; pos += strlen(words + pos) + 1)
		list[n++] = words + pos;
	for (int i = 1; i < argc; i++)
		list[n++] = argv[i];
	unsetenv("CH_ENTRY_WORDS");
	execvp(list[0], list);
	return fail("execute the image's entry point", list[0]);
}
