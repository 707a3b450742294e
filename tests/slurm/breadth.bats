#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Steps side by side, jobs of several components, users beside each other, and what
# operators do to running jobs
# shellcheck disable=SC2016 # variables for shells on the nodes

load ../lib/slurm

setup_file() {
	slurm_up --cpus 8
	IMG=$(image tiny)
	export IMG
}
teardown_file() { slurm_down; }
setup() { slurm_setup; }
teardown() { slurm_teardown; }

# Is this the host (its os-release), or the image?
readonly where='[ -e /ch/config.pulled.json ] && echo inside || echo outside'

# A batch script at $share/job: options, then the commands from stdin
script() {	# OPTIONS...
	{
		printf '#!/bin/bash\n#SBATCH -o %s/out\n' "$share"
		printf '#SBATCH %s\n' "$@"
		cat
	} >"$share/job"
}

# launch USER NAME SRUN-OPTION...: a step that says where it is in $share/NAME, and reads
# the image until $share/end is made; $pid is srun
launch() {
	"$1" srun -n1 --job-name="$2" --ch-image="$IMG" --ch-bind="$share:/share" "${@:3}" sh -c "
		readlink /proc/self/ns/mnt >/share/$2.new; mv /share/$2.new /share/$2
		while [ ! -e /share/end ]; do
			/opt/bin/only-in-image >/dev/null || exit 3; sleep 0.1
		done" >"$share/$2.log" 2>&1 3>&- &
	pid=$!
}

started() {	# NAME...
	wait_until_empty 30 "not started: $(cat "$share"/*.log)" missing "${@/#/$share/}"
}

# ---- several components ---------------------------------------------------------------------

@test "breadth: a heterogeneous job: one image for all steps, or one for each group" {
	script "--ch-image=$IMG" -n1 hetjob -n2 <<-END
		srun --het-group=0,1 sh -c '$where'
		srun --het-group=1 sh -c '$where'
		srun --het-group=0 --ch-image=none sh -c '$where'
		srun --het-group=1 --ch-image=$share/none true
		echo failed: \$?
	END
	batch "$share/job"
	run sort "$share/out"
	assert_match "$output" "charlie: n[12]: image '$share/none': No such file or directory"
	run grep -E 'side|failed' "$share/out"
	assert_equal "$output" \
		$'inside\ninside\ninside\ninside\ninside\noutside\nfailed: 1'
}

@test "breadth: --overlap: two steps at once, each in a container of its own" {
	script "--ch-image=$IMG" -n2 "--ch-bind=$share:/share" <<-END
		for i in 1 2; do
			srun --overlap -n2 sh -c 'readlink /proc/self/ns/mnt >>/share/ns.'\$i'
				touch /share/started.'\$i'
				while [ ! -e /share/end ]; do sleep 0.1; done; /opt/bin/only-in-image' &
		done
		wait
	END
	run -0 user sbatch --parsable "$share/job"
	job=$output
	wait_until_empty 30 "not started" missing "$share"/started.{1,2}
	keepers_are 2
	touch "$share/end"
	job_wait "$job"
	assert_equal "$(sort -u "$share"/ns.* | wc -l)" 2
	assert_equal "$(cat "$share"/ns.* | wc -l)" 4
	assert_equal "$(sort -u "$share/out")" "only-in-image tiny"
	assert_equal "$(job_state "$job")" COMPLETED
}

@test "breadth: --overlap: one step ends, or is killed, and the other one goes on" {
	launch user first
	started first
	job=$(squeue -h -n first -o %A)
	run -0 user srun --jobid="$job" --overlap -n1 --ch-image="$IMG" /opt/bin/only-in-image
	user srun --jobid="$job" --overlap -n1 --ch-image="$IMG" --ch-bind="$share:/share" \
		sh -c 'touch /share/second; sleep 100' >/dev/null 2>&1 3>&- &
	second=$!
	started second
	user scancel "$job.2"
	wait "$second" || true
	keepers_are 1
	user touch "$share/end"
	wait "$pid" || fail "status $?: $(<"$share/first.log")"
}

