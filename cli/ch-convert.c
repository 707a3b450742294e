/* SPDX-License-Identifier: Apache-2.0 */
/* ch-convert - container images from one format to another
 *
 * Messages go to standard error. Interrupted, it leaves nothing behind, and ends by the signal
 * then; a second one ends it at once. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/compress.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "base/text.h"
#include "build/again.h"
#include "build/stage.h"
#include "cache/cache.h"
#include "convert/convert.h"
#include "convert/packing.h"
#include "convert_options.h"
#include "messages.h"
#include "oci/manifest.h"
#include "oci/ref.h"
#include "opt/optdoc.h"
#include "rt/version.h"
#include "store/store.h"
#include "sys/stdio.h"

enum { EXIT_NO = 1, EXIT_USAGE_ = 64 };

/* ---- messages ----------------------------------------------------------------------------- */

static void to_stderr(enum ch_level level, const char *line, void *data)
{
	(void)data;
	if (level > CH_WARN)
		fprintf(stderr, "%s\n", line);
	else
		fprintf(stderr, "ch-convert: %s: %s\n", level == CH_ERROR ? "error" : "warning",
			line);
}

static enum ch_level level_of(const struct ch_convert_settings *s)
{
	if (s->quiet > 0)
		return s->quiet > 1 ? CH_ERROR : CH_WARN;
	return s->verbose > 0 ? CH_DEBUG : CH_INFO;
}

static void usage(FILE *out)
{
	fputs("Usage: ch-convert [OPTION...] IN OUT\n"
	      "Convert a container image from one format to another.\n"
	      "Formats FMT:\n  " CH_FORMAT_NAMES "\n\n",
	      out);
	ch_opt_help(ch_convert_options, CH_OPT_RUN, out);
}

/* ---- signals ------------------------------------------------------------------------------ */

static atomic_bool is_cancelled;
static volatile sig_atomic_t ending_signal;

static void on_signal(int number)
{
	ending_signal = number;
	atomic_store(&is_cancelled, true);
}

static bool must_end(void *data)
{
	(void)data;
	return atomic_load(&is_cancelled);
}

