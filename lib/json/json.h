/* SPDX-License-Identifier: Apache-2.0 */
/* json.h - the one door to the JSON library, for reading
 *
 * Values are borrowed from the document; looking for what is not there gives NULL, and
 * NULL may be looked into: checks are needed only at the end of a path. */
#ifndef CH_JSON_JSON_H
#define CH_JSON_JSON_H

#include <stdbool.h>
#include <stddef.h>

struct ch_err;
struct ch_json;

/* Parse LEN bytes. Errors: -EINVAL with line and column, and nothing of the text; -ENOMEM. */
int ch_json_parse(const char *text, size_t len, struct ch_json **ret_doc, struct ch_err *err);

/* Free a document (not a value inside one). NULL is fine. */
void ch_json_free(struct ch_json *doc);

static inline void ch_auto_json(struct ch_json **doc)
{
	ch_json_free(*doc);
}

/* Member KEY of object VALUE. */
const struct ch_json *ch_json_get(const struct ch_json *value, const char *key);

/* Is VALUE there, and not null? */
bool ch_json_is_given(const struct ch_json *value);

/* Is VALUE an array? */
bool ch_json_is_list(const struct ch_json *value);

/* The member of object VALUE behind *ITER (NULL: the first one), and its KEY; NULL: none
 * is left. */
const struct ch_json *ch_json_next(const struct ch_json *value, void **iter, const char **ret_key);

/* Number of items of array VALUE, and the I-th. */
size_t ch_json_count(const struct ch_json *value);
const struct ch_json *ch_json_at(const struct ch_json *value, size_t i);

/* The text of string VALUE (no NUL is inside), or NULL if it is no string. */
const char *ch_json_text(const struct ch_json *value);

/* Is VALUE an integer? If so, *RET_NUMBER. */
bool ch_json_integer(const struct ch_json *value, long long *ret_number);

#endif
