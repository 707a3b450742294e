/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_unpack_tar - archives, unpacked into a directory of their own */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/read.h"
#include "archive/unpack.h"
#include "base/auto.h"
#include "base/err.h"
#include "sys/rmtree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int memory(const uint8_t *data, size_t size)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) < 0)
		abort();
	return fd;
}

/* Unpack into PLACE/root; beside it nothing may appear. */
static void unpack(int place, const uint8_t *data, size_t size, bool strip_top)
{
	ch_auto(fd) int fd = memory(data, size);
	ch_auto(fd) int root = -1;
	struct ch_archive_got got;
	struct ch_err err;

	if (mkdirat(place, "root", 0755) < 0)
		abort();
	root = openat(place, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	struct ch_unpack how = { .root = root, .strip_top = strip_top, .skip_dev = true };

	(void)ch_archive_is_tar(fd);
	(void)ch_unpack_archive(fd, "fuzz", &how, &got, &err);
	if (ch_rmtree(place, "root", &err) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rlimit limit = { 1 << 24, 1 << 24 };
	char path[] = "/tmp/fuzz_unpack_tar.XXXXXX";

	/* Bombs are the disk's affair. */
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0 || !mkdtemp(path))
		abort();

	ch_auto(fd) int place = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	unpack(place, data, size, false);
	unpack(place, data, size, true);
	if (rmdir(path) < 0)
		abort();
	return 0;
}
