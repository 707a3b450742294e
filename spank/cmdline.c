/* SPDX-License-Identifier: Apache-2.0 */
#include "cmdline.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"

enum { WORDS_MAX = 2 * 1024 * 1024 };

void ch_cmdline_read(struct ch_buf *ret_words)
{
	ch_auto(fd) int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);

	*ret_words = CH_BUF_INIT(WORDS_MAX);
	if (fd < 0 || ch_buf_read(ret_words, fd) < 0 || ch_buf_bad(ret_words))
		ch_buf_done(ret_words);
}

const char *ch_cmdline_next(const struct ch_buf *words, const char *name, size_t *pos)
{
	size_t n = strlen(name);

	while (*pos < words->len) {
		const char *word = words->data + *pos;

		*pos += strlen(word) + 1;
		if (strncmp(word, "--", 2) != 0 || strncmp(word + 2, name, n) != 0)
			continue;
		if (word[2 + n] == '=')
			return word + 3 + n;
		if (word[2 + n] == '\0' && *pos < words->len)
			return words->data + *pos;
	}
	return NULL;
}
