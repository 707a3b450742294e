/* SPDX-License-Identifier: Apache-2.0 */
/* Trees that somebody else has made. */
#include "cache/files.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/buf.h"
#include "base/err.h"
#include "cache/dirmeta.h"
#include "cache/name.h"
#include "cache/odb.h"
#include "cache/press.h"
#include "cache/repo.h"
#include "cache/write.h"
#include "cache_trees.h"
#include "unit.h"

static int enter(void **state)
{
	static struct place place;

	place_enter(&place);
	*state = &place;
	return 0;
}

static int leave(void **state)
{
	place_leave(*state);
	return 0;
}

/* ---- names ---- */

static const struct {
	const char *name, *in_tree;
} names[] = {
	{ "a", "a" },
	{ ".git", ".ch=.git" },
	{ ".GitIgnore", ".ch=.GitIgnore" },
	{ "git~1", ".ch=git%7e1" },
	{ "~", "~" },
	{ ".g\u200cit", ".ch=.g%e2%80%8cit" },
	{ "a\\.git", ".ch=a%5c.git" },
	{ ".ch-meta", ".ch=.ch-meta" },
	{ ".ch=a", ".ch=.ch%3da" },
	{ "%2e", "%2e" },
	{ ".gi", ".gi" },
	{ "\xff", "\xff" },
};

static void names_are_written_so_that_git_takes_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char tree[CH_NAME_TREE_MAX], back[CH_NAME_FILE_MAX + 1];

		ch_name_to_tree(names[i].name, tree);
		assert_string_equal(tree, names[i].in_tree);
		assert_true(ch_name_from_tree(tree, back));
		assert_string_equal(back, names[i].name);
	}
}

static const char *const bad_names[] = {
	"",	      ".",	     "..",	     "a/b",	    "/",
	".ch=",	      ".ch=a",	     ".git",	     ".ch=%2e.",    ".ch=%2e%2e",
	".ch=.git%",  ".ch=.git%2F", ".ch=.git%2fx", ".ch=.git%00", ".ch-x",
	".ch=.%67it",
};

static void other_names_are_refused(void **state)
{
	(void)state;
	char back[CH_NAME_FILE_MAX + 1], tree[CH_NAME_TREE_MAX], long_name[400];

	for (size_t i = 0; i < ARRAY_SIZE(bad_names); i++)
		if (ch_name_from_tree(bad_names[i], back))
			fail_msg("'%s' is '%s'", bad_names[i], back);
	memset(long_name, 'x', sizeof(long_name));
	long_name[256] = '\0';
	assert_false(ch_name_from_tree(long_name, back));
	long_name[255] = '\0';
	assert_true(ch_name_from_tree(long_name, back));
	/* The longest there is. */
	memset(long_name, '\\', 255);
	assert_int_equal(ch_name_to_tree(long_name, tree), CH_NAME_TREE_MAX - 1);
	assert_true(ch_name_from_tree(tree, back));
}

/* ---- trees ---- */

struct craft {
	struct ch_cache *cache;
	struct ch_writer writer;
	struct ch_press press;
	struct ch_buf tree, meta;
	struct ch_oid blob;
};

static void craft_begin(struct craft *c)
{
	struct ch_err err;

	*c = (struct craft){ .cache = cache_open() };
	assert_int_equal(ch_repo_need_objects(c->cache, true, &err), 1);
	assert_int_equal(ch_writer_begin(&c->cache->odb, &c->writer, &err), 0);
	assert_int_equal(ch_writer_put(&c->writer, &c->press, CH_KIND_BLOB, "x", 1, &c->blob, &err),
			 0);
}

static void craft_dir(struct craft *c)
{
	const struct ch_node dir = { .name = "", .mode = S_IFDIR | 0755 };

	ch_buf_done(&c->tree);
	ch_buf_done(&c->meta);
	c->tree = CH_BUF_INIT(1 << 20);
	c->meta = CH_BUF_INIT(1 << 20);
	ch_dirmeta_begin(&c->meta, &dir);
}

/* An entry of the tree, and what is said of it (NULL: nothing). */
static void craft_entry(struct craft *c, unsigned mode, const char *name, const struct ch_oid *oid,
			const struct ch_node *said)
{
	ch_gittree_entry_add(&c->tree,
			     &(struct ch_gittree_entry){ mode, name, oid ? *oid : c->blob });
	if (said)
		ch_dirmeta_add(&c->meta, said);
}

static struct ch_oid craft_end(struct craft *c)
{
	struct ch_oid oid;
	struct ch_err err;

	assert_int_equal(ch_writer_put(&c->writer, &c->press, CH_KIND_BLOB, c->meta.data,
				       c->meta.len, &oid, &err),
			 0);
	craft_entry(c, CH_MODE_FILE, CH_NAME_META, &oid, NULL);
	assert_int_equal(ch_writer_put(&c->writer, &c->press, CH_KIND_TREE, c->tree.data,
				       c->tree.len, &oid, &err),
			 0);
	return oid;
}

