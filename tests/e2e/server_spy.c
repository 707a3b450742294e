/* SPDX-License-Identifier: Apache-2.0 */
/* server_spy - what a shell cannot try
 *
 *	server_spy trace PID		must not be able to trace PID, or to open its memory
 *	server_spy seekdir DIR		telldir and seekdir must agree at every position
 *
 * Exit status 0 if all is as it must be. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <unistd.h>

static int denied(const char *what, long rc)
{
	if (rc < 0 && (errno == EPERM || errno == EACCES))
		return 0;
	printf("%s: %s\n", what, rc < 0 ? strerror(errno) : "possible");
	return 1;
}

static int trace(const char *pid_text)
{
	pid_t pid = (pid_t)strtol(pid_text, NULL, 10);
	struct iovec iov = { .iov_base = &pid, .iov_len = sizeof(pid) };
	char path[64];
	int rc = 0;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)pid);
	rc |= denied("mem", open(path, O_RDONLY));
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)pid);
	rc |= denied("maps", open(path, O_RDONLY));
	rc |= denied("ptrace", ptrace(PTRACE_SEIZE, pid, NULL, NULL));
	rc |= denied("process_vm_readv", process_vm_readv(pid, &iov, 1, &iov, 1, 0));
	return rc;
}

static int check_position(DIR *d, long pos, const char *want)
{
	const struct dirent *e;

	seekdir(d, pos);
	e = readdir(d);
	if (e && strcmp(e->d_name, want) == 0)
		return 0;
	printf("position %ld: got '%s', wanted '%s'\n", pos, e ? e->d_name : "", want);
	return 1;
}

static int seek_all(const char *path)
{
	static struct {
		long pos;
		char name[256];
	} all[20000];
	const struct dirent *e;
	DIR *d = opendir(path);
	size_t n = 0;
	int rc = 0;

	if (!d)
		return 1;
	for (;;) {
		all[n].pos = telldir(d);
		e = readdir(d);
		if (!e || n + 1 == sizeof(all) / sizeof(all[0]))
			break;
		snprintf(all[n++].name, sizeof(all[0].name), "%s", e->d_name);
	}
	for (size_t i = 0; i < n && rc == 0; i++) {
		size_t j = i * 7919 % n;

		rc = check_position(d, all[j].pos, all[j].name);
	}
	closedir(d);
	return rc || n < 10000;
}

int main(int argc, char **argv)
{
	if (argc == 3 && strcmp(argv[1], "trace") == 0)
		return trace(argv[2]);
	if (argc == 3 && strcmp(argv[1], "seekdir") == 0)
		return seek_all(argv[2]);
	return 64;
}
