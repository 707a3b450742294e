/* SPDX-License-Identifier: Apache-2.0 */
/* squash_tables.h - what an image has behind the contents: inodes, directories, tables */
#ifndef CH_CONVERT_SQUASH_TABLES_H
#define CH_CONVERT_SQUASH_TABLES_H

#include <sqfs/compressor.h>
#include <sqfs/frag_table.h>
#include <sqfs/super.h>

struct ch_err;
struct ch_squash_out;
struct ch_squash_tree;

struct ch_squash_tables {
	struct ch_squash_out *out;
	struct ch_squash_tree *tree;
	sqfs_compressor_t *compressor;
	sqfs_frag_table_t *fragments;
	uint32_t block_size;
};

/* Write all of it; SUPER gets what it should say. */
int ch_squash_tables_write(const struct ch_squash_tables *from, sqfs_super_t *super,
			   struct ch_err *err);

#endif
