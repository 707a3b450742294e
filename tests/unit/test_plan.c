/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/plan.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "torture.h"
#include "unit.h"

static char image[] = "/images/i";
static char tmp[] = "/host/tmp";

static void make(const struct ch_request *req, enum ch_image_kind kind, struct ch_plan *plan)
{
	const struct ch_image of_kind = { .kind = kind };
	struct ch_err err;

	assert_int_equal(ch_plan_make(req, &of_kind, plan, &err), 0);
}

/* The first operation on DST from START on, or NULL. */
static const struct ch_op *on(const struct ch_plan *plan, const char *dst, size_t start)
{
	for (size_t i = start; i < plan->n; i++)
		if (strcmp(plan->ops[i].dst, dst) == 0)
			return &plan->ops[i];
	return NULL;
}

/* The same; it has to be there. */
static const struct ch_op *the(const struct ch_plan *plan, const char *dst)
{
	return NOT_NULL(on(plan, dst, 0));
}

static void a_directory_is_read_only_unless_write_is_asked_for(void **state)
{
	(void)state;
	struct ch_request req = { .image = image };
	ch_auto(plan) struct ch_plan plain = { 0 };
	ch_auto(plan) struct ch_plan written = { 0 };

	make(&req, CH_IMAGE_DIR, &plain);
	req.write = CH_WRITE_IMAGE;
	make(&req, CH_IMAGE_DIR, &written);

	assert_int_equal(plain.ops[0].kind, CH_OP_IMAGE_DIR);
	assert_string_equal(plain.ops[0].src, image);
	assert_int_equal(plain.ops[0].flags, CH_BIND_RO);
	assert_int_equal(written.ops[0].kind, CH_OP_IMAGE_DIR);
	assert_int_equal(written.ops[0].flags, 0);
}

static void a_squashfs_image_cannot_be_written_to(void **state)
{
	(void)state;
	struct ch_request req = { .image = image, .write = CH_WRITE_IMAGE };
	static const struct ch_image squash = { .kind = CH_IMAGE_SQUASH };
	static const struct ch_image sif = { .kind = CH_IMAGE_SQUASH, .is_sif = true };
	struct ch_plan plan = { .n = 77 };
	struct ch_err err;

	assert_int_equal(ch_plan_make(&req, &squash, &plan, &err), -EROFS);
	assert_non_null(strstr(err.msg, "is a SquashFS file"));
	assert_non_null(strstr(err.msg, "--write-fake"));
	assert_int_equal(ch_plan_make(&req, &sif, &plan, &err), -EROFS);
	assert_non_null(strstr(err.msg, "is a SIF file"));
	assert_int_equal(plan.n, 77);
}

static void the_host_as_image_has_no_default_binds(void **state)
{
	(void)state;
	char root[] = "//";
	struct ch_request req = { .image = root, .tmp = tmp };
	ch_auto(plan) struct ch_plan plain = { 0 };
	ch_auto(plan) struct ch_plan fake = { 0 };
	ch_auto(plan) struct ch_plan written = { 0 };

	make(&req, CH_IMAGE_DIR, &plain);
	req.write = CH_WRITE_FAKE;
	req.tmp = NULL;
	make(&req, CH_IMAGE_DIR, &fake);
	req.write = CH_WRITE_IMAGE;
	make(&req, CH_IMAGE_DIR, &written);

	assert_int_equal(plain.n, 1);
	assert_int_equal(plain.ops[0].kind, CH_OP_IMAGE_HOST);
	assert_int_equal(plain.ops[0].flags, CH_BIND_RO);
	assert_int_equal(fake.n, 3);
	assert_int_equal(fake.ops[0].flags, 0);
	assert_int_equal(fake.ops[1].kind, CH_OP_FAKE);
	assert_int_equal(fake.ops[2].kind, CH_OP_TMPFS);
	assert_int_equal(written.n, 2);
	assert_int_equal(written.ops[0].flags, 0);
}

static void a_layer_in_memory_follows_the_root(void **state)
{
	(void)state;
	static const struct {
		const char *size, *text;
	} cases[] = { { NULL, "12%" }, { "5m", "5m" } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(str) char *size = cases[i].size ? strdup(cases[i].size) : NULL;
		struct ch_request req = { .image = image,
					  .write = CH_WRITE_FAKE,
					  .write_size = size };
		ch_auto(plan) struct ch_plan plan = { 0 };

		make(&req, CH_IMAGE_SQUASH, &plan);

		assert_int_equal(plan.ops[0].kind, CH_OP_IMAGE_SQUASH);
		assert_int_equal(plan.ops[1].kind, CH_OP_FAKE);
		assert_string_equal(plan.ops[1].text, cases[i].text);
	}
}

static void the_hosts_places_are_bound_and_no_others(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		bool is_optional; /* bound where both host and image have it */
	} cases[] = {
		{ "/dev", false },
		{ "/proc", false },
		{ "/sys", false },
		{ "/etc/hosts", true },
		{ "/etc/machine-id", true },
		{ "/etc/resolv.conf", true },
		{ "/var/lib/hugetlbfs", true },
		{ "/var/spool/slurmd", true },
		{ "/etc/opt/cray/wlm_detect", true },
		{ "/opt/cray/wlm_detect", true },
		{ "/opt/cray/alps", true },
		{ "/opt/cray/udreg", true },
		{ "/opt/cray/ugni", true },
		{ "/opt/cray/xpmem", true },
		{ "/var/opt/cray/alps", true },
	};
	static const enum ch_image_kind kinds[] = { CH_IMAGE_DIR, CH_IMAGE_SQUASH };

	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		struct ch_request req = { .image = image };
		ch_auto(plan) struct ch_plan plan = { 0 };

		make(&req, kinds[k], &plan);

		for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
			const struct ch_op *op = the(&plan, cases[i].path);

			assert_int_equal(op->kind, CH_OP_BIND);
			assert_string_equal(op->src, cases[i].path);
			assert_int_equal(op->flags,
					 cases[i].is_optional ? CH_BIND_MAYBE | CH_BIND_AS_IS : 0);
			/* Not even twice */
			assert_null(on(&plan, cases[i].path, (size_t)(op - plan.ops) + 1));
		}
		/* The root, passwd, group, and /tmp */
		assert_int_equal(plan.n, ARRAY_SIZE(cases) + 4);
	}
}

