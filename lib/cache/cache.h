/* SPDX-License-Identifier: Apache-2.0 */
/* cache.h - the build cache: states of images as commits of a bare Git repository
 *
 * Each state of an image that an instruction leaves behind is a commit: its files, its
 * configuration as text, and the instruction as message. A state has an id of its own, which
 * the caller makes from all that the result depends on; with it the commit is found again
 * (ch_cache_lookup). Branches are named after images. The format is in doc/BUILD-CACHE.md.
 *
 * An image's directory is never moved or renamed, and between instructions nothing in it is
 * changed: what Git cannot keep is written down beside the files' names. To know what an
 * instruction has changed, a *stat file* beside the image remembers how each of its files
 * looked when it was last the same as a commit.
 *
 * Any number of processes may use a cache at a time; a garbage collection alone has it for
 * itself. Files appear in it complete, by a rename: whoever is killed leaves nothing half
 * made, only temporary files, which the next one to write removes.
 *
 * A struct ch_cache is for one thread; it makes threads of its own for work on files. */
#ifndef CH_CACHE_CACHE_H
#define CH_CACHE_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/oid.h"
#include "sys/waitlock.h"

struct ch_err;
struct ch_cache;
struct ch_progress;

#define CH_CACHE_DIR "bucache" /* its name in the storage directory */

/* ---- open and close ---- */

struct ch_cache_options {
	uint64_t large;	  /* files from this size on are kept beside the repository; 0: none */
	unsigned threads; /* for work on files; 0: as many as there are processors for us */
	/* On whose behalf we wait for a process that has the cache for itself; -EINTR by that. */
	struct ch_waiter waiter;
};

/* Open the cache of the storage directory STORAGE (a descriptor; a copy is kept).
 *
 * Cheap: neither is a repository made nor a library started before something needs them.
 * OPTIONS: NULL for none. ret_cache: release it with ch_cache_close. */
int ch_cache_open(int storage, const struct ch_cache_options *options, struct ch_cache **ret_cache,
		  struct ch_err *err);

/* NULL is accepted. Its lock goes, too: what it has found or committed, and no branch leads
 * to, may be collected from here on. */
void ch_cache_close(struct ch_cache *cache);

static inline void ch_auto_cache(struct ch_cache **cache)
{
	ch_cache_close(*cache);
}

/* Remove the cache in STORAGE with all that is in it. -EBUSY: another process uses it. */
int ch_cache_reset(int storage, struct ch_err *err);

/* ---- states ---- */

#define CH_CACHE_STATE_BYTES 32

/* All that the result of an instruction depends on, hashed (SHA-256). */
struct ch_cache_state {
	uint8_t bytes[CH_CACHE_STATE_BYTES];
};

/* Something that a state depends on. */
struct ch_cache_part {
	const void *data;
	size_t len;
};

/* The state after PARENT (NULL: none) by N PARTS: each of them counts with its length, so
 * that "ab", "c" is not "a", "bc". */
int ch_cache_state_make(const struct ch_cache_state *parent, const struct ch_cache_part *parts,
			size_t n, struct ch_cache_state *ret_state, struct ch_err *err);

/* Is there a commit of STATE? Returns 1, 0 if there is none, or a negative errno. What was
 * found counts as used just now, and stays as long as CACHE is open. */
int ch_cache_lookup(struct ch_cache *cache, const struct ch_cache_state *state,
		    struct ch_oid *ret_commit, struct ch_err *err);

/* ---- images in and out ---- */

/* An image's directory, and its stat file. Both in the same file system, whose clock is used.
 * The stat file is written by rename; if it is missing, damaged or of another cache, every
 * file is read once. */
struct ch_cache_image {
	int root;	       /* the image */
	int dir;	       /* where the stat file is */
	const char *stat_name; /* its name there; and behind it "=new", of who was killed */

	struct ch_progress *progress; /* of files written or read; or NULL */
};

/* What was done, for messages. */
struct ch_cache_report {
	uint64_t entries; /* in the image */
	uint64_t files;	  /* of them read or written */
	uint64_t bytes;	  /* in those */
	uint64_t removed; /* check-out: entries that are gone */
	uint64_t devices; /* commit: left out */
	uint64_t sockets; /* commit: left out */
	uint64_t xattrs;  /* check-out: extended attributes that we may not set */
};

struct ch_cache_new {
	const struct ch_oid *parent;	    /* or NULL */
	const struct ch_cache_image *image; /* NULL: the files of the parent; without one, none */
	const struct ch_cache_state *state;
	const char *message; /* the instruction; its first line is what trees show */
	const char *config;  /* what ch_cache_read is to give back, at most 1 MiB */
};

/* Make a commit of an image, and let its state be found by it.
 *
 * Only files are read that the stat file does not know as they are now. Directories and files
 * of ours that we may not read are made readable for that moment. Nobody may write to the
 * image meanwhile: -EAGAIN if a file changes while it is read.
 * ret_report: may be NULL. Other errors: -ENOSPC, -EDQUOT, ...; nothing has changed then. */
int ch_cache_commit(struct ch_cache *cache, const struct ch_cache_new *what,
		    struct ch_oid *ret_commit, struct ch_cache_report *ret_report,
		    struct ch_err *err);

