/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/ops.h"

#define FUSE_USE_VERSION 35

#include <errno.h>
#include <fuse_lowlevel.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "base/err.h"
#include "fs/data.h"
#include "fs/dir.h"
#include "fs/squash.h"
#include "fs/inode.h"
#include "fs/meta.h"
#include "fs/node.h"
#include "fs/note.h"
#include "fs/xattr.h"

/* An image never changes: what the kernel knows, it may keep. */
#define FOREVER 1e9 /* seconds */

#define REPLY_SIZE (1UL << 20)

/* Blocks of metadata a request may need: half a GiB, a second or two. */
#define META_MAX 65536

struct ch_ops {
	struct fuse_session *session;
	const struct ch_squash *image; /* borrowed */
	struct ch_data *data;
	struct ch_dir_ends *ends;
	uint32_t uid;
	uint32_t gid;
	bool no_open; /* the kernel can do without OPEN, OPENDIR */
	bool no_opendir;
};

struct ch_ops_thread {
	struct ch_ops *ops; /* borrowed */
	struct ch_reader *reader;
	char reply[REPLY_SIZE];
};

/* The calling thread's. libfuse knows one pointer a session only. */
static __thread struct ch_ops_thread *self;

/* ---- helpers ---------------------------------------------------------------- */

/* Reply with an error; damage is worth a line in the log. RC: negative errno. */
static void fail(fuse_req_t req, uint64_t node, long rc)
{
	if (rc == -EIO)
		ch_note_rarely("image damaged or unreadable (inode %llx)",
			       (unsigned long long)node);
	fuse_reply_err(req, (int)-rc);
}

static int inode_of(uint64_t node, struct ch_inode *ret_inode)
{
	uint64_t ref;

	if (!ch_node_ref(self->ops->image->root, node, &ref))
		return -EIO;
	return ch_inode_read(self->ops->image, ref, ret_inode);
}

/* readdir(3) and many programs take 0 for "no entry". */
static ino_t visible_number(uint32_t number)
{
	return number ? number : (ino_t)UINT32_MAX + 1;
}

static struct stat attributes(const struct ch_inode *inode)
{
	struct stat st = {
		.st_ino = visible_number(inode->number),
		.st_mode = inode->mode,
		.st_nlink = inode->nlink,
		.st_uid = self->ops->uid,
		.st_gid = self->ops->gid,
		.st_size = (off_t)inode->size,
		.st_blksize = (blksize_t)self->ops->image->block_size,
		.st_rdev = makedev(inode->major, inode->minor),
	};

	st.st_mtim.tv_sec = st.st_ctim.tv_sec = st.st_atim.tv_sec = inode->mtime;
	if (S_ISREG(inode->mode) && inode->sparse <= inode->size)
		st.st_blocks = (blkcnt_t)((inode->size - inode->sparse + 511) / 512);
	return st;
}

static struct fuse_entry_param entry_of(const struct ch_inode *inode)
{
	return (struct fuse_entry_param){
		.ino = ch_node_id(self->ops->image->root, inode->ref),
		.attr = attributes(inode),
		.attr_timeout = FOREVER,
		.entry_timeout = FOREVER,
	};
}

/* ---- inodes ----------------------------------------------------------------- */

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct ch_inode dir, inode;
	struct ch_dirent e;
	int rc = inode_of(parent, &dir);

	if (rc == 0)
		rc = ch_dir_lookup(self->ops->image, &dir, name, &e);
	if (rc == 0)
		rc = ch_inode_read(self->ops->image, e.ref, &inode);
	if (rc == 0) {
		struct fuse_entry_param p = entry_of(&inode);

		fuse_reply_entry(req, &p);
	} else if (rc == -ENOENT && strlen(name) <= CH_DIR_NAME_MAX) {
		/* Node 0: the kernel remembers that there is no such name. */
		struct fuse_entry_param none = { .entry_timeout = FOREVER };

		fuse_reply_entry(req, &none);
	} else {
		fail(req, parent, rc == -ENOENT ? -ENAMETOOLONG : rc);
	}
}

