/* SPDX-License-Identifier: Apache-2.0 */
/* force_words.h - commands in the text of a RUN: found, and given more arguments
 *
 * Pure. The text is not parsed as a shell does it: a command is a word, as it is or with a
 * path that ends in "bin/", wherever it stands. */
#ifndef CH_BUILD_FORCE_WORDS_H
#define CH_BUILD_FORCE_WORDS_H

#include <stdbool.h>

struct ch_err;
struct ch_words;

/* Does TEXT contain the command WORD? */
bool ch_force_has_word(const char *text, const char *word);

/* The same for any word of ARGV. */
bool ch_force_has_word_in(char *const *argv, const char *word);

/* What --force-cmd says: CMD and its arguments, of which commas, unless a backslash precedes
 * them, are the borders. RET_CMD, which is empty, gets at least two words.
 * Errors: -EINVAL, -ENOMEM. */
int ch_force_split(const char *text, struct ch_words *ret_cmd, struct ch_err *err);

/* TEXT with the words behind the first one of CMD inserted behind each occurrence of that,
 * quoted for the shell where need be. ret_text: malloc'ed. */
int ch_force_insert(const char *text, const struct ch_words *cmd, char **ret_text,
		    struct ch_err *err);

/* The same for a list of words: where one of them is the command, they become words of their
 * own behind it; in all others as with ch_force_insert. RET_ARGV is empty before. */
int ch_force_insert_words(char *const *argv, const struct ch_words *cmd, struct ch_words *ret_argv,
			  struct ch_err *err);

#endif
