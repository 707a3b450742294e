/* SPDX-License-Identifier: Apache-2.0 */
/* noted.h - what is noted of an image in storage
 *
 *	at/NAME		a link to "WHAT INODE TIME": what the image is, a word of whoever made it;
 *			TIME is when its directory was made
 *
 * Whoever replaces the directory makes that untrue. " BOOT" comes behind it if it was not waited
 * for that all is on the disk: should the machine have been started anew since, files may lack
 * what was in them. Then ch_store_read refuses the image; its maker can make it again. */
#ifndef CH_STORE_NOTED_H
#define CH_STORE_NOTED_H

#include <stdbool.h>

struct ch_err;
struct ch_ref;
struct ch_store;

enum ch_noted {
	CH_NOTED_ELSE, /* not in storage, something else, or nobody knows */
	CH_NOTED_SAME,
	CH_NOTED_IN_DOUBT, /* there, but it may be damaged, whatever it was */
};

/* Note that the image REF with ROOT as its directory is WHAT (without blanks, at most 127 bytes),
 * before it comes into storage, or while it is there; its name is locked by the caller.
 * CAN_BE_LOST: may it not be on the disk? If that cannot be noted here, it becomes false: then it
 * has to be. */
int ch_noted_put(struct ch_store *store, const struct ch_ref *ref, int root, const char *what,
		 bool *can_be_lost, struct ch_err *err);

/* Is it in storage, and WHAT? */
enum ch_noted ch_noted_is(const struct ch_store *store, const struct ch_ref *ref, const char *what);

#endif
