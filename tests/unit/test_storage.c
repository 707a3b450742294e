/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/storage.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "probe/probe.h"
#include "unit.h"

/* Instead of libc's: who we are, as the user database has it. */
static const char *database_name;

struct passwd *getpwuid(uid_t uid)
{
	static struct passwd pw;
	static char name[32];

	(void)uid;
	if (!database_name)
		return NULL;
	snprintf(name, sizeof(name), "%s", database_name);
	pw.pw_name = name;
	return &pw;
}

static void look(struct ch_finding *ret_finding)
{
	const struct ch_probe *p = ch_probes;
	const struct ch_site site = { 0 };

	while (strcmp(p->name, "storage") != 0)
		p++;
	ch_probe_run(p, &site, ret_finding);
}

static void the_default_is_of_who_we_are(void **state)
{
	(void)state;
	ch_auto(str) char *path = NULL;
	struct ch_err err;

	database_name = "somebody";
	setenv("USER", "else", 1);

	assert_int_equal(ch_storage_default(&path, &err), 0);

	assert_string_equal(path, "/var/tmp/somebody.ch");
}

static void an_id_without_a_name_has_none(void **state)
{
	(void)state;
	ch_auto(str) char *path = NULL;
	struct ch_err err;

	database_name = NULL;

	assert_int_equal(ch_storage_default(&path, &err), 0);

	assert_null(path);
}

static void the_probe_looks_where_images_would_be(void **state)
{
	(void)state;
	struct ch_finding f;

	unsetenv("CH_IMAGE_STORAGE");
	database_name = "charlie-nobody";
	look(&f);
	assert_non_null(strstr(f.found, "'/var/tmp'"));

	database_name = NULL;
	look(&f);
	assert_int_equal(f.verdict, CH_VERDICT_LIMITED);
	assert_non_null(strstr(f.found, "no default place"));
	assert_string_equal(f.remedy, "set CH_IMAGE_STORAGE");

	setenv("CH_IMAGE_STORAGE", "/tmp", 1);
	look(&f);
	assert_non_null(strstr(f.found, "'/tmp'"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_is_of_who_we_are),
		cmocka_unit_test(an_id_without_a_name_has_none),
		cmocka_unit_test(the_probe_looks_where_images_would_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