@test "breadth: a heterogeneous job with MPI: one world" {
	mpi=$(image mpi)
	run -0 --separate-stderr user srun -Q -n2 --mpi=pmix --ch-image="$mpi" mpi-cma
	assert_match "$output" 'size 2 nodes 1'
	# Without a container, too, some of these hang in PMIx of Slurm 22.05, and srun with them.
	for _ in 1 2 3 4; do
		run user timeout -k 5 15 srun -Q -n2 --mpi=pmix --ch-image="$mpi" mpi-cma --require-cma : \
			-n2 mpi-cma --require-cma
		((status)) || break
		timeout 10 scancel --user "$test_user"
	done
	assert_equal "$status" 0
	assert_match "$output" 'size 4 nodes [12]'
}

# ---- surroundings ------------------------------------------------------------------------------

@test "breadth: TaskProlog and --task-prolog run inside, TaskEpilog outside" {
	printf '#!/bin/sh\necho print prolog $(%s)\n' "$where" >"$share/prolog"
	printf '#!/bin/sh\necho $(%s) >>%s/epilogs\n' "$where" "$share" >"$share/epilog"
	chmod 755 "$share/prolog" "$share/epilog"
	run -0 user srun -n1 --task-prolog="$share/prolog" --task-epilog="$share/epilog" \
		--ch-image="$IMG" true
	assert_equal "$output" "prolog inside"
	slurm_conf "TaskProlog=$share/prolog" "TaskEpilog=$share/epilog"
	run -0 user srun -n1 --ch-image="$IMG" true
	assert_equal "$output" "prolog inside"
	assert_equal "$(<"$share/epilogs")" $'outside\noutside'
	run -0 user srun -n1 true
	assert_equal "$output" "prolog outside"
}

@test "breadth: --export=NONE takes the user's variables, not the options" {
	# Slurm gives no PATH then: programs have to be named in full, with an image or not.
	run -0 user env SECRET=yes srun --export=NONE -n1 --ch-image="$IMG" --ch-env=FROM=option \
		/bin/sh -c "echo \${SECRET-none} \$FROM; $where"
	assert_equal "$output" $'none option\ninside'
	run -0 user env SECRET=yes srun --export=KEPT=1 -n1 --ch-image="$IMG" --ch-env=FROM=option \
		/bin/sh -c "echo \${SECRET-none} \$KEPT \$FROM; $where"
	assert_equal "$output" $'none 1 option\ninside'
	script "--ch-image=$IMG" "--ch-env=FROM=script" --export=NONE <<-END
		srun /bin/sh -c 'echo \$FROM; $where'
		srun --export=NONE /bin/sh -c 'echo \$FROM; $where'
	END
	batch "$share/job"
	assert_equal "$(<"$share/out")" $'script\ninside\nscript\ninside'
}

@test "breadth: -D: a directory that is missing inside, on the host, on both" {
	mkdir "$share/dir"
	# The host has it: a notice of ours, and /.
	run -0 user srun -n1 -D "$share/dir" --ch-image="$IMG" sh -c "$where; pwd"
	assert_equal "$output" "charlie: n1: using / as working directory, since the container lacks $share/dir"$'\ninside\n/'
	# The image has it: Slurm wants it on the host, says so, and uses /tmp.
	run -0 user srun -n1 -D /opt/bin --ch-image="$IMG" sh -c "$where; pwd"
	assert_match "$output" "couldn't chdir to \`/opt/bin': No such file or directory: going to /tmp instead"
	[[ $output != *charlie:* ]]
	assert_equal "$(tail -n 2 <<<"$output")" $'inside\n/tmp'
	# So there is an option of ours.
	run -0 user srun -n1 --ch-cd=/opt/bin --ch-image="$IMG" sh -c "$where; pwd"
	assert_equal "$output" $'inside\n/opt/bin'
	# Nobody has it.
	run -0 user srun -n1 -D "$share/none" --ch-image="$IMG" sh -c "$where; pwd"
	assert_match "$output" "couldn't chdir to \`$share/none': No such file or directory: going to /tmp instead"
	assert_equal "$(tail -n 2 <<<"$output")" $'inside\n/tmp'
	must_fail 1 --ch-cd=/none --ch-image="$IMG"
	assert_match "$output" "charlie: n1: working directory '/none' in the container: No such file or directory"
}

