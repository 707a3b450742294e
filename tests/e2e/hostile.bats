#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images that want to get out of where they are unpacked, to keep us busy, or to take all memory
# shellcheck disable=SC2154 # variables of common.bash and bats

load ../lib/common
load ../lib/registry

setup() {
	ch_setup
	# What they aim at is there.
	# shellcheck disable=SC2016 # for the shell there
	as_test bash -euc 'umask 022; cd "$1"; mkdir images outside outside/dir; chmod 700 outside
		echo kept | tee outside/file >outside/dir/file' - "$tmp"
	as_test python3 "$top/tests/lib/hostile_images.py" "$tmp/images" "$tmp/outside"
}
teardown() {
	stop_servers
	ch_teardown
}

# go TREE COMMAND...: all of them, one after the other; see tests/lib/hostile_run.py
go() {
	local memory=(--memory 256)

	! is_sanitized || memory=()
	run as_test env "CH_IMAGE_STORAGE=$tmp/store" "$top/tests/lib/hostile_run.py" "${memory[@]}" \
		"$tmp/images" "$tmp/outside" "$tmp/$1" "${@:2}"
	((status == 0)) || fail "$output"
}

@test "hostile images: pulled, converted, imported" {
	start_layouts "$tmp/images"
	go store/img/x ch-image pull --no-cache "$registry/{name}" x
	go store/img/x ch-image import --no-cache "$tmp/images/{name}/1.tar.gz" x
	assert_equal "$(as_test ls "$tmp/store/tmp" "$tmp/store/locks" | grep -v :)" ""
	go tree ch-convert -i oci -o dir "$tmp/images/{name}" "$tmp/tree"
	assert_equal "$(as_test ls -A "$tmp" | tr '\n' ' ')" "images outside store tree "
}
