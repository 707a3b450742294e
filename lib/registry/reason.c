/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/reason.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"
#include "json/json.h"
#include "registry/http.h"
#include "registry/proxy.h"

enum { REASON_MAX = 200 };

/* Registries: {"errors": [{"code": ..., "message": ...}]}; token servers also {"details": ...} or
 * {"error_description": ...}. Borrowed from DOC, or NULL. */
static const char *find(const struct ch_json *doc)
{
	const struct ch_json *first = ch_json_at(ch_json_get(doc, "errors"), 0);
	const char *const candidates[] = {
		ch_json_text(ch_json_get(first, "message")),
		ch_json_text(ch_json_get(first, "code")),
		ch_json_text(ch_json_get(doc, "details")),
		ch_json_text(ch_json_get(doc, "error_description")),
		ch_json_text(ch_json_get(doc, "message")),
	};

	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++)
		if (candidates[i] && candidates[i][0])
			return candidates[i];
	return NULL;
}

/* "404, manifest unknown", on one line. Returns whether the server says more than the status. */
static bool describe(const struct ch_http_answer *answer, char out[REASON_MAX])
{
	ch_auto(json) struct ch_json *doc = NULL;
	const char *text = NULL;
	struct ch_err err;

	if (answer->text.len > 0 &&
	    ch_json_parse(answer->text.data, answer->text.len, &doc, &err) == 0)
		text = find(doc);
	snprintf(out, REASON_MAX, "%d%s%.150s", answer->status, text ? ", " : "", text ? text : "");
	ch_text_one_line(out);
	return text;
}

static int code_of(int status)
{
	switch (status) {
	case 401:
	case 403:
		return -EACCES;
	case 404:
		return -ENOENT;
	case 429:
		return -EBUSY;
	case 408:
	case 504:
		return -ETIMEDOUT;
	default:
		return status >= 500 ? -EHOSTUNREACH : -EPROTO;
	}
}

int ch_reason_err(const struct ch_http_answer *answer, struct ch_err *err)
{
	char text[REASON_MAX];
	bool is_explained = describe(answer, text);

	if (answer->status == 429)
		return ch_err_set(err, -EBUSY,
				  "too many requests (%s); try again later, or with --auth", text);
	if (answer->wait > 0 && answer->status >= 500)
		return ch_err_set(err, -EHOSTUNREACH,
				  "the server cannot answer now (%s); it says to try again in %llu "
				  "seconds",
				  text, (unsigned long long)answer->wait);
	ch_err_set(err, code_of(answer->status), "the server answers: %s", text);
	/* Registries say what is wrong. */
	if (answer->proxy.variable && !is_explained)
		return ch_proxy_hint(&answer->proxy, err);
	return err->code;
}
