#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Two hundred containers of ch-run in a row
# shellcheck disable=SC2016 # shells elsewhere

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
}
teardown() { ch_teardown; }

# What a leak would add to, of all processes that can be seen: namespaces (those that only a
# mount or a descriptor keeps are of our helpers, which are counted, too), and what the shell
# that runs ch-run has.
state() {
	echo "namespaces $(find /proc/[0-9]*/ns -mindepth 1 -printf '%l\n' 2>/dev/null |
		grep -E '^(user|mnt):' | sort -u | wc -l)"
	echo "helpers $(pgrep -c '^ch-[ks]e')"
	echo "shared memory $(find /dev/shm -mindepth 1 | wc -l)"
	echo "sockets $(traces_sockets | wc -l)"
}

# runs NUMBER IMAGE: pairs of ten commands without and one with a container, in microseconds each,
# to $tmp/times; and what the shell that runs them holds before and afterwards
runs() {
	run as_test env -u TMPDIR timeout -k 5 1800 bash -c '
		now() { t=${EPOCHREALTIME/[.,]/}; }
		held() { read -r children </proc/$$/task/$$/children; local fds=(/proc/$$/fd/*)
			echo "${#fds[@]} descriptors, children: $children"; }
		ch-run "$2" -- true
		held >"$3.before"
		for ((i = 0; i < $1; i++)); do
			now; a=$t; for k in {1..10}; do /bin/true; done; now; b=$t; ch-run "$2" -- true || exit; now
			echo $((b - a)) $((t - b))
		done >"$3"
		held >"$3.after"' runs "$1" "$2" "$tmp/times"
	[[ $status == 0 && ! $output ]] || fail "status $status" "$output"
	assert_equal "$(<"$tmp/times.after")" "$(<"$tmp/times.before")"
	assert_equal "$(wc -l <"$tmp/times")" "$1"
}

@test "runs: two hundred leave nothing, and the last are as fast as the first" {
	local before image round

	for image in "${both[@]}"; do
		before=$(state)
		# A leak would not go away when one looks again: chance does.
		for round in 1 2 3; do
			runs 200 "$image"
			assert_nothing_left
			assert_equal "$(state)" "$before"
			if is_steady "$tmp/times"; then break; fi
			((round < 3)) || fail "the last are not as fast as the first"
		done
	done
}
