/* SPDX-License-Identifier: Apache-2.0 */
/* ch-image - make and manage container images, as an ordinary user
 *
 * Options may be in front of the sub-command, and behind it. What is printed on standard
 * output was asked for; messages go to standard error. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "image.h"
#include "image_build.h"
#include "image_cache.h"
#include "image_log.h"
#include "image_signals.h"
#include "messages.h"
#include "opt/optdoc.h"
#include "pull/watch.h"
#include "rt/version.h"
#include "store/store.h"
#include "sys/stdio.h"

enum { EXIT_NO = 1, EXIT_USAGE_ = 64 };

static const struct ch_image_verb verbs[] = {
	{ "build", "[CONTEXT]", "build an image by a Dockerfile", 0, 1, ch_image_build_options,
	  sizeof(struct ch_image_build), ch_image_build, ch_image_build_done },
	{ "build-cache", "", "look at the build cache, and keep it in order", 0, 0,
	  ch_image_build_cache_options, sizeof(struct ch_image_build_cache), ch_image_build_cache,
	  NULL },
	{ "delete", "GLOB...", "delete images from storage", 1, -1, NULL,
	  sizeof(struct ch_image_common), ch_image_delete, NULL },
	{ "gestalt", "[SELECTOR]", "say what this ch-image can do, and where", 0, 1,
	  ch_image_gestalt_options, sizeof(struct ch_image_gestalt), ch_image_gestalt, NULL },
	{ "import", "PATH IMAGE", "copy a directory or tar archive into storage", 2, 2, NULL,
	  sizeof(struct ch_image_common), ch_image_import, NULL },
	{ "list", "[IMAGE]", "list images, or say more about one", 0, 1, ch_image_list_options,
	  sizeof(struct ch_image_list), ch_image_list, NULL },
	{ "modify", "SRC DST [SCRIPT]", "make an image of another one by commands", 2, 3,
	  ch_image_modify_options, sizeof(struct ch_image_build), ch_image_modify,
	  ch_image_build_done },
	{ "pull", "IMAGE [DEST]", "get an image from its registry", 1, 2, ch_image_pull_table,
	  sizeof(struct ch_image_pull), ch_image_pull, NULL },
	{ "push", "IMAGE [DEST]", "send an image to a registry", 1, 2, ch_image_push_table,
	  sizeof(struct ch_image_push), ch_image_push, NULL },
	{ "reset", "", "delete everything from storage", 0, 0, NULL, sizeof(struct ch_image_common),
	  ch_image_reset, NULL },
	{ "undelete", "IMAGE", "bring back a deleted image from the build cache", 1, 1, NULL,
	  sizeof(struct ch_image_common), ch_image_undelete, NULL },
};

enum { VERBS = sizeof(verbs) / sizeof(verbs[0]) };

/* ---- storage
 * ------------------------------------------------------------------------------------- */

/* Of commands that hold signals back. */
static bool is_interrupted(void *data)
{
	(void)data;
	return ch_watch_is_interrupted();
}

struct ch_waiter ch_image_waiter(void)
{
	return (struct ch_waiter){ .teller = ch_messages, .stop = is_interrupted };
}

static struct ch_store_options storage_options(const struct ch_image_common *common,
					       const char *path)
{
	return (struct ch_store_options){
		.path = path,
		.no_lock = common->no_lock,
		.teller = ch_messages,
		.stop = is_interrupted,
	};
}

int ch_image_storage(const struct ch_image_common *common, struct ch_store **ret_store,
		     struct ch_err *err)
{
	ch_auto(str) char *path = NULL;

	if (ch_store_path(common->storage, &path, err) < 0)
		return err->code;

	const struct ch_store_options options = storage_options(common, path);

	return ch_store_open(&options, ret_store, err);
}

int ch_image_reset(void *settings, int argc, char **argv, struct ch_err *err)
{
	const struct ch_image_common *common = settings;
	ch_auto(str) char *path = NULL;

	ch_image_signals_tidy();
	(void)argc;
	(void)argv;
	if (ch_store_path(common->storage, &path, err) < 0)
		return err->code;
	ch_log(CH_INFO, "deleting everything in storage '%s'", path);

	const struct ch_store_options options = storage_options(common, path);

	return ch_store_reset(&options, err);
}

/* ---- help
 * ------------------------------------------------------------------------------------------ */

static void usage(FILE *out)
{
	fputs("Usage: ch-image [OPTION...] COMMAND [OPTION...] [ARG...]\n"
	      "Make and manage container images, as an ordinary user.\n\n",
	      out);
	for (size_t i = 0; i < VERBS; i++)
		fprintf(out, "  %-11s %-16s %s\n", verbs[i].name, verbs[i].operands,
			verbs[i].summary);
	fputs("\nOptions of all commands; those of one: ch-image COMMAND --help\n", out);
	ch_opt_help(ch_image_options, CH_OPT_RUN, out);
}

static void usage_of(const struct ch_image_verb *verb)
{
	printf("Usage: ch-image %s [OPTION...] %s\n%c%s.\n\n", verb->name, verb->operands,
	       verb->summary[0] - 'a' + 'A', verb->summary + 1);
	if (verb->options) {
		ch_opt_help(verb->options, CH_OPT_RUN, stdout);
		putchar('\n');
	}
	ch_opt_help(ch_image_options, CH_OPT_RUN, stdout);
}

/* ---- sub-commands
 * ----------------------------------------------------------------------------------- */

