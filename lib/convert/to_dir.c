/* SPDX-License-Identifier: Apache-2.0 */
/* to_dir.c - a directory as a target */
#include "archive/dirsink.h"
#include "base/err.h"
#include "convert/target.h"

struct to_dir {
	struct ch_target target;
	struct ch_dirsink sink;
	bool has_sink;
};

static int begin(struct ch_target *target, struct ch_sink **ret_sink, struct ch_err *err)
{
	struct to_dir *t = (struct to_dir *)target;

	(void)err;
	ch_dirsink_init(&t->sink, target->place.fd);
	t->has_sink = true;
	*ret_sink = &t->sink.sink;
	return 0;
}

static void forget(struct ch_target *target)
{
	struct to_dir *t = (struct to_dir *)target;

	if (t->has_sink)
		ch_dirsink_done(&t->sink);
	t->has_sink = false;
}

const struct ch_target_kind ch_target_dir = {
	.size = sizeof(struct to_dir),
	.is_dir = true,
	.begin = begin,
	.forget = forget,
};
