/* SPDX-License-Identifier: Apache-2.0 */
/* squash_tool - the SquashFS writer by hand: a directory, or a tar archive, becomes an image
 *
 *	squash_tool [-c ALG[:LEVEL]] [-b BLOCK-SIZE] [-j THREADS] SOURCE IMAGE
 *
 * Prints how many milliseconds it took. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "archive/entry.h"
#include "archive/read.h"
#include "archive/relay.h"
#include "archive/walk.h"
#include "base/auto.h"
#include "base/err.h"
#include "convert/squash_write.h"

static int give(const char *source, struct ch_sink *sink, struct ch_err *err)
{
	const struct ch_walk_how how = { 0 };
	struct ch_walked walked;
	struct ch_archive_got got;
	struct stat st;
	ch_auto(fd) int fd = open(source, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0)
		return ch_err_sys(err, "open '%s'", source);
	if (!S_ISDIR(st.st_mode)) {
		const struct ch_archive archive = { .name = source, .fd = fd };

		return ch_archive_read(&archive, sink, &got, err);
	}
	if (ch_walk_entries(fd, &how, sink, &walked, err) < 0)
		return err->code;
	return sink->end(sink, err);
}

static int make(const char *source, const char *image, const struct ch_squash_options *how,
		struct ch_err *err)
{
	ch_auto(squash_writer) struct ch_squash_writer *writer = NULL;
	ch_auto(relay) struct ch_relay *relay = NULL;
	ch_auto(fd) int fd = open(image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

	if (fd < 0)
		return ch_err_sys(err, "open '%s'", image);
	if (ch_squash_writer_new(fd, how, &writer, err) < 0 ||
	    ch_relay_new(ch_squash_writer_sink(writer), &relay, err) < 0)
		return err->code;
	return give(source, ch_relay_sink(relay), err);
}

static int parse(int argc, char **argv, struct ch_squash_options *how, struct ch_err *err)
{
	for (int c; (c = getopt(argc, argv, "c:b:j:")) != -1;) {
		if (c == 'c' && ch_squash_compress_parse(optarg, &how->compress, err) < 0)
			return err->code;
		if (c == 'b')
			how->block_size = (uint32_t)strtoul(optarg, NULL, 10);
		if (c == 'j')
			how->threads = (unsigned)strtoul(optarg, NULL, 10);
		if (c == '?')
			return ch_err_set(err, -EINVAL, "unknown option");
	}
	if (argc - optind != 2)
		return ch_err_set(err, -EINVAL, "name a source and an image");
	return 0;
}

int main(int argc, char **argv)
{
	struct ch_squash_options how = { .xattrs = true };
	struct timespec begin, end;
	struct ch_err err;
	int rc = parse(argc, argv, &how, &err);

	clock_gettime(CLOCK_MONOTONIC, &begin);
	if (rc == 0)
		rc = make(argv[optind], argv[optind + 1], &how, &err);
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (rc < 0) {
		fprintf(stderr, "squash_tool: %s\n", err.msg);
		return 1;
	}
	printf("%lld ms\n", (long long)(end.tv_sec - begin.tv_sec) * 1000 +
				    (end.tv_nsec - begin.tv_nsec) / 1000000);
	return 0;
}
