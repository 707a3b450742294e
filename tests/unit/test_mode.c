/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "build/mode.h"
#include "unit.h"

static void modes_are_those_of_chmod(void **state)
{
	(void)state;
	enum { DIR = S_IFDIR, REG = S_IFREG };
	static const struct {
		const char *text;
		mode_t before, after; /* after 0: it is no mode */
	} cases[] = {
		{ "755", REG | 0600, REG | 0755 },
		{ "0755", DIR | 0600, DIR | 0755 },
		{ "4755", REG | 0600, REG | 04755 },
		{ "0", REG | 0600, REG },
		{ "7777", REG, REG | 07777 },
		{ "755", REG | 06600, REG | 0755 },
		{ "u=rwX,go=rX", REG | 0600, REG | 0644 },
		{ "u=rwX,go=rX", REG | 0711, REG | 0755 },
		{ "u=rwX,go=rX", DIR | 0700, DIR | 0755 },
		{ "a-x", REG | 0755, REG | 0644 },
		{ "-x", REG | 0755, REG | 0644 },
		{ "+x", REG | 0644, REG | 0755 },
		{ "+X", REG | 0644, REG | 0644 },
		{ "+X", DIR | 0644, DIR | 0755 },
		{ "u+x", REG | 0644, REG | 0744 },
		{ "ug+w,o-r", REG | 0444, REG | 0660 },
		{ "g=u", REG | 0740, REG | 0770 },
		{ "o=g", REG | 0750, REG | 0755 },
		{ "u=", REG | 0755, REG | 0055 },
		{ "=", REG | 07755, REG },
		{ "u+s", REG | 0755, REG | 04755 },
		{ "g+s", REG | 0755, REG | 02755 },
		{ "+s", REG | 0755, REG | 06755 },
		{ "o+s", REG | 0755, REG | 0755 },
		{ "+t", DIR | 0755, DIR | 01755 },
		{ "u+t", DIR | 0755, DIR | 0755 },
		{ "u=rw", REG | 04755, REG | 0655 },
		{ "u-r+w", REG | 0444, REG | 0244 },
		{ "go-w+x", REG | 0666, REG | 0655 },
		{ "", 0, 0 },
		{ "8", 0, 0 },
		{ "755x", 0, 0 },
		{ "77777", 0, 0 },
		{ "00000755", REG, REG | 0755 },
		{ "u", 0, 0 },
		{ "rwx", 0, 0 },
		{ "u=rz", 0, 0 },
		{ "u=r,", 0, 0 },
		{ ",u=r", 0, 0 },
		{ "u=r g=r", 0, 0 },
		{ "u=gr", 0, 0 },
		{ " 755", 0, 0 },
		{ "-1", 0, 0 },
		{ "+++++++++++++++++++++++++++++++++", 0, 0 },
	};
	struct ch_mode mode;
	struct ch_err err;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		int rc = ch_mode_parse(cases[i].text, &mode, &err);

		if ((rc == 0) != (cases[i].after != 0))
			fail_msg("'%s': %d", cases[i].text, rc);
		if (rc == 0 && ch_mode_apply(&mode, cases[i].before) != cases[i].after)
			fail_msg("'%s' of %o: %o", cases[i].text, cases[i].before,
				 ch_mode_apply(&mode, cases[i].before));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_are_those_of_chmod),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
