/* SPDX-License-Identifier: Apache-2.0 */
/* write.h - write one new pack of Git objects
 *
 * Objects may be added by several threads at a time, each with a press of its own (press.h),
 * and are left out if the repository or this pack has them. The pack appears in the repository,
 * complete and on disk, when it is finished.
 *
 * A temporary file is locked by its writer (flock(2)): one that nobody locks is left over, and
 * anybody may remove it. */
#ifndef CH_CACHE_WRITE_H
#define CH_CACHE_WRITE_H

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/oid.h"
#include "cache/pack.h"

struct ch_err;
struct ch_odb;
struct ch_press;

/* An object that is in the pack. */
struct ch_written {
	struct ch_oid oid;
	uint32_t crc;
	uint64_t offset;
};

struct ch_writer {
	const struct ch_odb *odb; /* borrowed */
	int fd;			  /* temporary file */
	char temp[32];		  /* its name in the odb's directory */
	char name[64];		  /* of the index, when it is finished: "pack-*.idx", or "" */
	pthread_mutex_t lock;	  /* for all below */
	uint64_t len;		  /* of the file, with what is in the buffer */
	uint8_t *buffer;
	size_t buffered;
	struct ch_oidmap claimed; /* objects of this pack; some may still be to come */
	struct ch_written *list;  /* what is in it, in the order written */
	size_t n, cap;
};

/* Begin a pack for ODB. Release with ch_writer_abort, also after it is finished. */
int ch_writer_begin(struct ch_odb *odb, struct ch_writer *ret_writer, struct ch_err *err);

/* Is OID to be written? Returns 1: yes, by the caller; 0: it is there, or another thread is at
 * it; or -ENOMEM. */
int ch_writer_claim(struct ch_writer *writer, const struct ch_oid *oid, struct ch_err *err);

/* Add an object that was claimed. */
int ch_writer_add(struct ch_writer *writer, struct ch_press *press, const struct ch_oid *oid,
		  enum ch_kind kind, const void *data, size_t len, struct ch_err *err);

/* Hash an object, and claim and add it if it is not there. ret_oid: its name. */
int ch_writer_put(struct ch_writer *writer, struct ch_press *press, enum ch_kind kind,
		  const void *data, size_t len, struct ch_oid *ret_oid, struct ch_err *err);

/* Add a blob that was claimed, of SIZE bytes, from the file FD at its offset. While it is
 * written, no other is. -EAGAIN: the file has not what OID says (any longer). */
int ch_writer_add_file(struct ch_writer *writer, const struct ch_oid *oid, int fd, uint64_t size,
		       struct ch_err *err);

/* Add a claimed object as it is in another pack: LEN bytes from its header on. */
int ch_writer_copy(struct ch_writer *writer, const struct ch_oid *oid, const uint8_t *data,
		   size_t len, uint32_t crc, struct ch_err *err);

/* End the pack, and put it into the repository. One without objects does not appear. */
int ch_writer_finish(struct ch_writer *writer, struct ch_err *err);

/* Remove what is not finished. */
void ch_writer_abort(struct ch_writer *writer);

static inline void ch_auto_writer(struct ch_writer *writer)
{
	ch_writer_abort(writer);
}

/* ---- write.c, for the other files of a pack's making ---- */

/* With the lock held: append to the file. */
int ch_writer_append(struct ch_writer *writer, const void *data, size_t len, struct ch_err *err);

/* With the lock held: OID is in the pack, from OFFSET on. */
int ch_writer_note(struct ch_writer *writer, const struct ch_oid *oid, uint32_t crc,
		   uint64_t offset, struct ch_err *err);

/* ---- install.c ---- */

/* What temporary files of packs are called: git gc(1) removes "tmp_*" that are old; its own
 * are "tmp_pack_*". */
#define CH_WRITER_TEMP "tmp_ch_"

/* Put the pack, which is written, and has the check sum SUM, into the repository. */
int ch_writer_install(struct ch_writer *writer, const struct ch_oid *sum, struct ch_err *err);

/* Remove temporary files, and packs without an index, whose writer is gone. DIR:
 * objects/pack. */
void ch_writer_clean(int dir);

#endif
