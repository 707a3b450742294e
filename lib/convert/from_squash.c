/* SPDX-License-Identifier: Apache-2.0 */
/* from_squash.c - a SquashFS image, or the one in a SIF file, as a source
 *
 * By the image server's reader, which trusts nothing. What that leaves open is whether the
 * directories are a tree: each may be met once only, and not too deep. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "archive/entry.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/zeros.h"
#include "convert/bundle.h"
#include "convert/source.h"
#include "fs/data.h"
#include "fs/dir.h"
#include "fs/inode.h"
#include "fs/squash.h"
#include "fs/xattr.h"
#include "oci/meta.h"
#include "rt/image.h"
#include "rt/sif.h"
#include "sys/twins.h"

enum { DEPTH_MAX = 512, XATTRS_MAX = 256 };

/* What Apptainer calls the settings of an OCI image in a SIF file */
#define SETTINGS "oci-config.json"

struct from_squash {
	struct ch_source source;
	const struct ch_source_how *how; /* borrowed */
	struct ch_image file;
	struct ch_squash image;
	struct ch_data *data;	  /* owned */
	struct ch_reader *reader; /* owned */
	char *settings;		  /* owned; of a SIF file */
};

/* One run through it */
struct walk {
	const struct from_squash *from;
	struct ch_sink *sink;
	struct ch_twins seen; /* directories, and files that have several names, with a name */
	char path[PATH_MAX];
	size_t len;	  /* of PATH */
	uint64_t devices; /* left out */
	struct ch_err *err;
};

static void ch_auto_walk(struct walk *w)
{
	ch_twins_done(&w->seen);
}

static int damaged(struct walk *w, const char *what)
{
	return ch_err_set(w->err, -EIO, "'/%s': the image is damaged: %s", w->path, what);
}

/* ---- extended attributes ------------------------------------------------------------------ */

/* Names and values are in one block. */
struct xattrs {
	struct ch_entry_xattr list[XATTRS_MAX];
	size_t n;
	char names[XATTR_LIST_MAX];
	struct ch_buf values;
};

static void ch_auto_xattrs(struct xattrs **x)
{
	if (*x)
		ch_buf_done(&(*x)->values);
	free(*x);
}

static int read_value(struct walk *w, const struct ch_inode *inode, const char *name,
		      struct xattrs *x)
{
	static const size_t max = XATTR_SIZE_MAX;
	ch_auto(mem) char *value = malloc(max);
	long n = value ? ch_xattr_get(&w->from->image, inode, name, value, max) : -ENOMEM;

	if (n < 0)
		return n == -ENOMEM ? ch_err_nomem(w->err) : damaged(w, "extended attributes");
	x->list[x->n++] = (struct ch_entry_xattr){ .name = name, .len = (size_t)n };
	ch_buf_add(&x->values, value, (size_t)n);
	return 0;
}

/* Where values are is known only when all are there. */
static int place_values(struct walk *w, struct xattrs *x)
{
	size_t at = 0;

	if (ch_buf_bad(&x->values))
		return ch_err_nomem(w->err);
	for (size_t i = 0; i < x->n; i++) {
		x->list[i].value = x->values.data ? x->values.data + at : "";
		at += x->list[i].len;
	}
	return 0;
}

static int too_many(const struct walk *w)
{
	return ch_err_set(w->err, -E2BIG, "'/%s': more than %d extended attributes (--no-xattrs)",
			  w->path, XATTRS_MAX);
}

/* Of INODE into ENTRY. ret: holds them */
static int read_xattrs(struct walk *w, const struct ch_inode *inode, struct ch_entry *entry,
		       struct xattrs **ret)
{
	struct xattrs *x;
	long n;

	if (w->from->how->no_xattrs || inode->xattr == CH_SQUASH_NONE)
		return 0;
	x = *ret = calloc(1, sizeof(*x));
	if (!x)
		return ch_err_nomem(w->err);
	x->values = CH_BUF_INIT((size_t)XATTRS_MAX * XATTR_SIZE_MAX);
	n = ch_xattr_list(&w->from->image, inode, x->names, sizeof(x->names));
	if (n == -ERANGE)
		return too_many(w);
	if (n < 0)
		return damaged(w, "extended attributes");
	for (const char *name = x->names; name < x->names + n; name += strlen(name) + 1) {
		if (x->n == XATTRS_MAX)
			return too_many(w);
		if (read_value(w, inode, name, x) < 0)
			return w->err->code;
	}
	if (place_values(w, x) < 0)
		return w->err->code;
	entry->xattrs = x->list;
	entry->n_xattrs = x->n;
	return 0;
}

