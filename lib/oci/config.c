/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "json/json.h"

#define METADATA_FILE "/ch/metadata.json"
#define CONFIG_FILE   "/ch/config.pulled.json"

enum { FILE_MAX = 1024 * 1024, META_MAX = 64 * 1024 };

/* ---- items ------------------------------------------------------------------------------ */

static void add(struct ch_buf *out, const char *kind, const char *text)
{
	ch_buf_addf(out, "%s %s", kind, text);
	ch_buf_add(out, "", 1);
}

/* LIST has texts "NAME=VALUE"; an object has them as members. */
static void add_env(struct ch_buf *out, const struct ch_json *env)
{
	const struct ch_json *value;
	const char *name;
	void *iter = NULL;

	for (size_t i = 0; i < ch_json_count(env); i++) {
		const char *text = ch_json_text(ch_json_at(env, i));

		if (text)
			add(out, "env", text);
	}
	while ((value = ch_json_next(env, &iter, &name))) {
		if (!ch_json_text(value) || strchr(name, '='))
			continue;
		ch_buf_addf(out, "env %s=%s", name, ch_json_text(value));
		ch_buf_add(out, "", 1);
	}
}

/* VALUE as words of KIND, each an item, or as the one text TEXT_KIND (NULL: may not be).
 * Returns false if it is neither. */
static bool add_form(struct ch_buf *out, const struct ch_json *value, const char *kind,
		     const char *text_kind)
{
	if (!ch_json_is_given(value))
		return true;
	if (ch_json_text(value) && text_kind) {
		add(out, text_kind, ch_json_text(value));
		return true;
	}
	for (size_t i = 0; i < ch_json_count(value); i++) {
		const char *word = ch_json_text(ch_json_at(value, i));

		if (!word)
			return false;
		add(out, kind, word);
	}
	return ch_json_is_list(value);
}

/* What is wrong is told to those who want the command. */
static void check(struct ch_buf *out, bool is_good, const char *file, const char *key)
{
	if (is_good)
		return;
	ch_buf_addf(out, "cmd-error image configuration '%s': '%s' is not a list of texts", file,
		    key);
	ch_buf_add(out, "", 1);
}

/* ---- the two files ------------------------------------------------------------------------- */

/* ch-image keeps the form that the Dockerfile has. */
static void add_metadata(struct ch_buf *out, const struct ch_json *doc)
{
	check(out, add_form(out, ch_json_get(doc, "entrypoint"), "entry", "entry-shell"),
	      METADATA_FILE, "entrypoint");
	check(out, add_form(out, ch_json_get(doc, "cmd"), "cmd", "cmd-shell"), METADATA_FILE,
	      "cmd");
}

/* Lists; a text, as old versions of Docker wrote, is one word. */
static void add_config(struct ch_buf *out, const struct ch_json *config)
{
	check(out, add_form(out, ch_json_get(config, "Entrypoint"), "entry", "entry"), CONFIG_FILE,
	      "Entrypoint");
	check(out, add_form(out, ch_json_get(config, "Cmd"), "cmd", "cmd"), CONFIG_FILE, "Cmd");
}

static void add_all(struct ch_buf *out, const struct ch_json *metadata,
		    const struct ch_json *config)
{
	const struct ch_json *env = ch_json_get(metadata, "env");
	const struct ch_json *shell = ch_json_get(metadata, "shell");
	bool has_shell = ch_json_is_given(shell);

	add_env(out, ch_json_is_given(env) ? env : ch_json_get(config, "Env"));
	if (!has_shell)
		shell = ch_json_get(config, "Shell");
	check(out, add_form(out, shell, "shell", NULL), has_shell ? METADATA_FILE : CONFIG_FILE,
	      has_shell ? "shell" : "Shell");
	if (ch_json_is_given(ch_json_get(metadata, "entrypoint")) ||
	    ch_json_is_given(ch_json_get(metadata, "cmd")))
		add_metadata(out, metadata);
	else
		add_config(out, config);
}

static int parse(const char *file, struct ch_oci_text text, struct ch_json **ret_doc,
		 struct ch_err *err)
{
	if (text.data && ch_json_parse(text.data, text.len, ret_doc, err) < 0)
		return ch_err_in(err, "image configuration '%s'", file);
	return 0;
}

int ch_oci_config_meta(struct ch_oci_text metadata, struct ch_oci_text config, size_t max,
		       char **ret_text, size_t *ret_len, struct ch_err *err)
{
	ch_auto(json) struct ch_json *ours = NULL;
	ch_auto(json) struct ch_json *pulled = NULL;
	ch_auto(buf) struct ch_buf out = CH_BUF_INIT(max);

	if (parse(METADATA_FILE, metadata, &ours, err) < 0 ||
	    parse(CONFIG_FILE, config, &pulled, err) < 0)
		return err->code;
	add_all(&out, ours, ch_json_get(pulled, "config"));
	*ret_len = out.len;
	if (ch_buf_take(&out, ret_text) < 0)
		return ch_err_set(err, -EFBIG,
				  "image configuration: environment and commands are longer than "
				  "%zu bytes",
				  max);
	return 0;
}

/* A file that is not there: an empty buffer. It must not keep us waiting, nor be endless. */
static int read_file(const char *path, struct ch_buf *ret, struct ch_err *err)
{
	ch_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	int rc;

	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return ch_err_sys(err, "image configuration '%s'", path);
	if (!S_ISREG(st.st_mode))
		return ch_err_set(err, -EINVAL, "image configuration '%s': not a regular file",
				  path);
	rc = ch_buf_read(ret, fd);
	if (rc < 0)
		return ch_err_rc(err, rc, "image configuration '%s'", path);
	if (ch_buf_bad(ret) || ret->len == 0)
		return ch_err_set(err, -EFBIG, "image configuration '%s': empty or too long", path);
	return 0;
}

int ch_oci_config_read(char **ret_text, size_t *ret_len, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf metadata = CH_BUF_INIT(FILE_MAX);
	ch_auto(buf) struct ch_buf config = CH_BUF_INIT(FILE_MAX);

	*ret_text = NULL;
	*ret_len = 0;
	if (read_file(METADATA_FILE, &metadata, err) < 0 ||
	    read_file(CONFIG_FILE, &config, err) < 0)
		return err->code;
	return ch_oci_config_meta((struct ch_oci_text){ metadata.data, metadata.len },
				  (struct ch_oci_text){ config.data, config.len }, META_MAX,
				  ret_text, ret_len, err);
}
