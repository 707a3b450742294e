#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The test cluster itself: contrib/cluster
# shellcheck disable=SC2016 # variables for shells on the nodes

bats_require_minimum_version 1.5.0

setup_file() {
	if ((EUID != 0)); then
		[[ ${CH_REQUIRE-} != *slurm* ]] || { echo "slurm: needs root" >&2; return 1; }
		skip "needs root"
	fi
	id chtest >/dev/null 2>&1 || useradd --create-home chtest
}

setup() {
	cluster=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)/contrib/cluster
	# Not $BATS_TEST_TMPDIR: ordinary users cannot get there, nor can nodes, below /tmp.
	base=$(mktemp -d /var/tmp/ch-cluster-test.XXXXXX)
	chmod 0755 "$base"
	one=$base/1
	two=$base/2
	unset "${!SLURM@}"
}

teardown() {
	"$cluster" down --dir "$one" 2>/dev/null
	"$cluster" down --dir "$two" 2>/dev/null
	rm -rf "$base"
}

on() {	# DIR COMMAND...
	local -x SLURM_CONF=$1/etc/slurm.conf
	shift
	timeout 60 "$@"
}

on_user() {	# DIR COMMAND...
	local dir=$1
	shift
	on "$dir" runuser -u chtest -- "$@"
}

as_user() {
	runuser -u chtest -- "$@"
}

# All that a cluster could leave, apart from files in its directory. Zombies are init's.
remains() {	# DIR ID
	grep -lzsx "CHARLIE_CLUSTER=$2" /proc/[0-9]*/environ || true
	grep -lsF " charlie-cluster:$2 " /proc/[0-9]*/mountinfo || true
	grep -lsx "charlie-cluster:$2" /sys/class/net/*/ifalias || true
	grep -F "$1" /proc/self/mountinfo || true
	find /sys/fs/cgroup -name "charlie-cluster-$2*"
	find "$1" -mindepth 1 -maxdepth 1 ! -name log
}

nothing_remains() {	# DIR ID
	local left
	left=$(remains "$@")
	[[ -z $left ]] || { echo "left: $left"; return 1; }
}

@test "cluster: run starts two nodes, and ordinary users can use them" {
	run -0 "$cluster" run --dir "$one" -- \
		runuser -u chtest -- srun -D / -N2 -l bash -c 'echo "$(id -un) $(hostname)"'
	[[ $output == *"0: chtest n1"* ]]
	[[ $output == *"1: chtest n2"* ]]
}

@test "cluster: run exits with the command's status" {
	run -7 "$cluster" run --dir "$one" --nodes 1 -- bash -c 'exit 7'
	[[ ! -e $one/id ]]
}

@test "cluster: run passes standard input on, and works without" {
	run -0 "$cluster" run --dir "$one" --nodes 1 -- cat <<<"some input"
	[[ $output == "some input" ]]
	run -0 "$cluster" run --dir "$one" --nodes 1 -- hostname <&-
}

@test "cluster: run stops the cluster when it gets a signal" {
	"$cluster" run --dir "$one" -- bash -c "touch '$base/go'; srun -D / sleep 300" 3>&- &
	local pid=$! id status=0
	until [[ -e $base/go ]]; do sleep 0.1; done
	id=$(<"$one/id")
	kill -TERM "$pid"
	wait "$pid" || status=$?
	((status == 143))
	nothing_remains "$one" "$id"
}

@test "cluster: up does not keep its caller's pipe open" {
	out=$(timeout 40 "$cluster" up --dir "$one" --nodes 1)
	[[ -z $out ]]
}

@test "cluster: env is for eval" {
	run -1 "$cluster" env --dir "$one"
	[[ $output == "cluster: $one: no cluster is up here" ]]

	"$cluster" up --dir "$one" 3>&-
	run -0 as_user "$cluster" env --dir "$one"
	eval "$output"
	run -0 timeout 60 srun -D / -N2 hostname
	[[ $output == *n1* && $output == *n2* ]]
}

@test "cluster: down leaves nothing, even with jobs running" {
	"$cluster" up --dir "$one" --proctrack cgroup --task cgroup 3>&-
	local id
	id=$(<"$one/id")
	on_user "$one" sbatch -D / -o /dev/null --wrap 'setsid sleep 300 & sleep 300'
	on_user "$one" srun -D / -N2 sleep 300 3>&- &
	local step=$!
	until [[ $(on "$one" squeue -h -t running | wc -l) == 2 ]]; do sleep 0.1; done
	run nothing_remains "$one" "$id"
	[[ $status == 1 ]]	# the test can tell

	"$cluster" down --dir "$one"
	nothing_remains "$one" "$id"
	# Not for all: with a time limit, bats has a child here, too.
	wait "$step" || true
	run -0 "$cluster" down --dir "$one"
}

@test "cluster: up clears away what a crash left" {
	"$cluster" up --dir "$one" --proctrack cgroup 3>&-
	local id
	id=$(<"$one/id")
	awk '$1 != "n2" { print $2 }' "$one/pids" | xargs kill -KILL

	"$cluster" up --dir "$one" 3>&-
	[[ -z $(find /sys/fs/cgroup -name "charlie-cluster-$id") ]]
	run ! grep -aqs "CHARLIE_CLUSTER=$id" /proc/[0-9]*/environ
	run -0 on "$one" srun -D / -N2 hostname
}

