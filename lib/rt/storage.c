/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/path.h"
#include "base/text.h"
#include "sys/mnt.h"

enum { TRIES = 100 };

struct store {
	char *path;	    /* as given, or the default */
	int top, img;	    /* the directory, and its img; -1: not there, or not to be used */
	struct ch_err why;  /* not to be used */
	bool is_suspicious; /* so it is */
};

static void ch_auto_store(struct store *s)
{
	free(s->path);
	if (s->top >= 0)
		close(s->top);
	if (s->img >= 0)
		close(s->img);
}

bool ch_storage_may_name(const char *image)
{
	return image[0] && image[0] != '/' && image[0] != '.';
}

int ch_storage_default(char **ret_path, struct ch_err *err)
{
	const struct passwd *pw = getpwuid(geteuid());

	*ret_path = NULL;
	if (pw && asprintf(ret_path, "/var/tmp/%s.ch", pw->pw_name) < 0) {
		*ret_path = NULL;
		return ch_err_nomem(err);
	}
	return 0;
}

/* What is wrong with NAME below DIR, which cannot be opened as a directory? */
static int not_a_directory(int dir, const char *name, struct ch_err *why)
{
	int code = errno;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && !S_ISDIR(st.st_mode))
		return ch_err_set(why, -ENOTDIR, "it is %s",
				  S_ISLNK(st.st_mode) ? "a symbolic link" : "not a directory");
	return ch_err_set(why, -code, "%s", strerrordesc_np(code));
}

int ch_storage_open_own(int dir, const char *name, struct ch_err *why)
{
	ch_auto(fd) int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : not_a_directory(dir, name, why);
	if (fstat(fd, &st) < 0)
		return ch_err_sys(why, "look at it");
	if (st.st_uid != geteuid())
		return ch_err_set(why, -EPERM, "it belongs to user %u, not to you (%u)", st.st_uid,
				  geteuid());
	if (st.st_mode & (S_IWGRP | S_IWOTH))
		return ch_err_set(why, -EPERM,
				  "others may write to it (mode %04o); chmod go-w makes it yours",
				  st.st_mode & 07777);
	return ch_take_fd(&fd);
}

/* Open it, if it is there and may be used. */
static void open_store(struct store *s)
{
	size_t n = strlen(s->path);
	int rc;

	/* A slash at the end would make the kernel follow a link. */
	while (n > 1 && s->path[n - 1] == '/')
		s->path[--n] = '\0';
	rc = s->top = ch_storage_open_own(AT_FDCWD, s->path, &s->why);
	if (rc >= 0) {
		rc = s->img = ch_storage_open_own(s->top, "img", &s->why);
		if (rc < 0 && rc != -ENOENT)
			ch_err_in(&s->why, "its directory img");
	}
	s->is_suspicious = rc < 0 && rc != -ENOENT;
}

int ch_storage_check(const char *path, struct ch_err *err)
{
	ch_auto(store) struct store s = { .path = strdup(path), .top = -1, .img = -1 };

	if (!s.path)
		return ch_err_nomem(err);
	open_store(&s);
	if (s.is_suspicious)
		*err = s.why;
	return s.is_suspicious ? err->code : 0;
}

static int prepare(const struct ch_request *req, struct store *s, struct ch_err *err)
{
	if (ch_text_copy(req->storage, &s->path, err) < 0)
		return err->code;
	if (!s->path && (req->name || req->write == CH_WRITE_IMAGE) &&
	    ch_storage_default(&s->path, err) < 0)
		return err->code;
	if (!s->path)
		return 0;
	open_store(s);
	if (s->is_suspicious && req->storage)
		return ch_err_set(err, s->why.code, "storage '%s' cannot be used: %s", s->path,
				  s->why.msg);
	return 0;
}

/* NAME as a file's name. False if it is too long for one. */
static bool escape(const char *name, char out[NAME_MAX + 1])
{
	if (strlen(name) > NAME_MAX)
		return false;
	snprintf(out, NAME_MAX + 1, "%s", name);
	for (char *p = out; *p; p++)
		*p = *p == '/' ? '%' : *p == ':' ? '+' : *p;
	return true;
}

