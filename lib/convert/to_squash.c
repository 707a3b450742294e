/* SPDX-License-Identifier: Apache-2.0 */
/* to_squash.c - a SquashFS image as a target, written while more is read */
#include "archive/relay.h"
#include "base/auto.h"
#include "base/err.h"
#include "convert/squash_write.h"
#include "convert/target.h"

struct to_squash {
	struct ch_target target;
	struct ch_squash_writer *writer; /* owned, or NULL */
	struct ch_relay *relay;		 /* the same */
};

static int begin(struct ch_target *target, struct ch_sink **ret_sink, struct ch_err *err)
{
	struct to_squash *t = (struct to_squash *)target;
	const struct ch_squash_options options = {
		.compress = target->how->squash,
		.threads = target->how->pack.threads,
		.xattrs = !target->how->no_xattrs,
	};

	if (ch_squash_writer_new(target->place.fd, &options, &t->writer, err) < 0)
		return ch_err_in(err, "write '%s'", target->how->path);
	if (ch_relay_new(ch_squash_writer_sink(t->writer), &t->relay, err) < 0)
		return err->code;
	*ret_sink = ch_relay_sink(t->relay);
	return 0;
}

static void forget(struct ch_target *target)
{
	struct to_squash *t = (struct to_squash *)target;

	ch_relay_free(ch_take(t->relay));
	ch_squash_writer_free(ch_take(t->writer));
}

const struct ch_target_kind ch_target_squash = {
	.size = sizeof(struct to_squash),
	.begin = begin,
	.forget = forget,
};
