/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/squash_tables.h"

#include <endian.h>

#include <sqfs/dir_writer.h>
#include <sqfs/error.h>
#include <sqfs/id_table.h>
#include <sqfs/inode.h>
#include <sqfs/meta_writer.h>
#include <sqfs/xattr_writer.h>

#include "base/auto.h"
#include "base/err.h"
#include "convert/squash_inode.h"
#include "convert/squash_order.h"
#include "convert/squash_out.h"
#include "convert/squash_tree.h"

#define NO_XATTR 0xffffffffU

enum { PART = 1024 };

/* Functions here return 0 or an SQFS_ERROR. */
struct writing {
	const struct ch_squash_tables *from;
	sqfs_super_t *super;
	sqfs_id_table_t *ids;
	sqfs_meta_writer_t *inodes, *listings;
	sqfs_dir_writer_t *dirs;
	sqfs_xattr_writer_t *xattrs;
	uint32_t n_xattrs; /* inodes that have some */
};

/* ---- inodes and listings ----------------------------------------------------------- */

static int add_xattrs(struct writing *w, const struct ch_squash_inode *inode, uint32_t *ret_index)
{
	int rc;

	*ret_index = NO_XATTR;
	if (!inode->xattrs)
		return 0;
	w->n_xattrs++;
	rc = sqfs_xattr_writer_begin(w->xattrs, 0);
	for (const struct ch_squash_xattr *x = inode->xattrs; x && rc == 0; x = x->next)
		rc = sqfs_xattr_writer_add(w->xattrs, x->name, x->value, x->len);
	return rc ? rc : sqfs_xattr_writer_end(w->xattrs, ret_index);
}

/* MADE is taken. */
static int put_inode(struct writing *w, struct ch_squash_inode *inode, sqfs_inode_generic_t *made)
{
	uint32_t off;
	uint64_t block;
	int rc;

	if (!made)
		return SQFS_ERROR_ALLOC;
	sqfs_meta_writer_get_position(w->inodes, &block, &off);
	inode->ref = block << 16 | off;
	inode->is_written = true;
	rc = block > UINT32_MAX ? SQFS_ERROR_OVERFLOW
				: sqfs_meta_writer_write_inode(w->inodes, made);
	sqfs_free(made);
	return rc;
}

/* Behind a file's inode. The library could write it, too, but needs as much stack for that. */
static int put_blocks(struct writing *w, const struct ch_squash_file *file)
{
	uint32_t part[PART];
	int rc = 0;

	for (uint32_t i = 0, n; i < file->n_blocks && rc == 0; i += n) {
		for (n = 0; n < PART && i + n < file->n_blocks; n++)
			part[n] = htole32(file->blocks[i + n]);
		rc = sqfs_meta_writer_append(w->inodes, part, n * sizeof(*part));
	}
	return rc;
}

static int write_inode(struct writing *w, struct ch_squash_inode *inode)
{
	sqfs_inode_generic_t *made;
	uint32_t xattr;
	int rc;

	if (S_ISDIR(inode->mode)) {
		made = inode->dir->made;
		inode->dir->made = NULL;
		return put_inode(w, inode, made);
	}
	rc = add_xattrs(w, inode, &xattr);
	if (rc)
		return rc;
	rc = put_inode(w, inode, ch_squash_inode_make(inode, w->from->block_size, xattr));
	return rc == 0 && S_ISREG(inode->mode) ? put_blocks(w, inode->file) : rc;
}

/* The inodes of what is in a directory, and its listing. Its own inode is written among those of
 * its neighbours. */
static int write_listing(struct writing *w, const struct ch_squash_listing *l)
{
	uint32_t xattr;
	int rc = 0;

	for (size_t i = 0; i < l->n && rc == 0; i++)
		if (!l->names[i]->inode->is_written)
			rc = write_inode(w, l->names[i]->inode);
	if (rc == 0)
		rc = sqfs_dir_writer_begin(w->dirs, 0);
	for (size_t i = 0; i < l->n && rc == 0; i++) {
		const struct ch_squash_inode *inode = l->names[i]->inode;

		rc = sqfs_dir_writer_add_entry(w->dirs, l->names[i]->name, inode->number,
					       inode->ref, (sqfs_u16)inode->mode);
	}
	if (rc == 0)
		rc = sqfs_dir_writer_end(w->dirs);
	if (rc == 0 && (sqfs_dir_writer_get_dir_reference(w->dirs) >> 16 > UINT32_MAX ||
			sqfs_dir_writer_get_size(w->dirs) > UINT32_MAX - 3))
		rc = SQFS_ERROR_OVERFLOW;
	if (rc == 0)
		rc = add_xattrs(w, l->dir, &xattr);
	if (rc)
		return rc;
	l->dir->dir->made = ch_squash_inode_of_dir(l->dir, w->dirs, xattr);
	return l->dir->dir->made ? 0 : SQFS_ERROR_ALLOC;
}

