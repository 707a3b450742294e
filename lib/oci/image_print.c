/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/image_print.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"
#include "json/write.h"
#include "oci/meta.h"

enum { TEXT_MAX = 2 * CH_OCI_META_MAX };

#define EPOCH "1970-01-01T00:00:00Z"

/* ---- parts ----------------------------------------------------------------------------------- */

static void put_text(struct ch_json_out *out, const char *key, const char *text)
{
	if (text && *text)
		ch_json_put_text(out, key, text);
}

static void put_items(struct ch_json_out *out, const struct ch_words *words)
{
	out->buf.bad |= words->bad;
	for (size_t i = 0; i < words->n; i++)
		ch_json_put_text(out, NULL, words->v[i]);
}

static void put_list(struct ch_json_out *out, const char *key, const struct ch_words *words)
{
	out->buf.bad |= words->bad;
	if (words->n == 0)
		return;
	ch_json_open(out, key, '[');
	put_items(out, words);
	ch_json_close(out, ']');
}

/* Sets are objects whose members have no value. */
static void put_set(struct ch_json_out *out, const char *key, const struct ch_words *words)
{
	out->buf.bad |= words->bad;
	if (words->n == 0)
		return;
	ch_json_open(out, key, '{');
	for (size_t i = 0; i < words->n; i++) {
		ch_json_open(out, words->v[i], '{');
		ch_json_close(out, '}');
	}
	ch_json_close(out, '}');
}

static void put_pairs(struct ch_json_out *out, const char *key, const struct ch_words *words)
{
	out->buf.bad |= words->bad;
	if (words->n == 0)
		return;
	ch_json_open(out, key, '{');
	for (size_t i = 0; i < words->n; i++) {
		const char *pair = words->v[i], *equals = strchrnul(pair, '=');
		ch_auto(str) char *name = strndup(pair, (size_t)(equals - pair));

		if (name)
			ch_json_put_text(out, name, *equals ? equals + 1 : "");
		out->buf.bad |= !name;
	}
	ch_json_close(out, '}');
}

/* Commands are lists: those for a shell begin with it. */
static void put_form(struct ch_json_out *out, const char *key, const struct ch_oci_form *form,
		     const struct ch_words *shell)
{
	if (!form->is_given)
		return;
	ch_json_open(out, key, '[');
	if (form->is_shell && shell->n > 0) {
		put_items(out, shell);
	} else if (form->is_shell) {
		ch_json_put_text(out, NULL, "/bin/sh");
		ch_json_put_text(out, NULL, "-c");
	}
	put_items(out, &form->words);
	ch_json_close(out, ']');
}

/* ---- health ---------------------------------------------------------------------------------- */

/* Nanoseconds of a time as Go writes it ("1m30.5s"); 0 if it is none. */
static long long duration(const char *text)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = {
		{ "ns", 1 },  { "us", 1e3 }, { "\u00b5s", 1e3 }, { "ms", 1e6 },
		{ "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 },
	};
	double sum = 0;

	while (*text) {
		size_t len = strspn(text, "0123456789."), i = 0, unit;
		double number = strtod(text, NULL);

		text += len;
		unit = strcspn(text, "0123456789.");
		while (i < sizeof(units) / sizeof(units[0]) &&
		       (strlen(units[i].unit) != unit || memcmp(units[i].unit, text, unit) != 0))
			i++;
		if (len == 0 || i == sizeof(units) / sizeof(units[0]))
			return 0;
		sum += number * units[i].ns;
		text += unit;
	}
	return sum < 9e18 ? (long long)(sum + 0.5) : 0;
}

