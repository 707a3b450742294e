/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "fs/node.h"

#define ROOT 0x123450678ULL

static void root_is_one(void **state)
{
	(void)state;
	uint64_t ref = 0;

	assert_int_equal(ch_node_id(ROOT, ROOT), CH_NODE_ROOT);
	assert_true(ch_node_ref(ROOT, CH_NODE_ROOT, &ref));
	assert_true(ref == ROOT);
}

static void others_are_their_reference_plus_two(void **state)
{
	(void)state;
	static const uint64_t refs[] = { 0,	  1,	    2,	      0xffff,
					 0x10000, ROOT - 1, ROOT + 1, (1ULL << 48) - 1 };

	for (size_t i = 0; i < ARRAY_SIZE(refs); i++) {
		uint64_t id = ch_node_id(ROOT, refs[i]), ref = 0;

		assert_true(id == refs[i] + 2);
		assert_true(ch_node_ref(ROOT, id, &ref));
		assert_true(ref == refs[i]);
	}
}

static void reference_zero_can_be_the_root(void **state)
{
	(void)state;
	uint64_t ref = 1;

	assert_int_equal(ch_node_id(0, 0), CH_NODE_ROOT);
	assert_true(ch_node_ref(0, CH_NODE_ROOT, &ref));
	assert_true(ref == 0);
}

static void refuses_ids_that_no_image_has(void **state)
{
	(void)state;
	uint64_t ref = 42;

	assert_false(ch_node_ref(ROOT, 0, &ref));
	assert_false(ch_node_ref(ROOT, (1ULL << 48) + 2, &ref));
	assert_false(ch_node_ref(ROOT, UINT64_MAX, &ref));
	assert_true(ref == 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(root_is_one),
		cmocka_unit_test(others_are_their_reference_plus_two),
		cmocka_unit_test(reference_zero_can_be_the_root),
		cmocka_unit_test(refuses_ids_that_no_image_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
