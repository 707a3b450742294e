/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "torture.h"
#include "unit.h"

/* Parse a command line of at most 8 words. */
static int parse(struct ch_settings *s, const char *const words[], int *ret_first,
		 struct ch_err *err)
{
	char *argv[10] = { 0 }, *mine[10] = { 0 };
	int argc = 0, rc;

	argv[argc++] = strdup("ch-run");
	for (; *words; words++)
		argv[argc++] = strdup(*words);
	memcpy(mine, argv, sizeof(argv));
	s->cwd = "/cwd";
	rc = ch_opt_parse(ch_options, argc, argv, s, ret_first, err);
	for (int i = 0; i < argc; i++)
		free(mine[i]);
	return rc;
}

#define PARSE(s, err, ...)                                                                         \
	parse((s), (const char *const[]){ __VA_ARGS__, NULL }, &(int){ 0 }, (err))

static const struct ch_opt *spank(const char *name)
{
	for (const struct ch_opt *o = ch_options; o->name; o++)
		if (o->where & CH_OPT_SPANK && strcmp(o->name, name) == 0)
			return o;
	fail_msg("no option --ch-%s", name);
	return NULL;
}

/* ---- the table -------------------------------------------------------------------------- */

static void no_name_or_letter_is_used_twice(void **state)
{
	(void)state;
	enum ch_opt_where sides[] = { CH_OPT_RUN, CH_OPT_SPANK };

	for (size_t k = 0; k < ARRAY_SIZE(sides); k++)
		for (const struct ch_opt *a = ch_options; a->name; a++)
			for (const struct ch_opt *b = a + 1; b->name; b++) {
				if (!(a->where & b->where & sides[k]))
					continue;
				assert_string_not_equal(a->name, b->name);
				if (sides[k] == CH_OPT_RUN && a->letter)
					assert_int_not_equal(a->letter, b->letter);
			}
}

static void every_option_explains_itself(void **state)
{
	(void)state;

	for (const struct ch_opt *o = ch_options; o->name; o++) {
		assert_true(o->help && o->help[0] && o->set);
		assert_true(o->man && o->man[strlen(o->man) - 1] == '.');
		assert_true(o->help[strlen(o->help) - 1] != '.');
		assert_true(!o->arg == (o->kind == CH_OPT_FLAG));
	}
}

/* ---- the command line --------------------------------------------------------------------- */

static void the_default_is_nothing(void **state)
{
	(void)state;
	ch_auto(settings) struct ch_settings s = { 0 };
	struct ch_err err;

	assert_int_equal(PARSE(&s, &err, "image", "cmd"), 0);

	assert_int_equal(s.write, CH_WRITE_NO);
	assert_int_equal(s.home, CH_HOME_DEFAULT);
	assert_false(s.has_uid || s.has_gid || s.private_tmp || s.no_passwd || s.dry_run);
	assert_int_equal(s.binds.n + s.env.n, 0);
	assert_null(s.cd);
}

static void options_fill_the_settings(void **state)
{
	(void)state;
	ch_auto(settings) struct ch_settings s = { 0 };
	struct ch_err err;

	assert_int_equal(PARSE(&s, &err, "-u0", "-g4294967294", "-c/x", "-W5%", "-twq"), -EINVAL);
	ch_settings_done(&s);
	assert_int_equal(PARSE(&s, &err, "-u0", "-g4294967294", "-c/x", "-W5%", "-tqq",
			       "--no-passwd", "--home"),
			 0);

	assert_true(s.has_uid && s.uid == 0);
	assert_true(s.has_gid && s.gid == 4294967294);
	assert_string_equal(s.cd, "/x");
	assert_int_equal(s.write, CH_WRITE_FAKE);
	assert_string_equal(s.write_size, "5%");
	assert_true(s.private_tmp && s.no_passwd);
	assert_int_equal(s.quiet, 2);
	assert_int_equal(s.home, CH_HOME_YES);
}

static void the_last_of_single_values_counts(void **state)
{
	(void)state;
	ch_auto(settings) struct ch_settings s = { 0 };
	struct ch_err err;

	assert_int_equal(PARSE(&s, &err, "-c/x", "--cd=y/z", "-u1", "-u2", "-W1m", "-W2m"), 0);

	assert_string_equal(s.cd, "/y/z");
	assert_int_equal(s.uid, 2);
	assert_string_equal(s.write_size, "2m");
}

