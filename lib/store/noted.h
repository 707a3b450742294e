/* SPDX-License-Identifier: Apache-2.0 */
/* noted.h - what is noted of an image in storage
 *
 *	at/NAME		a link to "WHAT INODE TIME": what the image is, a word of whoever made it;
 *			TIME is when its directory was made
 *	digest/NAME	a link to "MANIFEST,CONFIG INODE TIME": its digests where it was pulled
 *			from, or pushed to, last
 *
 * Of an image that is about to come into storage, it is noted as NAME~0: until then, the other one
 * holds. Whoever replaces the directory puts that in the place of the other, or removes that one,
 * since it is no longer true: a directory may come back, by way of the spare, and so may its inode.
 * If he is killed in between, both are there, and one of them is about the directory. " BOOT" comes
 * behind it if it was not waited for that all is on the disk: should the machine have been
 * started anew since, files may lack what was in them. Then ch_store_read refuses the image; its
 * maker can make it again. */
#ifndef CH_STORE_NOTED_H
#define CH_STORE_NOTED_H

#include <stdbool.h>

struct ch_err;
struct ch_oci_digests;
struct ch_ref;
struct ch_store;

#define CH_NOTED_WHAT_MAX 160

enum ch_noted {
	CH_NOTED_ELSE, /* not in storage, something else, or nobody knows */
	CH_NOTED_SAME,
	CH_NOTED_IN_DOUBT, /* there, but it may be damaged, whatever it was */
};

/* Note that the image REF with ROOT as its directory is WHAT (without blanks, at most 127 bytes),
 * before it comes into storage, or while it is there; it is locked by the caller (lock.h).
 * CAN_BE_LOST: may it not be on the disk? If that cannot be noted here, it becomes false: then it
 * has to be. */
int ch_noted_put(struct ch_store *store, const struct ch_ref *ref, int root, const char *what,
		 bool *can_be_lost, struct ch_err *err);

/* What is noted of the image REF in storage. Returns false if nothing is, or it is not there. */
bool ch_noted_what(const struct ch_store *store, const struct ch_ref *ref,
		   char ret_what[CH_NOTED_WHAT_MAX]);

/* Is it in storage, and WHAT? */
enum ch_noted ch_noted_is(const struct ch_store *store, const struct ch_ref *ref, const char *what);

/* Note its digests, in the same way: but that they are lost is no harm. */
int ch_noted_put_digests(struct ch_store *store, const struct ch_ref *ref, int root,
			 const struct ch_oci_digests *digests, struct ch_err *err);

/* The same for who has not locked the image. Nothing is noted, and that is no error, if somebody
 * has, or if ROOT is no longer it. */
int ch_noted_try_digests(struct ch_store *store, const struct ch_ref *ref, int root,
			 const struct ch_oci_digests *digests, struct ch_err *err);

/* What is noted of the image REF, with ROOT as its directory? */
bool ch_noted_digests(const struct ch_store *store, const struct ch_ref *ref, int root,
		      struct ch_oci_digests *ret_digests);

#endif
