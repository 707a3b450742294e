/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/meta.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/analyser.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "json/json.h"
#include "json/write.h"

/* Which member of the struct is which key; each kind has its type in JSON. */
enum kind { TEXT, PAIRS, LIST, FORM };

static const struct field {
	const char *key;
	enum kind kind;
	size_t at;
} fields[] = {
	{ "arch", TEXT, offsetof(struct ch_oci_meta, arch) },
	{ "arg", PAIRS, offsetof(struct ch_oci_meta, arg) },
	{ "cmd", FORM, offsetof(struct ch_oci_meta, cmd) },
	{ "cwd", TEXT, offsetof(struct ch_oci_meta, cwd) },
	{ "entrypoint", FORM, offsetof(struct ch_oci_meta, entrypoint) },
	{ "env", PAIRS, offsetof(struct ch_oci_meta, env) },
	{ "health", FORM, offsetof(struct ch_oci_meta, health) },
	{ "healthopts", PAIRS, offsetof(struct ch_oci_meta, healthopts) },
	{ "labels", PAIRS, offsetof(struct ch_oci_meta, labels) },
	{ "onbuild", LIST, offsetof(struct ch_oci_meta, onbuild) },
	{ "ports", LIST, offsetof(struct ch_oci_meta, ports) },
	{ "shell", LIST, offsetof(struct ch_oci_meta, shell) },
	{ "stopsignal", TEXT, offsetof(struct ch_oci_meta, stopsignal) },
	{ "user", TEXT, offsetof(struct ch_oci_meta, user) },
	{ "volumes", LIST, offsetof(struct ch_oci_meta, volumes) },
};

#define N_FIELDS (sizeof(fields) / sizeof(fields[0]))

/* ---- reading ---------------------------------------------------------------------------- */

static void read_list(const struct ch_json *value, struct ch_words *ret)
{
	for (size_t i = 0; i < ch_json_count(value); i++) {
		const char *text = ch_json_text(ch_json_at(value, i));

		if (text)
			ch_words_add(ret, text);
	}
}

static void read_pairs(const struct ch_json *value, struct ch_words *ret)
{
	const struct ch_json *member;
	const char *name;
	void *iter = NULL;

	while (ret->n <= CH_OCI_PAIRS_MAX && (member = ch_json_next(value, &iter, &name)))
		if (ch_json_text(member) && *name && !strchr(name, '='))
			ch_words_set(ret, name, ch_json_text(member));
}

static void read_form(const struct ch_json *value, struct ch_oci_form *ret)
{
	ret->is_shell = ch_json_text(value) != NULL;
	ret->is_given = ret->is_shell || ch_json_is_list(value);
	if (ret->is_shell)
		ch_words_add(&ret->words, ch_json_text(value));
	else
		read_list(value, &ret->words);
}

CH_MOVES_BEGIN
/* Returns false if memory is short. */
static bool read_field(const struct field *f, const struct ch_json *value, struct ch_oci_meta *meta)
{
	void *at = (char *)meta + f->at;
	const char *text = ch_json_text(value);

	switch (f->kind) {
	case TEXT:
		if (text)
			*(char **)at = strdup(text);
		return !text || *(char **)at;
	case PAIRS:
		read_pairs(value, at);
		return !((struct ch_words *)at)->bad;
	case LIST:
		read_list(value, at);
		return !((struct ch_words *)at)->bad;
	case FORM:
		read_form(value, at);
		return !((struct ch_oci_form *)at)->words.bad;
	}
	return false;
}
CH_MOVES_END

int ch_oci_meta_check(const struct ch_oci_meta *meta, struct ch_err *err)
{
	if (meta->env.n <= CH_OCI_PAIRS_MAX && meta->labels.n <= CH_OCI_PAIRS_MAX)
		return 0;
	return ch_err_set(err, -E2BIG, "more than %d %s", CH_OCI_PAIRS_MAX,
			  meta->env.n > CH_OCI_PAIRS_MAX ? "variables of the environment"
							 : "labels");
}

int ch_oci_meta_parse(const char *text, size_t len, struct ch_oci_meta *ret, struct ch_err *err)
{
	ch_auto(json) struct ch_json *doc = NULL;
	int rc = ch_json_parse(text, len, &doc, err);

	for (size_t i = 0; i < N_FIELDS && rc == 0; i++)
		if (!read_field(&fields[i], ch_json_get(doc, fields[i].key), ret))
			rc = ch_err_nomem(err);
	if (rc == 0)
		rc = ch_oci_meta_check(ret, err);
	if (rc < 0)
		ch_oci_meta_done(ret);
	return rc;
}

