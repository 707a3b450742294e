/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/skel.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/path.h"
#include "rt/mirror.h"
#include "rt/plan.h"
#include "sys/mnt.h"

/* The path of DIR as seen from ROOT, without links; "" is the root itself. */
static int canonical(int root, int dir, char out[PATH_MAX], struct ch_err *err)
{
	char link[CH_FD_PATH_MAX], top[PATH_MAX], path[PATH_MAX];
	ssize_t n = readlink(ch_fd_path(root, link), top, sizeof(top) - 1);
	ssize_t m = readlink(ch_fd_path(dir, link), path, sizeof(path) - 1);

	if (n < 0 || m < 0)
		return ch_err_sys(err, "find a directory of the image");
	top[n] = path[m] = '\0';
	if (strncmp(path, top, (size_t)n) != 0)
		return ch_err_set(err, -EXDEV, "'%s' is outside the image", path);
	memcpy(out, path + n, (size_t)(m - n) + 1);
	return 0;
}

static int note(struct ch_skel *skel, const char *anchor, const char *rest, bool is_dir,
		struct ch_err *err)
{
	struct ch_missing *list = realloc(skel->list, (skel->n + 1) * sizeof(*list));

	if (!list)
		return ch_err_nomem(err);
	skel->list = list;
	list[skel->n] = (struct ch_missing){ .anchor = strdup(anchor),
					     .rest = strdup(rest),
					     .is_dir = is_dir };
	skel->n++;
	if (!list[skel->n - 1].anchor || !list[skel->n - 1].rest)
		return ch_err_nomem(err);
	return 0;
}

int ch_skel_check(struct ch_skel *skel, const struct ch_place *place, const char *dst, bool is_dir,
		  struct ch_err *err)
{
	char path[PATH_MAX], anchor[PATH_MAX];
	size_t len = strlen(dst), cut = len;

	if (len >= sizeof(path))
		return ch_err_set(err, -ENAMETOOLONG, "mount point '%.80s…' is too long", dst);
	if (strstr(dst, "/../") || (len >= 3 && strcmp(dst + len - 3, "/..") == 0))
		return ch_err_set(err, -EINVAL, "mount point '%s' contains '..'", dst);
	memcpy(path, dst, len + 1);
	for (;;) {
		ch_auto(fd) int fd = ch_open_in_root(place->root, cut ? path : "/",
						     O_PATH | (cut < len ? O_DIRECTORY : 0));

		if (fd >= 0 && cut == len)
			return 0;
		if (fd >= 0) {
			if (canonical(place->root, fd, anchor, err) < 0)
				return err->code;
			return note(skel, anchor, dst + cut + strspn(dst + cut, "/"), is_dir, err);
		}
		if (fd != -ENOENT)
			return ch_err_rc(err, fd, "mount point '%s' in the image", dst);
		while (cut > 0 && path[cut - 1] != '/')
			cut--;
		while (cut > 0 && path[cut - 1] == '/')
			cut--;
		path[cut] = '\0';
	}
}

/* The mode of PATH in directory DIR, or 0755 if it is not there. By ch_open_in_root: what
 * was a directory when it was looked at may be a link to the host by now. */
static mode_t mode_of(int dir, const char *path)
{
	ch_auto(fd) int fd = ch_open_in_root(dir, path, O_PATH | O_NOFOLLOW);
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		return st.st_mode & 07777;
	return 0755;
}

/* An empty file NAME in directory DIR, if there is none. Nothing is opened: a FIFO that
 * somebody puts there meanwhile would make us wait. */
static int make_file(int dir, const char *name)
{
	return mknodat(dir, name, S_IFREG | 0644, 0) < 0 && errno != EEXIST ? -errno : 0;
}

/* Directory NAME in DIR, made if it is not there; links are not followed. Returns a
 * descriptor or a negative errno. */
static int make_dir(int dir, const char *name, mode_t mode)
{
	if (mkdirat(dir, name, 0755) < 0 && errno != EEXIST)
		return -errno;

	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (mode != 0755)
		fchmod(fd, mode);
	return fd;
}

/* Make PATH below INTO, with the modes that its existing parts have below LIKE (-1: no
 * such parts). What exists is left alone. */
