/* SPDX-License-Identifier: Apache-2.0 */
/* store.h - the storage directory of ch-image
 *
 *	version		the marker, and the version of all this: "charlie storage 1"
 *	lock		held by everybody who uses storage; exclusively, by who makes or resets it
 *	locks/NAME...	held by who makes, replaces or deletes the image NAME (lock.h)
 *	img/NAME	images, each a directory, called as rt/storage.h says
 *	tmp/...		what is being made (draft.h), or is to be removed
 *	spare		a tree that was an image, to begin another one with (draft.h)
 *	at/NAME, digest/NAME	what an image is (noted.h)
 *	stat/...	what is known of the files of images, drafts, and the spare
 *	...		what others keep here: ch_store_dir
 *
 * Locks are those of flock(2): they end with their process, however it ends. Readers of
 * images hold a lock on the image's directory itself: who replaces or deletes an image does
 * not wait for them, and they keep the image they have.
 *
 * Whoever opens storage removes what dead processes have left in tmp. Images appear in img,
 * and vanish, by one rename each: what is there is whole. */
#ifndef CH_STORE_STORE_H
#define CH_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/teller.h"

struct ch_err;
struct ch_ref;
struct ch_store;

/* Where storage is: OPTION (may be NULL), else $CH_IMAGE_STORAGE, which must be absolute, else
 * /var/tmp/USER.ch. ret_path: malloc'ed, absolute. */
int ch_store_path(const char *option, char **ret_path, struct ch_err *err);

struct ch_store_options {
	const char *path;	 /* of ch_store_path */
	bool no_lock;		 /* lock nothing, and leave alone what looks left over */
	struct ch_teller teller; /* told whom we wait for, what was dropped of who is dead */
	/* Asked while we wait for others: true ends what we do, with -EINTR. May be NULL. */
	bool (*stop)(void *data);
	void *data; /* for stop */
};

/* Open storage, or make it. OPTIONS are copied, but for what data point to.
 *
 * Errors: -EPERM not the user's alone; -EEXIST there is something else at that path, which is
 * left as it is; -EPROTO made by another version of ours. */
int ch_store_open(const struct ch_store_options *options, struct ch_store **ret_store,
		  struct ch_err *err);

/* NULL is fine. */
void ch_store_close(struct ch_store *store);

static inline void ch_auto_store(struct ch_store **store)
{
	ch_store_close(*store);
}

/* Its path, absolute. */
const char *ch_store_where(const struct ch_store *store);

/* Is anything locked here (not no_lock)? */
bool ch_store_has_locks(const struct ch_store *store);

/* Open the directory NAME of storage, for what others keep there ("bucache"); it is made where
 * it is missing. Returns the descriptor (the caller's), or a negative errno. */
int ch_store_dir(struct ch_store *store, const char *name, struct ch_err *err);

/* ---- images ------------------------------------------------------------------------------ */

bool ch_store_has(const struct ch_store *store, const struct ch_ref *ref);

/* Open the image's root directory for reading. As long as the descriptor (the caller's) is
 * open, its files stay, even if the image is replaced or deleted.
 * Returns it, or a negative errno: -ENOENT there is no such image; -ESTALE it may be damaged
 * (noted.h). */
int ch_store_read(const struct ch_store *store, const struct ch_ref *ref, struct ch_err *err);

/* The same, for who only looks at it: it may be damaged. */
int ch_store_look(const struct ch_store *store, const struct ch_ref *ref, struct ch_err *err);

/* Names of all images, as references (ref.h), sorted. */
struct ch_store_names {
	char **list; /* owned */
	size_t n;
};
int ch_store_list(const struct ch_store *store, struct ch_store_names *ret_names,
		  struct ch_err *err);
void ch_store_names_done(struct ch_store_names *names);

static inline void ch_auto_store_names(struct ch_store_names *names)
{
	ch_store_names_done(names);
}

/* Delete an image, which the caller has locked (lock.h). Errors: -ENOENT there is no such image. */
int ch_store_delete(struct ch_store *store, const struct ch_ref *ref, struct ch_err *err);

/* Remove the spare (draft.h): somebody wants room. */
int ch_store_drop_spare(struct ch_store *store, struct ch_err *err);

/* Remove everything in storage, and begin anew. Waits until nobody else uses it; what somebody
 * reads, or has in a container, goes later on. Unlike ch_store_open, takes storage of any version
 * of ours. */
int ch_store_reset(const struct ch_store_options *options, struct ch_err *err);

#endif
