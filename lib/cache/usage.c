/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/usage.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"

#define DEPTH_MAX 20

static uint64_t add_up(int dir, unsigned depth)
{
	ch_auto(fd) int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ch_auto(dir) DIR *d = fd < 0 ? NULL : fdopendir(fd);
	uint64_t bytes = 0;
	struct stat st;

	if (!d)
		return 0;
	ch_take_fd(&fd);
	for (struct dirent *entry; (entry = readdir(d));) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
		    fstatat(dirfd(d), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			continue;
		bytes += (uint64_t)st.st_blocks * 512;
		if (!S_ISDIR(st.st_mode) || depth == 0)
			continue;

		ch_auto(fd) int sub = openat(dirfd(d), entry->d_name,
					     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		bytes += sub < 0 ? 0 : add_up(sub, depth - 1);
	}
	return bytes;
}

uint64_t ch_usage(int dir)
{
	return add_up(dir, DEPTH_MAX);
}
