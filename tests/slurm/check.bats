#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-check on nodes and under Slurm's PMIx launcher, on the host and in a container
# shellcheck disable=SC2154 # variables of common.bash and bats

load ../lib/slurm

setup_file() { slurm_up; }
teardown_file() { slurm_down; }
setup()
{
	slurm_setup
	check=$prefix/bin/ch-check
}
teardown() { slurm_teardown; }

# says VERDICT NAME REGEX: the one line of NAME
says()
{
	local line

	line=$(grep -E "^(ok|limited|no) +$2 " <<<"$output") || fail "no line for $2:" "$output" || return
	[[ $line =~ ^$1\ +$2\ +.*$3 ]] || fail "got:    $line" "wanted: $1 $2 $3"
}

# The lines of ranks, with "N: M" for "rank N ... reads rank M", and which node it is
ranks()
{
	sed -n 's/^rank \([0-9]*\) on \(n[0-9]*\), process [0-9]*, reads rank \([0-9]*\): \(.*\)/\1 \2 \3 \4/p' <<<"$output"
}

# Four ranks, two on a node: each reads its neighbour, with result $1.
assert_ranks()
{
	assert_equal "$(ranks)" "0 n1 1 $1
1 n1 0 $1
2 n2 3 $1
3 n2 2 $1"
}

pmix_line="namespace '[^']+', rank 0 of 4 on 2 nodes, 2 local; PMIx here: .*[0-9]+\.[0-9]+.*, of the launcher: [0-9]+\.[0-9]+"

@test "check: on a node, as a user and as root" {
	run -0 --separate-stderr user srun -n1 "$check"
	assert_match "${lines[0]}" "^ch-check .*: host n1, .*, user $(id -u "$test_user")\$"
	assert_equal "${lines[-1]}" 'Containers can run here'
	[[ $output != *$'\nno '* ]]
	says ok plugin ''
	assert_equal "$stderr" ''
	run -0 on_node n1 env SLURM_CONF="$SLURM_CONF" "$check"
	says ok plugin ''
	# Without a launcher nothing is said of one.
	[[ $output != *pmix* ]]
}

@test "check: what is wrong with the plugin is so for Slurm, too" {
	local other=$share/spank_charlie.so

	cp "$plugin" "$other"
	# The number that Slurm compares, as of Slurm 19.05
	python3 - "$other" "$(sed -n 's/.* \([0-9]*\)\.0*\([0-9]*\)\.0*\([0-9]*\).*/\1 \2 \3/p' <<<"$(slurmd -V)")" <<-'END'
		import struct
		import sys

		path, version = sys.argv[1:]
		major, minor, micro = map(int, version.split())
		data = open(path, "rb").read()
		old = struct.pack("=I", major << 16 | minor << 8 | micro)
		assert data.count(old) >= 1, version
		open(path, "wb").write(data.replace(old, struct.pack("=I", 19 << 16 | 5 << 8)))
	END
	printf 'required %s\n' "$other" >"$CH_CLUSTER/c/etc/plugstack.conf"
	run user "$check"
	((status == 0))
	says no plugin "'$other' was built for Slurm 19.05, and this is "
	run user srun -n1 true
	((status != 0))
	plugstack required
	run -0 user "$check"
	says ok plugin ''
	run -0 user srun -n1 true
}

@test "check: four ranks on two nodes, by PMIx" {
	run -0 --separate-stderr user srun -N2 -n4 --ntasks-per-node=2 --mpi=pmix "$check" -v
	assert_equal "$stderr" ''
	# Rank 0 speaks for all.
	assert_equal "$(grep -c '^ch-check ' <<<"$output")" 1
	says ok pmix "$pmix_line"
	says ok pmix-fence ''
	says ok pmix-cma ': 4 of 4 ranks$'
	assert_ranks ok
	[[ $output != *'in a container'* ]]
}

@test "check: the same in a container" {
	local img

	img=$(image mpi)
	run -0 --separate-stderr user srun -N2 -n4 --ntasks-per-node=2 --mpi=pmix \
		--ch-image="$img" --ch-bind="$check" "$check" -v
	assert_equal "$stderr" ''
	assert_match "${lines[0]}" ', in a container$'
	says ok pmix "$pmix_line"
	says ok pmix-fence ''
	says ok pmix-cma ': 4 of 4 ranks$'
	says limited helpers 'inside a container'
	says ok userns ''
	assert_ranks ok
}

@test "check: a container for each rank: no CMA" {
	local img

	img=$(image mpi)
	run -0 --separate-stderr user srun -N2 -n4 --ntasks-per-node=2 --mpi=pmix --ch-join=no \
		--ch-image="$img" --ch-bind="$check" "$check" -v
	assert_equal "$stderr" ''
	says ok pmix "$pmix_line"
	says ok pmix-fence ''
	says no pmix-cma '4 of 4 ranks cannot; rank 0 on n1 reads rank 1: Operation not permitted; .*; remedy: one container for all ranks of a node \(srun --ch-join=step\)'
	# The processes of one rank are in one namespace: that is another thing.
	says ok cma ''
	assert_ranks 'Operation not permitted'
}

@test "check: JSON of a job; a rank alone on its node" {
	run -0 --separate-stderr user srun -N2 -n2 --ntasks-per-node=1 --mpi=pmix "$check" --json
	python3 -c 'import json, sys
d = json.load(sys.stdin)
j = d["job"]
assert (j["rank"], j["size"], j["nodes"], j["local_size"]) == (0, 2, 2, 1), j
assert j["namespace"] and j["library"] and j["server"], j
c = {c["name"]: c for c in d["capabilities"]}
assert c["pmix"]["verdict"] == c["pmix-fence"]["verdict"] == "ok", c
assert c["pmix-cma"]["found"] == "not tried: no rank has a local peer", c' <<<"$output"
}

@test "check: a launcher that cannot be reached" {
	# What a container without a bind of the launcher's directory looks like
	run -0 --separate-stderr user srun -n1 --mpi=pmix env PMIX_SERVER_TMPDIR=/nowhere \
		PMIX_SERVER_URI2= PMIX_SERVER_URI21= PMIX_SERVER_URI3= PMIX_SERVER_URI4= \
		PMIX_SERVER_URI41= "$check"
	says no pmix 'connect to the launcher \(PMIx_Init\): .*; remedy: is SlurmdSpoolDir passable'
	says no pmix-fence 'not tried; remedy: see pmix'
	says no pmix-cma 'not tried'
}
