/* SPDX-License-Identifier: Apache-2.0 */
#include "rt/build.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/path.h"
#include "rt/ident.h"
#include "rt/meta.h"
#include "rt/mirror.h"
#include "rt/plan.h"
#include "rt/skel.h"
#include "sys/mnt.h"
#include "sys/msg.h"
#include "sys/userns.h"
#include "sys/write.h"

enum { SEND_MS = 10000 };

/* Of /dev/fuse: linux/major.h, linux/miscdevice.h */
enum { FUSE_MAJOR = 10, FUSE_MINOR = 229 };

struct build {
	const struct ch_request *req;
	const struct ch_image *image;
	struct ch_plan plan;
	struct ch_place place;
	int *sources; /* one for each operation: a clone (mnt.h), or negative */
	bool *is_dir; /* of each source */
	int devfuse;
	int ns[2];   /* ours: user, mount */
	dev_t tmpfs; /* the fresh one in the container; 0: none */
	int sock;
};

uint32_t ch_build_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint32_t)((uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000);
}

static const char *fuse_refused(int code)
{
	switch (code) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return "the kernel module fuse is not loaded, or /dev lacks the device";
	case EACCES:
	case EPERM:
		return "permission denied; it should have mode 0666, see the admin guide";
	default:
		return strerrordesc_np(code);
	}
}

/* ---- sources ---------------------------------------------------------------------- */

static bool is_root(const struct ch_op *op)
{
	return op->kind == CH_OP_IMAGE_DIR || op->kind == CH_OP_IMAGE_HOST ||
	       op->kind == CH_OP_IMAGE_SQUASH;
}

/* Clone the source of operation I. All of them are cloned before anything else is mounted,
 * so that none of our mounts shows in any. */
static int clone_source(struct build *b, size_t i, struct ch_err *err)
{
	const struct ch_op *op = &b->plan.ops[i];
	struct stat st;

	b->is_dir[i] = op->kind != CH_OP_PASSWD && op->kind != CH_OP_GROUP;
	if (op->kind != CH_OP_BIND && (!is_root(op) || op->kind == CH_OP_IMAGE_SQUASH))
		return 0;
	b->sources[i] = ch_mnt_clone(AT_FDCWD, op->kind == CH_OP_BIND ? op->src : ".");
	if (b->sources[i] < 0 && op->flags & CH_BIND_MAYBE)
		return 0;
	if (b->sources[i] < 0)
		return ch_err_rc(err, b->sources[i], "%s '%s'",
				 op->kind == CH_OP_BIND ? "bind source" : "image", op->src);
	if (fstat(b->sources[i], &st) < 0)
		return ch_err_sys(err, "look at '%s'", op->src);
	b->is_dir[i] = S_ISDIR(st.st_mode);
	return 0;
}

static int clone_sources(struct build *b, struct ch_err *err)
{
	b->sources = calloc(b->plan.n, sizeof(*b->sources));
	b->is_dir = calloc(b->plan.n, sizeof(*b->is_dir));
	if (!b->sources || !b->is_dir)
		return ch_err_nomem(err);
	for (size_t i = 0; i < b->plan.n; i++)
		b->sources[i] = -1;
	for (size_t i = 0; i < b->plan.n; i++)
		if (clone_source(b, i, err) < 0)
			return err->code;
	return 0;
}

/* ---- root ------------------------------------------------------------------------- */

/* What it hides is hidden until the pivot only; sources are cloned already. */
static int mount_scaffold(struct build *b, struct ch_err *err)
{
	b->place.scaffold = ch_mnt_scaffold("charlie", err);
	if (b->place.scaffold < 0)
		return err->code;
	if (mkdirat(b->place.scaffold, "root", 0755) < 0)
		return ch_err_sys(err, "make a directory in the scaffold");
	return 0;
}

