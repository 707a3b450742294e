/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/temp.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "sys/write.h"

#define TRIES 100

int ch_temp_open(int dir, const char *prefix, mode_t mode, char name[CH_TEMP_NAME],
		 struct ch_err *err)
{
	for (int i = 0; i < TRIES; i++) {
		uint64_t number;
		struct stat st;

		if (getrandom(&number, sizeof(number), 0) < 0)
			return ch_err_sys(err, "random number");
		snprintf(name, CH_TEMP_NAME, "%s%012llx", prefix,
			 (unsigned long long)number & 0xffffffffffff);

		ch_auto(fd) int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);

		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return ch_err_sys(err, "make a file");
		/* Somebody who cleans up may be faster than our lock. */
		if (flock(fd, LOCK_EX | LOCK_NB) == 0 && fstat(fd, &st) == 0 && st.st_nlink > 0)
			return ch_take_fd(&fd);
	}
	return ch_err_set(err, -EEXIST, "make a file: others remove it");
}

int ch_temp_dead(int dir, const char *name)
{
	ch_auto(fd) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat ours, now;

	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -1;
	/* It may have been renamed, and another one have its name. */
	if (fstat(fd, &ours) < 0 || fstatat(dir, name, &now, AT_SYMLINK_NOFOLLOW) < 0 ||
	    ours.st_ino != now.st_ino || ours.st_dev != now.st_dev)
		return -1;
	return ch_take_fd(&fd);
}

int ch_temp_replace(int dir, const char *prefix, int to_dir, const char *name, const void *data,
		    size_t len, struct ch_err *err)
{
	char temp[CH_TEMP_NAME];
	ch_auto(fd) int fd = ch_temp_open(dir, prefix, 0666, temp, err);

	if (fd < 0)
		return fd;

	int rc = ch_write_all(fd, data, len);

	if (rc == 0 && fdatasync(fd) < 0)
		rc = -errno;
	if (rc == 0 && renameat(dir, temp, to_dir, name) < 0)
		rc = -errno;
	if (rc < 0) {
		unlinkat(dir, temp, 0);
		return ch_err_rc(err, rc, "write '%s'", name);
	}
	return 0;
}
