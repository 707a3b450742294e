/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "base/path.h"
#include "base/text.h"
#include "inner.h"
#include "rt/storage.h"
#include "store/draft.h"
#include "sys/names.h"

#define MARKER "charlie storage "

enum { VERSION = 1, VERSION_MAX = 64 };

/* Names that may be there although no version is: its maker was killed. */
static const char lock_file[] = "lock", version_file[] = "version", version_new[] = "version.new";

/* ---- where ------------------------------------------------------------------------------- */

int ch_store_path(const char *option, char **ret_path, struct ch_err *err)
{
	const char *env = getenv("CH_IMAGE_STORAGE");
	char cwd[PATH_MAX] = "";
	int rc;

	if (option && option[0] != '/' && !getcwd(cwd, sizeof(cwd)))
		return ch_err_sys(err, "current directory");
	if (option)
		rc = ch_path_absolute(option, cwd, ret_path, err);
	else if (env && env[0] && env[0] != '/')
		rc = ch_err_set(err, -EINVAL, "CH_IMAGE_STORAGE: '%s' is not absolute", env);
	else if (env && env[0])
		rc = ch_path_absolute(env, "", ret_path, err);
	else
		rc = ch_storage_default(ret_path, err);
	if (rc == 0 && !*ret_path)
		return ch_err_set(err, -ENOENT,
				  "user %u has no name, hence no storage by default: set it with "
				  "--storage",
				  geteuid());
	for (size_t n = rc == 0 ? strlen(*ret_path) : 0; n > 1 && (*ret_path)[n - 1] == '/'; n--)
		(*ret_path)[n - 1] = '\0';
	return rc;
}

/* ---- the marker ---------------------------------------------------------------------------- */

/* Is there nothing in storage but what its maker begins with? Or else it is somebody else's. */
static bool is_blank(int top)
{
	static const char *const known[] = { lock_file, version_new, NULL };

	return ch_names_has_only(top, known);
}

/* The text in the file of the version, a line; "" if there is none. */
static int read_version(const struct ch_store *store, char out[VERSION_MAX], struct ch_err *err)
{
	ch_auto(fd) int fd = openat(store->top, version_file,
				    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, out, VERSION_MAX - 1);

	if ((fd < 0 && errno != ENOENT) || n < 0)
		return ch_err_sys(err, "read '%s/%s'", store->path, version_file);
	out[n] = '\0';
	out[strcspn(out, "\n")] = '\0';
	return 0;
}

static int write_version(const struct ch_store *store, struct ch_err *err)
{
	ch_auto(fd) int fd = openat(store->top, version_new,
				    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0 || dprintf(fd, MARKER "%d\n", VERSION) < 0 || fsync(fd) < 0 ||
	    renameat(store->top, version_new, store->top, version_file) < 0 ||
	    fsync(store->top) < 0)
		return ch_err_sys(err, "make storage '%s'", store->path);
	return 0;
}

/* Is this directory ours? Returns 1 if it is, of any version, 0 if it is blank, or an error. */
static int look_at_version(const struct ch_store *store, char ret_version[VERSION_MAX],
			   struct ch_err *err)
{
	if (read_version(store, ret_version, err) < 0)
		return err->code;
	if (strncmp(ret_version, MARKER, sizeof(MARKER) - 1) == 0)
		return 1;
	if (!ret_version[0] && is_blank(store->top))
		return 0;
	if (ret_version[0] && !ret_version[strspn(ret_version, "0123456789")])
		return ch_err_set(
			err, -EEXIST,
			"'%s' is storage of Charliecloud's ch-image (version %s), and left "
			"as it is; another place for ours: --storage",
			store->path, ret_version);
	return ch_err_set(err, -EEXIST,
			  "'%s' exists, and is not storage of ch-image; another place: --storage",
			  store->path);
}

/* What is there has our marker: but our version, too? */
static int check_version(const struct ch_store *store, const char *version, struct ch_err *err)
{
	long long number = 0;

	(void)ch_text_number(version + sizeof(MARKER) - 1, "version", 0, INT_MAX, &number, err);
	if (number == VERSION)
		return 0;
	return ch_err_set(
		err, -EPROTO,
		"storage '%s' is of version %lld, and this ch-image is for version %d; ch-image "
		"reset empties it, or another place: --storage",
		store->path, number, VERSION);
}

/* ---- open ------------------------------------------------------------------------------------ */

/* Open the directory NAME below DIR for reading, if it is the user's alone. */
static int open_checked(int dir, const char *name, struct ch_err *why)
{
	ch_auto(fd) int fd = ch_storage_open_own(dir, name, why);
	int readable;

	if (fd == -ENOENT)
		return ch_err_set(why, -ENOENT, "%s", strerrordesc_np(ENOENT));
	if (fd < 0)
		return fd;
	readable = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return readable < 0 ? ch_err_sys(why, "open directory '%s'", name) : readable;
}

/* 0700: set-user-ID programs in images are not for others. */
static int open_top(struct ch_store *store, struct ch_err *err)
{
	if (mkdir(store->path, 0700) < 0 && errno != EEXIST)
		return ch_err_sys(err, "make storage '%s'", store->path);
	store->top = open_checked(AT_FDCWD, store->path, err);
	if (store->top < 0)
		return ch_err_in(err, "storage '%s' cannot be used", store->path);
	return 0;
}

bool ch_store_has_locks(const struct ch_store *store)
{
	return !store->no_lock;
}

int ch_store_dir(struct ch_store *store, const char *name, struct ch_err *err)
{
	int fd;

	if (mkdirat(store->top, name, 0700) < 0 && errno != EEXIST)
		return ch_err_sys(err, "make '%s/%s'", store->path, name);
	fd = open_checked(store->top, name, err);
	if (fd < 0)
		return ch_err_in(err, "storage '%s' cannot be used: its directory %s", store->path,
				 name);
	return fd;
}

