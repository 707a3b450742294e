/* SPDX-License-Identifier: Apache-2.0 */
/* contain.h - does a hook run in slurmstepd itself?
 *
 * With SlurmdParameters=contain_spank (Slurm 24.05 and later) user_init, task_post_fork and
 * task_exit run in clones of slurmstepd, which end with the hook. They share its memory, but
 * not its descriptors: the socket to a keeper would be lost, and the keeper nobody's child. */
#ifndef CH_SPANK_CONTAIN_H
#define CH_SPANK_CONTAIN_H

#include <sys/types.h>

struct ch_err;

/* Can a hook in process HERE start a keeper, when slurm_spank_init ran in process STEPD (0: it
 * did not)? Errors: -ENOTSUP. */
int ch_contain_check(pid_t stepd, pid_t here, struct ch_err *err);

#endif
