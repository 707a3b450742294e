/* SPDX-License-Identifier: Apache-2.0 */
#include "pull/blobs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "cache/temp.h"
#include "hash/hash.h"
#include "oci/ref.h"
#include "store/store.h"
#include "sys/names.h"
#include "sys/write.h"

#define PART_SUFFIX ".part"

enum {
	PART_NAME = CH_OCI_DIGEST_SIZE + sizeof(PART_SUFFIX),
	WAIT_NS = 100 * 1000 * 1000,
	PART_AGE = 7 * 24 * 60 * 60, /* seconds */
	USE_AGE = 24 * 60 * 60,
};

/* Is the file NAME a download that broke off, and nobody has gone on with? */
static bool is_forgotten(int dir, const char *name)
{
	size_t len = strlen(name), end = strlen(PART_SUFFIX);
	struct stat st;

	return len > end && strcmp(name + len - end, PART_SUFFIX) == 0 &&
	       fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       st.st_mtime + PART_AGE < time(NULL);
}

/* Remove such. That something stays is no failure. */
static void sweep(int dir)
{
	ch_auto(names) struct ch_names names = { 0 };

	if (ch_names_list(dir, &names) < 0)
		return;
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.list[i];
		ch_auto(fd) int dead = is_forgotten(dir, name) ? ch_temp_dead(dir, name) : -1;

		if (dead >= 0)
			(void)unlinkat(dir, name, 0);
	}
}

int ch_blobs_open(struct ch_store *store, const atomic_bool *cancel, struct ch_blobs *ret_blobs,
		  struct ch_err *err)
{
	int dir = ch_store_dir(store, CH_BLOBS_DIR, err);

	if (dir < 0)
		return dir;
	sweep(dir);
	*ret_blobs = (struct ch_blobs){
		.dir = dir,
		.no_lock = !ch_store_has_locks(store),
		.cancel = cancel,
	};
	return 0;
}

void ch_blobs_done(struct ch_blobs *blobs)
{
	ch_close(&blobs->dir);
	*blobs = CH_BLOBS_INIT;
}

/* Not each time: that would be a write for each read. */
static void note_use(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_mtime + USE_AGE < time(NULL))
		(void)futimens(fd, NULL);
}