static int open_dirs(struct ch_store *store, struct ch_err *err)
{
	store->img = ch_store_dir(store, "img", err);
	if (store->img >= 0)
		store->tmp = ch_store_dir(store, "tmp", err);
	if (store->tmp >= 0)
		store->locks = ch_store_dir(store, "locks", err);
	if (store->locks >= 0)
		store->stat = ch_store_dir(store, CH_DRAFT_STAT, err);
	return store->stat < 0 ? err->code : 0;
}

/* Lock the whole storage by HOW. The file may be made: what is there is blank, or ours. */
static int lock_all(struct ch_store *store, int how, struct ch_err *err)
{
	if (store->no_lock)
		return 0;
	if (store->lock < 0)
		store->lock = openat(store->top, lock_file,
				     O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (store->lock < 0)
		return ch_err_sys(err, "lock '%s/%s'", store->path, lock_file);
	return ch_store_flock(store, store->lock, how,
			      how == LOCK_SH ? "somebody makes or resets storage"
					     : "somebody else uses storage",
			      err);
}

/* If it is blank, make it ours, unless somebody else does at the same time. */
static int mark(struct ch_store *store, char version[VERSION_MAX], struct ch_err *err)
{
	int rc = look_at_version(store, version, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	if (lock_all(store, LOCK_EX, err) < 0)
		return err->code;
	rc = look_at_version(store, version, err);
	if (rc == 0)
		rc = write_version(store, err);
	return rc < 0 ? rc : read_version(store, version, err);
}

static struct ch_store *new_store(const struct ch_store_options *options)
{
	struct ch_store *store = malloc(sizeof(*store));

	if (!store)
		return NULL;
	*store = (struct ch_store){
		.path = strdup(options->path),
		.no_lock = options->no_lock,
		.waiter = { .teller = options->teller,
			    .stop = options->stop,
			    .data = options->data },
		.top = -1,
		.img = -1,
		.tmp = -1,
		.locks = -1,
		.stat = -1,
		.lock = -1,
	};
	return store;
}

/* What resetting and using it have in common. */
static int open_marked(const struct ch_store_options *options, struct ch_store **ret_store,
		       char version[VERSION_MAX], struct ch_err *err)
{
	ch_auto(store) struct ch_store *store = new_store(options);

	if (!store || !store->path)
		return ch_err_nomem(err);
	if (open_top(store, err) < 0 || mark(store, version, err) < 0)
		return err->code;
	*ret_store = ch_take(store);
	return 0;
}

int ch_store_open(const struct ch_store_options *options, struct ch_store **ret_store,
		  struct ch_err *err)
{
	ch_auto(store) struct ch_store *store = NULL;
	char version[VERSION_MAX];

	if (open_marked(options, &store, version, err) < 0 || !store ||
	    check_version(store, version, err) < 0 || lock_all(store, LOCK_SH, err) < 0 ||
	    open_dirs(store, err) < 0)
		return err->code;
	if (!store->no_lock && ch_store_sweep(store, err) < 0)
		return err->code;
	*ret_store = ch_take(store);
	return 0;
}

void ch_store_close(struct ch_store *store)
{
	if (!store)
		return;
	ch_close(&store->stat);
	ch_close(&store->locks);
	ch_close(&store->tmp);
	ch_close(&store->img);
	ch_close(&store->lock);
	ch_close(&store->top);
	free(store->path);
	free(store);
}

const char *ch_store_where(const struct ch_store *store)
{
	return store->path;
}

/* ---- reset --------------------------------------------------------------------------------------
 */

/* Throw away what is in the directory DIR, but for what KEPT names (ends with NULL): first out of
 * the way, by a rename, then removed: nobody sees half an image. */
static int throw_all(const struct ch_store *store, int dir, const char *const *kept,
		     struct ch_err *err)
{
	ch_auto(names) struct ch_names names = { 0 };
	int rc = ch_names_list(dir, &names);

	if (rc < 0)
		return ch_err_rc(err, rc, "read '%s'", store->path);
	for (size_t i = 0; i < names.n; i++) {
		const char *name = names.list[i];
		bool is_kept = name[0] == '.';

		for (size_t k = 0; kept[k]; k++)
			is_kept |= strcmp(name, kept[k]) == 0;
		if (!is_kept && ch_store_throw(store, dir, name, name, err) < 0)
			return err->code;
	}
	return 0;
}

/* Images one by one: who reads one, or has it in a container, keeps it. */
static int empty(struct ch_store *store, struct ch_err *err)
{
	static const char *const kept[] = { lock_file, version_file, "img", "tmp", "locks", NULL };

	store->img = ch_store_dir(store, "img", err);
	if (store->img >= 0)
		store->tmp = ch_store_dir(store, "tmp", err);
	if (store->tmp >= 0)
		store->locks = ch_store_dir(store, "locks", err);
	if (store->locks < 0 ||
	    throw_all(store, store->img, (const char *const[]){ NULL }, err) < 0 ||
	    throw_all(store, store->top, kept, err) < 0)
		return err->code;
	return ch_store_sweep(store, err);
}

int ch_store_reset(const struct ch_store_options *options, struct ch_err *err)
{
	ch_auto(store) struct ch_store *store = NULL;
	char version[VERSION_MAX];

	if (open_marked(options, &store, version, err) < 0 || !store ||
	    lock_all(store, LOCK_EX, err) < 0 || empty(store, err) < 0)
		return err->code;
	return write_version(store, err);
}
