/* SPDX-License-Identifier: Apache-2.0 */
#include "oci/config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "json/json.h"

#define CONFIG_FILE "/ch/config.pulled.json"

enum { FILE_MAX = 1024 * 1024, META_MAX = 64 * 1024 };

/* Each text of array LIST as an item of kind KIND. */
static void add_list(struct ch_buf *out, const char *kind, const struct ch_json *list)
{
	for (size_t i = 0; i < ch_json_count(list); i++) {
		const char *text = ch_json_text(ch_json_at(list, i));

		if (!text)
			continue;
		ch_buf_addf(out, "%s %s", kind, text);
		ch_buf_add(out, "", 1);
	}
}

int ch_oci_config_meta(const char *json, size_t len, size_t max, char **ret_text, size_t *ret_len,
		       struct ch_err *err)
{
	ch_auto(json) struct ch_json *doc = NULL;
	ch_auto(buf) struct ch_buf out = CH_BUF_INIT(max);

	if (ch_json_parse(json, len, &doc, err) < 0)
		return err->code;

	const struct ch_json *config = ch_json_get(doc, "config");

	add_list(&out, "env", ch_json_get(config, "Env"));
	add_list(&out, "entry", ch_json_get(config, "Entrypoint"));
	add_list(&out, "cmd", ch_json_get(config, "Cmd"));
	*ret_len = out.len;
	if (ch_buf_take(&out, ret_text) < 0)
		return ch_err_set(err, -EFBIG, "environment and commands are longer than %zu bytes",
				  max);
	return 0;
}

int ch_oci_config_read(char **ret_text, size_t *ret_len, struct ch_err *err)
{
	ch_auto(fd) int fd = open(CONFIG_FILE, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	ch_auto(buf) struct ch_buf json = CH_BUF_INIT(FILE_MAX);
	char part[16384];
	struct stat st;
	ssize_t n;

	*ret_text = NULL;
	*ret_len = 0;
	if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (fd < 0)
		return ch_err_sys(err, "image configuration '%s'", CONFIG_FILE);
	/* A link of the image may lead to something without an end. */
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return ch_err_set(err, -EINVAL, "image configuration '%s': not a regular file",
				  CONFIG_FILE);
	while ((n = read(fd, part, sizeof(part))) > 0 && !ch_buf_bad(&json))
		ch_buf_add(&json, part, (size_t)n);
	if (n < 0)
		return ch_err_sys(err, "image configuration '%s'", CONFIG_FILE);
	if (ch_buf_bad(&json) || json.len == 0)
		return ch_err_set(err, -EFBIG, "image configuration '%s': empty or too long",
				  CONFIG_FILE);
	if (ch_oci_config_meta(json.data, json.len, META_MAX, ret_text, ret_len, err) < 0)
		return ch_err_in(err, "image configuration '%s'", CONFIG_FILE);
	return 0;
}
