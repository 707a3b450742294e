/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_env - assignments, environment files, and what an image says, in a small environment
 *
 * The first byte chooses: assignment, file of lines, file of records, image, pattern. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Variables A, B, C have values; of others it is only known whether they could be set. */
static char *values[3];

static char **slot(const char *name)
{
	return name[0] >= 'A' && name[0] <= 'C' && !name[1] ? &values[name[0] - 'A'] : NULL;
}

static const char *get(const char *name, void *data)
{
	char **v = slot(name);

	(void)data;
	return v ? *v : NULL;
}

/* gcc 12 loses sight of what a global array holds. */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"
#endif
static int set(const char *name, const char *value, void *data)
{
	char **v = slot(name);

	(void)data;
	if (!name[0] || strchr(name, '='))
		abort();
	if (!v)
		return 0;
	free(*v);
	*v = strdup(value);
	return *v ? 0 : -1;
}

static int unset(const char *name, void *data)
{
	char **v = slot(name);

	(void)data;
	if (v) {
		free(*v);
		*v = NULL;
	}
	return 0;
}

static char **list(void *data)
{
	static char text[3][8], *names[4];
	int n = 0;

	(void)data;
	for (int i = 0; i < 3; i++)
		if (values[i]) {
			snprintf(text[i], sizeof(text[i]), "%c=x", 'A' + i);
			names[n++] = text[i];
		}
	names[n] = NULL;
	return names;
}

static const struct ch_env env = { .get = get, .set = set, .unset = unset, .list = list };

static void from_file(const uint8_t *data, size_t size, char sep)
{
	char path[64];
	struct ch_err err;
	ch_auto(fd) int fd = memfd_create("env", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	(void)ch_env_file(&env, path, sep, true, NULL, &err);
}

static void from_image(const uint8_t *data, size_t size)
{
	struct ch_env_ops ops = { 0 };
	struct ch_err err;

	if (ch_env_ops_add(&ops, CH_ENV_IMAGE, NULL, &err) == 0)
		(void)ch_env_ops_apply(&ops, &env, (const char *)data, size, NULL, &err);
	ch_env_ops_done(&ops);
}

static void from_text(const uint8_t *data, size_t size, bool is_glob)
{
	ch_auto(str) char *text = strndup((const char *)data, size);
	struct ch_err err;

	if (!text)
		return;
	if (is_glob)
		(void)ch_env_unset_glob(&env, text, &err);
	else
		(void)ch_env_assign(&env, text, true, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const start[] = { "a:b", "", "$A" };

	if (size < 1)
		return 0;
	for (int i = 0; i < 3; i++)
		values[i] = strdup(start[i]);
	if (data[0] == 'f')
		from_file(data + 1, size - 1, '\n');
	else if (data[0] == '0')
		from_file(data + 1, size - 1, '\0');
	else if (data[0] == 'i')
		from_image(data + 1, size - 1);
	else
		/* Long patterns take fnmatch(3) ages; they are of the user's own. */
		from_text(data + 1, data[0] == 'u' && size > 40 ? 40 : size - 1, data[0] == 'u');
	for (int i = 0; i < 3; i++) {
		free(values[i]);
		values[i] = NULL;
	}
	return 0;
}