static void passwd_and_group_are_generated_unless_not_wanted(void **state)
{
	(void)state;
	struct ch_request req = { .image = image };
	ch_auto(plan) struct ch_plan with = { 0 };
	ch_auto(plan) struct ch_plan without = { 0 };

	make(&req, CH_IMAGE_DIR, &with);
	req.no_passwd = true;
	make(&req, CH_IMAGE_DIR, &without);

	assert_int_equal(the(&with, "/etc/passwd")->kind, CH_OP_PASSWD);
	assert_int_equal(the(&with, "/etc/group")->kind, CH_OP_GROUP);
	assert_null(on(&without, "/etc/passwd", 0));
	assert_null(on(&without, "/etc/group", 0));
}

static void tmp_is_bound_or_fresh(void **state)
{
	(void)state;
	struct ch_request req = { .image = image };
	ch_auto(plan) struct ch_plan fresh = { 0 };
	ch_auto(plan) struct ch_plan bound = { 0 };

	make(&req, CH_IMAGE_DIR, &fresh);
	req.tmp = tmp;
	make(&req, CH_IMAGE_DIR, &bound);

	assert_int_equal(the(&fresh, "/tmp")->kind, CH_OP_TMPFS);
	assert_string_equal(the(&fresh, "/tmp")->text, "mode=1777");
	assert_int_equal(the(&bound, "/tmp")->kind, CH_OP_BIND);
	assert_string_equal(the(&bound, "/tmp")->src, tmp);
}

static void binds_of_the_user_come_last_and_in_order(void **state)
{
	(void)state;
	struct ch_request req = { .image = image };
	ch_auto(plan) struct ch_plan plan = { 0 };
	struct ch_err err;

	ch_binds_add(&req.binds, "/a", "/x", CH_BIND_RO, &err);
	ch_binds_add(&req.binds, "/b", "/x", 0, &err);
	ch_binds_add(&req.binds, "/c", "/tmp/y", CH_BIND_MAYBE, &err);
	make(&req, CH_IMAGE_DIR, &plan);

	const struct ch_op *ops = &plan.ops[plan.n - 3];

	assert_string_equal(ops[0].src, "/a");
	assert_int_equal(ops[0].flags, CH_BIND_RO);
	assert_string_equal(ops[1].src, "/b");
	assert_string_equal(ops[2].dst, "/tmp/y");
	assert_int_equal(ops[2].flags, CH_BIND_MAYBE);
	assert_non_null(on(&plan, "/tmp", 0));
	ch_binds_done(&req.binds);
}

static void a_plan_is_printed_one_line_an_operation(void **state)
{
	(void)state;
	struct ch_request req = { .image = image, .write = CH_WRITE_FAKE };
	ch_auto(plan) struct ch_plan plan = { 0 };
	ch_auto(str) char *text = NULL;
	size_t len, lines = 0;
	struct ch_err err;

	ch_binds_add(&req.binds, "/a", "/x", CH_BIND_RO, &err);
	make(&req, CH_IMAGE_SQUASH, &plan);

	FILE *out = open_memstream(&text, &len);

	ch_plan_print(&plan, out);
	fclose(out);
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	assert_int_equal(lines, plan.n);
	assert_memory_equal(text, "root: SquashFS '/images/i' read-only\n", 37);
	assert_non_null(strstr(text, "\nbind '/a' on '/x' read-only\n"));
	assert_non_null(strstr(text, "\nfresh tmpfs on '/tmp'\n"));
	assert_non_null(strstr(text, "\nwritable layer in memory, size 12%\n"));
	assert_non_null(strstr(
		text, "\nbind '/etc/hosts' on '/etc/hosts', if it exists, if the image has it\n"));
	ch_binds_done(&req.binds);
}

static int plan_it(void *data)
{
	static const struct ch_image directory = { .kind = CH_IMAGE_DIR };
	ch_auto(plan) struct ch_plan plan = { 0 };
	struct ch_err err;

	return ch_plan_make(data, &directory, &plan, &err);
}

static void survives_lack_of_memory(void **state)
{
	(void)state;
	struct ch_request req = { .image = image };

	assert_int_equal(torture(plan_it, &req), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_directory_is_read_only_unless_write_is_asked_for),
		cmocka_unit_test(a_squashfs_image_cannot_be_written_to),
		cmocka_unit_test(the_host_as_image_has_no_default_binds),
		cmocka_unit_test(a_layer_in_memory_follows_the_root),
		cmocka_unit_test(the_hosts_places_are_bound_and_no_others),
		cmocka_unit_test(passwd_and_group_are_generated_unless_not_wanted),
		cmocka_unit_test(tmp_is_bound_or_fresh),
		cmocka_unit_test(binds_of_the_user_come_last_and_in_order),
		cmocka_unit_test(a_plan_is_printed_one_line_an_operation),
		cmocka_unit_test(survives_lack_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
