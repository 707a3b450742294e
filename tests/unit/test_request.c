/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "torture.h"
#include "unit.h"

/* Text with the NUL at its end that every field has. */
#define RECORDS(text) (text), sizeof(text)
#define HEAD	      "format=3\0image=/i\0"

static void fill(struct ch_request *req)
{
	struct ch_err err;

	*req = (struct ch_request){
		.image = strdup("/images/a b:c.sqfs"),
		.name = strdup("a b:c"),
		.storage = strdup("/var/tmp/me.ch"),
		.unsafe = true,
		.uid = 4294967294,
		.gid = 7,
		.write = CH_WRITE_FAKE,
		.write_size = strdup("12%"),
		.tmp = strdup("/tmp"),
		.no_passwd = true,
		.each = true,
		.want_meta = true,
		.life = CH_LIFE_SOCKET,
		.threads = 1024,
		.allowed = strdup("/a:/b"),
	};
	ch_binds_add(&req->binds, "/x=y\n", "/z", CH_BIND_RO | CH_BIND_MAYBE, &err);
	ch_binds_add(&req->binds, "/bind=", "/on=", 0, &err);
}

static void assert_filled(const struct ch_request *req)
{
	assert_string_equal(req->image, "/images/a b:c.sqfs");
	assert_string_equal(req->name, "a b:c");
	assert_string_equal(req->storage, "/var/tmp/me.ch");
	assert_true(req->unsafe);
	assert_int_equal(req->uid, 4294967294);
	assert_int_equal(req->gid, 7);
	assert_int_equal(req->write, CH_WRITE_FAKE);
	assert_string_equal(req->write_size, "12%");
	assert_string_equal(req->tmp, "/tmp");
	assert_true(req->no_passwd && req->each && req->want_meta);
	assert_int_equal(req->life, CH_LIFE_SOCKET);
	assert_int_equal(req->threads, 1024);
	assert_string_equal(req->allowed, "/a:/b");
	assert_int_equal(req->binds.n, 2);
	assert_string_equal(req->binds.list[0].src, "/x=y\n");
	assert_string_equal(req->binds.list[0].dst, "/z");
	assert_int_equal(req->binds.list[0].flags, CH_BIND_RO | CH_BIND_MAYBE);
	assert_string_equal(req->binds.list[1].src, "/bind=");
	assert_string_equal(req->binds.list[1].dst, "/on=");
}

static void what_is_encoded_is_decoded(void **state)
{
	(void)state;
	ch_auto(request) struct ch_request in = { 0 };
	ch_auto(request) struct ch_request out = { 0 };
	ch_auto(str) char *text = NULL;
	size_t len;
	struct ch_err err;

	fill(&in);
	assert_int_equal(ch_request_encode(&in, &text, &len, &err), 0);
	assert_int_equal(ch_request_decode(text, len, &out, &err), 0);

	assert_filled(&out);
}

static void the_least_request_round_trips(void **state)
{
	(void)state;
	char path[] = "/i";
	struct ch_request in = { .image = path };
	ch_auto(request) struct ch_request out = { 0 };
	ch_auto(str) char *text = NULL;
	size_t len;
	struct ch_err err;

	assert_int_equal(ch_request_encode(&in, &text, &len, &err), 0);
	assert_int_equal(ch_request_decode(text, len, &out, &err), 0);

	assert_string_equal(out.image, "/i");
	assert_null(out.tmp);
	assert_null(out.name);
	assert_null(out.storage);
	assert_null(out.write_size);
	assert_null(out.allowed);
	assert_int_equal(out.binds.n, 0);
}

static void it_travels_through_a_file(void **state)
{
	(void)state;
	ch_auto(request) struct ch_request in = { 0 };
	ch_auto(request) struct ch_request out = { 0 };
	struct ch_err err;

	fill(&in);
	ch_auto(fd) int fd = ch_request_file(&in, &err);

	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(ch_request_read(fd, &out, &err), 0);
	assert_filled(&out);
}

static void other_formats_are_refused_with_advice(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t len;
	} cases[] = {
		{ "", 0 },
		{ RECORDS("") },
		{ RECORDS("format=0\0image=/i") },
		{ RECORDS("format=32\0image=/i") },
		{ RECORDS("format=\0image=/i") },
		{ RECORDS("image=/i\0format=3") },
		{ "format=3", 8 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ch_request req = { .uid = 77 };
		struct ch_err err;

		assert_int_equal(ch_request_decode(cases[i].text, cases[i].len, &req, &err),
				 -EPROTO);
		assert_non_null(
			strstr(err.msg, "are plugin, ch-run and ch-keeper of one version?"));
		assert_int_equal(req.uid, 77);
	}
}

