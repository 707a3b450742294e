#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image build and pull: killed at any moment; without room
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image
load ../lib/registry
load ../lib/image_pull
load ../lib/image_kill

@test "killed at random moments: no finished state is lost, and the next one clears up" {
	kill_prepare
	for i in {1..10}; do kill_build "$i"; done
	kill_verify 10
}

@test "pull: killed at random moments: the next one clears up, and gets the image" {
	pull_kill_prepare
	for i in {1..4}; do pull_kill "$i"; done
	pull_kill_verify
}

# small MIB: storage has so much room, for what is not there yet
small()
{
	mkdir "$tmp/small"
	mount -t tmpfs -o "size=$1m,mode=1777" small "$tmp/small"
	store=$tmp/small/store via=(env "CH_IMAGE_STORAGE=$tmp/small/store")
	img -q import "$dir" tiny
	assert_equal "$status" 0
}

# fill MIB: so much is left
fill()
{
	dd if=/dev/zero of="$tmp/small/full" bs=1M count=100 status=none 2>/dev/null || true
	truncate -s "-${1}M" "$tmp/small/full"
}

# stops REGEX: the build stops by one line that matches, and leaves nothing; what was finished is
# known
stops()
{
	img build -t x .
	[[ $status == 1 && $(grep -c '^ch-image: ' <<<"$stderr") == 1 && $stderr =~ $1 ]] ||
		fail "$status" "$stderr"
	assert_equal "$(as_test find "$store/tmp" "$store/bucache" -mindepth 1 \( -path "$store/tmp/*" -o -name 'tmp_*' \))" ''
	img list
	[[ $output != *x* ]] || fail "$output"
	img build-cache --verify
	[[ $status == 0 ]] || fail "$stderr"
	run as_test git -C "$store/bucache" fsck --full --strict
	[[ $status == 0 ]] || fail "git fsck: $output"
	img build -n -t x .
	[[ $stderr == *'  2* RUN'*'  3. RUN'* ]] || fail "$stderr"
}

@test "no room: an error, and then there is room again" {
	((EUID == 0)) || skip "does not apply without root: mounts"
	small 40
	printf 'FROM tiny\nRUN echo one >/one\nRUN dd if=/dev/urandom of=/two bs=1M count=6\n' | df Dockerfile
	head -n 2 "$ctx/Dockerfile" | df two.df
	img build -t y -f two.df .
	assert_equal "$status" 0
	# For the command itself,
	fill 5
	stops 'RUN: the command exited with status 1'
	# for the commit,
	fill 10
	stops 'No space left on device'
	# and with enough.
	rm "$tmp/small/full"
	img build -t x .
	assert_equal "$status" 0
	in_image x 'test $(stat -c %s /two) = 6291456'
	# At the check-out.
	img delete x
	fill 3
	img build -t x .
	[[ $status == 1 && $stderr == *'No space left on device'* ]] || fail "$stderr"
	assert_equal "$(as_test ls "$store/tmp")" ''
	rm "$tmp/small/full"
	img undelete x
	assert_equal "$status" 0
	umount "$tmp/small"
}

@test "no room: as of a quota, for files that are too large" {
	printf 'FROM tiny\nRUN echo one >/one\nRUN for i in 1 2 3 4; do head -c 1000000 /dev/urandom >/$i; done\n' |
		df Dockerfile
	head -n 2 "$ctx/Dockerfile" | df two.df
	img build -t y -f two.df .
	# Of the pack, which is one file.
	via=(prlimit --fsize=3000000 "${via[@]}")
	stops 'File too large'
	via=("${via[@]:2}")
	img build -t x .
	assert_equal "$status" 0
	in_image x 'test $(cat /[1234] | wc -c) = 4000000'
}

@test "signals that a build has blocked are not blocked in its keeper" {
	printf '#!/bin/bash\ngrep SigBlk /proc/self/status >>%s\nexec %s "$@"\n' \
		"$ctx/masks" "$prefix/libexec/ch-keeper" | df keeper
	chmod +x "$ctx/keeper"
	printf 'FROM tiny\nRUN true\n' | df Dockerfile
	via+=("CH_KEEPER=$ctx/keeper")
	img -q build -t x .
	assert_equal "$status" 0
	assert_equal "$(cat "$ctx/masks")" $'SigBlk:\t0000000000000000'
}
