/* SPDX-License-Identifier: Apache-2.0 */
#include "store/about.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "json/json.h"
#include "sys/mnt.h"

enum { FILE_MAX = 1024 * 1024, OPEN_DIRS = 64 };

/* The whole file PATH of the image; NULL if that cannot be had. */
static char *read_file(int root, const char *path, size_t *ret_len)
{
	ch_auto(fd) int fd = ch_open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(FILE_MAX);
	char *text = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || ch_buf_read(&buf, fd) < 0)
		return NULL;
	*ret_len = buf.len;
	(void)ch_buf_take(&buf, &text);
	return text;
}

/* The text KEY of the object in the file PATH. */
static int read_key(int root, const char *path, const char *key, char **ret_text,
		    struct ch_err *err)
{
	ch_auto(json) struct ch_json *doc = NULL;
	size_t len = 0;
	ch_auto(str) char *text = read_file(root, path, &len);
	struct ch_err ignored;

	if (!text || ch_json_parse(text, len, &doc, &ignored) < 0)
		return 0;
	if (ch_text_copy(ch_json_text(ch_json_get(doc, key)), ret_text, err) < 0)
		return err->code;
	if (*ret_text)
		ch_text_one_line(*ret_text);
	return 0;
}

int ch_about_read(int root, struct ch_about *ret_about, struct ch_err *err)
{
	ch_auto(about) struct ch_about about = { 0 };
	struct stat st;

	if (fstat(root, &st) < 0)
		return ch_err_sys(err, "look at the image");
	about.changed = st.st_ctime;
	if (read_key(root, "/ch/metadata.json", "arch", &about.arch, err) < 0)
		return err->code;
	if (!about.arch &&
	    read_key(root, "/ch/config.pulled.json", "architecture", &about.arch, err) < 0)
		return err->code;
	*ret_about = ch_take(about);
	return 0;
}

/* nftw(3) has no place for it. A file of several names is counted once, in parts. */
static uint64_t sum;

static int add_size(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)path;
	(void)at;
	if (type != FTW_NS)
		sum += (uint64_t)st->st_blocks * 512 / (S_ISDIR(st->st_mode) ? 1 : st->st_nlink);
	return 0;
}

int ch_about_size(int root, struct ch_about *about, struct ch_err *err)
{
	char path[CH_FD_PATH_MAX + 2];

	sum = 0;
	/* With something behind it, so that the link is followed. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d/.", root);
	if (nftw(path, add_size, OPEN_DIRS, FTW_PHYS | FTW_MOUNT) < 0)
		return ch_err_sys(err, "look at the image's files");
	about->size = sum;
	return 0;
}

void ch_about_done(struct ch_about *about)
{
	free(about->arch);
	*about = (struct ch_about){ 0 };
}

/* ---- mount points -------------------------------------------------------------------------- */

#define DIR_POINT(path)                                                                            \
	{                                                                                          \
		path, S_IFDIR | 0755                                                               \
	}
#define FILE_POINT(path)                                                                           \
	{                                                                                          \
		path, S_IFREG | 0644                                                               \
	}

const struct ch_about_point ch_about_points[CH_ABOUT_POINTS + 1] = {
	DIR_POINT("bin"),
	DIR_POINT("dev"),
	DIR_POINT("etc"),
	DIR_POINT("mnt"),
	DIR_POINT("proc"),
	DIR_POINT("sys"),
	DIR_POINT("tmp"),
	DIR_POINT("usr"),
	FILE_POINT("etc/hosts"),
	FILE_POINT("etc/resolv.conf"),
	DIR_POINT("mnt/0"),
	DIR_POINT("mnt/1"),
	DIR_POINT("mnt/2"),
	DIR_POINT("mnt/3"),
	DIR_POINT("mnt/4"),
	DIR_POINT("mnt/5"),
	DIR_POINT("mnt/6"),
	DIR_POINT("mnt/7"),
	DIR_POINT("mnt/8"),
	DIR_POINT("mnt/9"),
	{ 0 },
};

/* What is there by that name, a link that leads nowhere included, is left alone; and so is what
 * such a link, or a file, would be the directory of. */
static int make_point(int root, const struct ch_about_point *point, struct ch_err *err)
{
	const char *slash = strchr(point->path, '/'), *name = slash ? slash + 1 : point->path;
	ch_auto(str) char *dir = slash ? strndup(point->path, (size_t)(slash - point->path))
				       : strdup("/");
	ch_auto(fd) int at = dir ? ch_open_in_root(root, dir, O_PATH | O_DIRECTORY) : -ENOMEM;
	ch_auto(fd) int file = -1;
	int rc;

	if (slash && (at == -ENOENT || at == -ENOTDIR || at == -ELOOP))
		return 0;
	if (at < 0)
		return ch_err_rc(err, at, "mount point '%s'", point->path);
	if (S_ISDIR(point->mode))
		rc = mkdirat(at, name, point->mode & 07777);
	else
		rc = file = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
				   point->mode & 07777);
	if (rc < 0 && errno != EEXIST)
		return ch_err_sys(err, "mount point '%s'", point->path);
	return 0;
}

int ch_about_mount_points(int root, struct ch_err *err)
{
	for (const struct ch_about_point *point = ch_about_points; point->path; point++)
		if (make_point(root, point, err) < 0)
			return err->code;
	return 0;
}