static void environment_options_keep_their_order(void **state)
{
	(void)state;
	static const enum ch_env_kind kinds[] = { CH_ENV_ASSIGN, CH_ENV_UNSET, CH_ENV_FILE,
						  CH_ENV_IMAGE,	 CH_ENV_FILE0, CH_ENV_IMAGE0 };
	ch_auto(settings) struct ch_settings s = { 0 };
	struct ch_err err;

	assert_int_equal(PARSE(&s, &err, "--set-env=A=b", "--unset-env=C", "--set-env=/f",
			       "--set-env", "--set-env0=g", "--set-env0"),
			 0);

	assert_int_equal(s.env.n, ARRAY_SIZE(kinds));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		assert_int_equal(s.env.list[i].kind, kinds[i]);
	assert_string_equal(s.env.list[4].text, "g");
	assert_null(s.env.list[3].text);
}

static void commas_mean_nothing_on_a_command_line(void **state)
{
	(void)state;
	ch_auto(settings) struct ch_settings s = { 0 };
	struct ch_err err;

	assert_int_equal(PARSE(&s, &err, "-b", "a,b:/c,d", "--unset-env=A,B"), 0);

	assert_int_equal(s.binds.n, 1);
	assert_string_equal(s.binds.list[0].src, "/cwd/a,b");
	assert_string_equal(s.env.list[0].text, "A,B");
}

