/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "oci/config.h"

/* The items of TEXT, joined by '|'. */
static char *join(const char *text, size_t len)
{
	char *out = calloc(1, len + 1);

	assert_non_null(out);
	for (size_t i = 0; i < len; i++)
		out[i] = text[i];
	for (size_t i = 0; i + 1 < len; i++)
		if (!out[i])
			out[i] = '|';
	return out;
}

#define CONFIG(text) "{\"config\":{" text "}}"
#define COMMANDS     CONFIG("\"Env\":[\"A=1\"],\"Entrypoint\":[\"e\"],\"Cmd\":[\"c\"]")
#define ODD(file, key)                                                                             \
	"cmd-error image configuration '/ch/" file "': '" key "' is not a list of texts"

static const struct {
	const char *metadata, *config, *items;
} cases[] = {
	{ NULL, NULL, "" },
	{ NULL, "{}", "" },
	{ NULL, "[]", "" },
	{ "[]", NULL, "" },
	{ NULL, "{\"config\":null}", "" },
	{ NULL, CONFIG("\"Env\":[\"A=1\",\"B=\"]"), "env A=1|env B=" },
	{ NULL, CONFIG("\"Entrypoint\":[\"/e\",\"x y\"],\"Cmd\":[\"c\",\"\"]"),
	  "entry /e|entry x y|cmd c|cmd " },
	{ NULL, CONFIG("\"Entrypoint\":null,\"Cmd\":[],\"Shell\":[\"/bin/ash\",\"-c\"]"),
	  "shell /bin/ash|shell -c" },
	/* Old versions of Docker: a text is a word. */
	{ NULL, CONFIG("\"Entrypoint\":\"/e x\",\"Cmd\":\"c\""), "entry /e x|cmd c" },
	/* Variables that are not as the specification says are left out. */
	{ NULL, CONFIG("\"Env\":[1,null,\"A=1\",{}]"), "env A=1" },
	{ NULL, CONFIG("\"Env\":\"A=1\""), "" },
	/* A command with a word less would be another one. */
	{ NULL, CONFIG("\"Cmd\":{}"), ODD("config.pulled.json", "Cmd") },
	{ NULL, CONFIG("\"Entrypoint\":[\"rm\",1,\"x\"]"),
	  "entry rm|" ODD("config.pulled.json", "Entrypoint") },
	{ NULL, CONFIG("\"Shell\":\"sh\",\"Env\":[\"A=1\"]"),
	  "env A=1|" ODD("config.pulled.json", "Shell") },
	/* Of ch-image: forms are kept. */
	{ "{\"entrypoint\":[\"e\",\"1\"],\"cmd\":[\"c\"]}", NULL, "entry e|entry 1|cmd c" },
	{ "{\"entrypoint\":\"e 1\",\"cmd\":\"c 2\",\"shell\":[\"/bin/bash\",\"-ec\"]}", NULL,
	  "shell /bin/bash|shell -ec|entry-shell e 1|cmd-shell c 2" },
	{ "{\"env\":{\"A\":\"1\",\"B\":\"x=y\",\"C=D\":\"z\",\"E\":5}}", NULL,
	  "env A=1|env B=x=y" },
	{ "{\"env\":[\"A=1\"]}", NULL, "env A=1" },
	{ "{\"cmd\":7}", NULL, ODD("metadata.json", "cmd") },
	{ "{\"entrypoint\":[null]}", NULL, ODD("metadata.json", "entrypoint") },
	{ "{\"shell\":\"sh\"}", NULL, ODD("metadata.json", "shell") },
	/* Which of the two counts. */
	{ "{}", COMMANDS, "env A=1|entry e|cmd c" },
	{ "{\"entrypoint\":null,\"cmd\":null,\"env\":null}", COMMANDS, "env A=1|entry e|cmd c" },
	{ "{\"cmd\":\"mine\"}", COMMANDS, "env A=1|cmd-shell mine" },
	{ "{\"entrypoint\":[\"mine\"]}", COMMANDS, "env A=1|entry mine" },
	{ "{\"entrypoint\":[]}", COMMANDS, "env A=1" },
	{ "{\"env\":{}}", COMMANDS, "entry e|cmd c" },
	{ "{\"cmd\":\"x\"}", CONFIG("\"Shell\":[\"s\",\"-c\"]"), "shell s|shell -c|cmd-shell x" },
	{ "{\"cmd\":\"x\",\"shell\":[\"t\"]}", CONFIG("\"Shell\":[\"s\",\"-c\"]"),
	  "shell t|cmd-shell x" },
};

static struct ch_oci_text text_of(const char *json)
{
	return (struct ch_oci_text){ json, json ? strlen(json) : 0 };
}

static void takes_what_the_files_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		ch_auto(str) char *text = NULL;
		struct ch_err err;
		size_t len;
		int rc = ch_oci_config_meta(text_of(cases[i].metadata), text_of(cases[i].config),
					    4096, &text, &len, &err);

		assert_int_equal(rc, 0);

		ch_auto(str) char *items = join(text, len);

		assert_string_equal(items, cases[i].items);
	}
}

static void refuses_what_is_no_json(void **state)
{
	static const char *const bad[] = { "", "x", "{", "{\"a\":1,\"a\":2}",
					   "{\"a\":\"\\u0000\"}" };
	struct ch_err err;
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char *text = NULL;

		assert_int_equal(
			ch_oci_config_meta(text_of(NULL), text_of(bad[i]), 4096, &text, &len, &err),
			-EINVAL);
		assert_non_null(strstr(err.msg, "'/ch/config.pulled.json': JSON, line 1"));
		assert_int_equal(
			ch_oci_config_meta(text_of(bad[i]), text_of("{}"), 4096, &text, &len, &err),
			-EINVAL);
		assert_non_null(strstr(err.msg, "'/ch/metadata.json': JSON, line 1"));
		assert_null(text);
	}
}

static void refuses_what_is_too_long(void **state)
{
	char *text = NULL;
	struct ch_err err;
	size_t len;

	(void)state;
	assert_int_equal(ch_oci_config_meta(text_of("{\"cmd\":[\"0123456789\"]}"), text_of(NULL),
					    10, &text, &len, &err),
			 -EFBIG);
	assert_string_equal(err.msg, "image configuration: environment and commands are longer "
				     "than 10 bytes");
	assert_null(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_the_files_say),
		cmocka_unit_test(refuses_what_is_no_json),
		cmocka_unit_test(refuses_what_is_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
