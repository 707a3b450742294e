# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# slurm.bash - what the bats files of tests/slurm share: a cluster with the plugin
#
#     load ../lib/slurm
#     setup_file() { slurm_up [OPTION OF contrib/cluster]...; }
#     teardown_file() { slurm_down; }
#     setup() { slurm_setup; }
#     teardown() { slurm_teardown; }
#
# Variables for tests, beside those of common.bash:
#   $share     directory of this test, which all nodes see; the ordinary user's
#   $marker    file that an application makes if it runs on the host: see must_fail
#
# Functions for tests:
#   user CMD...              run CMD as the ordinary user, for a minute at most
#   user2 CMD..., root CMD...   the same as another user, as root
#   plugstack WORDS...       for what starts from now on, the plugin is configured so
#   plugstack_here WORDS...  the same for srun, sbatch, salloc only: nodes keep theirs
#   slurm_conf LINE...       add to slurm.conf, for this test
#   on_node NODE CMD...      run CMD as root in the namespaces of a node
#   batch ARG..., batch_by USER ARG...   sbatch, and wait for the job's end; $job is its number
#   job_wait JOB             wait until JOB is over
#   job_state JOB [FIELD]    what Slurm says of JOB: JobState, or another field
#   syslog_up NODE ARGS, syslog_down NODE ARGS   a system log on NODE: tests/slurm/syslogd
#   must_fail N OPTION...    srun a program with these options: it must fail, with one
#                            line "charlie: NODE: " for each of N nodes, and not run on
#                            the host; $output has what was printed. Run by "${who-user}"
#   both_fail N REGEX OPTION...   must_fail as the user and as root, with REGEX in $output,
#                            and nodes that are idle afterwards
#   at_once FUNCTION ARG...  call FUNCTION with $who user and $node n1, and with $who root and
#                            $node n2, at the same time; fails unless both succeed
#   compiled NAME            print the path of the program tests/lib/NAME.c, or of the plugin
#                            "contain", made on first use
#   node_processes           "NODE: process PID CMDLINE" of all but the slurmds; "n?" of image
#                            servers that have left the node's namespaces
#   pids_of NAME             process ids of programs of ours on the nodes
#   keepers_are N            wait until there are so many processes ch-keeper: builders, which
#                            have that name, too, may end a moment after the start
#   grows FILE, stands FILE  print something if FILE becomes longer within a second, or does not:
#                            for wait_until_empty
#   missing FILE...          print those that are not there: for wait_until_empty
#
# slurm_teardown fails unless all jobs are over, the nodes idle, and nothing remains on
# them: no process, mount, cgroup, abstract socket, no file in /tmp, /dev/shm and /run; and
# if slurmd or slurmstepd crashed, or said that it could not end a step.

load "${BASH_SOURCE[0]%/*}/common"

# ---- the cluster ----------------------------------------------------------------------

slurm_up()
{
	((EUID == 0)) || fail "Slurm tests need root" || return
	[[ ${plugin-} && -e $plugin ]] || fail "no installation; set CH_PREFIX" || return
	need_user "$test_user"
	need_user "$test_user2"
	# Not below /tmp: nodes have one of their own.
	CH_CLUSTER=$(mktemp -d /var/tmp/ch-slurm-test.XXXXXX)
	chmod 755 "$CH_CLUSTER"
	export CH_CLUSTER
	# bats waits for the end of all who have its descriptors.
	"$top/contrib/cluster" up --dir "$CH_CLUSTER/c" --plugin "$plugin" "$@" 3>&- 4>&- || return
	[[ ${CH_TEST_IMAGES-} ]] || export CH_TEST_IMAGES=$CH_CLUSTER/images
	cp "$CH_CLUSTER"/c/etc/{plugstack,slurm}.conf "$CH_CLUSTER"
}

slurm_down()
{
	[[ ${CH_CLUSTER-} ]] || return 0
	"$top/contrib/cluster" down --dir "$CH_CLUSTER/c" 3>&- 4>&-
	rm -rf "$CH_CLUSTER"
}

slurm_setup()
{
	share=$CH_CLUSTER/c/share/$BATS_TEST_NUMBER
	# shellcheck disable=SC2034
	marker=$share/ran-on-the-host
	mkdir "$share"
	chown "$test_user:" "$share"
	export SLURM_CONF=$CH_CLUSTER/c/etc/slurm.conf
	logs_seen=$(log_sizes)
	crashes_seen=$(crashes)
	traces_files | grep '^file /run/' | sort >"$BATS_TEST_TMPDIR/.run" || true
	# Where everybody is at home, also in a container.
	cd /
}

