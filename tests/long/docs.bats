#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The examples in the documentation that take long: they install packages, or need Podman
# shellcheck disable=SC2034,SC2154 # variables of common.bash and bats

load ../lib/common
load ../lib/docs
load ../lib/run
load ../lib/image_run

setup()
{
	ch_setup
	cd "$tmp" || return
	export CH_IMAGE_STORAGE=$tmp/storage
}
teardown()
{
	# podman run
	rm -rf "$tmp/podman"
	rmdir /run/runc 2>/dev/null || true
	ch_teardown
}

# type_in TEXT: packages take their time
type_in()
{
	run as_test env -u TMPDIR DEBIAN_FRONTEND=noninteractive timeout -k 5 600 bash -euc "$1"
}

@test "docs: every example that takes long is tested here, or in examples" {
	assert_equal "$(tested "${BATS_TEST_FILENAME%/*}"/{docs,examples}.bats)" "$(examples long)"
}

@test "man: a package, by ch-run and by a Dockerfile" {
	debian=$tmp/own/debian
	debian_image
	ln -s own/debian debian
	as_test ch-image -q import debian debian:12
	follow long-man-packages
	assert_match "${lines[-1]}" 'Hello, world!'
	type_in 'ch-run -w -u0 -g0 --seccomp ./debian -- apt-get -q update'
	((status == 0)) || fail "$output"
	follow long-man-seccomp
	assert_equal "$(as_test ch-run ./debian -- hello)" 'Hello, world!'
}

# An ordinary user's Podman needs a range of user ids.
@test "man: Podman" {
	[[ $CH_TEST_AS == root ]] || skip "does not apply to an ordinary user"
	mkdir -p bin podman
	printf '[engine]\nlock_type = "file"\n[containers]\nnetns = "none"\n' >containers.conf
	cat >bin/podman <<-EOS
		#!/bin/sh
		export CONTAINERS_CONF='$tmp/containers.conf'
		exec $(command -v podman) --root '$tmp/podman/root' --runroot '$tmp/podman/run' \\
			--tmpdir '$tmp/podman/tmp' --storage-driver vfs --cgroup-manager cgroupfs "\$@"
	EOS
	chmod +x bin/podman
	PATH=$tmp/bin:$PATH
	cp -a "$(image tiny dir)" rootfs
	echo '{"cmd": ["sh"]}' >rootfs/ch/metadata.json
	echo ID=debian >rootfs/etc/os-release
	ch-convert -q -o podman ./rootfs foo
	follow long-man-import
	follow long-man-export
	follow long-man-podman
}
