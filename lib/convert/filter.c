/* SPDX-License-Identifier: Apache-2.0 */
#include "convert/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/progress.h"
#include "oci/meta.h"

enum { ENTRY_COST = 512 };

static const char *text_file(int i)
{
	if (i >= CH_FILTER_SIF)
		return ch_sif_files[i - CH_FILTER_SIF];
	return i == CH_FILTER_METADATA ? CH_FILTER_METADATA_PATH : CH_FILTER_CONFIG_PATH;
}

static struct ch_filter *filter_of(struct ch_sink *sink)
{
	return (struct ch_filter *)sink;
}

static bool is_cancelled(const struct ch_filter *f)
{
	return f->how.cancel && atomic_load_explicit(f->how.cancel, memory_order_relaxed);
}

/* ---- limits ------------------------------------------------------------------------------- */

static int check(struct ch_filter *f, const struct ch_entry *e, struct ch_err *err)
{
	uint64_t cost = ENTRY_COST + (!e->link && S_ISREG(e->mode) ? e->size : 0);

	if (is_cancelled(f))
		return ch_err_set(err, -ECANCELED, "interrupted");
	if (cost < ENTRY_COST || __builtin_add_overflow(f->sum, cost, &f->sum) ||
	    (f->how.max && f->sum > f->how.max))
		return ch_err_set(err, -EFBIG,
				  "'%s': with it, the image is larger than %llu bytes "
				  "(--max-size)",
				  e->path, (unsigned long long)f->how.max);
	return 0;
}

/* ---- where metadata goes -------------------------------------------------------------------- */

/* Is PATH the one of DIR, or below it? */
static bool is_in(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return strncmp(path, dir, n) == 0 && (!path[n] || path[n] == '/');
}

/* Is PATH where something is put, or a file where the directory for that has to be? */
static bool is_for_meta(const char *path, bool is_dir)
{
	return (strcmp(path, "ch") == 0 && !is_dir) || is_in(path, CH_FILTER_METADATA_PATH) ||
	       is_in(path, CH_FILTER_CONFIG_PATH) || is_in(path, CH_FILTER_ENVIRONMENT_PATH);
}

/* ---- what is noted ------------------------------------------------------------------------ */

static void note_text(struct ch_filter *f, const struct ch_entry *e)
{
	f->text = -1;
	for (int i = 0; i < CH_FILTER_TEXTS; i++) {
		if (strcmp(e->path, text_file(i)) != 0)
			continue;
		free(f->texts[i]);
		f->texts[i] = NULL;
		f->lens[i] = 0;
		if (e->link || !S_ISREG(e->mode) || e->size > CH_OCI_META_MAX)
			return;
		f->texts[i] = calloc(1, e->size + 1);
		f->lens[i] = f->texts[i] ? e->size : 0;
		f->text = i;
	}
}

static void note(struct ch_filter *f, const struct ch_entry *e)
{
	mode_t type = e->link ? S_IFREG : e->mode & S_IFMT;

	for (int i = 0; ch_about_points[i].path; i++)
		if (strcmp(e->path, ch_about_points[i].path) == 0)
			f->points[i] = type;
	if (!e->path[0])
		f->has_root = true;
	if (is_for_meta(e->path, !e->link && S_ISDIR(e->mode)))
		f->has_place = true;
	note_text(f, e);
}

/* ---- what is left out ---------------------------------------------------------------------- */

static bool is_left(const struct ch_filter *f, const char *path, bool is_dir)
{
	return strncmp(path, "dev/", 4) == 0 || (f->how.has_meta && is_for_meta(path, is_dir));
}

static bool is_device(const struct ch_entry *e)
{
	return !e->link && (S_ISCHR(e->mode) || S_ISBLK(e->mode) || S_ISSOCK(e->mode));
}

/* Is E nothing for the image? It is counted. */
static bool leave(struct ch_filter *f, const struct ch_entry *e)
{
	if (is_device(e)) {
		f->devices++;
		return true;
	}
	if (is_left(f, e->path, !e->link && S_ISDIR(e->mode)))
		return true;
	if (!e->link || !is_left(f, e->link, false))
		return false;
	f->links++;
	return true;
}

/* ---- entries ------------------------------------------------------------------------------ */