/* ---- contents ----------------------------------------------------------------------------- */

/* Holes are blocks of zeros of files that have some. */
static int send_parts(struct walk *w, const struct ch_inode *inode, uint64_t off,
		      const struct iovec *parts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const char *data = parts[i].iov_base;
		size_t len = parts[i].iov_len;

		if (len > 0 && !(inode->sparse > 0 && ch_is_zeros(data, len)) &&
		    w->sink->data(w->sink, off, data, len, w->err) < 0)
			return w->err->code;
		off += len;
	}
	return 0;
}

static int send_contents(struct walk *w, const struct ch_inode *inode)
{
	struct ch_reader *reader = w->from->reader;
	const struct iovec *parts;
	unsigned n;

	for (uint64_t off = 0; off < inode->size;) {
		/* A hole says nothing to the sink, however long it is. */
		if (ch_source_is_cancelled(w->from->how))
			return ch_err_set(w->err, -ECANCELED, "interrupted");

		long got = ch_data_get(reader, inode, off, CH_DATA_MAX, &parts, &n);
		int rc;

		if (got <= 0)
			return damaged(w, "contents");
		rc = send_parts(w, inode, off, parts, n);
		ch_data_done(reader);
		if (rc < 0)
			return rc;
		off += (uint64_t)got;
	}
	return 0;
}

/* ---- entries ------------------------------------------------------------------------------ */

/* Was INODE met before? ret_first: its path then; NULL: no. */
static int meet(struct walk *w, const struct ch_inode *inode, const char **ret_first)
{
	const struct stat st = { .st_ino = inode->ref, .st_mode = inode->mode, .st_nlink = 2 };

	return ch_twins_find(&w->seen, &st, w->path, ret_first, w->err);
}

static int send_entry(struct walk *w, const struct ch_inode *inode, const char *target)
{
	struct ch_entry entry = {
		.path = w->path,
		.target = target,
		.mode = inode->mode,
		.mtime = { .tv_sec = inode->mtime },
		.size = S_ISREG(inode->mode) ? inode->size : 0,
	};
	ch_auto(xattrs) struct xattrs *x = NULL;

	if (read_xattrs(w, inode, &entry, &x) < 0)
		return w->err->code;
	return w->sink->add(w->sink, &entry, w->err);
}

static int send_link(struct walk *w, const char *first)
{
	const struct ch_entry entry = { .path = w->path, .link = first };

	return w->sink->add(w->sink, &entry, w->err);
}

static int send_file(struct walk *w, const struct ch_inode *inode)
{
	char target[PATH_MAX];
	const char *first = NULL;

	if (inode->nlink > 1 && meet(w, inode, &first) < 0)
		return w->err->code;
	if (first)
		return send_link(w, first);
	if (S_ISLNK(inode->mode) &&
	    ch_inode_target(&w->from->image, inode, target, sizeof(target)) < 0)
		return damaged(w, "a link");
	if (send_entry(w, inode, S_ISLNK(inode->mode) ? target : NULL) < 0)
		return w->err->code;
	return S_ISREG(inode->mode) ? send_contents(w, inode) : 0;
}

/* ---- directories -------------------------------------------------------------------------- */

static int send_dir(struct walk *w, const struct ch_inode *inode, int depth);

/* Is the entry at W's path left out? Before hard links are told apart: what is, is no file that
 * others can be links to. */
static bool is_left(struct walk *w, const struct ch_inode *inode)
{
	bool is_device = S_ISCHR(inode->mode) || S_ISBLK(inode->mode) || S_ISSOCK(inode->mode);

	w->devices += is_device;
	return is_device || strncmp(w->path, "dev/", 4) == 0;
}

static int send_child(struct walk *w, const struct ch_dirent *e, int depth)
{
	size_t before = w->len, slash = before > 0;
	struct ch_inode inode;
	int rc;

	if (before + slash + e->len >= sizeof(w->path))
		return ch_err_set(w->err, -ENAMETOOLONG, "'/%.60s...': the path is too long",
				  w->path);
	if (slash)
		w->path[w->len++] = '/';
	memcpy(w->path + w->len, e->name, e->len + 1);
	w->len += e->len;
	if (ch_inode_read(&w->from->image, e->ref, &inode) < 0)
		rc = damaged(w, "an inode");
	else if (is_left(w, &inode))
		rc = 0;
	else if (S_ISDIR(inode.mode))
		rc = send_dir(w, &inode, depth + 1);
	else
		rc = send_file(w, &inode);
	w->len = before;
	w->path[before] = '\0';
	return rc;
}