static int make_path(int into, int like, const char *path, bool is_dir, struct ch_err *err)
{
	ch_auto(fd) int dir = dup(into);
	char part[PATH_MAX], name[NAME_MAX + 1];

	for (size_t n = 0; path[n];) {
		size_t len = strcspn(path + n, "/"), end = n + len;
		size_t next = end + strspn(path + end, "/");
		int rc;

		if (len > NAME_MAX || end >= sizeof(part))
			return ch_err_set(err, -ENAMETOOLONG, "mount point '%.80s…' is too long",
					  path);
		snprintf(name, sizeof(name), "%.*s", (int)len, path + n);
		snprintf(part, sizeof(part), "%.*s", (int)end, path);
		if (path[next] == '\0' && !is_dir)
			rc = make_file(dir, name);
		else
			rc = make_dir(dir, name, like < 0 ? 0755 : mode_of(like, part));
		if (rc < 0)
			return ch_err_rc(err, rc, "make mount point '%s'", path);
		if (rc > 0) {
			close(dir);
			dir = rc;
		}
		n = next;
	}
	return 0;
}

/* Where something is put for entry I: on the highest of all anchors above it, whose overlay
 * serves both; but a mirror serves its own anchor only. */
static const char *top_of(const struct ch_skel *skel, unsigned i)
{
	const char *top = skel->list[i].anchor;

	for (unsigned k = 0; k < skel->n && !skel->list[i].has_mounts; k++)
		if (!skel->list[k].has_mounts && ch_path_is_below(top, skel->list[k].anchor))
			top = skel->list[k].anchor;
	return top;
}

/* A directory NAME in the scaffold, with the mode of LIKE. Returns a descriptor. */
static int scaffold_dir(const struct ch_place *place, const char *name, int like,
			struct ch_err *err)
{
	struct stat st;

	if (mkdirat(place->scaffold, name, 0755) < 0)
		return ch_err_sys(err, "make directory '%s'", name);

