/* SPDX-License-Identifier: Apache-2.0 */
/* convert_options.h - options of ch-convert
 *
 * Texts are borrowed from the command line. */
#ifndef CH_CLI_CONVERT_OPTIONS_H
#define CH_CLI_CONVERT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "opt/opt.h"

struct ch_convert_settings {
	const char *in, *out, *arch, *compress, *storage, *tmp; /* NULL: not given */
	uint32_t jobs;						/* 0: not given */
	uint64_t max_size;					/* bytes; 0: no limit */
	uint32_t verbose, quiet;
	bool dry_run, no_clobber;
	bool xattrs, no_xattrs;
	bool help, version;
};

extern const struct ch_opt ch_convert_options[];

#endif
