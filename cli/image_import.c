/* SPDX-License-Identifier: Apache-2.0 */
/* image_import.c - ch-image import: a directory or an archive becomes an image */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/read.h"
#include "archive/unpack.h"
#include "base/auto.h"
#include "base/err.h"
#include "base/log.h"
#include "image.h"
#include "image_signals.h"
#include "oci/ref.h"
#include "store/about.h"
#include "store/draft.h"
#include "store/lock.h"
#include "store/store.h"
#include "sys/tree.h"

/* Sockets and devices are of no use in an image. */
static void left_out(void *data, const char *source, mode_t mode)
{
	(void)mode;
	(*(unsigned long *)data)++;
	ch_log(CH_DEBUG, "left out: '%s'", source);
}

static void warn_left(unsigned long n)
{
	if (n > 0)
		ch_log(CH_WARN, "%lu device files or sockets left out", n);
}

static int copy_dir(int from, int to, struct ch_err *err)
{
	unsigned long n = 0;

	if (ch_tree_copy_all(from, to, CH_TREE_ALL, left_out, &n, err) < 0)
		return err->code;
	warn_left(n);
	return 0;
}

static int unpack(int fd, const char *path, int to, struct ch_err *err)
{
	const struct ch_unpack how = { .root = to, .strip_top = true, .skip_dev = true };
	struct ch_archive_got got;

	if (ch_unpack_archive(fd, path, &how, &got, err) < 0)
		return err->code;
	if (got.members == 0)
		return ch_err_set(err, -EINVAL, "archive '%s' is empty", path);
	warn_left(got.devices);
	return 0;
}

/* What is open as FROM, into the root directory TO of an image */
static int fill(int from, const char *path, int to, struct ch_err *err)
{
	struct stat st;
	int rc;

	if (fstat(from, &st) < 0)
		return ch_err_sys(err, "look at '%s'", path);
	rc = S_ISDIR(st.st_mode) ? copy_dir(from, to, err) : unpack(from, path, to, err);
	return rc < 0 ? rc : ch_about_mount_points(to, err);
}

/* Nothing is in DRAFT so far. */
static int import(struct ch_draft *draft, int from, const char *path, bool no_xattrs,
		  struct ch_err *err)
{
	if (fill(from, path, draft->root, err) < 0 ||
	    (no_xattrs && ch_tree_strip(draft->root, err) < 0))
		return err->code;
	return ch_draft_commit(draft, err);
}

int ch_image_import(void *settings, int argc, char **argv, struct ch_err *err)
{
	const char *path = argv[0];
	ch_auto(ref) struct ch_ref ref = { 0 };
	ch_auto(store) struct ch_store *store = NULL;
	ch_auto(store_lock) struct ch_store_lock claim = { 0 };
	ch_auto(draft) struct ch_draft draft = CH_DRAFT_INIT;

	(void)argc;
	ch_image_signals_tidy();
	if (ch_ref_parse(argv[1], &ref, err) < 0)
		return err->code;

	ch_auto(fd) int from = open(path, O_RDONLY | O_NOCTTY | O_CLOEXEC);

	if (from < 0)
		return ch_err_sys(err, "open '%s'", path);
	if (ch_image_storage(settings, &store, err) < 0)
		return err->code;
	ch_log(CH_INFO, "importing:    %s", path);
	ch_log(CH_INFO, "destination:  %s", ref.text);
	if (ch_store_claim(store, &ref, &claim, err) < 0 ||
	    ch_draft_new(store, &ref, CH_DRAFT_EMPTY, &draft, err) < 0 ||
	    import(&draft, from, path, ch_image_drops_xattrs(settings), err) < 0)
		return ch_err_in(err, "import");
	ch_log(CH_INFO, "done");
	return 0;
}
