#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-convert and Podman, which keeps its images by copying: slow
# shellcheck disable=SC2154 # variables of common.bash and bats

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
	cd "$tmp" || fail "cd"
	mkdir "$tmp/bin"
	# Nothing of it is to be elsewhere.
	printf '[engine]\nlock_type = "file"\n' >"$tmp/containers.conf"
	cat >"$tmp/bin/podman" <<-EOS
		#!/bin/sh
		export CONTAINERS_CONF='$tmp/containers.conf'
		exec $(command -v podman) --root '$tmp/root' --runroot '$tmp/run' --tmpdir '$tmp/libpod' \\
			--storage-driver vfs "\$@"
	EOS
	chmod +x "$tmp/bin/podman"
	PATH=$tmp/bin:$PATH
}
teardown() {
	rm -rf "$tmp/root" "$tmp/run" "$tmp/libpod"
	ch_teardown
}

@test "convert: to podman, and back" {
	((EUID == 0)) || skip "does not apply to an ordinary user"
	ch-convert -o podman "$sqfs" localhost/tiny:1
	run podman images --format '{{.Repository}}:{{.Tag}}'
	assert_equal "$output" localhost/tiny:1
	run -1 ch-convert --no-clobber -o podman "$sqfs" localhost/tiny:1
	ch-convert -i podman localhost/tiny:1 ./d
	diff -r --exclude ch d "$dir" | grep -v '^Only in d: mnt$' && fail "not the same"
	run -1 ch-convert -i podman localhost/other ./e
	[[ ! -e e ]]
}
