/* SPDX-License-Identifier: Apache-2.0 */
/* config.h - the plugin's arguments in plugstack.conf: "key=value ..." */
#ifndef CH_SPANK_CONFIG_H
#define CH_SPANK_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "rt/bind.h"
#include "rt/env.h"

struct ch_err;

struct ch_config {
	char *helper;	       /* ch-keeper */
	struct ch_binds binds; /* of the site; only where the source exists */
	struct ch_env_ops env; /* of the site */
	char *default_image, *allowed_images;
	uint32_t threads;
	int start_timeout; /* seconds */
	bool syslog;
};

/* Parse ARGV. Errors: -EINVAL with the key's name. On failure what was understood so far
 * is in RET_CONFIG all the same, so that a step without an image can go on. */
int ch_config_parse(int argc, char **argv, struct ch_config *ret_config, struct ch_err *err);

void ch_config_done(struct ch_config *config);

#endif
