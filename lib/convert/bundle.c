/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "archive/name.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "convert/tarindex.h"
#include "sys/mnt.h"

struct ch_bundle {
	int fd; /* borrowed */
	bool is_dir;
	struct ch_tarindex index;
};

int ch_bundle_open(int fd, struct ch_bundle **ret_bundle, struct ch_err *err)
{
	ch_auto(bundle) struct ch_bundle *b = calloc(1, sizeof(*b));
	struct stat st;

	if (!b)
		return ch_err_nomem(err);
	b->fd = fd;
	if (fstat(fd, &st) < 0)
		return ch_err_sys(err, "look at it");
	b->is_dir = S_ISDIR(st.st_mode);
	if (!b->is_dir && ch_tarindex_read(fd, CH_BUNDLE_MEMBERS_MAX, &b->index, err) < 0)
		return err->code;
	*ret_bundle = ch_take(b);
	return 0;
}

void ch_bundle_free(struct ch_bundle *bundle)
{
	if (!bundle)
		return;
	ch_tarindex_done(&bundle->index);
	free(bundle);
}

bool ch_bundle_has(const struct ch_bundle *bundle, const char *name)
{
	if (bundle->is_dir)
		return faccessat(bundle->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
	return ch_tarindex_find(&bundle->index, name) != NULL;
}

/* ---- files -------------------------------------------------------------------------------- */

static int find_in_dir(int dir, const char *name, struct ch_piece *ret_piece, struct ch_err *err)
{
	ch_auto(fd) int fd = ch_open_in_root(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return ch_err_rc(err, fd, "open '%s'", name);
	if (fstat(fd, &st) < 0)
		return ch_err_sys(err, "look at '%s'", name);
	if (!S_ISREG(st.st_mode))
		return ch_err_set(err, -EINVAL, "'%s' is not a file", name);
	*ret_piece = (struct ch_piece){
		.fd = ch_take_fd(&fd),
		.is_ours = true,
		.size = (uint64_t)st.st_size,
	};
	return 0;
}

/* What the link M leads to, as a name of the archive. ret_name: malloc'ed */
static int link_target(const struct ch_tarindex_member *m, char **ret_name, struct ch_err *err)
{
	const char *slash = m->type == '2' ? strrchr(m->name, '/') : NULL, *text = m->target;
	ch_auto(str) char *dir = strndup(m->name, slash ? (size_t)(slash - m->name) : 0);

	if (!dir)
		return ch_err_nomem(err);
	/* "docker save" has links to layers of other images: "../ID/layer.tar". */
	for (char *up; strncmp(text, "../", 3) == 0 && dir[0]; text += 3) {
		up = strrchr(dir, '/');
		*(up ? up : dir) = '\0';
	}
	return ch_name_plain(dir, text, ret_name, err);
}

static int find_in_tar(const struct ch_bundle *b, const char *name, struct ch_piece *ret_piece,
		       struct ch_err *err)
{
	const struct ch_tarindex_member *m = ch_tarindex_find(&b->index, name);
	ch_auto(str) char *target = NULL;

	if (m && m->target) {
		if (link_target(m, &target, err) < 0)
			return err->code;
		m = ch_tarindex_find(&b->index, target);
	}
	if (!m)
		return ch_err_set(err, -ENOENT, "'%s' is not in it", target ? target : name);
	if (m->target || m->type == '5')
		return ch_err_set(err, -EINVAL, "'%s' is not a file", name);
	*ret_piece = (struct ch_piece){ .fd = b->fd, .off = m->off, .size = m->size };
	return 0;
}

int ch_bundle_find(const struct ch_bundle *bundle, const char *name, struct ch_piece *ret_piece,
		   struct ch_err *err)
{
	if (bundle->is_dir)
		return find_in_dir(bundle->fd, name, ret_piece, err);
	return find_in_tar(bundle, name, ret_piece, err);
}

ssize_t ch_piece_read(const struct ch_piece *piece, uint64_t at, void *buf, size_t size,
		      struct ch_err *err)
{
	ssize_t n;

	if (at >= piece->size)
		return 0;
	if (size > piece->size - at)
		size = piece->size - at;
	do
		n = pread(piece->fd, buf, size, (off_t)(piece->off + at));
	while (n < 0 && errno == EINTR);
	return n < 0 ? ch_err_sys(err, "read") : n;
}

int ch_piece_text(const struct ch_piece *piece, size_t max, char **ret_text, size_t *ret_len,
		  struct ch_err *err)
{
	ch_auto(buf) struct ch_buf buf = CH_BUF_INIT(max + 1);
	char part[16384];
	ssize_t n = 0;

	if (piece->size > max)
		return ch_err_set(err, -EFBIG, "longer than %zu bytes", max);
	while (!ch_buf_bad(&buf) &&
	       (n = ch_piece_read(piece, buf.len, part, sizeof(part), err)) > 0)
		ch_buf_add(&buf, part, (size_t)n);
	if (n < 0)
		return err->code;
	*ret_len = buf.len;
	return ch_buf_take(&buf, ret_text) < 0 ? ch_err_nomem(err) : 0;
}

int ch_bundle_text(const struct ch_bundle *bundle, const char *name, size_t max, char **ret_text,
		   size_t *ret_len, struct ch_err *err)
{
	ch_auto(piece) struct ch_piece piece = CH_PIECE_INIT;

	if (ch_bundle_find(bundle, name, &piece, err) < 0)
		return err->code;
	if (ch_piece_text(&piece, max, ret_text, ret_len, err) < 0)
		return ch_err_in(err, "'%s'", name);
	return 0;
}
