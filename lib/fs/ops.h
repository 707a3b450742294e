/* SPDX-License-Identifier: Apache-2.0 */
/* ops.h - a FUSE session that answers from an image
 *
 * Stateless: node ids come from the image (node.h), there are no open files, and forgotten
 * nodes need no action. So a successor of a dead process goes on where that one was. */
#ifndef CH_FS_OPS_H
#define CH_FS_OPS_H

#include <stddef.h>
#include <stdint.h>

struct ch_err;
struct ch_push;
struct ch_squash;
struct ch_ops;
struct ch_ops_thread;

/* Requests are at most so long: what libfuse announces (1 MiB of data), and headers. */
#define CH_OPS_REQUEST_SIZE ((1UL << 20) + 4096)

/* Make a session for the mount behind FUSE_FD. IMAGE is borrowed; FUSE_FD, too, but
 * ch_ops_free() closes it (fuse_session_destroy() does).
 * threads: how many threads will call ch_ops_process() */
int ch_ops_new(const struct ch_squash *image, int fuse_fd, unsigned threads, uint32_t uid,
	       uint32_t gid, struct ch_ops **ret_ops, struct ch_err *err);
void ch_ops_free(struct ch_ops *ops);

/* For a thread of its own (push.h), or NULL. */
struct ch_push *ch_ops_push(struct ch_ops *ops);

/* What one thread needs for itself; to be made before the filter. */
int ch_ops_thread_new(struct ch_ops *ops, struct ch_ops_thread **ret_thread, struct ch_err *err);
void ch_ops_thread_free(struct ch_ops_thread *thread);

/* Answer one request, which is complete in BUF. */
void ch_ops_process(struct ch_ops_thread *thread, void *buf, size_t len);

#endif
