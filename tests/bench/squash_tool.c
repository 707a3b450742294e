/* SPDX-License-Identifier: Apache-2.0 */
/* squash_tool - the SquashFS writer by hand
 *
 *	squash_tool [-c ALG[:LEVEL]] [-b BLOCK-SIZE] [-j THREADS] DIR IMAGE
 *
 * Packs DIR. Prints how many milliseconds it took. */
#include <fcntl.h>
#include <fts.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "archive/entry.h"
#include "base/auto.h"
#include "base/err.h"
#include "convert/squash_write.h"

enum { BUFFER = 1 << 20 };

struct seen {
	dev_t dev;
	ino_t ino;
	char *path;
};

static void *files;
static char buffer[BUFFER], target[4096];

static int by_inode(const void *a, const void *b)
{
	const struct seen *one = a, *two = b;

	if (one->dev != two->dev)
		return one->dev < two->dev ? -1 : 1;
	return one->ino < two->ino ? -1 : one->ino > two->ino;
}

/* Another name of the file ST, or NULL: PATH is its first one. */
static const char *first_name(const struct stat *st, const char *path)
{
	struct seen *seen = malloc(sizeof(*seen)), **found;

	*seen = (struct seen){ st->st_dev, st->st_ino, strdup(path) };
	found = tsearch(seen, &files, by_inode);
	return *found == seen ? NULL : (*found)->path;
}

static int add_contents(struct ch_sink *sink, const FTSENT *f, struct ch_err *err)
{
	ch_auto(fd) int fd = open(f->fts_accpath, O_RDONLY | O_CLOEXEC);
	uint64_t off = 0;
	ssize_t n = fd < 0 ? -1 : 0;

	while (fd >= 0 && (n = read(fd, buffer, sizeof(buffer))) > 0) {
		if (sink->data(sink, off, buffer, (size_t)n, err) < 0)
			return err->code;
		off += (uint64_t)n;
		if (off >= (uint64_t)f->fts_statp->st_size)
			break;
	}
	return n < 0 ? ch_err_sys(err, "read '%s'", f->fts_path) : 0;
}

static int add(struct ch_sink *sink, const FTSENT *f, size_t root, struct ch_err *err)
{
	const char *path = f->fts_path + root;
	const struct stat *st = f->fts_statp;
	struct ch_entry entry = {
		.path = *path == '/' ? path + 1 : path,
		.mode = st->st_mode,
		.mtime = st->st_mtim,
		.size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
	};

	if (!S_ISDIR(st->st_mode) && st->st_nlink > 1)
		entry.link = first_name(st, entry.path);
	if (f->fts_info == FTS_SL) {
		ssize_t len = readlink(f->fts_accpath, target, sizeof(target) - 1);

		if (len < 0)
			return ch_err_sys(err, "read link '%s'", f->fts_path);
		target[len] = '\0';
		entry.target = target;
	}
	if (f->fts_info == FTS_DP || S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode))
		return 0;
	if (sink->add(sink, &entry, err) < 0)
		return err->code;
	return f->fts_info == FTS_F && !entry.link && entry.size > 0 ? add_contents(sink, f, err)
								     : 0;
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static int pack(char *dir, int fd, const struct ch_squash_options *how, struct ch_err *err)
{
	ch_auto(squash_writer) struct ch_squash_writer *writer = NULL;
	char *dirs[] = { dir, NULL };
	FTS *fts = fts_open(dirs, FTS_PHYSICAL, by_name);
	int rc = ch_squash_writer_new(fd, how, &writer, err);
	struct ch_sink *sink = writer ? ch_squash_writer_sink(writer) : NULL;

	for (FTSENT *f; rc == 0 && (f = fts_read(fts));)
		rc = add(sink, f, strlen(dir), err);
	fts_close(fts);
	return rc < 0 ? rc : sink->end(sink, err);
}

int main(int argc, char **argv)
{
	struct ch_squash_options how = { .xattrs = true };
	struct timespec begin, end;
	struct ch_err err;
	int rc = 0;

	for (int c; rc == 0 && (c = getopt(argc, argv, "c:b:j:")) != -1;) {
		if (c == 'c')
			rc = ch_squash_compress_parse(optarg, &how.compress, &err);
		else if (c == 'b')
			how.block_size = (uint32_t)strtoul(optarg, NULL, 10);
		else if (c == 'j')
			how.threads = (unsigned)strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (argc - optind != 2)
		return 2;
	clock_gettime(CLOCK_MONOTONIC, &begin);
	if (rc == 0) {
		ch_auto(fd) int fd = open(argv[optind + 1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC,
					  0666);

		if (fd < 0)
			rc = ch_err_sys(&err, "open '%s'", argv[optind + 1]);
		else
			rc = pack(argv[optind], fd, &how, &err);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	if (rc < 0) {
		fprintf(stderr, "squash_tool: %s\n", err.msg);
		return 1;
	}
	printf("%lld ms\n", (long long)(end.tv_sec - begin.tv_sec) * 1000 +
				    (end.tv_nsec - begin.tv_nsec) / 1000000);
	return 0;
}
