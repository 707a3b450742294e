/* SPDX-License-Identifier: Apache-2.0 */
#include "build/values.h"

#include <errno.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/words.h"
#include "unit.h"

static void ports_are_numbers_with_a_protocol(void **state)
{
	(void)state;
	static const struct {
		const char *text, *ports; /* NULL: it is none */
	} cases[] = {
		{ "80", "80" },
		{ "443/udp", "443/udp" },
		{ "1/sctp", "1/sctp" },
		{ "65535/TCP", "65535/TCP" },
		{ "8000-8002", "8000 8001 8002" },
		{ "8000-8001/tcp", "8000/tcp 8001/tcp" },
		{ "5-5", "5" },
		{ "", NULL },
		{ "/tcp", NULL },
		{ "0", NULL },
		{ "65536", NULL },
		{ "-1", NULL },
		{ "+1", NULL },
		{ "80/", NULL },
		{ "80/http", NULL },
		{ "80/tcp/udp", NULL },
		{ "80-", NULL },
		{ "80-70", NULL },
		{ "80-90-95", NULL },
		{ "1-1001", NULL },
		{ "http", NULL },
		{ "80:80", NULL },
		{ "99999999999999999999", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(words) struct ch_words ports = { 0 };
		ch_auto(buf) struct ch_buf text = CH_BUF_INIT(200);
		struct ch_err err;
		int rc = ch_ports_add(cases[i].text, &ports, &err);

		if ((rc == 0) != (cases[i].ports != NULL))
			print_error("%s\n", cases[i].text);
		assert_true((rc == 0) == (cases[i].ports != NULL));
		for (size_t p = 0; p < ports.n; p++)
			ch_buf_addf(&text, "%s%s", p ? " " : "", ports.v[p]);
		if (rc == 0)
			assert_string_equal(text.data, cases[i].ports);
	}
}

static void signals_are_numbers_or_names(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool is_signal;
	} cases[] = {
		{ "9", true },		{ "64", true },		 { "SIGTERM", true },
		{ "TERM", true },	{ "sigquit", true },	 { "SIGRTMIN", true },
		{ "SIGRTMIN+3", true }, { "RTMAX-14", true },	 { "", false },
		{ "0", false },		{ "65", false },	 { "SIG", false },
		{ "SIGFOO", false },	{ "SIGRTMIN-3", false }, { "SIGRTMIN+99", false },
		{ "SIGRTMIN+", false }, { "TERM ", false },	 { "SIGSIGTERM", false },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (ch_signal_is(cases[i].text) != cases[i].is_signal)
			print_error("%s\n", cases[i].text);
		assert_int_equal(ch_signal_is(cases[i].text), cases[i].is_signal);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports_are_numbers_with_a_protocol),
		cmocka_unit_test(signals_are_numbers_or_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
