/* SPDX-License-Identifier: Apache-2.0 */
/* layer_write.h - a sink that writes a tar archive, compressed: of entries in any order */
#ifndef CH_CONVERT_LAYER_WRITE_H
#define CH_CONVERT_LAYER_WRITE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "archive/compress.h"
#include "archive/output.h"
#include "convert/orderly.h"

struct ch_err;

struct ch_layer_writer {
	struct ch_sink sink;	  /* what it is used by */
	struct ch_compressed got; /* when its end was called */

	/* private: entries go through these, one after the other */
	struct ch_orderly orderly;
	struct ch_sink *tar; /* owned */
	struct ch_output gate;
	struct ch_compress *pack; /* owned */

	const atomic_bool *cancel; /* borrowed */
};

/* OUT is borrowed, till the writer is done, and so is CANCEL: true, it ends with -ECANCELED; NULL:
 * nobody does. The writer must stay where it is. */
int ch_layer_writer_init(struct ch_layer_writer *writer, struct ch_output *out,
			 const struct ch_compress_how *how, const atomic_bool *cancel,
			 struct ch_err *err);

/* At any time, also after a failed init, and again. */
void ch_layer_writer_done(struct ch_layer_writer *writer);

#endif
