/* SPDX-License-Identifier: Apache-2.0 */
/* proto.h - what the keeper and those who want to enter say to each other
 *
 * The keeper is exec'd with at most one argument, a fixed environment and these
 * descriptors, and no others: 0, 1, 2 /dev/null; CH_KEEPER_SOCK, a SOCK_SEQPACKET socket,
 * which is one end of a pair, or listens (door.h); CH_KEEPER_REQUEST (request.h). Whoever
 * wants to enter sends a struct ch_go, with two descriptors: its pidfd or, a task, its mount
 * namespace; and its /proc/self/status (doomed.h). Both may be missing. It gets one struct
 * ch_answer: with code 0 and two descriptors (user namespace, mount namespace), or with an error.
 * All answers are equal, so that the tasks of a step may share one socket. Messages with another
 * version are refused. */
#ifndef CH_RT_PROTO_H
#define CH_RT_PROTO_H

#include <stdint.h>

#define CH_PROTO_VERSION  2
#define CH_KEEPER_SOCK	  3
#define CH_KEEPER_REQUEST 4

/* The keeper's only argument, if any: a CH_GO_CPUS was obeyed before it was exec'd. */
#define CH_KEEPER_PLACED "placed"

enum ch_go_kind {
	CH_GO_ENTER, /* let me in */
	CH_GO_CPUS,  /* struct ch_cpus: where the tasks run; no answer */
};

struct ch_go {
	uint32_t version; /* CH_PROTO_VERSION */
	uint32_t kind;	  /* enum ch_go_kind */
};

/* The CPUs of all local tasks together, as of sched_setaffinity(2): keeper and image
 * server are to work on them, too. */
#define CH_CPUS_BYTES 1024

struct ch_cpus {
	struct ch_go go;
	unsigned char mask[CH_CPUS_BYTES];
};

struct ch_answer {
	uint32_t version;
	int32_t code;	   /* negative errno, or 0 */
	uint32_t meta_len; /* bytes of image metadata behind this header (meta.h) */
	uint32_t times[5]; /* microseconds from the keeper's start: CH_TIME_* */
	uint64_t shape;	   /* of the container: ch_request_shape() */
	char msg[488];	   /* one line, NUL-terminated; empty when code is 0 */
};

enum { CH_TIME_IMAGE, CH_TIME_NAMESPACES, CH_TIME_SERVER, CH_TIME_MOUNTS, CH_TIME_READY };

#define CH_META_MAX (64 * 1024)

#endif
