/* SPDX-License-Identifier: Apache-2.0 */
#include "base/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/analyser.h"

#define GROW 16

void ch_words_give(struct ch_words *words, char *text)
{
	/* One more is always there for the NULL. */
	if (text && words->n % GROW == 0) {
		char **grown = reallocarray(words->v, words->n + GROW + 1, sizeof(*grown));

		if (grown)
			words->v = grown;
		words->bad |= !grown;
	}
	words->bad |= !text;
	if (words->bad) {
		free(text);
		return;
	}
	words->v[words->n++] = text;
	words->v[words->n] = NULL;
}

void ch_words_add(struct ch_words *words, const char *text)
{
	ch_words_give(words, text ? strdup(text) : NULL);
}

void ch_words_join(struct ch_words *words, const struct ch_words *from)
{
	for (size_t i = 0; i < from->n; i++)
		ch_words_add(words, from->v[i]);
	words->bad |= from->bad;
}

CH_MOVES_BEGIN
/* The item of the name that has LEN bytes at NAME, or NULL. */
static char **find(const struct ch_words *words, const char *name, size_t len)
{
	for (size_t i = 0; i < words->n; i++)
		if (strncmp(words->v[i], name, len) == 0 && words->v[i][len] == '=')
			return &words->v[i];
	return NULL;
}

/* PAIR is the list's from now on; NULL makes it bad. */
static void put(struct ch_words *words, char *pair)
{
	char **old = pair ? find(words, pair, strcspn(pair, "=")) : NULL;

	if (!old) {
		ch_words_give(words, pair);
		return;
	}
	free(*old);
	*old = pair;
}
CH_MOVES_END

void ch_words_set(struct ch_words *words, const char *name, const char *value)
{
	char *pair;

	put(words, asprintf(&pair, "%s=%s", name, value) < 0 ? NULL : pair);
}

void ch_words_put(struct ch_words *words, const struct ch_words *from)
{
	for (size_t i = 0; i < from->n; i++)
		put(words, strdup(from->v[i]));
	words->bad |= from->bad;
}

const char *ch_words_get(const struct ch_words *words, const char *name)
{
	size_t len = strlen(name);
	char **item = find(words, name, len);

	return item ? *item + len + 1 : NULL;
}

void ch_words_done(struct ch_words *words)
{
	for (size_t i = 0; i < words->n; i++)
		free(words->v[i]);
	free(words->v);
	*words = (struct ch_words){ 0 };
}
