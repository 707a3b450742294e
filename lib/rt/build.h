/* SPDX-License-Identifier: Apache-2.0 */
/* build.h - the builder: a child of the keeper that makes the container
 *
 * It unshares, maps, mounts, binds and pivots, hands the descriptors of the finished
 * namespaces to the keeper, and exits. It is a process of its own because whoever serves
 * the image must not be inside, and because the keeper must not hang on a file system. */
#ifndef CH_RT_BUILD_H
#define CH_RT_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "rt/image.h"
#include "rt/proto.h"
#include "rt/request.h"

struct ch_err;

/* What the builder tells the keeper, one message each, in this order. */
enum ch_build_kind {
	CH_BUILD_FUSE, /* with the mounted /dev/fuse: the server may begin (SquashFS only) */
	CH_BUILD_DONE, /* with user and mount namespace */
	CH_BUILD_FAILED,
};

struct ch_build_msg {
	uint32_t kind;
	int32_t code;
	uint32_t at[2];	   /* CLOCK_MONOTONIC microseconds: namespaces made; mounts made */
	uint32_t meta_len; /* image metadata behind this header; CH_BUILD_DONE */
	char msg[488];
};

/* Microseconds of CLOCK_MONOTONIC, cut to 32 bits: for differences. */
uint32_t ch_build_now(void);

/* Reads what the image that is our root directory says about itself, as a text for
 * ch_meta_next(); malloc'ed, at most CH_META_MAX bytes; empty if it says nothing. It is
 * given by the program, since parsing needs libraries that this layer does not have. */
typedef int ch_meta_reader(char **ret_text, size_t *ret_len, struct ch_err *err);

/* Build the container of REQ, report to SOCK, and exit. Call in a fresh child that is
 * single-threaded; never returns. */
_Noreturn void ch_build_main(const struct ch_request *req, const struct ch_image *image,
			     ch_meta_reader *read_meta, int sock);

/* Make another pair of namespaces inside the container USERNS, MNTNS (join=no: ids are the
 * same inside both), report to SOCK, and exit. */
_Noreturn void ch_build_nested(const struct ch_request *req, int userns, int mntns, int sock);

#endif