# ---- beside each other ----------------------------------------------------------------------------

@test "breadth: two users at once on one node: each in its own container, out of the other's reach" {
	chmod 777 "$share"
	launch user a -w n1
	one=$pid
	launch user2 b -w n1
	two=$pid
	started a b
	[[ $(<"$share/a") != "$(<"$share/b")" ]]
	keepers_are 2
	for who in user user2; do
		ours='' theirs=''
		for pid in $(pids_of ch-keeper) $(pids_of ch-server); do
			if [[ $(stat -c %u "/proc/$pid") == "$(id -u "$test_user")" ]]; then
				ours+=" $pid"
			else
				theirs+=" $pid"
			fi
		done
		[[ $who == user ]] || theirs=$ours
		# shellcheck disable=SC2086 # one word each
		run -0 "$who" /usr/bin/python3 "$top/tests/slurm/poke" $theirs
		assert_equal "$output" ""
		for pid in $theirs; do
			run ! "$who" kill -0 "$pid"
			run ! "$who" ls "/proc/$pid/root"
		done
	done
	touch "$share/end"
	wait "$one" || fail "status $?: $(<"$share/a.log")"
	wait "$two" || fail "status $?: $(<"$share/b.log")"
}

@test "breadth: two jobs of one user at once on one node, and root's" {
	chmod 777 "$share"
	launch user a -w n1
	one=$pid
	launch user b -w n1
	two=$pid
	launch root c -w n1
	three=$pid
	started a b c
	assert_equal "$(cat "$share"/{a,b,c} | sort -u | wc -l)" 3
	user scancel --name=a
	wait "$one" || true
	keepers_are 2
	touch "$share/end"
	wait "$two" || fail "status $?: $(<"$share/b.log")"
	wait "$three" || fail "status $?: $(<"$share/c.log")"
}

# ---- operators -----------------------------------------------------------------------------------

# A job that is run a second time ends then; $job is running for the first time
requeueable() {
	script "--ch-image=$IMG" "--ch-bind=$share:/share" --requeue -w n1 --open-mode=append <<-END
		srun sh -c 'echo run >>/share/runs; /opt/bin/only-in-image
			touch /share/started
			[ \$(wc -l </share/runs) = 1 ] && sleep 600; exit 0'
	END
	run -0 user sbatch --parsable "$share/job"
	job=$output
	wait_until_empty 30 "not started" missing "$share/started"
}

# Slurm would wait two minutes before the second run, so that the first is over.
run_again() {
	wait_until_empty 20 "not pending" is_not_pending
	wait_until_empty 20 "left of the first run" node_leftovers
	sleep 2		# Slurm tells the two runs' credentials apart by the second
	scontrol update "jobid=$job" starttime=now
	job_wait "$job"
	assert_equal "$(job_state "$job")" COMPLETED || fail "$(cat "$share/out")"
	assert_equal "$(job_state "$job" Restarts)" 1
	assert_equal "$(wc -l <"$share/runs")" 2
	assert_equal "$(grep -c '^only-in-image tiny$' "$share/out")" 2
}

is_not_pending() {
	[[ $(job_state "$job") == PENDING ]] || job_state "$job"
}

@test "breadth: requeue of a running job: nothing is left of the first run, the second works" {
	requeueable
	scontrol requeue "$job"
	run_again
}

# The node's processes but slurmd keep its namespaces
slurmd_kill() {	# NODE
	nsenter --target "$(node_pid "$1")" --mount --net --uts --ipc -- sleep 1000 3>&- &
	anchor=$!
	wait_until_empty 5 "no anchor" not_in "$1" "$anchor"
	kill -KILL "$(node_pid "$1")"
}

