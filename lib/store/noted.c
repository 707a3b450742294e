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
	ID_MAX = 64,
	TEXT_MAX = CH_NOTED_WHAT_MAX + ID_MAX + CH_MACHINE_BOOT_MAX,
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

/* Is there a note NAME in DIR, and is that about ROOT? */
static bool read_link(const struct ch_store *store, const char *dir, const char *name, int root,
		      struct note *ret)
{
	char path[PATH_SIZE], id[ID_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
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

/* The name of what is noted before the image is there; nobody else's while that is locked */
static const char *aside(const char *file, char out[NAME_MAX + 1])
{
	return ch_store_place(file, CH_STORE_DRAFT_MARK, 0, out);
}

/* Is there a note in DIR on the image FILE that is about ROOT? */
static bool read_note(const struct ch_store *store, const char *dir, const char *file, int root,
		      struct note *ret)
{
	char other[NAME_MAX + 1];

	return read_link(store, dir, file, root, ret) ||
	       read_link(store, dir, aside(file, other), root, ret);
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

/* Only what is about the image FILE, as it is there now, is to be noted of it. */
static void settle(const struct ch_store *store, const char *dir, const char *file)
{
	ch_auto(fd) int notes = openat(store->top, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ch_auto(fd) int root = openat(store->img, file, O_PATH | O_DIRECTORY | O_CLOEXEC);
	char other[NAME_MAX + 1];
	struct note note;

	if (notes < 0)
		return;
	if (root >= 0 && read_link(store, dir, aside(file, other), root, &note))
		(void)renameat(notes, other, notes, file);
	else
		(void)unlinkat(notes, aside(file, other), 0);
	if (root < 0 || !read_link(store, dir, file, root, &note))
		(void)unlinkat(notes, file, 0);
}

void ch_store_settle_notes(const struct ch_store *store, const char *file)
{
	settle(store, AT_DIR, file);
	settle(store, DIGEST_DIR, file);
}

struct new_note {
	const char *kind; /* for messages */
	const char *dir, *what, *boot;
};

/* Note it of the image REF with ROOT as its directory. What can be lost (a boot) must not be lost
 * itself. */
static int put_note(struct ch_store *store, const struct ch_ref *ref, int root,
		    const struct new_note *new, struct ch_err *err)
{
	ch_auto(fd) int dir = ch_store_dir(store, new->dir, err);
	char id[ID_MAX], text[TEXT_MAX], other[NAME_MAX + 1];

	if (dir < 0)
		return dir;

	int rc = identify(root, id);

	if (rc == 0 && snprintf(text, sizeof(text), "%s %s%s%s", new->what, id,
				*new->boot ? " " : "", new->boot) >= (int)sizeof(text))
		rc = -ENAMETOOLONG;
	if (rc == 0) {
		settle(store, new->dir, ref->file);
		rc = symlinkat(text, dir, aside(ref->file, other)) < 0 ? -errno : 0;
	}
	if (rc == 0 && ch_names_is(store->img, ref->file, root) &&
	    renameat(dir, other, dir, ref->file) < 0)
		rc = -errno;
	if (rc == 0 && *new->boot && fsync(dir) < 0)
		rc = -errno;
	return rc < 0 ? ch_err_rc(err, rc, "storage: note the %s of image '%s'", new->kind,
				  ref->text)
		      : 0;
}

int ch_noted_put(struct ch_store *store, const struct ch_ref *ref, int root, const char *what,
		 bool *can_be_lost, struct ch_err *err)
{
	char boot[CH_MACHINE_BOOT_MAX];

	choose_boot(root, *can_be_lost, boot);
	*can_be_lost = *boot != '\0';
	return put_note(store, ref, root, &(struct new_note){ "state", AT_DIR, what, boot }, err);
}

int ch_noted_put_digests(struct ch_store *store, const struct ch_ref *ref, int root,
			 const struct ch_oci_digests *digests, struct ch_err *err)
{
	char what[sizeof(*digests) + 1];

	snprintf(what, sizeof(what), "%s,%s", digests->manifest, digests->config);
	return put_note(store, ref, root, &(struct new_note){ "digests", DIGEST_DIR, what, "" },
			err);
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

/* ---- read -------------------------------------------------------------------------------------
 */

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

/* Open the image REF, to see what it is. Returns the descriptor, or -1. */
static int open_image(const struct ch_store *store, const struct ch_ref *ref)
{
	return openat(store->img, ref->file, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

bool ch_noted_what(const struct ch_store *store, const struct ch_ref *ref,
		   char ret_what[CH_NOTED_WHAT_MAX])
{
	ch_auto(fd) int root = open_image(store, ref);
	struct note note;

	if (root < 0 || !read_note(store, AT_DIR, ref->file, root, &note))
		return false;
	snprintf(ret_what, CH_NOTED_WHAT_MAX, "%s", note.what);
	return true;
}

enum ch_noted ch_noted_is(const struct ch_store *store, const struct ch_ref *ref, const char *what)
{
	ch_auto(fd) int root = open_image(store, ref);
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
