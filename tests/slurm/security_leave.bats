#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# With proctrack/cgroup nothing of a job survives it, whatever it tries with us; with
# proctrack/linuxproc nothing of ours does
# shellcheck disable=SC2016,SC2030,SC2031 # variables for shells on the nodes; subshells of bats

load ../lib/slurm

setup_file() {
	slurm_up --nodes 1 --proctrack cgroup --task cgroup --cpus 2
	IMG=$(image tiny)
	export IMG
}
teardown_file() { slurm_down; }

setup() {
	slurm_setup
	# Everything that could stay is a sleep of so many seconds, wherever it may be.
	mark=$((700000 + RANDOM * 10 + BATS_TEST_NUMBER))
	before=$(mounts)
}
teardown() {
	sleeping | xargs -r kill -KILL
	slurm_teardown
}

lacks() {
	[[ -e $1 ]] || echo "$1"
}

sleeping() {
	pgrep -f "sleep $mark" || true
}

mounts() {
	cat "/proc/$(node_pid n1)/mountinfo"
}

groups_left() {
	find /sys/fs/cgroup -path "*/charlie-cluster-$(<"$CH_CLUSTER/c/id")/*" \
		-regex '.*/\(step_\|job_\|uid_\).*' -type d
}

# A job of these lines, after which nothing is left. N: processes that it leaves behind.
# What $share/try finds out is in $share/out.
job_leaves() {	# N LINE...
	local n=$1

	# Other clusters may be on this machine, whose groups are at /../.. as seen from the
	# node: ours() are those of this job.
	printf '%s\n' '#!/bin/bash' "PATH=$prefix/bin:\$PATH" "mark=$mark share=$share IMG=$IMG" \
		'mine=":/[^.].*/job_$SLURM_JOB_ID"' \
		'ours() { for pid in $(pgrep -u "$(id -u)" "$1"); do' \
		'grep -qs "$mine" /proc/$pid/cgroup && echo $pid; done; }' "${@:2}" \
		"for i in {1..100}; do (( \$(pgrep -cf '^sleep $mark') < $n )) || break; sleep 0.1; done" \
		"pgrep -cf '^sleep $mark' >$share/n; touch $share/done" >"$share/job"
	chmod 755 "$share/job"
	batch -n2 -o "$share/out" "$share/job"
	[[ -e $share/done ]] || fail "$(<"$share/out")"
	(($(<"$share/n") >= n)) || fail "only $(<"$share/n") were there: $(<"$share/out")"
	assert_idle
	wait_until_empty 10 "processes are left" sleeping
	assert_clean
	wait_until_empty 10 "groups are left" groups_left
	assert_equal "$(mounts)" "$before"
}

@test "leave: daemons, sessions, and namespaces inside" {
	job_leaves 3 'srun -n1 --ch-image=$IMG sh -c "
			(setsid sleep $mark &)
			setsid sh -c \"setsid sleep $mark & exit\" &
			trap \"\" TERM HUP INT; sleep $mark &
			exit 0" &' \
		'srun -n1 --overlap --ch-image=$IMG --ch-bind=$share:/share sh -c "echo \$\$ >/share/task; exec sleep $mark" &' \
		'while [ ! -s $share/task ]; do sleep 0.1; done' \
		'setsid nsenter --preserve-credentials --user --mount --target $(cat $share/task) sleep $mark &' \
		'setsid unshare --user --map-root-user --mount --pid --net --ipc --uts --fork sleep $mark &' \
		'disown -a'
}

@test "leave: with the keeper killed, the server stopped, and daemons inside" {
	job_leaves 2 'srun -n1 --ch-image=$IMG --ch-bind=$share:/share sh -c "
			(setsid sleep $mark &); touch /share/started; exec sleep $mark" &' \
		'while [ ! -e $share/started ]; do sleep 0.1; done' \
		'kill -STOP $(ours ch-server)' 'kill -KILL $(ours ch-keeper)' 'disown -a'
}

@test "leave: keeper and server stopped" {
	job_leaves 1 'srun -n1 --ch-image=$IMG --ch-bind=$share:/share sh -c "
			touch /share/started; exec sleep $mark" &' \
		'while [ ! -e $share/started ]; do sleep 0.1; done' \
		'kill -STOP $(ours ch-keeper) $(ours ch-server)' 'disown -a'
}

@test "leave: ch-run in the script and in a step, in the background; its keeper is in the job's group" {
	# All four have to be there at the same time.
	job_leaves 4 'hold="until [ -e $share/done ]; do sleep 0.1; done"' '(setsid ch-run $IMG -- sleep $mark &)' \
		'srun -n1 sh -c "(setsid ch-run -u 0 $IMG -- sleep $mark &) ; ch-run $IMG -- sh -c \"sleep $mark & exit\"; $hold" &' \
		'srun -n1 --overlap sh -c "ch-run $IMG -- sleep $mark & $hold" &' \
		'for i in {1..100}; do (( $(pgrep -cf "^sleep $mark") < 4 || $(ours ch-keeper | wc -l) > 4 )) || break; sleep 0.1; done' \
		'cat $(ours ch-keeper | sed "s,.*,/proc/&/cgroup,") >$share/groups'
	# In all of the hierarchies that Slurm tracks processes with
	(($(grep -c 'freezer\|^0::' "$share/groups") >= 4))
	run ! grep -vE ':/[^.].*/job_[0-9]+' <(grep 'freezer' "$share/groups" || grep '^0::' "$share/groups")
	assert_equal "$output" ""
}

@test "leave: nobody can move out of the job's group" {
	job_leaves 1 'srun -n1 --ch-uid=0 --ch-image=$IMG --ch-bind=$share:/share sh -c "
		for f in \$(find /sys/fs/cgroup -name cgroup.procs -o -name tasks); do
			echo \$\$ 2>/dev/null >\$f && echo moved by \$f; done; touch /share/started; exec sleep $mark" &' \
		'while [ ! -e $share/started ]; do sleep 0.1; done' 'disown -a'
	run ! grep moved "$share/out"
}

@test "leave: what starts inside and tries to use the keeper's descriptors gets none" {
	cp "$top/tests/slurm/poke" "$share"
	cat >"$share/enter" <<-'END'
		import os, sys
		for pid in sys.argv[1:]:
		    for n in range(64):
		        for kind in "fd", "map_files":
		            try:
		                os.close(os.open(f"/proc/{pid}/{kind}/{n}", os.O_RDONLY))
		                print("opened", pid, n)
		            except OSError:
		                pass
	END
	job_leaves 1 'srun -n1 --ch-image=$IMG --ch-bind=$share:/share sh -c "
			touch /share/started; exec sleep $mark" &' \
		'while [ ! -e $share/started ]; do sleep 0.1; done' \
		'pids="$(ours ch-keeper) $(ours ch-server)"' \
		'/usr/bin/python3 $share/poke $pids; /usr/bin/python3 $share/enter $pids; echo tried $pids' 'disown -a'
	assert_match "$(<"$share/out")" 'tried [0-9]+ [0-9]+'
	run ! grep -E 'opened| ok' "$share/out"
}