not_in() {	# NODE PID
	[[ $(readlink "/proc/$2/ns/mnt") == "$(readlink "/proc/$(node_pid "$1")/ns/mnt")" ]] || echo no
}

slurmd_start() {	# NODE
	local begin

	begin=$(slurmd_begin "$1")
	nsenter --target "$anchor" --mount --net --uts --ipc -- env -i PATH="$PATH" \
		CHARLIE_CLUSTER="$(<"$CH_CLUSTER/c/id")" SLURM_CONF="$SLURM_CONF" \
		setsid slurmd -D >>"$CH_CLUSTER/c/log/$1.out" 2>&1 3>&- &
	sed -i "s/^$1 .*/$1 $!/" "$CH_CLUSTER/c/pids"
	wait_until_empty 20 "no slurmd" begin_is "$1" "$begin"
	kill "$anchor"
}

# The slurmd that slurmctld knows of
slurmd_begin() {	# NODE
	timeout 10 scontrol show node "$1" | grep -o 'SlurmdStartTime=[^ ]*'
}

begin_is() {	# NODE BEGIN
	[[ $(slurmd_begin "$1") != "$2" ]] || echo "$2"
}

@test "breadth: slurmd is killed and started again: the steps of a user and of root go on" {
	chmod 777 "$share"
	launch user a -w n1
	one=$pid
	launch root b -w n1
	two=$pid
	started a b
	keepers_are 2
	keepers=$(pids_of ch-keeper)
	slurmd_kill n1
	slurmd_start n1
	assert_idle_or n1 'mixed|allocated'
	assert_equal "$(pids_of ch-keeper)" "$keepers"
	for who in user root; do
		run $who srun -w n1 -n1 --ch-image="$IMG" /opt/bin/only-in-image
		assert_equal "$status $output" '0 only-in-image tiny' ||
			fail "$(tail -n 30 "$CH_CLUSTER"/c/log/{n1,slurmctld}.log)"
	done
	touch "$share/end"
	wait "$one" || fail "status $?: $(<"$share/a.log")"
	wait "$two" || fail "status $?: $(<"$share/b.log")"
}

assert_idle_or() {	# NODE STATES
	wait_until_empty 20 "state" state_is_not "$@"
}

state_is_not() {	# NODE STATES
	timeout 10 sinfo -h -N -n "$1" -o '%T %E' | grep -vE "^($2) none\$" || true
}

@test "breadth: a node fails: its job is requeued, nothing is left, the second run works" {
	requeueable
	slurmd_kill n1
	scontrol update nodename=n1 state=down reason=test
	slurmd_start n1
	wait_until_empty 20 "not back" state_is_not n1 'idle|down'
	scontrol update nodename=n1 state=resume || true	# it may be back by itself
	run_again
}

@test "breadth: suspend and resume: the application stops, and reads its image afterwards" {
	user srun -n2 --job-name=sus --ch-image="$IMG" --ch-bind="$share:/share" sh -c '
		while [ ! -e /share/end ]; do
			/opt/bin/only-in-image >>/share/count || exit 3; sleep 0.05
		done' >"$share/log" 2>&1 3>&- &
	pid=$!
	wait_until_empty 30 "not started" missing "$share/count"
	keepers_are 1
	ours=$(pids_of ch-keeper; pids_of ch-server)
	job=$(squeue -h -n sus -o %A)
	for _ in 1 2; do
		scontrol suspend "$job"
		wait_until_empty 15 "not stopped" grows "$share/count"
		scontrol resume "$job"
		wait_until_empty 15 "not running" stands "$share/count"
	done
	assert_equal "$(pids_of ch-keeper; pids_of ch-server)" "$ours"
	touch "$share/end"
	wait "$pid" || fail "status $?: $(<"$share/log")"
}

@test "breadth: a job that is cancelled while it is suspended leaves nothing" {
	launch user a
	started a
	scontrol suspend "$(squeue -h -n a -o %A)"
	sleep 0.5
	user scancel --name=a
	wait "$pid" || true
	assert_idle
}