/* Make IMAGE the same as COMMIT: what differs is replaced, what is too much is removed. After
 * an error it is neither the one nor the other, but may be tried again.
 * ret_report: may be NULL. Errors: -ENOENT no such commit; -EBADMSG it is damaged. */
int ch_cache_checkout(struct ch_cache *cache, const struct ch_oid *commit,
		      const struct ch_cache_image *image, struct ch_cache_report *ret_report,
		      struct ch_err *err);

struct ch_cache_info {
	char *message; /* owned */
	char *config;  /* owned */
	bool has_parent;
	struct ch_oid parent;
	struct ch_cache_state state;
	int64_t time; /* seconds since 1970 */
};

/* What COMMIT says. ret_info: release with ch_cache_info_done. -ENOENT: there is none. */
int ch_cache_read(struct ch_cache *cache, const struct ch_oid *commit,
		  struct ch_cache_info *ret_info, struct ch_err *err);

void ch_cache_info_done(struct ch_cache_info *info);

static inline void ch_auto_cache_info(struct ch_cache_info *info)
{
	ch_cache_info_done(info);
}

/* ---- branches ---- */

/* Names are image references, or anything else without NUL, up to 255 bytes. In Git they are
 * written with "%" for "/" and "+" for ":". */

int ch_cache_branch_set(struct ch_cache *cache, const char *name, const struct ch_oid *commit,
			struct ch_err *err);

/* Returns 1, or 0: there is no such branch. */
int ch_cache_branch_get(struct ch_cache *cache, const char *name, struct ch_oid *ret_commit,
			struct ch_err *err);

/* Delete a branch; its commit can be found by ch_cache_branch_undelete until it is collected.
 * Returns 1, or 0: there is no such branch. */
int ch_cache_branch_delete(struct ch_cache *cache, const char *name, struct ch_err *err);

/* Bring back a deleted branch. Returns 1, or 0: nothing is known of it. -EEXIST: a branch of
 * that name is there. */
int ch_cache_branch_undelete(struct ch_cache *cache, const char *name, struct ch_oid *ret_commit,
			     struct ch_err *err);

struct ch_cache_branch {
	char *name; /* owned */
	struct ch_oid commit;
};

struct ch_cache_branches {
	struct ch_cache_branch *list; /* sorted by name */
	size_t n;
};

/* All branches; DELETED: those that can be brought back. Release with ch_cache_branches_done. */
int ch_cache_branches(struct ch_cache *cache, bool deleted, struct ch_cache_branches *ret_branches,
		      struct ch_err *err);

void ch_cache_branches_done(struct ch_cache_branches *branches);

static inline void ch_auto_cache_branches(struct ch_cache_branches *branches)
{
	ch_cache_branches_done(branches);
}

/* ---- upkeep ---- */

struct ch_cache_gc {
	bool keep_states;  /* keep states that no branch leads to */
	bool drop_deleted; /* forget deleted branches */
	uint64_t max;	   /* with keep_states: at most so many bytes, those longest not used go
			      first; what branches need stays. 0: no limit */
};

struct ch_cache_gained {
	uint64_t before, after; /* bytes on disk */
	uint64_t states;	/* dropped */
	uint64_t objects;	/* dropped */
};

/* Collect garbage: all that no branch leads to, unless HOW says otherwise, and put the rest
 * into one file. Safe at any time: -EBUSY while another process uses the cache. */
int ch_cache_collect(struct ch_cache *cache, const struct ch_cache_gc *how,
		     struct ch_cache_gained *ret_gained, struct ch_err *err);

/* For the end of a command: keep the number of the cache's files small, and its size below MAX
 * bytes (0: no limit), as ch_cache_collect does with keep_states. Does nothing if there is nothing
 * to do, or while another process uses the cache. */
int ch_cache_tidy(struct ch_cache *cache, uint64_t max, struct ch_err *err);

/* Read and hash everything. Each fault is told to TELL, in one line; returns how many there
 * are, or a negative errno. */
long ch_cache_verify(struct ch_cache *cache, const struct ch_teller *teller, struct ch_err *err);

struct ch_cache_stats {
	uint64_t branches, deleted, states, commits;
	uint64_t files;	      /* different contents of files */
	uint64_t large;	      /* of them, beside the repository */
	uint64_t packs;	      /* files of the repository that hold objects */
	uint64_t bytes;	      /* on disk, all in all */
	uint64_t bytes_large; /* of them, large files */
	uint64_t biggest;     /* file: its size */
};

int ch_cache_stats(struct ch_cache *cache, struct ch_cache_stats *ret_stats, struct ch_err *err);

/* What it is read with, and that one's version. */
#define CH_CACHE_ENGINE_MAX 48
void ch_cache_engine(char ret_text[CH_CACHE_ENGINE_MAX]);

/* All commits as a tree, newest first, as text for a terminal; VERBOSE: with commits, states
 * and times. Or as input for graphviz. ret_text: malloc'ed. */
int ch_cache_tree(struct ch_cache *cache, bool verbose, char **ret_text, struct ch_err *err);
int ch_cache_dot(struct ch_cache *cache, char **ret_text, struct ch_err *err);

#endif
