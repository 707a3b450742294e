/* SPDX-License-Identifier: Apache-2.0 */
#include "store/about.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
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
	char part[16384], *text = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	while (!ch_buf_bad(&buf) && (n = read(fd, part, sizeof(part))) > 0)
		ch_buf_add(&buf, part, (size_t)n);
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

/* Make NAME, a directory (MODE with S_IFDIR) or an empty file, in the image's directory DIR. What
 * is there by that name, a link that leads nowhere included, is left alone. */
static int make_point(int root, const char *dir, const char *name, mode_t mode, struct ch_err *err)
{
	ch_auto(fd) int at = ch_open_in_root(root, dir, O_PATH | O_DIRECTORY);
	ch_auto(fd) int file = -1;
	int rc;

	if (at < 0)
		return ch_err_rc(err, at, "mount point '%s/%s'", dir, name);
	if (S_ISDIR(mode))
		rc = mkdirat(at, name, mode & 07777);
	else
		rc = file = openat(at, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (rc < 0 && errno != EEXIST)
		return ch_err_sys(err, "mount point '%s/%s'", dir, name);
	return 0;
}

int ch_about_mount_points(int root, struct ch_err *err)
{
	static const struct {
		const char *dir, *name;
		mode_t mode;
	} points[] = {
		{ "/", "bin", S_IFDIR | 0755 },	 { "/", "dev", S_IFDIR | 0755 },
		{ "/", "etc", S_IFDIR | 0755 },	 { "/", "mnt", S_IFDIR | 0755 },
		{ "/", "proc", S_IFDIR | 0755 }, { "/", "sys", S_IFDIR | 0755 },
		{ "/", "tmp", S_IFDIR | 0755 },	 { "/", "usr", S_IFDIR | 0755 },
		{ "/etc", "hosts", 0644 },	 { "/etc", "resolv.conf", 0644 },
	};
	char digit[2] = "0";

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		if (make_point(root, points[i].dir, points[i].name, points[i].mode, err) < 0)
			return err->code;
	for (; digit[0] <= '9'; digit[0]++)
		if (make_point(root, "/mnt", digit, S_IFDIR | 0755, err) < 0)
			return err->code;
	return 0;
}
