/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/stamp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/auto.h"
#include "base/err.h"
#include "rt/version.h"
#include "unit.h"

/* A shared object that is at hand: this program, which exports this symbol by being linked
 * with a dynamic list (local.mk). */
__attribute__((used, visibility("default"))) const uint32_t ch_test_number = 0x160508;

enum { SIZE = 16 * 1024 * 1024 };

static char *self;
static size_t len;

static int load(void **state)
{
	ch_auto(fd) int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	(void)state;
	self = malloc(SIZE);
	while (self && (n = read(fd, self + len, SIZE - len)) > 0)
		len += (size_t)n;
	return len > 0 && len < SIZE ? 0 : -1;
}

static int unload(void **state)
{
	(void)state;
	free(self);
	return 0;
}

static void reads_a_number_by_its_name(void **state)
{
	(void)state;
	uint32_t n = 0;
	struct ch_err err;

	assert_int_equal(ch_stamp_number(self, len, "ch_test_number", &n, &err), 0);
	assert_int_equal(n, ch_test_number);
}

static void tells_what_is_missing(void **state)
{
	(void)state;
	uint32_t n;
	struct ch_err err;

	assert_int_equal(ch_stamp_number(self, len, "ch_test_numbe", &n, &err), -ENOENT);
	assert_string_equal(err.msg, "has no number 'ch_test_numbe'");
	assert_int_equal(ch_stamp_number("text", 4, "ch_test_number", &n, &err), -EINVAL);
	assert_string_equal(err.msg, "no shared object");
	assert_int_equal(ch_stamp_number(self, 4000, "ch_test_number", &n, &err), -EINVAL);
	assert_string_equal(err.msg, "damaged or truncated");
}

/* Whatever is cut off or wrong in the head and the tables, nothing is read beyond the end. */
static void survives_damage(void **state)
{
	(void)state;
	uint32_t n;
	struct ch_err err;

	for (size_t cut = 0; cut < len; cut += 1 + len / 300) {
		ch_auto(mem) char *copy = malloc(cut + 1);

		assert_non_null(copy);
		memcpy(copy, self, cut);
		ch_stamp_number(copy, cut, "ch_test_number", &n, &err);
	}
	for (size_t i = 0; i < 64 + 14 * 56; i++) {
		char saved = self[i];

		for (int bit = 0; bit < 8; bit++) {
			self[i] = (char)(saved ^ 1 << bit);
			ch_stamp_number(self, len, "ch_test_number", &n, &err);
		}
		self[i] = saved;
	}
}

static void finds_the_version(void **state)
{
	(void)state;
	char data[] = "xx\0" CH_VERSION_MARK "1.2, protocols 3\0yy", out[64], small[4];

	assert_int_equal(ch_stamp_version(data, sizeof(data), out, sizeof(out)), 0);
	assert_string_equal(out, "1.2, protocols 3");
	assert_int_equal(ch_stamp_version(data, sizeof(data), small, sizeof(small)), 0);
	assert_string_equal(small, "1.2");
	assert_int_equal(ch_stamp_version("none", 4, out, sizeof(out)), -ENOENT);
}

static void our_own_version_has_the_mark(void **state)
{
	(void)state;
	const char *mark = ch_version - strlen(CH_VERSION_MARK);

	assert_memory_equal(mark, CH_VERSION_MARK, strlen(CH_VERSION_MARK));
	assert_non_null(strstr(ch_version, ", protocols "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_number_by_its_name),
		cmocka_unit_test(tells_what_is_missing),
		cmocka_unit_test(survives_damage),
		cmocka_unit_test(finds_the_version),
		cmocka_unit_test(our_own_version_has_the_mark),
	};

	return cmocka_run_group_tests(tests, load, unload);
}