static int mount_squash(struct build *b, int point, struct ch_err *err)
{
	char opts[160], path[CH_FD_PATH_MAX];

	snprintf(opts, sizeof(opts),
		 "fd=%d,rootmode=40000,user_id=%u,group_id=%u,allow_other,default_permissions",
		 b->devfuse, b->req->uid, b->req->gid);
	if (mount("charlie", ch_fd_path(point, path), "fuse.charlie",
		  MS_NOSUID | MS_NODEV | MS_RDONLY, opts) < 0)
		return ch_err_sys(err, "mount a FUSE file system in the user namespace");

	struct ch_build_msg m = { .kind = CH_BUILD_FUSE };
	int rc = ch_msg_send(b->sock, &m, sizeof(m), &b->devfuse, 1, ch_msg_deadline(SEND_MS));

	if (rc < 0)
		return ch_err_rc(err, rc, "hand over the FUSE descriptor");
	close(ch_take_fd(&b->devfuse));
	return 0;
}

static int mount_root(struct build *b, struct ch_err *err)
{
	ch_auto(fd) int point = openat(b->place.scaffold, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const struct ch_op *op = &b->plan.ops[0];
	int rc;

	if (point < 0)
		return ch_err_sys(err, "open the container's root");
	if (op->kind == CH_OP_IMAGE_SQUASH)
		rc = mount_squash(b, point, err);
	else
		rc = ch_mnt_attach(b->sources[0], point, err);
	if (rc < 0)
		return ch_err_in(err, "image '%s'", op->src);
	b->place.root = openat(b->place.scaffold, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (b->place.root < 0)
		return ch_err_sys(err, "open the image's root directory");
	if (op->kind == CH_OP_IMAGE_SQUASH || !(op->flags & CH_BIND_RO))
		return 0;
	/* What is mounted on the host stays as it is there. */
	rc = op->kind == CH_OP_IMAGE_HOST ? ch_mnt_readonly_top(b->place.root, err)
					  : ch_mnt_readonly(b->place.root, err);
	return rc < 0 ? ch_err_in(err, "image '%s'", op->src) : 0;
}

/* ---- mount points ----------------------------------------------------------------- */

/* Is PATH below the mount point DIR, and not the same? */
static bool is_inside(const char *path, const char *dir)
{
	return ch_path_is_below(path, dir) && !ch_path_is_below(dir, path);
}

static bool is_in_image(const struct build *b, const char *path)
{
	ch_auto(fd) int fd = ch_open_in_root(b->place.root, path, O_PATH);

	return fd >= 0;
}

/* Will operation K mount something above the mount point of operation I? */
static bool covers(const struct build *b, size_t k, size_t i)
{
	const struct ch_op *op = &b->plan.ops[k];

	if (is_root(op) || op->kind == CH_OP_FAKE || !is_inside(b->plan.ops[i].dst, op->dst))
		return false;
	if (op->kind == CH_OP_BIND && b->sources[k] < 0)
		return false;
	return !(op->flags & CH_BIND_AS_IS) || is_in_image(b, op->dst);
}

/* Will something be mounted above the mount point of operation I before its turn? */
static bool is_covered(const struct build *b, size_t i)
{
	for (size_t k = 1; k < i; k++)
		if (covers(b, k, i))
			return true;
	return false;
}

static bool wants_point(const struct build *b, size_t i)
{
	const struct ch_op *op = &b->plan.ops[i];

	if (is_root(op) || op->kind == CH_OP_FAKE || op->flags & CH_BIND_AS_IS)
		return false;
	if (op->kind == CH_OP_BIND && b->sources[i] < 0)
		return false;
	return !is_covered(b, i);
}

static int make_points(struct build *b, struct ch_err *err)
{
	ch_auto(skel) struct ch_skel skel = { 0 };
	const struct ch_op *fake = NULL;

	for (size_t i = 0; i < b->plan.n; i++) {
		if (b->plan.ops[i].kind == CH_OP_FAKE)
			fake = &b->plan.ops[i];
		if (wants_point(b, i) &&
		    ch_skel_check(&skel, &b->place, b->plan.ops[i].dst, b->is_dir[i], err) < 0)
			return err->code;
	}
	if (fake && ch_mirror_is_needed(&b->place, "")) {
		if (ch_mirror_fake(&b->place, ch_image_is_host(b->req->image), fake->text, err) < 0)
			return err->code;
		return ch_skel_mkdir(&skel, &b->place, err);
	}
	if (b->req->write == CH_WRITE_IMAGE)
		return ch_skel_mkdir(&skel, &b->place, err);
	return ch_skel_mount(&skel, &b->place, fake, err);
}

/* ---- mounts ------------------------------------------------------------------------ */

/* Make the mount point of operation I if it is missing in the tmpfs. Where that is, its
 * device tells: by a link of the image, a path below /tmp may lead to a bind of the host. */
static int make_in_tmpfs(struct build *b, size_t i, struct ch_err *err)
{
	ch_auto(skel) struct ch_skel skel = { .only = b->tmpfs };

	if (!b->tmpfs)
		return 0;
	if (ch_skel_check(&skel, &b->place, b->plan.ops[i].dst, b->is_dir[i], err) < 0)
		return err->code;
	return ch_skel_mkdir(&skel, &b->place, err);
}

/* Open the mount point of OP. In the tmpfs it is made; below mounts of the host it has to be
 * there. */
static int open_point(struct build *b, size_t i, struct ch_err *err)
{
	const struct ch_op *op = &b->plan.ops[i];
	int fd = ch_open_in_root(b->place.root, op->dst, O_PATH);

	if (fd == -ENOENT) {
		if (make_in_tmpfs(b, i, err) < 0)
			return err->code;
		fd = ch_open_in_root(b->place.root, op->dst, O_PATH);
	}
	if (fd < 0)
		ch_err_rc(err, fd, "mount point '%s' in the container", op->dst);
	return fd;
}

/* Mount the source of operation I on POINT. The kernel would say "invalid argument". */
static int attach(struct build *b, size_t i, int point, struct ch_err *err)
{
	struct stat st;

	if (fstat(point, &st) < 0)
		return ch_err_sys(err, "look at the mount point");
	if (S_ISDIR(st.st_mode) != b->is_dir[i])
		return ch_err_set(err, -ENOTDIR, "one is a directory, the other is not");
	return ch_mnt_attach(b->sources[i], point, err);
}

static int do_bind(struct build *b, size_t i, struct ch_err *err)
{
	const struct ch_op *op = &b->plan.ops[i];
	const char *src = op->src ? op->src : "generated file";

	if (b->sources[i] < 0)
		return 0;

	ch_auto(fd) int point = open_point(b, i, err);
	int rc = point < 0 ? point : attach(b, i, point, err);

	if ((rc == -ENOENT || rc == -ENOTDIR) && op->flags & CH_BIND_AS_IS)
		return 0;
	if (rc < 0)
		return point < 0 ? rc : ch_err_in(err, "bind '%s' on '%s'", src, op->dst);
	if (!(op->flags & CH_BIND_RO))
		return 0;

	ch_auto(fd) int top = ch_open_in_root(b->place.root, op->dst, O_PATH);

	if (top < 0)
		return ch_err_rc(err, top, "mount point '%s' in the container", op->dst);
	if (ch_mnt_readonly(top, err) < 0)
		return ch_err_in(err, "bind '%s' on '%s'", src, op->dst);
	return 0;
}

static int do_tmpfs(struct build *b, size_t i, struct ch_err *err)
{
	const struct ch_op *op = &b->plan.ops[i];
	char path[CH_FD_PATH_MAX];
	ch_auto(fd) int point = open_point(b, i, err);

	if (point < 0)
		return point;
	if (mount("tmpfs", ch_fd_path(point, path), "tmpfs", MS_NOSUID | MS_NODEV, op->text) < 0)
		return ch_err_sys(err, "mount a tmpfs on '%s'", op->dst);

	ch_auto(fd) int top = ch_open_in_root(b->place.root, op->dst, O_PATH);
	struct stat st;

	if (top < 0 || fstat(top, &st) < 0)
		return ch_err_rc(err, top < 0 ? top : -errno, "look at the tmpfs on '%s'", op->dst);
	b->tmpfs = st.st_dev;
	return 0;
}

/* A file of the scaffold, bound read-only. */
static int do_ident(struct build *b, size_t i, struct ch_err *err)
{
	const struct ch_op *op = &b->plan.ops[i];
	const char *name = op->kind == CH_OP_PASSWD ? "passwd" : "group";
	ch_auto(str) char *text = NULL;
	int rc = op->kind == CH_OP_PASSWD ? ch_ident_passwd(b->req->uid, b->req->gid, &text, err)
					  : ch_ident_group(b->req->gid, &text, err);
	ch_auto(fd) int fd = openat(b->place.scaffold, name, O_RDWR | O_CREAT | O_CLOEXEC, 0644);

	if (rc < 0)
		return rc;
	if (fd < 0)
		return ch_err_sys(err, "make '%s'", op->dst);
	rc = ch_write_all(fd, text, strlen(text));
	if (rc < 0)
		return ch_err_rc(err, rc, "make '%s'", op->dst);
	b->sources[i] = ch_mnt_clone(b->place.scaffold, name);
	if (b->sources[i] < 0)
		return ch_err_rc(err, b->sources[i], "make '%s'", op->dst);
	return do_bind(b, i, err);
}

static int do_op(struct build *b, size_t i, struct ch_err *err)
{
	const struct ch_op *op = &b->plan.ops[i];

	switch (op->kind) {
	case CH_OP_IMAGE_DIR:
	case CH_OP_IMAGE_HOST:
	case CH_OP_IMAGE_SQUASH:
	case CH_OP_FAKE:
		return 0; /* done before */
	case CH_OP_BIND:
		return do_bind(b, i, err);
	case CH_OP_TMPFS:
		return do_tmpfs(b, i, err);
	case CH_OP_PASSWD:
	case CH_OP_GROUP:
		return do_ident(b, i, err);
	}
	return 0;
}

/* Through the host's /proc: what is the container's is the user's choice. */
static int open_namespaces(int ns[2], struct ch_err *err)
{
	ns[0] = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
	ns[1] = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	if (ns[0] < 0 || ns[1] < 0)
		return ch_err_sys(err, "open the namespaces of the container");
	return 0;
}

/* The container's root becomes ours, and the host's goes away (pivot_root(2), notes). */
static int pivot(struct build *b, struct ch_err *err)
{
	if (fchdir(b->place.root) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		return ch_err_sys(err, "make the image the root directory");
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return ch_err_sys(err, "leave the host's root directory");
	return 0;
}

/* ---- reports ------------------------------------------------------------------------ */

static void put_error(struct ch_build_msg *m, const struct ch_err *err)
{
	m->kind = CH_BUILD_FAILED;
	m->code = err->code;
	snprintf(m->msg, sizeof(m->msg), "%s", err->msg);
}

/* Report success (RC 0) with the namespaces NS and METALEN bytes of META, or ERR; and exit. */
static _Noreturn void finish(int sock, const int ns[2], const uint32_t at[2], const char *meta,
			     size_t meta_len, int rc, struct ch_err *err)
{
	static char packet[sizeof(struct ch_build_msg) + CH_META_MAX];
	struct ch_build_msg m = { .kind = CH_BUILD_DONE, .meta_len = (uint32_t)meta_len };

	memcpy(m.at, at, sizeof(m.at));
	if (rc < 0) {
		m.meta_len = 0;
		put_error(&m, err);
	}
	memcpy(packet, &m, sizeof(m));
	if (m.meta_len)
		memcpy(packet + sizeof(m), meta, m.meta_len);
	rc = ch_msg_send(sock, packet, sizeof(m) + m.meta_len, ns, rc == 0 ? 2 : 0,
			 ch_msg_deadline(SEND_MS));
	_exit(rc == 0 ? 0 : 1);
}

/* ---- the whole ------------------------------------------------------------------------ */

/* To be opened inside the user namespace, or it cannot be mounted there: EINVAL. */
static int open_devfuse(struct build *b, struct ch_err *err)
{
	struct stat st;

	b->devfuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (b->devfuse < 0)
		return ch_err_set(err, -errno, "open '/dev/fuse': %s", fuse_refused(errno));
	if (fstat(b->devfuse, &st) < 0 || !S_ISCHR(st.st_mode) ||
	    st.st_rdev != makedev(FUSE_MAJOR, FUSE_MINOR))
		return ch_err_set(err, -ENODEV,
				  "'/dev/fuse' is not the device of FUSE, character device %d:%d",
				  FUSE_MAJOR, FUSE_MINOR);
	return 0;
}

static int make_namespaces(struct build *b, struct ch_err *err)
{
	if (b->req->allowed && ch_image_check_allowed(b->image, b->req->allowed, err) < 0)
		return err->code;
	if (ch_userns_new(b->req->uid, b->req->gid, err) < 0)
		return err->code;
	/* The kernel clones no mount by a descriptor from another mount namespace. But the
	 * working directory comes along into the new one: the directory that was looked at is
	 * the one that is used, whatever its path leads to by now. */
	if (b->image->kind == CH_IMAGE_DIR && fchdir(b->image->fd) < 0)
		return ch_err_sys(err, "image '%s'", b->req->image);
	if (b->image->kind == CH_IMAGE_SQUASH && open_devfuse(b, err) < 0)
		return err->code;
	return ch_mntns_new(err);
}

static int make_mounts(struct build *b, struct ch_err *err)
{
	int rc = clone_sources(b, err);

	if (rc == 0)
		rc = mount_scaffold(b, err);
	if (rc == 0)
		rc = mount_root(b, err);
	if (rc == 0)
		rc = make_points(b, err);
	for (size_t i = 0; rc == 0 && i < b->plan.n; i++)
		rc = do_op(b, i, err);
	if (rc == 0)
		rc = open_namespaces(b->ns, err);
	return rc == 0 ? pivot(b, err) : rc;
}

/* Metadata that cannot be read harm only those who want them: the reason is handed on. */
static void read_metadata(ch_meta_reader *read_meta, char **ret_meta, size_t *ret_len)
{
	struct ch_err err;

	if (read_meta(ret_meta, ret_len, &err) == 0)
		return;
	*ret_meta = malloc(sizeof(err));
	*ret_len = *ret_meta ? ch_meta_put_error(&err, *ret_meta, sizeof(err)) : 0;
}

void ch_build_main(const struct ch_request *req, const struct ch_image *image,
		   ch_meta_reader *read_meta, int sock)
{
	struct build b = {
		.req = req, .image = image, .sock = sock, .devfuse = -1, .place = { -1, -1 }
	};
	ch_auto(str) char *meta = NULL;
	size_t meta_len = 0;
	uint32_t at[2] = { 0 };
	struct ch_err err;
	int rc = ch_plan_make(req, image, &b.plan, &err);

	umask(0022);
	if (rc == 0)
		rc = make_namespaces(&b, &err);
	at[0] = ch_build_now();
	if (rc == 0)
		rc = make_mounts(&b, &err);
	at[1] = ch_build_now();
	if (rc == 0 && req->want_meta)
		read_metadata(read_meta, &meta, &meta_len);
	finish(sock, b.ns, at, meta, meta_len, rc, &err);
}

void ch_build_nested(const struct ch_request *req, int userns, int mntns, int sock)
{
	uint32_t at[2] = { 0 };
	int ns[2] = { -1, -1 }, rc = 0;
	struct ch_err err;

	if (setns(userns, CLONE_NEWUSER) < 0 || setns(mntns, CLONE_NEWNS) < 0)
		rc = ch_err_sys(&err, "enter the container");
	if (rc == 0)
		rc = ch_userns_new(req->uid, req->gid, &err);
	if (rc == 0)
		rc = ch_mntns_new(&err);
	if (rc == 0)
		rc = open_namespaces(ns, &err);
	finish(sock, ns, at, NULL, 0, rc, &err);
}
