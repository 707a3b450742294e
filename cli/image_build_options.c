/* SPDX-License-Identifier: Apache-2.0 */
#include "image_build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/analyser.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/text.h"
#include "opt/setters.h"

static int set_bind(void *target, const char *value, struct ch_err *err)
{
	struct ch_image_build *s = target;
	ch_auto(str) char *cwd = getcwd(NULL, 0);
	struct ch_bind bind = { 0 };

	if (!cwd)
		return ch_err_sys(err, "current directory");

	int rc = ch_bind_parse(value, cwd, &bind, err);

	return rc < 0 ? rc : ch_binds_take(&s->binds, &bind, err);
}

/* NAME=VALUE, or NAME: as in our environment, if it is there. */
static int set_build_arg(void *target, const char *value, struct ch_err *err)
{
	struct ch_image_build *s = target;
	ch_auto(str) char *name = strndup(value, strcspn(value, "="));
	const char *text = strchr(value, '=');

	if (!name)
		return ch_err_nomem(err);
	if (!*name)
		return ch_err_set(err, -EINVAL, "KEY is empty");
	text = text ? text + 1 : getenv(name);
	if (!text)
		return ch_err_set(err, -EINVAL, "no variable '%s' is in the environment", name);
	ch_words_set(&s->args, name, text);
	return s->args.bad ? ch_err_nomem(err) : 0;
}

static int set_command(void *target, const char *value, struct ch_err *err)
{
	struct ch_image_build *s = target;

	ch_words_add(&s->cmds, value);
	return s->cmds.bad ? ch_err_nomem(err) : 0;
}

CH_OPT_FLAG_SETTER(ch_image_build, dry_run)
CH_OPT_FLAG_SETTER(ch_image_build, interactive)
CH_OPT_FLAG_SETTER(ch_image_build, no_force_detect)
CH_OPT_FLAG_SETTER(ch_image_build, parse_only)
CH_OPT_TEXT_SETTER(ch_image_build, file, "DOCKERFILE")
CH_OPT_TEXT_SETTER(ch_image_build, shell, "SHELL")
CH_OPT_TEXT_SETTER(ch_image_build, tag, "TAG")
CH_OPT_TEXT_SETTER(ch_image_build, target, "STAGE")

static int set_force(void *target, const char *value, struct ch_err *err)
{
	struct ch_image_build *s = target;

	(void)err;
	s->has_force = true;
	s->force = value;
	return 0;
}

static int set_force_cmd(void *target, const char *value, struct ch_err *err)
{
	struct ch_image_build *s = target;

	ch_words_add(&s->force_cmds, value);
	return s->force_cmds.bad ? ch_err_nomem(err) : 0;
}

/* One KEY=VALUE of --secret. */
static int take_key(struct ch_build_secret *secret, const char *item, struct ch_err *err)
{
	const char *value = strchr(item, '=');
	char **place = NULL;

	if (strncmp(item, "id=", 3) == 0)
		place = &secret->id;
	else if (strncmp(item, "src=", 4) == 0 || strncmp(item, "source=", 7) == 0)
		place = &secret->path;
	else if (strncmp(item, "env=", 4) == 0)
		place = &secret->env;
	else if (strcmp(item, "type=file") == 0 || strcmp(item, "type=env") == 0)
		return 0;
	if (!place || !value || !value[1])
		return ch_err_set(err, -EINVAL, "'%s' is none of id=ID, src=FILE, env=VARIABLE",
				  item);
	free(*place);
	return ch_text_copy(value + 1, place, err);
}

static void secret_done(struct ch_build_secret *secret)
{
	free(secret->id);
	free(secret->path);
	free(secret->env);
}

CH_MOVES_BEGIN
static int set_secret(void *target, const char *value, struct ch_err *err)
{
	struct ch_image_build *s = target;
	struct ch_build_secret secret = { 0 };
	struct ch_build_secret *grown;
	int rc = 0;

	while (value && rc == 0) {
		ch_auto(str) char *item = NULL;

		rc = ch_text_next(&value, ',', &item, err);
		if (rc == 0)
			rc = take_key(&secret, item, err);
	}
	if (rc == 0 && !secret.id)
		rc = ch_err_set(err, -EINVAL, "id=ID is missing");
	/* As Docker has it: a secret without a source is the variable of its name. */
	if (rc == 0 && !secret.path && !secret.env)
		rc = ch_text_copy(secret.id, &secret.env, err);
	if (rc == 0 && secret.env && !getenv(secret.env))
		rc = ch_err_set(err, -EINVAL, "no variable '%s' is in the environment", secret.env);
	grown = rc < 0 ? NULL : reallocarray(s->secrets, s->n_secrets + 1, sizeof(*grown));
	if (rc == 0 && !grown)
		rc = ch_err_nomem(err);
	if (rc < 0) {
		secret_done(&secret);
		return rc;
	}
	s->secrets = grown;
	s->secrets[s->n_secrets++] = secret;
	return 0;
}
CH_MOVES_END

void ch_image_build_done(void *settings)
{
	struct ch_image_build *s = settings;

	ch_words_done(&s->args);
	ch_binds_done(&s->binds);
	ch_words_done(&s->force_cmds);
	ch_words_done(&s->cmds);
	for (size_t i = 0; i < s->n_secrets; i++)
		secret_done(&s->secrets[i]);
	free(s->secrets);
}

