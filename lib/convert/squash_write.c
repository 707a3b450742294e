/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/squash_write.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include <sqfs/compressor.h>
#include <sqfs/frag_table.h>
#include <sqfs/super.h>

#include "archive/entry.h"
#include "base/err.h"
#include "base/progress.h"
#include "convert/squash_compress.h"
#include "convert/squash_contents.h"
#include "convert/squash_out.h"
#include "convert/squash_tables.h"
#include "convert/squash_tree.h"
#include "sys/threads.h"

enum { BLOCK_SIZE = 128 << 10, THREADS_MAX = 256 };

struct ch_squash_writer {
	struct ch_sink sink;
	struct ch_squash_out out;
	struct ch_squash_tree tree;
	struct ch_squash_contents contents;
	sqfs_frag_table_t *fragments;  /* owned */
	sqfs_compressor_t *compressor; /* owned */
	sqfs_super_t super;
	uint32_t block_size;
	struct ch_progress *progress; /* borrowed */
};

static struct ch_squash_writer *of(struct ch_sink *sink)
{
	return (struct ch_squash_writer *)((char *)sink - offsetof(struct ch_squash_writer, sink));
}

/* ---- the sink ---------------------------------------------------------------------- */

static int add(struct ch_sink *sink, const struct ch_entry *entry, struct ch_err *err)
{
	struct ch_squash_writer *w = of(sink);
	struct ch_squash_inode *inode;

	if (ch_squash_contents_end(&w->contents, err) < 0 ||
	    ch_squash_tree_add(&w->tree, entry, &inode, err) < 0)
		return err->code;
	if (!inode || !S_ISREG(inode->mode))
		return 0;
	return ch_squash_contents_begin(&w->contents, inode->file, entry->path, err);
}

static int data(struct ch_sink *sink, uint64_t off, const void *bytes, size_t len,
		struct ch_err *err)
{
	struct ch_squash_writer *w = of(sink);

	if (w->progress)
		ch_progress_add(w->progress, len);
	return ch_squash_contents_add(&w->contents, off, bytes, len, err);
}

static int end(struct ch_sink *sink, struct ch_err *err)
{
	struct ch_squash_writer *w = of(sink);
	struct ch_squash_tables tables = {
		.out = &w->out,
		.tree = &w->tree,
		.compressor = w->compressor,
		.fragments = w->fragments,
		.block_size = w->block_size,
	};
	int rc;

	if (ch_squash_contents_end(&w->contents, err) < 0 ||
	    ch_squash_contents_finish(&w->contents, err) < 0 ||
	    ch_squash_tables_write(&tables, &w->super, err) < 0)
		return err->code;
	w->super.modification_time = w->tree.newest;
	rc = sqfs_super_write(&w->super, &w->out.base);
	if (rc < 0)
		return ch_squash_fault(&w->out, rc, "write the superblock", err);
	return ch_squash_out_end(&w->out, err);
}

/* ---- begin and end ----------------------------------------------------------------- */

/* What is at the begin of an image. */
static int begin(struct ch_squash_writer *w, SQFS_COMPRESSOR id, struct ch_err *err)
{
	int rc = sqfs_super_init(&w->super, w->block_size, 0, id);

	if (rc < 0)
		return ch_err_set(err, -EINVAL, "a block size of %u bytes is none of SquashFS",
				  w->block_size);
	rc = sqfs_super_write(&w->super, &w->out.base);
	if (rc == 0)
		rc = w->compressor->write_options(w->compressor, &w->out.base);
	if (rc < 0)
		return ch_squash_fault(&w->out, rc, "write the superblock", err);
	if (rc > 0)
		w->super.flags |= SQFS_FLAG_COMPRESSOR_OPTIONS;
	return 0;
}

static int prepare(struct ch_squash_writer *w, const struct ch_squash_options *options,
		   struct ch_err *err)
{
	unsigned threads = options->threads ? options->threads : (unsigned)ch_threads_cpus();
	SQFS_COMPRESSOR id;

	w->block_size = options->block_size ? options->block_size : BLOCK_SIZE;
	w->progress = options->progress;
	w->fragments = sqfs_frag_table_create(0);
	if (!w->fragments)
		return ch_err_nomem(err);
	if (ch_squash_compressor_new(&options->compress, w->block_size, &id, &w->compressor, err) <
		    0 ||
	    begin(w, id, err) < 0 || ch_squash_tree_init(&w->tree, options->xattrs, err) < 0)
		return err->code;
	return ch_squash_contents_init(&w->contents, &w->tree, &w->out, w->fragments, w->compressor,
				       w->block_size, threads < THREADS_MAX ? threads : THREADS_MAX,
				       err);
}

int ch_squash_writer_new(int fd, const struct ch_squash_options *options,
			 struct ch_squash_writer **ret_writer, struct ch_err *err)
{
	struct ch_squash_writer *w = calloc(1, sizeof(*w));

	if (!w)
		return ch_err_nomem(err);
	w->sink = (struct ch_sink){ .add = add, .data = data, .end = end };
	ch_squash_out_init(&w->out, fd);
	if (prepare(w, options, err) < 0) {
		ch_squash_writer_free(w);
		return err->code;
	}
	*ret_writer = w;
	return 0;
}

struct ch_sink *ch_squash_writer_sink(struct ch_squash_writer *writer)
{
	return &writer->sink;
}

void ch_squash_writer_free(struct ch_squash_writer *writer)
{
	if (!writer)
		return;
	ch_squash_contents_done(&writer->contents);
	ch_squash_tree_done(&writer->tree);
	sqfs_destroy(writer->fragments);
	sqfs_destroy(writer->compressor);
	free(writer);
}
