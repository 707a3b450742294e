/* SPDX-License-Identifier: Apache-2.0 */
#include "sys/mnt.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "sys/userns.h"
#include "unit.h"

/* Stands for the root of an image; not the host's, as "host" inside tells. */
static char dir[] = "/tmp/ch-test-mnt.XXXXXX";

static void make_tree(int root)
{
	static const struct {
		const char *path, *link;
	} tree[] = {
		{ "d", NULL },
		{ "d/e", NULL },
		{ "d/up", ".." },
		{ "absolute", "/d/e" },
		{ "out", "../../../../../../d" },
		{ "host", "/proc/self/cwd/d" },
		{ "host-etc", "/etc" },
		{ "loop", "loop" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(tree); i++)
		if (tree[i].link)
			assert_int_equal(symlinkat(tree[i].link, root, tree[i].path), 0);
		else
			assert_int_equal(mkdirat(root, tree[i].path, 0755), 0);
}

static int set_up(void **state)
{
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	if (!mkdtemp(dir))
		return -1;
	*state = (void *)(intptr_t)open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	make_tree((int)(intptr_t)*state);
	return 0;
}

static int tear_down(void **state)
{
	static const char *const paths[] = { "d/up", "d/e/new", "d/e",	    "d",   "absolute",
					     "out",  "host",	"host-etc", "loop" };
	int root = (int)(intptr_t)*state;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (unlinkat(root, paths[i], 0) < 0)
			unlinkat(root, paths[i], AT_REMOVEDIR);
	close(root);
	return rmdir(dir);
}

static void paths_are_resolved_as_if_the_directory_were_the_root(void **state)
{
	static const struct {
		const char *path, *where; /* NULL: an error */
		int code;
	} cases[] = {
		{ "/", "", 0 },
		{ ".", "", 0 },
		{ "/d", "/d", 0 },
		{ "d//e/", "/d/e", 0 },
		{ "/../../d", "/d", 0 },
		{ "/d/up/d/up", "", 0 },
		{ "/absolute", "/d/e", 0 },
		{ "/absolute/../../..", "", 0 },
		{ "/out/e", "/d/e", 0 },
		{ "/host-etc", NULL, -ENOENT },
		{ "/host-etc/passwd", NULL, -ENOENT },
		{ "/host", NULL, -ENOENT },
		{ "/loop", NULL, -ELOOP },
		{ "/missing", NULL, -ENOENT },
		{ "", NULL, -ENOENT },
	};
	int root = (int)(intptr_t)*state;

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char link[CH_FD_PATH_MAX], path[PATH_MAX] = "";
		ch_auto(fd) int fd = ch_open_in_root(root, cases[i].path, O_PATH);

		if (!cases[i].where) {
			assert_int_equal(fd, cases[i].code);
			continue;
		}
		assert_true(fd >= 0);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_true(readlink(ch_fd_path(fd, link), path, sizeof(path) - 1) > 0);
		assert_memory_equal(path, dir, strlen(dir));
		assert_string_equal(path + strlen(dir), cases[i].where);
	}
}

static void magic_links_are_not_followed(void **state)
{
	(void)state;
	ch_auto(fd) int proc = open("/proc", O_PATH | O_CLOEXEC);

	assert_int_equal(ch_open_in_root(proc, "/self/root", O_PATH), -ELOOP);
	assert_int_equal(ch_open_in_root(proc, "/self/cwd/etc", O_PATH), -ELOOP);
}

static void a_descriptor_has_a_path(void **state)
{
	(void)state;
	char path[CH_FD_PATH_MAX];

	assert_string_equal(ch_fd_path(INT_MAX, path), "/proc/self/fd/2147483647");
}

/* ---- mounts: in namespaces of a child -------------------------------------------------------- */

/* Run FN in new namespaces; it returns 0 or the line of what went wrong. */
static void in_namespaces(int (*fn)(int root), int root)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct ch_err err;

		alarm(60);
		if (ch_userns_new(0, 0, &err) < 0 || ch_mntns_new(&err) < 0) {
			fprintf(stderr, "# %s\n", err.msg);
			_exit(255);
		}
		/* What was opened in another mount namespace cannot be mounted on. */
		root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		_exit(root < 0 ? 254 : fn(root));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status != 0)
		fail_msg("status %#x, line %d", status, WEXITSTATUS(status));
}

#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "# line %d: %s: errno %d\n", __LINE__, #condition, errno); \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