int ch_blobs_find(const struct ch_blobs *blobs, const char *digest, struct ch_err *err)
{
	int fd = openat(blobs->dir, CH_OCI_HEX(digest), O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return ch_err_sys(err, "download cache: open '%s'", CH_OCI_HEX(digest));
	note_use(fd);
	return fd;
}

void ch_blobs_drop(const struct ch_blobs *blobs, const char *digest)
{
	(void)unlinkat(blobs->dir, CH_OCI_HEX(digest), 0);
}

/* ---- downloads -------------------------------------------------------------------------- */

static const char *part_name(const char *digest, char out[PART_NAME])
{
	snprintf(out, PART_NAME, "%s%s", CH_OCI_HEX(digest), PART_SUFFIX);
	return out;
}

/* Is the open file still the one of that name? Who has finished has renamed it. */
static bool is_current(const struct ch_blobs *blobs, int fd, const char *name)
{
	return ch_names_is(blobs->dir, name, fd);
}

/* Returns 1 if somebody else has the lock. */
static int try_lock(const struct ch_blobs *blobs, int fd, const char *name, struct ch_err *err)
{
	if (blobs->no_lock || flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		return 1;
	return ch_err_sys(err, "download cache: lock '%s'", name);
}

static int open_part(const struct ch_blobs *blobs, const char *name, struct ch_err *err)
{
	int fd = openat(blobs->dir, name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? ch_err_sys(err, "download cache: make '%s'", name) : fd;
}

/* Not by a lock that waits: that one cannot be woken up. */
int ch_blobs_begin(const struct ch_blobs *blobs, const char *digest, bool *ret_waited,
		   struct ch_blobs_part *ret_part, struct ch_err *err)
{
	static const struct timespec pause = { .tv_nsec = WAIT_NS };
	char name[PART_NAME];

	*ret_waited = false;
	part_name(digest, name);
	while (!blobs->cancel || !atomic_load(blobs->cancel)) {
		ch_auto(fd) int fd = open_part(blobs, name, err);
		int rc = fd < 0 ? fd : try_lock(blobs, fd, name, err);

		if (rc < 0)
			return rc;
		if (rc == 0 && is_current(blobs, fd, name)) {
			ret_part->fd = ch_take_fd(&fd);
			memcpy(ret_part->digest, digest, CH_OCI_DIGEST_SIZE);
			return 0;
		}
		if (rc == 1) {
			*ret_waited = true;
			nanosleep(&pause, NULL);
		}
	}
	return ch_err_set(err, -ECANCELED, "interrupted");
}

int ch_blobs_finish(const struct ch_blobs *blobs, const struct ch_blobs_part *part,
		    struct ch_err *err)
{
	char name[PART_NAME];

	part_name(part->digest, name);
	if (fsync(part->fd) < 0 ||
	    renameat(blobs->dir, name, blobs->dir, CH_OCI_HEX(part->digest)) < 0)
		return ch_err_sys(err, "download cache: write '%s'", CH_OCI_HEX(part->digest));
	return 0;
}

/* Should that fail, the next one goes on from it, as from all that is left. */
void ch_blobs_empty(const struct ch_blobs_part *part)
{
	int rc = ftruncate(part->fd, 0);

	(void)rc;
}

/* The lock goes with the descriptor. */
void ch_blobs_part_done(const struct ch_blobs *blobs, struct ch_blobs_part *part)
{
	char name[PART_NAME];
	struct stat st;

	if (part->fd < 0)
		return;
	part_name(part->digest, name);
	if (fstat(part->fd, &st) == 0 && st.st_size == 0 && is_current(blobs, part->fd, name))
		(void)unlinkat(blobs->dir, name, 0);
	ch_close(&part->fd);
}

/* ---- documents -------------------------------------------------------------------------- */

static int verify(const char *digest, const char *text, size_t len, struct ch_err *err)
{
	ch_auto(hash) struct ch_hash hash = { 0 };
	uint8_t bytes[CH_SHA256_BYTES];
	char hex[CH_SHA256_HEX];

	if (ch_hash_start(&hash, CH_SHA256, err) < 0)
		return err->code;
	ch_hash_more(&hash, text, len);
	ch_hash_end(&hash, bytes);
	ch_hash_hex(bytes, sizeof(bytes), hex);
	return strcmp(hex, CH_OCI_HEX(digest)) == 0 ? 0 : -EBADMSG;
}

static int read_all(int fd, char **ret_text, size_t *ret_len, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(CH_OCI_MANIFEST_MAX);
	int rc = ch_buf_read(&text, fd);

	if (rc < 0)
		return ch_err_rc(err, rc, "download cache: read");
	*ret_len = text.len;
	return ch_buf_take(&text, ret_text) < 0 ? ch_err_nomem(err) : 0;
}

int ch_blobs_read(const struct ch_blobs *blobs, const char *digest, char **ret_text,
		  size_t *ret_len, struct ch_err *err)
{
	ch_auto(fd) int fd = ch_blobs_find(blobs, digest, err);
	ch_auto(str) char *text = NULL;
	int rc = fd < 0 ? fd : read_all(fd, &text, ret_len, err);

	if (rc == 0)
		rc = verify(digest, text, *ret_len, err);
	if (rc == -EBADMSG) {
		ch_blobs_drop(blobs, digest);
		return ch_err_set(err, -ENOENT, "download cache: '%s' was damaged",
				  CH_OCI_HEX(digest));
	}
	if (rc == 0)
		*ret_text = ch_take(text);
	return rc;
}

static int write_all(int fd, const char *text, size_t len, struct ch_err *err)
{
	int rc = ftruncate(fd, 0) < 0 ? -errno : ch_pwrite_all(fd, text, len, 0);

	return rc < 0 ? ch_err_rc(err, rc, "download cache: write") : 0;
}

int ch_blobs_write(const struct ch_blobs *blobs, const char *digest, const char *text, size_t len,
		   struct ch_err *err)
{
	struct ch_blobs_part part = CH_BLOBS_PART_INIT;
	bool has_waited;
	int rc = ch_blobs_begin(blobs, digest, &has_waited, &part, err);

	if (rc == 0)
		rc = write_all(part.fd, text, len, err);
	if (rc == 0)
		rc = ch_blobs_finish(blobs, &part, err);
	if (rc < 0 && part.fd >= 0)
		ch_blobs_empty(&part);
	ch_blobs_part_done(blobs, &part);
	return rc;
}

/* ---- references ------------------------------------------------------------------------- */

/* As a name of a file: of references that are too long, nothing is noted. */
static int ref_path(const char *name, char out[PATH_MAX])
{
	int n = snprintf(out, PATH_MAX, "%s", name);

	if (n < 0 || n > NAME_MAX)
		return -ENAMETOOLONG;
	ch_ref_escape(out);
	memmove(out + sizeof(CH_BLOBS_REF), out, (size_t)n + 1);
	memcpy(out, CH_BLOBS_REF "/", sizeof(CH_BLOBS_REF));
	return 0;
}

int ch_blobs_note(const struct ch_blobs *blobs, const char *name, const char *digest,
		  struct ch_err *err)
{
	char path[PATH_MAX], aside[64];
	uint64_t number;

	if (ref_path(name, path) < 0)
		return 0;
	/* Not by a process's number: those on another machine have the same ones. */
	if (getrandom(&number, sizeof(number), 0) < 0)
		return ch_err_sys(err, "random number");
	snprintf(aside, sizeof(aside), CH_BLOBS_REF "/.%016" PRIx64, number);
	if (mkdirat(blobs->dir, CH_BLOBS_REF, 0700) < 0 && errno != EEXIST)
		return ch_err_sys(err, "download cache: make '" CH_BLOBS_REF "'");
	if (symlinkat(digest, blobs->dir, aside) < 0 ||
	    renameat(blobs->dir, aside, blobs->dir, path) < 0) {
		ch_err_sys(err, "download cache: note '%s'", name);
		(void)unlinkat(blobs->dir, aside, 0);
		return err->code;
	}
	return 0;
}

int ch_blobs_noted(const struct ch_blobs *blobs, const char *name,
		   char ret_digest[CH_OCI_DIGEST_SIZE])
{
	char path[PATH_MAX], text[CH_OCI_DIGEST_SIZE + 1];
	struct ch_err ignored;
	ssize_t n;

	if (ref_path(name, path) < 0)
		return 0;
	n = readlinkat(blobs->dir, path, text, sizeof(text));
	if (n != CH_OCI_DIGEST_SIZE - 1)
		return 0;
	text[n] = '\0';
	if (ch_oci_digest_check(text, &ignored) < 0)
		return 0;
	memcpy(ret_digest, text, CH_OCI_DIGEST_SIZE);
	return 1;
}
