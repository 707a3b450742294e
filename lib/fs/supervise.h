/* SPDX-License-Identifier: Apache-2.0 */
/* supervise.h - keep a worker running until there is nothing to serve */
#ifndef CH_FS_SUPERVISE_H
#define CH_FS_SUPERVISE_H

struct ch_err;
struct ch_worker;

/* Start W, and a successor each time it dies or is stopped and cannot be continued.
 * W->sock is closed, and set to -1, once the keeper has had its report.
 *
 * Returns 0 when the mount or the lifeline's process has ended; -EIO when workers die too
 * often, or without having been of any use; -ECANCELED when the first one could not start. Context:
 * single-threaded, SIGCHLD blocked. */
int ch_supervise(struct ch_worker *w, struct ch_err *err);

#endif
