/* SPDX-License-Identifier: Apache-2.0 */
/* cache_tool - the build cache by hand, and for tests that kill it
 *
 *	cache_tool STORAGE commit BRANCH DIR      DIR's files; the parent is BRANCH, if there
 *	cache_tool STORAGE same BRANCH            a commit with the files of the one before
 *	cache_tool STORAGE checkout BRANCH DIR
 *	cache_tool STORAGE lookup BRANCH          the state of the branch's commit
 *
 * A stat file is DIR.stat. Prints what was done, and in how many milliseconds. */
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/auto.h"
#include "base/err.h"
#include "cache/cache.h"

struct tool {
	struct ch_cache *cache;
	char **args; /* after the command */
	struct ch_cache_image image;
	char stat_path[PATH_MAX];
};

static int open_image(struct tool *t, const char *dir, struct ch_err *err)
{
	char copy[PATH_MAX];

	mkdir(dir, 0755);
	snprintf(copy, sizeof(copy), "%s", dir);
	snprintf(t->stat_path, sizeof(t->stat_path), "%s.stat", basename(copy));
	snprintf(copy, sizeof(copy), "%s", dir);
	t->image.root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t->image.dir = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	t->image.stat_name = t->stat_path;
	return t->image.root < 0 || t->image.dir < 0 ? ch_err_sys(err, "open '%s'", dir) : 0;
}

static void print(const char *what, const struct ch_cache_report *r)
{
	printf("%s: %llu entries, %llu files (%llu bytes), %llu removed, %llu devices, %llu "
	       "sockets, %llu attributes not set\n",
	       what, (unsigned long long)r->entries, (unsigned long long)r->files,
	       (unsigned long long)r->bytes, (unsigned long long)r->removed,
	       (unsigned long long)r->devices, (unsigned long long)r->sockets,
	       (unsigned long long)r->xattrs);
}

static int commit(struct tool *t, const struct ch_cache_image *image, struct ch_err *err)
{
	struct ch_oid parent, made;
	struct ch_cache_report report;
	struct ch_cache_state state;
	struct timespec now;
	int has = ch_cache_branch_get(t->cache, t->args[0], &parent, err);

	clock_gettime(CLOCK_REALTIME, &now);

	struct ch_cache_part part = { &now, sizeof(now) };
	struct ch_cache_new what = {
		.parent = has == 1 ? &parent : NULL,
		.image = image,
		.state = &state,
		.message = "RUN something",
		.config = "{}",
	};
	int rc = has < 0 ? has : ch_cache_state_make(NULL, &part, 1, &state, err);

	if (rc == 0)
		rc = ch_cache_commit(t->cache, &what, &made, &report, err);
	if (rc == 0)
		rc = ch_cache_branch_set(t->cache, t->args[0], &made, err);
	if (rc == 0)
		print("commit", &report);
	return rc;
}

static int do_commit(struct tool *t, struct ch_err *err)
{
	int rc = open_image(t, t->args[1], err);

	return rc == 0 ? commit(t, &t->image, err) : rc;
}

static int do_same(struct tool *t, struct ch_err *err)
{
	return commit(t, NULL, err);
}

static int need(struct tool *t, struct ch_oid *ret_commit, struct ch_err *err)
{
	int rc = ch_cache_branch_get(t->cache, t->args[0], ret_commit, err);

	return rc == 0 ? ch_err_set(err, -ENOENT, "no branch '%s'", t->args[0]) : rc;
}

static int do_checkout(struct tool *t, struct ch_err *err)
{
	struct ch_cache_report report;
	struct ch_oid commit;
	int rc = open_image(t, t->args[1], err);

	if (rc == 0)
		rc = need(t, &commit, err);
	if (rc == 1)
		rc = ch_cache_checkout(t->cache, &commit, &t->image, &report, err);
	if (rc == 0)
		print("checkout", &report);
	return rc;
}

static int do_lookup(struct tool *t, struct ch_err *err)
{
	ch_auto(cache_info) struct ch_cache_info info = { 0 };
	struct ch_oid commit;
	int rc = need(t, &commit, err);

	if (rc == 1)
		rc = ch_cache_read(t->cache, &commit, &info, err);
	if (rc == 0)
		rc = ch_cache_lookup(t->cache, &info.state, &commit, err);
	if (rc >= 0)
		printf("%s: %s\n", rc ? "found" : "not found", info.message);
	return rc < 0 ? rc : 0;
}

static const struct {
	const char *name;
	int args;
	int (*run)(struct tool *t, struct ch_err *err);
} commands[] = {
	{ "commit", 2, do_commit },
	{ "same", 1, do_same },
	{ "checkout", 2, do_checkout },
	{ "lookup", 1, do_lookup },
};

static int run(struct tool *t, const char *command, int n, struct ch_err *err)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (strcmp(commands[i].name, command) == 0 && commands[i].args == n)
			return commands[i].run(t, err);
	return ch_err_set(err, -EINVAL, "no command '%s' with so many arguments", command);
}

static long long milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
	struct tool t = { .args = argv + 3 };
	long long start = milliseconds();
	struct ch_err err;

	if (argc < 3)
		return 2;

	ch_auto(fd) int storage = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = storage < 0 ? ch_err_sys(&err, "open '%s'", argv[1])
			     : ch_cache_open(storage, NULL, &t.cache, &err);

	if (rc == 0)
		rc = run(&t, argv[2], argc - 3, &err);
	ch_cache_close(t.cache);
	if (rc < 0)
		fprintf(stderr, "cache_tool: %s\n", err.msg);
	printf("%lld ms\n", milliseconds() - start);
	return rc < 0;
}
