/* SPDX-License-Identifier: Apache-2.0 */
/* image_build_cache.c - ch-image build-cache: what is in it, and its upkeep */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "image.h"
#include "image_cache.h"
#include "image_signals.h"
#include "messages.h"
#include "pull/blobs.h"
#include "store/store.h"

#define DOT_FILE "build-cache.dot"

/* Downloads that nobody has used for so long are of no use, for who collects garbage. */
enum { UNUSED_DAYS = 30 };

/* ---- upkeep ---------------------------------------------------------------------------------- */

static int collect(struct ch_cache *cache, struct ch_err *err)
{
	const struct ch_cache_gc everything = { .drop_deleted = true };
	struct ch_cache_gained gained = { 0 };
	int rc = ch_cache_collect(cache, &everything, &gained, err);

	if (rc < 0)
		return rc;
	ch_log(CH_INFO, "%" PRIu64 " states removed; %" PRIu64 " MiB of %" PRIu64 " MiB are left",
	       gained.states, gained.after >> 20, gained.before >> 20);
	return 0;
}

static int drop_downloads(struct ch_store *store, struct ch_err *err)
{
	ch_auto(blobs) struct ch_blobs blobs = CH_BLOBS_INIT;
	struct ch_blobs_sum gone, left;

	if (ch_blobs_open(store, NULL, &blobs, err) < 0 ||
	    ch_blobs_tidy(&blobs, UNUSED_DAYS, &gone, &left, err) < 0)
		return err->code;
	if (gone.files > 0)
		ch_log(CH_INFO,
		       "%" PRIu64 " downloads removed; %" PRIu64 " MiB of %" PRIu64 " MiB are left",
		       gone.files, left.bytes >> 20, (gone.bytes + left.bytes) >> 20);
	return 0;
}

static int verify(struct ch_cache *cache, struct ch_err *err)
{
	long n = ch_cache_verify(cache, &ch_messages, err);

	if (n > 0)
		return ch_err_set(err, -EBADMSG,
				  "the build cache is damaged: %ld faults; what is left can be "
				  "removed by build-cache --reset",
				  n);
	return n < 0 ? (int)n : 0;
}

/* ---- trees ----------------------------------------------------------------------------------- */

static int print_tree(struct ch_cache *cache, bool verbose, struct ch_err *err)
{
	ch_auto(str) char *text = NULL;
	int rc = ch_cache_tree(cache, verbose, &text, err);

	if (rc == 0)
		printf("%s\n", text);
	return rc;
}

/* Run dot(1), its input the file FROM, its output TO. TYPE: its option. Returns its status. */
static int run_dot(const char *from, const char *to, char *type)
{
	char *argv[] = { (char[]){ "dot" }, type, NULL };
	const int flags = O_WRONLY | O_CREAT | O_TRUNC;
	posix_spawn_file_actions_t actions;
	extern char **environ;
	int status = -1;
	pid_t pid;

	if (posix_spawn_file_actions_init(&actions) != 0)
		return -1;
	if (posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, from, O_RDONLY, 0) == 0 &&
	    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, to, flags, 0666) == 0 &&
	    posix_spawnp(&pid, "dot", &actions, NULL, argv, environ) == 0)
		waitpid(pid, &status, 0);
	posix_spawn_file_actions_destroy(&actions);
	return status;
}

/* graphviz makes a picture of DOT_FILE, if it is there, beside it. */
static void draw(const char *dot_file, const char *format)
{
	ch_auto(str) char *picture = NULL;
	char type[16];

	snprintf(type, sizeof(type), "-T%s", format);
	if (asprintf(&picture, "%.*s%s", (int)(strlen(dot_file) - strlen("dot")), dot_file,
		     format) < 0) {
		picture = NULL;
		return;
	}
	if (run_dot(dot_file, picture, type) == 0) {
		ch_log(CH_INFO, "wrote: %s", picture);
		return;
	}
	unlink(picture); /* if anything, it is half of one */
	ch_log(CH_INFO, "no '%s': dot(1) of graphviz cannot be run", picture);
}

