/* SPDX-License-Identifier: Apache-2.0 */
/* server_proto.h - what the keeper and the image server say to each other
 *
 * The keeper execs the server with an empty environment and these descriptors, and no
 * others: 0, 1, 2 /dev/null; CH_SERVER_SOCK; CH_SERVER_IMAGE. Its arguments, decimal, are
 * the offset of the file system in the image file (none: 0), and the bytes that it may take
 * there (none, or 0: up to the file's end): the server looks at the image at once, before
 * the start message. The keeper sends one struct
 * ch_server_start with the mounted /dev/fuse descriptor, from which nothing has been read
 * yet, and perhaps a lifeline: a pidfd with whose process the server ends, too.
 *
 * The server sends struct ch_server_report when it could not start (at any time, also
 * before the start message), or with code 0 once it serves. After that the socket carries
 * nothing; either side may close it, and the server goes on. It ends by itself when the
 * mount is gone (ENODEV), when the lifeline's process ends, or when killed. */
#ifndef CH_RT_SERVER_PROTO_H
#define CH_RT_SERVER_PROTO_H

#include <stdint.h>

#define CH_SERVER_VERSION 2
#define CH_SERVER_SOCK	  3
#define CH_SERVER_IMAGE	  4

struct ch_server_start {
	uint32_t version; /* CH_SERVER_VERSION */
	uint32_t threads; /* serving threads; 0: as many as make sense */
	uint32_t uid;	  /* reported as owner of every inode (ids in the mount's namespace) */
	uint32_t gid;
};

struct ch_server_report {
	uint32_t version;
	int32_t code;  /* negative errno, or 0 */
	char msg[488]; /* one line, NUL-terminated; empty when code is 0 */
};

#endif