@test "cluster: up clears away what a killed run left" {
	"$cluster" run --dir "$one" -- bash -c "touch '$base/go'; sleep 10" 3>&- &
	local pid=$!
	until [[ -e $base/go ]]; do sleep 0.1; done
	kill -KILL "$pid"
	wait "$pid" || true
	"$cluster" up --dir "$one" 3>&-
}

@test "cluster: two at once, both tracking by cgroup" {
	"$cluster" up --dir "$one" --proctrack cgroup --nodes 1 3>&-
	"$cluster" up --dir "$two" --proctrack cgroup 3>&-
	run -0 on "$one" srun -D / hostname
	[[ $output == n1 ]]
	run -0 on "$two" srun -D / -N2 -n2 hostname
	"$cluster" down --dir "$one"
	run -0 on "$two" srun -D / -N2 -n2 hostname

	run -1 "$cluster" up --dir "$two"
	[[ $output == "cluster: $two: a cluster is up already; use another --dir, or down" ]]
}

@test "cluster: proctrack cgroup and each task plugin" {
	for task in none affinity cgroup; do
		run -0 "$cluster" run --dir "$one" --proctrack cgroup --task $task --cpus 2 -- \
			runuser -u chtest -- srun -D / -N2 grep freezer /proc/self/cgroup
		[[ $output == *:freezer:/slurm_n1/* && $output == *:freezer:/slurm_n2/* ]] ||
			[[ ! -d /sys/fs/cgroup/freezer ]]
	done
}

@test "cluster: nodes have a /tmp, /dev/shm and /dev/fuse of their own" {
	"$cluster" up --dir "$one" 3>&-
	on_user "$one" srun -D / -N2 bash -c 'touch /tmp/ch-$SLURMD_NODENAME /dev/shm/ch'
	run -0 on_user "$one" srun -D / -N1 -w n1 ls /tmp
	[[ $output == ch-n1 ]]
	[[ ! -e /tmp/ch-n1 && ! -e /dev/shm/ch ]]
	on_user "$one" srun -D / -N2 bash -c "touch '$one/share/'\$SLURMD_NODENAME"
	[[ -e $one/share/n1 && -e $one/share/n2 ]]
	[[ ! -e /dev/fuse ]] || on_user "$one" srun -D / -N2 bash -c 'exec 5<>/dev/fuse'
}

@test "cluster: --conf replaces our line; job_container/tmpfs works" {
	"$cluster" up --dir "$one" --conf JobContainerType=job_container/tmpfs \
		--conf PrologFlags=Contain --conf killwait=7 3>&-
	run -0 --separate-stderr on "$one" scontrol show config
	[[ $output =~ KillWait\ +=\ 7 ]]
	[[ -z $stderr ]]
	for _ in 1 2 3; do
		run -0 on_user "$one" srun -D / -N2 bash -c \
			'ls /tmp | grep . && exit 1; touch /tmp/x'
	done
}

@test "cluster: --plugstack and --plugin end up in plugstack.conf" {
	printf '%s\n' '#include <slurm/spank.h>' 'SPANK_PLUGIN(ch_test, 1);' \
		'int slurm_spank_task_init(spank_t s, int c, char **v)' \
		'{ return spank_setenv(s, "CH_TEST", c ? v[0] : "", 1); }' >"$base/p.c"
	cc -shared -fPIC -o "$base/p.so" "$base/p.c"
	run -0 "$cluster" run --dir "$one" --nodes 1 --plugin "$base/p.so" \
		--plugstack 'optional key=value' -- srun -D / printenv CH_TEST
	[[ $output == key=value ]]
}

@test "cluster: OpenMPI runs on two nodes without a word of complaint" {
	command -v mpicc.openmpi >/dev/null || skip "no mpicc.openmpi"
	cat >"$base/m.c" <<-'END'
		#include <mpi.h>
		#include <stdio.h>
		int main(int argc, char **argv)
		{
			int rank, size, sum;
			MPI_Init(&argc, &argv);
			MPI_Comm_rank(MPI_COMM_WORLD, &rank);
			MPI_Comm_size(MPI_COMM_WORLD, &size);
			MPI_Allreduce(&rank, &sum, 1, MPI_INT, MPI_SUM, MPI_COMM_WORLD);
			if (rank == 0)
				printf("%d ranks, sum %d\n", size, sum);
			return MPI_Finalize();
		}
	END
	mpicc.openmpi -o "$base/m" "$base/m.c"
	"$cluster" up --dir "$one" 3>&-
	run -0 on "$one" srun --mpi=list
	[[ $output == *pmix* ]]
	run -0 on_user "$one" srun -D / -N2 -n4 --mpi=pmix "$base/m"
	[[ $output == "4 ranks, sum 6" ]]
}

@test "cluster: a half-started cluster is cleared away, and the log is quoted" {
	run -1 "$cluster" up --dir "$one" --conf NoSuchKey=1
	[[ ${#lines[@]} == 1 && $output == cluster:* && $output == *NoSuchKey* ]]
	[[ -d $one/log && ! -e $one/id ]]
}

@test "cluster: wrong usage gives one line and 64" {
	local args
	for args in "" "--frobnicate" "sideways" "up --nodes 0" "up --nodes two" "up --proctrack x" \
		"up --task x" "up --plugstack x" "up --conf x" "up --dir" "up extra" "run" "run --" \
		"env --nodes 2" "down --cpus 1" "up --dir /var/tmp/a,b"; do
		# shellcheck disable=SC2086 # words
		run -64 "$cluster" $args
		[[ ${#lines[@]} == 1 && $output == cluster:\ * ]] || { echo "$args: $output"; false; }
	done
}

@test "cluster: refuses a directory that is something else, or hidden from users" {
	run -1 "$cluster" up --dir /etc
	[[ $output == "cluster: /etc: neither empty nor a cluster" ]]
	mkdir -m 0700 "$base/private"
	run -1 "$cluster" up --dir "$base/private/x"
	[[ $output == "cluster: $base/private/x: ordinary users cannot get there: $base/private lacks o+x" ]]
	run -1 as_user "$cluster" up --dir "$one"
	[[ $output == "cluster: up: must be run as root" ]]
	run -1 "$cluster" up --dir "$one" --plugin "$base/none.so"
	[[ $output == "cluster: --plugin '$base/none.so': no such file" ]]
}
