/* SPDX-License-Identifier: Apache-2.0 */
#include "job_env.h"

#include <errno.h>
#include <string.h>

static char **list(void *data)
{
	char **env = NULL;

	if (spank_get_item(data, S_JOB_ENV, &env) != ESPANK_SUCCESS)
		return NULL;
	return env;
}

/* Not spank_getenv(): that copies into a buffer of a fixed size. */
const char *ch_job_getenv(const char *name, void *data)
{
	char **env = list(data);
	size_t n = strlen(name);

	for (; env && *env; env++)
		if (strncmp(*env, name, n) == 0 && (*env)[n] == '=')
			return *env + n + 1;
	return NULL;
}

static int set(const char *name, const char *value, void *data)
{
	return spank_setenv(data, name, value, 1) == ESPANK_SUCCESS ? 0 : -ENOMEM;
}

static int unset(const char *name, void *data)
{
	return spank_unsetenv(data, name) == ESPANK_SUCCESS ? 0 : -EINVAL;
}

struct ch_env ch_job_env(spank_t sp)
{
	return (struct ch_env){
		.get = ch_job_getenv, .set = set, .unset = unset, .list = list, .data = sp
	};
}
