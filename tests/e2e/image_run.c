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

int main(int argc, char **argv)
{
	static struct ch_run_mount mounts[MAX];
	static char *env[MAX];
	struct ch_binds binds = { 0 };
	struct ch_force force = { 0 };
	struct ch_run_end end;
	struct ch_err err;
	struct ch_run run = { .env = env,
			      .binds = &binds,
			      .mounts = mounts,
			      .teller = { .sink = tell },
			      .keeper = getenv("CH_KEEPER"),
			      .start_s = 30 };
	const char *root = NULL, *secret = NULL, *socket = NULL;
	int c, n_env = 0, rc = 0, with_tail = 0;

	while (rc == 0 && (c = getopt(argc, argv, "+a:b:c:e:f:F:i:m:nqr:s:S:t:Tw:")) != -1)
		switch (c) {
		case 'a':
			socket = optarg;
			break;
		case 'b':
			add_bind(&binds, optarg);
			break;
		case 'c':
			run.caches = optarg;
			break;
		case 'e':
			env[n_env++] = optarg;
			break;
		case 'f':
			rc = ch_force_set(&force, optarg, &err);
			break;
		case 'F':
			rc = ch_force_add(&force, optarg, &err);
			break;
		case 'i':
			run.input = optarg;
			break;
		case 'm':
			add_mount(&mounts[run.n_mounts++], optarg);
			break;
		case 'n':
			force.no_detect = true;
			break;
		case 'q':
			run.silent = true;
			break;
		case 'r':
			root = optarg;
			break;
		case 's':
			run.script = optarg;
			break;
		case 'S':
			secret = optarg;
			break;
		case 't':
			run.tmp = optarg;
			break;
		case 'T':
			with_tail = 1;
			break;
		case 'w':
			run.cwd = optarg;
			break;
		default:
			return 98;
		}
	for (size_t i = 0; i < run.n_mounts; i++) {
		mounts[i].root = root;
		mounts[i].data = secret;
		mounts[i].len = secret ? strlen(secret) : 0;
		mounts[i].socket = socket;
	}
	run.image = argv[optind];
	run.argv = argv + optind + 1;
	if (rc < 0 || ch_force_run(&force, &run, &end, &err) < 0)
		die(&err);
	if (with_tail)
		printf("tail:\n%s", end.tail);
	rc = end.signal ? 128 + end.signal : end.status;
	ch_run_end_done(&end);
	ch_binds_done(&binds);
	ch_force_done(&force);
	for (size_t i = 0; i < run.n_mounts; i++)
		ch_run_mount_done(&mounts[i]);
	return rc;
}
