/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/env.h"

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

/* ---- an environment to play with ------------------------------------------------------- */

enum { SLOTS = 64 };

struct play {
	char *list[SLOTS + 1];
	size_t n;
	int refuse; /* set and unset fail */
};

static char **find(struct play *p, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < p->n; i++)
		if (strncmp(p->list[i], name, len) == 0 && p->list[i][len] == '=')
			return &p->list[i];
	return NULL;
}

static const char *play_get(const char *name, void *data)
{
	char **slot = find(data, name);

	return slot ? strchr(*slot, '=') + 1 : NULL;
}

static int play_set(const char *name, const char *value, void *data)
{
	struct play *p = data;
	char **slot = find(p, name);
	size_t size = strlen(name) + strlen(value) + 2;
	char *text = malloc(size);

	if (!text || p->refuse || p->n == SLOTS) {
		free(text);
		return -ENOMEM;
	}
	snprintf(text, size, "%s=%s", name, value);
	if (slot)
		free(*slot);
	else
		slot = &p->list[p->n++];
	*slot = text;
	return 0;
}

static int play_unset(const char *name, void *data)
{
	struct play *p = data;
	char **slot = find(p, name);

	if (p->refuse)
		return -ENOMEM;
	if (slot) {
		free(*slot);
		*slot = p->list[--p->n];
		p->list[p->n] = NULL;
	}
	return 0;
}

static char **play_list(void *data)
{
	return ((struct play *)data)->list;
}

static void ch_auto_play(struct play *p)
{
	while (p->n > 0)
		free(p->list[--p->n]);
	memset(p->list, 0, sizeof(p->list));
}

static struct ch_env env_of(struct play *p)
{
	return (struct ch_env){ play_get, play_set, play_unset, play_list, p };
}

/* ---- assignments --------------------------------------------------------------------------- */

static const struct {
	const char *text, *name, *expanded, *plain;
} assignments[] = {
	{ "FOO=bar", "FOO", "bar", "bar" },
	{ "FOO=bar=baz", "FOO", "bar=baz", "bar=baz" },
	{ "FOO=", "FOO", "", "" },
	{ "FOO='bar'", "FOO", "bar", "bar" },
	{ "FOO=''", "FOO", "", "" },
	{ "FOO=''''", "FOO", "''", "''" },
	{ "FOO='", "FOO", "'", "'" },
	{ "FOO='a", "FOO", "'a", "'a" },
	{ "FOO=a'", "FOO", "a'", "a'" },
	{ "FOO=\"a\"", "FOO", "\"a\"", "\"a\"" },
	{ "FOO= a b ", "FOO", " a b ", " a b " },
	{ "FOO=a # b", "FOO", "a # b", "a # b" },
	{ "FOO=a\\$SET", "FOO", "a\\$SET", "a\\$SET" },
	{ "FOO=$SET", "FOO", "set", "$SET" },
	{ "FOO='$SET'", "FOO", "set", "$SET" },
	{ "FOO=$SET:baz", "FOO", "set:baz", "$SET:baz" },
	{ "FOO=a:$SET:b", "FOO", "a:set:b", "a:$SET:b" },
	{ "FOO=bar$SET", "FOO", "bar$SET", "bar$SET" },
	{ "FOO=$SETx", "FOO", "", "$SETx" },
	{ "FOO=$", "FOO", "$", "$" },
	{ "FOO=$:a:$", "FOO", "$:a:$", "$:a:$" },
	{ "FOO=$UNSET", "FOO", "", "$UNSET" },
	{ "FOO=$EMPTY", "FOO", "", "$EMPTY" },
	{ "FOO=$UNSET:bar", "FOO", "bar", "$UNSET:bar" },
	{ "FOO=bar:$UNSET", "FOO", "bar", "bar:$UNSET" },
	{ "FOO=baz:$UNSET:qux", "FOO", "baz:qux", "baz:$UNSET:qux" },
	{ "FOO=$UNSET:$EMPTY:$UNSET", "FOO", "", "$UNSET:$EMPTY:$UNSET" },
	{ "FOO=:bar:baz::", "FOO", ":bar:baz::", ":bar:baz::" },
	{ "FOO=:", "FOO", ":", ":" },
	{ "FOO=:$UNSET:", "FOO", ":", ":$UNSET:" },
	{ "FOO=$COLON:c", "FOO", "a:b:c", "$COLON:c" },
	{ "FOO=$DOLLAR", "FOO", "$SET", "$DOLLAR" },
	{ " F O=x", " F O", "x", "x" },
	{ "#F=x", "#F", "x", "x" },
};

