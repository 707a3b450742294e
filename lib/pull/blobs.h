/* SPDX-License-Identifier: Apache-2.0 */
/* blobs.h - the download cache: blobs of registries in storage
 *
 *	dlcache/HEX		a blob whose SHA-256 is HEX, whole
 *	dlcache/HEX.part	so far; locked (flock(2)) by who downloads it
 *	dlcache/ref/NAME	what the reference NAME meant when it was last asked: a link to
 *				"sha256:HEX"
 *
 * Blobs get their name when they are whole and on the disk. What breaks off is kept for the next
 * one to go on from, for a week; what is whole, until somebody has it tidied up. The time of a
 * blob's last change is that of its last use, to a day; of a reference's, when it was last asked.
 * Any thread may call what is here. */
#ifndef CH_PULL_BLOBS_H
#define CH_PULL_BLOBS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oci/manifest.h"

struct ch_err;
struct ch_store;

#define CH_BLOBS_DIR "dlcache" /* its name in the storage directory */
#define CH_BLOBS_REF "ref"     /* directory in it */

struct ch_blobs {
	int dir; /* owned */
	bool no_lock;
	const atomic_bool *cancel; /* borrowed; NULL: nobody does */
};

#define CH_BLOBS_INIT ((struct ch_blobs){ .dir = -1 })

/* CANCEL, which may be NULL: true ends what waits for others, with -ECANCELED. */
int ch_blobs_open(struct ch_store *store, const atomic_bool *cancel, struct ch_blobs *ret_blobs,
		  struct ch_err *err);
void ch_blobs_done(struct ch_blobs *blobs);

static inline void ch_auto_blobs(struct ch_blobs *blobs)
{
	ch_blobs_done(blobs);
}

/* Open the blob DIGEST for reading. Returns the descriptor (the caller's), or a negative errno:
 * -ENOENT it is not there. What is read needs to be verified: disks fail. */
int ch_blobs_find(const struct ch_blobs *blobs, const char *digest, struct ch_err *err);

/* The blob is not what its name says, or not wanted. */
void ch_blobs_drop(const struct ch_blobs *blobs, const char *digest);

/* ---- downloads ----------------------------------------------------------------------------- */

struct ch_blobs_part {
	int fd; /* owned: for reading and writing; with what others have left */
	char digest[CH_OCI_DIGEST_SIZE];
};

#define CH_BLOBS_PART_INIT ((struct ch_blobs_part){ .fd = -1 })

/* Begin to make the blob DIGEST, or go on with it. While somebody else does, this waits;
 * ret_waited: whether it had to. What is whole meanwhile is not looked for. */
int ch_blobs_begin(const struct ch_blobs *blobs, const char *digest, bool *ret_waited,
		   struct ch_blobs_part *ret_part, struct ch_err *err);

/* It is whole, and verified. The descriptor stays open. */
int ch_blobs_finish(const struct ch_blobs *blobs, const struct ch_blobs_part *part,
		    struct ch_err *err);

/* What is there so far is given up, and its space free. */
void ch_blobs_empty(const struct ch_blobs_part *part);

/* Let go; of what is not whole, nothing is lost. */
void ch_blobs_part_done(const struct ch_blobs *blobs, struct ch_blobs_part *part);

/* ---- documents ----------------------------------------------------------------------------- */

/* Read the blob DIGEST, of at most CH_OCI_MANIFEST_MAX bytes, and verify it. ret_text: malloc'ed,
 * with a NUL behind it. Errors: -ENOENT it is not there, or not right (then it is dropped). */
int ch_blobs_read(const struct ch_blobs *blobs, const char *digest, char **ret_text,
		  size_t *ret_len, struct ch_err *err);

/* Write it. */
int ch_blobs_write(const struct ch_blobs *blobs, const char *digest, const char *text, size_t len,
		   struct ch_err *err);

/* Note that the reference NAME ("HOST:PORT/PATH:TAG") means DIGEST. */
int ch_blobs_note(const struct ch_blobs *blobs, const char *name, const char *digest,
		  struct ch_err *err);

/* What does it mean? Returns 1, or 0: nothing was noted. */
int ch_blobs_noted(const struct ch_blobs *blobs, const char *name,
		   char ret_digest[CH_OCI_DIGEST_SIZE]);

/* ---- upkeep -------------------------------------------------------------------------------- */

struct ch_blobs_sum {
	uint64_t files, bytes;
};

/* Remove blobs that were not used for DAYS, and references that were not asked for since. Others
 * may pull meanwhile. That something stays is no failure.
 *
 * ret_gone, ret_left: blobs that were removed, and those that are left */
int ch_blobs_tidy(const struct ch_blobs *blobs, unsigned days, struct ch_blobs_sum *ret_gone,
		  struct ch_blobs_sum *ret_left, struct ch_err *err);

/* How many there are. */
int ch_blobs_count(const struct ch_blobs *blobs, struct ch_blobs_sum *ret_sum, struct ch_err *err);

#endif
