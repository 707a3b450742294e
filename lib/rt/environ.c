/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/environ.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const char *get(const char *name, void *data)
{
	(void)data;
	return getenv(name);
}

static int set(const char *name, const char *value, void *data)
{
	(void)data;
	return setenv(name, value, 1) < 0 ? -errno : 0;
}

static int unset(const char *name, void *data)
{
	(void)data;
	return unsetenv(name) < 0 ? -errno : 0;
}

static char **list(void *data)
{
	(void)data;
	return environ;
}

const struct ch_env ch_environ = { .get = get, .set = set, .unset = unset, .list = list };
