/* SPDX-License-Identifier: Apache-2.0 */
#include "cache_trees.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "cache/cache.h"
#include "unit.h"

/* ---- a place ---- */

static void enter_below(struct place *place, const char *parent)
{

	place->before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(place->path, sizeof(place->path), "%s/ch-test-cache.XXXXXX", parent);
	assert_non_null(mkdtemp(place->path));
	assert_int_equal(chdir(place->path), 0);
	assert_int_equal(mkdir("storage", 0755), 0);
}

void place_enter(struct place *place)
{
	enter_below(place, "/tmp");
}

void place_enter_memory(struct place *place)
{
	enter_below(place, access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	(void)st;
	(void)type;
	return remove(path);
}

static int open_up(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	(void)st;
	if (type == FTW_D || type == FTW_DNR)
		chmod(path, 0700);
	return 0;
}

void tree_remove(const char *dir)
{
	/* Twice: what is in a directory that could not be read is seen only then. */
	nftw(dir, open_up, 64, FTW_PHYS);
	nftw(dir, open_up, 64, FTW_PHYS);
	nftw(dir, remove_one, 64, FTW_PHYS | FTW_DEPTH);
}

void place_leave(struct place *place)
{
	assert_int_equal(fchdir(place->before), 0);
	close(place->before);
	tree_remove(place->path);
}

/* ---- random trees ---- */

static unsigned pick(unsigned *seed, unsigned n)
{
	*seed = *seed * 1103515245 + 12345;
	return (*seed >> 8) % n;
}

/* Names that are hard for Git, and some that are not. */
static const char *const names[] = {
	"a",	       "b",	      "bin",
	"lib.so",      "lib",	      "lib-x",
	".git",	       ".GIT",	      ".gitignore",
	".gitmodules", "git~1",	      ".g\u200cit",
	"\\x",	       "sp ace",      "\n",
	"\xff\xfe",    ".ch-meta",    ".ch=.git",
	"-rf",	       "%2e%2e",      ".mailmap",
	"HEAD",	       "objects",     ".git.",
	"lib.so.",     "z\u00e4",     "\xef\xbb\xbfg",
	"gi7eba~1",    "config.json", "...",
};

static void fill_file(const char *path, unsigned *seed)
{
	static const unsigned sizes[] = { 0, 1, 100, 5000, 70000, 1 << 20, (1 << 20) + 1 };
	unsigned size = pick(seed, 8) ? sizes[pick(seed, 5)] : sizes[pick(seed, 7)];
	bool is_text = pick(seed, 2);
	/* Links may lead anywhere, and nobody reads the pipes. */
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC,
		      0644);
	FILE *f = fd < 0 ? NULL : NOT_NULL(fdopen(fd, "w"));

	for (unsigned i = 0; f && i < size; i++)
		putc(is_text ? 'a' + (int)pick(seed, 26) : (int)pick(seed, 256), f);
	if (f)
		fclose(f);
}

/* Some permissions, time, and attribute. */
static void decorate(const char *path, unsigned *seed)
{
	static const unsigned modes[] = { 0644, 0755, 0, 0400, 0111, 04755, 02711, 01777, 0600 };
	const struct timespec times[2] = {
		{ .tv_nsec = UTIME_OMIT },
		{ .tv_sec = (time_t)pick(seed, 2000000000) - 100000,
		  .tv_nsec = pick(seed, 1000000000) },
	};
	struct stat st;

	if (lstat(path, &st) < 0)
		return;
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
		if (pick(seed, 4) == 0)
			setxattr(path, "user.kind", path, pick(seed, 3), 0);
		if (pick(seed, 9) == 0)
			setxattr(path, "user.zwei", "\0\1\2", 3, 0);
	}
	if (!S_ISLNK(st.st_mode))
		chmod(path, modes[pick(seed, ARRAY_SIZE(modes))]);
	utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW);
}

struct paths {
	char **list;
	size_t n;
};

static struct paths found; /* nftw(3) takes no data */

static int note_path(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	found.list = NOT_NULL(reallocarray(found.list, found.n + 1, sizeof(char *)));
	found.list[found.n++] = strdup(path);
	return 0;
}

