/* SPDX-License-Identifier: Apache-2.0 */
#include "build/force_words.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "base/words.h"

enum { TEXT_MAX = 16 << 20 };

/* ---- finding -------------------------------------------------------------------------- */

static bool is_name(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.' || c == '+';
}

/* May a command begin at P of TEXT, and end before END? */
static bool is_alone(const char *text, const char *p, const char *end)
{
	if (*end && !strchr(" \t\n;&|)<>`'\"", *end))
		return false;
	if (p == text)
		return true;
	if (p[-1] == '/')
		return p - text >= 4 && strncmp(p - 4, "bin/", 4) == 0;
	return !is_name(p[-1]);
}

/* The next occurrence of WORD at or behind P of TEXT; NULL: none. */
static const char *find(const char *text, const char *p, const char *word)
{
	size_t len = strlen(word);

	while ((p = strstr(p, word)) && !is_alone(text, p, p + len))
		p++;
	return p;
}

bool ch_force_has_word(const char *text, const char *word)
{
	return find(text, text, word) != NULL;
}

bool ch_force_has_word_in(char *const *argv, const char *word)
{
	for (; argv && *argv; argv++)
		if (ch_force_has_word(*argv, word))
			return true;
	return false;
}

/* ---- inserting --------------------------------------------------------------------------- */

int ch_force_split(const char *text, struct ch_words *ret_cmd, struct ch_err *err)
{
	const char *left = text;

	while (left) {
		char *word = NULL;

		if (ch_text_next(&left, ',', &word, err) < 0)
			return err->code;
		ch_words_give(ret_cmd, word);
	}
	if (ret_cmd->bad)
		return ch_err_nomem(err);
	if (ret_cmd->n < 2 || !ret_cmd->v[0][0])
		return ch_err_set(err, -EINVAL, "'%s': not CMD,ARG[,ARG...]", text);
	return 0;
}

static bool is_plain(const char *word)
{
	for (; *word; word++)
		if (!is_name(*word) && !strchr("/=:,@%", *word))
			return false;
	return true;
}

static void add_quoted(struct ch_buf *buf, const char *word)
{
	if (*word && is_plain(word)) {
		ch_buf_adds(buf, word);
		return;
	}
	ch_buf_adds(buf, "'");
	for (; *word; word++)
		ch_buf_add(buf, *word == '\'' ? "'\\''" : word, *word == '\'' ? 4 : 1);
	ch_buf_adds(buf, "'");
}

int ch_force_insert(const char *text, const struct ch_words *cmd, char **ret_text,
		    struct ch_err *err)
{
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(TEXT_MAX);
	const char *done = text, *p = text;

	while ((p = find(text, p, cmd->v[0]))) {
		p += strlen(cmd->v[0]);
		ch_buf_add(&buf, done, (size_t)(p - done));
		for (size_t i = 1; i < cmd->n; i++) {
			ch_buf_adds(&buf, " ");
			add_quoted(&buf, cmd->v[i]);
		}
		done = p;
	}
	ch_buf_adds(&buf, done);
	return ch_buf_take(&buf, ret_text) < 0 ? ch_err_nomem(err) : 0;
}

/* Is WORD as a whole the command NAME? */
static bool is_command(const char *word, const char *name)
{
	size_t len = strlen(word), n = strlen(name);

	return len >= n && strcmp(word + len - n, name) == 0 && find(word, word + len - n, name) &&
	       !strpbrk(word, " \t\n");
}

int ch_force_insert_words(char *const *argv, const struct ch_words *cmd, struct ch_words *ret_argv,
			  struct ch_err *err)
{
	for (; argv && *argv; argv++) {
		char *text = NULL;

		if (is_command(*argv, cmd->v[0])) {
			ch_words_add(ret_argv, *argv);
			for (size_t i = 1; i < cmd->n; i++)
				ch_words_add(ret_argv, cmd->v[i]);
			continue;
		}
		if (ch_force_insert(*argv, cmd, &text, err) < 0)
			return err->code;
		ch_words_give(ret_argv, text);
	}
	return ret_argv->bad ? ch_err_nomem(err) : 0;
}