	int fd = openat(place->scaffold, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return ch_err_sys(err, "open directory '%s'", name);
	if (like >= 0 && fstat(like, &st) == 0)
		fchmod(fd, st.st_mode & 07777);
	return fd;
}

/* Fill the skeleton of the overlay on TOP, which is open as LIKE. */
static int fill(const struct ch_skel *skel, const char *top, int into, int like, struct ch_err *err)
{
	for (unsigned i = 0; i < skel->n; i++) {
		const struct ch_missing *m = &skel->list[i];
		char path[2 * PATH_MAX];

		if (!ch_path_is_below(m->anchor, top))
			continue;

		const char *middle = m->anchor + strlen(top);

		snprintf(path, sizeof(path), "%s%s%s", middle + strspn(middle, "/"),
			 *middle ? "/" : "", m->rest);
		if (make_path(into, like, path, m->is_dir, err) < 0)
			return err->code;
	}
	return 0;
}

int ch_skel_reopen(struct ch_place *place, struct ch_err *err)
{
	int fd = openat(place->scaffold, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return ch_err_sys(err, "open the container's root");
	close(place->root);
	place->root = fd;
	return 0;
}

static int put_overlay(const struct ch_skel *skel, struct ch_place *place, const char *top,
		       unsigned number, struct ch_err *err)
{
	char name[16];
	ch_auto(fd) int like = ch_open_in_root(place->root, *top ? top : "/", O_PATH | O_DIRECTORY);

	snprintf(name, sizeof(name), "skel%u", number);
	if (like < 0)
		return ch_err_rc(err, like, "open '%s' in the image", top);

	ch_auto(fd) int into = scaffold_dir(place, name, like, err);

	if (into < 0 || fill(skel, top, into, like, err) < 0)
		return err->code;

	struct ch_overlay o = {
		.target = like, .lower1 = into, .lower2 = like, .upper = -1, .work = -1
	};

	if (ch_mnt_overlay(&o, err) < 0)
		return err->code;
	return *top ? 0 : ch_skel_reopen(place, err);
}

/* Put on TOP what entry I needs there. */
static int put_on(const struct ch_skel *skel, struct ch_place *place, const char *top, unsigned i,
		  struct ch_err *err)
{
	if (skel->list[i].has_mounts)
		return ch_mirror_points(skel, place, top, err);
	return put_overlay(skel, place, top, i, err);
}

/* One overlay on the root: skeleton and image below a writable layer on a tmpfs. */
static int mount_fake(const struct ch_skel *skel, struct ch_place *place, const struct ch_op *fake,
		      struct ch_err *err)
{
	char opts[64], path[CH_FD_PATH_MAX];
	ch_auto(fd) int into = skel->n ? scaffold_dir(place, "skel", place->root, err) : -1;
	ch_auto(fd) int point = scaffold_dir(place, "fake", -1, err);

	if ((skel->n && into < 0) || point < 0)
		return err->code;
	if (skel->n && fill(skel, "", into, place->root, err) < 0)
		return err->code;
	snprintf(opts, sizeof(opts), "mode=0755,size=%s", fake->text);
	if (mount("tmpfs", ch_fd_path(point, path), "tmpfs", MS_NOSUID | MS_NODEV, opts) < 0)
		return ch_err_sys(err, "mount a tmpfs of size '%s'", fake->text);
	if (mkdirat(place->scaffold, "fake/upper", 0755) < 0 ||
	    mkdirat(place->scaffold, "fake/work", 0755) < 0)
		return ch_err_sys(err, "make a writable layer");

	ch_auto(fd) int upper = openat(place->scaffold, "fake/upper", O_RDONLY | O_CLOEXEC);
	ch_auto(fd) int work = openat(place->scaffold, "fake/work", O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (upper < 0 || work < 0 || fstat(place->root, &st) < 0 ||
	    fchmod(upper, st.st_mode & 07777) < 0)
		return ch_err_sys(err, "make a writable layer");

	struct ch_overlay o = { .target = place->root,
				.lower1 = into,
				.lower2 = place->root,
				.upper = upper,
				.work = work };

	if (ch_mnt_overlay(&o, err) < 0)
		return ch_err_in(err, "writable layer");
	return ch_skel_reopen(place, err);
}

int ch_skel_fill(const struct ch_skel *skel, const char *top, int into, struct ch_err *err)
{
	for (unsigned i = 0; i < skel->n; i++)
		if (strcmp(skel->list[i].anchor, top) == 0 &&
		    make_path(into, -1, skel->list[i].rest, skel->list[i].is_dir, err) < 0)
			return err->code;
	return 0;
}

int ch_skel_mount(struct ch_skel *skel, struct ch_place *place, const struct ch_op *fake,
		  struct ch_err *err)
{
	if (fake)
		return mount_fake(skel, place, fake, err);
	/* All of them before the first mount: ours are not meant. */
	for (unsigned i = 0; i < skel->n; i++)
		skel->list[i].has_mounts = ch_mirror_is_needed(place, skel->list[i].anchor);
	for (unsigned i = 0; i < skel->n; i++) {
		const char *top = top_of(skel, i);
		bool is_done = false;

		for (unsigned k = 0; k < i; k++)
			is_done = is_done || strcmp(top_of(skel, k), top) == 0;
		if (!is_done && put_on(skel, place, top, i, err) < 0)
			return ch_err_in(err, "mount points missing in the image's '%s'",
					 *top ? top : "/");
	}
	return 0;
}

int ch_skel_mkdir(const struct ch_skel *skel, const struct ch_place *place, struct ch_err *err)
{
	for (unsigned i = 0; i < skel->n; i++) {
		const struct ch_missing *m = &skel->list[i];
		ch_auto(fd) int dir = ch_open_in_root(place->root, *m->anchor ? m->anchor : "/",
						      O_RDONLY | O_DIRECTORY);
		struct stat st;

		if (dir < 0)
			return ch_err_rc(err, dir, "open '%s' in the image", m->anchor);
		if (skel->only && (fstat(dir, &st) < 0 || st.st_dev != skel->only))
			continue;
		if (make_path(dir, -1, m->rest, m->is_dir, err) < 0)
			return ch_err_in(err, "image directory '%s'", *m->anchor ? m->anchor : "/");
	}
	return 0;
}

void ch_skel_done(struct ch_skel *skel)
{
	for (unsigned i = 0; i < skel->n; i++) {
		free(skel->list[i].anchor);
		free(skel->list[i].rest);
	}
	free(skel->list);
	*skel = (struct ch_skel){ 0 };
}
