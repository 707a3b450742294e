/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "oci/manifest.h"
#include "oci/ref.h"
#include "store/draft.h"
#include "store/inner.h"
#include "store/lock.h"
#include "store/noted.h"
#include "sys/rmtree.h"
#include "unit.h"

static bool cannot_exchange;

/* As the C library's, but for file systems without RENAME_EXCHANGE. */
int renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags)
{
	if (flags == RENAME_EXCHANGE && cannot_exchange) {
		errno = EINVAL;
		return -1;
	}
	return (int)syscall(SYS_renameat2, from_dir, from, to_dir, to, flags);
}

/* Containers of others on this machine are not this test's: those of image_spare.bats are. */
static bool is_mounted;

bool ch_store_is_mounted(const char *tree)
{
	(void)tree;
	return is_mounted;
}

static char place[] = "/tmp/test_store.XXXXXX";
static char path[PATH_MAX];
static struct ch_buf notes = CH_BUF_INIT(65536);

static void note(enum ch_level level, const char *line, void *data)
{
	(void)level;
	ch_buf_addf(data, "%s\n", line);
}

static const struct ch_store_options options = {
	.path = path,
	.teller = { note, &notes },
};

static int set_up_all(void **state)
{
	(void)state;
	return mkdtemp(place) ? 0 : -1;
}

static int tear_down_all(void **state)
{
	(void)state;
	return rmdir(place);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/store", place);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	ch_auto(fd) int top = open(place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct ch_err err;

	ch_buf_done(&notes);
	notes = CH_BUF_INIT(65536);
	return ch_rmtree(top, "store", &err);
}

static struct ch_store *open_it(void)
{
	struct ch_store *store = NULL;
	struct ch_err err;

	if (ch_store_open(&options, &store, &err) < 0)
		fail_msg("%s", err.msg);
	return NOT_NULL(store);
}

static int open_fails(const char *reason)
{
	ch_auto(store) struct ch_store *store = NULL;
	struct ch_err err = { 0 };
	int rc = ch_store_open(&options, &store, &err);

	if (rc == 0 || !strstr(err.msg, reason))
		fail_msg("%d: %s", rc, err.msg);
	return rc;
}

static void put(int dir, const char *name, const char *text)
{
	ch_auto(fd) int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_true(dprintf(fd, "%s", text) >= 0);
}

