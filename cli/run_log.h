/* SPDX-License-Identifier: Apache-2.0 */
/* run_log.h - the system log learns how ch-run was called */
#ifndef CH_CLI_RUN_LOG_H
#define CH_CLI_RUN_LOG_H

/* Log the call. Never blocks. */
void ch_run_log(int argc, char **argv);

#endif
