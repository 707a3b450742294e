/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/auto.h"
#include "base/err.h"
#include "member.h"
#include "sys/rmtree.h"

enum { BLOCK = 256 * 1024 };

/* What top directories are called that are not there to hold an image. */
static const char *const root_dirs[] = {
	"bin", "boot", "ch",   "dev",  "etc", "home", "lib", "lib32", "lib64", "libx32", "media",
	"mnt", "opt",  "proc", "root", "run", "sbin", "srv", "sys",   "tmp",   "usr",	 "var",
};

enum top {
	TOP_OPEN,  /* not known yet */
	TOP_STRIP, /* so far, all members are in one directory */
	TOP_KEEP,
};

/* Returned inside: the top directory is not the only one; begin again, and keep it. */
enum { AGAIN = 1 };

struct unpack {
	const struct ch_unpack *how;
	struct ch_unpacked *stats;
	struct archive *archive;
	struct ch_members members;
	char *below; /* owned; plain; or NULL */
	enum top top;
	char *top_name; /* owned */
	struct ch_err *err;
};

static void ch_auto_archive(struct archive **a)
{
	if (*a)
		archive_read_free(*a);
}

static void ch_auto_unpack(struct unpack *u)
{
	ch_members_done(&u->members);
	free(u->below);
	free(u->top_name);
}

/* ---- opening ------------------------------------------------------------------------------- */

/* For a compression that it was built without, libarchive would run a program: such are left
 * out. That one knows only by asking. */
static void add_filters(struct archive *a)
{
	static int (*const filters[])(struct archive *) = {
		archive_read_support_filter_gzip,     archive_read_support_filter_zstd,
		archive_read_support_filter_xz,	      archive_read_support_filter_bzip2,
		archive_read_support_filter_lz4,      archive_read_support_filter_lzma,
		archive_read_support_filter_compress,
	};

	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		ch_auto(archive) struct archive *probe = archive_read_new();

		if (probe && filters[i](probe) == ARCHIVE_OK)
			(void)filters[i](a);
	}
}

static struct archive *open_archive(int fd)
{
	ch_auto(archive) struct archive *a = archive_read_new();

	if (!a)
		return NULL;
	add_filters(a);
	archive_read_support_format_tar(a);
	/* An error is found again by whoever reads. */
	(void)archive_read_open_fd(a, fd, BLOCK);
	return ch_take(a);
}

/* libarchive converts names that an archive has in UTF-8 to the locale's encoding. */
static locale_t use_utf8(void)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);

	if (utf8)
		uselocale(utf8);
	return utf8;
}

static void use_former(locale_t utf8, locale_t former)
{
	uselocale(former);
	if (utf8)
		freelocale(utf8);
}

static int damaged(struct unpack *u, const char *what)
{
	const char *why = archive_error_string(u->archive);
	int code = archive_errno(u->archive);

	/* Positive numbers are the system's, others libarchive's own. */
	return ch_err_set(u->err, code == ENOMEM ? -ENOMEM : -EINVAL, "%s: %s", what,
			  why ? why : "unknown error");
}

/* ---- contents ---------------------------------------------------------------------------------
 */

