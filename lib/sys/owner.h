/* SPDX-License-Identifier: Apache-2.0 */
/* owner.h - do something with files of ours that their modes keep even us from */
#ifndef CH_SYS_OWNER_H
#define CH_SYS_OWNER_H

struct ch_err;

/* Have WORK done by a child that modes of files do not concern, as long as user and group of the
 * files are ours: it is root in a user namespace of its own. No mode is changed for it. What
 * WORK does to memory is lost. For root, it is simply called.
 *
 * Errors: those of WORK; no user namespace can be made.
 * Context: no other threads. */
int ch_as_owner(int (*work)(void *data, struct ch_err *err), void *data, struct ch_err *err);

#endif
