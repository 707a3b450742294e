/* SPDX-License-Identifier: Apache-2.0 */
/* job_env.h - the job's environment in slurmstepd, as a struct ch_env */
#ifndef CH_SPANK_JOB_ENV_H
#define CH_SPANK_JOB_ENV_H

#include "rt/env.h"
#include "slurm.h"

/* Valid as long as the hook that was called with SP runs. */
struct ch_env ch_job_env(spank_t sp);

/* One variable, or NULL. Borrowed until the environment changes. DATA is a spank_t. */
const char *ch_job_getenv(const char *name, void *data);

#endif
