/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "archive/entry.h"
#include "archive/entry_xattrs.h"
#include "archive/walk.h"
#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "hash/hash.h"
#include "trees.h"
#include "unit.h"

/* ---- a sink that writes down what it gets --------------------------------------------------- */

struct notes {
	struct ch_sink sink;
	struct ch_buf text;
	unsigned fail_at; /* the number of the entry that it does not take; 0: none */
	unsigned n;
};

static int note_entry(struct ch_sink *sink, const struct ch_entry *e, struct ch_err *err)
{
	struct notes *notes = (struct notes *)sink;
	struct ch_buf *to = &notes->text;

	if (++notes->n == notes->fail_at)
		return ch_err_set(err, -EDQUOT, "full");
	ch_buf_addf(to, " [%s]", e->path);
	if (e->link)
		ch_buf_addf(to, "==%s", e->link);
	else if (S_ISLNK(e->mode))
		ch_buf_addf(to, "->%s", e->target);
	else if (S_ISREG(e->mode))
		ch_buf_addf(to, ":%o:%llu", e->mode & 07777, (unsigned long long)e->size);
	else
		ch_buf_addf(to, "%s:%o", S_ISDIR(e->mode) ? "/" : "|", e->mode & 07777);
	for (size_t i = 0; i < e->n_xattrs; i++)
		ch_buf_addf(to, ",%s=%.*s", e->xattrs[i].name, (int)e->xattrs[i].len,
			    (const char *)e->xattrs[i].value);
	return 0;
}

static int note_data(struct ch_sink *sink, uint64_t off, const void *data, size_t len,
		     struct ch_err *err)
{
	struct notes *notes = (struct notes *)sink;

	(void)err;
	ch_buf_addf(&notes->text, "@%llu=%.*s", (unsigned long long)off, len > 9 ? 0 : (int)len,
		    (const char *)data);
	return 0;
}

static struct notes new_notes(void)
{
	return (struct notes){ .sink = { .add = note_entry, .data = note_data },
			       .text = CH_BUF_INIT(1 << 20) };
}

/* ---- walks ----------------------------------------------------------------------------------- */

struct place {
	char path[64];
	int dir;
};

static void begin(struct place *place)
{
	umask(022);
	place->dir = trees_temp(place->path, sizeof(place->path));
	assert_int_equal(fchmod(place->dir, 0755), 0);
}

static void end(const struct place *place)
{
	trees_remove(place->dir, place->path);
}

/* What a walk gives; the caller's. */
static char *walk_text(int dir, const struct ch_walk_how *how, struct ch_walked *ret_walked)
{
	struct notes notes = new_notes();
	char *text = NULL;
	struct ch_err err = { 0 };

	assert_int_equal(ch_walk_entries(dir, how, &notes.sink, ret_walked, &err), 0);
	assert_int_equal(ch_buf_take(&notes.text, &text), 0);
	return text;
}

static void expect(int dir, const struct ch_walk_how *how, const char *wanted)
{
	struct ch_walked walked;
	ch_auto(str) char *text = walk_text(dir, how, &walked);

	assert_string_equal(text, wanted);
}

static void entries_are_sorted_by_bytes_directories_first(void **state)
{
	struct place place;

	(void)state;
	begin(&place);
	trees_make(place.dir, "a/b=1 a-b=22 B=333 \xff=4 l->../../a p|:600 e/:700 a/z==B");

	expect(place.dir, &(struct ch_walk_how){ 0 },
	       " []/:755 [B]:644:3@0=333 [a]/:755 [a/b]:644:1@0=1 [a/z]==B [a-b]:644:2@0=22"
	       " [e]/:700 [l]->../../a [p]|:600 [\xff]:644:1@0=4");
	end(&place);
}

static void links_lead_nowhere(void **state)
{
	struct place place;

	(void)state;
	begin(&place);
	trees_make(place.dir, "out->/nonexistent self->. up->..");

	expect(place.dir, &(struct ch_walk_how){ 0 },
	       " []/:755 [out]->/nonexistent [self]->. [up]->..");
	end(&place);
}

