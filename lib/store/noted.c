/* SPDX-License-Identifier: Apache-2.0 */
#include "store/noted.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "inner.h"
#include "oci/manifest.h"
#include "oci/ref.h"
#include "store/store.h"
#include "sys/machine.h"
#include "sys/names.h"

#define AT_DIR	   "at"
#define DIGEST_DIR "digest"

enum {
	WHAT_MAX = 160,
	ID_MAX = 64,
	TEXT_MAX = WHAT_MAX + ID_MAX + CH_MACHINE_BOOT_MAX,
	PATH_SIZE = NAME_MAX + sizeof(DIGEST_DIR) + 1,
};

/* A note that was read. */
struct note {
	char text[TEXT_MAX];
	const char *what, *boot; /* in TEXT; BOOT may be "" */
};

/* Which directory it is: inodes are used again. Where the file system does not know when it was
 * made, that is 0: then the inode has to do. */
static int identify(int root, char ret[ID_MAX])
{
	struct statx st;

	if (statx(root, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &st) < 0)
		return -errno;
	snprintf(ret, ID_MAX, "%" PRIu64 " %" PRIi64 ".%09u", (uint64_t)st.stx_ino,
		 (int64_t)st.stx_btime.tv_sec, st.stx_btime.tv_nsec);
	return 0;
}

/* ---- write ------------------------------------------------------------------------------------
 */

/* As it is to be noted that an image can be lost; "" if it must not be. */
static void choose_boot(int root, bool can_be_lost, char ret[CH_MACHINE_BOOT_MAX])
{
	*ret = '\0';
	if (can_be_lost && ch_machine_owns(root))
		ch_machine_boot(ret);
}

/* The name aside is nobody else's while that of the image is locked. */
static int put_link(int dir, const char *file, const char *text)
{
	char aside[NAME_MAX + 1];

	ch_store_place(file, CH_STORE_DRAFT_MARK, 0, aside);
	if (unlinkat(dir, aside, 0) < 0 && errno != ENOENT)
		return -errno;
	if (symlinkat(text, dir, aside) < 0 || renameat(dir, aside, dir, file) < 0)
		return -errno;
	return 0;
}

/* Note WHAT, and BOOT if it is not "", of the image FILE, in DIR. Returns 0 or a negative errno. */
static int put_note(int dir, const char *file, int root, const char *what, const char *boot)
{
	char id[ID_MAX], text[TEXT_MAX];
	int rc = identify(root, id);

	if (rc < 0)
		return rc;
	if (snprintf(text, sizeof(text), "%s %s%s%s", what, id, *boot ? " " : "", boot) >=
	    (int)sizeof(text))
		return -ENAMETOOLONG;
	return put_link(dir, file, text);
}

int ch_noted_put(struct ch_store *store, const struct ch_ref *ref, int root, const char *what,
		 bool *can_be_lost, struct ch_err *err)
{
	ch_auto(fd) int dir = ch_store_dir(store, AT_DIR, err);
	char boot[CH_MACHINE_BOOT_MAX];

	if (dir < 0)
		return dir;
	choose_boot(root, *can_be_lost, boot);
	*can_be_lost = *boot != '\0';

	int rc = put_note(dir, ref->file, root, what, boot);

	/* That it can be lost must not be. */
	if (rc == 0 && *can_be_lost && fsync(dir) < 0)
		rc = -errno;
	return rc < 0 ? ch_err_rc(err, rc, "storage: note the state of image '%s'", ref->text) : 0;
}

int ch_noted_put_digests(struct ch_store *store, const struct ch_ref *ref, int root,
			 const struct ch_oci_digests *digests, struct ch_err *err)
{
	ch_auto(fd) int dir = ch_store_dir(store, DIGEST_DIR, err);
	char what[sizeof(*digests) + 1];
	int rc;

	if (dir < 0)
		return dir;
	snprintf(what, sizeof(what), "%s,%s", digests->manifest, digests->config);
	rc = put_note(dir, ref->file, root, what, "");
	return rc < 0 ? ch_err_rc(err, rc, "storage: note the digests of image '%s'", ref->text)
		      : 0;
}

