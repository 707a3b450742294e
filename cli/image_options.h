/* SPDX-License-Identifier: Apache-2.0 */
/* image_options.h - options of ch-image: those of all sub-commands, and those of each
 *
 * The settings of a sub-command begin with the common ones, so that the setters of both kinds
 * find theirs. Texts are borrowed from the command line. */
#ifndef CH_CLI_IMAGE_OPTIONS_H
#define CH_CLI_IMAGE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/color.h"
#include "opt/opt.h"

enum ch_image_cache { CH_IMAGE_CACHE_ON, CH_IMAGE_CACHE_OFF, CH_IMAGE_CACHE_REBUILD };

struct ch_image_common {
	const char *storage; /* NULL: not given */
	bool no_lock;
	enum ch_image_cache cache;
	uint32_t cache_large; /* MiB; 0: no file is large */
	uint32_t cache_max;   /* MiB; 0: no limit */
	enum ch_color color;
	uint32_t verbose, quiet;
	bool is_later; /* behind the sub-command, verbose and quiet are counted anew */
	bool debug, help, version, dependencies;
	const char *arch; /* NULL: not given */
	bool auth, password_many, tls_no_verify, always_download;
	bool xattrs, no_xattrs; /* as given: see ch_image_drops_xattrs */
};

extern const struct ch_opt ch_image_options[];

/* The environment's part: what the command line says, comes later. */
int ch_image_defaults(struct ch_image_common *common, struct ch_err *err);

/* Are images to have no extended attributes? The command line beats $CH_XATTRS. */
bool ch_image_drops_xattrs(const struct ch_image_common *common);

struct ch_image_gestalt {
	struct ch_image_common common;
	bool fail;
};

extern const struct ch_opt ch_image_gestalt_options[];

struct ch_image_list {
	struct ch_image_common common;
	bool is_long, json, undeletable;
};

extern const struct ch_opt ch_image_list_options[];

struct ch_image_pull {
	struct ch_image_common common;
	uint32_t last_layer; /* 0: all */
	bool parse_only;
};

extern const struct ch_opt ch_image_pull_table[];

struct ch_image_push {
	struct ch_image_common common;
	const char *image;    /* NULL: it is in storage */
	const char *compress; /* NULL: not given */
};

extern const struct ch_opt ch_image_push_table[];

/* What it does with --undeletable. */
int ch_image_list_undeletable(const struct ch_image_list *set, struct ch_err *err);

#endif
