#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Images that want to get out of where they are unpacked, to keep us busy, or to take all memory
# shellcheck disable=SC2154 # variables of common.bash and bats

load ../lib/common
load ../lib/hostile
load ../lib/registry

setup() {
	ch_setup
	make_hostile
}
teardown() {
	stop_servers
	ch_teardown
}

@test "hostile images: pulled" {
	start_layouts "$tmp/images"
	all_hostile store/img/x ch-image pull --no-cache "$registry/{name}" x
	assert_equal "$(as_test ls "$tmp/store/tmp" "$tmp/store/locks" | grep -v :)" ""
}
