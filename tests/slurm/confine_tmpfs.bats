#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# With job_container/tmpfs: /tmp and /dev/shm inside are the job's
# shellcheck disable=SC2016 # variables for shells on the nodes

load ../lib/slurm

setup_file() {
	slurm_up --conf JobContainerType=job_container/tmpfs --conf PrologFlags=Contain
	IMG=$(image tiny)
	export IMG
}
teardown_file() { slurm_down; }
setup() { slurm_setup; }
teardown() { slurm_teardown; }

@test "tmpfs: /tmp inside is the job's, not the node's" {
	on_node n1 touch /tmp/of-the-node
	printf '%s\n' '#!/bin/bash' 'echo script >/tmp/of-the-script' \
		"srun -n1 --ch-image=$IMG sh -c 'ls /tmp; echo step >/tmp/of-the-step'" \
		'srun -n1 ls /tmp' "srun -n1 --ch-image=$IMG cat /tmp/of-the-step" >"$share/job"
	batch -w n1 -o "$share/out" "$share/job"
	on_node n1 rm /tmp/of-the-node
	assert_equal "$(<"$share/out")" $'of-the-script\nof-the-script\nof-the-step\nstep'
}

@test "tmpfs: the next job finds nothing" {
	run -0 user srun -Q -N2 -n2 --ch-image="$IMG" sh -c 'ls -A /tmp; echo x >/tmp/x'
	assert_equal "$output" ""
	run -0 user srun -Q -N2 -n2 --ch-image="$IMG" ls -A /tmp
	assert_equal "$output" ""
	assert_equal "$(on_node n1 ls -A /tmp)" ""
}

@test "tmpfs: an image in the job's /tmp" {
	printf '%s\n' '#!/bin/bash' "cp $IMG /tmp/i.sqfs" \
		'srun -n1 --ch-image=/tmp/i.sqfs /opt/bin/only-in-image' >"$share/job"
	batch -o "$share/out" -e "$share/err" "$share/job"
	assert_equal "$(<"$share/out")" "only-in-image tiny"
}

@test "tmpfs: a failed start, and one line" {
	must_fail 2 -n4 --ch-image="$share/none"
	assert_match "$output" "charlie: n1: image '$share/none': No such file or directory"
}

@test "tmpfs: MPI with CMA" {
	run -0 --separate-stderr user srun -Q -N2 -n4 --mpi=pmix --ch-image="$(image mpi)" mpi-cma --require-cma
	assert_match "$output" 'size 4 nodes 2'
	assert_equal "$stderr" ""
}

@test "tmpfs: many steps leave no mount" {
	count() {
		for node in n1 n2; do wc -l <"/proc/$(node_pid $node)/mountinfo"; done
	}
	user srun -Q -N2 -n2 true
	assert_idle
	before=$(count)
	for _ in {1..5}; do user srun -Q -N2 -n2 --ch-image="$IMG" true; done
	assert_idle
	assert_equal "$(count)" "$before"
}

@test "tmpfs: two jobs at once on one node: each has its own /tmp and /dev/shm" {
	for name in a b; do
		user srun -Q -w n1 -n1 --ch-image="$IMG" --ch-bind="$share:/share" sh -c "
			echo $name >/tmp/name; echo $name >/dev/shm/name; touch /share/started.$name
			while [ ! -e /share/end ]; do sleep 0.1; done
			cat /tmp/name /dev/shm/name; ls -A /tmp /dev/shm | grep -c name" \
			>"$share/out.$name" 2>&1 3>&- &
	done
	wait_until_empty 30 "not started" missing "$share"/started.{a,b}
	assert_equal "$(on_node n1 find /tmp /dev/shm -name name)" ""
	touch "$share/end"
	wait
	assert_equal "$(<"$share/out.a")" $'a\na\n2'
	assert_equal "$(<"$share/out.b")" $'b\nb\n2'
}
