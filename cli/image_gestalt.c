/* SPDX-License-Identifier: Apache-2.0 */
/* image_gestalt.c - ch-image gestalt: questions of scripts */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "cache/cache.h"
#include "image.h"
#include "store/store.h"

static int print_storage(const struct ch_image_common *common, struct ch_err *err)
{
	ch_auto(str) char *path = NULL;

	if (ch_store_path(common->storage, &path, err) < 0)
		return err->code;
	puts(path);
	return 0;
}

/* It is a part of this program, and so is what writes DOT. */
static int tell_cache(const struct ch_image_common *common, struct ch_err *err)
{
	char engine[CH_CACHE_ENGINE_MAX];

	(void)err;
	if (!common->verbose)
		return 0;
	ch_cache_engine(engine);
	puts(engine);
	return 0;
}

int ch_image_gestalt(void *settings, int argc, char **argv, struct ch_err *err)
{
	static const struct {
		const char *name;
		int (*answer)(const struct ch_image_common *common, struct ch_err *err);
	} selectors[] = {
		{ "bucache", tell_cache },
		{ "bucache-dot", tell_cache },
		{ "storage-path", print_storage },
	};

	(void)argc;
	for (size_t i = 0; i < sizeof(selectors) / sizeof(selectors[0]); i++)
		if (strcmp(argv[0], selectors[i].name) == 0)
			return selectors[i].answer(settings, err);
	if (strcmp(argv[0], "python-path") == 0)
		return ch_err_set(err, CH_IMAGE_USAGE,
				  "gestalt: python-path: ch-image is no Python program");
	return ch_err_set(err, CH_IMAGE_USAGE,
			  "gestalt: '%s' is none of bucache, bucache-dot, storage-path", argv[0]);
}
