/* SPDX-License-Identifier: Apache-2.0 */
/* options.h - --ch-* options of srun, sbatch and salloc
 *
 * The rows of ch_options[] marked CH_OPT_SPANK are registered with Slurm, which forwards
 * one value an option to the nodes. Values are kept as text here and understood twice: at
 * submit time, to refuse mistakes early, and on the node. */
#ifndef CH_SPANK_OPTIONS_H
#define CH_SPANK_OPTIONS_H

#include <stdbool.h>

#include "rt/settings.h"
#include "slurm.h"

struct ch_err;

/* Register all options. Returns 0, or what Slurm says. */
int ch_options_register(spank_t sp);

/* From now on values are checked when they arrive, and mistakes are printed and refused:
 * for srun, sbatch and salloc. On a node values are only kept. */
void ch_options_strict(bool is_strict);

/* The value that option NAME (without "ch-") got, or NULL. Borrowed. */
const char *ch_options_value(const char *name);

/* Understand all values into SETTINGS: those given; for options not given, the variable
 * CH_SPANK_NAME of the job's environment as GETENV returns it. IMAGE: default image or NULL.
 * After an error it goes on, so that SETTINGS holds whatever could be understood. */
int ch_options_apply(const char *(*getenv_job)(const char *name, void *data), void *data,
		     const char *image, struct ch_settings *settings, struct ch_err *err);

void ch_options_done(void);

#endif