static int send_dir(struct walk *w, const struct ch_inode *inode, int depth)
{
	const char *first = NULL;
	struct ch_dirent e;
	struct ch_dir dir;
	int rc;

	if (depth > DEPTH_MAX)
		return ch_err_set(w->err, -ENAMETOOLONG, "'/%.60s...': more than %d levels",
				  w->path, DEPTH_MAX);
	if (meet(w, inode, &first) < 0)
		return w->err->code;
	if (first)
		return damaged(w, "a directory has two names");
	if (send_entry(w, inode, NULL) < 0)
		return w->err->code;
	if (ch_dir_open(&w->from->image, inode, CH_DIR_FIRST, NULL, &dir) < 0)
		return damaged(w, "a directory");
	while ((rc = ch_dir_next(&dir, &e)) > 0)
		if (send_child(w, &e, depth) < 0)
			return w->err->code;
	return rc < 0 ? damaged(w, "a directory") : 0;
}

static int send(struct ch_source *source, struct ch_sink *sink, struct ch_err *err)
{
	const struct from_squash *f = (struct from_squash *)source;
	ch_auto(walk) struct walk w = { .from = f, .sink = sink, .err = err };
	struct ch_inode root;

	if (ch_inode_read(&f->image, f->image.root, &root) < 0)
		return damaged(&w, "an inode");
	if (send_dir(&w, &root, 0) < 0)
		return err->code;
	source->devices = w.devices;
	return 0;
}

/* ---- opening ------------------------------------------------------------------------------ */

static void free_squash(struct ch_source *source)
{
	struct from_squash *f = (struct from_squash *)source;

	if (f->reader)
		ch_reader_free(f->reader);
	ch_data_free(f->data);
	ch_squash_done(&f->image);
	ch_image_done(&f->file);
	free(f->settings);
	free(f);
}

static int read_settings(struct from_squash *f, struct ch_err *err)
{
	struct ch_sif at;
	size_t len;
	int rc = ch_sif_find_json(f->file.fd, SETTINGS, &at, err);

	if (rc <= 0)
		return rc;

	const struct ch_piece piece = { .fd = f->file.fd, .off = at.offset, .size = at.size };

	if (ch_piece_text(&piece, CH_OCI_META_MAX, &f->settings, &len, err) < 0)
		return ch_err_in(err, "'" SETTINGS "'");
	f->source.settings = f->settings;
	return 0;
}

/* What a SIF file says besides its image. Settings that are too long, or not all there, it has not
 * said. */
static int read_sif(struct from_squash *f, struct ch_err *err)
{
	int rc = read_settings(f, err);

	f->source.arch = ch_sif_arch(f->file.fd);
	return rc == -EPROTO || rc == -EFBIG ? 0 : rc;
}

static int open_image(struct from_squash *f, const char *path, struct ch_err *err)
{
	if (ch_image_open(path, &f->file, err) < 0)
		return err->code;
	if (f->file.kind != CH_IMAGE_SQUASH)
		return ch_err_set(err, -EINVAL, "'%s' is a directory", path);
	if (f->file.is_sif && read_sif(f, err) < 0)
		return ch_err_in(err, "image '%s'", path);
	if (ch_squash_open(f->file.fd, f->file.offset, f->file.size, &f->image, err) < 0)
		return ch_err_in(err, "image '%s'", path);
	if (ch_data_new(&f->image, 1, -1, &f->data, err) < 0)
		return err->code;
	return ch_reader_new(f->data, &f->reader, err);
}

int ch_source_squash(const struct ch_source_how *how, struct ch_source **ret_source,
		     struct ch_err *err)
{
	struct from_squash *f = calloc(1, sizeof(*f));
	ch_auto(source) struct ch_source *source = f ? &f->source : NULL;

	if (!f)
		return ch_err_nomem(err);
	*f = (struct from_squash){
		.source = { .send = send, .free = free_squash },
		.how = how,
		.file = CH_IMAGE_INIT,
	};
	if (open_image(f, how->path, err) < 0)
		return err->code;
	*ret_source = ch_take(source);
	return 0;
}
