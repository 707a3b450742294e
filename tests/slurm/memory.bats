#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# With memory limits (task/cgroup, ConstrainRAMSpace): jobs that use too much end, nodes do
# not suffer, and little memory is enough for the container itself

load ../lib/slurm

setup_file() {
	slurm_up --nodes 1 --proctrack cgroup --task cgroup --cpus 2 \
		--conf SelectTypeParameters=CR_Core_Memory --conf DefMemPerNode=200
	printf '%s\n' ConstrainRAMSpace=yes AllowedSwapSpace=0 ConstrainSwapSpace=no MinRAMSpace=8 \
		>>"$CH_CLUSTER/c/etc/cgroup.conf"
	SLURM_CONF=$CH_CLUSTER/c/etc/slurm.conf scontrol reconfigure
	IMG=$(image tiny)
	export IMG
}
teardown_file() { slurm_down; }
setup() {
	slurm_setup
	plugstack required start_timeout=5
}
teardown() { slurm_teardown; }

# An application that wants more and more
readonly eater=(tail /dev/zero)

@test "memory: too much without a container: the test can tell" {
	run user srun -n1 --mem=40M "${eater[@]}"
	((status != 0))
	assert_match "$output" '[Oo]ut.[Oo]f.[Mm]emory|oom'
}

@test "memory: too much in a container: the job says so, the node is idle, nothing is left" {
	for who in user root; do
		run $who srun -n1 --mem=40M --ch-image="$IMG" "${eater[@]}"
		((status != 0))
		assert_match "$output" '[Oo]ut.[Oo]f.[Mm]emory|oom'
		(($(grep -c '^charlie:' <<<"$output") <= 1))
		assert_idle
		assert_clean
	done
	printf '%s\n' '#!/bin/bash' "srun --ch-image=$IMG ${eater[*]}" >"$share/job"
	batch --mem=40M -o "$share/out" "$share/job"
	assert_match "$(job_state "$job")" 'OUT_OF_MEMORY|FAILED'
	run -0 user srun -n1 --mem=40M --ch-image="$IMG" /opt/bin/only-in-image
}

@test "memory: very little: in, or an error, and an end" {
	for mem in 4 8 12 16 24; do
		for who in user root; do
			begin=$SECONDS
			run $who srun -n1 --mem=${mem}M --ch-image="$IMG" sh -c "touch '$marker' 2>/dev/null; exit 42"
			[[ ! -e $marker ]] || fail "$mem MB: ran on the host"
			((status != 0 && status != 124)) || fail "$mem MB: status $status: $output"
			(($(grep -c '^charlie:' <<<"$output") <= 1)) || fail "$mem MB: $output"
			((SECONDS - begin < 20)) || fail "$mem MB: $((SECONDS - begin)) s"
			assert_idle
		done
	done
}

# What an application of little memory reads of an image, in random order, so that the server
# needs much: in $share/$2. It is not of the image, since pages of programs would be read again
# and again.
sums() {	# WHO NAME OPTION...
	"$1" srun -n1 "${@:3}" --ch-image="$(image debian)" --ch-bind="$share:/share" \
		/share/busybox sh -c 'cd /usr
			/share/busybox find . -xdev -type f | /share/busybox shuf |
			/share/busybox xargs -n 1000 /share/busybox sha256sum |
			/share/busybox sort >/share/'"$2"'
			exit 42'
}

# Slurm keeps the kernel from choosing slurmstepd (oom_score_adj), if root may have it so.
stepd_can_be_chosen() { ! bash -c 'echo -1000 >/proc/self/oom_score_adj' 2>/dev/null; }

# As sums. Returns 2 if slurmstepd was killed, of which srun does not hear.
sums_by_little() {
	local watch rc=0

	(for ((i = 0; i < 45; i++)); do sleep 1; done; pgrep -x slurmstepd || echo none) \
		>"$BATS_TEST_TMPDIR/stepd" 3>&- &
	watch=$!
	run sums "$1" got --mem=24M
	kill "$watch" || true
	wait "$watch" || true
	cmp "$share/want" "$share/got" || rc=1
	if [[ $(<"$BATS_TEST_TMPDIR/stepd") == none ]] && stepd_can_be_chosen; then rc=2; fi
	return $rc
}

@test "memory: the image server is what takes too much: it is killed, and the application reads on" {
	cp "$(command -v busybox)" "$share"
	chmod 777 "$share"
	run -42 sums user want
	for who in user root; do
		for try in 1 2 3; do
			rc=0
			sums_by_little $who || rc=$?
			((rc == 2 && try < 3)) || break
			echo "slurmstepd was killed: once more"
			wait_until_empty 30 "the job ends" busy_nodes
		done
		((rc == 0)) || fail "$output"
		# Slurm takes it for the application's.
		assert_match "$output" 'oom-kill event|oom_kill'
		assert_idle
		assert_clean
		rm "$share/got"
	done
}
