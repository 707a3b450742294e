/* SPDX-License-Identifier: Apache-2.0 */
/* slurm.h - Slurm's headers, and how we talk to the user through it */
#ifndef CH_SPANK_SLURM_H
#define CH_SPANK_SLURM_H

#include <slurm/slurm.h>
#include <slurm/spank.h>

/* One line to the user's terminal from any context: srun, sbatch, salloc, or a task. */
#define ch_say(...) slurm_spank_log(__VA_ARGS__)

/* What users or images say is in our lines: behind "charlie: NODE: ", at most so many
 * bytes (ch_text_cut). */
enum { CH_SAY_MAX = 400 };

#endif
