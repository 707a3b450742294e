#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # shells inside
# Five hundred damaged images: each runs, is refused, or gives errors; none hangs

load ../lib/common
load ../lib/run

setup() { ch_setup; }
teardown() { ch_teardown; }

# Flip a bit at each of three random places of FILE.
flip() {	# FILE SEED
	python3 - "$1" "$2" <<-'END'
		import random
		import sys

		random.seed(int(sys.argv[2]))
		with open(sys.argv[1], "r+b") as f:
		    size = f.seek(0, 2)
		    for _ in range(3):
		        at = random.randrange(size)
		        f.seek(at)
		        byte = f.read(1)[0] ^ 1 << random.randrange(8)
		        f.seek(at)
		        f.write(bytes([byte]))
	END
}

@test "flips: a damaged image never hangs nor leaves anything" {
	local flipped=$BATS_TEST_TMPDIR/flipped.sqfs

	chmod 755 "$BATS_TEST_TMPDIR"
	for seed in {1..500}; do
		cp "$(image tiny)" "$flipped"
		chmod 644 "$flipped"
		flip "$flipped" "$seed"
		# By an intact program: a damaged one may do anything. Damage may also make a
		# file look very long.
		run_ch -b "$(command -v busybox):/mnt/busybox" "$flipped" -- /mnt/busybox sh -c \
			'/mnt/busybox find / -xdev -type f -size -20000 | while read -r file; do
				/mnt/busybox cat "$file" >/dev/null
			done'
		[[ $status != 124 && $status != 137 ]] || fail "seed $seed: status $status: $output"
	done
}