static void holes_are_no_data(void **state)
{
	ch_auto(fd) int fd = -1;
	struct ch_walked walked;
	struct place place;

	(void)state;
	begin(&place);
	fd = openat(place.dir, "f", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(pwrite(fd, "x", 1, 4 << 20), 1);
	assert_int_equal(ftruncate(fd, 1LL << 40), 0);

	ch_auto(str) char *text = walk_text(place.dir, &(struct ch_walk_how){ 0 }, &walked);

	assert_non_null(strstr(text, "[f]:644:1099511627776@4194304="));
	assert_true(walked.bytes <= 1 << 20);
	end(&place);
}

static bool is_left(void *data, const char *path)
{
	return strcmp(path, data) == 0;
}

static void what_is_no_part_is_left_out(void **state)
{
	char name[] = "ch/git";
	const struct ch_walk_how how = { .is_left = is_left, .data = name };
	struct place place;

	(void)state;
	begin(&place);
	trees_make(place.dir, "ch/git/x=1 ch/git2=2 git=3");

	expect(place.dir, &how, " []/:755 [ch]/:755 [ch/git2]:644:1@0=2 [git]:644:1@0=3");
	end(&place);
}

static void devices_and_sockets_are_counted(void **state)
{
	ch_auto(str) char *text = NULL;
	struct ch_walked walked;
	struct place place;

	(void)state;
	begin(&place);
	if (mknodat(place.dir, "s", S_IFSOCK | 0644, 0) < 0 ||
	    mknodat(place.dir, "d", S_IFCHR | 0644, 0x103) < 0) {
		end(&place);
		skip();
	}

	text = walk_text(place.dir, &(struct ch_walk_how){ 0 }, &walked);

	assert_string_equal(text, " []/:755");
	assert_int_equal(walked.entries, 1);
	assert_int_equal(walked.devices, 1);
	assert_int_equal(walked.sockets, 1);
	end(&place);
}

static void extended_attributes_are_those_of_the_file(void **state)
{
	struct place place;
	char path[128];

	(void)state;
	begin(&place);
	trees_make(place.dir, "f=1");
	snprintf(path, sizeof(path), "%s/f", place.path);
	if (setxattr(path, "user.b", "2", 1, 0) < 0 || setxattr(path, "user.a", "", 0, 0) < 0) {
		end(&place);
		skip();
	}
	(void)setxattr(path, "trusted.c", "3", 1, 0);

	expect(place.dir, &(struct ch_walk_how){ 0 }, " []/:755 [f]:644:1,user.a=,user.b=2@0=1");
	expect(place.dir, &(struct ch_walk_how){ .no_xattrs = true }, " []/:755 [f]:644:1@0=1");
	end(&place);
}

/* By a program in a user namespace whose root is user 1000. */
static void capabilities_are_not_those_of_a_namespace(void **state)
{
	static const uint8_t caps[24] = { 1, 0, 0, 3, 0, 4, [20] = 0xe8, 3 };
	struct place place;
	char path[128];

	(void)state;
	begin(&place);
	trees_make(place.dir, "f=");
	snprintf(path, sizeof(path), "%s/f", place.path);
	if (setxattr(path, "security.capability", caps, sizeof(caps), 0) < 0) {
		end(&place);
		skip();
	}

	ch_auto(entry_xattrs) struct ch_entry_xattrs got = { 0 };
	ch_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(ch_entry_xattrs_read(fd, &got), 0);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.list[0].len, 20);
	assert_memory_equal(got.list[0].value, ((uint8_t[]){ 1, 0, 0, 2, 0, 4 }), 6);
	end(&place);
}

