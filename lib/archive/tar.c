/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/tar.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "archive/entry.h"
#include "archive/output.h"
#include "base/analyser.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"

enum {
	BLOCK = 512,
	/* What readers put up with: Go's archive/tar has this limit. */
	PAX_MAX = 1024 * 1024,
};

/* The largest number in a field of 12 bytes: 11 octal digits and NUL */
#define FIELD_MAX 077777777777

/* POSIX.1-2001, pax(1), "ustar Interchange Format" */
struct header {
	char name[100];
	char mode[8], uid[8], gid[8];
	char size[12], mtime[12];
	char sum[8];
	char type;
	char link[100];
	char magic[6], version[2];
	char uname[32], gname[32];
	char devmajor[8], devminor[8];
	char prefix[155];
	char pad[12];
};

_Static_assert(sizeof(struct header) == BLOCK, "the header is one block");

struct tar {
	struct ch_sink sink;
	struct ch_output *out;
	unsigned flags;
	uint64_t at, size; /* in the file that was added last */
};

static const char zeros[64 * 1024];

/* ---- blocks -------------------------------------------------------------------------------- */

static int put(struct tar *t, const void *data, size_t len, struct ch_err *err)
{
	return t->out->write(t->out, data, len, err);
}

static int put_zeros(struct tar *t, uint64_t n, struct ch_err *err)
{
	int rc = 0;

	while (rc == 0 && n > 0) {
		size_t len = n < sizeof(zeros) ? (size_t)n : sizeof(zeros);

		rc = put(t, zeros, len, err);
		n -= len;
	}
	return rc;
}

static int put_padding(struct tar *t, uint64_t size, struct ch_err *err)
{
	return put_zeros(t, -size % BLOCK, err);
}

/* End the file that was added last. */
static int end_file(struct tar *t, struct ch_err *err)
{
	uint64_t size = t->size;

	if (put_zeros(t, t->size - t->at, err) < 0)
		return err->code;
	t->at = t->size = 0;
	return put_padding(t, size, err);
}

/* ---- headers ------------------------------------------------------------------------------- */

/* NUMBER in SIZE bytes, octal, with NUL; 0 if it has no place there, since a pax header tells it
 * then. */
static void put_number(char *field, size_t size, uint64_t number)
{
	if (number > FIELD_MAX)
		number = 0;
	field[--size] = '\0';
	while (size > 0) {
		field[--size] = (char)('0' + (number & 7));
		number >>= 3;
	}
}

/* TEXT without NUL, as far as it fits. */
static void put_text(char *field, size_t size, const char *text)
{
	memcpy(field, text, strnlen(text, size));
}

static int put_header(struct tar *t, struct header *h, struct ch_err *err)
{
	unsigned sum = 0;

	put_number(h->uid, sizeof(h->uid), 0);
	put_number(h->gid, sizeof(h->gid), 0);
	memcpy(h->magic, "ustar", sizeof(h->magic));
	memcpy(h->version, "00", sizeof(h->version));
	put_number(h->devmajor, sizeof(h->devmajor), 0);
	put_number(h->devminor, sizeof(h->devminor), 0);
	memset(h->sum, ' ', sizeof(h->sum));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += ((const unsigned char *)h)[i];
	put_number(h->sum, sizeof(h->sum) - 1, sum);
	return put(t, h, sizeof(*h), err);
}

/* Put NAME into the header's two fields for it; false if it does not fit. */
static bool put_name(struct header *h, const char *name)
{
	size_t len = strlen(name);

	if (len <= sizeof(h->name)) {
		memcpy(h->name, name, len);
		return true;
	}
	/* The first slash that leaves no more than fits; the last byte of a directory's name is
	 * one, but not such a one. */
	for (const char *slash = name + len - sizeof(h->name) - 1; *slash; slash++) {
		if (*slash != '/' || slash == name || !slash[1])
			continue;
		if ((size_t)(slash - name) > sizeof(h->prefix))
			return false;
		memcpy(h->prefix, name, (size_t)(slash - name));
		put_text(h->name, sizeof(h->name), slash + 1);
		return true;
	}
	return false;
}