/* Who reads an image has a lock on its directory, as long as that is open: or else ch-image may use
 * its files for another one, once it is replaced (store/store.h). Returns false if it was replaced
 * just now. Where there are no locks, nobody takes files either. */
static bool hold(const struct store *s, const char *file, int fd)
{
	struct stat ours, now;

	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return errno != EWOULDBLOCK;
	return fstat(fd, &ours) < 0 || fstatat(s->img, file, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
	       (ours.st_ino == now.st_ino && ours.st_dev == now.st_dev);
}

/* An image may be replaced while we are at it, but not many times. */
static int open_held(const struct store *s, const char *file)
{
	for (int i = 1;; i++) {
		ch_auto(fd) int fd = openat(s->img, file, CH_IMAGE_OPEN);

		if (fd < 0)
			return -errno;
		if (hold(s, file, fd) || i == TRIES)
			return ch_take_fd(&fd);
	}
}

/* Open the image NAME in storage. Returns the descriptor, with the path, or -ENOENT. */
static int open_named(const struct store *s, const char *name, char **ret_path, struct ch_err *err)
{
	char file[NAME_MAX + 1];

	if (s->is_suspicious || s->img < 0 || !escape(name, file))
		return -ENOENT;
	if (asprintf(ret_path, "%s/img/%s", s->path, file) < 0) {
		*ret_path = NULL;
		return ch_err_nomem(err);
	}

	int fd = open_held(s, file);

	return fd < 0 && fd != -ENOENT ? ch_err_rc(err, fd, "image '%s'", *ret_path) : fd;
}

/* Open the path. Where a name was looked for in vain, or not looked for, that is told, too. */
static int open_path(const struct ch_request *req, const struct store *s, struct ch_err *err)
{
	int fd = open(req->image, CH_IMAGE_OPEN);

	if (fd >= 0)
		return fd;
	ch_err_sys(err, "image '%s'", req->image);
	if (err->code == -ENOENT && req->name && s->is_suspicious)
		return ch_err_set(err, -ENOENT, "image '%s': %s; storage '%s' was not used: %s",
				  req->image, strerrordesc_np(ENOENT), s->path, s->why.msg);
	if (err->code == -ENOENT && req->name && s->top >= 0)
		return ch_err_set(err, -ENOENT,
				  "image '%s': %s, nor an image of that name in storage '%s'",
				  req->image, strerrordesc_np(ENOENT), s->path);
	return err->code;
}

/* Does the open file or directory FD lie in the directory DIR? */
static bool is_in(int fd, int dir)
{
	char link[CH_FD_PATH_MAX], path[PATH_MAX], top[PATH_MAX];
	ssize_t n = readlink(ch_fd_path(fd, link), path, sizeof(path) - 1);
	ssize_t m = readlink(ch_fd_path(dir, link), top, sizeof(top) - 1);

	if (n < 0 || m < 0)
		return true; /* whatever it is: better not changed */
	path[n] = top[m] = '\0';
	return ch_path_is_below(path, top);
}

static int check_write(const struct ch_request *req, const struct store *s, int fd,
		       struct ch_err *err)
{
	if (req->write != CH_WRITE_IMAGE || req->unsafe || s->is_suspicious || s->top < 0 ||
	    !is_in(fd, s->top))
		return 0;
	return ch_err_set(err, -EROFS,
			  "image '%s' is in the storage of ch-image, and not to be changed; "
			  "changes that are lost in the end: --write-fake",
			  req->image);
}

int ch_storage_find(struct ch_request *req, struct ch_image *ret_image, struct ch_err *err)
{
	ch_auto(store) struct store s = { .top = -1, .img = -1 };
	ch_auto(str) char *path = NULL;
	int rc = prepare(req, &s, err);

	if (rc < 0)
		return rc;

	ch_auto(fd) int fd = req->name ? open_named(&s, req->name, &path, err) : -ENOENT;

	if (fd >= 0) {
		free(req->image);
		req->image = ch_take(path);
	} else if (fd == -ENOENT) {
		fd = open_path(req, &s, err);
	}
	if (fd < 0)
		return err->code;
	if (check_write(req, &s, fd, err) < 0)
		return err->code;
	return ch_image_take(ch_take_fd(&fd), req->image, ret_image, err);
}
