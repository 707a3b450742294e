#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# With proctrack/cgroup, task/cgroup and task/affinity: nothing is left in any cgroup, and
# the application has the CPUs that it has without us
# shellcheck disable=SC2016 # variables for shells on the nodes

load ../lib/slurm
load ../lib/slurm_faults

setup_file() {
	slurm_up --proctrack cgroup --task cgroup --cpus 2
	IMG=$(image tiny)
	export IMG
	compiled hit >/dev/null
}
teardown_file() { slurm_down; }

setup() {
	(($(nproc) > 1)) || fail "needs two CPUs"
	slurm_setup
}


teardown() {
	[[ ! ${bad-} ]] || bad_end
	slurm_teardown
}

@test "cgroup: steps of a job leave no group; the job leaves none" {
	user srun -N2 -n2 true	# bare: the test expects nothing more
	wait_until_empty 10 "Slurm's own are left" groups_left
	printf '%s\n' '#!/bin/bash' 'for i in 1 2 3; do' "srun -N2 -n2 --ch-image=$IMG true; done" \
		"srun -n1 --ch-image=$share/none true" "srun -n2 --ch-image=$IMG sh -c 'exit 3'" \
		"touch $share/started" "while [ ! -e $share/end ]; do sleep 0.1; done" >"$share/job"
	user sbatch -Q -N2 -n2 -o "$share/out" "$share/job"
	wait_until_empty 30 "not started: $(cat "$share/out")" missing "$share/started"
	# Only the script's are there, and Slurm's own for the whole job.
	run -0 steps_left
	assert_equal "$output" ""
	touch "$share/end"
	assert_idle
	wait_until_empty 10 "left" groups_left
}

steps_left() {
	groups_left | grep -E '/step_[0-9]' || true
}

@test "cgroup: a failed start leaves no group" {
	must_fail 2 --ch-image="$share/none"
	printf '%s\n' '#!/bin/sh' 'kill -STOP $$' >"$share/keeper"
	chmod 755 "$share/keeper"
	plugstack required "helper=$share/keeper" start_timeout=1
	must_fail 2 --ch-image="$IMG"
	assert_idle
	wait_until_empty 10 "left" groups_left
}

# An application with a daemon in a session of its own
start() {
	user srun -N2 -n2 --ch-image="$IMG" --ch-bind="$share:/share" sh -c '
		(setsid sleep 600 &)
		touch /share/started$SLURM_PROCID
		while [ ! -e /share/end ]; do sleep 0.1; done' >"$share/log" 2>&1 3>&- &
	step=$!
	wait_until_empty 20 "not started: $(cat "$share/log")" missing "$share"/started{0,1}
}

@test "cgroup: scancel takes all processes, daemons included" {
	start
	user scancel --user="$test_user"
	wait "$step" || true
	assert_idle
	assert_clean
	wait_until_empty 10 "left" groups_left
}

@test "cgroup: the end of the application takes its daemons" {
	start
	touch "$share/end"
	wait "$step" || true
	assert_idle
	assert_clean
	wait_until_empty 10 "left" groups_left
}

@test "cgroup: keeper and server are in the job's groups, not on the node at large" {
	start
	n=0
	while read -r pid; do
		assert_match "$(<"/proc/$pid/cgroup")" '/job_[0-9]+'
		n=$((n + 1))
	done < <(node_processes | awk '$4 ~ /^ch-/ { print $3 }')
	((n >= 4)) || fail "only $n"
	touch "$share/end"
	wait "$step" || true
}

@test "cgroup: the owner kills the keeper and stops the server: nothing stays" {
	start
	run -0 node_processes
	# shellcheck disable=SC2046 # one word each
	user kill -STOP $(awk '$4 == "ch-server" { print $3 }' <<<"$output")
	# shellcheck disable=SC2046
	user kill -KILL $(awk '$4 == "ch-keeper" { print $3 }' <<<"$output")
	touch "$share/end"
	user scancel --user="$test_user"
	wait "$step" || true
	assert_idle
	assert_clean
	wait_until_empty 10 "left" groups_left
}

