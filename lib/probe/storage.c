/* SPDX-License-Identifier: Apache-2.0 */
/* storage.c - the file system where images that are directories are kept */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "look.h"
#include "probe/probe.h"
#include "rt/storage.h"

static const char remedy[] = "another place: CH_IMAGE_STORAGE";

/* Where directories of images are, unless an option says otherwise. Returns false, with F, if
 * that is nowhere. */
static bool find_place(char out[PATH_MAX], struct ch_finding *f)
{
	const char *env = getenv("CH_IMAGE_STORAGE");
	ch_auto(str) char *path = NULL;
	struct ch_err err;

	if ((!env || !env[0]) && ch_storage_default(&path, &err) < 0)
		ch_found_no(f, "", "%s", err.msg);
	else if ((!env || !env[0]) && !path)
		ch_found_limited(f, "set CH_IMAGE_STORAGE", "no default place: user %u has no name",
				 geteuid());
	else
		snprintf(out, PATH_MAX, "%s", path ? path : env);
	return f->verdict == CH_VERDICT_OK;
}

/* Open DIR, or the deepest directory above it that exists; DIR becomes its path. */
static int open_existing(char *dir)
{
	for (;;) {
		int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		char *slash = strrchr(dir, '/');

		if (fd >= 0 || errno != ENOENT || !slash || slash == dir)
			return fd;
		*slash = '\0';
	}
}

/* A file without a name: nothing is left, whatever happens. Some file systems cannot. */
static int nameless(int dir, const char *path)
{
	int fd = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	char name[PATH_MAX];

	if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
		return fd;
	if (snprintf(name, sizeof(name), "%s/.ch-check.XXXXXX", path) >= (int)sizeof(name))
		return -1;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	return fd;
}

static bool can_clone(int from, int to)
{
	static const char page[4096] = "charlie";

	return write(from, page, sizeof(page)) == (ssize_t)sizeof(page) && fsync(from) == 0 &&
	       ioctl(to, FICLONE, from) == 0;
}

/* What can be done on the file system of directory DIR, PLACE? */
static void try_it(int dir, const char *place, struct ch_finding *f)
{
	ch_auto(fd) int from = nameless(dir, place);
	ch_auto(fd) int to = from < 0 ? -1 : nameless(dir, place);
	struct statvfs fs;

	if (to < 0)
		ch_found_no(f, remedy, "make a file in '%s': %s", place, strerror(errno));
	else if (fstatvfs(dir, &fs) < 0)
		ch_found_no(f, remedy, "look at '%s': %s", place, strerror(errno));
	else if (fs.f_flag & ST_NOEXEC)
		ch_found_no(f, remedy, "'%s' is mounted noexec: programs there cannot be executed",
			    place);
	else if (fsetxattr(from, "user.charlie", "x", 1, 0) < 0)
		ch_found_limited(f, remedy, "no user attributes in '%s': %s", place,
				 strerror(errno));
	else
		ch_found_ok(
			f, "'%s'%s", place,
			can_clone(from, to)
				? ", can share blocks between copies (reflink)"
				: ", without shared blocks (reflink): copies cost time and space");
}

void ch_look_storage(const struct ch_site *site, struct ch_finding *f)
{
	char storage[PATH_MAX], place[PATH_MAX];
	struct ch_err err;

	(void)site;
	if (!find_place(storage, f))
		return;
	memcpy(place, storage, sizeof(place));

	ch_auto(fd) int dir = open_existing(place);

	if (dir < 0)
		ch_found_no(f, remedy, "open '%s': %s", place, strerror(errno));
	else if (ch_storage_check(storage, &err) < 0)
		ch_found_no(f, remedy, "'%s' cannot be used: %s", storage, err.msg);
	else
		try_it(dir, place, f);
}