static const char *any_path(unsigned *seed)
{
	return found.list[pick(seed, (unsigned)found.n)];
}

static void forget_paths(void)
{
	for (size_t i = 0; i < found.n; i++)
		free(found.list[i]);
	free(found.list);
	found = (struct paths){ 0 };
}

/* Not a link to one, which may lead out of the tree. */
static bool is_dir(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A new entry in a random directory. */
static void add(unsigned *seed)
{
	char path[4096];
	const char *dir = any_path(seed);

	if (!is_dir(dir))
		return;
	snprintf(path, sizeof(path), "%s/%s", dir, names[pick(seed, ARRAY_SIZE(names))]);
	switch (pick(seed, 10)) {
	case 0:
	case 1:
	case 2:
		if (mkdir(path, 0755) == 0)
			note_path(path, NULL, 0, NULL);
		break;
	case 3:
		(void)!symlink(pick(seed, 2) ? "/nonexistent/file" : "..", path);
		break;
	case 4:
		mkfifo(path, 0644);
		break;
	case 5:
		if (link(any_path(seed), path) == 0)
			note_path(path, NULL, 0, NULL);
		break;
	default:
		if (access(path, F_OK) < 0) {
			fill_file(path, seed);
			note_path(path, NULL, 0, NULL);
		}
	}
}

static void decorate_all(unsigned *seed)
{
	/* Inner ones first: the others' times change by it. */
	for (size_t i = found.n; i-- > 1;)
		decorate(found.list[i], seed);
}

void tree_make(const char *dir, unsigned *seed, int n)
{
	mkdir(dir, 0755);
	note_path(dir, NULL, 0, NULL);
	for (int i = 0; i < n; i++)
		add(seed);
	decorate_all(seed);
	forget_paths();
}

static void change(unsigned *seed)
{
	const char *path = any_path(seed), *dir;
	char other[4096];

	switch (pick(seed, 8)) {
	case 0:
		remove(path);
		break;
	case 1:
		snprintf(other, sizeof(other), "%s.new", path);
		rename(path, other);
		break;
	case 2:
		dir = any_path(seed);
		snprintf(other, sizeof(other), "%s/moved", dir);
		if (is_dir(dir))
			rename(path, other);
		break;
	case 3:
		fill_file(path, seed);
		break;
	case 4:
		decorate(path, seed);
		break;
	default:
		add(seed);
	}
}

void tree_change(const char *dir, unsigned *seed, int n)
{
	nftw(dir, note_path, 64, FTW_PHYS);
	/* The first is the directory itself. */
	for (int i = 0; i < n && found.n > 1; i++)
		change(seed);
	forget_paths();
}

/* ---- compare ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The first path, in the order of names, with the same inode: hard links show by it. */
static const char *first_of(const struct paths *all, size_t i, const struct stat *st)
{
	for (size_t k = 0; k < i; k++) {
		struct stat other;

		if (lstat(all->list[k], &other) == 0 && other.st_ino == st->st_ino)
			return all->list[k];
	}
	return "";
}

static uint64_t hash_content(const char *path, const struct stat *st)
{
	ch_auto(buf) struct ch_buf all = CH_BUF_INIT(64 << 20);
	char room[4096];
	ssize_t n = 0;

	if (S_ISLNK(st->st_mode)) {
		n = readlink(path, room, sizeof(room));
		ch_buf_add(&all, room, (size_t)n);
	} else if (S_ISREG(st->st_mode)) {
		bool is_closed = access(path, R_OK) < 0;

		if (is_closed)
			chmod(path, 0600);

		ch_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (is_closed)
			chmod(path, st->st_mode & 07777);
		while ((n = read(fd, room, sizeof(room))) > 0)
			ch_buf_add(&all, room, (size_t)n);
		assert_int_equal(n, 0);
	}
	return ch_text_hash(all.data ? all.data : "", all.len);
}

static void describe_xattr(const char *path, const char *name, struct ch_buf *to)
{
	char value[256];
	ssize_t len = lgetxattr(path, name, value, sizeof(value));

	if (len >= 0)
		ch_buf_addf(to, " %s=%llx", name,
			    (unsigned long long)ch_text_hash(value, (size_t)len));
}

static void describe_one(const char *dir, const struct paths *all, size_t i, struct ch_buf *to)
{
	const char *path = all->list[i];
	const char *first;
	struct stat st;

	if (lstat(path, &st) < 0) {
		ch_buf_addf(to, "%s: %s\n", path, strerror(errno));
		return;
	}
	first = S_ISDIR(st.st_mode) ? "" : first_of(all, i, &st);
	ch_buf_addf(to, "%s %o %lld.%09ld %llx =%s", path + strlen(dir), st.st_mode,
		    (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
		    (unsigned long long)hash_content(path, &st), *first ? first + strlen(dir) : "");
	describe_xattr(path, "user.kind", to);
	describe_xattr(path, "user.zwei", to);
	ch_buf_adds(to, "\n");
}

char *tree_describe(const char *dir)
{
	ch_auto(buf) struct ch_buf text = CH_BUF_INIT(64 << 20);
	char *out = NULL;

	nftw(dir, note_path, 64, FTW_PHYS);
	qsort(found.list, found.n, sizeof(char *), by_text);
	for (size_t i = 0; i < found.n; i++)
		describe_one(dir, &found, i, &text);
	forget_paths();
	assert_int_equal(ch_buf_take(&text, &out), 0);
	return out;
}

void assert_same_trees(const char *a, const char *b)
{
	ch_auto(str) char *x = tree_describe(a);
	ch_auto(str) char *y = tree_describe(b);

	assert_string_equal(x, y);
}

/* ---- the cache ---- */

bool git_is_content(const char *storage)
{
	char path[256];
	int status;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/" CH_CACHE_DIR, storage);
	pid = fork();
	if (pid == 0) {
		char fatal[] = "GIT_CONFIG_COUNT=0";
		char *env[] = { fatal, NULL };

		dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), 1);
		if (access("/usr/bin/git", X_OK) < 0)
			_exit(0);
		execle("/usr/bin/git", "git", "-c", "safe.directory=*", "-C", path, "fsck",
		       "--full", "--strict", "--no-dangling", NULL, env);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return status == 0;
}

struct ch_cache *cache_open(void)
{
	ch_auto(fd) int storage = open("storage", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct ch_cache *cache = NULL;
	struct ch_err err;

	assert_int_equal(ch_cache_open(storage, NULL, &cache, &err), 0);
	return NOT_NULL(cache);
}

void image_open(const char *dir, struct ch_cache_image *ret_image, char stat_name[64])
{
	mkdir(dir, 0755);
	snprintf(stat_name, 64, "%s.stat", dir);
	*ret_image = (struct ch_cache_image){
		.root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.dir = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.stat_name = stat_name,
	};
	assert_true(ret_image->root >= 0 && ret_image->dir >= 0);
}

void image_done(struct ch_cache_image *image)
{
	close(image->root);
	close(image->dir);
}

int commit_dir(struct ch_cache *cache, const char *dir, const struct ch_oid *parent, int n,
	       struct ch_oid *ret_commit)
{
	struct ch_cache_part part = { &n, sizeof(n) };
	struct ch_cache_image image;
	struct ch_cache_state state;
	char stat_name[64], message[64];
	struct ch_err err = { 0 };

	image_open(dir, &image, stat_name);
	assert_int_equal(ch_cache_state_make(NULL, &part, 1, &state, &err), 0);
	snprintf(message, sizeof(message), "RUN %d", n);

	struct ch_cache_new what = { .parent = parent,
				     .image = &image,
				     .state = &state,
				     .message = message,
				     .config = message };
	int rc = ch_cache_commit(cache, &what, ret_commit, NULL, &err);

	image_done(&image);
	if (rc < 0)
		print_message("commit: %s\n", err.msg);
	return rc;
}

int checkout_dir(struct ch_cache *cache, const char *dir, const struct ch_oid *commit)
{
	struct ch_cache_image image;
	char stat_name[64];
	struct ch_err err = { 0 };

	image_open(dir, &image, stat_name);

	int rc = ch_cache_checkout(cache, commit, &image, NULL, &err);

	image_done(&image);
	if (rc < 0)
		print_message("checkout: %s\n", err.msg);
	return rc;
}
