#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# MPI programs in an image, started by Slurm's own launcher on two nodes

load ../lib/slurm

setup_file() { slurm_up; }
teardown_file() { slurm_down; }
setup() { slurm_setup; }
teardown() { slurm_teardown; }

# Namespaces of the ranks on a node, from "rank 0 of 4 on n1 pid 7 user:[1] mnt:[2]"
namespaces() {	# NODE USER|MNT-FIELD
	awk -v node="$1" -v field="$2" '$1 == "rank" && $6 == node { print $field }' <<<"$output"
}

all_equal() {	# NODE FIELD
	(($(namespaces "$1" "$2" | wc -l) > 1)) && (($(namespaces "$1" "$2" | sort -u | wc -l) == 1))
}

all_different() {	# NODE FIELD
	(($(namespaces "$1" "$2" | wc -l) > 1)) && [[ ! $(namespaces "$1" "$2" | sort | uniq -d) ]]
}

@test "mpi: Open MPI with pmix: one world on two nodes, one container a node, CMA" {
	img=$(image mpi)
	run -0 --separate-stderr user srun -N2 -n4 --mpi=pmix --ch-image="$img" mpi-cma --require-cma
	assert_match "$output" 'size 4 nodes 2'
	assert_match "$output" 'cma: ok'
	assert_equal "$(grep -c '^rank [0-3] of 4 on n[12] ' <<<"$output")" 4
	all_equal n1 9
	all_equal n1 10
	# The nodes' containers are not the nodes' own namespaces, and not the same.
	[[ $(namespaces n1 9 | head -n 1) != "$(readlink /proc/self/ns/user)" ]]
	[[ ! $(comm -12 <(namespaces n1 9 | sort -u) <(namespaces n2 9 | sort -u)) ]]
	# Not a word from PMIx, Open MPI, Slurm or us.
	assert_equal "$stderr" ""
	assert_match "$output" 'bandwidth: [0-9.]+ GB/s between ranks 0 and 1 on n1 \(MPI\)'
}

@test "mpi: --ch-join=no gives each rank namespaces of its own, where CMA is refused" {
	img=$(image mpi)
	# Open MPI says that CMA will not work: rightly, so it may.
	run -0 --separate-stderr user srun -N2 -n4 --ntasks-per-node=2 --mpi=pmix --ch-join=no \
		--ch-image="$img" mpi-cma --forbid-cma
	assert_match "$output" 'size 4 nodes 2'
	assert_match "$output" 'cma: failed: Operation not permitted'
	for node in n1 n2; do
		all_different $node 9
		all_different $node 10
	done
	run -3 user srun -N1 -n2 --mpi=pmix --ch-join=no --ch-image="$img" mpi-cma --require-cma
}

@test "mpi: srun ch-run --join: one container a node, CMA, not a word too much" {
	img=$(image mpi)
	run -0 --separate-stderr user srun -N2 -n4 --mpi=pmix ch-run --join "$img" -- \
		mpi-cma --require-cma
	assert_match "$output" 'size 4 nodes 2'
	assert_match "$output" 'cma: ok'
	all_equal n1 9
	all_equal n1 10
	assert_equal "$stderr" ""
}

@test "mpi: srun ch-run without --join: a container each, no CMA" {
	img=$(image mpi)
	run -0 user srun -n2 --mpi=pmix ch-run "$img" -- mpi-cma --forbid-cma
	assert_match "$output" 'cma: failed: Operation not permitted'
	all_different n1 9
}

@test "mpi: MPICH with pmi2" {
	img=$(image mpich)
	run -0 --separate-stderr user srun -N2 -n4 --ntasks-per-node=2 --mpi=pmi2 \
		--ch-image="$img" mpi-cma --require-cma
	assert_match "$output" 'size 4 nodes 2'
	assert_match "$output" 'cma: ok'
	for node in n1 n2; do
		all_equal $node 9
		all_equal $node 10
	done
	assert_equal "$stderr" ""
}

@test "mpi: MPICH with pmi2 on one node" {
	img=$(image mpich)
	run -0 --separate-stderr user srun -n4 --mpi=pmi2 --ch-image="$img" mpi-cma --require-cma
	assert_match "$output" 'size 4 nodes 1'
	assert_match "$output" 'cma: ok'
	all_equal n1 9
	all_equal n1 10
	assert_equal "$stderr" ""
}

@test "mpi: from a batch script" {
	img=$(image mpi)
	cat >"$share/job" <<-END
		#!/bin/bash
		#SBATCH -N2 -n4 --ch-image=$img -o $share/out -e $share/err
		srun --mpi=pmix mpi-cma --require-cma
	END
	batch "$share/job"
	output=$(<"$share/out")
	assert_match "$output" 'size 4 nodes 2'
	assert_match "$output" 'cma: ok'
	assert_equal "$(<"$share/err")" ""
}

@test "mpi: two programs at once in one job (--multi-prog) are one world" {
	img=$(image mpi)
	printf '%s\n' '0 mpi-cma --require-cma' '1-3 /usr/local/bin/mpi-cma' >"$share/progs"
	run -0 --separate-stderr user srun -N2 -n4 --mpi=pmix --multi-prog --ch-image="$img" \
		"$share/progs"
	assert_match "$output" 'size 4 nodes 2'
	assert_match "$output" 'cma: ok'
	assert_equal "$stderr" ""
}

@test "mpi: Open MPI with a fresh /tmp: what the launcher keeps in the node's is there" {
	img=$(image mpi)
	run -0 --separate-stderr user srun -N2 -n4 --mpi=pmix --ch-private-tmp=yes \
		--ch-image="$img" mpi-cma --require-cma
	assert_match "$output" 'size 4 nodes 2'
	assert_equal "$stderr" ""
}

@test "mpi: Open MPI with a writable layer" {
	img=$(image mpi)
	run -0 --separate-stderr user srun -N2 -n4 --mpi=pmix --ch-write=fake \
		--ch-image="$img" mpi-cma --require-cma
	assert_match "$output" 'size 4 nodes 2'
	assert_equal "$stderr" ""
}
