/* SPDX-License-Identifier: Apache-2.0 */
/* slurm.h - find our plugin in Slurm's configuration, without Slurm's programs */
#ifndef CH_PROBE_SLURM_H
#define CH_PROBE_SLURM_H

#include <limits.h>
#include <stdbool.h>

/* The value of KEY in LINE of a slurm.conf ("Key=Value Key=Value # ..."), into OUT.
 * Upper and lower case are the same in KEY. Returns false if it is not there. */
bool ch_slurm_value(const char *line, const char *key, char out[PATH_MAX]);

/* A line of plugstack.conf. */
enum ch_stack_kind { CH_STACK_NOTHING, CH_STACK_REQUIRED, CH_STACK_OPTIONAL, CH_STACK_INCLUDE };

/* ret_path: of the plugin, or the pattern of an include; as it stands. */
enum ch_stack_kind ch_slurm_stack_line(const char *line, char ret_path[PATH_MAX]);

struct ch_slurm {
	char conf[PATH_MAX];   /* slurm.conf; "" if there is none */
	char stack[PATH_MAX];  /* plugstack.conf: where it is, or would be */
	char plugin[PATH_MAX]; /* as it stands there; "" if not */
	bool is_required;
};

/* NAME: of the plugin's file, without folders. Never fails: what is not there is "". */
void ch_slurm_find(const char *name, struct ch_slurm *ret);

/* "slurm-wlm 22.05.8" to 22 and 5. */
bool ch_slurm_version(const char *text, unsigned *ret_major, unsigned *ret_minor);

#endif
