#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # variables for shells on the nodes
# Fifty steps in a row, twenty at once: nothing accumulates, and none is slower than others

load ../lib/slurm

setup_file() {
	slurm_up --nodes 1 --cpus 24
	IMG=$(image tiny)
	export IMG
}
teardown_file() { slurm_down; }
setup() { slurm_setup; }
teardown() { slurm_teardown; }

@test "leaks: slurmd has as many descriptors, children and mounts after fifty steps" {
	assert_no_leak 50
}

@test "leaks: slurmd is as it was after steps that fail" {
	user srun -n1 --ch-image="$share/none" true || true
	assert_idle
	steady_state
	before=$output
	for _ in {1..10}; do user srun -n2 --ch-image="$share/none" true || true; done
	assert_idle
	wait_until_empty 5 "not as before" differs "$before"
}

@test "leaks: twenty steps at once: all work, and slurmd is as it was" {
	printf '%s\n' '#!/bin/bash' 'for i in {1..20}; do' \
		"srun --overlap -n1 --ch-image=$IMG sh -c 'sleep 0.5; /opt/bin/only-in-image' &" \
		'pids+=($!); done' 'for i in ${pids[@]}; do wait $i || echo failed; done' >"$share/job"
	batch -n20 -o "$share/out" "$share/job"	# what is loaded once
	assert_idle
	assert_clean
	for _ in 1 2; do
		steady_state
		before=$output
		batch -n20 -o "$share/out" "$share/job"
		assert_equal "$(sort "$share/out" | uniq -c | xargs)" "20 only-in-image tiny"
		assert_idle
		assert_clean
		wait_until_empty 5 "not as before" differs "$before"
	done
}
