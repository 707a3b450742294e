/* SPDX-License-Identifier: Apache-2.0 */
/* hear.h - what of a message that was received may be relied on
 *
 * The programs of one installation trust each other little: a builder has looked at an
 * image, a server decodes it, and the other end of a socket may be of another version, or
 * whatever its user likes. So each message goes through one of these functions, which are
 * pure. N is always what ch_msg_recv() returned: a length, 0, or a negative errno. */
#ifndef CH_RT_HEAR_H
#define CH_RT_HEAR_H

#include <stdbool.h>

#include "rt/build.h"
#include "rt/proto.h"
#include "rt/server_proto.h"

struct ch_err;

/* What is asked of the keeper: CH_GO_ENTER or CH_GO_CPUS, or CH_HEAR_FOREIGN by somebody of
 * another version. */
int ch_hear_go(const struct ch_cpus *m, long n);

/* The keeper's answer A; HAS_BOTH: two descriptors came along. Returns 0, or a negative
 * errno: of the keeper, -EPROTO, -ETIMEDOUT, -ECHILD (it has ended). */
int ch_hear_answer(struct ch_answer *a, long n, bool has_both, struct ch_err *err);

/* The builder's message PACKET, with the descriptors FDS (or -1), as M, and the metadata
 * behind it. Returns CH_BUILD_FUSE, with a descriptor; CH_BUILD_DONE, with two, and
 * meta_len bytes of metadata; CH_BUILD_FAILED, with a negative code and a message of one
 * line; or CH_HEAR_END. */
int ch_hear_builder(const char *packet, long n, const int fds[2], struct ch_build_msg *ret_m);

/* The image server's report R. Returns 0: it serves; or a negative errno. */
int ch_hear_report(struct ch_server_report *r, long n, struct ch_err *err);

/* The keeper's message S to the image server; HAS_FUSE: a descriptor came along. Returns 1;
 * 0: the keeper has gone; or a negative errno. */
int ch_hear_start(const struct ch_server_start *s, long n, bool has_fuse, struct ch_err *err);

enum { CH_HEAR_FOREIGN = -1, CH_HEAR_END = -2 };

#endif
