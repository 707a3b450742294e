/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/image_meta.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "json/json.h"
#include "oci/image.h"
#include "oci/meta.h"

static int read_text(const struct ch_json *value, char **ret)
{
	const char *text = ch_json_text(value);

	if (!text || !*text)
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

/* From the I-th item on */
static void read_list(const struct ch_json *list, size_t i, struct ch_words *ret)
{
	for (; i < ch_json_count(list); i++)
		if (ch_json_text(ch_json_at(list, i)))
			ch_words_add(ret, ch_json_text(ch_json_at(list, i)));
}

/* Sets are objects whose members have no value. */
static void read_keys(const struct ch_json *set, struct ch_words *ret)
{
	const char *name;
	void *iter = NULL;

	while (ch_json_next(set, &iter, &name))
		ch_words_add(ret, name);
}

/* The first one of a name counts, as for the programs that look for it. */
static void read_env(const struct ch_json *list, struct ch_words *ret)
{
	for (size_t i = 0; i < ch_json_count(list) && ret->n <= CH_OCI_PAIRS_MAX; i++) {
		const char *text = ch_json_text(ch_json_at(list, i));
		const char *equals = text ? strchr(text, '=') : NULL;
		ch_auto(str) char *name = equals ? strndup(text, (size_t)(equals - text)) : NULL;

		if (name && *name && !ch_words_get(ret, name))
			ch_words_set(ret, name, equals + 1);
	}
}

static void read_labels(const struct ch_json *labels, struct ch_words *ret)
{
	const struct ch_json *value;
	const char *name;
	void *iter = NULL;

	while (ret->n <= CH_OCI_PAIRS_MAX && (value = ch_json_next(labels, &iter, &name)))
		if (ch_json_text(value) && *name && !strchr(name, '='))
			ch_words_set(ret, name, ch_json_text(value));
}

static void read_form(const struct ch_json *value, struct ch_oci_form *ret)
{
	ret->is_given = ch_json_is_list(value);
	read_list(value, 0, &ret->words);
}

/* "Test" begins with a word that says of which kind the rest is. */
static void read_health(const struct ch_json *health, struct ch_oci_meta *meta)
{
	static const struct {
		const char *key, *name, *unit;
	} options[] = {
		{ "Interval", "interval", "ns" },
		{ "Timeout", "timeout", "ns" },
		{ "StartPeriod", "start-period", "ns" },
		{ "Retries", "retries", "" },
		{ "StartInterval", "start-interval", "ns" },
	};
	const struct ch_json *test = ch_json_get(health, "Test");
	const char *kind = ch_json_text(ch_json_at(test, 0));

	if (!kind)
		return;
	meta->health.is_given = true;
	meta->health.is_shell = strcmp(kind, "CMD-SHELL") == 0;
	read_list(test, strcmp(kind, "NONE") == 0 ? 0 : 1, &meta->health.words);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		char value[40];
		long long number;

		if (!ch_json_integer(ch_json_get(health, options[i].key), &number) || number <= 0)
			continue;
		snprintf(value, sizeof(value), "%lld%s", number, options[i].unit);
		ch_words_set(&meta->healthopts, options[i].name, value);
	}
}

static bool is_bad(const struct ch_oci_meta *meta)
{
	return meta->env.bad || meta->labels.bad || meta->healthopts.bad || meta->shell.bad ||
	       meta->volumes.bad || meta->ports.bad || meta->onbuild.bad ||
	       meta->entrypoint.words.bad || meta->cmd.words.bad || meta->health.words.bad;
}

/* "ARCH", or "ARCH/VARIANT" */
static int read_arch(const char *text, size_t len, char **ret, struct ch_err *err)
{
	ch_auto(oci_image) struct ch_oci_image image = { 0 };
	int n;

	if (ch_oci_image_parse(text, len, &image, err) < 0)
		return err->code;
	if (!image.arch)
		return 0;
	n = asprintf(ret, "%s%s%s", image.arch, image.variant ? "/" : "",
		     image.variant ? image.variant : "");
	if (n < 0)
		*ret = NULL;
	return n < 0 ? ch_err_nomem(err) : 0;
}

static int read_config(const struct ch_json *config, struct ch_oci_meta *meta)
{
	read_env(ch_json_get(config, "Env"), &meta->env);
	read_labels(ch_json_get(config, "Labels"), &meta->labels);
	read_keys(ch_json_get(config, "Volumes"), &meta->volumes);
	read_keys(ch_json_get(config, "ExposedPorts"), &meta->ports);
	read_list(ch_json_get(config, "Shell"), 0, &meta->shell);
	read_list(ch_json_get(config, "OnBuild"), 0, &meta->onbuild);
	read_form(ch_json_get(config, "Entrypoint"), &meta->entrypoint);
	read_form(ch_json_get(config, "Cmd"), &meta->cmd);
	read_health(ch_json_get(config, "Healthcheck"), meta);
	if (read_text(ch_json_get(config, "WorkingDir"), &meta->cwd) < 0 ||
	    read_text(ch_json_get(config, "User"), &meta->user) < 0 ||
	    read_text(ch_json_get(config, "StopSignal"), &meta->stopsignal) < 0)
		return -ENOMEM;
	return is_bad(meta) ? -ENOMEM : 0;
}

int ch_oci_image_meta(const char *text, size_t len, struct ch_oci_meta *ret, struct ch_err *err)
{
	ch_auto(json) struct ch_json *doc = NULL;
	ch_auto(oci_meta) struct ch_oci_meta meta = { 0 };

	if (ch_json_parse(text, len, &doc, err) < 0 || read_arch(text, len, &meta.arch, err) < 0)
		return err->code;
	if (read_config(ch_json_get(doc, "config"), &meta) < 0)
		return ch_err_nomem(err);
	if (ch_oci_meta_check(&meta, err) < 0)
		return err->code;
	*ret = ch_take(meta);
	return 0;
}

int ch_oci_settings_meta(const char *text, size_t len, struct ch_oci_meta *ret, struct ch_err *err)
{
	ch_auto(json) struct ch_json *doc = NULL;
	ch_auto(oci_meta) struct ch_oci_meta meta = { 0 };

	if (ch_json_parse(text, len, &doc, err) < 0)
		return err->code;
	if (read_config(doc, &meta) < 0)
		return ch_err_nomem(err);
	if (ch_oci_meta_check(&meta, err) < 0)
		return err->code;
	*ret = ch_take(meta);
	return 0;
}

int ch_oci_labels(const char *text, size_t len, struct ch_words *ret, struct ch_err *err)
{
	ch_auto(json) struct ch_json *doc = NULL;

	if (ch_json_parse(text, len, &doc, err) < 0)
		return err->code;
	read_labels(doc, ret);
	if (ret->n > CH_OCI_PAIRS_MAX)
		return ch_err_set(err, -E2BIG, "more than %d labels", CH_OCI_PAIRS_MAX);
	return ret->bad ? ch_err_nomem(err) : 0;
}
