/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "archive/compress.h"
#include "archive/output.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "unit.h"

enum { MOST = 64 << 20 };

/* ---- outputs --------------------------------------------------------------------------------- */

struct memory {
	struct ch_output out;
	struct ch_buf data;
	size_t full; /* more bytes are an error; 0: they are none */
};

static int remember(struct ch_output *out, const void *data, size_t len, struct ch_err *err)
{
	struct memory *m = (struct memory *)out;

	ch_buf_add(&m->data, data, len);
	if (m->full && m->data.len > m->full)
		return ch_err_set(err, -ENOSPC, "the disk is full");
	return 0;
}

static struct memory new_memory(size_t full)
{
	return (struct memory){ { remember }, CH_BUF_INIT(MOST), full };
}

/* Text, some of it hard to compress; LEN bytes, the caller's. */
static char *sample(size_t len)
{
	char *data = NOT_NULL(malloc(len + 1));
	unsigned seed = 1;

	for (size_t i = 0; i < len; i++) {
		seed = seed * 1103515245 + 12345;
		data[i] = i / 1000 % 8 == 0 ? (char)(seed >> 24) : "abcdefgh"[i / 7 % 8];
	}
	return data;
}

/* Compress DATA, written EACH bytes at a time; to TO. */
static void compress(const struct ch_compress_how *how, const char *data, size_t len, size_t each,
		     struct memory *to, struct ch_compressed *ret)
{
	struct ch_compress *c = NULL;
	struct ch_err err = { 0 };
	struct ch_output *in;

	assert_int_equal(ch_compress_new(how, &to->out, &c, &err), 0);
	in = ch_compress_input(c);
	for (size_t at = 0; at < len; at += each)
		assert_int_equal(in->write(in, data + at, len - at < each ? len - at : each, &err),
				 0);
	assert_int_equal(ch_compress_end(c, ret, &err), 0);
	ch_compress_free(c);
	assert_false(ch_buf_bad(&to->data));
	assert_int_equal(ret->size, to->data.len);
	assert_int_equal(ret->plain_size, len);
}

static void assert_hash(const uint8_t *digest, const void *data, size_t len)
{
	ch_auto(hash) struct ch_hash hash = { 0 };
	uint8_t wanted[CH_SHA256_BYTES];
	struct ch_err err;

	assert_int_equal(ch_hash_start(&hash, CH_SHA256, &err), 0);
	ch_hash_more(&hash, data, len);
	ch_hash_end(&hash, wanted);
	assert_memory_equal(digest, wanted, sizeof(wanted));
}

