/* SPDX-License-Identifier: Apache-2.0 */
#include "fakeroot/fakeroot.h"

#include <errno.h>
#include <stdbool.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "unit.h"

/* In a directory of our own, which goes at the end. */
static char dir[] = "/tmp/ch-test-fakeroot-XXXXXX";
static struct stat before;

static int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir) || chdir(dir) < 0)
		return -1;
	close(open("file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	return stat("file", &before);
}

static int remove_dir(void **state)
{
	(void)state;
	unlink("file");
	unlink("pipe");
	unlink("regular");
	return chdir("/") < 0 || rmdir(dir) < 0;
}

/* Run F under the filter in a child. F returns 0 or the number of what went wrong. */
static void under_filter(int (*f)(void))
{
	pid_t pid = fork();
	struct ch_err err;
	int status;

	if (pid == 0)
		_exit(ch_fakeroot_install(&err) < 0 ? 255 : f());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static bool is_unchanged(void)
{
	struct stat st;

	return stat("file", &st) == 0 && st.st_uid == before.st_uid && st.st_gid == before.st_gid;
}

static int change_owners(void)
{
	int fd = open("file", O_RDONLY | O_CLOEXEC);

	if (chown("file", 12, 34) != 0 || lchown("file", 12, 34) != 0)
		return 1;
	if (fchown(fd, 12, 34) != 0 || fchownat(AT_FDCWD, "file", 12, 34, 0) != 0)
		return 2;
	if (syscall(SYS_fchownat, fd, "", 12, 34, AT_EMPTY_PATH) != 0)
		return 3;
	/* It is not even looked at. */
	if (chown("/nonexistent/file", 12, 34) != 0)
		return 4;
	return is_unchanged() ? 0 : 5;
}

/* By the calls themselves: libc's functions do the same to all threads, by signals. */
static int change_ids(void)
{
	uid_t uid = getuid();
	gid_t gid = getgid(), groups[] = { 12, 34 };

	if (syscall(SYS_setuid, 12) || syscall(SYS_setgid, 34) || syscall(SYS_setgroups, 2, groups))
		return 1;
	if (syscall(SYS_setreuid, 1, 2) || syscall(SYS_setregid, 1, 2))
		return 2;
	if (syscall(SYS_setresuid, 1, 2, 3) || syscall(SYS_setresgid, 1, 2, 3))
		return 3;
	/* Those return the old id in truth, and have no errors. */
	if (syscall(SYS_setfsuid, 1) || syscall(SYS_setfsgid, 1))
		return 4;
	return getuid() == uid && geteuid() == uid && getgid() == gid ? 0 : 5;
}

static int change_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct old[2], now[2], all[2];

	memset(all, 0xff, sizeof(all));
	if (syscall(SYS_capget, &head, old) != 0 || syscall(SYS_capset, &head, all) != 0)
		return 1;
	memset(all, 0, sizeof(all));
	if (syscall(SYS_capset, &head, all) != 0 || syscall(SYS_capget, &head, now) != 0)
		return 2;
	return memcmp(old, now, sizeof(old)) == 0 ? 0 : 3;
}

static int make_devices(void)
{
	struct stat st;

	if (mknod("device", S_IFCHR | 0600, makedev(1, 3)) != 0 ||
	    mknod("device", S_IFBLK | 0600, makedev(7, 0)) != 0 ||
	    mknodat(AT_FDCWD, "device", S_IFCHR | 0600, makedev(1, 3)) != 0)
		return 1;
#ifdef SYS_mknod
	if (syscall(SYS_mknod, "device", S_IFBLK | 0600, 0) != 0)
		return 2;
#endif
	return stat("device", &st) < 0 ? 0 : 3;
}

static int make_other_files(void)
{
	struct stat st;

	if (mknod("pipe", S_IFIFO | 0600, 0) != 0 || stat("pipe", &st) < 0 || !S_ISFIFO(st.st_mode))
		return 1;
	if (mknod("regular", S_IFREG | 0600, 0) != 0 || stat("regular", &st) < 0)
		return 2;
	/* Type 0 is a regular file, too; it exists. */
	if (mknod("regular", 0600, 0) == 0 || errno != EEXIST)
		return 3;
	return 0;
}

static int do_other_things(void)
{
	if (chmod("file", 0600) != 0 || chmod("/nonexistent", 0600) == 0)
		return 1;
	if (syscall(SYS_kexec_load, 0UL, 0UL, NULL, 0UL) != 0)
		return 2;
	if (setpgid(0, 0) != 0 || umask(022) > 0777)
		return 3;
	return syscall(0x1fff) == -1 && errno == ENOSYS ? 0 : 4;
}

/* A program of another libc: exec keeps the filter. */
static int execute(void)
{
	execl("/bin/sh", "sh", "-c", "exec chown 12:34 file", NULL);
	return 1;
}

#ifdef __x86_64__

/* i386 passes pointers in 32 bits. */
static long call_i386(long nr, const void *text, size_t size, long b, long c)
{
	char *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	long rc;

	if (low == MAP_FAILED)
		return -ENOMEM;
	memcpy(low, text, size);
	__asm__ volatile("int $0x80"
			 : "=a"(rc)
			 : "a"(nr), "b"(low), "c"(b), "d"(c)
			 : "memory", "r8", "r9", "r10", "r11");
	munmap(low, 4096);
	return rc;
}

static int call_i386_getpid(void)
{
	return call_i386(20, "", 1, 0, 0) == getpid() ? 0 : 1;
}

enum { I386_MKNOD = 14, I386_LCHOWN = 16, I386_CHOWN = 182, I386_CHOWN32 = 212 };

static int lie_to_i386(void)
{
	struct stat st;

	if (call_i386(I386_CHOWN32, "file", 5, 12, 34) != 0 ||
	    call_i386(I386_CHOWN, "file", 5, 12, 34) != 0 ||
	    call_i386(I386_LCHOWN, "file", 5, 12, 34) != 0)
		return 1;
	if (!is_unchanged())
		return 2;
	if (call_i386(I386_MKNOD, "device", 7, S_IFCHR | 0600, 0x103) != 0 ||
	    stat("device", &st) == 0)
		return 3;
	if (call_i386(I386_MKNOD, "pipe", 5, S_IFIFO | 0600, 0) != 0 || stat("pipe", &st) < 0)
		return 4;
	return 0;
}

/* Filters come before the kernel finds out whether it has x32. */
static int lie_to_x32(void)
{
	const long x32 = 0x40000000;

	if (syscall(x32 | SYS_chown, "file", 12, 34) != 0 || !is_unchanged())
		return 1;
	return syscall(x32 | SYS_setuid, 12) == 0 ? 0 : 2;
}

static void the_other_abis_of_the_machine_are_lied_to(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(call_i386_getpid());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* A kernel without them raises SIGSEGV. */
	unlink("pipe"); /* of an earlier test */
	if (status == 0)
		under_filter(lie_to_i386);
	else
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	under_filter(lie_to_x32);
}

#endif

#define UNDER_FILTER(name, f)                                                                      \
	static void name(void **state)                                                             \
	{                                                                                          \
		(void)state;                                                                       \
		under_filter(f);                                                                   \
	}

UNDER_FILTER(owners_stay, change_owners)
UNDER_FILTER(ids_stay, change_ids)
UNDER_FILTER(capabilities_stay, change_capabilities)
UNDER_FILTER(devices_are_not_made, make_devices)
UNDER_FILTER(other_files_are_made, make_other_files)
UNDER_FILTER(other_calls_are_as_ever, do_other_things)
UNDER_FILTER(programs_inherit_it, execute)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owners_stay),
		cmocka_unit_test(ids_stay),
		cmocka_unit_test(capabilities_stay),
		cmocka_unit_test(devices_are_not_made),
		cmocka_unit_test(other_files_are_made),
		cmocka_unit_test(other_calls_are_as_ever),
		cmocka_unit_test(programs_inherit_it),
#ifdef __x86_64__
		cmocka_unit_test(the_other_abis_of_the_machine_are_lied_to),
#endif
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
