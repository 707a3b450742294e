/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/settings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/path.h"
#include "base/text.h"

/* ---- setters ----------------------------------------------------------------------------- */

static bool is_yes(const char *value)
{
	return strcmp(value, "yes") == 0;
}

/* Setters of flags */
#define FLAG(setter, member)                                                                       \
	static int setter(void *target, const char *value, struct ch_err *err)                     \
	{                                                                                          \
		(void)err;                                                                         \
		((struct ch_settings *)target)->member = is_yes(value);                            \
		return 0;                                                                          \
	}

FLAG(set_dry_run, dry_run)
FLAG(set_entrypoint, entrypoint)
FLAG(set_env_no_expand, env.no_expand)
FLAG(set_help, help)
FLAG(set_no_passwd, no_passwd)
FLAG(set_private_tmp, private_tmp)
FLAG(set_script, script)
FLAG(set_seccomp, seccomp)
FLAG(set_unsafe, unsafe)
FLAG(set_version, version)
#undef FLAG

static int set_bind(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;
	struct ch_bind b = { 0 };
	int rc = ch_bind_parse(value, s->cwd, &b, err);

	return rc < 0 ? rc : ch_binds_take(&s->binds, &b, err);
}

/* ch-run: from /, where a command begins. */
static int set_cd(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	if (!value[0])
		return ch_err_set(err, -EINVAL, "the directory is empty");
	free(ch_take(s->cd));
	return ch_path_absolute(value, "", &s->cd, err);
}

/* Slurm: a relative path could as well be meant from the step's working directory, which is
 * where tasks begin. */
static int set_cd_absolute(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	if (value[0] != '/')
		return ch_err_set(err, -EINVAL, "directory '%s' is not absolute", value);
	return ch_text_copy(value, &s->cd, err);
}

static int set_color(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	return ch_color_parse(value, &s->color, err);
}

/* Slurm: "image", an absolute path of a file, or an assignment. */
static int set_env(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	if (strcmp(value, "image") == 0)
		return ch_env_ops_add(&s->env, CH_ENV_IMAGE, NULL, err);
	if (value[0] == '/')
		return ch_env_ops_add(&s->env, CH_ENV_FILE, value, err);
	if (value[0] == '=' || !strchr(value, '='))
		return ch_err_set(err, -EINVAL, "'%s' is neither image, nor VAR=VAL, nor /FILE",
				  value);
	return ch_env_ops_add(&s->env, CH_ENV_ASSIGN, value, err);
}

static int add_env(struct ch_settings *s, const char *value, enum ch_env_kind file,
		   enum ch_env_kind image, struct ch_err *err)
{
	if (!value)
		return ch_env_ops_add(&s->env, image, NULL, err);
	if (strchr(value, '='))
		return ch_env_ops_add(&s->env, CH_ENV_ASSIGN, value, err);
	return ch_env_ops_add(&s->env, file, value, err);
}

static int set_set_env(void *target, const char *value, struct ch_err *err)
{
	return add_env(target, value, CH_ENV_FILE, CH_ENV_IMAGE, err);
}

static int set_set_env0(void *target, const char *value, struct ch_err *err)
{
	return add_env(target, value, CH_ENV_FILE0, CH_ENV_IMAGE0, err);
}

static int set_unset_env(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	if (!value[0])
		return ch_err_set(err, -EINVAL, "the pattern is empty");
	return ch_env_ops_add(&s->env, CH_ENV_UNSET, value, err);
}

static int set_feature(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	return ch_text_copy(value, &s->feature, err);
}

static int parse_id(const char *value, uint32_t *id, bool *has, struct ch_err *err)
{
	int rc = ch_text_u32(value, "id", 0, UINT32_MAX - 1, id, err);

	*has = *has || rc == 0;
	return rc;
}

static int set_uid(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	return parse_id(value, &s->uid, &s->has_uid, err);
}

static int set_gid(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	return parse_id(value, &s->gid, &s->has_gid, err);
}

static int set_home(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	(void)err;
	s->home = is_yes(value) ? CH_HOME_YES : CH_HOME_NO;
	return 0;
}

static int set_image(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	return ch_text_copy(value, &s->image, err);
}

