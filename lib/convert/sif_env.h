/* SPDX-License-Identifier: Apache-2.0 */
/* sif_env.h - what a shell script of an image sets of the environment
 *
 * Apptainer keeps the environment of an image as scripts. Nothing of an image is executed here:
 * what can be told without a shell are assignments,
 *
 *	NAME=VALUE...
 *	export NAME[=VALUE]...
 *
 * with quotes, and the values of variables: $NAME, ${NAME}, ${NAME-VALUE}, ${NAME:-VALUE}. */
#ifndef CH_CONVERT_SIF_ENV_H
#define CH_CONVERT_SIF_ENV_H

#include <stdbool.h>

struct ch_words;

/* Do what SCRIPT says to ENV (NAME=VALUE), up to the first line that is anything else, or too much
 * (4096 variables, half of what image metadata may have): what is below that may depend on it.
 * Returns whether that was the end. ENV is bad if memory is short. */
bool ch_sif_env_read(const char *script, struct ch_words *env);

#endif
