/* SPDX-License-Identifier: Apache-2.0 */
/* to_tar.c - a tar archive as a target */
#include "archive/output.h"
#include "base/err.h"
#include "convert/layer_write.h"
#include "convert/target.h"

struct to_tar {
	struct ch_target target;
	struct ch_output_fd file;
	struct ch_layer_writer writer;
};

static int begin(struct ch_target *target, struct ch_sink **ret_sink, struct ch_err *err)
{
	struct to_tar *t = (struct to_tar *)target;

	t->file = CH_OUTPUT_FD(target->place.fd, target->how->path);
	if (ch_layer_writer_init(&t->writer, &t->file.out, &target->how->pack, target->how->cancel,
				 err) < 0)
		return err->code;
	*ret_sink = &t->writer.sink;
	return 0;
}

static void forget(struct ch_target *target)
{
	ch_layer_writer_done(&((struct to_tar *)target)->writer);
}

const struct ch_target_kind ch_target_tar = {
	.size = sizeof(struct to_tar),
	.begin = begin,
	.forget = forget,
};
