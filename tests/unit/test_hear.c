/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/hear.h"

#include <errno.h>
#include <string.h>

#include "base/err.h"
#include "unit.h"

static struct ch_err err;

static void go_is_known_by_version_kind_and_length(void **state)
{
	(void)state;
	struct ch_cpus m = { .go = { .version = CH_PROTO_VERSION, .kind = CH_GO_ENTER } };

	assert_int_equal(ch_hear_go(&m, sizeof(m.go)), CH_GO_ENTER);
	assert_int_equal(ch_hear_go(&m, sizeof(m)), CH_GO_ENTER);
	assert_int_equal(ch_hear_go(&m, sizeof(m.go) - 1), CH_HEAR_FOREIGN);
	assert_int_equal(ch_hear_go(&m, 0), CH_HEAR_FOREIGN);
	m.go.kind = CH_GO_CPUS;
	assert_int_equal(ch_hear_go(&m, sizeof(m)), CH_GO_CPUS);
	assert_int_equal(ch_hear_go(&m, sizeof(m) - 1), CH_HEAR_FOREIGN);
	m.go.kind = 77;
	assert_int_equal(ch_hear_go(&m, sizeof(m)), CH_HEAR_FOREIGN);
	m.go = (struct ch_go){ .version = CH_PROTO_VERSION + 1, .kind = CH_GO_ENTER };
	assert_int_equal(ch_hear_go(&m, sizeof(m.go)), CH_HEAR_FOREIGN);
}

static void answer_needs_both_namespaces_and_its_metadata(void **state)
{
	(void)state;
	struct ch_answer a = { .version = CH_PROTO_VERSION, .meta_len = 5 };

	assert_int_equal(ch_hear_answer(&a, sizeof(a) + 5, true, &err), 0);
	assert_int_equal(ch_hear_answer(&a, sizeof(a) + 4, true, &err), -EPROTO);
	assert_int_equal(ch_hear_answer(&a, sizeof(a) + 5, false, &err), -EPROTO);
	assert_int_equal(ch_hear_answer(&a, sizeof(a) - 1, true, &err), -EPROTO);
	assert_int_equal(ch_hear_answer(&a, 0, false, &err), -ECHILD);
	assert_int_equal(ch_hear_answer(&a, -ETIMEDOUT, false, &err), -ETIMEDOUT);
}

static void answer_with_an_error_is_one(void **state)
{
	(void)state;
	struct ch_answer a = { .version = CH_PROTO_VERSION, .code = -ENOENT, .msg = "gone" };

	assert_int_equal(ch_hear_answer(&a, sizeof(a), false, &err), -ENOENT);
	assert_string_equal(err.msg, "gone");
	a.code = 5;
	memset(a.msg, 'x', sizeof(a.msg));
	assert_int_equal(ch_hear_answer(&a, sizeof(a), true, &err), -EPROTO);
	assert_int_equal(strlen(err.msg), sizeof(a.msg) - 1);
}

/* What comes of a message M with COUNT descriptors, and MORE bytes behind it */
static int builder(struct ch_build_msg *m, int count, size_t more)
{
	char packet[sizeof(*m) + 16] = { 0 };
	int fds[2] = { count > 0 ? 3 : -1, count > 1 ? 4 : -1 };

	memcpy(packet, m, sizeof(*m));
	return ch_hear_builder(packet, (long)(sizeof(*m) + more), fds, m);
}

static void builder_has_the_descriptors_it_speaks_of(void **state)
{
	(void)state;
	struct ch_build_msg fuse = { .kind = CH_BUILD_FUSE }, done = { .kind = CH_BUILD_DONE };

	assert_int_equal(builder(&fuse, 1, 0), CH_BUILD_FUSE);
	assert_int_equal(builder(&fuse, 0, 0), CH_BUILD_FAILED);
	assert_int_equal(builder(&done, 2, 0), CH_BUILD_DONE);
	assert_int_equal(builder(&done, 1, 0), CH_BUILD_FAILED);
	assert_int_equal(done.code, -EPROTO);
}

static void builder_has_the_metadata_it_speaks_of(void **state)
{
	(void)state;
	struct ch_build_msg m = { .kind = CH_BUILD_DONE, .meta_len = 16 };

	assert_int_equal(builder(&m, 2, 16), CH_BUILD_DONE);
	assert_int_equal(builder(&m, 2, 15), CH_BUILD_FAILED);
	assert_int_equal(m.code, -EPROTO);
}

static void builder_that_failed_has_a_code_and_a_line(void **state)
{
	(void)state;
	struct ch_build_msg m = { .kind = CH_BUILD_FAILED, .code = 0, .msg = "a\nb" };

	assert_int_equal(builder(&m, 0, 0), CH_BUILD_FAILED);
	assert_int_equal(m.code, -EPROTO);
	assert_string_equal(m.msg, "a?b");
	assert_int_equal(ch_hear_builder("", 0, (int[]){ -1, -1 }, &m), CH_HEAR_END);
	assert_string_equal(m.msg, "");
	/* No line without a reason. */
	m = (struct ch_build_msg){ .kind = CH_BUILD_DONE };
	assert_int_equal(builder(&m, 0, 0), CH_BUILD_FAILED);
	assert_int_equal(m.code, -EPROTO);
	assert_non_null(strstr(m.msg, "without its descriptors"));
}

static void report_is_success_or_one_line(void **state)
{
	(void)state;
	struct ch_server_report r = { .version = CH_SERVER_VERSION };

	assert_int_equal(ch_hear_report(&r, sizeof(r), &err), 0);
	assert_int_equal(ch_hear_report(&r, 0, &err), -EOWNERDEAD);
	assert_int_equal(ch_hear_report(&r, sizeof(r) - 1, &err), -EOWNERDEAD);
	r.code = -EINVAL;
	memset(r.msg, '\n', sizeof(r.msg));
	assert_int_equal(ch_hear_report(&r, sizeof(r), &err), -EINVAL);
	assert_null(strchr(err.msg, '\n'));
	r.version++;
	assert_int_equal(ch_hear_report(&r, sizeof(r), &err), -EPROTO);
}

static void start_needs_a_descriptor(void **state)
{
	(void)state;
	struct ch_server_start s = { .version = CH_SERVER_VERSION };

	assert_int_equal(ch_hear_start(&s, sizeof(s), true, &err), 1);
	assert_int_equal(ch_hear_start(&s, sizeof(s), false, &err), -EPROTO);
	assert_int_equal(ch_hear_start(&s, sizeof(s) - 1, true, &err), -EPROTO);
	assert_int_equal(ch_hear_start(&s, -EMSGSIZE, false, &err), -EMSGSIZE);
	assert_int_equal(ch_hear_start(&s, 0, false, &err), 0);
	s.version++;
	assert_int_equal(ch_hear_start(&s, sizeof(s), true, &err), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(go_is_known_by_version_kind_and_length),
		cmocka_unit_test(answer_needs_both_namespaces_and_its_metadata),
		cmocka_unit_test(answer_with_an_error_is_one),
		cmocka_unit_test(builder_has_the_descriptors_it_speaks_of),
		cmocka_unit_test(builder_has_the_metadata_it_speaks_of),
		cmocka_unit_test(builder_that_failed_has_a_code_and_a_line),
		cmocka_unit_test(report_is_success_or_one_line),
		cmocka_unit_test(start_needs_a_descriptor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
