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

@test "leaks: slurmd has as many descriptors, children and mounts after fifty steps" {
	assert_no_leak 50
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
