/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/read.h"

#include <errno.h>
#include <inttypes.h>
#include <locale.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <archive.h>
#include <archive_entry.h>

#include "feeder.h"
#include "archive/entry.h"
#include "base/analyser.h"
#include "base/auto.h"
#include "base/err.h"
#include "name.h"
#include "stream.h"

/* Returned inside: go on with the next one. */
enum { LEFT_OUT = 2 };

/* What is beyond these is no archive of use. */
enum {
	DEVICES_MAX = 65536, /* each is remembered */
};

struct reader {
	const struct ch_archive *from;
	struct ch_sink *sink;
	struct archive *tar; /* owned */
	struct ch_stream stream;
	struct ch_feeder *feeder; /* owned; reads the stream; NULL: none */
	bool failed;		  /* the stream has; then WHY says why */
	struct ch_err why;
	const char *complaint; /* constant; if more than LEFT bytes come; NULL: they may */
	uint64_t left;
	struct ch_top top;
	void *devices; /* of tsearch(3): paths of those left out, by which links may call them */
	uint64_t sum;  /* of the sizes of files */
	struct ch_archive_got got;
	struct ch_err *err;
};

static void ch_auto_reader(struct reader *r)
{
	if (r->tar)
		archive_read_free(r->tar);
	ch_feeder_stop(r->feeder);
	ch_stream_done(&r->stream);
	ch_top_done(&r->top);
	tdestroy(r->devices, free);
}

/* ---- opening ---------------------------------------------------------------------------- */

/* libarchive converts names that an archive has in UTF-8 to the locale's encoding. */
static locale_t use_utf8(void)
{
	locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);

	if (utf8)
		uselocale(utf8);
	return utf8;
}

static void use_former(locale_t utf8, locale_t former)
{
	uselocale(former);
	if (utf8)
		freelocale(utf8);
}

/* From here on, until the next limit, more are an error. */
#define LIMIT(r, mib, what) limit((r), (uint64_t)(mib) << 20, "more than " #mib " MiB " what)

static void limit(struct reader *r, uint64_t max, const char *complaint)
{
	r->left = max;
	r->complaint = complaint;
}

/* As ch_stream_next. Errors are kept for who hears of them from libarchive. What comes at once may
 * be longer than a limit, and mostly of what is behind. */
static ssize_t next_bytes(struct reader *r, const void **ret_data)
{
	ssize_t n = r->feeder ? ch_feeder_next(r->feeder, ret_data)
			      : ch_stream_next(&r->stream, ret_data);

	if (n < 0)
		r->why = r->stream.err;
	else if (r->complaint && r->left == 0 && n > 0)
		n = ch_err_set(&r->why, -EFBIG, "%s", r->complaint);
	else if (r->complaint)
		r->left -= (uint64_t)n < r->left ? (uint64_t)n : r->left;
	r->failed = n < 0;
	return n;
}

static la_ssize_t more_bytes(struct archive *a, void *data, const void **ret_buf)
{
	struct reader *r = data;
	ssize_t n = next_bytes(r, ret_buf);

	if (n < 0) {
		archive_set_error(a, -(int)n, "%s", r->why.msg);
		return ARCHIVE_FATAL;
	}
	return n;
}

static int open_tar(struct reader *r, bool with_feeder)
{
	if (ch_stream_open(r->from, &r->stream, r->err) < 0)
		return r->err->code;
	if (with_feeder)
		r->feeder = ch_feeder_start(&r->stream);
	r->tar = archive_read_new();
	if (!r->tar)
		return ch_err_nomem(r->err);
	archive_read_support_format_tar(r->tar);
	/* An error is found again by whoever reads. */
	(void)archive_read_open(r->tar, r, NULL, more_bytes, NULL);
	return 0;
}

static int damaged(struct reader *r, const char *what)
{
	const char *why = archive_error_string(r->tar);
	int code = archive_errno(r->tar);

	/* What the stream says is the cause of all else, and has its own words. */
	if (r->failed) {
		*r->err = r->why;
		return r->err->code == -EINVAL ? ch_err_in(r->err, "%s", what) : r->err->code;
	}
	/* Positive numbers are the system's, others libarchive's own. */
	return ch_err_set(r->err, code == ENOMEM ? -ENOMEM : -EINVAL, "%s: %s", what,
			  why ? why : "unknown error");
}

/* ---- names ------------------------------------------------------------------------------ */

/* Names are bytes; what cannot be converted, is UTF-8. */
static const char *either(const char *name, const char *utf8)
{
	return name ? name : utf8;
}

static const char *name_of(struct archive_entry *e)
{
	return either(archive_entry_pathname(e), archive_entry_pathname_utf8(e));
}

static const char *hardlink_of(struct archive_entry *e)
{
	return either(archive_entry_hardlink(e), archive_entry_hardlink_utf8(e));
}

static const char *symlink_of(struct archive_entry *e)
{
	return either(archive_entry_symlink(e), archive_entry_symlink_utf8(e));
}