int ch_noted_try_digests(struct ch_store *store, const struct ch_ref *ref, int root,
			 const struct ch_oci_digests *digests, struct ch_err *err)
{
	ch_auto(store_lock) struct ch_store_lock lock = { 0 };
	int rc = ch_store_try_lock(store, ref, &lock, err);

	if (rc < 0)
		return rc == -EWOULDBLOCK ? 0 : rc;
	if (!ch_names_is(store->img, ref->file, root))
		return 0;
	return ch_noted_put_digests(store, ref, root, digests, err);
}

static void drop_note(const struct ch_store *store, const char *dir, const char *file)
{
	char path[PATH_SIZE];

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	(void)unlinkat(store->top, path, 0);
}

void ch_store_drop_notes(const struct ch_store *store, const char *file, bool what, bool digests)
{
	if (what)
		drop_note(store, AT_DIR, file);
	if (digests)
		drop_note(store, DIGEST_DIR, file);
}

/* ---- read -------------------------------------------------------------------------------------
 */

/* Is there a note in DIR on the image FILE, and is that about ROOT? */
static bool read_note(const struct ch_store *store, const char *dir, const char *file, int root,
		      struct note *ret)
{
	char path[PATH_SIZE], id[ID_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	n = readlinkat(store->top, path, ret->text, sizeof(ret->text) - 1);
	if (n < 0 || identify(root, id) < 0)
		return false;
	ret->text[n] = '\0';

	char *rest = strchr(ret->text, ' ');
	size_t len = strlen(id);

	if (!rest || strncmp(rest + 1, id, len) != 0 || !strchr(" ", rest[1 + len]))
		return false;
	*rest++ = '\0';
	ret->what = ret->text;
	ret->boot = rest + len + (rest[len] == ' ');
	return true;
}

static bool is_lost(const struct note *note)
{
	char boot[CH_MACHINE_BOOT_MAX];

	ch_machine_boot(boot);
	return *note->boot && strcmp(note->boot, boot) != 0;
}

bool ch_store_is_in_doubt(const struct ch_store *store, const char *file, int root)
{
	struct note note;

	return read_note(store, AT_DIR, file, root, &note) && is_lost(&note);
}

enum ch_noted ch_noted_is(const struct ch_store *store, const struct ch_ref *ref, const char *what)
{
	ch_auto(fd) int root = openat(store->img, ref->file,
				      O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct note note;

	if (root < 0 || !read_note(store, AT_DIR, ref->file, root, &note))
		return CH_NOTED_ELSE;
	if (is_lost(&note))
		return CH_NOTED_IN_DOUBT;
	return strcmp(note.what, what) == 0 ? CH_NOTED_SAME : CH_NOTED_ELSE;
}

/* The digest at *AT, up to END, which is no part of it. */
static bool take_digest(const char **at, char end, char ret[CH_OCI_DIGEST_SIZE])
{
	size_t len = strcspn(*at, (char[]){ end, '\0' });
	struct ch_err ignored;

	if (len != CH_OCI_DIGEST_SIZE - 1 || (*at)[len] != end)
		return false;
	memcpy(ret, *at, len);
	ret[len] = '\0';
	*at += len + 1;
	return ch_oci_digest_check(ret, &ignored) == 0;
}

bool ch_noted_digests(const struct ch_store *store, const struct ch_ref *ref, int root,
		      struct ch_oci_digests *ret_digests)
{
	struct ch_oci_digests digests;
	struct note note;
	const char *at;

	if (!read_note(store, DIGEST_DIR, ref->file, root, &note))
		return false;
	at = note.what;
	if (!take_digest(&at, ',', digests.manifest) || !take_digest(&at, '\0', digests.config))
		return false;
	*ret_digests = digests;
	return true;
}