static void op_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct ch_inode inode;
	int rc = inode_of(node, &inode);

	(void)fi;
	if (rc < 0) {
		fail(req, node, rc);
		return;
	}

	struct stat st = attributes(&inode);

	fuse_reply_attr(req, &st, FOREVER);
}

static void op_readlink(fuse_req_t req, fuse_ino_t node)
{
	struct ch_inode inode;
	long rc = inode_of(node, &inode);

	if (rc == 0)
		rc = ch_inode_target(self->ops->image, &inode, self->reply, PATH_MAX);
	if (rc < 0)
		fail(req, node, rc);
	else
		fuse_reply_readlink(req, self->reply);
}

static void op_statfs(fuse_req_t req, fuse_ino_t node)
{
	const struct ch_squash *image = self->ops->image;
	struct statvfs st = {
		.f_bsize = image->block_size,
		.f_frsize = image->block_size,
		.f_blocks = (image->size + image->block_size - 1) / image->block_size,
		.f_files = image->inodes,
		.f_namemax = CH_DIR_NAME_MAX,
	};

	(void)node;
	fuse_reply_statfs(req, &st);
}

/* ---- files ------------------------------------------------------------------ */

/* ENOSYS: the kernel opens files by itself from now on, and keeps their pages. */
static void op_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	(void)node;
	if (self->ops->no_open) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void op_opendir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	(void)node;
	if (self->ops->no_opendir) {
		fuse_reply_err(req, ENOSYS);
		return;
	}
	fi->keep_cache = 1;
	fi->cache_readdir = 1;
	fuse_reply_open(req, fi);
}

static void op_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	struct ch_inode inode;
	const struct iovec *parts;
	unsigned n;
	long rc = inode_of(node, &inode);

	(void)fi;
	if (rc == 0 && off < 0)
		rc = -EINVAL;
	if (rc == 0)
		rc = ch_data_get(self->reader, &inode, (uint64_t)off, size, &parts, &n);
	if (rc < 0) {
		fail(req, node, rc);
		return;
	}
	fuse_reply_iov(req, parts, (int)n);
	ch_data_done(self->reader);
}

/* Every isatty(3) asks. ENOSYS would not be remembered. */
static void op_ioctl(fuse_req_t req, fuse_ino_t node, unsigned int cmd, void *arg,
		     struct fuse_file_info *fi, unsigned flags, const void *in, size_t in_size,
		     size_t out_size)
{
	(void)node, (void)cmd, (void)arg, (void)fi, (void)flags, (void)in, (void)in_size,
		(void)out_size;
	fuse_reply_err(req, ENOTTY);
}

/* ---- directories ------------------------------------------------------------ */

/* A listing being put together: CH_DIR_* positions are the kernel's offsets. */
struct listing {
	fuse_req_t req;
	bool plus; /* with attributes, as if every name had been looked up */
	size_t size;
	size_t used;
};

/* Returns false when there is no room. */
static bool list(struct listing *l, const char *name, const struct fuse_entry_param *e,
		 uint64_t next)
{
	char *to = self->reply + l->used;
	size_t room = l->size - l->used;
	size_t n;

	if (l->plus)
		n = fuse_add_direntry_plus(l->req, to, room, name, e, (off_t)next);
	else
		n = fuse_add_direntry(l->req, to, room, name, &e->attr, (off_t)next);
	if (n > room)
		return false;
	l->used += n;
	return true;
}

/* Node 0 in a listing: the kernel takes number and type, and looks up when it needs to. */
static struct fuse_entry_param bare_entry(uint32_t number, mode_t type)
{
	return (struct fuse_entry_param){
		.attr = { .st_ino = visible_number(number), .st_mode = type },
	};
}

static struct fuse_entry_param list_entry(const struct listing *l, const struct ch_dirent *d)
{
	struct ch_inode inode;

