/* SPDX-License-Identifier: Apache-2.0 */
/* sanitize - where the reports of sanitizers go; linked only with --enable-sanitizers
 *
 * The environment of keeper and server is fixed, and their standard error is /dev/null: so
 * options are compiled in, and reports are appended to the file REPORTS, which "make install"
 * makes, and at which tests look afterwards (tests/lib/common.bash). It is opened at the
 * start, since later on it may be out of reach: in a container, or behind a filter. */
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

/* Out of the way of the numbers that programs agree upon. */
enum { FD_MIN = 500 };

const char *__asan_default_options(void);
const char *__lsan_default_options(void);
const char *__ubsan_default_options(void);
int __lsan_is_turned_off(void);

/* Limits are handed on to the command as they are, and no memory is an error like others. */
#define COMMON                                                                                     \
	"abort_on_error=1:disable_coredump=0:allocator_may_return_null=1:print_stacktrace=1:"      \
	"handle_abort=0"

const char *__asan_default_options(void)
{
	return COMMON ":strict_string_checks=1:detect_stack_use_after_return=1:"
		      "check_initialization_order=1:verify_asan_link_order=0";
}

const char *__lsan_default_options(void)
{
	return COMMON;
}

const char *__ubsan_default_options(void)
{
	return COMMON;
}

/* The number behind NAME in our status; -1: none */
static long status_number(const char *name)
{
	FILE *file = fopen("/proc/self/status", "re");
	size_t len = strlen(name);
	char line[256];
	long number = -1;

	while (file && number < 0 && fgets(line, sizeof(line), file))
		if (strncmp(line, name, len) == 0)
			number = strtol(line + len, NULL, 10);
	if (file)
		fclose(file);
	return number;
}

static bool has_room_for_a_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid > 0 && waitpid(pid, NULL, 0) == pid;
}

/* Looking for leaks needs a process that traces this one. Filters forbid that; a tracer, a
 * limit, being a set-user-ID program, a foreign /proc keep it from doing so. */
int __lsan_is_turned_off(void)
{
	return prctl(PR_GET_SECCOMP) != 0 || getuid() != geteuid() ||
	       status_number("TracerPid:") != 0 || status_number("Pid:") != getpid() ||
	       !has_room_for_a_process();
}

/* Each sanitizer's library has a copy of the function that is called here, and of what it
 * sets; and the first report of one of them closes the descriptor of another. */
enum { LIBRARIES_MAX = 4 };
static int reports[LIBRARIES_MAX] = { -1, -1, -1, -1 };

static int tell(struct dl_phdr_info *info, size_t size, void *data)
{
	int *next = data;
	void (*set_fd)(void *);
	void *lib, *sym;

	(void)size;
	if (!strstr(info->dlpi_name, "san.so") || *next == LIBRARIES_MAX)
		return 0;
	lib = dlopen(info->dlpi_name, RTLD_LAZY | RTLD_NOLOAD);
	sym = lib ? dlsym(lib, "__sanitizer_set_report_fd") : NULL;
	memcpy(&set_fd, &sym, sizeof(set_fd));
	if (set_fd && reports[*next] >= 0)
		set_fd((void *)(intptr_t)reports[(*next)++]);
	return 0;
}

/* Linked statically, as clang does, there is one. */
void __sanitizer_set_report_fd(void *fd) __attribute__((weak));

static void tell_all(void)
{
	int next = 0;

	dl_iterate_phdr(tell, &next);
	if (next == 0 && __sanitizer_set_report_fd && reports[0] >= 0)
		__sanitizer_set_report_fd((void *)(intptr_t)reports[0]);
}

/* Keeper and server begin like this (rt/proto.h, rt/server_proto.h). */
static int is_helper(void)
{
	struct stat st;

	for (int fd = 0; fd <= 2; fd++)
		if (fstat(fd, &st) < 0 || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
			return 0;
	return fstat(3, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* A mistake at exit, to show that it is reported: contrib/check makes the file REPORTS.try,
 * with the name of a sanitizer in it. */
static char mistake[16];

static void make_mistake(void)
{
	void *(*volatile fill)(void *, int, size_t) = memset;
	volatile int big = INT32_MAX;
	char *volatile block = malloc(1);

	if (strcmp(mistake, "address") == 0)
		fill(block, 0, 2);
	else if (strcmp(mistake, "undefined") == 0)
		big += 1;
	else
		// cppcheck-suppress memleak; that is the mistake
		block = NULL;
	free(block);
}

static void read_mistake(void)
{
	FILE *file = fopen(REPORTS ".try", "re");

	if (file && fscanf(file, "%15s", mistake) == 1)
		atexit(make_mistake);
	if (file)
		fclose(file);
}

/* Without the file, reports go to standard error, as usual. */
static void __attribute__((constructor)) open_reports(void)
{
	int fd = open(REPORTS, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd < 0)
		return;
	/* A descriptor that they never close, nor use. */
	if (is_helper()) {
		dup2(fd, STDERR_FILENO);
	} else {
		for (int i = 0; i < LIBRARIES_MAX; i++)
			reports[i] = fcntl(fd, F_DUPFD_CLOEXEC, FD_MIN);
		tell_all();
		/* A file that the parent has opened would be closed. */
		pthread_atfork(NULL, NULL, tell_all);
	}
	close(fd);
	read_mistake();
}
