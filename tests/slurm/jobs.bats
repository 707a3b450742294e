#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# All ways in which Slurm runs programs: with an image they work as without one
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

# A batch script at $share/job: options, then the commands from stdin
script() {	# OPTIONS...
	{
		printf '#!/bin/bash\n#SBATCH -o %s/out-%%a -e %s/err-%%a\n' "$share" "$share"
		printf '#SBATCH %s\n' "$@"
		cat
	} >"$share/job"
}

# Is this the host (its os-release), or the image?
readonly where='[ -e /ch/config.pulled.json ] && echo inside || echo outside'

@test "jobs: #SBATCH --ch-image: the script is outside, its steps are inside" {
	script "--ch-image=$IMG" <<-END
		$where
		srun sh -c '$where'
		srun /opt/bin/only-in-image
		$where
	END
	batch "$share/job"
	assert_equal "$(cat "$share"/out-*)" $'outside\ninside\nonly-in-image tiny\noutside'
	assert_equal "$(cat "$share"/err-*)" ""
}

@test "jobs: sbatch --ch-image on the command line, without #SBATCH" {
	script "-n1" <<<"$where; srun sh -c '$where'"
	batch --ch-image="$IMG" "$share/job"
	assert_equal "$(cat "$share"/out-*)" $'outside\ninside'
}

@test "jobs: srun --ch-image=none in a script is outside again" {
	script "--ch-image=$IMG" <<-END
		srun --ch-image=none sh -c '$where'
		srun sh -c '$where'
	END
	batch "$share/job"
	assert_equal "$(cat "$share"/out-*)" $'outside\ninside'
}

@test "jobs: --ch-script=yes puts the script inside" {
	script "--ch-image=$IMG" "--ch-script=yes" <<<"$where"
	sed -i '1s,.*,#!/bin/sh,' "$share/job"
	batch "$share/job"
	assert_equal "$(cat "$share"/out-*)" inside
	assert_equal "$(cat "$share"/err-*)" ""
}

@test "jobs: --ch-script=yes without a usable image: the job FAILED, the node is fine" {
	script "--ch-image=$share/none.sqfs" "--ch-script=yes" <<<"touch '$marker'"
	batch "$share/job"
	[[ ! -e $marker ]]
	assert_equal "$(job_state "$job")" FAILED
	output=$(cat "$share"/err-* "$share"/out-*)
	assert_lines 1
	assert_match "$output" "charlie: n1: image '$share/none.sqfs': No such file or directory"
}

@test "jobs: a step that fails fails a job that ends with it" {
	script "--ch-image=$share/none.sqfs" <<<"srun touch '$marker'"
	batch "$share/job"
	assert_equal "$(job_state "$job")" FAILED
	[[ ! -e $marker ]]
	output=$(cat "$share"/err-*)
	assert_lines 1
}

@test "jobs: salloc: the command is outside, its steps are inside" {
	run -0 user salloc -Q -n1 --ch-image="$IMG" sh -c \
		"$where; srun sh -c '$where'; srun --ch-image=none sh -c '$where'"
	assert_equal "$output" $'outside\ninside\noutside'
}

@test "jobs: an interactive step: its shell is outside, its steps are inside" {
	sed '$a LaunchParameters=use_interactive_step' "$SLURM_CONF" >"$CH_CLUSTER/c/etc/slurm.inter"
	export SLURM_CONF=$CH_CLUSTER/c/etc/slurm.inter
	user tee "$share/where" <<<"$where" >/dev/null
	run -0 user python3 "$top/tests/slurm/pty" "sh $share/where" "srun sh $share/where" 'exit 0' -- \
		env SHELL=/bin/sh salloc -Q -n1 --ch-bind="$share" --ch-image="$IMG"
	assert_equal "$(tr -d '\r' <<<"$output" | grep -xE 'inside|outside')" $'outside\ninside'

	run -0 user python3 "$top/tests/slurm/pty" "sh $share/where" 'exit 0' -- \
		env SHELL=/bin/sh salloc -Q -n1 --ch-bind="$share" --ch-script=yes --ch-image="$IMG"
	assert_equal "$(tr -d '\r' <<<"$output" | grep -xE 'inside|outside')" inside
}

