/* SPDX-License-Identifier: Apache-2.0 */
/* join.h - processes that are started one by one, and meet in one container
 *
 * They agree on a tag. From it, the user, and the job comes the name of an abstract socket
 * (unix(7)): whoever can bind it is the first, and has a keeper made that listens on it;
 * the others connect. So there are no files to be left, and nothing to be cleaned up: the
 * name is free again when the keeper has ended. */
#ifndef CH_RT_JOIN_H
#define CH_RT_JOIN_H

#include <stdint.h>
#include <sys/types.h>

struct ch_entry;
struct ch_err;

#define CH_JOIN_NAME_MAX 104 /* fits into a sockaddr_un, with a NUL in front */
#define CH_JOIN_TAG_MAX	 4096

struct ch_join {
	char name[CH_JOIN_NAME_MAX];
	uint32_t peers; /* how many will join on this machine, as far as one knows; 0: unknown */
};

/* Where to meet, and how many.
 *
 * tag:   or NULL: the launcher's PMIx namespace, or Slurm's step, or the parent process
 * peers: or 0: as launchers' variables say
 * get:   getenv(3)
 * Errors: -EINVAL the tag is empty or too long. */
int ch_join_find(const char *tag, uint32_t peers, const char *(*get)(const char *name),
		 struct ch_join *ret_join, struct ch_err *err);

/* Number of processes on this machine in Slurm's list TEXT of processes a node, such as
 * "2(x3),1". NODE: this machine's number in the list. 0: the list does not say. */
uint32_t ch_join_tasks(const char *text, uint32_t node);

/* Connect to the keeper at JOIN's name. If there is none it is up to us to start one, with
 * the socket RET_LISTENER: we are connected to it already.
 *
 * ret_sock:     the connection; the caller's
 * ret_listener: the caller's, or -1
 * Errors: -EPERM somebody else has taken the name; -ETIMEDOUT nobody answers there. */
int ch_join_meet(const struct ch_join *join, long long deadline, int *ret_sock, int *ret_listener,
		 struct ch_err *err);

/* The namespaces of process PID, for ch_enter(); no metadata, no times.
 * Errors: -ESRCH no such process; -EACCES another user's; -EINVAL it is in no container. */
int ch_join_process(pid_t pid, struct ch_entry *ret_entry, struct ch_err *err);

#endif