static void put_health(struct ch_json_out *out, const struct ch_oci_meta *meta)
{
	static const struct {
		const char *name, *key;
	} times[] = {
		{ "interval", "Interval" },
		{ "start-interval", "StartInterval" },
		{ "start-period", "StartPeriod" },
		{ "timeout", "Timeout" },
	};
	const struct ch_oci_form *health = &meta->health;
	const char *retries = ch_words_get(&meta->healthopts, "retries");
	long long number;
	struct ch_err ignored;
	bool is_none = health->words.n == 1 && strcmp(health->words.v[0], "NONE") == 0;

	if (!health->is_given)
		return;
	ch_json_open(out, "Healthcheck", '{');
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		const char *text = ch_words_get(&meta->healthopts, times[i].name);

		if (text && duration(text) > 0)
			ch_json_put_number(out, times[i].key, duration(text));
	}
	if (retries && ch_text_number(retries, "retries", 1, INT32_MAX, &number, &ignored) == 0)
		ch_json_put_number(out, "Retries", number);
	ch_json_open(out, "Test", '[');
	if (!is_none)
		ch_json_put_text(out, NULL, health->is_shell ? "CMD-SHELL" : "CMD");
	put_items(out, &health->words);
	ch_json_close(out, ']');
	ch_json_close(out, '}');
}

/* ---- all ------------------------------------------------------------------------------------- */

/* How it is run */
static void put_config(struct ch_json_out *out, const struct ch_oci_meta *meta)
{
	ch_json_open(out, "config", '{');
	put_form(out, "Cmd", &meta->cmd, &meta->shell);
	put_form(out, "Entrypoint", &meta->entrypoint, &meta->shell);
	put_list(out, "Env", &meta->env);
	put_set(out, "ExposedPorts", &meta->ports);
	put_health(out, meta);
	put_pairs(out, "Labels", &meta->labels);
	put_list(out, "OnBuild", &meta->onbuild);
	put_list(out, "Shell", &meta->shell);
	put_text(out, "StopSignal", meta->stopsignal);
	put_text(out, "User", meta->user);
	put_set(out, "Volumes", &meta->volumes);
	put_text(out, "WorkingDir", meta->cwd);
	ch_json_close(out, '}');
}

/* There are registries (Quay) that want an entry for each layer. */
static void put_history(struct ch_json_out *out, size_t n)
{
	ch_json_open(out, "history", '[');
	for (size_t i = 0; i < n; i++) {
		ch_json_open(out, NULL, '{');
		ch_json_put_text(out, "created", EPOCH);
		ch_json_put_text(out, "created_by", "ch-image");
		ch_json_close(out, '}');
	}
	ch_json_close(out, ']');
}

static void put_layers(struct ch_json_out *out, const char (*diff_ids)[CH_OCI_DIGEST_SIZE],
		       size_t n)
{
	ch_json_open(out, "rootfs", '{');
	ch_json_open(out, "diff_ids", '[');
	for (size_t i = 0; i < n; i++)
		ch_json_put_text(out, NULL, diff_ids[i]);
	ch_json_close(out, ']');
	ch_json_put_text(out, "type", "layers");
	ch_json_close(out, '}');
}

int ch_oci_image_print(const struct ch_oci_meta *meta, const char (*diff_ids)[CH_OCI_DIGEST_SIZE],
		       size_t n, char **ret_text, struct ch_err *err)
{
	ch_auto(json_out) struct ch_json_out out = { .buf = CH_BUF_INIT(TEXT_MAX) };
	const char *arch = meta->arch && *meta->arch ? meta->arch : ch_oci_arch_host();
	const char *slash = strchrnul(arch, '/');
	ch_auto(str) char *name = strndup(arch, (size_t)(slash - arch));

	if (!name)
		return ch_err_nomem(err);
	ch_json_open(&out, NULL, '{');
	ch_json_put_text(&out, "architecture", name);
	put_config(&out, meta);
	ch_json_put_text(&out, "created", EPOCH);
	put_history(&out, n);
	ch_json_put_text(&out, "os", "linux");
	put_layers(&out, diff_ids, n);
	put_text(&out, "variant", *slash ? slash + 1 : NULL);
	ch_json_close(&out, '}');
	if (out.buf.bad || ch_buf_take(&out.buf, ret_text) < 0)
		return ch_err_set(err, -ENOMEM,
				  "image configuration: out of memory, or longer than %d bytes",
				  TEXT_MAX);
	return 0;
}
