#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# With proctrack/linuxproc and task/affinity

load ../lib/slurm

setup_file() {
	slurm_up --proctrack linuxproc --task affinity --cpus 2
	IMG=$(image tiny)
	export IMG
}
teardown_file() { slurm_down; }

setup() {
	(($(nproc) > 1)) || fail "needs two CPUs"
	slurm_setup
}


teardown() { slurm_teardown; }

masks() {	# SRUN-OPTION...
	run -0 user srun -Q --exclusive -l "$@" grep -E 'Cpus_allowed_list|Mems_allowed_list' /proc/self/status || return
	sort <<<"$output"
}

@test "affinity: the ranks' CPU and memory masks are those without the plugin" {
	for bind in none cores rank map_cpu:1,0 mask_cpu:0x2,0x1; do
		for place in -n1 -n2 '-N2 -n4'; do
			# The others want all CPUs of the node.
			[[ $place != -n1 || $bind == @(none|cores) ]] || continue
			# shellcheck disable=SC2086 # words
			bare=$(masks $place --cpu-bind=$bind)
			# shellcheck disable=SC2086
			inside=$(masks $place --cpu-bind=$bind --ch-image="$IMG")
			assert_equal "$inside" "$bare"
		done
	done
}

@test "affinity: ranks that are bound are on different CPUs" {
	run -0 user srun -n2 --cpu-bind=cores --ch-image="$IMG" grep Cpus_allowed_list /proc/self/status
	assert_equal "$(sort -u <<<"$output" | wc -l)" 2
}