static bool has(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static struct ch_ref parse(const char *text)
{
	struct ch_ref ref = { 0 };
	struct ch_err err;

	assert_int_equal(ch_ref_parse(text, &ref, &err), 0);
	return ref;
}

/* As ch-image does it. */
static int delete (struct ch_store *store, const struct ch_ref *ref, struct ch_err *err)
{
	ch_auto(store_lock) struct ch_store_lock claim = { 0 }, lock = { 0 };

	if (ch_store_claim(store, ref, &claim, err) < 0 ||
	    ch_store_lock(store, ref, &lock, err) < 0)
		return err->code;
	return ch_store_delete(store, ref, err);
}

/* Make the image NAME, with a file FILE. */
static void make(struct ch_store *store, const char *name, const char *file)
{
	ch_auto(ref) struct ch_ref ref = parse(name);
	ch_auto(store_lock) struct ch_store_lock claim = { 0 };
	ch_auto(draft) struct ch_draft draft = CH_DRAFT_INIT;
	struct ch_err err;

	assert_int_equal(ch_store_claim(store, &ref, &claim, &err), 0);
	assert_int_equal(ch_draft_new(store, &ref, CH_DRAFT_EMPTY, &draft, &err), 0);
	put(draft.root, file, "");
	if (ch_draft_commit(&draft, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(has(draft.root, file));
}

static size_t count(const struct ch_store *store, const char *name)
{
	ch_auto(store_names) struct ch_store_names names = { 0 };
	struct ch_err err;
	size_t n = 0;

	assert_int_equal(ch_store_list(store, &names, &err), 0);
	for (size_t i = 0; i < names.n; i++)
		n += !name || strcmp(names.list[i], name) == 0;
	return n;
}

/* How many entries has the directory NAME of storage? */
static size_t entries(const char *name)
{
	char dir[PATH_MAX + 16];
	size_t n = 0;

	snprintf(dir, sizeof(dir), "%s/%s", path, name);

	ch_auto(dir) DIR *stream = opendir(dir);
	const struct dirent *e;

	while ((e = readdir(NOT_NULL(stream))))
		n += e->d_name[0] != '.';
	return n;
}

/* ---- opening ------------------------------------------------------------------------------- */

static void is_made_private_and_opened_again(void **state)
{
	(void)state;
	struct stat st;

	for (int i = 0; i < 2; i++) {
		ch_auto(store) struct ch_store *store = open_it();

		assert_int_equal(count(store, NULL), 0);
	}
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void what_is_not_ours_is_left_alone(void **state)
{
	(void)state;

	assert_int_equal(mkdir(path, 0700), 0);

	ch_auto(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	put(fd, "version", "7\n");
	assert_int_equal(open_fails("Charliecloud's ch-image (version 7)"), -EEXIST);
	put(fd, "version", "charlie storage 99\n");
	assert_int_equal(open_fails("of version 99"), -EPROTO);
	put(fd, "version", "something\n");
	assert_int_equal(open_fails("is not storage of ch-image"), -EEXIST);
	assert_int_equal(unlinkat(fd, "version", 0), 0);
	put(fd, "file", "");
	assert_int_equal(open_fails("is not storage of ch-image"), -EEXIST);
	assert_int_equal(entries(""), 1);
	/* What a killed maker leaves is no obstacle. */
	assert_int_equal(unlinkat(fd, "file", 0), 0);
	put(fd, "version.new", "char");
	ch_store_close(open_it());
}

static void what_others_can_change_is_refused(void **state)
{
	(void)state;
	char target[PATH_MAX + 8];

	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chmod(path, 0770), 0);
	assert_int_equal(open_fails("others may write to it"), -EPERM);
	assert_int_equal(chmod(path, 0700), 0);
	ch_store_close(open_it());
	snprintf(target, sizeof(target), "%s/img", path);
	assert_int_equal(chmod(target, 0777), 0);
	assert_int_equal(open_fails("img: others may write to it"), -EPERM);
	assert_int_equal(chmod(target, 0700), 0);
	snprintf(target, sizeof(target), "%s.real", path);
	assert_int_equal(rename(path, target), 0);
	assert_int_equal(symlink(target, path), 0);
	assert_int_equal(open_fails("it is a symbolic link"), -ENOTDIR);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rename(target, path), 0);
}

static void reset_begins_anew(void **state)
{
	(void)state;
	struct ch_err err;
	struct ch_store *store = open_it();

	make(store, "a", "file");
	ch_auto(fd) int fd = ch_store_dir(store, "bucache", &err);

	put(fd, "object", "");

	ch_auto(ref) struct ch_ref ref = parse("a");
	ch_auto(fd) int image = ch_store_read(store, &ref, &err);

	ch_store_close(store);
	assert_int_equal(ch_store_reset(&options, &err), 0);
	/* Who reads keeps what it has, here, too. */
	assert_true(has(image, "file"));
	ch_close(&image);
	store = open_it();
	assert_int_equal(entries("tmp"), 0);
	assert_int_equal(count(store, NULL), 0);
	assert_false(has(fd, "object"));
	ch_store_close(store);
}

/* ---- images ------------------------------------------------------------------------------- */

static void images_are_made_replaced_and_deleted(void **state)
{
	(void)state;
	ch_auto(store) struct ch_store *store = open_it();
	ch_auto(ref) struct ch_ref ref = parse("h:80/a/b:c");
	struct ch_err err;

	make(store, "b", "one");
	make(store, "h:80/a/b:c", "one");
	assert_int_equal(count(store, NULL), 2);
	assert_int_equal(count(store, "h:80/a/b:c"), 1);

	ch_auto(fd) int fd = ch_store_read(store, &ref, &err);

	make(store, "h:80/a/b:c", "two");
	assert_int_equal(count(store, NULL), 2);
	/* Who reads keeps what it has. */
	assert_true(has(fd, "one"));
	assert_int_equal(entries("tmp"), 1);
	ch_close(&fd);
	fd = ch_store_read(store, &ref, &err);
	assert_true(has(fd, "two") && !has(fd, "one"));
	ch_close(&fd);

	assert_int_equal(delete (store, &ref, &err), 0);
	assert_int_equal(delete (store, &ref, &err), -ENOENT);
	assert_int_equal(ch_store_read(store, &ref, &err), -ENOENT);
	assert_int_equal(count(store, NULL), 1);
	assert_int_equal(entries("locks"), 0);

	/* The next one removes what was read. */
	ch_store_close(ch_take(store));
	store = open_it();
	assert_int_equal(entries("tmp"), 0);
}

static void what_is_not_committed_goes(void **state)
{
	(void)state;
	ch_auto(store) struct ch_store *store = open_it();
	ch_auto(ref) struct ch_ref ref = parse("a");
	struct ch_err err;

	{
		ch_auto(draft) struct ch_draft draft = CH_DRAFT_INIT;

		assert_int_equal(ch_draft_new(store, &ref, CH_DRAFT_EMPTY, &draft, &err), 0);
		put(draft.root, "file", "");
		assert_int_equal(mkdirat(draft.root, "dir", 0), 0);
		assert_int_equal(entries("tmp"), 1);
	}
	assert_int_equal(entries("tmp"), 0);
	assert_int_equal(count(store, NULL), 0);
}

/* Begin with the spare: the file that it should have, if there should be one. */
static struct ch_draft begin_with_spare(struct ch_store *store, const struct ch_ref *ref,
					const char *file)
{
	struct ch_draft draft = CH_DRAFT_INIT;
	struct ch_err err;

	assert_int_equal(ch_draft_new(store, ref, CH_DRAFT_SPARE, &draft, &err), 0);
	assert_int_equal(draft.is_spare, file != NULL);
	assert_true(!file || has(draft.root, file));
	return draft;
}

static void what_is_replaced_becomes_the_spare(void **state)
{
	(void)state;
	ch_auto(store) struct ch_store *store = open_it();
	ch_auto(ref) struct ch_ref ref = parse("a");
	struct ch_err err;

	make(store, "a", "one");
	{
		ch_auto(draft) struct ch_draft draft = begin_with_spare(store, &ref, NULL);

		put(draft.root, "two", "");
		assert_int_equal(ch_draft_commit(&draft, &err), 0);
		assert_true(has(draft.root, "two"));
	}
	/* Whoever is next gets what was replaced; what is not committed is the next spare. */
	for (int i = 0; i < 2; i++) {
		ch_auto(draft) struct ch_draft draft = begin_with_spare(store, &ref, "one");

		assert_int_equal(entries("tmp"), 1);
	}
	assert_int_equal(entries("tmp"), 0);
	assert_int_equal(count(store, NULL), 1);
	assert_int_equal(ch_store_drop_spare(store, &err), 0);
	assert_int_equal(ch_store_drop_spare(store, &err), 0);

	ch_auto(draft) struct ch_draft draft = begin_with_spare(store, &ref, NULL);
}

static void what_is_read_does_not_become_the_spare(void **state)
{
	(void)state;
	ch_auto(store) struct ch_store *store = open_it();
	ch_auto(ref) struct ch_ref ref = parse("a");
	struct ch_err err;

	make(store, "a", "one");

	ch_auto(fd) int fd = ch_store_read(store, &ref, &err);

	{
		ch_auto(draft) struct ch_draft draft = begin_with_spare(store, &ref, NULL);

		assert_int_equal(ch_draft_commit(&draft, &err), 0);
	}
	assert_true(has(fd, "one"));
	assert_int_equal(entries("tmp"), 1);

	ch_auto(draft) struct ch_draft draft = begin_with_spare(store, &ref, NULL);
}

static void what_is_mounted_does_not_become_the_spare(void **state)
{
	(void)state;
	ch_auto(store) struct ch_store *store = open_it();
	ch_auto(ref) struct ch_ref ref = parse("a");
	struct ch_err err;

	make(store, "a", "one");
	is_mounted = true;
	{
		ch_auto(draft) struct ch_draft draft = begin_with_spare(store, &ref, NULL);

		assert_int_equal(ch_draft_commit(&draft, &err), 0);
	}
	assert_int_equal(entries("tmp"), 1);
	is_mounted = false;
	ch_store_close(open_it());
	assert_int_equal(entries("tmp"), 0);

	ch_auto(draft) struct ch_draft draft = begin_with_spare(store, &ref, NULL);
}

static void there_is_one_spare(void **state)
{
	(void)state;
	ch_auto(store) struct ch_store *store = open_it();
	ch_auto(ref) struct ch_ref a = parse("a");
	ch_auto(ref) struct ch_ref b = parse("b");

	{
		ch_auto(draft) struct ch_draft one = begin_with_spare(store, &a, NULL);
		ch_auto(draft) struct ch_draft two = begin_with_spare(store, &b, NULL);

		put(one.root, "one", "");
		put(two.root, "two", "");
		/* As others' directories may be */
		assert_int_equal(fchmod(one.root, 0), 0);
	}
	assert_int_equal(entries("tmp"), 0);
	{
		ch_auto(draft) struct ch_draft draft = begin_with_spare(store, &a, "one");
		ch_auto(draft) struct ch_draft none = begin_with_spare(store, &b, NULL);
	}
}

/* A file of what is known of a tree goes where that goes. */
static void what_is_known_goes_with_the_files(void **state)
{
	(void)state;
	ch_auto(store) struct ch_store *store = open_it();
	ch_auto(ref) struct ch_ref ref = parse("a");
	struct ch_err err;
	ch_auto(fd) int dir = ch_store_dir(store, CH_DRAFT_STAT, &err);

	for (int i = 0; i < 3; i++) {
		ch_auto(draft) struct ch_draft draft = begin_with_spare(store, &ref,
									i == 2 ? "0" : NULL);
		char name[2] = { (char)('0' + i) };

		assert_int_equal(has(dir, draft.place), i == 2);
		put(draft.root, name, "");
		put(dir, draft.place, name);
		assert_int_equal(ch_draft_commit(&draft, &err), 0);
	}
	/* The image's, and the spare's */
	assert_int_equal(entries(CH_DRAFT_STAT), 2);
	put(dir, "a" CH_DRAFT_STAT_NEW, "");
	assert_int_equal(delete (store, &ref, &err), 0);
	assert_int_equal(ch_store_drop_spare(store, &err), 0);
	assert_int_equal(entries(CH_DRAFT_STAT), 0);
}

/* Let the note of the image "a" say that the machine was started anew since. */
static void restart(void)
{
	char link[PATH_MAX + 16], text[512];
	ssize_t n;
	char *boot;

	snprintf(link, sizeof(link), "%s/at/a", path);
	n = readlink(link, text, sizeof(text) - 8);
	assert_true(n > 0);
	text[n] = '\0';
	boot = NOT_NULL(strrchr(text, ' '));
	snprintf(boot, 8, " other");
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink(text, link), 0);
}

static void what_may_be_damaged_is_not_read(void **state)
{
	(void)state;
	ch_auto(store) struct ch_store *store = open_it();
	ch_auto(ref) struct ch_ref ref = parse("a");
	struct ch_err err;
	bool can_be_lost = true;

	make(store, "a", "file");

	ch_auto(fd) int fd = ch_store_read(store, &ref, &err);

	assert_int_equal(ch_noted_is(store, &ref, "this"), CH_NOTED_ELSE);
	assert_int_equal(ch_noted_put(store, &ref, fd, "this", &can_be_lost, &err), 0);
	assert_int_equal(ch_noted_is(store, &ref, "this"), CH_NOTED_SAME);
	assert_int_equal(ch_noted_is(store, &ref, "that"), CH_NOTED_ELSE);
	if (!can_be_lost)
		return; /* the file system is not this machine's alone */
	restart();
	assert_int_equal(ch_noted_is(store, &ref, "this"), CH_NOTED_IN_DOUBT);
	assert_int_equal(ch_store_read(store, &ref, &err), -ESTALE);

	ch_auto(fd) int looked = ch_store_look(store, &ref, &err);

	assert_true(has(looked, "file"));
	/* Another image of that name is another one. */
	make(store, "a", "file");
	assert_int_equal(ch_noted_is(store, &ref, "this"), CH_NOTED_ELSE);

	ch_auto(fd) int again = ch_store_read(store, &ref, &err);

	assert_true(again >= 0);
}

static struct ch_oci_digests digests_of(char digit)
{
	struct ch_oci_digests digests;

	memset(&digests, 0, sizeof(digests));
	memset(digests.manifest, digit, CH_OCI_DIGEST_SIZE - 1);
	memcpy(digests.manifest, "sha256:", strlen("sha256:"));
	memcpy(digests.config, digests.manifest, sizeof(digests.config));
	return digests;
}

/* The third image has the directory of the first one, which was the spare. */
static void what_was_noted_does_not_come_back(void **state)
{
	(void)state;
	ch_auto(store) struct ch_store *store = open_it();
	ch_auto(ref) struct ch_ref ref = parse("a");
	struct ch_oci_digests digests = digests_of('1');
	struct ch_err err;

	for (int i = 0; i < 3; i++) {
		ch_auto(draft) struct ch_draft draft = begin_with_spare(store, &ref,
									i == 2 ? "0" : NULL);
		char name[2] = { (char)('0' + i) };
		bool can_be_lost = false, is_noted = i == 0;

		put(draft.root, name, "");
		if (is_noted) {
			assert_int_equal(
				ch_noted_put(store, &ref, draft.root, "this", &can_be_lost, &err),
				0);
			assert_int_equal(
				ch_noted_put_digests(store, &ref, draft.root, &digests, &err), 0);
		}
		assert_int_equal(ch_draft_commit(&draft, &err), 0);
		assert_int_equal(ch_noted_is(store, &ref, "this"),
				 is_noted ? CH_NOTED_SAME : CH_NOTED_ELSE);
		assert_int_equal(ch_noted_digests(store, &ref, draft.root, &digests), is_noted);
	}
}

/* What is noted of an image that is about to come is not about the one that is there. */
static void who_is_killed_takes_no_note_with_him(void **state)
{
	(void)state;
	ch_auto(store) struct ch_store *store = open_it();
	ch_auto(ref) struct ch_ref ref = parse("a");
	ch_auto(draft) struct ch_draft draft = CH_DRAFT_INIT;
	struct ch_err err;
	bool can_be_lost = false;

	make(store, "a", "file");

	ch_auto(fd) int fd = ch_store_read(store, &ref, &err);

	assert_int_equal(ch_noted_put(store, &ref, fd, "this", &can_be_lost, &err), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ch_draft_new(store, &ref, CH_DRAFT_EMPTY, &draft, &err), 0);
		assert_int_equal(ch_noted_put(store, &ref, draft.root, "that", &can_be_lost, &err),
				 0);
		assert_int_equal(ch_noted_is(store, &ref, "this"), CH_NOTED_SAME);
		if (i == 0)
			ch_draft_done(&draft);
	}
	assert_int_equal(ch_draft_commit(&draft, &err), 0);
	assert_int_equal(ch_noted_is(store, &ref, "that"), CH_NOTED_SAME);
	assert_int_equal(entries("at"), 1);
}

/* ---- other processes ------------------------------------------------------------------------- */

/* A process that makes image "a", tells so by SIGSTOP, and goes on when it is continued. */
static pid_t make_elsewhere(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct ch_store *store = open_it();
		struct ch_ref ref = parse("a");
		struct ch_store_lock claim = { 0 };
		struct ch_draft draft = CH_DRAFT_INIT;
		struct ch_err err;
		int rc = ch_store_claim(store, &ref, &claim, &err);

		if (rc == 0)
			rc = ch_draft_new(store, &ref, CH_DRAFT_EMPTY, &draft, &err);
		put(draft.root, "elsewhere", "");
		raise(SIGSTOP);
		_exit(rc < 0 || ch_draft_commit(&draft, &err) < 0);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	return pid;
}

static void the_dead_are_cleared_away(void **state)
{
	(void)state;
	pid_t pid = make_elsewhere();

	/* As long as it lives, nobody touches what it makes. */
	ch_store_close(open_it());
	assert_int_equal(entries("tmp"), 1);
	assert_null(notes.data);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ch_store_close(open_it());
	assert_int_equal(entries("tmp"), 0);
	assert_int_equal(entries("locks"), 0);
	assert_string_equal(NOT_NULL(notes.data),
			    "dropped unfinished image 'a': its maker was killed\n");
}

static void the_same_image_waits_and_others_do_not(void **state)
{
	(void)state;
	ch_auto(store) struct ch_store *store = open_it();
	ch_auto(ref) struct ch_ref ref = parse("a");
	pid_t pid = make_elsewhere();
	char wanted[80];
	int status;

	make(store, "b", "file");
	assert_null(notes.data);

	pid_t helper = fork();

	if (helper == 0) {
		usleep(300000);
		kill(pid, SIGCONT);
		_exit(0);
	}
	make(store, "a", "here");
	snprintf(wanted, sizeof(wanted),
		 "waiting: image 'a' is being made or deleted by process %d\n", (int)pid);
	assert_string_equal(NOT_NULL(notes.data), wanted);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	waitpid(helper, NULL, 0);

	struct ch_err err;
	ch_auto(fd) int fd = ch_store_read(store, &ref, &err);

	assert_true(has(fd, "here") && !has(fd, "elsewhere"));
}

/* Who makes an image keeps nobody from putting another one there: a build that needs it as its base
 * must not wait for a build that may wait for that one. */
static void who_claims_nothing_waits_for_no_maker(void **state)
{
	(void)state;
	ch_auto(store) struct ch_store *store = open_it();
	ch_auto(ref) struct ch_ref ref = parse("a");
	pid_t pid = make_elsewhere();
	struct ch_err err;
	int status;

	{
		ch_auto(draft) struct ch_draft draft = CH_DRAFT_INIT;

		assert_int_equal(ch_draft_new(store, &ref, CH_DRAFT_EMPTY, &draft, &err), 0);
		assert_string_equal(draft.place, "a~1");
		put(draft.root, "here", "");
		assert_int_equal(ch_draft_commit(&draft, &err), 0);
	}
	assert_null(notes.data);
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);

	ch_auto(fd) int fd = ch_store_read(store, &ref, &err);

	/* The last one decides. */
	assert_true(has(fd, "elsewhere") && !has(fd, "here"));
	ch_store_close(open_it());
	assert_int_equal(entries("tmp"), 0);
	assert_int_equal(entries("locks"), 0);
}