slurm_teardown()
{
	local status=0

	restore_conf
	# What a failed test left is not the next one's.
	[[ ${BATS_TEST_COMPLETED-} ]] || slurm_clear
	assert_idle || status=1
	assert_clean || status=1
	assert_no_crash || status=1
	rm -rf "${share:?}"
	return $status
}

slurm_clear()
{
	local node

	timeout 10 scancel --user "$test_user" || true
	timeout 10 scancel --user "$test_user2" || true
	timeout 10 scancel --user root || true
	sleep 2
	for node in $(node_names); do
		scontrol update "nodename=$node" state=resume 2>/dev/null || true
		on_node "$node" find /tmp /dev/shm -mindepth 1 -delete
	done
}

slurm_conf()
{
	printf '%s\n' "$@" >>"$CH_CLUSTER/c/etc/slurm.conf"
	scontrol reconfigure
}

restore_conf()
{
	local etc=$CH_CLUSTER/c/etc

	export SLURM_CONF=$etc/slurm.conf
	cp "$CH_CLUSTER/plugstack.conf" "$etc"
	cmp -s "$CH_CLUSTER/slurm.conf" "$etc/slurm.conf" && return
	cp "$CH_CLUSTER/slurm.conf" "$etc"
	scontrol reconfigure
}

plugstack()
{
	printf '%s %s %s\n' "$1" "$plugin" "${*:2}" >"$CH_CLUSTER/c/etc/plugstack.conf"
}

plugstack_here()
{
	local etc=$CH_CLUSTER/c/etc

	sed "s,^PlugStackConfig=.*,PlugStackConfig=$etc/plugstack.here," "$etc/slurm.conf" \
		>"$etc/slurm.here"
	printf '%s %s %s\n' "$1" "$plugin" "${*:2}" >"$etc/plugstack.here"
	export SLURM_CONF=$etc/slurm.here
}

# ---- running things ---------------------------------------------------------------------

user()
{
	for_a_minute "$test_user" "$@"
}

user2()
{
	for_a_minute "$test_user2" "$@"
}

root()
{
	for_a_minute root "$@"
}

for_a_minute()	# USER CMD...
{
	local home

	home=$(getent passwd "$1" | cut -d: -f6)
	timeout -k 5 60 runuser -u "$1" -- env --unset=TMPDIR HOME="$home" USER="$1" \
		LOGNAME="$1" SHELL=/bin/bash "${@:2}"
}

node_names()
{
	awk '$1 ~ /^n[0-9]+$/ { print $1 }' "$CH_CLUSTER/c/pids"
}

# The process id of NODE's slurmd
node_pid()
{
	awk -v node="$1" '$1 == node { print $2 }' "$CH_CLUSTER/c/pids"
}

on_node()
{
	nsenter --target "$(node_pid "$1")" --mount --net --uts --ipc -- "${@:2}"
}

job_state()
{
	scontrol show job "$1" -o | grep -o " ${2-JobState}=[^ ]*" | head -n 1 | cut -d= -f2-
}

batch()
{
	batch_by user "$@"
}

batch_by()
{
	run -0 "$1" sbatch --parsable "${@:2}" || return
	# shellcheck disable=SC2034
	job=${lines[-1]}
	job_wait "$job"
}

job_wait()
{
	local end=$((SECONDS + 60))

	while squeue -h -t all -o %T -j "$1" | grep -qE 'PENDING|RUNNING|SUSPENDED|COMPLETING'; do
		((SECONDS < end)) || fail "job $1 is still $(job_state "$1")" || return
		sleep 0.1
	done
}

must_fail()
{
	local nodes=$1

	shift
	run "${who-user}" srun -N "$nodes" "$@" touch "$marker"
	((status != 0)) || fail "srun succeeded:" "$output" || return
	assert_lines "$nodes" || return
	[[ ! -e $marker ]] || fail "the application ran on the host:" "$output"
}

both_fail()
{
	local nodes=$1 regex=$2 who

	shift 2
	for who in user root; do
		must_fail "$nodes" "$@" && assert_match "$output" "$regex" && assert_idle ||
			fail "as $who" || return
	done
}

at_once()
{
	local who node pid pids=() status=0

	for who in user root; do
		node=$([[ $who == user ]] && echo n1 || echo n2)
		"$@" 3>&- &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid" || status=1
	done
	return $status
}

# $output has one line of ours for each of N nodes, and no more of ours.
assert_lines()
{
	local got wanted

	wanted=$(node_names | head -n "$1" | sort)
	got=$(sed -n 's/^charlie: \(n[0-9]*\): .*/\1/p' <<<"$output" | sort)
	assert_equal "$got" "$wanted" || fail "$output" || return
	# What srun says in advance of an image that it does not see is not about a node.
	got=$(grep charlie: <<<"$output" | grep -vc "^srun: charlie: image '.*' is not visible here;")
	assert_equal "$got" "$1" || fail "$output"
}

