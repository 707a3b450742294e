#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image build and pull: killed at hundreds of random moments; pull: without room
# shellcheck disable=SC2034,SC2154 # variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image
load ../lib/registry
load ../lib/image_pull
load ../lib/image_kill

@test "killed at 200 random moments: no finished state is lost" {
	kill_prepare
	for i in {1..200}; do
		kill_build "$i"
		((i % 20)) || kill_verify "$i"
	done
	kills_hit 100 0 3 5 6 7 9
}

@test "pull: killed at 100 random moments: the next one gets the image" {
	pull_kill_prepare
	for i in {1..100}; do
		pull_kill "$i"
		((i % 20)) || pull_kill_verify
	done
	kills_hit 50 part draft
}

# room KIB: so much is left
room() {
	dd if=/dev/zero of="$tmp/small/full" bs=1M status=none 2>/dev/null || true
	truncate -s "-${1}K" "$tmp/small/full"
}

# Whatever it is that it does not suffice for
@test "pull: no room at any moment: an error, and with room, the image" {
	local kib failed=0

	((EUID == 0)) || skip "does not apply without root: mounts"
	pull_new 1
	mkdir "$tmp/small"
	mount -t tmpfs -o "size=40m,mode=1777" small "$tmp/small"
	store=$tmp/small/store via=(env "CH_IMAGE_STORAGE=$tmp/small/store")
	img -q import "$dir" tiny
	for ((kib = 0; ; kib += 250)); do
		room "$kib"
		img -q pull "$registry/kill:1" x
		[[ $status != 0 ]] || break
		: $((failed++))
		echo "# $kib KiB: $stderr"
		[[ $status == 1 && $stderr != *$'\n'* && $stderr =~ ^ch-image:\ error:\ .*No\ space\ left ]] ||
			fail "$status" "$stderr"
		nothing_left
		as_test find "$store" \( -name '*.part' -o -name 'tmp_*' \) | grep . &&
			fail "something is left"
		img list
		assert_equal "$output" "tiny (amd64)"
		rm "$tmp/small/full"
		[[ ! -d $store/bucache ]] || pull_kill_verify
		pulls "$registry/kill:1" x
		pull_is_right x 1
		img delete x
		as_test rm -rf "$store/dlcache"
		img build-cache --reset
		assert_equal "$status" 0
	done
	pull_is_right x 1
	((failed > 15)) || fail "it failed $failed times only"
	umount "$tmp/small"
}