@test "cgroup: suspend and resume: the application stops, keeper and server are not touched" {
	user srun -n2 --job-name=sus --ch-image="$IMG" --ch-bind="$share:/share" sh -c '
		while [ ! -e /share/end ]; do
			/opt/bin/only-in-image >>/share/count || exit 3; sleep 0.05
		done' >"$share/log" 2>&1 3>&- &
	step=$!
	wait_until_empty 30 "not started" missing "$share/count"
	keepers_are 1
	job=$(squeue -h -n sus -o %A)
	ours=$(pids_of ch-keeper; pids_of ch-server)
	scontrol suspend "$job"
	wait_until_empty 15 "not stopped" grows "$share/count"
	for pid in $ours; do run ! grep '^State:.*(stopped)' "/proc/$pid/status"; done
	scontrol resume "$job"
	wait_until_empty 15 "not running" stands "$share/count"
	assert_equal "$(pids_of ch-keeper; pids_of ch-server)" "$ours"
	touch "$share/end"
	wait "$step" || fail "status $?: $(<"$share/log")"
}

@test "cgroup: the image's file system hangs, and the application is looking for files: scancel ends it" {
	# Slurm kills the tasks only, which wait for the image server, whatever signal comes.
	cancel_while_looking
}

# ---- helpers that are killed or stopped --------------------------------------------------------

# hit_cells: lines of hit_cell's arguments
hit_cells() {
	local who signal when wanted

	while read -r who signal when wanted; do
		hit_cell "$who" "$signal" "$when" "${wanted/IMAGE/image \'$IMG\'}" </dev/null
	done
}

# In these four, the helpers are held at the moment in question (tests/lib/hit.c).

@test "cgroup: keeper, builder, server, worker are killed or stopped as soon as they are there" {
	hit_cells <<-END
		keeper  KILL keeper:execve    the keeper of the container ended unexpectedly
		keeper  STOP keeper:execve    the keeper of the container gave no answer in time
		builder KILL builder:unshare  the builder of the container ended unexpectedly
		builder STOP builder:unshare  in
		server  KILL server:prctl     IMAGE: the image server ended unexpectedly
		server  STOP server:prctl     in
		worker  KILL worker:prctl     in
		worker  STOP worker:prctl     in
	END
}

# By pivot_root(2), all of them are at work, and nobody has been let in.
@test "cgroup: keeper, builder, server, worker are killed or stopped in the middle of the start" {
	hit_cells <<-END
		keeper  KILL builder:pivot_root  the keeper of the container ended unexpectedly
		keeper  STOP builder:pivot_root  the keeper of the container gave no answer in time
		builder KILL builder:pivot_root  the builder of the container ended unexpectedly
		builder STOP builder:pivot_root  in
		server  KILL builder:pivot_root  in
		server  STOP builder:pivot_root  in
		worker  KILL builder:pivot_root  in
		worker  STOP builder:pivot_root  in
	END
}

# The builder has no more than its own end then.
@test "cgroup: keeper, builder, server, worker are killed or stopped after the start" {
	hit_cells <<-END
		builder KILL builder:exit_group  in
		builder STOP builder:exit_group  in
		keeper  KILL /running            in
		keeper  STOP /running            in
		server  KILL /running            in
		server  STOP /running            in
		worker  KILL /running            in
		worker  STOP /running            in
	END
}

# By kill(2), the keeper has begun to end.
@test "cgroup: keeper, server, worker are killed or stopped at the end: too late to matter" {
	hit_cells <<-END
		keeper KILL keeper:kill        in
		keeper STOP keeper:kill        in
		keeper KILL keeper:exit_group  in
		keeper STOP keeper:exit_group  in
		server KILL /over              in
		server STOP /over              in
		worker KILL /over              in
		worker STOP /over              in
	END
}

# ---- the application's CPUs ---------------------------------------------------------------------

@test "affinity: the ranks' CPU masks are those without the plugin" {
	for bind in none cores rank map_cpu:1,0 mask_cpu:0x1,0x2 mask_cpu:0x2,0x2; do
		for tasks in 1 2; do
			# The others want all CPUs of the node.
			[[ $tasks != 1 || $bind == @(none|cores) ]] || continue
			run -0 user srun -Q --exclusive -n$tasks -l --cpu-bind=$bind grep Cpus_allowed_list /proc/self/status
			bare=$(sort <<<"$output")
			run -0 user srun -Q --exclusive -n$tasks -l --cpu-bind=$bind --ch-image="$IMG" \
				grep Cpus_allowed_list /proc/self/status
			assert_equal "$(sort <<<"$output")" "$bare"
		done
	done
}

@test "cgroup: MPI with CMA" {
	run -0 --separate-stderr user srun -N2 -n4 --mpi=pmix --overcommit --ch-image="$(image mpi)" \
		mpi-cma --require-cma
	assert_match "$output" 'size 4 nodes 2'
	assert_equal "$stderr" ""
	wait_until_empty 10 "left" groups_left
}
