/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/words.h"
#include "build/force.h"
#include "build/force_distro.h"
#include "build/force_words.h"
#include "torture.h"
#include "unit.h"

static void commands_are_words_wherever_they_stand(void **state)
{
	static const struct {
		const char *text;
		bool has;
	} rows[] = {
		{ "apt", true },
		{ "apt install x", true },
		{ "set -e; apt update&&x", true },
		{ "x|apt", true },
		{ "(apt)", true },
		{ "`apt`", true },
		{ "/usr/bin/apt install", true },
		{ "bin/apt", true },
		{ "a=1 apt\nb", true },
		{ "", false },
		{ "apt-get update", false },
		{ "aptitude", false },
		{ "my-apt x", false },
		{ "myapt", false },
		{ "rm /etc/apt/sources.list", false },
		{ "ls /etc/apt", false },
		{ "cabin/apt x", true }, /* a path that ends so */
		{ "x=apt.conf", false },
		{ "apt-get x; apt", true },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (ch_force_has_word(rows[i].text, "apt") != rows[i].has)
			fail_msg("'%s'", rows[i].text);
}

static void arguments_are_inserted_behind_commands(void **state)
{
	static const struct {
		const char *cmd, *text, *wanted;
	} rows[] = {
		{ "foo,-a,--bar=baz", "foo -c", "foo -a --bar=baz -c" },
		{ "foo,-a", "foo; /bin/foo && foo", "foo -a; /bin/foo -a && foo -a" },
		{ "foo,-a", "foobar", "foobar" },
		{ "foo,a b,it's", "foo x", "foo 'a b' 'it'\\''s' x" },
		{ "foo,a\\,b", "foo", "foo a,b" },
		{ "foo,", "foo", "foo ''" },
		{ "foo,foo", "foo", "foo foo" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		ch_auto(words) struct ch_words cmd = { 0 };
		ch_auto(str) char *text = NULL;
		struct ch_err err;

		assert_int_equal(ch_force_split(rows[i].cmd, &cmd, &err), 0);
		assert_int_equal(ch_force_insert(rows[i].text, &cmd, &text, &err), 0);
		assert_string_equal(text, rows[i].wanted);
	}
}

static void words_stay_words(void **state)
{
	ch_auto(words) struct ch_words cmd = { 0 };
	char *argv[] = { (char[]){ "/bin/foo" }, (char[]){ "foo x" }, (char[]){ "foo" },
			 (char[]){ "/foo" }, NULL };
	static const char *const wanted[] = {
		"/bin/foo", "a b", "foo 'a b' x", "foo", "a b", "/foo"
	};
	ch_auto(words) struct ch_words words = { 0 };
	struct ch_err err;

	(void)state;
	assert_int_equal(ch_force_split("foo,a b", &cmd, &err), 0);
	assert_int_equal(ch_force_insert_words(argv, &cmd, &words, &err), 0);
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		assert_string_equal(words.v[i], wanted[i]);
	assert_int_equal(words.n, ARRAY_SIZE(wanted));
}

/* Write TEXT to PATH of directory DIR, or make it a link to what is behind "->". */
static void put(const char *dir, const char *path, const char *text)
{
	char name[256];

	snprintf(name, sizeof(name), "%s%s", dir, path);
	if (strncmp(text, "->", 2) == 0) {
		assert_int_equal(symlink(text + 2, name), 0);
		return;
	}

	FILE *f = NOT_NULL(fopen(name, "w"));

	fputs(text, f);
	fclose(f);
}

static void distributions_are_told_by_their_files(void **state)
{
	static const struct {
		const char *path, *text, *name;
	} rows[] = {
		{ "/etc/redhat-release", "CentOS Linux release 7.9.2009 (Core)\n",
		  "CentOS or RHEL 7" },
		{ "/etc/redhat-release", "Red Hat Enterprise Linux release 8.5 (Ootpa)\n",
		  "RHEL 8 or later, or a relative" },
		{ "/etc/redhat-release", "AlmaLinux release 9.3\n",
		  "RHEL 8 or later, or a relative" },
		{ "/etc/redhat-release", "Rocky Linux release 10.0\n",
		  "RHEL 8 or later, or a relative" },
		{ "/etc/redhat-release", "Fedora release 39 (Thirty Nine)\n", NULL },
		{ "/etc/fedora-release", "Fedora release 39 (Thirty Nine)\n", "Fedora" },
		{ "/etc/debian_version", "12.5\n", "Debian, Ubuntu, or a relative" },
		{ "/etc/os-release", "NAME=x\nID_LIKE=\"suse opensuse\"\n", "SUSE" },
		{ "/etc/os-release", "ID=arch\n", "Arch Linux, or a relative" },
		{ "/etc/os-release", "VARIANT_ID=arch\n", NULL },
		{ "/etc/alpine-release", "3.19.1\n", "Alpine" },
		{ "/etc/alpine-release", "", NULL },
		{ "/etc/alpine-release", "->../lib/release", "Alpine" },
		{ "/etc/alpine-release", "->/lib/release", "Alpine" },
		{ "/etc/debian_version", "->/proc/version", NULL }, /* the host's */
		{ "/etc/debian_version", "->../../../../../../proc/version", NULL },
		{ "/etc/debian_version", "->.", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		char dir[] = "/tmp/ch-force-XXXXXX", etc[64], lib[64], path[256];

		snprintf(etc, sizeof(etc), "%s/etc", NOT_NULL(mkdtemp(dir)));
		snprintf(lib, sizeof(lib), "%s/lib", dir);
		assert_int_equal(mkdir(etc, 0755) | mkdir(lib, 0755), 0);
		put(dir, "/lib/release", "1\n");
		put(dir, rows[i].path, rows[i].text);

		const struct ch_force_distro *d = ch_force_distro_find(dir);

		assert_string_equal(d ? d->name : "none", rows[i].name ? rows[i].name : "none");
		snprintf(path, sizeof(path), "%s%s", dir, rows[i].path);
		unlink(path);
		snprintf(path, sizeof(path), "%s/release", lib);
		unlink(path);
		assert_int_equal(rmdir(etc) | rmdir(lib) | rmdir(dir), 0);
	}
	assert_null(ch_force_distro_find("/nonexistent"));
}

static int insert(void *data)
{
	ch_auto(words) struct ch_words cmd = { 0 };
	ch_auto(words) struct ch_words words = { 0 };
	char *argv[] = { data, (char[]){ "foo bar" }, NULL };
	struct ch_err err;
	int rc = ch_force_split("foo,a,b", &cmd, &err);

	return rc == 0 ? ch_force_insert_words(argv, &cmd, &words, &err) : rc;
}

static void without_memory_it_fails_cleanly(void **state)
{
	(void)state;
	assert_true(torture(insert, (char[]){ "foo" }) > 5);
}

static void options_are_understood(void **state)
{
	struct ch_force force = { 0 };
	struct ch_err err;

	(void)state;
	assert_int_equal(force.mode, CH_FORCE_SECCOMP);
	assert_int_equal(ch_force_set(&force, "fakeroot", &err), 0);
	assert_int_equal(force.mode, CH_FORCE_FAKEROOT);
	assert_int_equal(ch_force_set(&force, NULL, &err), 0);
	assert_int_equal(force.mode, CH_FORCE_SECCOMP);
	assert_int_equal(ch_force_set(&force, "none", &err), 0);
	assert_int_equal(ch_force_letter(force.mode), 'N');
	assert_int_equal(ch_force_set(&force, "", &err), -EINVAL);
	assert_int_equal(ch_force_add(&force, "cmd", &err), -EINVAL);
	assert_int_equal(ch_force_add(&force, ",x", &err), -EINVAL);
	assert_int_equal(ch_force_add(&force, "cmd,x", &err), 0);
	assert_int_equal(force.mode, CH_FORCE_SECCOMP);
	assert_int_equal(force.cmds.n, 1);
	ch_force_done(&force);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_words_wherever_they_stand),
		cmocka_unit_test(arguments_are_inserted_behind_commands),
		cmocka_unit_test(words_stay_words),
		cmocka_unit_test(distributions_are_told_by_their_files),
		cmocka_unit_test(without_memory_it_fails_cleanly),
		cmocka_unit_test(options_are_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
