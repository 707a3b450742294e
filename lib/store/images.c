/* SPDX-License-Identifier: Apache-2.0 */
/* images.c - the images in storage */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "inner.h"
#include "oci/ref.h"
#include "store/store.h"
#include "sys/names.h"

/* How long a reader tries, while somebody replaces the image at the same time: that
 * is a rename. */
enum { TRIES = 1000, PAUSE_US = 1000 };

bool ch_store_has(const struct ch_store *store, const struct ch_ref *ref)
{
	struct stat st;

	return fstatat(store->img, ref->file, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int ch_store_look(const struct ch_store *store, const struct ch_ref *ref, struct ch_err *err)
{
	for (int i = 0; i < TRIES; i++) {
		ch_auto(fd) int fd = openat(store->img, ref->file,
					    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

		if (fd < 0 && errno == ENOENT)
			return ch_err_set(err, -ENOENT, "image '%s' is not in storage '%s'",
					  ref->text, store->path);
		if (fd < 0)
			return ch_err_sys(err, "image '%s' in storage '%s'", ref->text,
					  store->path);
		if (store->no_lock ||
		    (flock(fd, LOCK_SH | LOCK_NB) == 0 && ch_names_is(store->img, ref->file, fd)))
			return ch_take_fd(&fd);
		usleep(PAUSE_US);
	}
	return ch_err_set(err, -EBUSY, "image '%s' is changed by somebody all the time", ref->text);
}

int ch_store_read(const struct ch_store *store, const struct ch_ref *ref, struct ch_err *err)
{
	ch_auto(fd) int fd = ch_store_look(store, ref, err);

	if (fd >= 0 && ch_store_is_in_doubt(store, ref->file, fd))
		return ch_err_set(err, -ESTALE,
				  "image '%s' was made just before the machine stopped, and may be "
				  "damaged: make it again, by 'ch-image build' or 'ch-image pull'",
				  ref->text);
	return ch_take_fd(&fd);
}

/* ---- list -------------------------------------------------------------------------------------
 */

void ch_store_names_done(struct ch_store_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->list[i]);
	free(names->list);
	*names = (struct ch_store_names){ 0 };
}

static int add_name(struct ch_store_names *names, size_t *cap, const char *file, struct ch_err *err)
{
	if (names->n == *cap) {
		size_t more = *cap ? *cap * 2 : 64;
		char **list = reallocarray(names->list, more, sizeof(*list));

		if (!list)
			return ch_err_nomem(err);
		names->list = list;
		*cap = more;
	}
	names->list[names->n] = strdup(file);
	if (!names->list[names->n])
		return ch_err_nomem(err);
	ch_ref_unescape(names->list[names->n++]);
	return 0;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int ch_store_list(const struct ch_store *store, struct ch_store_names *ret_names,
		  struct ch_err *err)
{
	ch_auto(store_names) struct ch_store_names names = { 0 };
	int copy = openat(store->img, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ch_auto(dir) DIR *stream = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	size_t cap = 0;

	if (!stream) {
		ch_err_sys(err, "read '%s/img'", store->path);
		ch_close(&copy);
		return err->code;
	}
	while (errno = 0, (entry = readdir(stream)))
		if (entry->d_name[0] != '.' && add_name(&names, &cap, entry->d_name, err) < 0)
			return err->code;
	if (errno)
		return ch_err_sys(err, "read '%s/img'", store->path);
	if (names.n > 0)
		qsort(names.list, names.n, sizeof(*names.list), compare);
	*ret_names = ch_take(names);
	return 0;
}

/* ---- delete ------------------------------------------------------------------------------------
 */

int ch_store_delete(struct ch_store *store, const struct ch_ref *ref, struct ch_err *err)
{
	if (!ch_store_has(store, ref))
		return ch_err_set(err, -ENOENT, "image '%s' is not in storage '%s'", ref->text,
				  store->path);
	if (ch_store_throw(store, store->img, ref->file, ref->file, err) < 0)
		return err->code;
	ch_store_move_stat(store, ref->file, NULL);
	ch_store_settle_notes(store, ref->file);
	return 0;
}
