/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/orderly.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"

/* Room for what is known of all nodes */
static int grow(struct ch_orderly *o)
{
	bool *more;

	if (o->n >= o->paths.n)
		return 0;
	more = realloc(o->is_there, o->paths.cap * sizeof(*more));
	if (!more)
		return -ENOMEM;
	memset(more + o->n, 0, (o->paths.cap - o->n) * sizeof(*more));
	o->is_there = more;
	o->n = o->paths.cap;
	return 0;
}

static int add_dir(struct ch_orderly *o, const char *path, struct ch_err *err)
{
	const struct ch_entry dir = { .path = path, .mode = S_IFDIR | 0755 };

	return o->to->add(o->to, &dir, err);
}

/* Add what is missing of the directories above NODE. */
static int add_parents(struct ch_orderly *o, uint32_t node, struct ch_err *err)
{
	for (;;) {
		uint32_t missing = CH_PATHS_NONE;
		ch_auto(buf) struct ch_buf path = CH_BUF_INIT(PATH_MAX);

		/* The uppermost one; mostly there is none, and a look at the next is enough. */
		for (uint32_t up = node; up != CH_PATHS_ROOT;) {
			up = o->paths.nodes[up].parent;
			if (o->is_there[up])
				break;
			missing = up;
		}
		if (missing == CH_PATHS_NONE)
			return 0;
		ch_paths_text(&o->paths, missing, &path);
		ch_buf_adds(&path, "");
		if (ch_buf_bad(&path))
			return ch_err_nomem(err);
		o->is_there[missing] = true;
		if (add_dir(o, path.data, err) < 0)
			return err->code;
	}
}

static int add(struct ch_sink *sink, const struct ch_entry *entry, struct ch_err *err)
{
	struct ch_orderly *o = (struct ch_orderly *)sink;
	uint32_t node = ch_paths_add(&o->paths, entry->path, strlen(entry->path));

	if (node == CH_PATHS_NONE || grow(o) < 0)
		return ch_err_nomem(err);
	if (add_parents(o, node, err) < 0)
		return err->code;
	/* What replaces a directory is none any more. */
	o->is_there[node] = !entry->link && S_ISDIR(entry->mode);
	return o->to->add(o->to, entry, err);
}

static int data(struct ch_sink *sink, uint64_t off, const void *bytes, size_t len,
		struct ch_err *err)
{
	struct ch_orderly *o = (struct ch_orderly *)sink;

	return o->to->data(o->to, off, bytes, len, err);
}

static int end(struct ch_sink *sink, struct ch_err *err)
{
	struct ch_orderly *o = (struct ch_orderly *)sink;

	return o->to->end(o->to, err);
}

void ch_orderly_init(struct ch_orderly *o, struct ch_sink *to)
{
	*o = (struct ch_orderly){ .sink = { add, data, end }, .to = to };
}

void ch_orderly_done(struct ch_orderly *o)
{
	ch_paths_done(&o->paths);
	free(o->is_there);
	*o = (struct ch_orderly){ 0 };
}
