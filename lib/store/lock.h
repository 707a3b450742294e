/* SPDX-License-Identifier: Apache-2.0 */
/* lock.h - locks on the names of images
 *
 * There are two, so that nobody waits for who waits for him:
 *
 *	claim	of who makes an image, for as long as that takes: who wants to make the same one,
 *		or to delete it, waits. A process claims one image, and that first: it has no other
 *		lock on images then.
 *	lock	of who changes what is in the image's place, what is noted of it, or its branch in
 *		the cache; or needs that nobody does. Who has it claims nothing, and locks no other
 *		image.
 *
 * Neither keeps anybody from reading the image. Both end with their process. */
#ifndef CH_STORE_LOCK_H
#define CH_STORE_LOCK_H

struct ch_err;
struct ch_ref;
struct ch_store;

struct ch_store_lock {
	const struct ch_store *store; /* borrowed; NULL: nothing is locked */
	char *name;		      /* owned */
	int fd;			      /* owned */
};

/* All of these return 0 or a negative errno: -EINTR by the user of storage, who is told for whom
 * this waits. ret_lock: for ch_store_unlock. */

int ch_store_claim(const struct ch_store *store, const struct ch_ref *ref,
		   struct ch_store_lock *ret_lock, struct ch_err *err);

int ch_store_lock(const struct ch_store *store, const struct ch_ref *ref,
		  struct ch_store_lock *ret_lock, struct ch_err *err);

/* The same as ch_store_lock, without waiting. Returns -EWOULDBLOCK (no error is set) if somebody
 * has the lock. */
int ch_store_try_lock(const struct ch_store *store, const struct ch_ref *ref,
		      struct ch_store_lock *ret_lock, struct ch_err *err);

/* What is not locked is fine. */
void ch_store_unlock(struct ch_store_lock *lock);

static inline void ch_auto_store_lock(struct ch_store_lock *lock)
{
	ch_store_unlock(lock);
}

#endif