/* NAME of the archive as a plain path. Returns 1 if it is not in the one top directory. */
static int find_path(struct reader *r, const char *name, bool is_dir, char **ret_path)
{
	if (ch_name_plain(NULL, name, ret_path, r->err) < 0)
		return r->err->code;
	return ch_top_strip(&r->top, *ret_path, is_dir, r->err);
}

/* ---- devices ---------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	return strcmp(a, b);
}

CH_MOVES_BEGIN
static int leave_out(struct reader *r, const char *path)
{
	if (r->got.devices == DEVICES_MAX)
		return ch_err_set(r->err, -E2BIG, "there are more than %d devices", DEVICES_MAX);

	ch_auto(str) char *copy = strdup(path);
	char **found = copy ? tsearch(copy, &r->devices, compare) : NULL;

	if (!found)
		return ch_err_nomem(r->err);
	if (*found == copy)
		copy = NULL;
	r->got.devices++;
	return LEFT_OUT;
}
CH_MOVES_END

/* By its name alone? */
static bool is_in_dev(const struct reader *r, const char *path)
{
	return r->from->skip_dev && strncmp(path, "dev/", 4) == 0;
}

static bool is_left_out(struct reader *r, const char *path)
{
	return is_in_dev(r, path) || tfind(path, &r->devices, compare);
}

/* By that name there is something else now. */
static void no_device(struct reader *r, const char *path)
{
	void *found = tfind(path, &r->devices, compare);
	ch_auto(str) char *copy = found ? *(char **)found : NULL;

	if (copy)
		tdelete(path, &r->devices, compare);
}

/* ---- entries ---------------------------------------------------------------------------- */

static bool is_wanted_xattr(const struct reader *r, const char *name)
{
	return strncmp(name, "user.", 5) == 0 ||
	       (!r->from->no_setid && strcmp(name, "security.capability") == 0);
}

/* ret: malloc'ed; what it points to is E's */
static int find_xattrs(struct reader *r, struct archive_entry *e, struct ch_entry_xattr **ret,
		       size_t *ret_n)
{
	int n = archive_entry_xattr_reset(e);
	ch_auto(mem) struct ch_entry_xattr *all = n > 0 ? calloc((size_t)n, sizeof(*all)) : NULL;
	struct ch_entry_xattr next;
	size_t have = 0;

	if (n > 0 && !all)
		return ch_err_nomem(r->err);
	while (archive_entry_xattr_next(e, &next.name, &next.value, &next.len) == ARCHIVE_OK)
		if (all && have < (size_t)n && is_wanted_xattr(r, next.name))
			all[have++] = next;
	*ret = ch_take(all);
	*ret_n = have;
	return 0;
}

/* Blocks have their places; what is between them are holes. */
static int give_data(struct reader *r, const struct ch_entry *entry)
{
	uint64_t end = 0;
	const void *data;
	la_int64_t at;
	size_t n;
	int rc;

	while ((rc = archive_read_data_block(r->tar, &data, &n, &at)) == ARCHIVE_OK) {
		if (at < 0 || (uint64_t)at < end || n > entry->size ||
		    (uint64_t)at > entry->size - n)
			return ch_err_set(r->err, -EINVAL,
					  "member '%s': parts of it overlap, or are outside",
					  entry->path);
		end = (uint64_t)at + n;
		if (n > 0 && r->sink->data(r->sink, (uint64_t)at, data, n, r->err) < 0)
			return r->err->code;
	}
	if (rc == ARCHIVE_EOF)
		return 0;
	damaged(r, "read");
	return ch_err_in(r->err, "member '%s'", entry->path);
}

static int give_file(struct reader *r, struct ch_entry *entry, struct archive_entry *e)
{
	int64_t size = archive_entry_size(e);
	uint64_t max = r->from->max;

	entry->size = size > 0 ? (uint64_t)size : 0;
	if (__builtin_add_overflow(r->sum, entry->size, &r->sum) || (max && r->sum > max))
		return ch_err_set(r->err, -EFBIG,
				  "member '%s': there are more than %" PRIu64 " bytes", entry->path,
				  max ? max : UINT64_MAX);
	if (r->sink->add(r->sink, entry, r->err) < 0)
		return r->err->code;
	return entry->size > 0 ? give_data(r, entry) : 0;
}

static int give(struct reader *r, struct ch_entry *entry, struct archive_entry *e)
{
	ch_auto(mem) struct ch_entry_xattr *xattrs = NULL;

	no_device(r, entry->path);
	if (!entry->link && find_xattrs(r, e, &xattrs, &entry->n_xattrs) < 0)
		return r->err->code;
	entry->xattrs = xattrs;
	if (S_ISREG(entry->mode) && !entry->link)
		return give_file(r, entry, e);
	return r->sink->add(r->sink, entry, r->err);
}

static mode_t type_of(struct archive_entry *e)
{
	mode_t type = archive_entry_filetype(e);

	switch (type) {
	case AE_IFDIR:
	case AE_IFLNK:
	case AE_IFIFO:
	case AE_IFCHR:
	case AE_IFBLK:
	case AE_IFSOCK:
		return type;
	default:
		return S_IFREG;
	}
}

