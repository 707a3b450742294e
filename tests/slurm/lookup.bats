#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Where programs and working directories are looked for: inside
# shellcheck disable=SC2016 # variables for shells on the nodes

load ../lib/slurm

setup_file() {
	slurm_up
	IMG=$(image tiny)
	export IMG
}
teardown_file() { slurm_down; }
teardown() { slurm_teardown; }

setup() {
	slurm_setup
	# The same program on the host and inside, at different places and saying so.
	mkdir "$share"/{host,inside}
	printf '%s\n' '#!/bin/sh' 'echo "of the host: $0 $*"' >"$share/host/prog"
	printf '%s\n' '#!/bin/sh' 'echo "of the image: $0 $*"' >"$share/inside/prog"
	chmod -R a+rx "$share"
}

@test "lookup: a program that exists only in the image, by its path" {
	[[ ! -e /opt/bin/only-in-image ]]
	run -0 user srun -N2 -n2 --ch-image="$IMG" /opt/bin/only-in-image
	assert_equal "$output" $'only-in-image tiny\nonly-in-image tiny'
	run -2 user srun -n1 /opt/bin/only-in-image	# the test can tell
}

@test "lookup: a program that exists only in the image, found in the user's PATH" {
	run -0 user env PATH="/no/such/dir:/opt/bin:$PATH" srun -n1 --ch-image="$IMG" only-in-image
	assert_equal "$output" "only-in-image tiny"
	run -2 user srun -n1 --ch-image="$IMG" only-in-image
	assert_match "$output" 'execve\(\): only-in-image: No such file or directory'
}

@test "lookup: --ch-env=image uses the image's PATH, and its other variables" {
	run -0 user srun -n1 --ch-env=image --ch-image="$IMG" only-in-image
	assert_equal "$output" "only-in-image tiny"
	run -0 user srun -n1 --ch-env=image --ch-image="$IMG" sh -c 'echo "$PATH $CH_IMAGE_NAME"'
	assert_equal "$output" "/opt/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin tiny"
	run -0 user srun -n1 --ch-image="$IMG" sh -c 'echo "[$CH_IMAGE_NAME]"'
	assert_equal "$output" "[]"
}

@test "lookup: the image's program is taken, though the host has one of that name" {
	PATH=$share/host:/app:$PATH run -0 user srun -n1 --ch-bind="$share/inside:/app" \
		--ch-image="$IMG" prog a b
	assert_equal "$output" "of the image: /app/prog a b"
	PATH=$share/host:/app:$PATH run -0 user srun -n1 prog a b
	assert_equal "$output" "of the host: $share/host/prog a b"
}

@test "lookup: the same path on the host and inside is the one inside" {
	run -0 user srun -n1 --ch-bind="$share/inside:$share/host" --ch-image="$IMG" "$share/host/prog"
	assert_equal "$output" "of the image: $share/host/prog "
}

@test "lookup: ./program is relative to the directory inside" {
	cd "$share/host"
	run -0 user srun -n1 --ch-bind="$share/inside:$share/host" --ch-image="$IMG" ./prog
	assert_match "$output" '^of the image: .*/prog'
	cd /
	run -0 user srun -n1 --ch-cd=/opt/bin --ch-image="$IMG" ./only-in-image
	assert_equal "$output" "only-in-image tiny"
}

@test "lookup: /bin is searched, even if the host's PATH lacks it" {
	run -0 user env PATH=/usr/bin "$(command -v srun)" -n1 --ch-image="$IMG" ls /opt/bin
	assert_match "$output" 'only-in-image'
}

@test "lookup: the host's program and its libraries are not seen inside" {
	run -2 user srun -n1 --ch-image="$IMG" python3 -V
	run -1 user srun -n1 --ch-image="$IMG" ls /usr/lib/x86_64-linux-gnu
	run -0 user srun -n1 --ch-image="$IMG" cat /etc/passwd
	assert_equal "$(wc -l <<<"$output")" 3
}

@test "lookup: the job's directory is the one inside, if it is there" {
	cd "$share/host"
	run -0 user srun -n2 --ch-bind="$share" --ch-image="$IMG" pwd
	assert_equal "$output" "$share/host"$'\n'"$share/host"
	cd /usr/bin
	run -0 user srun -n1 --ch-image="$IMG" sh -c 'pwd; ls env'
	assert_equal "$output" $'/usr/bin\nenv'
	cd /tmp
	run -0 user srun -n1 --ch-image="$IMG" pwd
	assert_equal "$output" /tmp
}

@test "lookup: a directory that the image lacks: one notice a node, and /" {
	cd "$share/host"
	run -0 --separate-stderr user srun -N2 -n4 --ch-image="$IMG" pwd
	assert_equal "$output" $'/\n/\n/\n/'
	output=$stderr
	assert_lines 2
	assert_match "$output" "charlie: n1: using / as working directory, since the container lacks $share/host"
}

@test "lookup: --chdir is the job's directory, on the host and inside" {
	run -0 user srun -n1 -D "$share/host" --ch-bind="$share" --ch-image="$IMG" pwd
	assert_equal "$output" "$share/host"
}

@test "lookup: the user's home directory is the working directory" {
	cd "/home/$test_user"
	run -0 user srun -n1 --ch-image="$IMG" pwd
	assert_equal "$output" "/home/$test_user"
}
