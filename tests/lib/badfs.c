/* SPDX-License-Identifier: Apache-2.0 */
/* badfs.c - a file system that fails when told so: a view of a directory, by FUSE
 *
 * Usage: badfs DIR MOUNTPOINT [rw], as root; stays in the foreground
 *
 * Read-only; with "rw", files can be made, written and removed. It is a poor one even when
 * all is well: without attributes (xattr(7)), and without files that have no name (O_TMPFILE).
 *
 * SIGUSR1  from now on, opening, reading and writing files gives EIO
 * SIGHUP   hangs: as a file server that is gone, whose clients can be killed. (Those whose
 *          request was read could not, so SIGSTOP at the wrong moment is worse.)
 * SIGUSR2  all is well again
 * SIGTERM  unmounts and ends
 *
 * The kernel caches nothing: each read of a file arrives here. */
#define FUSE_USE_VERSION 31

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <fuse_lowlevel.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

static int top;
static bool is_bad, is_hanging, is_over;

/* Those that have come, in no order: faults come after all was well. */
static void take_signals(int signals)
{
	struct signalfd_siginfo info;
	bool is_well = false, has_fault = false;

	while (read(signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGTERM) {
			is_over = true;
		} else if (info.ssi_signo == SIGUSR2) {
			is_well = true;
		} else {
			has_fault = true;
			is_bad = info.ssi_signo == SIGUSR1;
			is_hanging = info.ssi_signo == SIGHUP;
		}
	}
	if (is_well && !has_fault)
		is_bad = is_hanging = false;
}

/* PATH begins with a slash. */
static const char *below_top(const char *path)
{
	return path[1] ? path + 1 : ".";
}

static int bad_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)fi;
	return fstatat(top, below_top(path), st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int bad_readlink(const char *path, char *buf, size_t size)
{
	ssize_t n = readlinkat(top, below_top(path), buf, size - 1);

	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return 0;
}

static int bad_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t offset,
		       struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	int fd = openat(top, below_top(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	(void)offset;
	(void)fi;
	(void)flags;
	if (!dir)
		return -errno;
	while ((e = readdir(dir)))
		fill(buf, e->d_name, NULL, 0, 0);
	closedir(dir);
	return 0;
}

static int bad_open(const char *path, struct fuse_file_info *fi)
{
	if (is_bad)
		return -EIO;

	int fd = openat(top, below_top(path), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	fi->fh = (uint64_t)fd;
	fi->direct_io = 1;
	return 0;
}

static int bad_read(const char *path, char *buf, size_t size, off_t offset,
		    struct fuse_file_info *fi)
{
	(void)path;
	if (is_bad)
		return -EIO;

	ssize_t n = pread((int)fi->fh, buf, size, offset);

	return n < 0 ? -errno : (int)n;
}

/* It belongs to whoever makes it. */
static int bad_create(const char *path, mode_t mode, struct fuse_file_info *fi)
{
	const struct fuse_context *who = fuse_get_context();

	if (is_bad)
		return -EIO;

	int fd = openat(top, below_top(path), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	if (fd < 0 || fchown(fd, who->uid, who->gid) < 0)
		return -errno;
	fi->fh = (uint64_t)fd;
	fi->direct_io = 1;
	return 0;
}

static int bad_write(const char *path, const char *buf, size_t size, off_t offset,
		     struct fuse_file_info *fi)
{
	(void)path;
	if (is_bad)
		return -EIO;

	ssize_t n = pwrite((int)fi->fh, buf, size, offset);

	return n < 0 ? -errno : (int)n;
}

/* libfuse renames files that are removed while they are open. */
static int bad_rename(const char *from, const char *to, unsigned flags)
{
	return renameat2(top, below_top(from), top, below_top(to), flags) < 0 ? -errno : 0;
}

static int bad_unlink(const char *path)
{
	return unlinkat(top, below_top(path), 0) < 0 ? -errno : 0;
}

static int bad_release(const char *path, struct fuse_file_info *fi)
{
	(void)path;
	return close((int)fi->fh);
}

static void *bad_init(struct fuse_conn_info *conn, struct fuse_config *config)
{
	(void)conn;
	config->entry_timeout = config->attr_timeout = config->negative_timeout = 0;
	config->use_ino = 1;
	return NULL;
}

static const struct fuse_operations operations = {
	.init = bad_init,
	.getattr = bad_getattr,
	.readlink = bad_readlink,
	.readdir = bad_readdir,
	.open = bad_open,
	.read = bad_read,
	.create = bad_create,
	.write = bad_write,
	.rename = bad_rename,
	.unlink = bad_unlink,
	.release = bad_release,
};

/* One request after the other. Signals are taken between them only, and before each: who has sent
 * one finds that it counts for all that is asked afterwards. */
static void serve(struct fuse_session *session, int signals)
{
	struct fuse_buf buf = { 0 };

	while (!is_over && !fuse_session_exited(session)) {
		struct pollfd p[] = {
			{ .fd = signals, .events = POLLIN },
			{ .fd = is_hanging ? -1 : fuse_session_fd(session), .events = POLLIN },
		};

		if (poll(p, 2, -1) <= 0)
			continue;
		take_signals(signals);
		if (is_hanging || !p[1].revents)
			continue;
		if (fuse_session_receive_buf(session, &buf) <= 0)
			break;
		fuse_session_process_buf(session, &buf);
	}
}

int main(int argc, char **argv)
{
	static const int numbers[] = { SIGUSR1, SIGHUP, SIGUSR2, SIGTERM };
	char *words[] = { argv[0], (char[]){ "-o" },
			  (char[]){ "allow_other,default_permissions,fsname=badfs" },
			  (char[]){ "-o" }, argc > 3 ? argv[3] : (char[]){ "ro" } };
	struct fuse_args args = FUSE_ARGS_INIT(5, words);
	struct fuse *fuse;
	sigset_t set;
	int signals;

	if ((argc != 3 && (argc != 4 || strcmp(argv[3], "rw") != 0)) ||
	    (top = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		fprintf(stderr, "badfs: usage: badfs DIR MOUNTPOINT [rw]\n");
		return 64;
	}
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	fuse = fuse_new(&args, &operations, sizeof(operations), NULL);
	if (signals < 0 || !fuse || fuse_mount(fuse, argv[2]) < 0)
		return 1;
	serve(fuse_get_session(fuse), signals);
	fuse_unmount(fuse);
	fuse_destroy(fuse);
	return 0;
}
