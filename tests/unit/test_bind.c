/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/bind.h"

#include <errno.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "torture.h"
#include "unit.h"

static void good_specs_are_taken_apart(void **state)
{
	(void)state;
	static const struct {
		const char *spec, *src, *dst;
		unsigned flags;
	} cases[] = {
		{ "/a", "/a", "/a", 0 },
		{ "/a:/b", "/a", "/b", 0 },
		{ "/a:/b:ro", "/a", "/b", CH_BIND_RO },
		{ "/a:/b:rw", "/a", "/b", 0 },
		{ "/", "/", NULL, 0 },
		{ "a", "/cwd/a", "/cwd/a", 0 },
		{ "../a:/b", "/cwd/../a", "/b", 0 },
		{ ".:/b", "/cwd/.", "/b", 0 },
		{ "/a\\:b", "/a:b", "/a:b", 0 },
		{ "/a\\:b:/c\\:d:ro", "/a:b", "/c:d", CH_BIND_RO },
		{ "/a\\b", "/a\\b", "/a\\b", 0 },
		{ "/a b,c=d", "/a b,c=d", "/a b,c=d", 0 },
		{ "/a:/b/../c/", "/a", "/b/../c/", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(bind) struct ch_bind b = { 0 };
		struct ch_err err;
		int rc = ch_bind_parse(cases[i].spec, "/cwd", &b, &err);

		if (!cases[i].dst) {
			assert_int_equal(rc, -EINVAL);
			continue;
		}
		assert_int_equal(rc, 0);
		assert_string_equal(b.src, cases[i].src);
		assert_string_equal(b.dst, cases[i].dst);
		assert_int_equal(b.flags, cases[i].flags);
	}
}

static void relative_sources_may_begin_at_the_root(void **state)
{
	(void)state;
	ch_auto(bind) struct ch_bind b = { 0 };
	struct ch_err err;

	assert_int_equal(ch_bind_parse("a", "/", &b, &err), 0);

	assert_string_equal(b.src, "/a");
	assert_string_equal(b.dst, "/a");
}

static void bad_specs_are_refused_with_a_reason(void **state)
{
	(void)state;
	static const struct {
		const char *spec, *msg;
	} cases[] = {
		{ "", "bind source is empty" },
		{ ":", "bind source is empty" },
		{ ":/b", "bind source is empty" },
		{ "/a:", "bind destination is empty" },
		{ "/a::ro", "bind destination is empty" },
		{ "/a:b", "bind destination 'b' is not absolute" },
		{ "/a:/", "bind destination '/' would hide the image" },
		{ "/a:///", "bind destination '/' would hide the image" },
		{ "/", "bind destination '/' would hide the image" },
		{ "/a:/b:", "bind option '' is neither ro nor rw" },
		{ "/a:/b:RO", "bind option 'RO' is neither ro nor rw" },
		{ "/a:/b:ro,rw", "bind option 'ro,rw' is neither ro nor rw" },
		{ "/a:/b:ro:", "bind has more than three parts" },
		{ "/a:/b:ro:rw", "bind has more than three parts" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ch_bind b = { .flags = 77 };
		struct ch_err err;

		assert_int_equal(ch_bind_parse(cases[i].spec, "/cwd", &b, &err), -EINVAL);

		assert_string_equal(err.msg, cases[i].msg);
		assert_int_equal(b.flags, 77);
	}
}

static void lists_keep_their_order(void **state)
{
	(void)state;
	struct ch_binds binds = { 0 };
	struct ch_err err;

	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(ch_binds_add(&binds, "/src", i % 2 ? "/odd" : "/even", i, &err),
				 0);

	assert_int_equal(binds.n, 20);
	for (unsigned i = 0; i < 20; i++) {
		assert_string_equal(binds.list[i].dst, i % 2 ? "/odd" : "/even");
		assert_int_equal(binds.list[i].flags, i);
	}
	ch_binds_done(&binds);
	assert_null(binds.list);
}

static void a_bind_that_is_taken_is_moved(void **state)
{
	(void)state;
	struct ch_binds binds = { 0 };
	struct ch_bind b = { 0 };
	struct ch_err err;

	assert_int_equal(ch_bind_parse("/a:/b:ro", "/", &b, &err), 0);
	assert_int_equal(ch_binds_take(&binds, &b, &err), 0);

	assert_null(b.src);
	assert_null(b.dst);
	assert_string_equal(binds.list[0].src, "/a");
	ch_binds_done(&binds);
}

static int parse_and_add(void *data)
{
	struct ch_binds binds = { 0 };
	struct ch_bind b = { 0 };
	struct ch_err err;
	int rc = ch_bind_parse(data, "/", &b, &err);

	if (rc == 0)
		rc = ch_binds_take(&binds, &b, &err);
	if (rc == 0)
		rc = ch_binds_add(&binds, "/c", "/d", 0, &err);
	ch_bind_done(&b);
	ch_binds_done(&binds);
	return rc;
}

static void survives_lack_of_memory(void **state)
{
	(void)state;
	char whole[] = "/a:/b:ro", source[] = "/a";

	assert_true(torture(parse_and_add, whole) > 4);
	assert_true(torture(parse_and_add, source) > 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_specs_are_taken_apart),
		cmocka_unit_test(relative_sources_may_begin_at_the_root),
		cmocka_unit_test(bad_specs_are_refused_with_a_reason),
		cmocka_unit_test(lists_keep_their_order),
		cmocka_unit_test(a_bind_that_is_taken_is_moved),
		cmocka_unit_test(survives_lack_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