/* Find out what ENTRY, with its path, is. LINK: for what it refers to. Returns LEFT_OUT if it is
 * nothing for the sink. */
static int describe(struct reader *r, struct archive_entry *e, struct ch_entry *entry, char **link)
{
	const char *name = hardlink_of(e);

	entry->mode = type_of(e) | archive_entry_perm(e);
	if (r->from->no_setid)
		entry->mode &= ~(mode_t)(S_ISUID | S_ISGID);
	entry->mtime.tv_sec = archive_entry_mtime(e);
	entry->mtime.tv_nsec = archive_entry_mtime_nsec(e);
	if (name) {
		int rc = find_path(r, name, false, link);

		entry->link = *link;
		if (rc != 0)
			return rc;
		return is_left_out(r, *link) ? leave_out(r, entry->path) : 0;
	}
	if (S_ISCHR(entry->mode) || S_ISBLK(entry->mode) || S_ISSOCK(entry->mode))
		return leave_out(r, entry->path);
	name = S_ISLNK(entry->mode) ? symlink_of(e) : NULL;
	entry->target = S_ISLNK(entry->mode) && !name ? "" : name;
	return 0;
}

static int take_entry(struct reader *r, struct archive_entry *e)
{
	const char *name = name_of(e);
	bool is_dir = archive_entry_filetype(e) == AE_IFDIR && !hardlink_of(e);
	ch_auto(str) char *path = NULL, *link = NULL;
	int rc;

	if (!name)
		return ch_err_set(r->err, -EINVAL, "a member has no name");
	rc = find_path(r, name, is_dir, &path);
	if (rc != 0 || is_in_dev(r, path))
		return rc;
	r->got.members++;

	struct ch_entry entry = { .path = path };

	rc = describe(r, e, &entry, &link);
	if (rc != 0)
		return rc == LEFT_OUT ? 0 : rc;
	if ((!is_dir && !path[0]) || (link && !link[0]))
		return ch_err_set(r->err, -EINVAL, "a member that is no directory is the root");
	return give(r, &entry, e);
}

/* ---- the whole -------------------------------------------------------------------------- */

/* The next member's headers: longer ones than any tool writes could take all memory. Contents of
 * the last one must have been skipped. */
static int next_header(struct reader *r, struct archive_entry **ret)
{
	int rc;

	LIMIT(r, 4, "of headers are in front of a member");
	rc = archive_read_next_header(r->tar, ret);
	limit(r, 0, NULL);
	return rc;
}

/* What is behind the end of the archive belongs to its hash; and who writes to a pipe would get
 * SIGPIPE. */
static int drain(struct reader *r)
{
	const void *data;
	ssize_t n;

	/* What fills up the last record of a tape is much less. */
	LIMIT(r, 64, "are behind its end");
	do
		n = next_bytes(r, &data);
	while (n > 0);
	return n < 0 ? damaged(r, "behind the last member") : 0;
}

static int read_all(struct reader *r)
{
	struct archive_entry *e;
	int rc;

	if (open_tar(r, true) < 0)
		return r->err->code;
	while ((rc = next_header(r, &e)) == ARCHIVE_OK || rc == ARCHIVE_WARN) {
		rc = take_entry(r, e);
		if (rc != 0)
			return rc;
		/* Not left to what comes next: that takes a cut off archive for its end. */
		if (archive_read_data_skip(r->tar) < ARCHIVE_WARN)
			return damaged(r, "not a tar archive, or damaged");
	}
	if (rc != ARCHIVE_EOF)
		return damaged(r, "not a tar archive, or damaged");
	rc = drain(r);
	if (rc == 0)
		rc = r->sink->end(r->sink, r->err);
	if (rc == 0 && r->from->diff_id)
		ch_hash_end(&r->stream.hash, r->from->diff_id);
	return rc;
}

int ch_archive_read(const struct ch_archive *archive, struct ch_sink *sink,
		    struct ch_archive_got *ret_got, struct ch_err *err)
{
	ch_auto(reader) struct reader r = {
		.from = archive,
		.sink = sink,
		.top.how = archive->strip_top ? CH_TOP_OPEN : CH_TOP_KEEP,
		.err = err,
	};
	locale_t former = uselocale((locale_t)0), utf8 = use_utf8();
	int rc = read_all(&r);

	use_former(utf8, former);
	if (rc < 0)
		return ch_err_in(err, "archive '%s'", archive->name);
	if (rc == 0)
		r.got.bytes = r.stream.bytes;
	*ret_got = r.got;
	return rc;
}

bool ch_archive_is_tar(int fd)
{
	off_t start = lseek(fd, 0, SEEK_CUR);
	const struct ch_archive from = { .fd = fd };
	struct archive_entry *e;
	struct ch_err err;
	ch_auto(reader) struct reader r = { .from = &from, .err = &err };
	int rc = ARCHIVE_FATAL;

	if (start >= 0 && open_tar(&r, false) == 0)
		rc = next_header(&r, &e);
	if (start >= 0)
		(void)lseek(fd, start, SEEK_SET);
	return rc == ARCHIVE_OK || rc == ARCHIVE_WARN;
}
