#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images that want to get out of where they are unpacked, to keep us busy, or to take all memory;
# pulled: tests/long/hostile.bats
# shellcheck disable=SC2154 # variables of common.bash and bats

load ../lib/common
load ../lib/hostile

setup() {
	ch_setup
	make_hostile
}
teardown() { ch_teardown; }

@test "hostile images: converted, imported" {
	all_hostile tree ch-convert -i oci -o dir "$tmp/images/{name}" "$tmp/tree"
	assert_equal "$(as_test ls -A "$tmp" | tr '\n' ' ')" "images outside tree "
	all_hostile store/img/x ch-image import --no-cache "$tmp/images/{name}/1.tar.gz" x
	assert_equal "$(as_test ls "$tmp/store/tmp" "$tmp/store/locks" | grep -v :)" ""
}
