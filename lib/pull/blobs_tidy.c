/* SPDX-License-Identifier: Apache-2.0 */
/* blobs_tidy.c - what of the download cache nobody has used for long */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "hash/hash.h"
#include "pull/blobs.h"
#include "sys/names.h"

#define NEVER ((time_t)INT64_MIN)

static bool is_blob(const char *name)
{
	return strlen(name) == CH_SHA256_HEX - 1 &&
	       strspn(name, "0123456789abcdef") == CH_SHA256_HEX - 1;
}

static void add(struct ch_blobs_sum *sum, const struct stat *st)
{
	sum->files++;
	sum->bytes += (uint64_t)st->st_size;
}

/* The names in the directory NAME of DIR; none, if that is not there. */
static int read_names(int dir, const char *name, struct ch_names *ret, struct ch_err *err)
{
	ch_auto(fd) int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int rc = fd < 0 ? -errno : ch_names_read(fd, ret);

	return rc < 0 && rc != -ENOENT ? ch_err_rc(err, rc, "download cache: read it") : 0;
}

/* Sort the blobs into those whose last use was before LIMIT, which are removed, and the others. */
static int sift_blobs(int dir, time_t limit, struct ch_blobs_sum *gone, struct ch_blobs_sum *left,
		      struct ch_err *err)
{
	ch_auto(names) struct ch_names names = { 0 };

	if (read_names(dir, ".", &names, err) < 0)
		return err->code;
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.list[i];
		struct stat st;

		if (!is_blob(name) || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		add(st.st_mtime < limit && unlinkat(dir, name, 0) == 0 ? gone : left, &st);
	}
	return 0;
}

static int drop_refs(int dir, time_t limit, struct ch_err *err)
{
	ch_auto(names) struct ch_names names = { 0 };

	if (read_names(dir, CH_BLOBS_REF, &names, err) < 0)
		return err->code;
	for (size_t i = 0; i < names.n; i++) {
		char path[sizeof(CH_BLOBS_REF) + NAME_MAX + 1];
		struct stat st;

		snprintf(path, sizeof(path), CH_BLOBS_REF "/%s", names.list[i]);
		if (fstatat(dir, path, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime < limit)
			(void)unlinkat(dir, path, 0);
	}
	return 0;
}

int ch_blobs_tidy(const struct ch_blobs *blobs, unsigned days, struct ch_blobs_sum *ret_gone,
		  struct ch_blobs_sum *ret_left, struct ch_err *err)
{
	const time_t limit = time(NULL) - (time_t)days * 24 * 60 * 60;

	*ret_gone = *ret_left = (struct ch_blobs_sum){ 0 };
	if (sift_blobs(blobs->dir, limit, ret_gone, ret_left, err) < 0)
		return err->code;
	return drop_refs(blobs->dir, limit, err);
}

int ch_blobs_count(const struct ch_blobs *blobs, struct ch_blobs_sum *ret_sum, struct ch_err *err)
{
	struct ch_blobs_sum none = { 0 };

	*ret_sum = none;
	return sift_blobs(blobs->dir, NEVER, &none, ret_sum, err);
}