/* Who is to ignore them, as under nohup(1), goes on to do so. */
static void catch_signals(void)
{
	static const int all[] = { SIGINT, SIGTERM, SIGHUP };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND }, old;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (sigaction(all[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaction(all[i], &sa, NULL);
	/* Who reads what we write to a program, and ends, is told apart by its status. */
	signal(SIGPIPE, SIG_IGN);
	/* What is larger than the limit (ulimit -f) is an error like a full disk. */
	signal(SIGXFSZ, SIG_IGN);
}

/* Nothing is left behind: end as the signal wants. */
static int end_by_signal(void)
{
	signal(ending_signal, SIG_DFL);
	raise(ending_signal);
	return EXIT_NO;
}

/* ---- what is to be done ------------------------------------------------------------------- */

/* What the command line means. Owned texts are what CONVERT points to. */
struct job {
	const struct ch_convert_settings *set;
	const char *in, *out; /* as given */
	struct ch_convert convert;
	char *storage;
	char *in_path, *out_path;
	struct ch_store *store;
};

static void ch_auto_job(struct job *job)
{
	ch_store_close(job->store);
	free(job->storage);
	free(job->in_path);
	free(job->out_path);
}

static bool has_tag(enum ch_format format)
{
	return format == CH_FORMAT_OCI || format == CH_FORMAT_OCI_ARCHIVE ||
	       format == CH_FORMAT_DOCKER_ARCHIVE;
}

/* A path, or a name; in layouts and archives, one may be said which image is meant. */
static int find_paths(struct job *job, struct ch_err *err)
{
	struct ch_convert *c = &job->convert;
	int rc;

	if (has_tag(c->from))
		rc = ch_format_split(job->in, &job->in_path, &c->source.tag, err);
	else
		rc = ch_text_copy(job->in, &job->in_path, err);
	if (rc < 0)
		return rc;
	if (has_tag(c->to))
		return ch_format_split_new(job->out, &job->out_path, &c->target.tag, err);
	return ch_text_copy(job->out, &job->out_path, err);
}

static int find_formats(struct job *job, struct ch_err *err)
{
	struct ch_convert *c = &job->convert;

	if (job->set->in && ch_format_parse(job->set->in, &c->from, err) < 0)
		return ch_err_in(err, "option --in-fmt");
	if (job->set->out && ch_format_parse(job->set->out, &c->to, err) < 0)
		return ch_err_in(err, "option --out-fmt");
	if (!job->set->in && ch_format_of_source(job->in, job->storage, &c->from, err) < 0)
		return err->code;
	if (!job->set->out)
		c->to = ch_format_of_name(job->out);
	if (c->from == c->to)
		return ch_err_set(err, -EINVAL,
				  "'%s' and '%s' both have the format %s: nothing to convert",
				  job->in, job->out, ch_format_name(c->from));
	return find_paths(job, err);
}

/* Tar archives are compressed as their name says; an option may add the level. */
static int check_packing(const struct job *job, struct ch_compress_how *how, struct ch_err *err)
{
	struct ch_compress_how by_name = { 0 };

	if (ch_packing_of_name(job->out_path, &by_name, err) < 0)
		return err->code;
	if (job->set->compress && how->kind != by_name.kind)
		return ch_err_set(err, -EINVAL,
				  "--compress %s: that is not what the name '%s' says",
				  job->set->compress, job->out);
	how->kind = by_name.kind;
	return 0;
}

static int find_packing(struct job *job, struct ch_err *err)
{
	const char *text = job->set->compress;
	struct ch_target_how *how = &job->convert.target;
	enum ch_format to = job->convert.to;
	int rc = 0;

	ch_packing_usual(to, &how->pack);
	how->pack.threads = job->set->jobs;
	if (text && to == CH_FORMAT_SQUASH)
		rc = ch_squash_compress_parse(text, &how->squash, err);
	else if (text && (to == CH_FORMAT_TAR || has_tag(to)))
		rc = ch_compress_parse(text, &how->pack, err);
	else if (text)
		return ch_err_set(err, -EINVAL, "--compress: format %s is not compressed",
				  ch_format_name(to));
	if (rc < 0)
		return ch_err_in(err, "--compress");
	if (has_tag(to) && how->pack.kind == CH_COMPRESS_XZ)
		return ch_err_set(err, -EINVAL, "--compress: layers cannot be compressed by xz");
	return to == CH_FORMAT_TAR ? check_packing(job, &how->pack, err) : 0;
}

static int find_temp(const struct job *job, const char **ret, struct ch_err *err)
{
	const char *env = getenv("TMPDIR");

	*ret = job->set->tmp ? job->set->tmp : env && env[0] ? env : "/var/tmp";
	if (**ret != '/')
		return ch_err_set(err, -EINVAL, "directory for temporary files '%s': not absolute",
				  *ret);
	return 0;
}

static int understand(struct job *job, struct ch_err *err)
{
	struct ch_convert *c = &job->convert;

	if (job->set->xattrs && job->set->no_xattrs)
		return ch_err_set(err, -EINVAL, "--xattrs and --no-xattrs exclude each other");
	if (ch_store_path(job->set->storage, &job->storage, err) < 0 ||
	    find_formats(job, err) < 0 || find_packing(job, err) < 0 ||
	    find_temp(job, &c->source.temp, err) < 0 ||
	    ch_oci_arch_parse(job->set->arch, &c->source.arch, err) < 0)
		return err->code;
	c->source.path = job->in_path;
	c->source.no_xattrs = c->target.no_xattrs = job->set->no_xattrs;
	c->source.max = job->set->max_size;
	c->source.cancel = &is_cancelled;
	c->target.path = job->out_path;
	c->target.temp = c->source.temp;
	c->target.cancel = c->source.cancel;
	c->target.keep = job->set->no_clobber;
	return 0;
}

/* An image that may be damaged, since the machine stopped, is made again first, if it can be. */
static int check_image(const struct job *job, struct ch_err *err)
{
	ch_auto(fd) int dir = open(job->storage, O_PATH | O_DIRECTORY | O_CLOEXEC);
	ch_auto(cache) struct ch_cache *cache = NULL;
	ch_auto(ref) struct ch_ref ref = { 0 };
	struct ch_shelf shelf = { .store = job->store, .teller = ch_messages };

	if (dir < 0)
		return ch_err_sys(err, "storage '%s'", job->storage);
	if (ch_ref_parse(job->in_path, &ref, err) < 0 || ch_cache_open(dir, NULL, &cache, err) < 0)
		return err->code;
	shelf.cache = cache;

	ch_auto(fd) int root = ch_again_read(&shelf, &ref, err);

	return root < 0 ? root : 0;
}

static int open_storage(struct job *job, struct ch_err *err)
{
	const struct ch_store_options options = {
		.path = job->storage,
		.teller = ch_messages,
		.stop = must_end,
	};
	struct ch_convert *c = &job->convert;

	if (c->from != CH_FORMAT_CH_IMAGE && c->to != CH_FORMAT_CH_IMAGE)
		return 0;
	if (ch_store_open(&options, &job->store, err) < 0)
		return err->code;
	c->source.store = c->target.store = job->store;
	return c->from == CH_FORMAT_CH_IMAGE ? check_image(job, err) : 0;
}

/* ---- doing it ----------------------------------------------------------------------------- */

static void announce(const struct job *job)
{
	ch_log(CH_INFO, "input:   %-14s  %s", ch_format_name(job->convert.from), job->in);
	ch_log(CH_INFO, "output:  %-14s  %s", ch_format_name(job->convert.to), job->out);
}

/* Names in storage, and of other programs, are not looked up: that could change something. */
static int try(const struct job *job, struct ch_err *err)
{
	enum ch_format to = job->convert.to;
	bool is_path = to != CH_FORMAT_CH_IMAGE && to != CH_FORMAT_DOCKER && to != CH_FORMAT_PODMAN;

	if (ch_convert_check(&job->convert, err) < 0)
		return err->code;
	if (!is_path)
		ch_log(CH_INFO, "would make '%s', or replace it", job->out);
	else
		ch_log(CH_INFO, "would %s '%s'",
		       access(job->out_path, F_OK) == 0 ? "replace" : "make", job->out_path);
	return 0;
}

static int convert(struct job *job, struct ch_err *err)
{
	struct ch_converted got;

	announce(job);
	if (job->set->dry_run)
		return try(job, err);
	if (open_storage(job, err) < 0 || ch_convert(&job->convert, &got, err) < 0)
		return err->code;
	if (got.devices > 0)
		ch_log(CH_WARN, "%llu device files or sockets left out",
		       (unsigned long long)got.devices);
	if (got.links > 0)
		ch_log(CH_WARN, "%llu hard links left out: what they lead to is left out",
		       (unsigned long long)got.links);
	if (got.unread > 0)
		ch_log(CH_WARN,
		       "%u scripts in /.singularity.d/env do more than to set variables, or set "
		       "too much: what of the environment they set then is not kept",
		       got.unread);
	ch_log(CH_INFO, "done");
	return 0;
}

/* Returns the exit status. */
static int run(const struct ch_convert_settings *set, char **operands, struct ch_err *err)
{
	ch_auto(job) struct job job = { .set = set, .in = operands[0], .out = operands[1] };

	if (understand(&job, err) < 0)
		return err->code == -EINVAL || err->code == -ERANGE ? EXIT_USAGE_ : EXIT_NO;
	return convert(&job, err) < 0 ? EXIT_NO : 0;
}

int main(int argc, char **argv)
{
	struct ch_convert_settings set = { 0 };
	struct ch_err err;
	int first;

	ch_stdio_guard();
	ch_log_to(to_stderr, NULL, CH_INFO);
	if (argc == 1) {
		usage(stderr);
		return EXIT_NO;
	}
	if (ch_opt_parse(ch_convert_options, argc, argv, &set, &first, &err) < 0)
		return ch_messages_report(&err, EXIT_USAGE_);
	ch_log_to(to_stderr, NULL, level_of(&set));
	if (set.help)
		usage(stdout);
	else if (set.version)
		ch_version_print("ch-convert");
	if (set.help || set.version)
		return fflush(stdout) == 0 ? 0 : EXIT_NO;
	if (argc - first != 2) {
		ch_err_set(&err, -EINVAL, "too %s arguments; usage: ch-convert [OPTION...] IN OUT",
			   argc - first < 2 ? "few" : "many");
		return ch_messages_report(&err, EXIT_USAGE_);
	}
	catch_signals();

	int code = run(&set, argv + first, &err);

	if (code != 0)
		ch_messages_report(&err, code);
	return code != 0 && ending_signal ? end_by_signal() : code;
}