static void bad_values_are_refused_by_name(void **state)
{
	(void)state;
	static const struct {
		const char *word, *msg;
	} cases[] = {
		{ "-ux", "option --uid: id 'x' is not a number" },
		{ "-u4294967295", "option --uid: id '4294967295' is not between 0 and 4294967294" },
		{ "-g-1", "option --gid: id '-1' is not between 0 and 4294967294" },
		{ "--cd=", "option --cd: the directory is empty" },
		{ "-bx:y", "option --bind: bind destination 'y' is not absolute" },
		{ "--unset-env=", "option --unset-env: the pattern is empty" },
		{ "-W", NULL },
		{ "-W1g", NULL },
		{ "-W0", NULL },
		{ "-W00%", NULL },
		{ "-W1E", NULL },
		{ "-W999999999999999999k", NULL },
		{ "-Wk", "option --write-fake: 'k' is not a size such as 500m, 2G or 12%" },
		{ "-W1kk", "option --write-fake: '1kk' is not a size such as 500m, 2G or 12%" },
		{ "-W1,x", "option --write-fake: '1,x' is not a size such as 500m, 2G or 12%" },
		{ "-W-1", "option --write-fake: '-1' is not a size such as 500m, 2G or 12%" },
		{ "--write-fake=",
		  "option --write-fake: '' is not a size such as 500m, 2G or 12%" },
		{ "-vq", "option --quiet: --quiet and --verbose exclude each other" },
		{ "-qv", "option --verbose: --quiet and --verbose exclude each other" },
		{ "-wW", "option --write-fake: --write and --write-fake exclude each other" },
		{ "--fuse-threads=1025",
		  "option --fuse-threads: number of threads '1025' is not between 1 and 1024" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(settings) struct ch_settings s = { 0 };
		struct ch_err err = { 0 };
		int rc = PARSE(&s, &err, cases[i].word);

		assert_int_equal(rc, cases[i].msg ? err.code : 0);
		if (cases[i].msg)
			assert_string_equal(err.msg, cases[i].msg);
	}
}

/* ---- Slurm ------------------------------------------------------------------------------------
 */

static void values_of_slurm_fill_the_settings(void **state)
{
	(void)state;
	ch_auto(settings) struct ch_settings s = { .cwd = "/cwd" };
	struct ch_err err;
	static const char *const good[][2] = {
		{ "bind", "/a\\,b:/c:ro,d" },
		{ "env", "image,A=b\\,c,/f" },
		{ "unset-env", "X*,Y" },
		{ "write", "fake:3m" },
		{ "join", "no" },
		{ "home", "no" },
		{ "passwd", "no" },
		{ "verbose", "2" },
		{ "script", "yes" },
		{ "image", "none" },
		{ "entrypoint", "yes" },
		{ "private-tmp", "yes" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(ch_opt_take(spank(good[i][0]), good[i][1], &s, &err), 0);

	assert_int_equal(s.binds.n, 2);
	assert_string_equal(s.binds.list[0].src, "/a,b");
	assert_string_equal(s.binds.list[1].dst, "/cwd/d");
	assert_int_equal(s.env.n, 5);
	assert_int_equal(s.env.list[0].kind, CH_ENV_IMAGE);
	assert_string_equal(s.env.list[1].text, "A=b,c");
	assert_int_equal(s.env.list[2].kind, CH_ENV_FILE);
	assert_string_equal(s.env.list[4].text, "Y");
	assert_int_equal(s.write, CH_WRITE_FAKE);
	assert_string_equal(s.write_size, "3m");
	assert_true(s.each && s.no_passwd && s.script && s.entrypoint && s.private_tmp);
	assert_int_equal(s.home, CH_HOME_NO);
	assert_int_equal(s.verbose, 2);
	assert_string_equal(s.image, "none");
}

static void bad_slurm_values_are_refused_by_name(void **state)
{
	(void)state;
	static const char *const cases[][3] = {
		{ "bind", "", "option --ch-bind: the value is empty" },
		{ "cd", "x", "option --ch-cd: directory 'x' is not absolute" },
		{ "home", "maybe", "option --ch-home: value 'maybe' is neither yes nor no" },
		{ "write", "fakes",
		  "option --ch-write: 'fakes' is none of image, fake, fake:SIZE, no" },
		{ "write", "fake:", "option --ch-write: '' is not a size such as 500m, 2G or 12%" },
		{ "join", "yes", "option --ch-join: 'yes' is neither step nor no" },
		{ "env", "x", "option --ch-env: 'x' is neither image, nor VAR=VAL, nor /FILE" },
		{ "env", "=x", "option --ch-env: '=x' is neither image, nor VAR=VAL, nor /FILE" },
		{ "env", "A=b,", "option --ch-env: '' is neither image, nor VAR=VAL, nor /FILE" },
		{ "verbose", "4", "option --ch-verbose: verbosity '4' is not between 0 and 3" },
		{ "unset-env", "A,,B", "option --ch-unset-env: the pattern is empty" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(settings) struct ch_settings s = { .cwd = "/cwd" };
		struct ch_err err;

		assert_true(ch_opt_take(spank(cases[i][0]), cases[i][1], &s, &err) < 0);
		assert_string_equal(err.msg, cases[i][2]);
	}
}

static void the_write_mode_of_a_step_replaces_that_of_the_job(void **state)
{
	(void)state;
	static const char *const modes[] = { "image", "fake:1m", "image", "no", "fake" };
	ch_auto(settings) struct ch_settings s = { 0 };
	struct ch_err err;

	for (size_t i = 0; i < ARRAY_SIZE(modes); i++)
		assert_int_equal(ch_opt_take(spank("write"), modes[i], &s, &err), 0);

	assert_int_equal(s.write, CH_WRITE_FAKE);
	assert_null(s.write_size); /* of another mode, long forgotten */
}

static int take_much(void *data)
{
	ch_auto(settings) struct ch_settings s = { .cwd = "/cwd" };
	struct ch_err err;
	int rc;

	(void)data;
	rc = ch_opt_take(spank("bind"), "a:/b:ro,/c", &s, &err);
	if (rc == 0)
		rc = ch_opt_take(spank("env"), "A=b,/f,image", &s, &err);
	if (rc == 0)
		rc = ch_opt_take(spank("write"), "fake:1m", &s, &err);
	if (rc == 0)
		rc = ch_opt_take(spank("cd"), "/x", &s, &err);
	return rc;
}

static int parse_much(void *data)
{
	char *argv[] = { (char[]){ "ch-run" }, (char[]){ "-ba:/b" }, (char[]){ "--set-env=A=b" },
			 (char[]){ "-c/x" },   (char[]){ "image" },  NULL };
	ch_auto(settings) struct ch_settings s = { .cwd = "/cwd" };
	struct ch_err err;
	int first;

	(void)data;
	return ch_opt_parse(ch_options, 5, argv, &s, &first, &err);
}

static void survives_lack_of_memory(void **state)
{
	(void)state;

	assert_true(torture(take_much, NULL) > 10);
	assert_true(torture(parse_much, NULL) > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_name_or_letter_is_used_twice),
		cmocka_unit_test(every_option_explains_itself),
		cmocka_unit_test(the_default_is_nothing),
		cmocka_unit_test(options_fill_the_settings),
		cmocka_unit_test(the_last_of_single_values_counts),
		cmocka_unit_test(environment_options_keep_their_order),
		cmocka_unit_test(commas_mean_nothing_on_a_command_line),
		cmocka_unit_test(bad_values_are_refused_by_name),
		cmocka_unit_test(values_of_slurm_fill_the_settings),
		cmocka_unit_test(bad_slurm_values_are_refused_by_name),
		cmocka_unit_test(the_write_mode_of_a_step_replaces_that_of_the_job),
		cmocka_unit_test(survives_lack_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