static void hostile_requests_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t len;
		int code;
	} cases[] = {
		{ RECORDS("format=3"), -EINVAL },	   /* no image */
		{ RECORDS("format=3\0image=i"), -EINVAL }, /* relative */
		{ RECORDS("format=3\0image="), -EINVAL },
		{ RECORDS(HEAD "tmp=x"), -EINVAL },
		{ RECORDS(HEAD "storage=x"), -EINVAL },
		{ RECORDS(HEAD "unsafe=2"), -ERANGE },
		{ RECORDS(HEAD "unknown=1"), -EINVAL },
		{ RECORDS(HEAD "format=3"), -EINVAL },
		{ RECORDS(HEAD "uid"), -EINVAL },
		{ RECORDS(HEAD "uid="), -EINVAL },
		{ RECORDS(HEAD "uid=x"), -EINVAL },
		{ RECORDS(HEAD "uid=-1"), -ERANGE },
		{ RECORDS(HEAD "uid=4294967295"), -ERANGE },
		{ RECORDS(HEAD "gid=99999999999999999999999"), -ERANGE },
		{ RECORDS(HEAD "write=3"), -ERANGE },
		{ RECORDS(HEAD "life=3"), -ERANGE },
		{ RECORDS(HEAD "each=2"), -ERANGE },
		{ RECORDS(HEAD "threads=1025"), -ERANGE },
		{ RECORDS(HEAD "threads=1 "), -EINVAL },
		{ RECORDS(HEAD "=x"), -EINVAL },
		{ RECORDS(HEAD "\0"), -EINVAL }, /* empty field */
		{ RECORDS(HEAD "bind=/a"), -EINVAL },
		{ RECORDS(HEAD "bind=/a\0on=/b"), -EINVAL },
		{ RECORDS(HEAD "bind=/a\0on=b\0flags=0"), -EINVAL },
		{ RECORDS(HEAD "bind=a\0on=/b\0flags=0"), -EINVAL },
		{ RECORDS(HEAD "bind=/a\0on=/b\0flags=8"), -ERANGE },
		{ RECORDS(HEAD "bind=/a\0flags=0\0on=/b"), -EINVAL },
		{ RECORDS(HEAD "on=/b"), -EINVAL },
		{ HEAD "uid=1", sizeof(HEAD "uid=1") - 1, -EINVAL }, /* cut */
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ch_request req = { .uid = 77 };
		struct ch_err err;

		if (ch_request_decode(cases[i].text, cases[i].len, &req, &err) != cases[i].code)
			fail_msg("case %zu", i);
		assert_int_equal(req.uid, 77);
		assert_memory_equal(err.msg, "request", 7);
	}
}

static void every_cut_of_a_request_is_refused_or_whole(void **state)
{
	(void)state;
	ch_auto(request) struct ch_request in = { 0 };
	ch_auto(str) char *text = NULL;
	size_t len;
	struct ch_err err;

	fill(&in);
	assert_int_equal(ch_request_encode(&in, &text, &len, &err), 0);

	for (size_t n = 0; n < len; n++) {
		/* Exactly as long as it is said to be: the sanitizer watches its end. */
		ch_auto(str) char *cut = NOT_NULL(malloc(n ? n : 1));
		ch_auto(request) struct ch_request out = { 0 };

		memcpy(cut, text, n);

		int rc = ch_request_decode(cut, n, &out, &err);

		if (rc == 0)
			assert_true(n > 0 && cut[n - 1] == '\0' && out.image);
		else
			assert_null(out.image);
	}
}

static void the_last_of_equal_fields_counts(void **state)
{
	(void)state;
	ch_auto(request) struct ch_request req = { 0 };
	struct ch_err err;

	assert_int_equal(ch_request_decode(RECORDS(HEAD "image=/j\0uid=1\0uid=2"), &req, &err), 0);

	assert_string_equal(req.image, "/j");
	assert_int_equal(req.uid, 2);
}

static void a_request_that_is_too_long_is_refused(void **state)
{
	(void)state;
	struct ch_request req = { 0 };
	ch_auto(str) char *text = NULL;
	size_t len = 77;
	struct ch_err err;

	req.image = NOT_NULL(malloc(CH_REQUEST_MAX + 1));
	memset(req.image, '/', CH_REQUEST_MAX);
	req.image[CH_REQUEST_MAX] = '\0';

	assert_int_equal(ch_request_encode(&req, &text, &len, &err), -ENOMEM);
	assert_string_equal(err.msg, "the request is too long");
	assert_null(text);
	assert_int_equal(len, 77);
	assert_true(ch_request_file(&req, &err) < 0);
	ch_request_done(&req);
}

static int round_trip(void *data)
{
	ch_auto(request) struct ch_request out = { 0 };
	struct ch_err err;
	ch_auto(fd) int fd = ch_request_file(data, &err);

	return fd < 0 ? fd : ch_request_read(fd, &out, &err);
}

static void survives_lack_of_memory(void **state)
{
	(void)state;
	ch_auto(request) struct ch_request in = { 0 };

	fill(&in);

	assert_true(torture(round_trip, &in) > 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_encoded_is_decoded),
		cmocka_unit_test(the_least_request_round_trips),
		cmocka_unit_test(it_travels_through_a_file),
		cmocka_unit_test(other_formats_are_refused_with_advice),
		cmocka_unit_test(hostile_requests_are_refused),
		cmocka_unit_test(every_cut_of_a_request_is_refused_or_whole),
		cmocka_unit_test(the_last_of_equal_fields_counts),
		cmocka_unit_test(a_request_that_is_too_long_is_refused),
		cmocka_unit_test(survives_lack_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