static void prepare(struct ch_env *env)
{
	env->set("SET", "set", env->data);
	env->set("EMPTY", "", env->data);
	env->set("COLON", "a:b", env->data);
	env->set("DOLLAR", "$SET", env->data);
}

static void assignments_are_expanded_by_items(void **state)
{
	(void)state;

	for (size_t i = 0; i < ARRAY_SIZE(assignments); i++) {
		ch_auto(play) struct play p = { 0 };
		struct ch_env env = env_of(&p);
		struct ch_err err;

		prepare(&env);

		assert_int_equal(ch_env_assign(&env, assignments[i].text, true, &err), 0);
		assert_string_equal(play_get(assignments[i].name, &p), assignments[i].expanded);

		assert_int_equal(ch_env_assign(&env, assignments[i].text, false, &err), 0);
		assert_string_equal(play_get(assignments[i].name, &p), assignments[i].plain);
	}
}

static void faulty_assignments_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text, *msg;
	} cases[] = {
		{ "FOO bar", "environment 'FOO bar' is not NAME=VALUE" },
		{ "", "environment '' is not NAME=VALUE" },
		{ "=bar", "environment '=bar' has no name" },
		{ "=", "environment '=' has no name" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(play) struct play p = { 0 };
		struct ch_env env = env_of(&p);
		struct ch_err err;

		assert_int_equal(ch_env_assign(&env, cases[i].text, true, &err), -EINVAL);
		assert_string_equal(err.msg, cases[i].msg);
		assert_int_equal(p.n, 0);
	}
}

static void values_are_bounded(void **state)
{
	(void)state;
	ch_auto(play) struct play p = { 0 };
	struct ch_env env = env_of(&p);
	ch_auto(str) char *text = NOT_NULL(malloc(100003));
	struct ch_err err;

	memset(text, 'x', 100002);
	memcpy(text, "A=", 2);
	text[100002] = '\0';

	assert_int_equal(ch_env_assign(&env, text, true, &err), 0);
	assert_int_equal(ch_env_assign(&env, "B=$A:$A", true, &err), -E2BIG);
	assert_string_equal(err.msg, "environment variable 'B' is too long");
	assert_null(play_get("B", &p));
}

/* ---- other changes ----------------------------------------------------------------------------
 */

