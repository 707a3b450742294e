/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_layer - an archive as two layers of one image, so that what it deletes is there */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/layer.h"
#include "archive/read.h"
#include "base/auto.h"
#include "base/err.h"
#include "hash/hash.h"
#include "sys/rmtree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int memory(const uint8_t *data, size_t size)
{
	int fd = memfd_create("layer", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	return fd;
}

static void apply_twice(int root, int fd)
{
	ch_auto(layers) struct ch_layers layers = { 0 };
	uint8_t diff_id[CH_SHA256_BYTES];
	const struct ch_archive layer = {
		.name = "fuzz",
		.fd = fd,
		.max = 1 << 24,
		.diff_id = diff_id,
	};
	struct ch_archive_got got;
	struct ch_err err;

	if (ch_layers_init(&layers, root, &err) < 0)
		abort();
	for (int i = 0; i < 2; i++)
		if (lseek(fd, 0, SEEK_SET) < 0 || ch_layers_apply(&layers, &layer, &got, &err) < 0)
			return;
	(void)ch_layers_end(&layers, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct rlimit limit = { 1 << 24, 1 << 24 };
	char path[] = "/tmp/fuzz_layer.XXXXXX";
	struct ch_err err;

	/* Bombs are the disk's affair. */
	signal(SIGXFSZ, SIG_IGN);
	if (setrlimit(RLIMIT_FSIZE, &limit) < 0 || !mkdtemp(path))
		abort();

	ch_auto(fd) int fd = memory(data, size);
	ch_auto(fd) int place = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (mkdirat(place, "root", 0755) < 0)
		abort();

	ch_auto(fd) int root = openat(place, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	apply_twice(root, fd);
	/* Beside the root nothing may have appeared. */
	if (ch_rmtree(place, "root", &err) < 0 || rmdir(path) < 0)
		abort();
	return 0;
}
