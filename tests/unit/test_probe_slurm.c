/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/slurm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "unit.h"

static const struct {
	const char *line, *value; /* of PlugStackConfig; NULL: none */
} values[] = {
	{ "PlugStackConfig=/a/b\n", "/a/b" },
	{ "  plugstackconfig = /a/b # why\n", "/a/b" },
	{ "ClusterName=x PlugStackConfig=\"/a b/c\" Other=1\n", "/a b/c" },
	{ "# PlugStackConfig=/a\n", NULL },
	{ "ClusterName=x # PlugStackConfig=/a\n", NULL },
	{ "MyPlugStackConfig=/a\n", NULL },
	{ "PlugStackConfigs=/a\n", NULL },
	{ "PlugStackConfig=\n", NULL },
	{ "PlugStackConfig", NULL },
	{ "", NULL },
};

static void finds_a_value_in_a_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		char out[PATH_MAX] = "";
		bool found = ch_slurm_value(values[i].line, "PlugStackConfig", out);

		assert_int_equal(found, values[i].value != NULL);
		assert_string_equal(out, values[i].value ? values[i].value : "");
	}
}

static const struct {
	const char *line;
	enum ch_stack_kind kind;
	const char *path;
} lines[] = {
	{ "required /x/y.so a=b\n", CH_STACK_REQUIRED, "/x/y.so" },
	{ "\toptional\ty.so\n", CH_STACK_OPTIONAL, "y.so" },
	{ "include conf.d/*\n", CH_STACK_INCLUDE, "conf.d/*" },
	{ "#required /x/y.so\n", CH_STACK_NOTHING, "" },
	{ "required # /x/y.so\n", CH_STACK_NOTHING, "" },
	{ "/x/y.so\n", CH_STACK_NOTHING, "" },
	{ "\n", CH_STACK_NOTHING, "" },
};

static void reads_lines_of_plugstack_conf(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char path[PATH_MAX] = "";

		assert_int_equal(ch_slurm_stack_line(lines[i].line, path), lines[i].kind);
		assert_string_equal(path, lines[i].path);
	}
}

static void takes_a_version_apart(void **state)
{
	(void)state;
	unsigned major = 0, minor = 0;

	assert_true(ch_slurm_version("slurm-wlm 22.05.8\n", &major, &minor));
	assert_int_equal(major, 22);
	assert_int_equal(minor, 5);
	assert_true(ch_slurm_version("slurm 24.11.0-0rc1\n", &major, &minor));
	assert_int_equal(major, 24);
	assert_int_equal(minor, 11);
	assert_false(ch_slurm_version("slurm", &major, &minor));
	assert_false(ch_slurm_version("22.05", &major, &minor));
}

/* ---- files -------------------------------------------------------------------------- */

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/charlie-test.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static const char *path_of(const char *name)
{
	static char path[2][128];
	static unsigned turn;
	char *out = path[turn++ % 2];

	snprintf(out, sizeof(path[0]), "%s/%s", dir, name);
	return out;
}

static void write_file(const char *name, const char *text)
{
	ch_auto(file) FILE *f = fopen(path_of(name), "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
}

static int remove_dir(void **state)
{
	static const char *const names[] = { "slurm.conf", "other.conf", "plugstack.conf",
					     "d/1.conf",   "d/2.conf",	 "d" };

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		remove(path_of(names[i]));
	unsetenv("SLURM_CONF");
	return rmdir(dir);
}

static void follows_includes_of_both_files(void **state)
{
	(void)state;
	static struct ch_slurm s;

	assert_int_equal(mkdir(path_of("d"), 0700), 0);
	write_file("slurm.conf", "ClusterName=x\ninclude other.conf\n");
	write_file("other.conf", "PlugStackConfig=plugstack.conf\n");
	write_file("plugstack.conf", "required /x/other.so\ninclude d/*.conf\n");
	write_file("d/1.conf", "# nothing\n");
	write_file("d/2.conf", "optional /x/ours.so key=value\n");
	setenv("SLURM_CONF", path_of("slurm.conf"), 1);

	ch_slurm_find("ours.so", &s);

	assert_string_equal(s.conf, path_of("slurm.conf"));
	assert_string_equal(s.stack, path_of("plugstack.conf"));
	assert_string_equal(s.plugin, "/x/ours.so");
	assert_false(s.is_required);
}

static void looks_beside_slurm_conf_by_default(void **state)
{
	(void)state;
	static struct ch_slurm s;

	write_file("slurm.conf", "ClusterName=x\n");
	setenv("SLURM_CONF", path_of("slurm.conf"), 1);

	ch_slurm_find("ours.so", &s);
	assert_string_equal(s.stack, path_of("plugstack.conf"));
	assert_string_equal(s.plugin, "");

	write_file("plugstack.conf", "required ours.so\n");
	ch_slurm_find("ours.so", &s);
	assert_string_equal(s.plugin, "ours.so");
	assert_true(s.is_required);
}

static void ends_with_files_that_include_themselves(void **state)
{
	(void)state;
	static struct ch_slurm s;

	write_file("slurm.conf", "include slurm.conf\n");
	write_file("plugstack.conf", "include plugstack.conf\n");
	setenv("SLURM_CONF", path_of("slurm.conf"), 1);

	ch_slurm_find("ours.so", &s);

	assert_string_equal(s.plugin, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_a_value_in_a_line),
		cmocka_unit_test(reads_lines_of_plugstack_conf),
		cmocka_unit_test(takes_a_version_apart),
		cmocka_unit_test_setup_teardown(follows_includes_of_both_files, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(looks_beside_slurm_conf_by_default, make_dir,
						remove_dir),
		cmocka_unit_test_setup_teardown(ends_with_files_that_include_themselves, make_dir,
						remove_dir),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
