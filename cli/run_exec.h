/* SPDX-License-Identifier: Apache-2.0 */
/* run_exec.h - become the command, or say why not */
#ifndef CH_CLI_RUN_EXEC_H
#define CH_CLI_RUN_EXEC_H

struct ch_err;

/* execvp(3) with an explanation: returns only with an error. */
int ch_run_exec(char **argv, struct ch_err *err);

#endif