@test "jobs: arrays: the steps of each task are inside" {
	script "--ch-image=$IMG" "--array=1-3" <<<'srun sh -c "echo \$SLURM_ARRAY_TASK_ID; only-in-image"'
	sed -i 's,only-in-image,/opt/bin/only-in-image,' "$share/job"
	batch "$share/job"
	for i in 1 2 3; do
		assert_equal "$(<"$share/out-$i")" "$i"$'\n'"only-in-image tiny"
		assert_equal "$(<"$share/err-$i")" ""
	done
}

@test "jobs: --multi-prog, programs only in the image" {
	printf '%s\n' '0 /opt/bin/only-in-image' '1 /bin/echo rank %t' '2-3 basename a/%o' >"$share/progs"
	run -0 user srun -N2 -n4 -l --multi-prog --ch-image="$IMG" "$share/progs"
	assert_equal "$(sort <<<"$output")" \
		$'0: only-in-image tiny\n1: rank 1\n2: 0\n3: 1'
}

@test "jobs: -l puts the rank in front of each line" {
	run -0 user srun -N2 -n4 -l --ch-image="$IMG" sh -c 'echo out $SLURM_PROCID; echo err >&2'
	assert_equal "$(grep out <<<"$output" | sort)" \
		$'0: out 0\n1: out 1\n2: out 2\n3: out 3'
	assert_equal "$(grep err <<<"$output" | sort)" $'0: err\n1: err\n2: err\n3: err'
}

@test "jobs: standard input reaches the application" {
	run -0 user srun -n1 --ch-image="$IMG" cat <<<"some input"
	assert_equal "$output" "some input"
	run -0 user srun -n1 --ch-image="$IMG" wc -c < <(head -c 1000000 /dev/zero)
	assert_match "$output" '1000000'
}

@test "jobs: files of standard output are written outside, by rank" {
	run -0 user srun -n2 -o "$share/o.%t" --ch-image="$IMG" sh -c 'echo $SLURM_PROCID'
	assert_equal "$(<"$share/o.0") $(<"$share/o.1")" "0 1"
}

@test "jobs: exit codes arrive unchanged" {
	for code in 0 1 2 7 42 127 255; do
		run "-$code" user srun -n1 --ch-image="$IMG" sh -c "exit $code"
		((code == 0)) || assert_match "$output" "Exited with exit code $code"
	done
	# The highest wins.
	run -9 user srun -n4 --ch-image="$IMG" sh -c 'exit $((SLURM_PROCID * 3))'
}

@test "jobs: a signal that ends the application arrives unchanged" {
	run -139 user srun -n1 --ch-image="$IMG" sh -c 'kill -SEGV $$'
	assert_match "$output" 'Segmentation fault'
	run -134 user srun -n1 --ch-image="$IMG" sh -c 'kill -ABRT $$'
	assert_match "$output" 'Aborted'
	run -137 user srun -n1 --ch-image="$IMG" sh -c 'kill -KILL $$'
}

@test "jobs: a program that is nowhere: Slurm's message, exit code 2" {
	run -2 user srun -n1 --ch-image="$IMG" no-such-program
	assert_match "$output" 'execve\(\): no-such-program: No such file or directory'
	# Not with tiny: slurmstepd exits with errno as localtime(3) leaves it, and that looks
	# for /etc/localtime.
	run -13 user srun -n1 --ch-image="$(image mpi)" /etc/passwd
	assert_match "$output" 'execve\(\): /etc/passwd: Permission denied'
}

# start JOB-COMMAND...: in the background, until it has made $share/started
start() {
	rm -f "$share/started"
	"${who-user}" "$@" >"$share/log" 2>&1 3>&- &
	pid=$!
	wait_until_empty 30 "not started: $(cat "$share/log")" missing "$share/started"
}

missing() {
	[[ -e $1 ]] || echo "$1"
}

# Reports the arrival of a signal in a file that all nodes see. The image is read anew
# when the signal arrives.
readonly trapper='trap "/opt/bin/only-in-image >/share/got" %s; touch /share/started
	while [ ! -e /share/got ]; do sleep 0.1; done; exit 5'