/* Read it. Nothing more can be made. */
static int craft_read(struct craft *c, const struct ch_oid *oid)
{
	ch_auto(gittree) struct ch_gittree tree = { 0 };
	struct ch_err err;

	assert_int_equal(ch_writer_finish(&c->writer, &err), 0);
	assert_int_equal(ch_odb_refresh(&c->cache->odb, &err), 0);

	int rc = ch_files_read(&c->cache->odb, oid, &tree, &err);

	ch_writer_abort(&c->writer);
	ch_press_done(&c->press);
	ch_buf_done(&c->tree);
	ch_buf_done(&c->meta);
	ch_cache_close(c->cache);
	return rc;
}

static const struct ch_node file = { .name = "f", .mode = S_IFREG | 0644 };
static const struct ch_node symbolic = { .name = "f", .mode = S_IFLNK | 0777 };
static const struct ch_node missing = { .name = "f", .mode = S_IFREG | 0644, .link = "no" };
static const struct ch_node itself = { .name = "f", .mode = S_IFREG | 0644, .link = "f" };
static const struct ch_node up = { .name = "f", .mode = S_IFREG | 0644, .link = "../f" };
static const struct ch_node pipe_up = { .name = "../f", .mode = S_IFIFO | 0644 };
static const struct ch_node device = { .name = "f", .mode = S_IFCHR | 0644 };

static const struct {
	unsigned mode;
	const char *name;
	const struct ch_node *said;
	int rc;
} entries[] = {
	{ CH_MODE_FILE, "f", &file, 0 },
	{ CH_MODE_FILE, "..", &file, -EBADMSG },
	{ CH_MODE_FILE, "../f", &file, -EBADMSG },
	{ CH_MODE_FILE, "/etc/f", &file, -EBADMSG },
	{ CH_MODE_FILE, "", &file, -EBADMSG },
	{ CH_MODE_FILE, ".git", &file, -EBADMSG },
	{ CH_MODE_FILE, "f", &symbolic, -EBADMSG },
	{ CH_MODE_LINK, "f", &file, -EBADMSG },
	{ 0160000, "f", &file, -EBADMSG }, /* a module */
	{ 0100666, "f", &file, -EBADMSG },
	{ CH_MODE_FILE, "f", NULL, -EBADMSG },
	{ CH_MODE_FILE, "f", &missing, -EBADMSG },
	{ CH_MODE_FILE, "f", &itself, -EBADMSG },
	{ CH_MODE_FILE, "f", &up, -EBADMSG },
	{ CH_MODE_FILE, "f", &device, -EBADMSG },
	{ CH_MODE_TREE, "f", NULL, -EBADMSG }, /* the object is none */
};

static void strange_entries_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
		struct craft c;

		craft_begin(&c);
		craft_dir(&c);
		craft_entry(&c, entries[i].mode, entries[i].name, NULL, entries[i].said);

		struct ch_oid oid = craft_end(&c);
		int rc = craft_read(&c, &oid);

		if (rc != entries[i].rc)
			fail_msg("entry %zu: %d", i, rc);
	}
}

static void the_same_name_twice_is_refused(void **state)
{
	(void)state;
	struct craft c;

	craft_begin(&c);
	craft_dir(&c);
	craft_entry(&c, CH_MODE_FILE, "f", NULL, &file);
	craft_entry(&c, CH_MODE_LINK, "f", NULL, &symbolic);

	struct ch_oid oid = craft_end(&c);

	assert_int_equal(craft_read(&c, &oid), -EBADMSG);
}

static void a_pipe_elsewhere_is_refused(void **state)
{
	(void)state;
	struct craft c;

	craft_begin(&c);
	craft_dir(&c);
	ch_dirmeta_add(&c.meta, &pipe_up);

	struct ch_oid oid = craft_end(&c);

	assert_int_equal(craft_read(&c, &oid), -EBADMSG);
}

static void too_deep_a_tree_is_refused(void **state)
{
	(void)state;
	struct craft c;
	struct ch_oid oid;

	craft_begin(&c);
	craft_dir(&c);
	oid = craft_end(&c);
	for (int i = 0; i < CH_NODE_DEPTH_MAX + 1; i++) {
		craft_dir(&c);
		craft_entry(&c, CH_MODE_TREE, "d", &oid, NULL);
		oid = craft_end(&c);
	}
	assert_int_equal(craft_read(&c, &oid), -ENAMETOOLONG);
}

#define IN_PLACE(test) cmocka_unit_test_setup_teardown(test, enter, leave)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_written_so_that_git_takes_them),
		cmocka_unit_test(other_names_are_refused),
		IN_PLACE(strange_entries_are_refused),
		IN_PLACE(the_same_name_twice_is_refused),
		IN_PLACE(a_pipe_elsewhere_is_refused),
		IN_PLACE(too_deep_a_tree_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
