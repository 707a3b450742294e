/* SPDX-License-Identifier: Apache-2.0 */
/* task.h - what each task does on its way into the container */
#ifndef CH_SPANK_TASK_H
#define CH_SPANK_TASK_H

#include "step.h"

/* In task_init_privileged: tell the keeper where the task is. Never fails towards Slurm. */
void ch_task_ask(struct ch_step *step);

/* In task_init: enter. On any error one line a node is printed, and the process ends: the
 * application must not run outside, whatever Slurm makes of our return value. */
void ch_task_enter(struct ch_step *step, spank_t sp);

#endif
