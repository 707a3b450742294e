#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# More of tests/slurm/faults.bats and failures.bats: damaged images, processes hit at any
# time, storms of scancel
# shellcheck disable=SC2016 # variables for shells on the nodes

load ../lib/slurm
load ../lib/slurm_faults

setup_file() {
	slurm_up --cpus 16
	IMG=$(image tiny)
	export IMG
	compiled hit >/dev/null
}
teardown_file() { slurm_down; }
setup() { slurm_setup; }
teardown() { slurm_teardown; }

@test "slurm faults: five hundred images with flipped bits: they run, or not, but do not hang" {
	local damaged

	srun_flipped {1000..1499}
	damaged=$(grep -cx damaged "$share/found")
	echo "# of 1000 steps, $damaged could not read all"
	((damaged > 100 && damaged < 900)) || fail "that cannot be"
}

@test "slurm faults: keeper, builder, server, worker are killed or stopped: two hundred times" {
	hit_all 2 25
}

@test "slurm faults: three storms of scancel leave nothing" {
	for seed in 11 12 13; do
		storm 30 $seed
		assert_idle
		assert_clean
	done
}