static int can_write(int root, const char *path)
{
	int fd = openat(root, path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int clone_and_attach(int root)
{
	struct ch_err err;
	int tree = ch_mnt_clone(AT_FDCWD, dir);
	int point = ch_open_in_root(root, "/d/e", O_PATH);

	CHECK(tree >= 0 && point >= 0);
	CHECK(ch_mnt_attach(tree, point, &err) == 0);
	CHECK(faccessat(root, "d/e/d/e", F_OK, 0) == 0);
	CHECK(ch_mnt_clone(AT_FDCWD, "/nonexistent") == -ENOENT);
	return 0;
}

static int clone_entries(int root)
{
	int here = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC); /* in this namespace */

	(void)root;
	CHECK(ch_mnt_clone_entry(here, "d") >= 0);
	CHECK(ch_mnt_clone_entry(here, "host-etc") == -ELOOP);
	CHECK(ch_mnt_clone_entry(here, "loop") == -ELOOP);
	CHECK(ch_mnt_clone_entry(here, "nonexistent") == -ENOENT);
	return 0;
}

static void trees_are_cloned_and_attached(void **state)
{
	in_namespaces(clone_and_attach, (int)(intptr_t)*state);
}

static void links_are_not_cloned_as_entries(void **state)
{
	in_namespaces(clone_entries, (int)(intptr_t)*state);
}

static int whole_tree_readonly(int root)
{
	struct ch_err err;
	char path[PATH_MAX];

	/* Two mounts, one below the other, with flags of their own. */
	snprintf(path, sizeof(path), "%s/d", dir);
	CHECK(mount("x", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0);
	snprintf(path, sizeof(path), "%s/d/s p", dir);
	CHECK(mkdir(path, 0755) == 0);
	CHECK(mount("y", path, "tmpfs", MS_NOSUID, NULL) == 0);
	CHECK(can_write(root, "d/s p/f") == 0);

	int top = ch_open_in_root(root, "/d", O_PATH);

	CHECK(top >= 0 && ch_mnt_readonly(top, &err) == 0);
	CHECK(can_write(root, "d/f") == -EROFS);
	CHECK(can_write(root, "d/s p/f2") == -EROFS);
	CHECK(can_write(root, "d/s p/f") == -EROFS);
	/* Not what is beside it. */
	CHECK(can_write(root, "new") == 0 && unlinkat(root, "new", 0) == 0);
	/* Nothing is wrong with doing it twice. */
	CHECK(ch_mnt_readonly(top, &err) == 0);
	return 0;
}

static void read_only_is_recursive(void **state)
{
	in_namespaces(whole_tree_readonly, (int)(intptr_t)*state);
}

/* From here on the kernel does not know mount_setattr(2). */
static int be_an_older_kernel(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mount_setattr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = ARRAY_SIZE(code), .filter = code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
		       ? -1
		       : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int stack_readonly(int root)
{
	struct ch_err err;
	char path[PATH_MAX];

	/* One hides the other, and has flags that the next user namespace must repeat. */
	snprintf(path, sizeof(path), "%s/d", dir);
	CHECK(mount("x", path, "tmpfs", 0, NULL) == 0);
	CHECK(mount("y", path, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) == 0);
	CHECK(ch_userns_new(0, 0, &err) == 0 && ch_mntns_new(&err) == 0);
	close(root);
	root = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	CHECK(be_an_older_kernel() == 0);

	int top = ch_open_in_root(root, "/d", O_PATH);

	CHECK(top >= 0 && ch_mnt_readonly(top, &err) == 0);
	CHECK(can_write(root, "d/f") == -EROFS);
	return 0;
}

static void read_only_one_by_one_passes_over_hidden_mounts(void **state)
{
	in_namespaces(stack_readonly, (int)(intptr_t)*state);
}

static int two_lower_layers(int root)
{
	struct ch_err err;
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/d/e", dir);
	CHECK(mount("x", path, "tmpfs", 0, NULL) == 0);

	int upper = ch_open_in_root(root, "/d/e", O_RDONLY | O_DIRECTORY);

	CHECK(upper >= 0 && mkdirat(upper, "added", 0755) == 0);

	struct ch_overlay o = {
		.target = root, .lower1 = upper, .lower2 = root, .upper = -1, .work = -1
	};

	CHECK(ch_mnt_overlay(&o, &err) == 0);

	int merged = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	CHECK(fstatat(merged, "added", &st, 0) == 0 && fstatat(merged, "d", &st, 0) == 0);
	CHECK(can_write(merged, "new") == -EROFS);
	return 0;
}

static void a_read_only_overlay_joins_two_layers(void **state)
{
	in_namespaces(two_lower_layers, (int)(intptr_t)*state);
}

static int writable_layer(int root)
{
	struct ch_err err;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/d/e", dir);
	CHECK(mount("x", path, "tmpfs", 0, NULL) == 0);

	int layer = ch_open_in_root(root, "/d/e", O_RDONLY | O_DIRECTORY);

	CHECK(mkdirat(layer, "upper", 0755) == 0 && mkdirat(layer, "work", 0755) == 0);

	struct ch_overlay o = {
		.target = root,
		.lower1 = -1,
		.lower2 = root,
		.upper = openat(layer, "upper", O_RDONLY | O_CLOEXEC),
		.work = openat(layer, "work", O_RDONLY | O_CLOEXEC),
	};

	CHECK(ch_mnt_overlay(&o, &err) == 0);

	int merged = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	CHECK(can_write(merged, "new") == 0);
	CHECK(faccessat(layer, "upper/new", F_OK, 0) == 0);
	CHECK(faccessat(root, "new", F_OK, 0) < 0); /* below it, all is as it was */
	return 0;
}

static void a_writable_layer_leaves_the_lower_one_alone(void **state)
{
	in_namespaces(writable_layer, (int)(intptr_t)*state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(paths_are_resolved_as_if_the_directory_were_the_root),
		TEST(magic_links_are_not_followed),
		TEST(a_descriptor_has_a_path),
		TEST(trees_are_cloned_and_attached),
		TEST(links_are_not_cloned_as_entries),
		TEST(read_only_is_recursive),
		TEST(read_only_one_by_one_passes_over_hidden_mounts),
		TEST(a_read_only_overlay_joins_two_layers),
		TEST(a_writable_layer_leaves_the_lower_one_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
