/* SPDX-License-Identifier: Apache-2.0 */
#include "build/placed.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "hash/hash.h"
#include "oci/ref.h"
#include "store/draft.h"
#include "store/store.h"

#define AT_DIR "at"

int ch_placed_open(struct ch_store *store, const char *name, int root, struct ch_placed *ret_placed,
		   struct ch_err *err)
{
	int dir = ch_store_dir(store, CH_DRAFT_STAT, err);

	if (dir < 0)
		return dir;
	*ret_placed = (struct ch_placed){
		.image = { .root = root, .dir = dir, .stat_name = name },
		.dir = dir,
	};
	return 0;
}

void ch_placed_done(struct ch_placed *placed)
{
	ch_auto_fd(&placed->dir);
	ch_progress_done(placed->image.progress);
	*placed = CH_PLACED_INIT;
}

enum { AT_MAX = CH_OID_HEX + 32 };

/* "COMMIT INODE": whoever replaces the directory makes it untrue. */
static int write_at(int root, const struct ch_oid *commit, char ret[AT_MAX])
{
	char hex[CH_OID_HEX];
	struct stat st;

	if (fstat(root, &st) < 0)
		return -errno;
	ch_hash_hex(commit->bytes, sizeof(commit->bytes), hex);
	snprintf(ret, AT_MAX, "%s %" PRIu64, hex, (uint64_t)st.st_ino);
	return 0;
}

int ch_placed_note(struct ch_store *store, const struct ch_ref *ref, int root,
		   const struct ch_oid *commit, struct ch_err *err)
{
	ch_auto(fd) int dir = ch_store_dir(store, AT_DIR, err);
	char text[AT_MAX], aside[32];
	int rc = dir < 0 ? dir : write_at(root, commit, text);

	if (dir < 0)
		return rc;
	/* Names of images never begin with a dot. */
	snprintf(aside, sizeof(aside), ".%d", (int)getpid());
	if (rc == 0 && unlinkat(dir, aside, 0) < 0 && errno != ENOENT)
		rc = -errno;
	if (rc == 0 &&
	    (symlinkat(text, dir, aside) < 0 || renameat(dir, aside, dir, ref->file) < 0))
		rc = -errno;
	return rc < 0 ? ch_err_rc(err, rc, "storage: note the state of image '%s'", ref->text) : 0;
}

bool ch_placed_is_at(struct ch_store *store, const struct ch_ref *ref, const struct ch_oid *commit)
{
	struct ch_err ignored;
	ch_auto(fd) int dir = ch_store_dir(store, AT_DIR, &ignored);
	ch_auto(fd) int root = ch_store_read(store, ref, &ignored);
	char noted[AT_MAX], wanted[AT_MAX];
	ssize_t n = dir < 0 ? -1 : readlinkat(dir, ref->file, noted, sizeof(noted) - 1);

	if (n < 0 || root < 0 || write_at(root, commit, wanted) < 0)
		return false;
	noted[n] = '\0';
	return strcmp(noted, wanted) == 0;
}
