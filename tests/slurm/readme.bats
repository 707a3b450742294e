#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The examples in README.md and doc/ that need a cluster: they work as printed
# shellcheck disable=SC2154 # variables of common.bash and bats

load ../lib/slurm
load ../lib/docs

setup_file() { slurm_up; }
teardown_file() { slurm_down; }

setup()
{
	slurm_setup
	image mpi >/dev/null
	cp "$(image mpi)" "$share/mpi.sqfs"
	chmod 644 "$share/mpi.sqfs"
	cd "$share" || return
}

teardown()
{
	cd /
	slurm_teardown
}

# type_in TEXT: as a user would, in a shell
type_in()
{
	run user bash -euc "$1"
}

debian='PRETTY_NAME="Debian GNU/Linux 12'

@test "docs: every example that needs a cluster is tested here" {
	assert_equal "$(tested "$BATS_TEST_FILENAME")" "$(examples slurm)"
}

@test "docs: srun with an MPI program of the image" {
	type_in "$(example slurm-srun)"
	((status == 0))
	assert_match "$output" 'size 4 nodes 2'
	assert_match "$output" 'cma: ok'
}

@test "docs: a batch script, its steps in the image, and none" {
	example slurm-batch >job.sh
	type_in 'sbatch --wait job.sh'
	((status == 0))
	run cat job.out
	assert_match "${lines[0]}" '^n[12]$'
	assert_match "$output" 'size 4 nodes 2'
	assert_match "${lines[-1]}" '^n[12]$'
}

@test "docs: srun ch-run --join" {
	type_in "$(example slurm-join)"
	((status == 0))
	assert_match "$output" 'size 2 nodes 1'
	assert_match "$output" 'cma: ok'
}

@test "docs: salloc" {
	type_in "$(example slurm-salloc)"
	((status == 0))
	assert_equal "$(grep -c "^$debian" <<<"$output")" 2
}

@test "docs: binds and variables" {
	type_in "$(example slurm-bind)"
	((status == 0))
	assert_match "$output" $'(^|\n)doc\n'
	assert_match "$output" $'\n4\n'
	assert_match "$output" "uid=$(id -u "$test_user")\($test_user\)"
}

@test "docs: a default by a variable" {
	type_in "$(example slurm-variable)"
	((status == 0))
	assert_match "$output" "$debian"
}

# The lines printed are those of the example, in any order, but for directory and node.
@test "docs: an error, word for word" {
	local text

	text=$(example slurm-error)
	type_in "$(sed -n 's/^\$ //p' <<<"$text")"
	((status == 1))
	output=${output//"$share"//home/me}
	assert_equal "$(sort <<<"${output//n2:/n1:}")" \
		"$(grep -v '^\$' <<<"$text" | sort)"
}

check_health()
{
	on_node n1 env SLURM_CONF="$SLURM_CONF" sh "$share/health"
}

node_state()
{
	timeout 10 sinfo -h -n n1 -o '%T %E'
}

@test "docs: a health check that drains nodes without the plugin" {
	example slurm-health >health
	check_health
	assert_match "$(node_state)" '^idle[*]? none$'
	: >"$CH_CLUSTER/c/etc/plugstack.conf"
	check_health
	assert_match "$(node_state)" "^drained[*]? ch-check: no +plugin +.*no spank_charlie.so in '.*/plugstack.conf'"
	timeout 10 scontrol update NodeName=n1 State=RESUME
	# A user's container, not root's, is what counts.
	plugstack required
	on_node n1 sh -c 'mknod -m 600 /tmp/fuse c 10 229 && mount --bind /tmp/fuse /dev/fuse'
	check_health
	on_node n1 sh -c 'umount /dev/fuse && rm /tmp/fuse'
	assert_match "$(node_state)" "^drained[*]? ch-check: no +fuse +.*open '/dev/fuse': Permission denied"
	timeout 10 scontrol update NodeName=n1 State=RESUME
	check_health
	# "*": slurmctld has not heard of the node for a moment.
	assert_match "$(node_state)" '^idle[*]? none$'
}