static void globs_remove_what_they_match(void **state)
{
	(void)state;
	static const struct {
		const char *glob, *left;
	} cases[] = {
		{ "A_1", "A_2 B_1 C" },
		{ "A_*", "B_1 C" },
		{ "*_1", "A_2 C" },
		{ "!(A_*|B_*)", "A_1 A_2 B_1" },
		{ "@(C|B_1)", "A_1 A_2" },
		{ "[AB]_?(1)", "A_2 C" },
		{ "*", "" },
		{ "a_1", "A_1 A_2 B_1 C" },
		{ "A_", "A_1 A_2 B_1 C" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		static const char *const names[] = { "A_1", "A_2", "B_1", "C" };
		ch_auto(play) struct play p = { 0 };
		struct ch_env env = env_of(&p);
		char left[64] = "";
		struct ch_err err;

		for (size_t k = 0; k < ARRAY_SIZE(names); k++)
			play_set(names[k], "x", &p);

		assert_int_equal(ch_env_unset_glob(&env, cases[i].glob, &err), 0);

		for (size_t k = 0; k < ARRAY_SIZE(names); k++)
			if (play_get(names[k], &p))
				snprintf(left + strlen(left), sizeof(left) - strlen(left), "%s%s",
					 left[0] ? " " : "", names[k]);
		assert_string_equal(left, cases[i].left);
	}
}

static void an_empty_glob_is_refused(void **state)
{
	(void)state;
	ch_auto(play) struct play p = { 0 };
	struct ch_env env = env_of(&p);
	struct ch_err err;

	assert_int_equal(ch_env_unset_glob(&env, "", &err), -EINVAL);
}

static void what_cannot_be_unset_is_an_error_not_a_loop(void **state)
{
	(void)state;
	ch_auto(play) struct play p = { 0 };
	struct ch_env env = env_of(&p);
	struct ch_err err;

	play_set("A", "x", &p);
	p.refuse = 1;

	assert_int_equal(ch_env_unset_glob(&env, "A", &err), -EINVAL);
	assert_string_equal(err.msg, "cannot unset variable 'A'");
}

static void path_gets_bin_unless_it_has_it(void **state)
{
	(void)state;
	static const struct {
		const char *before, *after;
	} cases[] = {
		{ "/usr/bin", "/usr/bin:/bin" },
		{ "/bin", "/bin" },
		{ "/bin:/x", "/bin:/x" },
		{ "/x:/bin", "/x:/bin" },
		{ "/x:/bin:/y", "/x:/bin:/y" },
		{ "/sbin:/usr/bin", "/sbin:/usr/bin:/bin" },
		{ NULL, NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(play) struct play p = { 0 };
		struct ch_env env = env_of(&p);
		struct ch_err err;

		if (cases[i].before)
			play_set("PATH", cases[i].before, &p);

		assert_int_equal(ch_env_path(&env, &err), 0);

		if (cases[i].after)
			assert_string_equal(play_get("PATH", &p), cases[i].after);
		else
			assert_null(play_get("PATH", &p));
	}
}

/* ---- files and lists
 * ----------------------------------------------------------------------------- */

/* A file with LEN bytes of TEXT; to be unlinked and freed. */
static char *make_file(const char *text, size_t len)
{
	char *path = NOT_NULL(strdup("/tmp/ch-test-env.XXXXXX"));
	ch_auto(fd) int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	return path;
}

static void files_are_read_record_by_record(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t len;
		char sep;
		const char *a, *b;
	} cases[] = {
		{ "", 0, '\n', NULL, NULL },
		{ "\n\n", 2, '\n', NULL, NULL },
		{ "A=1\nB=2\n", 8, '\n', "1", "2" },
		{ "A=1\n\n\nB=2", 10, '\n', "1", "2" },
		{ "A='x'\nB=$A:y\n", 13, '\n', "x", "x:y" },
		{ "A=1\0B=2", 7, '\0', "1", "2" },
		{ "A=1\n\0\0B=2\0", 10, '\0', "1", "2" },
		{ "A=1\n2\0B=\n\n", 10, '\0', "1\n2", "\n" },
		{ "A=1\0junk\nB=2\n", 13, '\n', "1", "2" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(play) struct play p = { 0 };
		struct ch_env env = env_of(&p);
		ch_auto(str) char *path = make_file(cases[i].text, cases[i].len);
		struct ch_err err;

		assert_int_equal(ch_env_file(&env, path, cases[i].sep, true, NULL, &err), 0);

		unlink(path);
		if (cases[i].a)
			assert_string_equal(play_get("A", &p), cases[i].a);
		else
			assert_null(play_get("A", &p));
		if (cases[i].b)
			assert_string_equal(play_get("B", &p), cases[i].b);
	}
}

static void faults_in_files_are_named_by_file_and_line(void **state)
{
	(void)state;
	ch_auto(play) struct play p = { 0 };
	struct ch_env env = env_of(&p);
	ch_auto(str) char *path = make_file("A=1\n\nB\n", 7);
	struct ch_err err;
	char msg[200];

	snprintf(msg, sizeof(msg), "%s:3: environment 'B' is not NAME=VALUE", path);

	assert_int_equal(ch_env_file(&env, path, '\n', true, NULL, &err), -EINVAL);
	assert_string_equal(err.msg, msg);

	/* The same for files that are read first and applied later. */
	struct ch_env_ops ops = { 0 };

	assert_int_equal(ch_env_ops_add(&ops, CH_ENV_FILE, path, &err), 0);
	assert_int_equal(ch_env_ops_load(&ops, false, &err), 0);
	unlink(path);
	assert_int_equal(ch_env_ops_apply(&ops, &env, NULL, 0, NULL, &err), -EINVAL);
	assert_string_equal(err.msg, msg);
	ch_env_ops_done(&ops);
}

static void files_that_cannot_be_read_are_named(void **state)
{
	(void)state;
	ch_auto(play) struct play p = { 0 };
	struct ch_env env = env_of(&p);
	struct ch_err err;

	assert_int_equal(ch_env_file(&env, "/nonexistent", '\n', true, NULL, &err), -ENOENT);
	assert_string_equal(err.msg, "environment file '/nonexistent': No such file or directory");
	assert_int_equal(ch_env_file(&env, "/", '\n', true, NULL, &err), -EINVAL);
	/* Endless. */
	assert_int_equal(ch_env_file(&env, "/dev/zero", '\n', true, NULL, &err), -EINVAL);
}

static void operations_happen_in_their_order(void **state)
{
	(void)state;
	ch_auto(play) struct play p = { 0 };
	struct ch_env env = env_of(&p);
	struct ch_env_ops ops = { 0 };
	struct ch_err err;

	play_set("A", "host", &p);
	ch_env_ops_add(&ops, CH_ENV_ASSIGN, "B=$A", &err);
	ch_env_ops_add(&ops, CH_ENV_UNSET, "A", &err);
	ch_env_ops_add(&ops, CH_ENV_ASSIGN, "C=$A:x", &err);
	ch_env_ops_add(&ops, CH_ENV_ASSIGN, "A=new", &err);
	ch_env_ops_add(&ops, CH_ENV_ASSIGN, "D=1", &err);
	ch_env_ops_add(&ops, CH_ENV_UNSET, "D", &err);

	assert_int_equal(ch_env_ops_apply(&ops, &env, NULL, 0, NULL, &err), 0);

	assert_string_equal(play_get("A", &p), "new");
	assert_string_equal(play_get("B", &p), "host");
	assert_string_equal(play_get("C", &p), "x");
	assert_null(play_get("D", &p));
	ch_env_ops_done(&ops);
}

static bool starts_with_slurm(const char *name)
{
	return strncmp(name, "SLURM", 5) == 0;
}

static void what_the_image_says_is_taken_but_for_what_is_kept(void **state)
{
	(void)state;
	static const char meta[] = "env A=$B\0cmd x\0env SLURM_X=no\0env B='q'\0broken";
	ch_auto(play) struct play p = { 0 };
	struct ch_env env = env_of(&p);
	struct ch_env_ops ops = { 0 };
	struct ch_err err;

	play_set("SLURM_X", "yes", &p);
	ch_env_ops_add(&ops, CH_ENV_IMAGE, NULL, &err);

	assert_int_equal(ch_env_ops_apply(&ops, &env, meta, sizeof(meta), starts_with_slurm, &err),
			 0);

	assert_string_equal(play_get("A", &p), "$B"); /* configurations have no expansion */
	assert_string_equal(play_get("SLURM_X", &p), "yes");
	ch_env_ops_done(&ops);
}

static void an_image_that_says_nothing_is_an_error(void **state)
{
	(void)state;
	ch_auto(play) struct play p = { 0 };
	struct ch_env env = env_of(&p);
	struct ch_env_ops ops = { 0 };
	struct ch_err err;

	ch_env_ops_add(&ops, CH_ENV_IMAGE, NULL, &err);

	assert_int_equal(ch_env_ops_apply(&ops, &env, NULL, 0, NULL, &err), -ENOENT);
	ch_env_ops_done(&ops);
}

/* ---- lack of memory
 * ------------------------------------------------------------------------------ */

static int change_all(void *data)
{
	static const char meta[] = "env A=$B\0env C=D";
	ch_auto(play) struct play p = { 0 };
	struct ch_env env = env_of(&p);
	struct ch_env_ops ops = { 0 };
	struct ch_err err;
	int rc = ch_env_ops_add(&ops, CH_ENV_ASSIGN, "A='x:$B:y'", &err);

	if (rc == 0)
		rc = ch_env_ops_add(&ops, CH_ENV_FILE, data, &err);
	if (rc == 0)
		rc = ch_env_ops_add(&ops, CH_ENV_UNSET, "A*", &err);
	if (rc == 0)
		rc = ch_env_ops_add(&ops, CH_ENV_IMAGE, NULL, &err);
	if (rc == 0)
		rc = ch_env_ops_load(&ops, false, &err);
	if (rc == 0)
		rc = ch_env_ops_apply(&ops, &env, meta, sizeof(meta), starts_with_slurm, &err);
	if (rc == 0)
		rc = ch_env_path(&env, &err);
	if (rc == 0)
		rc = ch_env_running(&env, &err);
	ch_env_ops_done(&ops);
	/* Also what is too long is told as that when the buffer found no memory. */
	return rc == -E2BIG || rc == -EFBIG ? -ENOMEM : rc;
}

static void survives_lack_of_memory(void **state)
{
	(void)state;
	ch_auto(str) char *path = make_file("E=1\nF=$E\n", 9);

	assert_true(torture(change_all, path) > 20);

	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(assignments_are_expanded_by_items),
		cmocka_unit_test(faulty_assignments_are_refused),
		cmocka_unit_test(values_are_bounded),
		cmocka_unit_test(globs_remove_what_they_match),
		cmocka_unit_test(an_empty_glob_is_refused),
		cmocka_unit_test(what_cannot_be_unset_is_an_error_not_a_loop),
		cmocka_unit_test(path_gets_bin_unless_it_has_it),
		cmocka_unit_test(files_are_read_record_by_record),
		cmocka_unit_test(faults_in_files_are_named_by_file_and_line),
		cmocka_unit_test(files_that_cannot_be_read_are_named),
		cmocka_unit_test(operations_happen_in_their_order),
		cmocka_unit_test(what_the_image_says_is_taken_but_for_what_is_kept),
		cmocka_unit_test(an_image_that_says_nothing_is_an_error),
		cmocka_unit_test(survives_lack_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