# No system log on a test node: here is one, in a /dev of its own.
syslog_up()
{
	# shellcheck disable=SC2016
	on_node "$1" sh -c 'mkdir /tmp/dev && mount -t tmpfs dev /tmp/dev && cd /dev &&
		cp -a null zero full random urandom tty ptmx fuse /tmp/dev && mkdir /tmp/dev/pts /tmp/dev/shm &&
		mount --bind pts /tmp/dev/pts && mount --bind shm /tmp/dev/shm && mount --rbind /tmp/dev /dev &&
		umount -R /tmp/dev && rmdir /tmp/dev' || return
	on_node "$1" python3 "$top/tests/slurm/syslogd" "${@:2}" 3>&- 4>&- &
	wait_until_empty 10 "syslogd has not started" no_syslog "${@: -1}"
}

no_syslog()
{
	[[ -e $1 ]] || echo "$1"
}

syslog_down()
{
	kill "$(node_processes | grep -F "syslogd ${*:2}" | cut -d' ' -f3)"
	on_node "$1" umount --recursive --lazy /dev
}

# ---- nothing is left ----------------------------------------------------------------------

# wait_until_empty SECONDS WHAT CMD...: until CMD prints nothing; else fail with what it prints
wait_until_empty()
{
	local end=$((SECONDS + $1)) left

	while :; do
		left=$("${@:3}")
		[[ $left ]] || return 0
		((SECONDS < end)) || break
		sleep 0.1
	done
	fail "$2:" "$left"
}

busy_nodes()
{
	timeout 10 sinfo -h -N -o '%N %T %E' |
		grep -v ' idle none$' || true
}

assert_idle()
{
	wait_until_empty 15 "nodes are not idle" busy_nodes
}

# All processes in the network namespace of a node but its slurmd. Whatever a job does, it
# cannot leave that; but image servers do, who have left all that could tell the node: so
# those of our installation count. Zombies have no namespaces, and no program.
node_processes()
{
	local node pid net

	{
		for node in $(node_names); do
			pid=$(node_pid "$node")
			net=$(readlink "/proc/$pid/ns/net")
			find /proc/[0-9]*/ns/net -maxdepth 0 -lname "*${net//[^0-9]/}*" 2>/dev/null |
				cut -d/ -f3 | grep -vx "$pid" | sed "s/^/$node: process /"
		done
		find -L /proc/[0-9]*/exe -maxdepth 0 -samefile "$prefix/libexec/ch-server" 2>/dev/null |
			cut -d/ -f3 | sed 's/^/n?: process /'
	} | sort -u -k3,3 | with_cmdlines
}

# Lines that end in a process id, with its command line
with_cmdlines()
{
	local line cmdline

	while read -r line; do
		{ cmdline=$(tr '\0' ' ' <"/proc/${line##* }/cmdline"); } 2>/dev/null || continue
		printf '%s %s\n' "$line" "$cmdline"
	done
}

pids_of()
{
	node_processes | awk -v name="$1" '$4 == name { print $3 }'
}

keepers_are()
{
	wait_until_empty 10 "keepers" other_than "$1" pids_of ch-keeper
}

# other_than N CMD...: what CMD prints, and that it is not N lines
other_than()
{
	local lines

	lines=$("${@:2}")
	(($(grep -c . <<<"$lines") == $1)) || printf '%s\n' "not $1:" "$lines"
}

grows()
{
	local before

	before=$(stat -c %s "$1")
	sleep 1
	(($(stat -c %s "$1") == before)) || echo "$1 grows"
}

stands()
{
	[[ ! $(grows "$1") ]] || return 0
	echo "$1 stands still"
}

missing()
{
	local file

	for file; do [[ -e $file ]] || echo "missing: $file"; done
}

# Groups of steps, jobs and users in the nodes' trees, in a cluster that uses cgroups
groups_left()
{
	find /sys/fs/cgroup -path "*/charlie-cluster-$(<"$CH_CLUSTER/c/id")/*" -type d \
		-regex '.*/\(step_\|job_\|uid_\).*'
}

node_leftovers()
{
	local node pid

	node_processes
	for node in $(node_names); do
		pid=$(node_pid "$node")
		on_node "$node" find /tmp /dev/shm -mindepth 1 -printf "$node: file %p\n"
		grep -E ' - (fuse\.charlie|tmpfs charlie |overlay )' "/proc/$pid/mountinfo" |
			sed "s/^/$node: mount /"
		awk -v node="$node" '$8 ~ /^@/ { print node ": socket " $8 }' "/proc/$pid/net/unix"
	done
	groups_left
	traces_files | grep '^file /run/' | sort | comm -13 "$BATS_TEST_TMPDIR/.run" -
	return 0
}

