/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/names.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/analyser.h"
#include "base/auto.h"

void ch_names_done(struct ch_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->list[i]);
	free(names->list);
	*names = (struct ch_names){ 0 };
}

CH_MOVES_BEGIN
static int add(struct ch_names *names, const char *name)
{
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	if (names->n == names->cap) {
		size_t cap = names->cap ? 2 * names->cap : 64;
		void *list = reallocarray(names->list, cap, sizeof(*names->list));

		if (!list)
			return -ENOMEM;
		names->list = list;
		names->cap = cap;
	}

	char *copy = strdup(name);

	if (!copy)
		return -ENOMEM;
	names->list[names->n++] = copy;
	return 0;
}
CH_MOVES_END

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Without a stream: an image has thousands of directories. */
int ch_names_read(int fd, struct ch_names *ret_names)
{
	_Alignas(struct dirent64) char room[16384];
	ch_auto(names) struct ch_names names = { 0 };
	ssize_t len;

	while ((len = getdents64(fd, room, sizeof(room))) != 0) {
		if (len < 0)
			return -errno;
		for (char *p = room; p < room + len;) {
			const struct dirent64 *entry = (struct dirent64 *)(void *)p;

			if (add(&names, entry->d_name) < 0)
				return -ENOMEM;
			p += entry->d_reclen;
		}
	}
	if (names.n)
		qsort(names.list, names.n, sizeof(*names.list), by_bytes);
	*ret_names = ch_take(names);
	return 0;
}

int ch_names_list(int dir, struct ch_names *ret_names)
{
	ch_auto(fd) int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : ch_names_read(fd, ret_names);
}

static bool is_among(const char *name, const char *const *names)
{
	while (*names && strcmp(name, *names) != 0)
		names++;
	return *names;
}

bool ch_names_has_only(int dir, const char *const *except)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ch_auto(dir) DIR *stream = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!stream) {
		ch_close(&copy);
		return false;
	}
	while ((entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    !is_among(entry->d_name, except))
			return false;
	return true;
}

bool ch_names_is(int dir, const char *name, int fd)
{
	struct stat ours, now;

	return fstat(fd, &ours) == 0 && fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_ino == now.st_ino && ours.st_dev == now.st_dev;
}
