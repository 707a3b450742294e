/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/rmtree.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "sys/mnt.h"

/* No recursion: a directory in a directory of the top is moved into the top, so that the tree
 * gets flat while it is removed. Two directories are open at a time, however deep it is. */
struct top {
	int fd;
	unsigned long moved; /* names of what was moved: numbers */
	void (*each)(void *data);
	void *data;
};

static int open_plain(int dir, const char *name, int flags)
{
	struct open_how how = {
		.flags = (__u64)(flags | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
	};

	return (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
}

/* Give the user all rights to the directory NAME of DIR. chmod(2) would follow a link. */
static int allow(int dir, const char *name)
{
	char path[CH_FD_PATH_MAX];
	ch_auto(fd) int fd = open_plain(dir, name, O_PATH);

	return fd < 0 ? -1 : chmod(ch_fd_path(fd, path), S_IRWXU);
}

/* Open the directory NAME of DIR for reading and changing. Returns it, or NULL. */
static DIR *open_dir(int dir, const char *name)
{
	ch_auto(fd) int fd = open_plain(dir, name, O_RDONLY);
	struct stat st;

	if (fd < 0 && errno == EACCES && allow(dir, name) == 0)
		fd = open_plain(dir, name, O_RDONLY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return NULL;
	if ((st.st_mode & S_IRWXU) != S_IRWXU && fchmod(fd, S_IRWXU) < 0)
		return NULL;

	DIR *stream = fdopendir(fd);

	if (stream)
		ch_take_fd(&fd);
	return stream;
}

/* Move the directory NAME of DIR into the top. */
static int move_up(struct top *top, int dir, const char *name)
{
	bool is_allowed = false;
	char number[24];

	for (;;) {
		snprintf(number, sizeof(number), "%lu", top->moved);
		if (renameat(dir, name, top->fd, number) == 0)
			return 0;
		if (errno == EACCES && !is_allowed) {
			/* Its entry ".." is changed: so it must be writable. */
			is_allowed = true;
			if (allow(dir, name) < 0)
				return -1;
		} else if (errno != ENOTEMPTY && errno != EEXIST && errno != ENOTDIR) {
			return -1;
		} else {
			top->moved++; /* taken */
		}
	}
}

static int is_gone(const struct top *top)
{
	if (top->each)
		top->each(top->data);
	return 0;
}

/* Remove the entry of the open directory STREAM; if that is a directory, do that by DIRECTORY.
 * Linux says EISDIR, POSIX EPERM. */
static int remove_entry(DIR *stream, const struct dirent *entry, struct top *top,
			int (*directory)(struct top *top, int dir, const char *name))
{
	if (entry->d_type != DT_DIR) {
		if (unlinkat(dirfd(stream), entry->d_name, 0) == 0 || errno == ENOENT)
			return is_gone(top);
		if (errno != EISDIR && errno != EPERM)
			return -1;
	}
	return directory(top, dirfd(stream), entry->d_name);
}

/* Remove all that is in STREAM, once through. Returns the number of entries, or -1. */
static long empty(DIR *stream, struct top *top,
		  int (*directory)(struct top *top, int dir, const char *name))
{
	const struct dirent *entry;
	long n = 0;

	rewinddir(stream);
	while (errno = 0, (entry = readdir(stream))) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		if (remove_entry(stream, entry, top, directory) < 0)
			return -1;
		n++;
	}
	return errno ? -1 : n;
}

/* Empty STREAM and remove it, as NAME of DIR. What is removed, or added, while a directory is
 * read may make readdir(3) skip some: so it is read again until it is empty. */
static int dissolve(DIR *stream, int dir, const char *name, struct top *top,
		    int (*directory)(struct top *top, int dir, const char *name))
{
	for (;;) {
		long n = empty(stream, top, directory);

		if (n < 0)
			return -1;
		if (unlinkat(dir, name, AT_REMOVEDIR) == 0)
			return is_gone(top);
		if ((errno != ENOTEMPTY && errno != EEXIST) || n == 0)
			return -1;
	}
}

/* A directory of the top. */
static int remove_dir(struct top *top, int dir, const char *name)
{
	ch_auto(dir) DIR *stream = open_dir(dir, name);

	return stream ? dissolve(stream, dir, name, top, move_up) : -1;
}

int ch_rmtree_each(int dir, const char *name, void (*each)(void *data), void *data,
		   struct ch_err *err)
{
	if (unlinkat(dir, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return ch_err_sys(err, "remove '%s'", name);

	ch_auto(dir) DIR *stream = open_dir(dir, name);

	if (!stream)
		return ch_err_sys(err, "remove directory '%s': open it", name);

	struct top top = { .fd = dirfd(stream), .each = each, .data = data };

	if (dissolve(stream, dir, name, &top, remove_dir) < 0)
		return ch_err_sys(err, "remove directory '%s'", name);
	return 0;
}

int ch_rmtree(int dir, const char *name, struct ch_err *err)
{
	return ch_rmtree_each(dir, name, NULL, NULL, err);
}