@test "jobs: scancel --signal reaches the application, and it can still use the image" {
	start srun -n1 --job-name=sig --ch-bind="$share:/share" --ch-image="$IMG" \
		sh -c "${trapper//%s/USR1}"
	job=$(squeue -h -n sig -o %A)
	user scancel --signal=USR1 "$job.0"
	status=0
	wait "$pid" || status=$?
	assert_equal "$status" 5
	assert_equal "$(<"$share/got")" "only-in-image tiny"
}

@test "jobs: scancel ends a step, with its processes in the background" {
	start srun -N2 -n2 --job-name=can --ch-bind="$share:/share" --ch-image="$IMG" \
		sh -c 'setsid sleep 600 & trap "" TERM; touch /share/started; sleep 600; sleep 600'
	job=$(squeue -h -n can -o %A)
	user scancel "$job"
	wait "$pid" || true
	job_wait "$job"
	assert_equal "$(job_state "$job")" CANCELLED
}

@test "jobs: TERM comes first, then KILL after KillWait" {
	start srun -n1 --job-name=term --ch-bind="$share:/share" --ch-image="$IMG" \
		sh -c "${trapper//%s/TERM}"
	user scancel --name=term
	wait "$pid" || true
	assert_equal "$(<"$share/got")" "only-in-image tiny"
}

@test "jobs: --time ends a job" {
	# The shortest limit is a minute, and Slurm looks twice a minute. So the end of the
	# running job is moved: root may.
	chmod 777 "$share"
	for who in user root; do
		start srun -n1 --job-name=lim --ch-bind="$share:/share" --ch-image="$IMG" \
			sh -c 'touch /share/started; sleep 600'
		job=$(squeue -h -n lim -o %A)
		scontrol update "jobid=$job" endtime=now+1
		status=0
		wait "$pid" || status=$?
		((status != 0))
		assert_match "$(<"$share/log")" 'DUE TO TIME LIMIT'
		job_wait "$job"
		assert_equal "$(job_state "$job")" TIMEOUT
	done
}

@test "jobs: Ctrl-C twice ends srun and the step" {
	start srun -n2 --job-name=int --ch-bind="$share:/share" --ch-image="$IMG" \
		sh -c 'touch /share/started; exec sleep 600'
	pkill -INT -f -u "$test_user" -x "srun -n2 --job-name=int .*"
	sleep 0.1
	pkill -INT -f -u "$test_user" -x "srun -n2 --job-name=int .*"
	status=0
	wait "$pid" || status=$?
	((status != 0))
}

@test "jobs: --pty: a terminal, its size, its exit code" {
	run -7 user python3 "$top/tests/slurm/pty" -- srun -n1 --pty --ch-image="$IMG" \
		sh -c 'test -t 0 && test -t 1 && test -t 2 || exit 1; stty size; tty; read x; echo "got $x"; exit 7'
	assert_match "$output" '31 97'
	assert_match "$output" '/dev/pts/'
	assert_match "$output" 'got typed'
}

@test "jobs: --pty: an interactive shell in the image" {
	run -0 user python3 "$top/tests/slurm/pty" '/opt/bin/only-in-image' 'exit 0' -- \
		srun -n1 --pty --ch-image="$IMG" sh -i
	assert_match "$output" 'only-in-image tiny'
}

@test "jobs: --overlap, and sattach" {
	script "--ch-image=$IMG" "-n2" <<-END
		srun --overlap -n1 sh -c '$where' &
		srun --overlap -n2 sh -c '$where' &
		wait
	END
	batch "$share/job"
	assert_equal "$(cat "$share"/out-*)" $'inside\ninside\ninside'

	start srun -n1 --job-name=att --ch-bind="$share:/share" --ch-image="$IMG" \
		sh -c 'touch /share/started; while [ ! -e /share/end ]; do echo tick; sleep 0.1; done'
	job=$(squeue -h -n att -o %A)
	user sattach "$job.0" >"$share/attached" 2>&1 3>&- &
	attached=$!
	wait_until_empty 20 "sattach shows nothing" lacks "$share/attached" tick
	user touch "$share/end"
	wait "$pid" "$attached"
}

lacks() {
	grep -q "$2" "$1" || cat "$1" - <<<"lacks $2"
}

