#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Fifty steps in a row: nothing accumulates, and none is slower than the others

load ../lib/slurm

setup_file() {
	slurm_up --nodes 1
	IMG=$(image tiny)
	export IMG
}
teardown_file() { slurm_down; }
setup() { slurm_setup; }
teardown() { slurm_teardown; }

# Descriptors, threads, children and mounts of slurmd
slurmd_state() {
	local pid
	pid=$(node_pid n1)
	echo "descriptors $(find "/proc/$pid/fd" -mindepth 1 -printf '%l\n' |
		sed 's/:.*//' | sort | uniq -c | xargs)"
	echo "children $(pgrep -P "$pid" | wc -l)"
	echo "mounts $(wc -l <"/proc/$pid/mountinfo")"
}

# Pairs of steps, without and with an image, one after the other, in microseconds each.
# A machine that others use, too, gets slower and faster; the two of a pair do so together.
steps() {	# NUMBER
	# shellcheck disable=SC2016
	printf '%s\n' '#!/bin/bash' 'now() { t=${EPOCHREALTIME/./}; }' \
		"for ((i = 0; i < $1; i++)); do" \
		'now; a=$t; srun -n1 true || exit; now; b=$t' \
		"srun -n1 --ch-image=$IMG true || exit; now" \
		'echo $((b - a)) $((t - b)); done' >"$share/job"
	chmod 755 "$share/job"
	timeout 200 runuser -u "$test_user" -- salloc -Q -n1 "$share/job"
}

# Is the last fifth as fast as the first, by the medians of the ratios and of the
# differences in a pair? Prints what was found.
is_steady() {	# FILE
	python3 - "$1" <<-'END'
		import statistics
		import sys

		pairs = [tuple(map(int, line.split())) for line in open(sys.argv[1])]
		n = len(pairs) // 5
		first = statistics.median(b / a for a, b in pairs[:n])
		last = statistics.median(b / a for a, b in pairs[-n:])
		print(f"{len(pairs)} pairs; with image / without: first {first:.3f}, last {last:.3f}")
		sys.exit(not 0.8 <= last / first <= 1.2)
	END
}

@test "leaks: slurmd has as many descriptors, children and mounts after fifty steps" {
	steps 3 >/dev/null	# what is loaded once
	assert_idle
	before=$(slurmd_state)
	steps 50 >"$share/times"
	assert_idle
	run slurmd_state
	for _ in {1..20}; do	# a moment after the end
		[[ $output != "$before" ]] || break
		sleep 0.2
		run slurmd_state
	done
	assert_equal "$output" "$before"
	assert_clean

	# A leak would not go away when one looks again: chance does.
	for round in 1 2 3; do
		if is_steady "$share/times"; then return; fi
		((round == 3)) || steps 50 >"$share/times"
	done
	fail "the last steps are not as fast as the first"
}

@test "leaks: slurmd is as it was after steps that fail" {
	user srun -n1 --ch-image="$share/none" true || true
	assert_idle
	before=$(slurmd_state)
	for _ in {1..10}; do user srun -n2 --ch-image="$share/none" true || true; done
	assert_idle
	run slurmd_state
	for _ in {1..20}; do
		[[ $output != "$before" ]] || break
		sleep 0.2
		run slurmd_state
	done
	assert_equal "$output" "$before"
}
