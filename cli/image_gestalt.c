/* SPDX-License-Identifier: Apache-2.0 */
/* image_gestalt.c - ch-image gestalt: questions of scripts */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "cache/cache.h"
#include "image.h"
#include "image_log.h"
#include "store/store.h"

static int print_storage(const struct ch_image_gestalt *set, struct ch_err *err)
{
	ch_auto(str) char *path = NULL;

	if (ch_store_path(set->common.storage, &path, err) < 0)
		return err->code;
	puts(path);
	return 0;
}

/* It is a part of this program, and so is what writes DOT. */
static int tell_cache(const struct ch_image_gestalt *set, struct ch_err *err)
{
	char engine[CH_CACHE_ENGINE_MAX];

	(void)err;
	if (!set->common.verbose)
		return 0;
	ch_cache_engine(engine);
	puts(engine);
	return 0;
}

/* There are no other programs that it needs. */
static int tell_dependencies(const struct ch_image_gestalt *set, struct ch_err *err)
{
	(void)set;
	(void)err;
	return 0;
}

/* One message of each kind, so that one sees where they go, and how they look. */
static int say_all(const struct ch_image_gestalt *set, struct ch_err *err)
{
	ch_log(CH_DEBUG, "a message with -vv or --debug");
	ch_log(CH_INFO, "a message");
	ch_log(CH_WARN, "a warning");
	ch_image_log_again();
	return set->fail ? ch_err_set(err, -ECANCELED, "an error, as --fail wants it") : 0;
}

static const struct {
	const char *name;
	int (*answer)(const struct ch_image_gestalt *set, struct ch_err *err);
} selectors[] = {
	{ "bucache", tell_cache },
	{ "bucache-dot", tell_cache },
	{ "dependencies", tell_dependencies },
	{ "logging", say_all },
	{ "storage-path", print_storage },
};

enum { SELECTORS = sizeof(selectors) / sizeof(selectors[0]) };

int ch_image_gestalt(void *settings, int argc, char **argv, struct ch_err *err)
{
	if (argc == 0) {
		for (size_t i = 0; i < SELECTORS; i++)
			puts(selectors[i].name);
		return 0;
	}
	for (size_t i = 0; i < SELECTORS; i++)
		if (strcmp(argv[0], selectors[i].name) == 0)
			return selectors[i].answer(settings, err);
	if (strcmp(argv[0], "python-path") == 0)
		return ch_err_set(err, CH_IMAGE_USAGE,
				  "gestalt: python-path: ch-image is no Python program");
	return ch_err_set(err, CH_IMAGE_USAGE,
			  "gestalt: '%s' is none of bucache, bucache-dot, dependencies, logging, "
			  "storage-path",
			  argv[0]);
}
