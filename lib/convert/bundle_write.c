/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/bundle_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "sys/within.h"

#define TEMP "file.new" /* in a directory: what has no name yet */

enum { BLOCK = 512, NAME_MAX_ = 100 };

void ch_bundle_writer_init(struct ch_bundle_writer *w, int fd, bool is_dir, const char *name)
{
	*w = (struct ch_bundle_writer){
		.fd = fd,
		.is_dir = is_dir,
		.file = -1,
		.out = CH_OUTPUT_FD(fd, name),
	};
}

static int failed(const struct ch_bundle_writer *w, struct ch_err *err)
{
	return ch_err_sys(err, "write '%s'", w->out.name);
}

/* ---- archives ----------------------------------------------------------------------------- */

/* LEN octal digits and a NUL */
static void octal(char *field, size_t len, uint64_t number)
{
	field[len] = '\0';
	while (len-- > 0) {
		field[len] = (char)('0' + (number & 7));
		number >>= 3;
	}
}

/* From 8 GiB on, big-endian binary, as GNU has it. */
static void put_size(char *field, uint64_t size)
{
	enum { LEN = 12 };

	if (size >> 33 == 0) {
		octal(field, LEN - 1, size);
		return;
	}
	for (int i = LEN - 1; i > 0; i--, size >>= 8)
		field[i] = (char)(size & 0xff);
	field[0] = (char)0x80;
}

/* A header of ustar (pax(1)): NAME belongs to root, and has the time 0. TYPE: '0' a file, '5' a
 * directory */
static void make_header(char head[BLOCK], const char *name, char type, uint64_t size)
{
	unsigned sum = 0;

	memset(head, 0, BLOCK);
	memcpy(head, name, strnlen(name, NAME_MAX_));
	octal(head + 100, 7, type == '5' ? 0755 : 0644);
	octal(head + 108, 7, 0);
	octal(head + 116, 7, 0);
	put_size(head + 124, size);
	octal(head + 136, 11, 0);
	memset(head + 148, ' ', 8);
	head[156] = type;
	memcpy(head + 257, "ustar\00000", 8);
	for (int i = 0; i < BLOCK; i++)
		sum += (unsigned char)head[i];
	octal(head + 148, 6, sum);
}

static int pad(struct ch_bundle_writer *w, uint64_t size, struct ch_err *err)
{
	static const char zeros[BLOCK];
	size_t len = (BLOCK - size % BLOCK) % BLOCK;

	return len == 0 ? 0 : ch_output_fd_write(&w->out.out, zeros, len, err);
}

static int add_dir(struct ch_bundle_writer *w, const char *name, struct ch_err *err)
{
	char head[BLOCK];

	make_header(head, name, '5', 0);
	return ch_output_fd_write(&w->out.out, head, BLOCK, err);
}

static int begin_member(struct ch_bundle_writer *w, struct ch_err *err)
{
	static const char zeros[BLOCK];
	off_t at = lseek(w->fd, 0, SEEK_CUR);

	if (at < 0)
		return failed(w, err);
	w->header = (uint64_t)at;
	return ch_output_fd_write(&w->out.out, zeros, BLOCK, err);
}

static int end_member(struct ch_bundle_writer *w, const char *name, uint64_t size,
		      struct ch_err *err)
{
	char head[BLOCK];

	if (pad(w, size, err) < 0)
		return err->code;
	make_header(head, name, '0', size);
	if (pwrite(w->fd, head, BLOCK, (off_t)w->header) != BLOCK)
		return failed(w, err);
	return 0;
}

/* ---- directories -------------------------------------------------------------------------- */

static int begin_file(struct ch_bundle_writer *w, struct ch_err *err)
{
	w->file = openat(w->fd, TEMP, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (w->file < 0)
		return failed(w, err);
	w->out.fd = w->file;
	return 0;
}

static int end_file(struct ch_bundle_writer *w, const char *name, struct ch_err *err)
{
	const char *slash = strrchr(name, '/');
	char dir[NAME_MAX_] = "";

	ch_close(&w->file);
	memcpy(dir, name, slash ? (size_t)(slash - name) : 0);

	ch_auto(fd) int made = ch_within_make_dirs(w->fd, dir, 0755, err);

	if (made < 0)
		return err->code;
	return renameat(w->fd, TEMP, w->fd, name) < 0 ? failed(w, err) : 0;
}

/* ---- both --------------------------------------------------------------------------------- */

int ch_bundle_writer_dir(struct ch_bundle_writer *w, const char *name, struct ch_err *err)
{
	return w->is_dir ? 0 : add_dir(w, name, err);
}

int ch_bundle_writer_begin(struct ch_bundle_writer *w, struct ch_output **ret_out,
			   struct ch_err *err)
{
	*ret_out = &w->out.out;
	return w->is_dir ? begin_file(w, err) : begin_member(w, err);
}

int ch_bundle_writer_end(struct ch_bundle_writer *w, const char *name, uint64_t size,
			 struct ch_err *err)
{
	return w->is_dir ? end_file(w, name, err) : end_member(w, name, size, err);
}

int ch_bundle_writer_put(struct ch_bundle_writer *w, const char *name, const void *data, size_t len,
			 struct ch_err *err)
{
	struct ch_output *out;

	if (ch_bundle_writer_begin(w, &out, err) < 0 || out->write(out, data, len, err) < 0)
		return err->code;
	return ch_bundle_writer_end(w, name, len, err);
}

int ch_bundle_writer_finish(struct ch_bundle_writer *w, struct ch_err *err)
{
	static const char zeros[2 * BLOCK];

	return w->is_dir ? 0 : ch_output_fd_write(&w->out.out, zeros, sizeof(zeros), err);
}

void ch_bundle_writer_done(struct ch_bundle_writer *w)
{
	ch_close(&w->file);
}