/* ---- pax headers --------------------------------------------------------------------------- */

/* "LENGTH KEY=VALUE\n", where LENGTH is that of all of it. */
static void add_record(struct ch_buf *pax, const char *key, const char *name, const void *value,
		       size_t len)
{
	char digits[24];
	size_t rest = strlen(key) + strlen(name) + len + 3, all = rest, n;

	/* Its own digits count, too. */
	do {
		n = all;
		all = rest + (size_t)snprintf(digits, sizeof(digits), "%zu", n);
	} while (all != n);
	ch_buf_addf(pax, "%s %s%s=", digits, key, name);
	ch_buf_add(pax, value, len);
	ch_buf_adds(pax, "\n");
}

static void add_text(struct ch_buf *pax, const char *key, const char *text)
{
	add_record(pax, key, "", text, strlen(text));
}

static void add_time(struct ch_buf *pax, const struct timespec *time)
{
	long long sec = time->tv_sec;
	long nsec = time->tv_nsec;
	const char *sign = "";
	char text[64];

	if (sec < 0) {
		sign = "-";
		sec = -sec;
		if (nsec > 0) {
			sec--;
			nsec = 1000000000 - nsec;
		}
	}
	int len = snprintf(text, sizeof(text), "%s%lld.%09ld", sign, sec, nsec);

	while (text[len - 1] == '0')
		len--;
	if (text[len - 1] == '.')
		len--;
	add_record(pax, "mtime", "", text, (size_t)len);
}

static bool is_utf8(const char *text)
{
	while (*text) {
		uint32_t c;
		size_t len = ch_text_character(text, &c);

		if (len == 0)
			return false;
		text += len;
	}
	return true;
}

/* What the header H of the entry E cannot tell. NAME and LINK are NULL if it can. */
static void fill_pax(struct ch_buf *pax, const struct ch_entry *e, const struct timespec *mtime,
		     const char *name, const char *link)
{
	if ((name && !is_utf8(name)) || (link && !is_utf8(link)))
		add_text(pax, "hdrcharset", "BINARY");
	if (name)
		add_text(pax, "path", name);
	if (link)
		add_text(pax, "linkpath", link);
	if (!e->link && S_ISREG(e->mode) && e->size > FIELD_MAX) {
		char text[24];

		snprintf(text, sizeof(text), "%llu", (unsigned long long)e->size);
		add_text(pax, "size", text);
	}
	if (mtime->tv_nsec || mtime->tv_sec < 0 || mtime->tv_sec > FIELD_MAX)
		add_time(pax, mtime);
	for (size_t i = 0; !e->link && i < e->n_xattrs; i++)
		add_record(pax, "SCHILY.xattr.", e->xattrs[i].name, e->xattrs[i].value,
			   e->xattrs[i].len);
}

static int put_pax(struct tar *t, const struct ch_buf *pax, const char *path, struct ch_err *err)
{
	struct header h = { .name = "././@PaxHeader", .type = 'x' };

	if (ch_buf_bad(pax))
		return ch_err_set(err, -E2BIG, "archive '/%s': too many extended attributes", path);
	if (pax->len == 0)
		return 0;
	put_number(h.mode, sizeof(h.mode), 0644);
	put_number(h.size, sizeof(h.size), pax->len);
	put_number(h.mtime, sizeof(h.mtime), 0);
	if (put_header(t, &h, err) < 0 || put(t, pax->data, pax->len, err) < 0)
		return err->code;
	return put_padding(t, pax->len, err);
}

/* ---- entries ------------------------------------------------------------------------------- */

static char type_of(const struct ch_entry *e)
{
	if (e->link)
		return '1';
	switch (e->mode & S_IFMT) {
	case S_IFREG:
		return '0';
	case S_IFLNK:
		return '2';
	case S_IFDIR:
		return '5';
	case S_IFIFO:
		return '6';
	default:
		return 0;
	}
}