@test "jobs: heterogeneous jobs: the image is for all components" {
	run -0 user srun -Q -n1 --ch-image="$IMG" sh -c "$where" : -n2 sh -c "$where"
	assert_equal "$output" $'inside\ninside\ninside'
}

@test "jobs: --bcast copies the program to the nodes, and it runs inside" {
	printf '#!/bin/sh\n%s\n' "$where" >"$share/prog"
	chmod 755 "$share/prog"
	run -0 user srun -N2 -n2 --bcast=/tmp/ch-prog --ch-image="$IMG" "$share/prog"
	assert_equal "$output" $'inside\ninside'
	on_node n1 rm /tmp/ch-prog
	on_node n2 rm /tmp/ch-prog
}

prologs() {
	printf '%s\n' '#!/bin/sh' 'echo export FROM_PROLOG=yes' 'echo print prolog' >"$share/prolog"
	printf '%s\n' '#!/bin/sh' "echo epilog >>$share/epilogs" >"$share/epilog"
	chmod 755 "$share/prolog" "$share/epilog"
}

@test "jobs: TaskProlog and TaskEpilog of slurm.conf run; the prolog's variables arrive" {
	prologs
	slurm_conf "TaskProlog=$share/prolog" "TaskEpilog=$share/epilog"
	run -0 user srun -N2 -n2 --ch-image="$IMG" sh -c 'echo $FROM_PROLOG'
	assert_equal "$(sort <<<"$output")" $'prolog\nprolog\nyes\nyes'
	assert_equal "$(<"$share/epilogs")" $'epilog\nepilog'
}

@test "jobs: --task-prolog and --task-epilog run; the prolog's variables arrive" {
	prologs
	SLURM_TASK_PROLOG=$share/prolog run -0 user srun -n1 --task-epilog="$share/epilog" \
		--ch-image="$IMG" sh -c 'echo $FROM_PROLOG'
	assert_equal "$output" $'prolog\nyes'
	assert_equal "$(<"$share/epilogs")" epilog
	run -0 user srun -n1 --task-prolog="$share/prolog" --ch-image="$IMG" sh -c 'echo $FROM_PROLOG'
	assert_equal "$output" $'prolog\nyes'
}

@test "jobs: limits of the submitting shell are those of the application" {
	local limits='ulimit -S -n 300; ulimit -S -c 5; ulimit -S -s 4000'

	run -0 user bash -c "$limits; srun -n1 cat /proc/self/limits"
	assert_match "$output" 'Max open files  *300 '
	bare=$output
	run -0 user bash -c "$limits; srun -n1 --ch-image='$IMG' cat /proc/self/limits"
	assert_equal "$output" "$bare"
}

@test "jobs: many ranks: all of them, in one container a node" {
	run -0 user srun -O -N2 -n64 --ch-image="$IMG" readlink /proc/self/ns/mnt
	assert_equal "$(wc -l <<<"$output")" 64
	assert_equal "$(sort -u <<<"$output" | wc -l)" 2
}

@test "jobs: a step without an image has the environment as without the plugin" {
	user srun -n1 env >"$share/with"
	: >"$CH_CLUSTER/c/etc/plugstack.conf"
	user srun -n1 env >"$share/without"
	# Numbers of jobs, processes and ports differ anyway.
	run -0 diff <(sed 's/=.*//' "$share/with" | sort) <(sed 's/=.*//' "$share/without" | sort)
	run -0 diff <(grep -v ^SLURM "$share/with" | sort) <(grep -v ^SLURM "$share/without" | sort)
}

@test "jobs: a step without an image has no keeper" {
	start srun -n1 --job-name=bare sh -c "touch $share/started; sleep 5"
	run node_processes
	assert_match "$output" 'sleep 5'
	[[ $output != *ch-keeper* && $output != *ch-server* ]]
	user scancel --name=bare
	wait "$pid" || true

	start srun -n1 --job-name=in --ch-bind="$share:/share" --ch-image="$IMG" \
		sh -c 'touch /share/started; sleep 5'
	run node_processes
	[[ $output == *ch-keeper* && $output == *ch-server* ]]	# the test can tell
	user scancel --name=in
	wait "$pid" || true
}
