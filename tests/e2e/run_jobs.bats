#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run at a terminal: Ctrl-C and job control, as without it
#
# What is typed is shown by the terminal, too, so what is waited for is never typed as such.
# shellcheck disable=SC2016,SC2034,SC2154 # shells inside; variables of run.bash, common.bash

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
}
teardown() { ch_teardown; }

# at_shell STEP...: an interactive Bash on a terminal (tests/lib/terminal), where $1 is the
# image; it is told to exit in the end
at_shell() {
	run as_test env -u TMPDIR timeout -k 5 100 "$top/tests/lib/terminal" \
		"type:set -- '$image'" "$@" "type:exit 7" -- \
		bash --norc --noprofile --noediting -i
	((status == 7)) || fail "status $status" "$output"
}

@test "Ctrl-C ends the command in the foreground, again and again, and nothing else" {
	local image

	for image in "${both[@]}"; do
		at_shell 'type:ch-run "$1" -- sh -c "echo back-\$((40 + 2)); exec sleep 1000" &' \
			see:back-42 \
			'type:ch-run "$1" -- sh -c "echo front-\$((40 + 2)); exec sleep 1000"' \
			see:front-42 at:sleep key:C at:bash 'type:echo "status-$?"' see:status-130 \
			'type:ch-run "$1" -- sh -c "echo front-\$((40 + 3)); sleep 1000"' \
			see:front-43 "at:sh|sleep" key:C at:bash 'type:echo "status-$?"' see:status-130 \
			'type:jobs' 'see:\[1\]\+ +Running' \
			'type:kill %1; wait %1; echo "status-$?"' see:status-143
		assert_nothing_left
	done
}

@test "Ctrl-C during a start ends it" {
	local image i steps=()

	for i in 1 2 3 4 5; do
		steps+=('type:ch-run "$1" -- sleep 1000' 'at:ch-run|sleep' key:C at:bash
			'type:echo "status-$?"' see:status-130)
	done
	for image in "${both[@]}"; do
		at_shell "${steps[@]}"
		assert_nothing_left
	done
}

@test "a shell inside outlives Ctrl-C of what it runs" {
	local image

	for image in "${both[@]}"; do
		at_shell 'type:ch-run "$1" -- sh -i' at:sh \
			'type:sleep 1000' at:sleep key:C at:sh 'type:echo status-$?' see:status-130 \
			'type:sleep 1000' at:sleep key:C at:sh 'type:echo status-$?; exit 5' \
			see:status-130 at:bash 'type:echo "status-$?"' see:status-5
	done
}

@test "Ctrl-Z stops the command, fg and bg continue it" {
	local image stopped='see:\[1\]\+ +Stopped'

	for image in "${both[@]}"; do
		at_shell 'type:ch-run "$1" -- sh -c "echo up-\$((40 + 2)); read x; echo \"<\$x>\"; exit 3"' \
			see:up-42 at:sh key:Z "$stopped" at:bash \
			'type:echo "state-$(ps -o state= -p $(jobs -p))"' see:state-T \
			type:fg at:sh type:hello 'see:<hello>' 'type:echo "status-$?"' see:status-3 \
			'type:ch-run "$1" -- sh -c "echo up-\$((40 + 3)); for i in 1 2 3 4; do sleep 0.3; done; echo \"<\$i>\""' \
			see:up-43 at:sh key:Z "$stopped" at:bash type:bg 'see:<4>' \
			'type:wait %1; echo "status-$?"' see:status-0 \
			'type:ch-run "$1" -- sleep 1000' at:sleep key:Z "$stopped" at:bash \
			type:bg type:jobs 'see:\[1\]\+ +Running' type:fg at:sleep key:C at:bash \
			'type:echo "status-$?"' see:status-130
		assert_nothing_left
	done
}

@test "a pipeline with ch-run is one job" {
	local image

	for image in "${both[@]}"; do
		at_shell 'type:ch-run "$1" -- sh -c "echo up-\$((40 + 2)); sleep 1000; echo no" | ch-run "$1" -- cat' \
			see:up-42 at:sh key:Z 'see:\[1\]\+ +Stopped' at:bash \
			type:fg at:sh key:C at:bash 'type:echo "status-$?"' see:status-130 'type:jobs; echo "jobs-$?"' see:jobs-0
	done
}

@test "shells inside do job control of their own" {
	local image host=(-b /usr -b "$(readlink -f /lib):/lib" -b "$(readlink -f /lib64):/lib64")

	for image in "${both[@]}"; do
		run as_test env -u TMPDIR timeout -k 5 100 "$top/tests/lib/terminal" at:bash \
			'type:sleep 1000' at:sleep key:Z 'see:\[1\]\+ +Stopped' at:bash \
			type:bg type:jobs 'see:\[1\]\+ +Running' type:fg at:sleep key:C at:bash \
			'type:echo status-$?' see:status-130 \
			'type:sleep 1000 &' 'type:kill %1; wait %1; echo status-$?' see:status-143 \
			'type:exit 7' -- \
			ch-run "${host[@]}" "$image" -- /usr/bin/bash --norc --noprofile --noediting -i
		((status == 7)) || fail "status $status" "$output"
		[[ ! $output =~ "no job control" ]] || fail "$output"
		assert_nothing_left
	done
}

@test "a stopped command keeps its container" {
	local image

	for image in "${both[@]}"; do
		at_shell 'type:ch-run "$1" -- sh -c "echo up-\$((40 + 2)); read x; sha256sum </bin/busybox"' \
			see:up-42 at:sh key:Z 'see:\[1\]\+ +Stopped' at:bash 'type:sleep 1; fg' at:sh type: \
			"see:$(sha256sum <"$dir/bin/busybox")"
	done
}
