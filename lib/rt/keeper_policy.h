/* SPDX-License-Identifier: Apache-2.0 */
/* keeper_policy.h - what the keeper may still do once its container is made */
#ifndef CH_RT_KEEPER_POLICY_H
#define CH_RT_KEEPER_POLICY_H

#include <stdbool.h>

struct ch_err;

/* Filter our system calls for good: no exec, no ptrace, no new sockets. EACH: builders of
 * more namespaces (join=no) will be forked, which need to unshare and mount. JOIN: others
 * will connect. */
int ch_keeper_confine(bool each, bool join, struct ch_err *err);

#endif
