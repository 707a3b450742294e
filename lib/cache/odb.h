/* SPDX-License-Identifier: Apache-2.0 */
/* odb.h - all objects of a repository, in packs of ours or elsewhere
 *
 * Looking and reading is thread-safe. */
#ifndef CH_CACHE_ODB_H
#define CH_CACHE_ODB_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/oid.h"
#include "cache/pack.h"

struct ch_err;
struct ch_git;

/* An object that is held in memory (trees, what is said of directories, commits) is at most so
 * big. */
#define CH_ODB_MAX (256 << 20)

struct ch_odb {
	int repo; /* directory; borrowed */
	int dir;  /* objects/pack; owned */
	pthread_mutex_t lock;
	struct ch_pack **packs; /* owned */
	size_t n;
	struct ch_git *git; /* or NULL: not needed so far */
};

/* Open that of the repository REPO, whose descriptor must stay open. */
int ch_odb_open(int repo, struct ch_odb *ret_odb, struct ch_err *err);

void ch_odb_close(struct ch_odb *odb);

/* Look for packs that are new, and forget those that are gone. No other thread may use ODB. */
int ch_odb_refresh(struct ch_odb *odb, struct ch_err *err);

/* Is OID in one of the packs that we know? */
bool ch_odb_has(const struct ch_odb *odb, const struct ch_oid *oid);

/* How many bytes it takes in its pack, about; 0 for what is elsewhere. */
uint64_t ch_odb_weight(const struct ch_odb *odb, const struct ch_oid *oid);

/* Its size, when unpacked; 0 for what is elsewhere. */
uint64_t ch_odb_size(const struct ch_odb *odb, const struct ch_oid *oid);

/* Is it of less than MAX bytes, or elsewhere? */
bool ch_odb_is_small(const struct ch_odb *odb, const struct ch_oid *oid, uint64_t max);

/* Give OID to SINK piece by piece. KIND: what it must be.
 * Errors: -ENOENT; -EBADMSG; what SINK says. */
int ch_odb_stream(struct ch_odb *odb, const struct ch_oid *oid, enum ch_kind kind,
		  ch_pack_sink *sink, void *to, struct ch_err *err);

/* Read OID as a whole, of at most CH_ODB_MAX bytes. ret_data: malloc'ed, with a NUL behind. */
int ch_odb_read(struct ch_odb *odb, const struct ch_oid *oid, enum ch_kind kind, uint8_t **ret_data,
		size_t *ret_len, struct ch_err *err);

#endif