static int write_block(int fd, const char *data, size_t size, off_t at)
{
	while (size > 0) {
		ssize_t n = pwrite(fd, data, size, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		data += n;
		size -= (size_t)n;
		at += n;
	}
	return 0;
}

/* Holes stay holes: blocks have their places. */
static int write_data(struct unpack *u, const struct ch_member *m, int64_t size, int fd)
{
	const void *data;
	size_t n;
	int64_t at;
	int rc;

	while ((rc = archive_read_data_block(u->archive, &data, &n, &at)) == ARCHIVE_OK)
		if (write_block(fd, data, n, at) < 0)
			return ch_err_sys(u->err, "member '%s': write", m->path);
	if (rc != ARCHIVE_EOF) {
		damaged(u, "read");
		return ch_err_in(u->err, "member '%s'", m->path);
	}
	if (size > 0 && ftruncate(fd, size) < 0)
		return ch_err_sys(u->err, "member '%s': write", m->path);
	return 0;
}

/* Where the file system, or the user, cannot have them, they are lost, as with other tools. */
static void put_xattrs(struct archive_entry *e, int fd)
{
	const char *name;
	const void *value;
	size_t size;

	archive_entry_xattr_reset(e);
	while (archive_entry_xattr_next(e, &name, &value, &size) == ARCHIVE_OK)
		if (strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0)
			(void)fsetxattr(fd, name, value, size, 0);
}

static int put_file(struct unpack *u, const struct ch_member *m, struct archive_entry *e)
{
	ch_auto(fd) int fd = -1;

	if (ch_member_file(&u->members, m, &fd, u->err) < 0 ||
	    write_data(u, m, archive_entry_size(e), fd) < 0)
		return u->err->code;
	put_xattrs(e, fd);
	return ch_member_file_end(m, fd, u->err);
}

static int put_dir(struct unpack *u, const struct ch_member *m, struct archive_entry *e)
{
	ch_auto(fd) int fd = -1;

	if (ch_member_dir(&u->members, m, &fd, u->err) < 0)
		return u->err->code;
	put_xattrs(e, fd);
	return 0;
}

/* ---- names --------------------------------------------------------------------------------------
 */

static bool is_root_dir(const char *name)
{
	for (size_t i = 0; i < sizeof(root_dirs) / sizeof(root_dirs[0]); i++)
		if (strcmp(name, root_dirs[i]) == 0)
			return true;
	return false;
}

/* May the first member decide that its top directory stands for the root? */
static int decide_top(struct unpack *u, const char *path, bool is_dir)
{
	size_t n = strcspn(path, "/");

	u->top_name = strndup(path, n);
	if (!u->top_name)
		return ch_err_nomem(u->err);
	u->top = (path[n] || is_dir) && !is_root_dir(u->top_name) ? TOP_STRIP : TOP_KEEP;
	return 0;
}

/* Take the top directory off PATH, in place, if that is to be. Returns AGAIN if it is not the
 * only one, after all. */
static int strip(struct unpack *u, char *path, bool is_dir)
{
	size_t n;

	if (u->top == TOP_OPEN && path[0] && decide_top(u, path, is_dir) < 0)
		return u->err->code;
	if (u->top != TOP_STRIP || !path[0])
		return 0;
	n = strlen(u->top_name);
	if (strncmp(path, u->top_name, n) != 0 || (path[n] && path[n] != '/') ||
	    (!path[n] && !is_dir))
		return AGAIN;
	memmove(path, path + n + (path[n] == '/'), strlen(path + n) + (path[n] != '/'));
	return 0;
}

/* NAME of the archive as a plain path of the root. */
static int find_path(struct unpack *u, const char *name, bool is_dir, char **ret_path)
{
	if (ch_member_path(u->below, name, ret_path, u->err) < 0)
		return u->err->code;
	return strip(u, *ret_path, is_dir);
}

/* The name in bytes; what cannot be converted, as UTF-8. */
static const char *name_of(struct archive_entry *e)
{
	const char *name = archive_entry_pathname(e);

	return name ? name : archive_entry_pathname_utf8(e);
}

static const char *hardlink_of(struct archive_entry *e)
{
	const char *name = archive_entry_hardlink(e);

	return name ? name : archive_entry_hardlink_utf8(e);
}

static const char *symlink_of(struct archive_entry *e)
{
	const char *name = archive_entry_symlink(e);

	return name ? name : archive_entry_symlink_utf8(e);
}

/* ---- members --------------------------------------------------------------------------------- */

static int put_hardlink(struct unpack *u, const struct ch_member *m, const char *name)
{
	ch_auto(str) char *target = NULL;
	int rc = find_path(u, name, false, &target);

	if (rc == 0)
		rc = ch_member_hardlink(&u->members, m, target, u->err);
	/* It may have been a device, which is left out. */
	if (rc == -ENOENT && u->stats->devices > 0) {
		u->stats->devices++;
		rc = 0;
	}
	return rc;
}

static int put(struct unpack *u, const struct ch_member *m, struct archive_entry *e)
{
	const char *link = hardlink_of(e);

	if (link)
		return put_hardlink(u, m, link);
	switch (archive_entry_filetype(e)) {
	case AE_IFDIR:
		return put_dir(u, m, e);
	case AE_IFLNK:
		link = symlink_of(e);
		return ch_member_symlink(&u->members, m, link ? link : "", u->err);
	case AE_IFIFO:
		return ch_member_fifo(&u->members, m, u->err);
	case AE_IFCHR:
	case AE_IFBLK:
	case AE_IFSOCK:
		u->stats->devices++;
		return 0;
	default:
		return put_file(u, m, e);
	}
}

static int take_entry(struct unpack *u, struct archive_entry *e)
{
	const char *name = name_of(e);
	ch_auto(str) char *path = NULL;
	int rc;

	if (!name)
		return ch_err_set(u->err, -EINVAL, "a member has no name");
	rc = find_path(u, name, archive_entry_filetype(e) == AE_IFDIR && !hardlink_of(e), &path);
	if (rc != 0 || (u->how->skip_dev && strncmp(path, "dev/", 4) == 0))
		return rc;

	struct timespec mtime = { .tv_sec = archive_entry_mtime(e),
				  .tv_nsec = archive_entry_mtime_nsec(e) };
	struct ch_member m = {
		.path = path,
		.mode = archive_entry_perm(e),
		.times = { mtime, mtime },
	};

	u->stats->members++;
	return put(u, &m, e);
}

static int take_all(struct unpack *u, int fd)
{
	ch_auto(archive) struct archive *a = open_archive(fd);
	struct archive_entry *e;
	int rc;

	if (!a)
		return ch_err_nomem(u->err);
	u->archive = a;
	while ((rc = archive_read_next_header(a, &e)) == ARCHIVE_OK || rc == ARCHIVE_WARN) {
		rc = take_entry(u, e);
		if (rc != 0)
			return rc;
	}
	if (rc != ARCHIVE_EOF)
		return damaged(u, "not a tar archive, or damaged");
	return ch_members_end(&u->members, u->err);
}

/* Remove what was unpacked into the root. */
static int undo(struct unpack *u)
{
	int copy = openat(u->how->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ch_auto(dir) DIR *stream = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;

	if (!stream) {
		ch_err_sys(u->err, "read directory");
		ch_close(&copy);
		return u->err->code;
	}
	while ((entry = readdir(stream)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    ch_rmtree(u->how->root, entry->d_name, u->err) < 0)
			return u->err->code;
	ch_members_done(&u->members);
	u->members = CH_MEMBERS_INIT(u->how->root);
	*u->stats = (struct ch_unpacked){ 0 };
	u->top = TOP_KEEP;
	return 0;
}

/* Who writes to a pipe would get SIGPIPE for what is behind the end of the archive. */
static void drain(int fd)
{
	char part[16384];

	while (read(fd, part, sizeof(part)) > 0)
		;
}

static int unpack(struct unpack *u, int fd)
{
	off_t start = lseek(fd, 0, SEEK_CUR);
	int rc = take_all(u, fd);

	if (rc == 0 && start < 0)
		drain(fd);
	if (rc != AGAIN)
		return rc;
	if (start < 0 || lseek(fd, start, SEEK_SET) < 0)
		return ch_err_sys(u->err, "read it again from the start");
	rc = undo(u);
	return rc < 0 ? rc : take_all(u, fd);
}

int ch_unpack(int fd, const char *name, const struct ch_unpack *how, struct ch_unpacked *ret,
	      struct ch_err *err)
{
	struct ch_unpacked stats = { 0 };
	ch_auto(unpack) struct unpack u = {
		.how = how,
		.stats = &stats,
		.members = CH_MEMBERS_INIT(how->root),
		.top = how->strip_top ? TOP_OPEN : TOP_KEEP,
		.err = err,
	};
	locale_t former = uselocale((locale_t)0), utf8 = use_utf8();
	int rc = 0;

	if (how->below)
		rc = ch_member_path(NULL, how->below, &u.below, err);
	if (rc == 0)
		rc = unpack(&u, fd);
	use_former(utf8, former);
	if (rc < 0)
		return ch_err_in(err, "archive '%s'", name);
	*ret = stats;
	return 0;
}

bool ch_unpack_is_archive(int fd)
{
	off_t start = lseek(fd, 0, SEEK_CUR);
	ch_auto(archive) struct archive *a = start < 0 ? NULL : open_archive(fd);
	struct archive_entry *e;
	int rc = a ? archive_read_next_header(a, &e) : ARCHIVE_FATAL;

	if (start >= 0)
		(void)lseek(fd, start, SEEK_SET);
	return rc == ARCHIVE_OK || rc == ARCHIVE_WARN;
}