/* What PROGRAM makes of it is what was there before. */
static void assert_decompresses(const char *program, const struct memory *m, const char *data,
				size_t len)
{
	ch_auto(fd) int from = memfd_create("from", MFD_CLOEXEC);
	ch_auto(fd) int to = memfd_create("to", MFD_CLOEXEC);
	ch_auto(mem) char *got = NOT_NULL(malloc(len + 1));
	int status;
	pid_t pid;

	assert_int_equal(pwrite(from, m->data.data, m->data.len, 0), m->data.len);
	pid = fork();
	if (pid == 0) {
		dup2(from, 0);
		dup2(to, 1);
		execlp(program, program, "-dc", NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(pread(to, got, len + 1, 0), len);
	assert_memory_equal(got, data, len);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static const struct {
	enum ch_compress_kind kind;
	int level;
	const char *program;
	size_t piece;
} formats[] = {
	{ CH_COMPRESS_NONE, 0, NULL, 0 },
	{ CH_COMPRESS_GZIP, 1, "gzip", 1 << 20 },
	{ CH_COMPRESS_ZSTD, 1, "zstd", 4 << 20 },
	{ CH_COMPRESS_XZ, 1, "xz", 8 << 20 },
};

static void others_can_read_it_and_hashes_are_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
		const size_t piece = formats[i].piece;
		const size_t lens[] = { 0, 1, piece, piece + 100001 };

		for (size_t k = 0; k < ARRAY_SIZE(lens); k++) {
			ch_auto(str) char *data = sample(lens[k]);
			struct memory m = new_memory(0);
			struct ch_compressed r;

			compress(&(struct ch_compress_how){ formats[i].kind, formats[i].level, 0 },
				 data, lens[k], 512 * 1024, &m, &r);
			assert_hash(r.digest, m.data.data, m.data.len);
			assert_hash(r.plain_digest, data, lens[k]);
			if (formats[i].program)
				assert_decompresses(formats[i].program, &m, data, lens[k]);
			else
				assert_memory_equal(m.data.data ? m.data.data : "", data, lens[k]);
			ch_buf_done(&m.data);
		}
	}
}

static void neither_threads_nor_writes_change_the_bytes(void **state)
{
	static const struct {
		unsigned threads;
		size_t each;
	} ways[] = { { 1, 1 << 20 }, { 2, 1000000 }, { 7, 12345 }, { 99, 5 << 20 } };
	const size_t len = (4 << 20) + 17;
	ch_auto(str) char *data = sample(len);

	(void)state;
	/* xz is slow, and not another case. */
	for (size_t i = 1; i + 1 < ARRAY_SIZE(formats); i++) {
		struct memory first = new_memory(0);
		struct ch_compressed r;

		compress(&(struct ch_compress_how){ formats[i].kind, 1, 0 }, data, len, len, &first,
			 &r);
		for (size_t k = 0; k < ARRAY_SIZE(ways); k++) {
			struct memory m = new_memory(0);

			compress(&(struct ch_compress_how){ formats[i].kind, 1, ways[k].threads },
				 data, len, ways[k].each, &m, &r);
			assert_int_equal(m.data.len, first.data.len);
			assert_memory_equal(m.data.data, first.data.data, m.data.len);
			ch_buf_done(&m.data);
		}
		ch_buf_done(&first.data);
	}
}

static void errors_of_the_output_come_back(void **state)
{
	const size_t len = 12 << 20;
	ch_auto(str) char *data = sample(len);
	struct memory m = new_memory(1000);
	struct ch_compress *c = NULL;
	struct ch_err err = { 0 };

	(void)state;
	assert_int_equal(ch_compress_new(&(struct ch_compress_how){ CH_COMPRESS_GZIP, 1, 4 },
					 &m.out, &c, &err),
			 0);
	assert_int_equal(ch_compress_input(c)->write(ch_compress_input(c), data, len, &err),
			 -ENOSPC);
	assert_string_equal(err.msg, "the disk is full");
	ch_compress_free(c);
	ch_buf_done(&m.data);
}

static void it_may_be_given_up_at_any_time(void **state)
{
	ch_auto(str) char *data = sample(3 << 20);
	struct ch_err err = { 0 };

	(void)state;
	for (size_t len = 0; len <= 3 << 20; len += 1 << 19) {
		struct memory m = new_memory(0);
		struct ch_compress *c = NULL;

		assert_int_equal(
			ch_compress_new(&(struct ch_compress_how){ CH_COMPRESS_GZIP, 1, 3 }, &m.out,
					&c, &err),
			0);
		assert_int_equal(ch_compress_input(c)->write(ch_compress_input(c), data, len, &err),
				 0);
		ch_compress_free(c);
		ch_buf_done(&m.data);
	}
	ch_compress_free(NULL);
}

static void levels_are_checked(void **state)
{
	struct memory m = new_memory(0);
	struct ch_compress *c = NULL;
	struct ch_err err;

	(void)state;
	assert_int_equal(ch_compress_new(&(struct ch_compress_how){ CH_COMPRESS_GZIP, 13, 0 },
					 &m.out, &c, &err),
			 -EINVAL);
	assert_string_equal(err.msg, "no such level of compression: 13 (1 to 12)");
	assert_int_equal(ch_compress_new(&(struct ch_compress_how){ CH_COMPRESS_ZSTD, -1, 0 },
					 &m.out, &c, &err),
			 -EINVAL);
}

static void ways_are_read_from_text(void **state)
{
	static const struct {
		const char *text;
		enum ch_compress_kind kind;
		int level;
		const char *error;
	} rows[] = {
		{ "none", CH_COMPRESS_NONE, 0, NULL },
		{ "gzip", CH_COMPRESS_GZIP, 0, NULL },
		{ "gzip:12", CH_COMPRESS_GZIP, 12, NULL },
		{ "zstd:19", CH_COMPRESS_ZSTD, 19, NULL },
		{ "xz:1", CH_COMPRESS_XZ, 1, NULL },
		{ "", 0, 0, "compression '' is none of none, gzip, zstd, xz" },
		{ "gz", 0, 0, "compression 'gz' is none of none, gzip, zstd, xz" },
		{ "none:1", 0, 0, "compression 'none:1': none has no level" },
		{ "xz:0", 0, 0, "level of compression" },
		{ "gzip:13", 0, 0, "level of compression" },
		{ "gzip:", 0, 0, "level of compression" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct ch_compress_how how = { 0 };
		struct ch_err err = { 0 };

		assert_int_equal(ch_compress_parse(rows[i].text, &how, &err) < 0,
				 rows[i].error != NULL);
		assert_int_equal(how.kind, rows[i].kind);
		assert_int_equal(how.level, rows[i].level);
		if (rows[i].error)
			assert_non_null(strstr(err.msg, rows[i].error));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(others_can_read_it_and_hashes_are_right),
		cmocka_unit_test(neither_threads_nor_writes_change_the_bytes),
		cmocka_unit_test(errors_of_the_output_come_back),
		cmocka_unit_test(it_may_be_given_up_at_any_time),
		cmocka_unit_test(levels_are_checked),
		cmocka_unit_test(ways_are_read_from_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
