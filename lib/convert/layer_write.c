/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/layer_write.h"

#include <errno.h>
#include <stddef.h>

#include "archive/tar.h"
#include "base/auto.h"
#include "base/err.h"

static int add(struct ch_sink *sink, const struct ch_entry *entry, struct ch_err *err)
{
	struct ch_sink *to = &((struct ch_layer_writer *)sink)->orderly.sink;

	return to->add(to, entry, err);
}

static int data(struct ch_sink *sink, uint64_t off, const void *bytes, size_t len,
		struct ch_err *err)
{
	struct ch_sink *to = &((struct ch_layer_writer *)sink)->orderly.sink;

	return to->data(to, off, bytes, len, err);
}

static int end(struct ch_sink *sink, struct ch_err *err)
{
	struct ch_layer_writer *w = (struct ch_layer_writer *)sink;

	if (w->orderly.sink.end(&w->orderly.sink, err) < 0)
		return err->code;
	return ch_compress_end(w->pack, &w->got, err);
}

/* Here, since a hole of terabytes is one call till it becomes zeros. */
static int pass(struct ch_output *gate, const void *bytes, size_t len, struct ch_err *err)
{
	struct ch_layer_writer *w = (struct ch_layer_writer *)((char *)gate -
							       offsetof(struct ch_layer_writer,
									gate));
	struct ch_output *to = ch_compress_input(w->pack);

	if (w->cancel && atomic_load_explicit(w->cancel, memory_order_relaxed))
		return ch_err_set(err, -ECANCELED, "interrupted");
	return to->write(to, bytes, len, err);
}

int ch_layer_writer_init(struct ch_layer_writer *w, struct ch_output *out,
			 const struct ch_compress_how *how, const atomic_bool *cancel,
			 struct ch_err *err)
{
	*w = (struct ch_layer_writer){
		.sink = { add, data, end },
		.gate = { pass },
		.cancel = cancel,
	};
	if (ch_compress_new(how, out, &w->pack, err) < 0 ||
	    ch_tar_new(&w->gate, 0, &w->tar, err) < 0)
		return err->code;
	ch_orderly_init(&w->orderly, w->tar);
	return 0;
}

void ch_layer_writer_done(struct ch_layer_writer *w)
{
	ch_orderly_done(&w->orderly);
	ch_tar_free(ch_take(w->tar));
	ch_compress_free(ch_take(w->pack));
}