/* What builds and modifications have in common */
#define ROW_BIND                                                                                   \
	{                                                                                          \
		"bind", 'b', CH_OPT_RUN, CH_OPT_LIST, "SRC[:DST]",                                 \
			"bind SRC of the host on DST for RUN (default: same path)",                \
			"For RUN only, bind the file or directory SRC of the host on DST in the "  \
			"image; without "                                                          \
			"DST, "                                                                    \
			"on the same path. A mount point that the image lacks is made, and is "    \
			"gone afterwards. "                                                        \
			"May "                                                                     \
			"be repeated. Other instructions see files of the context only.",          \
			set_bind                                                                   \
	}
#define ROW_FORCE                                                                                  \
	{                                                                                          \
		"force", 0, CH_OPT_RUN, CH_OPT_OPTIONAL, "MODE",                                   \
			"emulate root by seccomp (default), fakeroot, or none",                    \
			"How RUN has programs believe that they are root: seccomp, the default, "  \
			"has the kernel "                                                          \
			"say "                                                                     \
			"yes to what only root may do, and do nothing; fakeroot installs and "     \
			"uses fakeroot(1) in "                                                     \
			"the image, for commands that seem to need it; none does nothing.",        \
			set_force                                                                  \
	}
#define ROW_FORCE_CMD                                                                              \
	{                                                                                          \
		"force-cmd", 0, CH_OPT_RUN, CH_OPT_LIST, "CMD,ARG[,ARG...]",                       \
			"add ARGs to the command CMD in RUN",                                      \
			"In RUN instructions, put the arguments ARG behind each command CMD. May " \
			"be repeated. "                                                            \
			"Implies --force=seccomp.",                                                \
			set_force_cmd                                                              \
	}
#define ROW_NO_FORCE_DETECT                                                                        \
	{                                                                                          \
		"no-force-detect", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL,                               \
			"give no advice about --force",                                            \
			"Do not look whether --force would have helped a command that failed.",    \
			set_no_force_detect                                                        \
	}

const struct ch_opt ch_image_build_options[] = {
	ROW_BIND,
	{ "build-arg", 0, CH_OPT_RUN, CH_OPT_LIST, "KEY[=VALUE]",
	  "set KEY, which the Dockerfile has as ARG",
	  "Set the variable KEY, which the Dockerfile must define by ARG, to VALUE; without VALUE, "
	  "to "
	  "what it is in the environment. May be repeated.",
	  set_build_arg },
	{ "dry-run", 'n', CH_OPT_RUN, CH_OPT_FLAG, NULL, "say what would be executed, and stop",
	  "Print the instructions, and which of them are in the cache, but execute none.",
	  set_dry_run },
	{ "file", 'f', CH_OPT_RUN, CH_OPT_VALUE, "DOCKERFILE",
	  "build by DOCKERFILE (default: CONTEXT/Dockerfile)",
	  "Build by the file DOCKERFILE instead of CONTEXT/Dockerfile; '-' is standard input.",
	  set_file },
	ROW_FORCE,
	ROW_FORCE_CMD,
	ROW_NO_FORCE_DETECT,
	{ "parse-only", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "print the Dockerfile's tree, and stop",
	  "Read the Dockerfile, print what was understood as a tree, and stop.", set_parse_only },
	{ "secret", 0, CH_OPT_RUN, CH_OPT_LIST, "id=ID[,src=FILE|,env=VARIABLE]",
	  "a secret for RUN --mount=type=secret",
	  "Let RUN --mount=type=secret,id=ID have what is in FILE, or in the environment's "
	  "VARIABLE "
	  "(default: that called ID). It is neither in the image nor in the cache. May be "
	  "repeated.",
	  set_secret },
	{ "tag", 't', CH_OPT_RUN, CH_OPT_VALUE, "TAG", "name of the image",
	  "Call the image TAG. Without, the name comes from the Dockerfile: of Dockerfile.NAME, "
	  "NAME.df and NAME.dockerfile it is NAME; else it is that of the context directory. It is "
	  "made lower case, and other characters than letters, digits, '_', '.' and '-' are left "
	  "out.",
	  set_tag },
	{ "target", 0, CH_OPT_RUN, CH_OPT_VALUE, "STAGE", "build up to STAGE",
	  "Build the stage called STAGE, or with that number, and what it needs, instead of the "
	  "last "
	  "one.",
	  set_target },
	{ 0 },
};

const struct ch_opt ch_image_modify_options[] = {
	ROW_BIND,
	{ "command", 'c', CH_OPT_RUN, CH_OPT_LIST, "CMD", "run CMD by the shell; may be repeated",
	  "Run CMD by the shell, in the image. May be repeated: each is an instruction, with a "
	  "state in "
	  "the build cache.",
	  set_command },
	ROW_FORCE,
	ROW_FORCE_CMD,
	{ "interactive", 'i', CH_OPT_RUN, CH_OPT_FLAG, NULL, "run a shell on this terminal",
	  "After the other commands, run the shell on this terminal, for commands to be typed. If "
	  "it "
	  "ends with status 0, what it has done is kept; with another one ('exit 1'), no image is "
	  "made.",
	  set_interactive },
	ROW_NO_FORCE_DETECT,
	{ "shell", 'S', CH_OPT_RUN, CH_OPT_VALUE, "SHELL",
	  "run commands by SHELL (default: /bin/sh)",
	  "Run commands, and scripts that do not say by what, by SHELL, a program in the image, "
	  "instead "
	  "of /bin/sh.",
	  set_shell },
	{ 0 },
};
