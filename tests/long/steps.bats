#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Two hundred steps in a row

load ../lib/slurm

setup_file() {
	slurm_up --nodes 1
	IMG=$(image tiny)
	export IMG
}
teardown_file() { slurm_down; }
setup() { slurm_setup; }
teardown() { slurm_teardown; }

@test "steps: slurmd is as it was, and as fast, after two hundred" {
	assert_no_leak 200
}