/* "./PATH", malloc'ed; of directories with a "/" at the end, so that the root is "./". */
static char *name_of(const char *path, bool is_dir)
{
	char *name = NULL;

	return asprintf(&name, "./%s%s", path, is_dir && *path ? "/" : "") < 0 ? NULL : name;
}

static mode_t mode_of(const struct tar *t, const struct ch_entry *e)
{
	return e->mode & (t->flags & CH_TAR_NO_SETID ? 01777 : 07777);
}

/* The entry E is called NAME; LINK is what it leads to, if it is a link. */
static int put_entry(struct tar *t, const struct ch_entry *e, const char *name, const char *link,
		     struct ch_err *err)
{
	ch_auto(buf) struct ch_buf pax = CH_BUF_INIT(PAX_MAX);
	struct timespec mtime = e->mtime;
	struct header h = { .type = type_of(e) };
	bool is_file = h.type == '0';
	bool has_name = put_name(&h, name), has_link = !link || strlen(link) <= sizeof(h.link);

	if (!h.type)
		return ch_err_set(err, -EINVAL, "archive '/%s': not a type for archives", e->path);
	if (t->flags & CH_TAR_SECONDS)
		mtime.tv_nsec = 0;
	if (link)
		put_text(h.link, sizeof(h.link), link);
	if (!has_name)
		put_text(h.name, sizeof(h.name), name);
	put_number(h.mode, sizeof(h.mode), mode_of(t, e));
	put_number(h.size, sizeof(h.size), is_file ? e->size : 0);
	put_number(h.mtime, sizeof(h.mtime), mtime.tv_sec < 0 ? 0 : (uint64_t)mtime.tv_sec);
	fill_pax(&pax, e, &mtime, has_name ? NULL : name, has_link ? NULL : link);
	if (put_pax(t, &pax, e->path, err) < 0)
		return err->code;
	t->size = is_file ? e->size : 0;
	return put_header(t, &h, err);
}

static int tar_add(struct ch_sink *sink, const struct ch_entry *e, struct ch_err *err)
{
	struct tar *t = (struct tar *)sink;
	ch_auto(str) char *name = name_of(e->path, !e->link && S_ISDIR(e->mode));
	ch_auto(str) char *first = e->link ? name_of(e->link, false) : NULL;

	if (!name || (e->link && !first))
		return ch_err_nomem(err);
	if (end_file(t, err) < 0)
		return err->code;
	return put_entry(t, e, name, e->link ? first : S_ISLNK(e->mode) ? e->target : NULL, err);
}

static int tar_data(struct ch_sink *sink, uint64_t off, const void *data, size_t len,
		    struct ch_err *err)
{
	struct tar *t = (struct tar *)sink;

	if (off < t->at || off > t->size || len > t->size - off)
		return ch_err_set(err, -EINVAL, "archive: contents that are no part of a file");
	if (put_zeros(t, off - t->at, err) < 0)
		return err->code;
	t->at = off + len;
	return put(t, data, len, err);
}

static int tar_end(struct ch_sink *sink, struct ch_err *err)
{
	struct tar *t = (struct tar *)sink;

	return end_file(t, err) < 0 ? err->code : put_zeros(t, 2 * BLOCK, err);
}

CH_MOVES_BEGIN
int ch_tar_new(struct ch_output *out, unsigned flags, struct ch_sink **ret_sink, struct ch_err *err)
{
	struct tar *t = calloc(1, sizeof(*t));

	if (!t)
		return ch_err_nomem(err);
	t->sink = (struct ch_sink){ tar_add, tar_data, tar_end };
	t->out = out;
	t->flags = flags;
	*ret_sink = &t->sink;
	return 0;
}
CH_MOVES_END

void ch_tar_free(struct ch_sink *sink)
{
	free(sink);
}