static int write_tree(struct writing *w, const struct ch_squash_order *order)
{
	struct ch_squash_inode *root = w->from->tree->root;
	int rc = 0;

	w->super->inode_table_start = w->from->out->size;
	for (size_t i = 0; i < order->n && rc == 0; i++)
		rc = write_listing(w, &order->listings[i]);
	if (rc == 0)
		rc = write_inode(w, root);
	if (rc == 0)
		rc = sqfs_meta_writer_flush(w->inodes);
	if (rc == 0)
		rc = sqfs_meta_writer_flush(w->listings);
	w->super->root_inode_ref = root->ref;
	w->super->inode_count = order->inodes;
	w->super->directory_table_start = w->from->out->size;
	return rc ? rc : sqfs_meta_write_write_to_file(w->listings);
}

/* ---- tables ------------------------------------------------------------------------ */

static int write_tables(struct writing *w)
{
	const struct ch_squash_tables *from = w->from;
	const struct ch_squash_inode *root = from->tree->root;
	sqfs_file_t *file = &from->out->base;
	int rc = sqfs_frag_table_write(from->fragments, file, w->super, from->compressor);

	/* Ends of larger files are not in fragments. */
	w->super->flags &= (sqfs_u16)~SQFS_FLAG_ALWAYS_FRAGMENTS;
	if (rc == 0)
		rc = sqfs_dir_writer_write_export_table(w->dirs, file, from->compressor,
							root->number, root->ref, w->super);
	if (rc == 0)
		rc = sqfs_id_table_write(w->ids, file, w->super, from->compressor);
	if (rc == 0 && w->n_xattrs > 0)
		rc = sqfs_xattr_writer_flush(w->xattrs, file, w->super, from->compressor);
	return rc;
}

static int begin(struct writing *w)
{
	sqfs_file_t *file = &w->from->out->base;
	sqfs_u16 root;

	w->inodes = sqfs_meta_writer_create(file, w->from->compressor, 0);
	w->listings = sqfs_meta_writer_create(file, w->from->compressor,
					      SQFS_META_WRITER_KEEP_IN_MEMORY);
	w->dirs = w->listings
			  ? sqfs_dir_writer_create(w->listings, SQFS_DIR_WRITER_CREATE_EXPORT_TABLE)
			  : NULL;
	w->xattrs = sqfs_xattr_writer_create(0);
	w->ids = sqfs_id_table_create(0);
	if (!w->inodes || !w->dirs || !w->xattrs || !w->ids)
		return SQFS_ERROR_ALLOC;
	/* The owner and the group of everything: number 0 of the table. */
	return sqfs_id_table_id_to_index(w->ids, 0, &root);
}

static void end(struct writing *w, const struct ch_squash_order *order)
{
	for (size_t i = 0; i < order->n; i++) {
		sqfs_free(order->listings[i].dir->dir->made);
		order->listings[i].dir->dir->made = NULL;
	}
	sqfs_destroy(w->ids);
	sqfs_destroy(w->xattrs);
	sqfs_destroy(w->dirs);
	sqfs_destroy(w->listings);
	sqfs_destroy(w->inodes);
}

int ch_squash_tables_write(const struct ch_squash_tables *from, sqfs_super_t *super,
			   struct ch_err *err)
{
	ch_auto(squash_order) struct ch_squash_order order = { 0 };
	struct writing w = { .from = from, .super = super };
	int rc = ch_squash_order_make(from->tree, &order);

	if (rc < 0)
		return ch_err_rc(err, rc, "bring the files of the image in order");
	rc = begin(&w);
	if (rc == 0)
		rc = write_tree(&w, &order);
	if (rc == 0)
		rc = write_tables(&w);
	end(&w, &order);
	super->bytes_used = from->out->size;
	return rc ? ch_squash_fault(from->out, rc, "write inodes and directories", err) : 0;
}
