/* SPDX-License-Identifier: Apache-2.0 */
/* check_options.h - the options of ch-check: one table, as rt/settings.h for ch-run */
#ifndef CH_CLI_CHECK_OPTIONS_H
#define CH_CLI_CHECK_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/color.h"
#include "opt/opt.h"

struct ch_check_settings {
	uint32_t need; /* bit N: probe N of ch_probes[] has to be ok */
	enum ch_color color;
	bool json, quiet, verbose, help, version;
};

extern const struct ch_opt ch_check_options[];

#endif