static int write_dot(struct ch_cache *cache, const char *path, struct ch_err *err)
{
	ch_auto(str) char *text = NULL;
	ch_auto(str) char *name = NULL;
	bool has_ending = path && strlen(path) > 4 && strcmp(path + strlen(path) - 4, ".dot") == 0;

	if (ch_cache_dot(cache, &text, err) < 0)
		return err->code;
	if (asprintf(&name, "%s%s", path ? path : DOT_FILE, path && !has_ending ? ".dot" : "") <
	    0) {
		name = NULL;
		return ch_err_nomem(err);
	}

	ch_auto(file) FILE *f = fopen(name, "we");

	if (!f || fputs(text, f) < 0 || fflush(f) != 0)
		return ch_err_sys(err, "write '%s'", name);
	ch_log(CH_INFO, "wrote: %s", name);
	draw(name, "pdf");
	draw(name, "svg");
	return 0;
}

static uint64_t mib(uint64_t bytes)
{
	return (bytes + (1 << 20) - 1) >> 20;
}

static int print_summary(struct ch_cache *cache, bool verbose, struct ch_err *err)
{
	struct ch_cache_stats stats;
	int rc = ch_cache_stats(cache, &stats, err);

	if (rc < 0)
		return rc;
	printf("named images:  %6" PRIu64 "\n"
	       "state IDs:     %6" PRIu64 "\n"
	       "large files:   %6" PRIu64 "\n"
	       "commits:       %6" PRIu64 "\n"
	       "files:         %6" PRIu64 "\n"
	       "disk used:     %6" PRIu64 " MiB\n",
	       stats.branches, stats.states, stats.large, stats.commits, stats.files,
	       mib(stats.bytes));
	if (verbose)
		printf("in large files:%6" PRIu64 " MiB\n"
		       "largest file:  %6" PRIu64 " MiB\n"
		       "packs:         %6" PRIu64 "\n"
		       "undeletable:   %6" PRIu64 "\n",
		       mib(stats.bytes_large), mib(stats.biggest), stats.packs, stats.deleted);
	return 0;
}

static int print_downloads(struct ch_store *store, struct ch_err *err)
{
	ch_auto(blobs) struct ch_blobs blobs = CH_BLOBS_INIT;
	struct ch_blobs_sum sum;

	if (ch_blobs_open(store, NULL, &blobs, err) < 0 || ch_blobs_count(&blobs, &sum, err) < 0)
		return err->code;
	if (sum.files > 0)
		printf("downloads:     %6" PRIu64 " MiB\n", mib(sum.bytes));
	return 0;
}

/* ---- all ------------------------------------------------------------------------------------ */

static int reset(struct ch_store *store, struct ch_err *err)
{
	ch_auto(fd) int dir = open(ch_store_where(store), O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return ch_err_sys(err, "storage '%s'", ch_store_where(store));
	return ch_cache_reset(dir, err);
}

/* What options ask for, in this order. */
static int operate(const struct ch_image_build_cache *s, struct ch_store *store,
		   struct ch_cache *cache, struct ch_err *err)
{
	int rc = s->gc || s->reset ? ch_store_drop_spare(store, err) : 0;

	if (rc == 0 && s->gc)
		rc = collect(cache, err);
	if (rc == 0 && s->gc)
		rc = drop_downloads(store, err);
	if (rc == 0 && s->verify)
		rc = verify(cache, err);
	if (rc == 0 && s->tree)
		rc = print_tree(cache, s->common.verbose > 0, err);
	if (rc == 0 && s->is_dot)
		rc = write_dot(cache, s->dot, err);
	return rc;
}

int ch_image_build_cache(void *settings, int argc, char **argv, struct ch_err *err)
{
	const struct ch_image_build_cache *s = settings;
	ch_auto(store) struct ch_store *store = NULL;
	ch_auto(cache) struct ch_cache *cache = NULL;
	int rc = ch_image_storage(&s->common, &store, err);

	ch_image_signals_tidy();
	(void)argc;
	(void)argv;
	if (rc == 0 && s->common.cache == CH_IMAGE_CACHE_OFF)
		return ch_err_set(err, -EINVAL, "build-cache: the cache is off");
	if (rc == 0 && s->reset)
		rc = reset(store, err);
	if (rc == 0)
		rc = ch_image_cache(&s->common, store, &cache, err);
	if (rc == 0)
		rc = operate(s, store, cache, err);
	if (rc == 0)
		rc = print_summary(cache, s->common.verbose > 0, err);
	return rc < 0 ? rc : print_downloads(store, err);
}