/* A process that has locked image "a", and tells so by SIGSTOP */
static pid_t lock_elsewhere(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct ch_store *store = open_it();
		struct ch_ref ref = parse("a");
		struct ch_store_lock lock = { 0 };
		struct ch_err err;
		int rc = ch_store_lock(store, &ref, &lock, &err);

		raise(SIGSTOP);
		_exit(rc < 0);
	}
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	return pid;
}

static bool digests_are(const struct ch_store *store, const struct ch_ref *ref, int root,
			char digit)
{
	const struct ch_oci_digests wanted = digests_of(digit);
	struct ch_oci_digests digests;

	return ch_noted_digests(store, ref, root, &digests) &&
	       strcmp(digests.manifest, wanted.manifest) == 0;
}

static void digests_are_noted_without_waiting(void **state)
{
	(void)state;
	ch_auto(store) struct ch_store *store = open_it();
	ch_auto(ref) struct ch_ref ref = parse("a");
	const struct ch_oci_digests one = digests_of('1'), two = digests_of('2');
	struct ch_err err;

	make(store, "a", "file");

	ch_auto(fd) int old = ch_store_look(store, &ref, &err);
	pid_t pid = lock_elsewhere();

	assert_int_equal(ch_noted_try_digests(store, &ref, old, &one, &err), 0);
	assert_false(digests_are(store, &ref, old, '1'));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(ch_noted_try_digests(store, &ref, old, &one, &err), 0);
	assert_true(digests_are(store, &ref, old, '1'));
	/* What comes too late, is about another image. */
	make(store, "a", "file");

	ch_auto(fd) int new = ch_store_look(store, &ref, &err);

	assert_int_equal(ch_noted_try_digests(store, &ref, new, &two, &err), 0);
	assert_int_equal(ch_noted_try_digests(store, &ref, old, &one, &err), 0);
	assert_true(digests_are(store, &ref, new, '2'));
	assert_null(notes.data);
}

