/* SPDX-License-Identifier: Apache-2.0 */
/* mounted.c - is a tree of storage in use by a container?
 *
 * A container of a directory needs nobody once it is there: no process has the lock that readers of
 * images have (store.h), but its mounts tell. */
#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "inner.h"

enum { SEEN_MAX = 64 };

struct search {
	int proc;
	char tail[NAME_MAX + 8]; /* how the tree's path ends */
	char seen[SEEN_MAX][32]; /* mount namespaces that were looked at */
	size_t n;
};

/* Has the text a path that ends so, or goes on below? */
static bool has_path(const char *text, const char *tail)
{
	size_t n = strlen(tail);

	for (const char *at = text; (at = strstr(at, tail)); at++)
		if (strchr("/ ", at[n]))
			return true;
	return false;
}

/* Lines of proc_pid_mountinfo(5). An overlay of ours does not say of what it is. */
static bool is_in_line(const char *line, const char *tail)
{
	return has_path(line, tail) ||
	       (strstr(line, " - overlay ") && strstr(line, "lowerdir=/proc/self/fd/"));
}

/* Each namespace once: most processes share one. */
static bool is_new(struct search *s, const char *pid)
{
	char path[NAME_MAX + 16], ns[sizeof(s->seen[0])];
	ssize_t len;

	snprintf(path, sizeof(path), "%s/ns/mnt", pid);
	len = readlinkat(s->proc, path, ns, sizeof(ns) - 1);
	if (len < 0)
		return false;
	ns[len] = '\0';
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->seen[i], ns) == 0)
			return false;
	if (s->n < SEEN_MAX)
		memcpy(s->seen[s->n++], ns, (size_t)len + 1);
	return true;
}

static bool is_in_process(struct search *s, const char *pid)
{
	char path[NAME_MAX + 16];
	ch_auto(str) char *line = NULL;
	size_t room = 0;
	bool found = false;

	if (!is_new(s, pid))
		return false;
	snprintf(path, sizeof(path), "%s/mountinfo", pid);

	ch_auto(fd) int fd = openat(s->proc, path, O_RDONLY | O_CLOEXEC);
	ch_auto(file) FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

	if (f)
		ch_take_fd(&fd);
	while (f && !found && getline(&line, &room, f) >= 0)
		found = is_in_line(line, s->tail);
	return found;
}

bool ch_store_is_mounted(const char *place)
{
	struct search s = { .proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	ch_auto(dir) DIR *stream = s.proc < 0 ? NULL : fdopendir(s.proc);
	const struct dirent *entry;

	snprintf(s.tail, sizeof(s.tail), "/tmp/%s", place);
	if (!stream) {
		ch_close(&s.proc);
		return true;
	}
	/* Not only those that seem to be the user's: what is in a container and must not be dumped
	 * is root's there. Other users' are in none of ours, and cannot be looked at. */
	while ((entry = readdir(stream)))
		if (isdigit((unsigned char)entry->d_name[0]) && is_in_process(&s, entry->d_name))
			return true;
	return false;
}
