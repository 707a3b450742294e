#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # shells inside
# Five hundred damaged images: each runs, is refused, or gives errors; none hangs

load ../lib/common
load ../lib/run

setup() { ch_setup; }
teardown() { ch_teardown; }

@test "flips: a damaged image never hangs nor leaves anything" {
	local flipped=$BATS_TEST_TMPDIR/flipped.sqfs good=0 seed

	chmod 755 "$BATS_TEST_TMPDIR"
	for seed in {1..500}; do
		cp "$(image tiny)" "$flipped"
		chmod 644 "$flipped"
		flip "$flipped" "$seed"
		read_all "$flipped" || fail "seed $seed"
		((status)) || : $((good++))
	done
	echo "# $good of 500 ran without an error"
	((good > 100 && good < 450)) || fail "that cannot be"
}
