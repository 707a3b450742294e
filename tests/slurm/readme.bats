#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The examples in README.md, doc/ and the man pages that need a cluster: they work as printed
# shellcheck disable=SC2154 # variables of common.bash and bats

load ../lib/slurm
load ../lib/docs

setup_file() { slurm_up --conf GresTypes=gpu; }
teardown_file() { slurm_down; }

setup()
{
	slurm_setup
	image mpi >/dev/null
	cp "$(image mpi)" "$share/mpi.sqfs"
	chmod 644 "$share/mpi.sqfs"
	ln -s mpi.sqfs "$share/debian.sqfs"
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

@test "docs, man: every example that needs a cluster is tested here" {
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
	batch job.sh
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

# ---- man pages ---------------------------------------------------------------------------

# submit NAME: an example that submits a job, and wait for that
submit()
{
	follow "$1"
	job_wait "${output##*Submitted batch job }"
}

@test "man: spank_charlie, MPI, on the nodes' own disks" {
	# README.md has them, too: run above.
	assert_equal "$(example slurm-man-mpi)" "$(example slurm-srun)"
	assert_equal "$(example slurm-man-join)" "$(example slurm-join)"
	submit slurm-man-batch
	assert_match "$(<job.out)" 'size 4 nodes 2'
}

@test "man: spank_charlie, batch jobs" {
	submit slurm-man-sbatch
	assert_match "$(<all.out)" "$debian"
	submit slurm-man-script
	assert_match "$(<script.out)" "$debian"
}

@test "man: spank_charlie, options" {
	user mkdir run42 results
	user tee run42/values <<<$'10\n9' >/dev/null
	follow slurm-man-bind
	assert_equal "$(<results/sorted)" $'9\n10'
	follow slurm-man-env
	assert_match "${lines[-1]}" '^/opt/bin:.* 4$'
	follow slurm-man-write
	assert_equal "${lines[-1]}" 8
	follow slurm-man-entry
	assert_equal "${lines[-2]} ${lines[-1]}" 'entry: echo hello hello'
	run user python3 -c 'import pty, sys; pty.spawn(["bash", "-euc", sys.argv[1]])' \
		"$(example slurm-man-pty)" <<<$'. /etc/os-release; echo "on $(tty): $ID"; exit\n'
	assert_match "$output" 'on /dev/pts/[0-9]+: debian'
}

@test "man: spank_charlie, images by name" {
	user cp -a "$(image tiny dir)" rootfs
	follow slurm-man-names
	assert_match "$output" 'BusyBox'
}

@test "man: spank_charlie, resources" {
	local etc=$CH_CLUSTER/c/etc

	sed -i 's/^NodeName=.*/& Gres=gpu:1/' "$etc/slurm.conf"
	echo 'NodeName=n[1-2] Name=gpu File=/dev/null' >"$etc/gres.conf"
	scontrol reconfigure
	user mkdir driver
	user touch driver/lib.so
	follow slurm-man-resources
	assert_equal "${lines[-2]} ${lines[-1]}" '2 CPUs, GPU 0 lib.so'
	rm "$etc/gres.conf"
}

# configured_as PATH WORD...: the plugin takes it, wherever it is installed
configured_as()
{
	assert_match "$1" '/slurm/spank_charlie.so$'
	plugstack required "${@:2}"
	# shellcheck disable=SC2016
	run -0 user srun --ch-image=debian.sqfs sh -c 'echo "site: $SITE"'
}

@test "man, docs: plugstack.conf" {
	local words

	read -ra words < <(example slurm-man-plugstack)
	configured_as "${words[@]:1}"
	assert_equal "${lines[-1]}" "site: here"
	read -ra words < <(example slurm-plugstack)
	configured_as "${words[@]:1}"
	assert_equal "${lines[-1]}" "site: "
}

@test "man: ch-check, nodes and ranks" {
	follow slurm-man-ranks
	assert_equal "$(grep -c '^ok .*pmix-cma' <<<"$output")" 2
	on_node n1 env SLURM_CONF="$SLURM_CONF" sh -c "$(example slurm-man-health)"
	assert_equal "$(node_state)" "idle none"
	: >"$CH_CLUSTER/c/etc/plugstack.conf"
	on_node n1 env SLURM_CONF="$SLURM_CONF" sh -c "$(example slurm-man-health)"
	assert_match "$(node_state)" "^drained[*]? ch-check: no container"
	timeout 10 scontrol update NodeName=n1 State=RESUME
}
