/* SPDX-License-Identifier: Apache-2.0 */
/* ident.h - /etc/passwd and /etc/group of a container
 *
 * Three lines at most each: root, nobody, and who the user is inside. Names come from the
 * host's name service, so that ids known there have their names. */
#ifndef CH_RT_IDENT_H
#define CH_RT_IDENT_H

#include <sys/types.h>

struct ch_err;

/* ret_text: malloc'ed. Errors: -ENOMEM. */
int ch_ident_passwd(uid_t uid, gid_t gid, char **ret_text, struct ch_err *err);
int ch_ident_group(gid_t gid, char **ret_text, struct ch_err *err);

#endif
