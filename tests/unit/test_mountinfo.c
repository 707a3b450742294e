/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/mountinfo.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/auto.h"
#include "base/err.h"
#include "torture.h"
#include "unit.h"

static void lines_are_parsed(void **state)
{
	(void)state;
	static const struct {
		const char *line, *path;
		unsigned long flags;
	} cases[] = {
		{ "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue",
		  "/mnt2", MS_NOATIME },
		{ "1 0 0:1 / / rw - rootfs rootfs rw", "/", 0 },
		{ "1 0 0:1 / /a ro,nosuid,nodev,noexec,nodiratime,relatime - tmpfs t rw", "/a",
		  MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NODIRATIME | MS_RELATIME },
		{ "1 0 0:1 / /a ro,unknown,nosuidx,ro - tmpfs t rw", "/a", MS_RDONLY },
		{ "1 0 0:1 / /a rw,nosymfollow", "/a", 256 },
		{ "1 0 0:1 / /a\\040b\\011c\\012d\\134e rw - t t rw", "/a b\tc\nd\\e", 0 },
		{ "1 0 0:1 / /a\\04 rw - t t rw", "/a\\04", 0 },
		{ "1 0 0:1 / /a\\ rw - t t rw", "/a\\", 0 },
		{ "1 0 0:1 / /a\\049\\400 rw - t t rw", NULL, 0 },
		{ "1 0 0:1 / /a  ro", "/a", 0 }, /* no options */
		{ "1 0 0:1 / /a ", "/a", 0 },
		/* What follows the options is not of this mount. */
		{ "1 0 0:1 / /a rw - tmpfs ro ro,nosuid", "/a", 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(mountinfo) struct ch_mountinfo m = { 0 };
		struct ch_err err;

		assert_int_equal(ch_mountinfo_parse(cases[i].line, &m, &err), 0);
		if (!cases[i].path)
			continue; /* what the kernel never writes: any result will do */
		assert_string_equal(m.path, cases[i].path);
		assert_int_equal(m.flags, cases[i].flags);
	}
}

static void other_lines_are_refused(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"", " ", "x", "1 0 0:1 / /a", "1 0 0:1 / a rw", "1 0 0:1 /  rw", "     ",
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct ch_mountinfo m = { .flags = 77 };
		struct ch_err err;

		assert_int_equal(ch_mountinfo_parse(cases[i], &m, &err), -EINVAL);
		assert_int_equal(m.flags, 77);
	}
}

static void our_own_mounts_are_understood(void **state)
{
	(void)state;
	ch_auto(file) FILE *f = fopen("/proc/self/mountinfo", "re");
	ch_auto(str) char *line = NULL;
	size_t size = 0;
	int n = 0;

	assert_non_null(f);
	while (getline(&line, &size, f) > 0) {
		ch_auto(mountinfo) struct ch_mountinfo m = { 0 };
		struct ch_err err;

		line[strcspn(line, "\n")] = '\0';
		assert_int_equal(ch_mountinfo_parse(line, &m, &err), 0);
		n++;
	}
	assert_true(n > 0);
}

static int parse_one(void *data)
{
	ch_auto(mountinfo) struct ch_mountinfo m = { 0 };
	struct ch_err err;

	return ch_mountinfo_parse(data, &m, &err);
}

static void survives_lack_of_memory(void **state)
{
	(void)state;
	char line[] = "1 0 0:1 / /a rw";

	assert_int_equal(torture(parse_one, line), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_parsed),
		cmocka_unit_test(other_lines_are_refused),
		cmocka_unit_test(our_own_mounts_are_understood),
		cmocka_unit_test(survives_lack_of_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