/* How many of the first letters are the same? */
static size_t common_letters(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

static const struct ch_image_verb *find_verb(const char *name, struct ch_err *err)
{
	const struct ch_image_verb *like = NULL;
	size_t most = 0;

	for (size_t i = 0; i < VERBS; i++) {
		size_t n = common_letters(name, verbs[i].name);

		if (strcmp(name, verbs[i].name) == 0)
			return &verbs[i];
		if (n > most) {
			most = n;
			like = &verbs[i];
		}
	}
	if (like)
		ch_err_set(err, -EINVAL, "'%s' is no command; '%s', perhaps? see --help", name,
			   like->name);
	else
		ch_err_set(err, -EINVAL, "'%s' is no command; see --help", name);
	return NULL;
}

static size_t rows(const struct ch_opt *table)
{
	size_t n = 0;

	while (table && table[n].name)
		n++;
	return n;
}

/* The common options, and those of VERB, in one table. ret_table: malloc'ed. */
static int join_tables(const struct ch_image_verb *verb, struct ch_opt **ret_table,
		       struct ch_err *err)
{
	size_t n = rows(ch_image_options), m = rows(verb->options);
	struct ch_opt *table = calloc(n + m + 1, sizeof(*table));

	if (!table)
		return ch_err_nomem(err);
	memcpy(table, ch_image_options, n * sizeof(*table));
	if (m > 0)
		memcpy(table + n, verb->options, m * sizeof(*table));
	*ret_table = table;
	return 0;
}

int ch_image_wrong(const char *option, struct ch_err *err)
{
	ch_err_in(err, "option --%s", option);
	if (err->code == -EINVAL || err->code == -ERANGE)
		err->code = CH_IMAGE_USAGE;
	return err->code;
}

static int check_operands(const struct ch_image_verb *verb, int n, struct ch_err *err)
{
	if (n >= verb->min && (n <= verb->max || verb->max < 0))
		return 0;
	return ch_err_set(err, -EINVAL, "%s: %s arguments; usage: ch-image %s [OPTION...]%s%s",
			  verb->name, n < verb->min ? "too few" : "too many", verb->name,
			  verb->operands[0] ? " " : "", verb->operands);
}

/* ARGV begins with the sub-command's name; SETTINGS, with what was in front of it. */
static int run_verb(const struct ch_image_verb *verb, void *settings, int argc, char **argv,
		    struct ch_err *err)
{
	struct ch_image_common *common = settings;
	ch_auto(mem) struct ch_opt *table = NULL;
	int first;

	common->is_later = true;
	if (join_tables(verb, &table, err) < 0)
		return ch_messages_report(err, EXIT_NO);
	if (ch_opt_parse(table, argc, argv, settings, &first, err) < 0)
		return ch_messages_report(err, EXIT_USAGE_);
	ch_image_log_begin(common);
	if (common->help) {
		usage_of(verb);
		return 0;
	}
	if (check_operands(verb, argc - first, err) < 0)
		return ch_messages_report(err, EXIT_USAGE_);

	int rc = verb->run(settings, argc - first, argv + first, err);

	return rc == 0 ? 0 : ch_messages_report(err, rc == CH_IMAGE_USAGE ? EXIT_USAGE_ : EXIT_NO);
}

static int dispatch(const struct ch_image_common *common, int argc, char **argv, struct ch_err *err)
{
	const struct ch_image_verb *verb = find_verb(argv[0], err);
	ch_auto(mem) void *settings = verb ? calloc(1, verb->size) : NULL;
	int code;

	if (!verb)
		return ch_messages_report(err, EXIT_USAGE_);
	if (!settings) {
		ch_err_nomem(err);
		return ch_messages_report(err, EXIT_NO);
	}
	memcpy(settings, common, sizeof(*common));
	code = run_verb(verb, settings, argc, argv, err);
	ch_image_log_end();
	if (verb->done)
		verb->done(settings);
	return code;
}

/* ---- main
 * ------------------------------------------------------------------------------------------- */

/* What asks for a line or two, and nothing else. Returns whether it was that. */
static bool answer(const struct ch_image_common *common)
{
	if (common->help)
		usage(stdout);
	else if (common->version)
		ch_version_print("ch-image");
	return common->help || common->version || common->dependencies;
}

int main(int argc, char **argv)
{
	struct ch_image_common common = { 0 };
	struct ch_err err;
	int code = 0, first;

	ch_stdio_guard();
	/* A limit on the size of files gives an error as a full disk does. Commands in images have
	 * the signal as usual. */
	signal(SIGXFSZ, SIG_IGN);
	ch_image_log_begin(&common);
	if (argc == 1) {
		usage(stderr);
		return EXIT_NO;
	}
	if (ch_image_defaults(&common, &err) < 0 ||
	    ch_opt_parse_front(ch_image_options, argc, argv, &common, &first, &err) < 0)
		return ch_messages_report(&err, EXIT_USAGE_);

	bool is_answered = answer(&common);

	if (!is_answered && first < argc)
		code = dispatch(&common, argc - first, argv + first, &err);
	else if (!is_answered && first == argc &&
		 ch_err_set(&err, -EINVAL, "no command given; see --help") < 0)
		code = ch_messages_report(&err, EXIT_USAGE_);
	if (fflush(stdout) != 0 && code == 0) {
		ch_err_sys(&err, "standard output");
		return ch_messages_report(&err, EXIT_NO);
	}
	return code;
}