/* Keep user.* of the extended attributes. They are put in LIST; NULL: none are wanted. */
static void choose_xattrs(struct ch_entry *e, struct ch_entry_xattr *list)
{
	size_t n = 0;

	for (size_t i = 0; list && i < e->n_xattrs; i++)
		if (strncmp(e->xattrs[i].name, "user.", 5) == 0)
			list[n++] = e->xattrs[i];
	e->xattrs = list;
	e->n_xattrs = n;
}

static int pass(struct ch_filter *f, struct ch_entry e, struct ch_err *err)
{
	bool has_xattrs = e.n_xattrs > 0 && !f->how.no_xattrs;
	ch_auto(mem) struct ch_entry_xattr *list = has_xattrs ? calloc(e.n_xattrs, sizeof(*list))
							      : NULL;

	if (has_xattrs && !list)
		return ch_err_nomem(err);
	choose_xattrs(&e, list);
	if (!S_ISLNK(e.mode))
		e.mode &= ~(mode_t)(S_ISUID | S_ISGID);
	if (S_ISDIR(e.mode))
		e.mode |= S_IRWXU;
	else if (S_ISREG(e.mode))
		e.mode |= S_IRUSR | S_IWUSR;
	return f->to->add(f->to, &e, err);
}

static int add(struct ch_sink *sink, const struct ch_entry *entry, struct ch_err *err)
{
	struct ch_filter *f = filter_of(sink);

	if (check(f, entry, err) < 0)
		return err->code;
	f->skips = leave(f, entry);
	f->text = -1;
	if (f->skips)
		return 0;
	note(f, entry);
	return pass(f, *entry, err);
}

static int data(struct ch_sink *sink, uint64_t off, const void *bytes, size_t len,
		struct ch_err *err)
{
	struct ch_filter *f = filter_of(sink);

	if (is_cancelled(f))
		return ch_err_set(err, -ECANCELED, "interrupted");
	if (f->skips)
		return 0;
	ch_progress_add(f->how.progress, len);
	if (f->text >= 0 && off <= f->lens[f->text] && len <= f->lens[f->text] - off)
		memcpy(f->texts[f->text] + off, bytes, len);
	return f->to->data(f->to, off, bytes, len, err);
}

static int end(struct ch_sink *sink, struct ch_err *err)
{
	(void)sink;
	(void)err;
	return 0;
}

/* ---- from outside ------------------------------------------------------------------------- */

void ch_filter_init(struct ch_filter *f, struct ch_sink *to, const struct ch_filter_how *how)
{
	*f = (struct ch_filter){
		.sink = { add, data, end },
		.to = to,
		.how = *how,
		.text = -1,
	};
}

int ch_filter_put(struct ch_filter *f, const char *path, const void *bytes, size_t len,
		  struct ch_err *err)
{
	const struct ch_entry file = { .path = path, .mode = S_IFREG | 0644, .size = len };

	f->skips = false;
	if (check(f, &file, err) < 0 || pass(f, file, err) < 0)
		return err->code;
	return len > 0 ? data(&f->sink, 0, bytes, len, err) : 0;
}

/* Is the mount point missing, and can it be made? Where a directory is a link, or no directory,
 * it is left as it is. */
static bool is_missing(const struct ch_filter *f, int i)
{
	const char *path = ch_about_points[i].path, *slash = strchr(path, '/');

	if (f->points[i])
		return false;
	for (int up = 0; slash && up < i; up++)
		if (strlen(ch_about_points[up].path) == (size_t)(slash - path) &&
		    strncmp(ch_about_points[up].path, path, (size_t)(slash - path)) == 0)
			return S_ISDIR(f->points[up]);
	return true;
}

int ch_filter_end(struct ch_filter *f, struct ch_err *err)
{
	static const struct ch_entry root = { .path = "", .mode = S_IFDIR | 0755 };

	/* What we add is not what somebody wants to be protected from. */
	f->how.max = 0;
	if (!f->has_root && add(&f->sink, &root, err) < 0)
		return err->code;
	for (int i = 0; ch_about_points[i].path; i++) {
		const struct ch_entry point = {
			.path = ch_about_points[i].path,
			.mode = ch_about_points[i].mode,
		};

		if (is_missing(f, i) && add(&f->sink, &point, err) < 0)
			return err->code;
	}
	if (is_cancelled(f))
		return ch_err_set(err, -ECANCELED, "interrupted");
	return f->to->end(f->to, err);
}

void ch_filter_done(struct ch_filter *f)
{
	for (int i = 0; i < CH_FILTER_TEXTS; i++)
		free(f->texts[i]);
	*f = (struct ch_filter){ 0 };
}
