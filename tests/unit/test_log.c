/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <string.h>

#include "unit.h"

struct seen {
	int count;
	enum ch_level level;
	char line[2048];
};

static void remember(enum ch_level level, const char *line, void *data)
{
	struct seen *seen = data;

	seen->count++;
	seen->level = level;
	memccpy(seen->line, line, 0, sizeof(seen->line) - 1);
}

static void without_a_sink_nothing_happens(void **state)
{
	(void)state;

	ch_log_to(NULL, NULL, CH_DEBUG);

	ch_log(CH_ERROR, "%s", "x");
}

static void lines_up_to_the_level_arrive(void **state)
{
	(void)state;
	static const struct {
		enum ch_level max, level;
		int count;
	} cases[] = {
		{ CH_ERROR, CH_ERROR, 1 }, { CH_ERROR, CH_WARN, 0 }, { CH_INFO, CH_WARN, 1 },
		{ CH_INFO, CH_INFO, 1 },   { CH_INFO, CH_DEBUG, 0 }, { CH_DEBUG, CH_DEBUG, 1 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct seen seen = { 0 };

		ch_log_to(remember, &seen, cases[i].max);
		ch_log(cases[i].level, "%d bottles", 99);
		ch_log_to(NULL, NULL, CH_ERROR);

		assert_int_equal(seen.count, cases[i].count);
		if (cases[i].count) {
			assert_int_equal(seen.level, cases[i].level);
			assert_string_equal(seen.line, "99 bottles");
		}
	}
}

static void a_line_is_one_line_and_bounded(void **state)
{
	(void)state;
	struct seen seen = { 0 };
	char text[5000];

	memset(text, '\n', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';

	ch_log_to(remember, &seen, CH_DEBUG);
	ch_log(CH_DEBUG, "%s", text);
	ch_log_to(NULL, NULL, CH_ERROR);

	assert_null(strchr(seen.line, '\n'));
	assert_int_equal(strlen(seen.line), 1023);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_sink_nothing_happens),
		cmocka_unit_test(lines_up_to_the_level_arrive),
		cmocka_unit_test(a_line_is_one_line_and_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
