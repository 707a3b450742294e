/* SPDX-License-Identifier: Apache-2.0 */
/* words.h - growing list of texts, also of "NAME=VALUE", with a sticky failure
 *
 * Like base/buf.h: additions do not report that memory is short; the list is bad then, which
 * is asked for once, at the end. */
#ifndef CH_BASE_WORDS_H
#define CH_BASE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct ch_words {
	char **v; /* owned, and what it points to; NULL-terminated when not NULL */
	size_t n;
	bool bad;
};

/* Append a copy of TEXT. NULL makes the list bad. */
void ch_words_add(struct ch_words *words, const char *text);

/* Append TEXT itself, which was malloc'ed: it is the list's from now on. NULL, as above. */
void ch_words_give(struct ch_words *words, char *text);

/* Append copies of all of FROM. */
void ch_words_join(struct ch_words *words, const struct ch_words *from);

/* Variable NAME is VALUE now: in the place of the old one, or at the end. */
void ch_words_set(struct ch_words *words, const char *name, const char *value);

/* The same for all of FROM, which are NAME=VALUE. */
void ch_words_put(struct ch_words *words, const struct ch_words *from);

/* The value of NAME, borrowed, until the list changes; NULL if there is none. */
const char *ch_words_get(const struct ch_words *words, const char *name);

/* Make it empty, and good. */
void ch_words_done(struct ch_words *words);

static inline void ch_auto_words(struct ch_words *words)
{
	ch_words_done(words);
}

#endif
