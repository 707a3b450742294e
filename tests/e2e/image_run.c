/* SPDX-License-Identifier: Apache-2.0 */
/* image_run - run a command in an image directory, as RUN of a build does
 *
 *	image_run [OPTION…] IMAGE [CMD…]
 *
 *	-b SRC[:DST]  --bind               -m TEXT   --mount=TEXT
 *	-c DIR        where caches are     -q        show no output
 *	-e NAME=VALUE environment          -r DIR    root of binds among the mounts
 *	-f MODE       --force=MODE         -s TEXT   a script
 *	-F TEXT       --force-cmd=TEXT     -S TEXT   content of the secrets among the mounts
 *	-i TEXT       what stdin gives     -t DIR    is /tmp
 *	-a SOCKET     of an agent          -w DIR    working directory
 *	-n            --no-force-detect    -T        print the tail to stdout
 *
 * Exit status: the command's; 128 and the signal; 99: not run, with an error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "build/force.h"
#include "build/mount.h"
#include "build/run.h"
#include "rt/bind.h"

enum { MAX = 64 };

static void tell(enum ch_level level, const char *line, void *data)
{
	(void)level;
	(void)data;
	fprintf(stderr, "told: %s\n", line);
}

static void die(const struct ch_err *err)
{
	fprintf(stderr, "error: %s\n", err->msg);
	exit(99);
}

static void add_bind(struct ch_binds *binds, const char *spec)
{
	struct ch_bind bind;
	struct ch_err err;

	if (ch_bind_parse(spec, "/", &bind, &err) < 0 || ch_binds_take(binds, &bind, &err) < 0)
		die(&err);
}

/* The value of KEY of "KEY=VALUE,KEY=VALUE", or FALLBACK; malloc'ed. */
static char *value(const char *text, const char *key, const char *fallback)
{
	size_t len = strlen(key);

	for (const char *p = text; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (strncmp(p, key, len) == 0 && p[len] == '=')
			return strndup(p + len + 1, strcspn(p + len + 1, ","));
	return fallback ? strdup(fallback) : NULL;
}

/* Which of the N NAMES is the value of KEY? */
static int choice(const char *text, const char *key, const char *const *names, int n)
{
	char *name = value(text, key, names[0]);
	int i = 0;

	while (i < n && strcmp(name, names[i]) != 0)
		i++;
	free(name);
	return i;
}

/* TEXT is sound: a parser is tested elsewhere. */
static void add_mount(struct ch_run_mount *m, const char *text)
{
	static const char *const kinds[] = { "bind", "cache", "tmpfs", "secret", "ssh" };
	static const char *const sharing[] = { "shared", "private", "locked" };
	char *size = value(text, "size", "0"), *mode = value(text, "mode", "0400");

	m->kind = (enum ch_run_mount_kind)choice(text, "type", kinds, 5);
	m->sharing = (enum ch_run_sharing)choice(text, "sharing", sharing, 3);
	m->target = value(text, "target", NULL);
	m->id = value(text, "id", m->target ? m->target : "default");
	m->from = value(text, "from", NULL);
	m->source = value(text, "source", "/");
	m->env = value(text, "env", NULL);
	m->writable = m->kind == CH_RUN_MOUNT_CACHE ? !strstr(text, ",ro") : !!strstr(text, ",rw");
	m->required = strstr(text, ",required") != NULL;
	m->size = strtoull(size, NULL, 10);
	m->mode = m->kind == CH_RUN_MOUNT_CACHE ? 0755 : (mode_t)strtoul(mode, NULL, 8);
	free(size);
	free(mode);
}

struct args {
	struct ch_run run;
	struct ch_force force;
	struct ch_run_mount mounts[MAX];
	char *env[MAX];
	int n_env;
	struct ch_binds binds;
	const char *root, *secret, *socket;
	bool with_tail;
};

/* One option of the command line: C, with its argument. */
static int take(struct args *a, int c, char *arg, struct ch_err *err)
{
	switch (c) {
	case 'a':
		a->socket = arg;
		break;
	case 'b':
		add_bind(&a->binds, arg);
		break;
	case 'c':
		a->run.caches = arg;
		break;
	case 'e':
		a->env[a->n_env++] = arg;
		break;
	case 'f':
		return ch_force_set(&a->force, arg, err);
	case 'F':
		return ch_force_add(&a->force, arg, err);
	case 'i':
		a->run.input = arg;
		break;
	case 'm':
		add_mount(&a->mounts[a->run.n_mounts++], arg);
		break;
	case 'n':
		a->force.no_detect = true;
		break;
	case 'q':
		a->run.silent = true;
		break;
	case 'r':
		a->root = arg;
		break;
	case 's':
		a->run.script = arg;
		break;
	case 'S':
		a->secret = arg;
		break;
	case 't':
		a->run.tmp = arg;
		break;
	case 'T':
		a->with_tail = true;
		break;
	case 'w':
		a->run.cwd = arg;
		break;
	default:
		exit(98);
	}
	return 0;
}

static void fill_mounts(struct args *a)
{
	for (size_t i = 0; i < a->run.n_mounts; i++) {
		a->mounts[i].root = a->root;
		a->mounts[i].data = a->secret;
		a->mounts[i].len = a->secret ? strlen(a->secret) : 0;
		a->mounts[i].socket = a->socket;
	}
}

int main(int argc, char **argv)
{
	static struct args a;
	struct ch_run_end end;
	struct ch_err err;
	int c, rc = 0;

	a.run = (struct ch_run){ .env = a.env,
				 .binds = &a.binds,
				 .mounts = a.mounts,
				 .teller = { .sink = tell },
				 .keeper = getenv("CH_KEEPER"),
				 .start_s = 30 };
	while (rc == 0 && (c = getopt(argc, argv, "+a:b:c:e:f:F:i:m:nqr:s:S:t:Tw:")) != -1)
		rc = take(&a, c, optarg, &err);
	fill_mounts(&a);
	a.run.image = argv[optind];
	a.run.argv = argv + optind + 1;
	if (rc < 0 || ch_force_run(&a.force, &a.run, &end, &err) < 0)
		die(&err);
	if (a.with_tail)
		printf("tail:\n%s", end.tail);
	rc = end.signal ? 128 + end.signal : end.status;
	ch_run_end_done(&end);
	ch_binds_done(&a.binds);
	ch_force_done(&a.force);
	for (size_t i = 0; i < a.run.n_mounts; i++)
		ch_run_mount_done(&a.mounts[i]);
	return rc;
}