/* Root may read everything: then, nobody does it. */
static void own_files_that_are_closed_are_opened_for_the_moment(void **state)
{
	const uid_t user = geteuid() ? geteuid() : 65534;
	struct place place;
	struct stat st;

	(void)state;
	begin(&place);
	assert_int_equal(fchown(place.dir, user, (gid_t)-1), 0);
	assert_int_equal(seteuid(user), 0);
	trees_make(place.dir, "d/f=1:0 d/g/h=2:300 d/g/:0 d/:444");

	expect(place.dir, &(struct ch_walk_how){ 0 },
	       " []/:755 [d]/:444 [d/f]:0:1@0=1 [d/g]/:0 [d/g/h]:300:1@0=2");
	assert_int_equal(fstatat(place.dir, "d", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	assert_int_equal(fchmodat(place.dir, "d", 0755, 0), 0);
	assert_int_equal(fstatat(place.dir, "d/f", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0);
	assert_int_equal(fstatat(place.dir, "d/g", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0);
	assert_int_equal(fchmodat(place.dir, "d/g", 0755, 0), 0);
	(void)!seteuid(getuid());
	end(&place);
}

static void trees_that_are_too_deep_are_refused(void **state)
{
	struct notes notes = new_notes();
	struct ch_walked walked;
	struct place place;
	struct ch_err err;
	int dir;

	(void)state;
	begin(&place);
	dir = dup(place.dir);
	for (int i = 0; i < 600; i++) {
		assert_int_equal(mkdirat(dir, "d", 0755), 0);

		int next = openat(dir, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		close(dir);
		dir = next;
	}
	close(dir);

	assert_int_equal(
		ch_walk_entries(place.dir, &(struct ch_walk_how){ 0 }, &notes.sink, &walked, &err),
		-ENAMETOOLONG);
	ch_buf_done(&notes.text);
	end(&place);
}

static void an_error_of_the_sink_is_the_walks(void **state)
{
	struct notes notes = new_notes();
	struct ch_walked walked;
	struct place place;
	struct ch_err err;

	(void)state;
	begin(&place);
	trees_make(place.dir, "a=1 b=2 c=3");
	notes.fail_at = 3;

	assert_int_equal(
		ch_walk_entries(place.dir, &(struct ch_walk_how){ 0 }, &notes.sink, &walked, &err),
		-EDQUOT);
	assert_string_equal(err.msg, "full");
	assert_int_equal(notes.n, 3);
	ch_buf_done(&notes.text);
	end(&place);
}

/* A change that is as quick as this one may have the same time. */
static void wait_a_moment(void)
{
	usleep(20000);
}

static void get_state(int dir, uint8_t state[CH_SHA256_BYTES])
{
	struct ch_walked walked;
	struct ch_err err = { 0 };

	assert_int_equal(ch_walk_state(dir, &(struct ch_walk_how){ 0 }, state, &walked, &err), 0);
}

static void the_state_changes_with_the_files_alone(void **state)
{
	static const char *const changes[] = { "d/f=2", "new=1", "d/:700", "l->g", "d/sub/" };
	const uid_t user = geteuid() ? geteuid() : 65534;
	uint8_t before[CH_SHA256_BYTES], now[CH_SHA256_BYTES];
	struct place place;

	(void)state;
	begin(&place);
	assert_int_equal(fchown(place.dir, user, (gid_t)-1), 0);
	assert_int_equal(seteuid(user), 0);
	trees_make(place.dir, "d/f=1 closed/f=1:0 closed/:0 same=3:0");
	get_state(place.dir, before);
	for (size_t i = 0; i < ARRAY_SIZE(changes); i++) {
		struct ch_walked walked;

		wait_a_moment();
		free(walk_text(place.dir, &(struct ch_walk_how){ 0 }, &walked));
		get_state(place.dir, now);
		assert_memory_equal(now, before, sizeof(now));
		trees_make(place.dir, changes[i]);
		get_state(place.dir, now);
		assert_memory_not_equal(now, before, sizeof(now));
		memcpy(before, now, sizeof(now));
	}
	(void)!seteuid(getuid());
	end(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_are_sorted_by_bytes_directories_first),
		cmocka_unit_test(links_lead_nowhere),
		cmocka_unit_test(holes_are_no_data),
		cmocka_unit_test(what_is_no_part_is_left_out),
		cmocka_unit_test(devices_and_sockets_are_counted),
		cmocka_unit_test(extended_attributes_are_those_of_the_file),
		cmocka_unit_test(capabilities_are_not_those_of_a_namespace),
		cmocka_unit_test(own_files_that_are_closed_are_opened_for_the_moment),
		cmocka_unit_test(trees_that_are_too_deep_are_refused),
		cmocka_unit_test(an_error_of_the_sink_is_the_walks),
		cmocka_unit_test(the_state_changes_with_the_files_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
