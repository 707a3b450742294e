/* SPDX-License-Identifier: Apache-2.0 */
/* from_dir.c - a directory, or an image in storage, which is one, as a source */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "archive/entry.h"
#include "archive/walk.h"
#include "base/analyser.h"
#include "base/auto.h"
#include "base/err.h"
#include "convert/source.h"
#include "oci/ref.h"
#include "store/store.h"

struct from_dir {
	struct ch_source source;
	const struct ch_source_how *how; /* borrowed */
	int root;			 /* owned */
};

/* Before hard links are told apart: what is left out is no file that others can be links to. */
static bool is_left(void *data, const char *path)
{
	(void)data;
	return strncmp(path, "dev/", 4) == 0;
}

static int send(struct ch_source *source, struct ch_sink *sink, struct ch_err *err)
{
	struct from_dir *f = (struct from_dir *)source;
	const struct ch_walk_how how = { .no_xattrs = f->how->no_xattrs, .is_left = is_left };
	struct ch_walked got = { 0 };

	if (ch_walk_entries(f->root, &how, sink, &got, err) < 0)
		return err->code;
	source->devices = got.devices + got.sockets;
	return 0;
}

static void free_dir(struct ch_source *source)
{
	struct from_dir *f = (struct from_dir *)source;

	ch_close(&f->root);
	free(f);
}

CH_MOVES_BEGIN
/* ROOT is taken. */
static int make(const struct ch_source_how *how, int root, struct ch_source **ret_source,
		struct ch_err *err)
{
	struct from_dir *f = calloc(1, sizeof(*f));

	if (!f) {
		close(root);
		return ch_err_nomem(err);
	}
	*f = (struct from_dir){
		.source = { .send = send, .free = free_dir },
		.how = how,
		.root = root,
	};
	f->source.root = &f->root;
	*ret_source = &f->source;
	return 0;
}
CH_MOVES_END

int ch_source_dir(const struct ch_source_how *how, struct ch_source **ret_source,
		  struct ch_err *err)
{
	int root = open(how->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (root < 0)
		return ch_err_sys(err, "open directory '%s'", how->path);
	return make(how, root, ret_source, err);
}

int ch_source_image(const struct ch_source_how *how, struct ch_source **ret_source,
		    struct ch_err *err)
{
	ch_auto(ref) struct ch_ref ref = { 0 };
	int root;

	if (ch_ref_parse(how->path, &ref, err) < 0)
		return err->code;
	/* As long as it is open, the image's files stay. */
	root = ch_store_read(how->store, &ref, err);
	return root < 0 ? root : make(how, root, ret_source, err);
}