	if (l->plus && ch_inode_read(self->ops->image, d->ref, &inode) == 0)
		return entry_of(&inode);
	return bare_entry(d->number, ch_inode_type(d->type));
}

static bool list_dots(struct listing *l, const struct ch_inode *dir, uint64_t *position)
{
	if (*position == CH_DIR_DOT) {
		struct fuse_entry_param e = bare_entry(dir->number, S_IFDIR);

		if (!list(l, ".", &e, CH_DIR_DOTDOT))
			return false;
		*position = CH_DIR_DOTDOT;
	}
	if (*position == CH_DIR_DOTDOT) {
		bool root = dir->ref == self->ops->image->root;
		struct fuse_entry_param e = bare_entry(root ? dir->number : dir->parent, S_IFDIR);

		if (!list(l, "..", &e, CH_DIR_FIRST))
			return false;
		*position = CH_DIR_FIRST;
	}
	return true;
}

static int list_from(struct listing *l, const struct ch_inode *inode, uint64_t position)
{
	struct ch_dir dir;
	struct ch_dirent d;
	int rc;

	if (!S_ISDIR(inode->mode))
		return -ENOTDIR;
	if (!list_dots(l, inode, &position))
		return 0;
	rc = ch_dir_open(self->ops->image, inode, position, self->ops->ends, &dir);
	while (rc == 0) {
		struct ch_dir before = dir;

		rc = ch_dir_next(&dir, &d);
		if (rc <= 0)
			return rc;

		struct fuse_entry_param e = list_entry(l, &d);

		if (!list(l, d.name, &e, d.next)) {
			ch_dir_remember(self->ops->ends, inode, &before);
			return 0;
		}
		rc = 0;
	}
	return rc;
}

static void read_dir(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, bool plus)
{
	struct listing l = { .req = req,
			     .plus = plus,
			     .size = size < REPLY_SIZE ? size : REPLY_SIZE };
	struct ch_inode inode;
	int rc = inode_of(node, &inode);

	if (rc == 0)
		rc = list_from(&l, &inode, (uint64_t)off);
	/* Entries before the damage are given out; the next call meets it again. */
	if (rc < 0 && l.used == 0)
		fail(req, node, rc);
	else
		fuse_reply_buf(req, self->reply, l.used);
}

static void op_readdir(fuse_req_t req, fuse_ino_t node, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	(void)fi;
	read_dir(req, node, size, off, false);
}

static void op_readdirplus(fuse_req_t req, fuse_ino_t node, size_t size, off_t off,
			   struct fuse_file_info *fi)
{
	(void)fi;
	read_dir(req, node, size, off, true);
}

/* ---- extended attributes ---------------------------------------------------- */

/* Both calls come first with size 0, for the length. */
static void reply_xattr(fuse_req_t req, fuse_ino_t node, size_t size, long rc)
{
	if (rc < 0)
		fail(req, node, rc);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)rc);
	else
		fuse_reply_buf(req, self->reply, (size_t)rc);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t node, const char *name, size_t size)
{
	struct ch_inode inode;
	long rc = inode_of(node, &inode);

	if (self->ops->image->xattrs == 0)
		rc = -ENOSYS; /* the kernel stops asking */
	if (rc == 0)
		rc = ch_xattr_get(self->ops->image, &inode, name, self->reply,
				  size < REPLY_SIZE ? size : REPLY_SIZE);
	reply_xattr(req, node, size, rc);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t node, size_t size)
{
	struct ch_inode inode;
	long rc = inode_of(node, &inode);

	if (self->ops->image->xattrs == 0)
		rc = -ENOSYS;
	if (rc == 0)
		rc = ch_xattr_list(self->ops->image, &inode, self->reply,
				   size < REPLY_SIZE ? size : REPLY_SIZE);
	reply_xattr(req, node, size, rc);
}

/* ---- session ---------------------------------------------------------------- */

