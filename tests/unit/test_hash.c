/* SPDX-License-Identifier: Apache-2.0 */
#include "hash/hash.h"

#include <string.h>

#include "base/auto.h"
#include "base/err.h"
#include "unit.h"

/* Examples of FIPS 180-2, appendix A.1 and B.1: "abc". */
static void known_hashes(void **state)
{
	(void)state;
	struct ch_err err = { 0 };
	ch_auto(hash) struct ch_hash hash = { 0 };
	uint8_t sum[CH_SHA256_BYTES];
	char hex[CH_SHA256_HEX];

	assert_int_equal(ch_hash_start(&hash, CH_SHA1, &err), 0);
	ch_hash_more(&hash, "abc", 3);
	ch_hash_end(&hash, sum);
	ch_hash_hex(sum, CH_SHA1_BYTES, hex);
	assert_string_equal(hex, "a9993e364706816aba3e25717850c26c9cd0d89d");

	/* The same struct again, and in pieces. */
	assert_int_equal(ch_hash_start(&hash, CH_SHA256, &err), 0);
	ch_hash_more(&hash, "a", 1);
	ch_hash_more(&hash, "", 0);
	ch_hash_more(&hash, "bc", 2);
	ch_hash_end(&hash, sum);
	ch_hash_hex(sum, CH_SHA256_BYTES, hex);
	assert_string_equal(hex,
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
