/* SPDX-License-Identifier: Apache-2.0 */
/* run_env.h - ch-run's environment is environ */
#ifndef CH_CLI_RUN_ENV_H
#define CH_CLI_RUN_ENV_H

#include "rt/env.h"

extern const struct ch_env ch_run_env;

#endif