static void images_are_replaced_without_an_exchange(void **state)
{
	(void)state;
	ch_auto(store) struct ch_store *store = open_it();
	ch_auto(ref) struct ch_ref ref = parse("a");
	struct ch_err err;

	cannot_exchange = true;
	make(store, "a", "old");
	make(store, "a", "new");
	cannot_exchange = false;

	ch_auto(fd) int fd = ch_store_read(store, &ref, &err);

	assert_true(has(fd, "new") && !has(fd, "old"));
	assert_int_equal(entries("tmp"), 0);
}

static bool at_once(void *data)
{
	(void)data;
	return true;
}

static void waiting_can_be_ended(void **state)
{
	(void)state;
	ch_auto(store) struct ch_store *store = NULL;
	struct ch_store_options impatient = options;
	ch_auto(store_lock) struct ch_store_lock claim = { 0 };
	ch_auto(ref) struct ch_ref ref = parse("a");
	struct ch_err err;
	pid_t pid;

	ch_store_close(open_it());
	pid = make_elsewhere();
	impatient.stop = at_once;
	assert_int_equal(ch_store_open(&impatient, &store, &err), 0);
	assert_int_equal(ch_store_claim(store, &ref, &claim, &err), -EINTR);
	assert_int_equal(delete (store, &ref, &err), -EINTR);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(ch_store_claim(store, &ref, &claim, &err), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(is_made_private_and_opened_again),
		TEST(what_is_not_ours_is_left_alone),
		TEST(what_others_can_change_is_refused),
		TEST(reset_begins_anew),
		TEST(images_are_made_replaced_and_deleted),
		TEST(what_is_not_committed_goes),
		TEST(what_is_replaced_becomes_the_spare),
		TEST(what_is_read_does_not_become_the_spare),
		TEST(what_is_mounted_does_not_become_the_spare),
		TEST(there_is_one_spare),
		TEST(what_is_known_goes_with_the_files),
		TEST(what_may_be_damaged_is_not_read),
		TEST(what_was_noted_does_not_come_back),
		TEST(who_is_killed_takes_no_note_with_him),
		TEST(the_dead_are_cleared_away),
		TEST(the_same_image_waits_and_others_do_not),
		TEST(who_claims_nothing_waits_for_no_maker),
		TEST(waiting_can_be_ended),
		TEST(digests_are_noted_without_waiting),
		TEST(images_are_replaced_without_an_exchange),
	};

	return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
