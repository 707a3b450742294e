/* SPDX-License-Identifier: Apache-2.0 */
/* mount.h - RUN --mount=type=…: what is mounted for one instruction only
 *
 * How it is written: lib/dockerfile. */
#ifndef CH_BUILD_MOUNT_H
#define CH_BUILD_MOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum ch_run_mount_kind {
	CH_RUN_MOUNT_BIND,   /* a file or directory of the context, a stage or an image */
	CH_RUN_MOUNT_CACHE,  /* a directory that lasts */
	CH_RUN_MOUNT_TMPFS,  /* an empty one that does not */
	CH_RUN_MOUNT_SECRET, /* a file in memory, or a variable */
	CH_RUN_MOUNT_SSH,    /* the socket of an agent */
};

enum ch_run_sharing {
	CH_RUN_SHARED,	/* any number of writers */
	CH_RUN_PRIVATE, /* another directory while this one is in use */
	CH_RUN_LOCKED,	/* wait until nobody else uses it */
};

struct ch_run_mount {
	enum ch_run_mount_kind kind;
	char *target;  /* as written, relative to the working directory; NULL: as the kind has it */
	char *id;      /* cache, secret, ssh; never NULL there */
	char *from;    /* bind: stage or image; NULL: the context */
	char *source;  /* bind: in from; never NULL there */
	char *env;     /* secret: a variable gets it; NULL: none */
	bool writable; /* bind: changes are lost in the end; cache */
	bool required; /* secret, ssh: else it is left out when there is none */
	enum ch_run_sharing sharing;
	uint64_t size; /* tmpfs: bytes; 0: half of the memory */
	mode_t mode;   /* secret: of the file; cache: of a new directory */

	/* What the caller finds for it before it runs; borrowed. */
	const char *root; /* bind: directory of the host that FROM means. SOURCE stays in it */
	const char *data; /* secret: its bytes; NULL: there is none */
	size_t len;
	const char *socket; /* ssh: of the agent, on the host; NULL: there is none */
};

void ch_run_mount_done(struct ch_run_mount *mount);

static inline void ch_auto_run_mount(struct ch_run_mount *mount)
{
	ch_run_mount_done(mount);
}

#endif