static int set_join(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	if (strcmp(value, "step") != 0 && strcmp(value, "no") != 0)
		return ch_err_set(err, -EINVAL, "'%s' is neither step nor no", value);
	s->each = strcmp(value, "no") == 0;
	return 0;
}

static int set_join_flag(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	(void)value;
	s->join = true;
	if (s->join_pid)
		return ch_err_set(err, -EINVAL, "--join-pid excludes the other ways to join");
	return 0;
}

static int set_join_ct(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;
	int rc = ch_text_u32(value, "number of processes", 1, INT32_MAX, &s->join_peers, err);

	return rc < 0 ? rc : set_join_flag(target, value, err);
}

static int set_join_tag(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	if (!value[0])
		return ch_err_set(err, -EINVAL, "the tag is empty");
	if (ch_text_copy(value, &s->join_tag, err) < 0)
		return err->code;
	return set_join_flag(target, value, err);
}

static int set_join_pid(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;
	uint32_t n;
	int rc = ch_text_u32(value, "process id", 1, INT32_MAX, &n, err);

	if (rc < 0)
		return rc;
	s->join_pid = (pid_t)n;
	if (s->join)
		return ch_err_set(err, -EINVAL, "it excludes the other ways to join");
	return 0;
}

/* A mount point on the host was needed by others; ours is inside the container. */
static int set_mount(void *target, const char *value, struct ch_err *err)
{
	(void)target;
	return value[0] ? 0 : ch_err_set(err, -EINVAL, "the directory is empty");
}

static int set_passwd(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	(void)err;
	s->no_passwd = !is_yes(value);
	return 0;
}

static int set_fuse_single(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	(void)value;
	(void)err;
	s->threads = 1;
	return 0;
}

static int set_storage(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	if (!value[0])
		return ch_err_set(err, -EINVAL, "the directory is empty");
	return ch_text_copy(value, &s->storage, err);
}

static int set_threads(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	return ch_text_u32(value, "number of threads", 1, 1024, &s->threads, err);
}

static int mute_and_talk(struct ch_err *err)
{
	return ch_err_set(err, -EINVAL, "--quiet and --verbose exclude each other");
}

static int set_quiet(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	(void)value;
	s->quiet++;
	return s->verbose ? mute_and_talk(err) : 0;
}

static int set_verbose(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	(void)value;
	s->verbose++;
	return s->quiet ? mute_and_talk(err) : 0;
}

static int set_verbosity(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	return ch_text_u32(value, "verbosity", 0, 3, &s->verbose, err);
}

static int set_write_image(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	(void)value;
	if (s->write == CH_WRITE_FAKE)
		return ch_err_set(err, -EINVAL, "--write and --write-fake exclude each other");
	s->write = CH_WRITE_IMAGE;
	return 0;
}

/* A size as of tmpfs(5), where 0 is no limit. It becomes part of mount options: nothing else may
 * slip in. */
static int set_write_fake(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	if (s->write == CH_WRITE_IMAGE)
		return ch_err_set(err, -EINVAL, "--write and --write-fake exclude each other");
	s->write = CH_WRITE_FAKE;
	if (!value) {
		free(ch_take(s->write_size));
		return 0;
	}

	size_t digits = strspn(value, "0123456789");

	if (digits == 0 || digits > 18 ||
	    strspn(value + digits, "kKmMgGtTpPeE%") != strlen(value + digits) ||
	    strlen(value + digits) > 1)
		return ch_err_set(err, -EINVAL, "'%s' is not a size such as 500m, 2G or 12%%",
				  value);
	return ch_text_copy(value, &s->write_size, err);
}

static int set_write_mode(void *target, const char *value, struct ch_err *err)
{
	struct ch_settings *s = target;

	s->write = CH_WRITE_NO;
	if (strcmp(value, "no") == 0)
		return 0;
	if (strcmp(value, "image") == 0)
		return set_write_image(target, value, err);
	if (strcmp(value, "fake") == 0)
		return set_write_fake(target, NULL, err);
	if (strncmp(value, "fake:", 5) == 0)
		return set_write_fake(target, value + 5, err);
	return ch_err_set(err, -EINVAL, "'%s' is none of image, fake, fake:SIZE, no", value);
}

/* ---- the table ------------------------------------------------------------------------------ */

