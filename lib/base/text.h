/* SPDX-License-Identifier: Apache-2.0 */
/* text.h - small operations on strings from outside */
#ifndef CH_BASE_TEXT_H
#define CH_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ch_err;

/* The character of UTF-8 (RFC 3629) that TEXT, which ends in NUL, begins with. Returns the
 * number of its bytes, or 0 if there is none. */
size_t ch_text_character(const char *text, uint32_t *ret_char);

/* Make TEXT fit for a terminal or a log. Each byte becomes '?' of: control characters (with
 * those that UTF-8 has beyond ASCII), separators of lines, what changes the direction of
 * writing, and all that is not UTF-8. The length stays. */
void ch_text_one_line(char *text);

/* Cut TEXT to at most MAX bytes, not within a character. */
void ch_text_cut(char *text, size_t max);

/* WORDS (NULL-terminated) for a log: in single quotes, separated by spaces. Control
 * characters, single quotes and backslashes become \ooo (octal); the rest is as of
 * ch_text_one_line(). It is cut to SIZE bytes, NUL included (at least 4), and then ends in
 * "...". */
void ch_text_quote_words(char *const *words, char *out, size_t size);

/* *PLACE, which was NULL or is freed, becomes a copy of TEXT (NULL: NULL). */
int ch_text_copy(const char *text, char **place, struct ch_err *err);

/* Split the next item off a list: up to the first SEP that no backslash precedes. The
 * item is copied with "\SEP" turned into SEP; all other backslashes stay.
 *
 * list: in: where to go on; out: behind the item, or NULL after the last one
 * ret_item: malloc'ed
 * Returns 0 or -ENOMEM. */
int ch_text_next(const char **list, char sep, char **ret_item, struct ch_err *err);

/* A decimal number, nothing around it, MIN to MAX. NAME is for the message. */
int ch_text_number(const char *text, const char *name, long long min, long long max,
		   long long *ret_number, struct ch_err *err);

/* The same, for what is kept in 32 bits. */
int ch_text_u32(const char *text, const char *name, uint32_t min, uint32_t max,
		uint32_t *ret_number, struct ch_err *err);

/* Is TEXT equal to "yes" or "no"? */
int ch_text_yesno(const char *text, const char *name, bool *ret_yes, struct ch_err *err);

/* 64 bits that tell texts apart, as long as nobody chooses them to be equal (FNV-1a). */
uint64_t ch_text_hash(const void *data, size_t len);

#endif
