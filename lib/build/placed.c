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
#include "sys/machine.h"

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

enum { AT_MAX = CH_OID_HEX + 64 + CH_MACHINE_BOOT_MAX };

/* Whoever replaces the directory makes it untrue; inodes are used again. */
static int write_at(int root, const struct ch_oid *commit, char ret[AT_MAX])
{
	char hex[CH_OID_HEX];
	struct statx st;

	if (statx(root, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) < 0)
		return -errno;
	ch_hash_hex(commit->bytes, sizeof(commit->bytes), hex);
	snprintf(ret, AT_MAX, "%s %" PRIu64 " %" PRIi64 ".%09u", hex, (uint64_t)st.stx_ino,
		 (int64_t)st.stx_btime.tv_sec, st.stx_btime.tv_nsec);
	return 0;
}

static bool add_boot(int root, char at[AT_MAX])
{
	char boot[CH_MACHINE_BOOT_MAX];
	size_t len = strlen(at);

	ch_machine_boot(boot);
	if (!*boot || !ch_machine_owns(root))
		return false;
	snprintf(at + len, AT_MAX - len, " %s", boot);
	return true;
}

static int put_link(int dir, const char *name, const char *text)
{
	char aside[32];

	/* Names of images never begin with a dot. */
	snprintf(aside, sizeof(aside), ".%d", (int)getpid());
	if (unlinkat(dir, aside, 0) < 0 && errno != ENOENT)
		return -errno;
	if (symlinkat(text, dir, aside) < 0 || renameat(dir, aside, dir, name) < 0)
		return -errno;
	return 0;
}

int ch_placed_note(struct ch_store *store, const struct ch_ref *ref, int root,
		   const struct ch_oid *commit, bool *can_be_lost, struct ch_err *err)
{
	ch_auto(fd) int dir = ch_store_dir(store, AT_DIR, err);
	char text[AT_MAX];
	int rc = dir < 0 ? dir : write_at(root, commit, text);

	if (dir < 0)
		return rc;
	*can_be_lost = rc == 0 && *can_be_lost && add_boot(root, text);
	if (rc == 0)
		rc = put_link(dir, ref->file, text);
	/* That it can be lost must not be. */
	if (rc == 0 && *can_be_lost && fsync(dir) < 0)
		rc = -errno;
	return rc < 0 ? ch_err_rc(err, rc, "storage: note the state of image '%s'", ref->text) : 0;
}

enum ch_placed_at ch_placed_at(struct ch_store *store, const struct ch_ref *ref,
			       const struct ch_oid *commit)
{
	struct ch_err ignored;
	ch_auto(fd) int dir = ch_store_dir(store, AT_DIR, &ignored);
	ch_auto(fd) int root = ch_store_read(store, ref, &ignored);
	char noted[AT_MAX], wanted[AT_MAX], boot[CH_MACHINE_BOOT_MAX];
	ssize_t n = dir < 0 ? -1 : readlinkat(dir, ref->file, noted, sizeof(noted) - 1);

	if (n < 0 || root < 0 || write_at(root, commit, wanted) < 0)
		return CH_PLACED_ELSEWHERE;
	noted[n] = '\0';

	size_t len = strlen(wanted);

	if (strncmp(noted, wanted, len) != 0 || (noted[len] && noted[len] != ' '))
		return CH_PLACED_ELSEWHERE;
	ch_machine_boot(boot);
	return !noted[len] || strcmp(noted + len + 1, boot) == 0 ? CH_PLACED_THERE
								 : CH_PLACED_IN_DOUBT;
}
