/* SPDX-License-Identifier: Apache-2.0 */
#include "check_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "opt/setters.h"
#include "probe/probe.h"

static int set_color(void *target, const char *value, struct ch_err *err)
{
	struct ch_check_settings *s = target;

	return ch_color_parse(value, &s->color, err);
}

CH_OPT_FLAG_SETTER(ch_check_settings, help)
CH_OPT_FLAG_SETTER(ch_check_settings, json)
CH_OPT_FLAG_SETTER(ch_check_settings, quiet)
CH_OPT_FLAG_SETTER(ch_check_settings, verbose)
CH_OPT_FLAG_SETTER(ch_check_settings, version)

static int need_one(struct ch_check_settings *s, const char *name, struct ch_err *err)
{
	ch_auto(buf) struct ch_buf names = CH_BUF_INIT(400);

	for (unsigned i = 0; ch_probes[i].name; i++) {
		if (strcmp(ch_probes[i].name, name) == 0) {
			s->need |= UINT32_C(1) << i;
			return 0;
		}
		ch_buf_addf(&names, "%s%s", i ? ", " : "", ch_probes[i].name);
	}
	return ch_err_set(err, -EINVAL, "'%s' is none of %s", name, names.data ? names.data : "-");
}

static int set_need(void *target, const char *value, struct ch_err *err)
{
	int rc = 0;

	while (value && rc == 0) {
		ch_auto(str) char *name = NULL;

		rc = ch_text_next(&value, ',', &name, err);
		if (rc == 0)
			rc = need_one(target, name, err);
	}
	return rc;
}

const struct ch_opt ch_check_options[] = {
	{ "color", 0, CH_OPT_RUN, CH_OPT_OPTIONAL, CH_COLOR_ARG,
	  "colour the verdicts (default auto: on a terminal)",
	  "Print the verdicts in colour: " CH_COLOR_RULES ".", set_color },
	{ "help", '?', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print this help and exit",
	  "Print a summary of the options on standard output and exit.", set_help },
	{ "json", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "print one JSON document",
	  "Print everything as one JSON document instead of lines.", set_json },
	{ "need", 'n', CH_OPT_RUN, CH_OPT_LIST, "NAME[,NAME]",
	  "exit with 1 also if these are not ok",
	  "Exit with status 1 also if one of the named capabilities is not ok: limited does not "
	  "suffice.",
	  set_need },
	{ "quiet", 'q', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print only what makes the exit status 1",
	  "Print only the lines because of which the exit status is 1; nothing if it is 0.",
	  set_quiet },
	{ "verbose", 'v', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print details of what is ok, too",
	  "Print the details of what is ok, too; under a PMIx launcher also a line for each rank.",
	  set_verbose },
	{ "version", 'V', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print the version and exit",
	  "Print the version on standard output and exit.", set_version },
	{ 0 },
};
