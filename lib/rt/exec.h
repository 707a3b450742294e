/* SPDX-License-Identifier: Apache-2.0 */
/* exec.h - become the command that is to run in the container */
#ifndef CH_RT_EXEC_H
#define CH_RT_EXEC_H

struct ch_err;

/* Replace this process by ARGV, looked for in PATH. Returns only on failure. */
int ch_exec(char *const *argv, struct ch_err *err);

#endif