const struct ch_opt ch_options[] = {
	{ "bind", 'b', CH_OPT_BOTH, CH_OPT_LIST, "SRC[:DST[:ro|rw]]",
	  "bind SRC of the host on DST in the container (default: same path)",
	  "Make the file or directory SRC of the host, with everything mounted below it, visible "
	  "as "
	  "DST in the container; without DST, at the same path. With ro nothing below DST can be "
	  "changed. Binds are made in the given order. A missing DST is made, also in read-only "
	  "images, without changing the image. Links in the image never lead DST out of the image. "
	  "A colon in a path is written as \\:.",
	  set_bind },
	{ "cd", 'c', CH_OPT_RUN, CH_OPT_VALUE, "DIR",
	  "working directory in the container (default /)",
	  "Start in directory DIR of the container; if it is relative, seen from /.", set_cd },
	{ "cd", 0, CH_OPT_SPANK, CH_OPT_VALUE, "DIR", "working directory in the container",
	  "Start in directory DIR of the container, an absolute path. The default is the step's "
	  "working directory if it exists in the container, else /, with a notice.",
	  set_cd_absolute },
	{ "color", 0, CH_OPT_RUN, CH_OPT_OPTIONAL, CH_COLOR_ARG,
	  "colour errors and warnings (default auto: on a terminal)",
	  "Print errors and warnings in colour: " CH_COLOR_RULES ".", set_color },
	{ "dry-run", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "print what would be done, and exit",
	  "Print the mounts, the changes of the environment and the command, and exit with status "
	  "0 "
	  "without running anything.",
	  set_dry_run },
	{ "entrypoint", 0, CH_OPT_SPANK, CH_OPT_FLAG, NULL,
	  "run the image's entry point in front of the command (default no)",
	  "With yes, the command and its arguments become arguments of the ENTRYPOINT that the "
	  "image's configuration names. An image without one is an error. Not for steps with "
	  "--multi-prog.",
	  set_entrypoint },
	{ "env", 0, CH_OPT_SPANK, CH_OPT_LIST, "image|VAR=VAL|/FILE",
	  "set environment variables: from the image, one, or from a file",
	  "Change the environment, in the given order. image applies what the image says: the "
	  "environment of its configuration, then its file /ch/environment; variables that "
	  "start "
	  "with SLURM, PMI or PMIX are left alone. VAR=VAL sets one variable. "
	  "/FILE is a file of the host with one VAR=VAL a line. Items of VAL between colons that "
	  "start with $ are replaced by that variable's value.",
	  set_env },
	{ "env-no-expand", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL,
	  "do not expand $ in values of --set-env",
	  "Take values of --set-env as they are: items that start with $ are not replaced.",
	  set_env_no_expand },
	{ "feature", 0, CH_OPT_RUN, CH_OPT_VALUE, "FEAT", "exit with 0 if FEAT is there, else 87",
	  "Try whether a feature is there, on this machine and in this build, print nothing, and "
	  "exit with status 0 if so, else 87; with --verbose one line tells why it is not. FEAT is "
	  "cdi (never, so far), extglob (extended patterns), fuse (FUSE mounts by users), json "
	  "(configuration of OCI images), overlayfs (--write-fake), seccomp (root emulation), sif "
	  "and squash (these images), tmpfs-xattrs, or userns (namespaces). Nothing else is done.",
	  set_feature },
	{ "fuse-single", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "the same as --fuse-threads=1",
	  "Serve a SquashFS image with one thread.", set_fuse_single },
	{ "fuse-threads", 0, CH_OPT_RUN, CH_OPT_VALUE, "N", "threads of the image server",
	  "Serve a SquashFS image with N threads, at most 64. The default is twice the number of "
	  "CPUs that the command may use, at least 4 and at most 16; without work, all but two "
	  "sleep.",
	  set_threads },
	{ "gid", 'g', CH_OPT_BOTH, CH_OPT_VALUE, "GID", "group id in the container",
	  "Appear as group GID in the container. It is the caller's group in truth, and has its "
	  "rights.",
	  set_gid },
	{ "help", '?', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print this help and exit",
	  "Print a summary of the options on standard output and exit.", set_help },
	{ "home", 0, CH_OPT_BOTH, CH_OPT_FLAG, NULL,
	  "bind the home directory at /home/USER and set HOME",
	  "Bind the host's $HOME at /home/USER in the container and set HOME to that. In Slurm "
	  "steps "
	  "the home directory is by default bound at its own path; no leaves it out.",
	  set_home },
	{ "image", 0, CH_OPT_SPANK, CH_OPT_VALUE, "IMAGE|none",
	  "run tasks in the container image IMAGE",
	  "Run the tasks of every step in IMAGE: a SquashFS or SIF file, a directory, or the name "
	  "of an image in ch-image's storage, opened on the node as the user. A relative path is "
	  "taken against the directory of submission when it was inherited from the job, else "
	  "against the step's working directory. none switches off what was inherited.",
	  set_image },
	{ "join", 0, CH_OPT_SPANK, CH_OPT_VALUE, "step|no",
	  "one container for all local ranks, or one each (default step)",
	  "With step all ranks of the node share one container, so that they can access each "
	  "other's memory (CMA), as MPI libraries do. With no each rank gets namespaces of its own "
	  "over the same image server; this is for debugging.",
	  set_join },
	{ "join", 'j', CH_OPT_RUN, CH_OPT_FLAG, NULL,
	  "share one container with other ch-run of the same tag",
	  "Run in the same container as other ch-run that are given this option and have the same "
	  "tag, so that the processes can access each other's memory (CMA), as MPI libraries do. "
	  "The first one makes the container, with its image, binds and ids; the others enter it. "
	  "It lasts as long as a process in it, whichever.",
	  set_join_flag },
	{ "join-ct", 0, CH_OPT_RUN, CH_OPT_VALUE, "N", "--join, expecting N processes",
	  "As --join, with N processes expected on this machine. It is only a hint: the container "
	  "waits for those that are missing, up to five seconds while it is empty; more than N may "
	  "join as well. The default is what a launcher's environment says.",
	  set_join_ct },
	{ "join-pid", 0, CH_OPT_RUN, CH_OPT_VALUE, "PID", "enter the container of process PID",
	  "Run in the container of the running process PID of the same user, to debug it, say. "
	  "IMAGE and the options that shape a container have no effect.",
	  set_join_pid },
	{ "join-tag", 0, CH_OPT_RUN, CH_OPT_VALUE, "TAG", "--join, by the tag TAG",
	  "As --join, by the tag TAG. The default is the PMIx namespace, else Slurm's step, else "
	  "the process that started ch-run. Processes of other users, or of other Slurm jobs, are "
	  "never met.",
	  set_join_tag },
	{ "mount", 'm', CH_OPT_RUN, CH_OPT_VALUE, "DIR",
	  "accepted for compatibility, without effect",
	  "Accepted for compatibility. The image is mounted inside the container's own mount "
	  "namespace; no directory of the host is needed.",
	  set_mount },
	{ "no-passwd", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL,
	  "keep the image's /etc/passwd and /etc/group",
	  "Do not put generated files over the image's /etc/passwd and /etc/group.",
	  set_no_passwd },
	{ "passwd", 0, CH_OPT_SPANK, CH_OPT_FLAG, NULL,
	  "generate /etc/passwd and /etc/group (default yes)",
	  "With yes, /etc/passwd and /etc/group of the container are generated: root, nobody, and "
	  "the "
	  "user. With no the image's are kept.",
	  set_passwd },
	{ "private-tmp", 't', CH_OPT_BOTH, CH_OPT_FLAG, NULL, "a fresh tmpfs on /tmp",
	  "Mount a fresh tmpfs on /tmp of the container instead of binding the host's /tmp "
	  "(ch-run: "
	  "$TMPDIR if set).",
	  set_private_tmp },
	{ "quiet", 'q', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print less; repeatable",
	  "Be quieter: once, no informational messages; twice, no warnings either. The command's "
	  "own "
	  "output is never touched.",
	  set_quiet },
	{ "script", 0, CH_OPT_SPANK, CH_OPT_FLAG, NULL,
	  "run the batch script or interactive shell inside, too (default no)",
	  "With yes, the batch script or the interactive shell of the job runs in the container, "
	  "too. "
	  "Then srun is available in it only if the image contains Slurm.",
	  set_script },
	{ "seccomp", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL,
	  "let changes of owners and the like seem to work",
	  "Root emulation, for installing software in a writable image with --uid=0 and --gid=0: "
	  "system calls that change owners, user and group ids or capabilities, and those that "
	  "make device files, do nothing and report success.",
	  set_seccomp },
	{ "set-env", 0, CH_OPT_RUN, CH_OPT_OPTIONAL, "FILE|VAR=VAL",
	  "set environment variables (default: /ch/environment of the image)",
	  "Set environment variables: with VAR=VAL one, with FILE all in that file of the host, "
	  "one VAR=VAL a line; without an argument those of the image: the environment of its "
	  "configuration, then its file /ch/environment. One pair of single quotes around VAL is "
	  "removed. Items of VAL between colons that start with $ are replaced by that variable's "
	  "value, and vanish if it is unset or empty. --set-env and --unset-env are carried out in "
	  "the order of the command line.",
	  set_set_env },
	{ "set-env0", 0, CH_OPT_RUN, CH_OPT_OPTIONAL, "FILE|VAR=VAL",
	  "as --set-env, for files with NUL-terminated records",
	  "As --set-env, but the records of the file end in a NUL byte.", set_set_env0 },
	{ "storage", 's', CH_OPT_RUN, CH_OPT_VALUE, "DIR",
	  "directory of ch-image that holds images by name",
	  "Look for images by name in the storage directory DIR of ch-image. Default: what "
	  "$CH_IMAGE_STORAGE says, else /var/tmp/USER.ch. DIR has to be a directory, not a link, "
	  "which belongs to the caller, and to which nobody else may write.",
	  set_storage },
	{ "uid", 'u', CH_OPT_BOTH, CH_OPT_VALUE, "UID", "user id in the container",
	  "Appear as user UID in the container. It is the caller in truth, and has its rights.",
	  set_uid },
	{ "unsafe", 0, CH_OPT_RUN, CH_OPT_FLAG, NULL, "let --write change images in storage",
	  "Permit --write with an image in the storage directory of ch-image, which is refused "
	  "otherwise: ch-image would take the changed image for what it built.",
	  set_unsafe },
	{ "unset-env", 0, CH_OPT_BOTH, CH_OPT_LIST, "GLOB", "remove environment variables",
	  "Remove all environment variables whose names match the shell pattern GLOB; extended "
	  "patterns such as !(A_*|B_*) are understood.",
	  set_unset_env },
	{ "verbose", 'v', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print more; repeatable",
	  "Be more talkative: twice prints how long each phase took.", set_verbose },
	{ "verbose", 0, CH_OPT_SPANK, CH_OPT_VALUE, "0..3",
	  "print more about what is done (default 0)",
	  "Print more: 2 tells how long each phase of the start took on each node.",
	  set_verbosity },
	{ "version", 'V', CH_OPT_RUN, CH_OPT_FLAG, NULL, "print the version and exit",
	  "Print the version on standard output and exit.", set_version },
	{ "write", 'w', CH_OPT_RUN, CH_OPT_FLAG, NULL, "mount the image directory read-write",
	  "Changes go to the image. Only for images that are directories.", set_write_image },
	{ "write", 0, CH_OPT_SPANK, CH_OPT_VALUE, "image|fake[:SIZE]|no",
	  "where changes go: the image directory, memory, nowhere (default no)",
	  "With image, changes go to the image; only for images that are directories. With fake "
	  "they go to memory, at most SIZE (as of tmpfs, default 12%; 0: no limit), and are lost "
	  "in the end. "
	  "With no the image is read-only.",
	  set_write_mode },
	{ "write-fake", 'W', CH_OPT_RUN, CH_OPT_OPTIONAL, "SIZE",
	  "changes go to memory and are lost (default size 12%)",
	  "Changes go to a layer in memory of at most SIZE (as of tmpfs, default 12%; 0: no "
	  "limit), and are lost in the end.",
	  set_write_fake },
	{ 0 },
};

void ch_settings_done(struct ch_settings *s)
{
	ch_binds_done(&s->binds);
	ch_env_ops_done(&s->env);
	free(s->image);
	free(s->cd);
	free(s->join_tag);
	free(s->feature);
	free(s->write_size);
	free(s->storage);
	*s = (struct ch_settings){ 0 };
}
