/* SPDX-License-Identifier: Apache-2.0 */
#include "json/json.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/err.h"

/* struct ch_json is json_t under another name. jansson takes non-const pointers where it
 * only reads. */
static json_t *unwrap(const struct ch_json *value)
{
	union {
		const struct ch_json *ours;
		json_t *theirs;
	} u = { .ours = value };

	return u.theirs;
}

static struct ch_json *wrap(json_t *value)
{
	return (struct ch_json *)value;
}

int ch_json_parse(const char *text, size_t len, struct ch_json **ret_doc, struct ch_err *err)
{
	json_error_t e;
	json_t *doc = json_loadb(text, len, JSON_REJECT_DUPLICATES, &e);
	char *near;

	if (doc) {
		*ret_doc = wrap(doc);
		return 0;
	}
	/* What the document has there may be secret. */
	near = strstr(e.text, " near '");
	if (near)
		*near = '\0';
	return ch_err_set(err, -EINVAL, "JSON, line %d, column %d: %s", e.line, e.column, e.text);
}

void ch_json_free(struct ch_json *doc)
{
	json_decref(unwrap(doc));
}

const struct ch_json *ch_json_get(const struct ch_json *value, const char *key)
{
	return wrap(json_object_get(unwrap(value), key));
}

bool ch_json_is_given(const struct ch_json *value)
{
	return value && !json_is_null(unwrap(value));
}

bool ch_json_is_list(const struct ch_json *value)
{
	return json_is_array(unwrap(value));
}

const struct ch_json *ch_json_next(const struct ch_json *value, void **iter, const char **ret_key)
{
	json_t *object = unwrap(value);

	*iter = *iter ? json_object_iter_next(object, *iter) : json_object_iter(object);
	if (!*iter)
		return NULL;
	*ret_key = json_object_iter_key(*iter);
	return wrap(json_object_iter_value(*iter));
}

size_t ch_json_count(const struct ch_json *value)
{
	return json_array_size(unwrap(value));
}

const struct ch_json *ch_json_at(const struct ch_json *value, size_t i)
{
	return wrap(json_array_get(unwrap(value), i));
}

const char *ch_json_text(const struct ch_json *value)
{
	return json_string_value(unwrap(value));
}

bool ch_json_integer(const struct ch_json *value, long long *ret_number)
{
	if (!json_is_integer(unwrap(value)))
		return false;
	*ret_number = json_integer_value(unwrap(value));
	return true;
}
