#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run --seccomp: root emulation
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
	copy_image "$tmp/image" # with owners that the user can be
	both=("$tmp/image" "$sqfs")
}
teardown() { ch_teardown; }

# as_root WANTED ARGS...: the same output with each kind of image, as root with emulation
as_root() {
	local wanted=$1 image

	shift
	for image in "${both[@]}"; do
		inside "$wanted" --seccomp -u0 -g0 -W "$image" -- "$@"
	done
}

@test "seccomp: changes of owners succeed, and change nothing" {
	as_root '0 0' sh -c 'echo >/opt/file && chown 12:34 /opt/file && chown -R 12 /opt &&
		chgrp 34 /opt/file && chown -h 1:1 /opt/file && stat -c "%u %g" /opt/file'
	for image in "${both[@]}"; do
		run_ch -u0 -g0 -W "$image" -- sh -c 'echo >/opt/file; chown 12:34 /opt/file'
		assert_equal "$status" 1
		assert_match "$stderr" "chown: /opt/file: Invalid argument"
	done
}

@test "seccomp: devices are not made, pipes are" {
	as_root 'fifo' sh -c 'cd /opt && mknod c c 1 3 && mknod b b 7 0 && [ ! -e c ] && [ ! -e b ] &&
		mknod p p && stat -c %F p'
	run_ch -u0 -g0 -W "$sqfs" -- mknod /opt/c c 1 3
	assert_equal "$status" 1
	assert_match "$stderr" "mknod: /opt/c: Operation not permitted"
}

@test "seccomp: becoming others succeeds, and does nothing" {
	as_root '0 0' su -s /bin/sh nobody -c 'echo "$(id -u) $(id -g)"'
	run_ch -u0 -g0 "$dir" -- su -s /bin/sh nobody -c true
	((status != 0)) || fail "it works without"
}

@test "seccomp: other calls tell the truth; other ids than 0 are fine" {
	run_ch --seccomp "$sqfs" -- sh -c 'mkdir /x'
	assert_equal "$status" 1
	assert_match "$stderr" "Read-only file system"
	inside '5 7' --seccomp -u5 -g7 -W "$dir" -- sh -c 'echo "$(id -u) $(id -g)"; chown 1:2 /etc'
	inside '' --seccomp "$dir" -- chown 1:2 /etc
}

@test "seccomp: as the command ends, and with the image's command" {
	run_ch --seccomp -u0 -g0 "$dir" -- sh -c 'chown 1 /etc; exit 7'
	assert_equal "$status$output$stderr" 7
	inside $'entry: chown 1:1 /etc' --seccomp "$dir" -- - chown 1:1 /etc
	refused 49 "execute 'missing' in the container: No such file" --seccomp "$dir" -- missing
}

@test "seccomp: a 32-bit program is lied to, too" {
	[[ $(uname -m) == x86_64 ]] || skip "does not apply to $(uname -m)"
	gcc -m32 -nostdlib -static -fno-pie -no-pie -O1 -Wall -Werror -o "$tmp/chown32" \
		"$top/tests/e2e/chown32.c"
	cp "$tmp/chown32" "$tmp/image/bin"
	squash "$tmp/image" "$tmp/image.sqfs"
	for image in "$tmp/image" "$tmp/image.sqfs"; do
		run_ch -u0 -g0 -W "$image" -- chown32 /etc
		assert_equal "$status" 22 # Invalid argument: there is no such id
		inside '' --seccomp -u0 -g0 -W "$image" -- chown32 /etc
		inside '' --seccomp "$image" -- chown32 /nonexistent
	done
}

@test "seccomp: a real installation of a Debian package" {
	[[ $CH_TEST_AS == user ]] || skip "does not apply to root, who may change owners"
	local deb=$tmp/thing

	mkdir -p "$deb/DEBIAN" "$deb/opt/thing"
	printf '%s\n' 'Package: thing' 'Version: 1' 'Architecture: all' 'Maintainer: me <me@x.org>' \
		'Description: a thing' >"$deb/DEBIAN/control"
	printf '%s\n' '#!/bin/sh' 'set -e' 'groupadd -r thing; useradd -r -g thing thing' \
		'chown thing:thing /opt/thing/file' >"$deb/DEBIAN/postinst"
	chmod 755 "$deb/DEBIAN/postinst"
	echo content >"$deb/opt/thing/file"
	chown -R 33:33 "$deb/opt/thing/file"
	dpkg-deb --build "$deb" "$tmp/thing.deb" >/dev/null
	run_ch -W -u0 -g0 --no-passwd -b "$tmp:/mnt" "$(image debian)" -- dpkg -i /mnt/thing.deb
	((status != 0)) || fail "it works without: $output"
	run_ch --seccomp -W -u0 -g0 --no-passwd -b "$tmp:/mnt" "$(image debian)" -- \
		sh -c 'dpkg -i /mnt/thing.deb && stat -c "%u %n" /opt/thing/file && grep -c thing /etc/passwd'
	assert_equal "$status" 0
	assert_match "$output" $'\n0 /opt/thing/file\n1$'
}