static void op_init(void *data, struct fuse_conn_info *conn)
{
	static const unsigned wanted = FUSE_CAP_ASYNC_READ | FUSE_CAP_PARALLEL_DIROPS |
				       FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO |
				       FUSE_CAP_CACHE_SYMLINKS;
	struct ch_ops *ops = data;

	/* Not what libfuse thinks useful: splice needs pipes, and no data is written. */
	conn->want = conn->capable & wanted;
	ops->no_open = conn->capable & FUSE_CAP_NO_OPEN_SUPPORT;
	ops->no_opendir = conn->capable & FUSE_CAP_NO_OPENDIR_SUPPORT;
	conn->max_write = REPLY_SIZE; /* sets max_pages, for reads, too */
}

static const struct fuse_lowlevel_ops operations = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.readlink = op_readlink,
	.open = op_open,
	.read = op_read,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.readdirplus = op_readdirplus,
	.statfs = op_statfs,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.ioctl = op_ioctl,
	/* By libfuse: FORGETs need no action, RELEASE (which comes from kernels that cannot do
	 * without OPEN) succeeds, and FLUSH gets ENOSYS. */
};

static void quiet(enum fuse_log_level level, const char *fmt, va_list ap)
{
	(void)level, (void)fmt, (void)ap;
}

int ch_ops_new(const struct ch_squash *image, int fuse_fd, unsigned threads, uint32_t uid,
	       uint32_t gid, struct ch_ops **ret_ops, struct ch_err *err)
{
	static char name[] = "ch-server";
	static char *argv[] = { name, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(1, argv);
	struct ch_ops *ops = calloc(1, sizeof(*ops));
	char mount[32];

	if (!ops)
		return ch_err_nomem(err);
	ops->image = image;
	ops->uid = uid;
	ops->gid = gid;
	fuse_set_log_func(quiet);
	/* libfuse takes a descriptor for a mount point that is "/dev/fd/N" */
	snprintf(mount, sizeof(mount), "/dev/fd/%d", fuse_fd);

	int rc = ch_data_new(image, threads, fuse_fd, &ops->data, err);

	if (rc == 0 && !(ops->ends = ch_dir_ends_new()))
		rc = ch_err_nomem(err);
	if (rc == 0) {
		ops->session = fuse_session_new(&args, &operations, sizeof(operations), ops);
		if (!ops->session || fuse_session_mount(ops->session, mount) != 0)
			rc = ch_err_set(err, -EIO, "cannot make a FUSE session");
	}
	fuse_opt_free_args(&args);
	if (rc < 0) {
		ch_ops_free(ops);
		return rc;
	}
	*ret_ops = ops;
	return 0;
}

void ch_ops_free(struct ch_ops *ops)
{
	if (!ops)
		return;
	if (ops->session)
		fuse_session_destroy(ops->session);
	ch_dir_ends_free(ops->ends);
	ch_data_free(ops->data);
	free(ops);
}

struct ch_push *ch_ops_push(struct ch_ops *ops)
{
	return ch_data_push(ops->data);
}

int ch_ops_thread_new(struct ch_ops *ops, struct ch_ops_thread **ret_thread, struct ch_err *err)
{
	struct ch_ops_thread *t = malloc(sizeof(*t));

	if (!t)
		return ch_err_nomem(err);
	t->ops = ops;
	t->reader = NULL;

	int rc = ch_reader_new(ops->data, &t->reader, err);

	if (rc < 0) {
		ch_ops_thread_free(t);
		return rc;
	}
	*ret_thread = t;
	return 0;
}

void ch_ops_thread_free(struct ch_ops_thread *thread)
{
	if (!thread)
		return;
	ch_reader_free(thread->reader);
	free(thread);
}

void ch_ops_process(struct ch_ops_thread *thread, void *buf, size_t len)
{
	struct fuse_buf request = { .mem = buf, .size = len };

	self = thread;
	ch_meta_allow(META_MAX);
	fuse_session_process_buf(thread->ops->session, &request);
}