/* ---- writing ------------------------------------------------------------------------------ */

static void put_list(struct ch_json_out *out, const char *key, const struct ch_words *words)
{
	ch_json_open(out, key, '[');
	for (size_t i = 0; i < words->n; i++)
		ch_json_put_text(out, NULL, words->v[i]);
	ch_json_close(out, ']');
}

/* NAME=VALUE; an item without '=' is a name without a value. */
static void put_pair(struct ch_json_out *out, const char *pair)
{
	const char *equals = strchrnul(pair, '=');
	ch_auto(str) char *name = strndup(pair, (size_t)(equals - pair));

	if (name)
		ch_json_put_text(out, name, *equals ? equals + 1 : "");
	out->buf.bad |= !name;
}

static void put_pairs(struct ch_json_out *out, const char *key, const struct ch_words *words)
{
	ch_json_open(out, key, '{');
	for (size_t i = 0; i < words->n; i++)
		put_pair(out, words->v[i]);
	ch_json_close(out, '}');
}

static void put_form(struct ch_json_out *out, const char *key, const struct ch_oci_form *form)
{
	if (form->is_shell && form->words.n > 0)
		ch_json_put_text(out, key, form->words.v[0]);
	else if (form->is_given)
		put_list(out, key, &form->words);
}

static void put_words(struct ch_json_out *out, const struct field *f, const struct ch_words *words)
{
	out->buf.bad |= words->bad;
	if (words->n > 0 && f->kind == PAIRS)
		put_pairs(out, f->key, words);
	else if (words->n > 0)
		put_list(out, f->key, words);
}

static void put_field(struct ch_json_out *out, const struct field *f,
		      const struct ch_oci_meta *meta)
{
	const void *at = (const char *)meta + f->at;

	switch (f->kind) {
	case TEXT:
		if (*(char *const *)at)
			ch_json_put_text(out, f->key, *(char *const *)at);
		break;
	case PAIRS:
	case LIST:
		put_words(out, f, at);
		break;
	case FORM:
		out->buf.bad |= ((const struct ch_oci_form *)at)->words.bad;
		put_form(out, f->key, at);
		break;
	}
}

/* A buffer is bad for one of two reasons. */
static int take(struct ch_buf *buf, char **ret_text, struct ch_err *err)
{
	if (!buf->bad && ch_buf_take(buf, ret_text) == 0)
		return 0;
	return ch_err_set(err, -ENOMEM, "image metadata: out of memory, or longer than %d bytes",
			  CH_OCI_META_MAX);
}

int ch_oci_meta_print(const struct ch_oci_meta *meta, char **ret_text, struct ch_err *err)
{
	ch_auto(json_out) struct ch_json_out out = { .buf = CH_BUF_INIT(CH_OCI_META_MAX) };

	/* Who writes it, is to be able to read it. */
	if (ch_oci_meta_check(meta, err) < 0)
		return err->code;
	ch_json_open(&out, NULL, '{');
	for (size_t i = 0; i < N_FIELDS; i++)
		put_field(&out, &fields[i], meta);
	ch_json_close(&out, '}');
	ch_buf_adds(&out.buf, "\n");
	return take(&out.buf, ret_text, err);
}

int ch_oci_meta_environment(const struct ch_oci_meta *meta, char **ret_text, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf out = CH_BUF_INIT(CH_OCI_META_MAX);

	out.bad = meta->env.bad;
	for (size_t i = 0; i < meta->env.n; i++)
		if (!strchr(meta->env.v[i], '\n'))
			ch_buf_addf(&out, "%s\n", meta->env.v[i]);
	return take(&out, ret_text, err);
}

/* ---- life ----------------------------------------------------------------------------------- */

void ch_oci_form_set(struct ch_oci_form *form, bool is_shell, const struct ch_words *from)
{
	ch_words_done(&form->words);
	ch_words_join(&form->words, from);
	form->is_given = true;
	form->is_shell = is_shell;
}

void ch_oci_meta_done(struct ch_oci_meta *meta)
{
	for (size_t i = 0; i < N_FIELDS; i++) {
		void *at = (char *)meta + fields[i].at;

		switch (fields[i].kind) {
		case TEXT:
			free(*(char **)at);
			break;
		case PAIRS:
		case LIST:
			ch_words_done(at);
			break;
		case FORM:
			ch_words_done(&((struct ch_oci_form *)at)->words);
			break;
		}
	}
	*meta = (struct ch_oci_meta){ 0 };
}