assert_clean()
{
	wait_until_empty 8 "left behind" node_leftovers
}

# Bytes in the log of each node
log_sizes()
{
	local node

	for node in $(node_names); do
		echo "$node $(stat -c %s "$CH_CLUSTER/c/log/$node.log")"
	done
}

# How often the kernel has seen a daemon of Slurm's crash
crashes()
{
	dmesg 2>/dev/null | grep -cE '(slurmd|slurmstepd)\[[0-9]+\].*(segfault|trap|fault)' || true
}

assert_no_crash()
{
	local node size bad

	assert_equal "$(crashes)" "$crashes_seen" || return
	while read -r node size; do
		bad=$(tail -c "+$((size + 1))" "$CH_CLUSTER/c/log/$node.log" |
			grep -iE 'segfault|core dumped|kill task failed|stepd.*(abort|crash)') || true
		[[ ! $bad ]] || fail "log of $node:" "$bad" || return
	done <<<"$logs_seen"
}

# ---- programs of the tests ----------------------------------------------------------------

compiled()
{
	local out=$CH_CLUSTER/$1 source=$top/tests/lib/$1.c flags=()

	case $1 in
	badfs) read -ra flags < <(pkg-config --cflags --libs fuse3) ;;
	contain) source=$top/tests/slurm/$1.c flags=(-shared -fPIC) ;;
	esac
	[[ -x $out ]] || "${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -o "$out" "$source" "${flags[@]}" >&2 || return
	printf '%s\n' "$out"
}

# ---- many steps in a row ---------------------------------------------------------------

# Descriptors, children and mounts of slurmd, and the node's namespaces
slurmd_state() {
	local pid
	pid=$(node_pid n1)
	echo "descriptors $(find "/proc/$pid/fd" -mindepth 1 -printf '%l\n' |
		sed 's/:.*//' | sort | uniq -c | xargs)"
	echo "children $(pgrep -P "$pid" | wc -l)"
	echo "mounts $(wc -l <"/proc/$pid/mountinfo")"
	echo "namespaces $(node_namespaces "$pid" | wc -l)"
}

# slurmd's state in $output, when all has been done that follows the end of a step
steady_state() {
	wait_until_empty 10 "slurmd is not steady" is_unsteady
	output=$(slurmd_state)
}

is_unsteady() {
	local before

	before=$(slurmd_state)
	sleep 0.5
	differs "$before"
}

differs() {	# STATE
	diff <(echo "$1") <(slurmd_state) || true
}

# User and mount namespaces of all processes of a node, given its slurmd
node_namespaces() {	# PID
	local pid

	for pid in "$1" $(node_processes | cut -d' ' -f3); do
		readlink "/proc/$pid/ns/user" "/proc/$pid/ns/mnt" || true
	done 2>/dev/null | sort -u
}

# Memory of slurmd that belongs to it alone, in kB
slurmd_memory() {
	awk '$1 == "Private_Dirty:" { print $2 }' \
		"/proc/$(node_pid n1)/smaps_rollup"
}

# Pairs of steps, without and with an image, one after the other, in microseconds each.
# A machine that others use, too, gets slower and faster; the two of a pair do so together.
steps() {	# NUMBER
	# shellcheck disable=SC2016
	printf '%s\n' '#!/bin/bash' 'now() { t=${EPOCHREALTIME/./}; }' \
		"for ((i = 0; i < $1; i++)); do" \
		'now; a=$t; srun -n1 true || exit; now; b=$t' \
		"srun -n1 --ch-image=$IMG true || exit; now" \
		'echo $((b - a)) $((t - b)); done' >"$share/job"
	chmod 755 "$share/job"
	timeout "$(($1 * 4))" runuser -u "$test_user" -- salloc -Q -n1 "$share/job"
}

# NUMBER pairs of steps leave slurmd as it was, and the last are as fast as the first.
assert_no_leak() {	# NUMBER
	local before round memory
	steps 10 >/dev/null	# what is loaded once
	assert_idle
	steady_state
	before=$output
	memory=$(slurmd_memory)
	steps "$1" >"$share/times"
	assert_idle
	wait_until_empty 5 "not as before" differs "$before"	# a moment after the end
	assert_clean
	memory=$(($(slurmd_memory) - memory))
	((memory < 512)) || fail "slurmd grew by $memory kB"

	# A leak would not go away when one looks again: chance does.
	for round in 1 2 3; do
		if is_steady "$share/times"; then return; fi
		((round == 3)) || steps "$1" >"$share/times"
	done
	fail "the last steps are not as fast as the first"
}
