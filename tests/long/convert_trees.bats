#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-convert and what nobody has thought of: random trees, damaged images
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/convert

setup() { convert_setup; }
teardown() { convert_teardown; }

@test "convert: random trees, to each format and back" {
	local seed

	for seed in {101..130}; do
		echo "# seed $seed"
		as_test python3 "$top/tests/lib/randomtree.py" "$seed" "a$seed"
		round_trips "a$seed" # and no "||" behind it, which would let all but its last command fail
	done
}

@test "convert: a damaged SquashFS or SIF file is refused, or gives something" {
	local seed kind seen=

	for kind in sqfs sif; do
		for seed in {1..40}; do
			cp "$(image tiny "$kind")" "flipped.$kind"
			chmod 644 "flipped.$kind"
			flip "flipped.$kind" "$seed"
			convert --max-size 100M "flipped.$kind" ./d
			[[ $status == [01] && $stderr != *$'\n'*$'\n'*$'\n'*$'\n'* ]] || fail "$kind $seed" "$status" "$stderr"
			[[ $status == 0 || ! -e d ]] || fail "$kind $seed: something was made"
			seen+="$kind $status"$'\n'
			as_test bash -c 'chmod -R u+rwX d; rm -rf d' 2>/dev/null
		done
	done
	assert_equal "$(printf %s "$seen" | sort -u)" $'sif 0\nsif 1\nsqfs 0\nsqfs 1'
}
