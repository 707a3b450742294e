/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"

enum { DEFAULT_TIMEOUT = 60 };

static int set_path(char **place, const char *value, struct ch_err *err)
{
	if (value[0] != '/')
		return ch_err_set(err, -EINVAL, "'%s' is not an absolute path", value);
	return ch_text_copy(value, place, err);
}

static int set_helper(struct ch_config *c, const char *value, struct ch_err *err)
{
	return set_path(&c->helper, value, err);
}

static int set_bind(struct ch_config *c, const char *value, struct ch_err *err)
{
	struct ch_bind b = { 0 };

	if (value[0] != '/')
		return ch_err_set(err, -EINVAL, "'%s' is not an absolute path", value);

	int rc = ch_bind_parse(value, "/", &b, err);

	b.flags |= CH_BIND_MAYBE;
	return rc < 0 ? rc : ch_binds_take(&c->binds, &b, err);
}

static int set_env(struct ch_config *c, const char *value, struct ch_err *err)
{
	if (value[0] == '=' || !strchr(value, '='))
		return ch_err_set(err, -EINVAL, "'%s' is not VAR=VAL", value);
	return ch_env_ops_add(&c->env, CH_ENV_ASSIGN, value, err);
}

static int set_default_image(struct ch_config *c, const char *value, struct ch_err *err)
{
	return set_path(&c->default_image, value, err);
}

/* Every part has to be absolute. */
static int set_allowed_images(struct ch_config *c, const char *value, struct ch_err *err)
{
	const char *list = value;

	while (list) {
		ch_auto(str) char *dir = NULL;

		if (ch_text_next(&list, ':', &dir, err) < 0)
			return err->code;
		if (dir[0] != '/')
			return ch_err_set(err, -EINVAL, "'%s' is not an absolute path", dir);
	}
	return set_path(&c->allowed_images, value, err);
}

static int set_threads(struct ch_config *c, const char *value, struct ch_err *err)
{
	return ch_text_u32(value, "number", 1, 1024, &c->threads, err);
}

static int set_start_timeout(struct ch_config *c, const char *value, struct ch_err *err)
{
	uint32_t n;
	int rc = ch_text_u32(value, "number of seconds", 1, 3600, &n, err);

	if (rc == 0)
		c->start_timeout = (int)n;
	return rc;
}

static int set_syslog(struct ch_config *c, const char *value, struct ch_err *err)
{
	return ch_text_yesno(value, "value", &c->syslog, err);
}

static const struct {
	const char *name;
	int (*set)(struct ch_config *config, const char *value, struct ch_err *err);
} keys[] = {
	{ "helper", set_helper },
	{ "bind", set_bind },
	{ "env", set_env },
	{ "default_image", set_default_image },
	{ "allowed_images", set_allowed_images },
	{ "threads", set_threads },
	{ "start_timeout", set_start_timeout },
	{ "syslog", set_syslog },
};

static int set_key(struct ch_config *c, const char *arg, struct ch_err *err)
{
	size_t n = strcspn(arg, "=");

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strlen(keys[i].name) != n || memcmp(keys[i].name, arg, n) != 0)
			continue;
		if (!arg[n])
			return ch_err_set(err, -EINVAL, "plugstack.conf: key '%s' has no value",
					  arg);
		if (keys[i].set(c, arg + n + 1, err) < 0)
			return ch_err_in(err, "plugstack.conf: key '%s'", keys[i].name);
		return 0;
	}
	return ch_err_set(err, -EINVAL, "plugstack.conf: unknown key '%.*s'", (int)n, arg);
}

int ch_config_parse(int argc, char **argv, struct ch_config *ret_config, struct ch_err *err)
{
	int rc = 0;

	*ret_config = (struct ch_config){ .start_timeout = DEFAULT_TIMEOUT,
					  .helper = strdup(KEEPER) };
	if (!ret_config->helper)
		return ch_err_nomem(err);
	for (int i = 0; i < argc && rc == 0; i++)
		rc = set_key(ret_config, argv[i], err);
	return rc;
}

void ch_config_done(struct ch_config *config)
{
	ch_binds_done(&config->binds);
	ch_env_ops_done(&config->env);
	free(config->helper);
	free(config->default_image);
	free(config->allowed_images);
	*config = (struct ch_config){ 0 };
}
