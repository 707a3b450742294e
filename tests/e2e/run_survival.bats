#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run: what happens to the image server, and those who read notice nothing, or are told
# shellcheck disable=SC2016,SC2034,SC2154 # shells inside; variables of run.bash, common.bash

load ../lib/common
load ../lib/run

setup_file() {
	# Everything in an image, by eight readers, each in its own order
	cat >"$BATS_FILE_TMPDIR/read" <<-'END'
		one() { find / -xdev -type f -print0 | shuf -z | xargs -0 sha256sum | sort | sha256sum; }
		set -e -o pipefail
		touch "/mnt/started"
		for i in {1..8}; do one & pids="$pids $!"; done
		for pid in $pids; do wait $pid; done
	END
	chmod o+x "$BATS_FILE_TMPDIR"
}

setup() {
	ch_setup
	group=
}

teardown() {
	pkill -KILL -F "$tmp/badfs" 2>/dev/null || true
	ch_teardown
	# Nobody may be left in it.
	[[ ! $group ]] || rmdir "$group"
}

# worker IMAGE: waits until there is one
worker() {
	await 10 has_worker "$1" && servers ch-server-w "$1"
}

has_worker() {
	[[ $(servers ch-server-w "$1") ]]
}

# helpers OPTION...: CH_KEEPER with an image server that has these options
helpers() {
	mkdir -p "$tmp/helpers"
	cp "$prefix/libexec/ch-keeper" "$tmp/helpers"
	printf '#!/bin/sh\nexec "%s" %s "$@"\n' "$prefix/libexec/ch-server" "$*" >"$tmp/helpers/ch-server"
	chmod 755 "$tmp/helpers"/*
	via=(env "CH_KEEPER=$tmp/helpers/ch-keeper")
}

# A copy of the Debian image, which others may be using: $img; and what reading it gives: $want
debian() {
	img=$tmp/debian.sqfs
	ln "$(image debian)" "$img" 2>/dev/null || cp "$(image debian)" "$img"
	[[ -e $BATS_FILE_TMPDIR/want ]] || read_eight >"$BATS_FILE_TMPDIR/want"
	want=$(<"$BATS_FILE_TMPDIR/want")
	assert_equal "$(wc -l <<<"$want") $(uniq <<<"$want" | wc -l)" "8 1"
	rm -f "$tmp/started"
}

read_eight() {
	cp "$BATS_FILE_TMPDIR/read" "$tmp"
	own "$tmp"
	ch -b "$tmp:/mnt" "$img" -- bash /mnt/read
}

a_moment() {
	sleep "0.$((RANDOM % 2))$((RANDOM % 10))$((RANDOM % 10))"
}

# Forty workers are killed while eight readers read all of the image.
forty_kills() {
	local kills=0 reader pid

	debian
	helpers "$@"
	while ((kills < 40)); do
		read_eight >"$tmp/got" 2>"$tmp/err" 3>&- &
		reader=$!
		await 10 test -e "$tmp/started"
		while [[ -e /proc/$reader ]]; do
			a_moment
			pid=$(servers ch-server-w "$img")
			[[ ! $pid ]] || ! kill -KILL "$pid" 2>/dev/null || kills=$((kills + 1))
		done
		wait "$reader" || fail "status $?: $(<"$tmp/err")"
		assert_equal "$(<"$tmp/err")" ""
		assert_equal "$(<"$tmp/got")" "$want"
		rm "$tmp/started"
	done
	echo "$kills kills"
}

@test "forty workers are killed under eight readers: no error, no mismatch" {
	forty_kills
}

@test "forty workers are killed under eight readers, and only the journal knows what they were at" {
	forty_kills --no-resend
}

@test "forty workers are killed under eight readers, and only the kernel knows what they were at" {
	forty_kills --no-journal
}

@test "workers are killed, and nobody knows what they were at: the test can tell" {
	[[ $CH_TEST_AS == user ]] || skip "does not apply to root: one look at the test is enough"
	local reader i status=0

	debian
	helpers --no-journal --no-resend
	read_eight >"$tmp/got" 2>"$tmp/err" 3>&- &
	reader=$!
	await 10 test -e "$tmp/started"
	for i in {1..10}; do
		a_moment
		kill -KILL "$(worker "$img")" 2>/dev/null || true
	done
	sleep 4
	[[ -e /proc/$reader ]] || fail "it ended: $(<"$tmp/got")"
	# shellcheck disable=SC2046 # several words
	kill -KILL $(servers ch-server "$img") $(servers ch-server-w "$img") || true
	wait "$reader" || status=$?
	((status != 0))
}

# ---- requests that go wrong ------------------------------------------------------------

# An image of a few files and links: $img; its commands are a program of the host's
small() {
	mkdir -p "$tmp/dir"/{bin,data,dev,etc,mnt,proc,sys,tmp}
	for i in {1..9}; do
		head -c 300000 /dev/urandom >"$tmp/dir/data/$i"
		ln -s "$i" "$tmp/dir/data/link$i"
	done
	touch "$tmp/dir/mnt/busybox"
	img=$tmp/small.sqfs
	squash "$tmp/dir" "$img"
	on_small=(ch-run -b "$(command -v busybox):/mnt/busybox" "$img" -- /mnt/busybox sh -c)
}

# meanwhile CMD...: in the background, once the server of $img is there; then the command
# goes on
meanwhile() {
	(worker "$img" >/dev/null && "$@" && touch "$tmp/go") 3>&- &
}
readonly wait_for_go='while [ ! -e "$0" ]; do /mnt/busybox sleep 0.05; done;'

poison() {	# KIND NAME...
	local name

	for name in "${@:2}"; do
		"$top/tests/lib/poison" "$1" ch_inode_target "$(servers "$name" "$img")"
	done
}

@test "a request that two workers crashed at gets EIO, and a line in the log; others do not suffer" {
	unsanitized "the program has another shape"
	small
	meanwhile poison crash ch-server ch-server-w
	with_log -- "${on_small[@]}" "$wait_for_go"'
		for i in 1 2 3; do
			/mnt/busybox cat /data/link$i 2>&1
			/mnt/busybox cat /data/$i | /mnt/busybox wc -c
		done' "$tmp/go"
	assert_equal "$status $(grep -c "^cat: .*/data/link[123].*: Input/output error$" <<<"$output")" "0 3"
	assert_equal "$(grep -v ^cat: <<<"$output")" $'300000\n300000\n300000'
	assert_equal "$(grep -c "ch-server\[[0-9]*\]: request that workers died of gets EIO (operation 5," <<<"$log")" 3
	assert_match "$log" '<12>ch-server\[[0-9]+\]: worker died \(signal 4\), starting another one'
}

@test "a worker that computes for ever is ended, and the request done by another one" {
	unsanitized "the program has another shape"
	small
	meanwhile poison spin ch-server-w
	with_log -- "${on_small[@]}" "$wait_for_go"' /mnt/busybox readlink /data/link1' "$tmp/go"
	assert_equal "$status $output" "0 1"
	assert_match "$log" '<12>ch-server\[[0-9]+\]: worker died \(signal 6\), starting another one'
}

@test "the image's file system hangs: a line in the log says so, and readers go on when it is back" {
	local pid try

	small
	mkdir "$tmp/bad" "$tmp/good"
	mv "$img" "$tmp/good/small.sqfs"
	"$(program badfs fuse3)" "$tmp/good" "$tmp/bad" 3>&- &
	echo $! >"$tmp/badfs"
	await 5 test -e "$tmp/bad/small.sqfs"
	img=$tmp/bad/small.sqfs
	on_small[3]=$img
	(
		worker "$img" >/dev/null
		pkill -HUP -F "$tmp/badfs"
		touch "$tmp/go"
		await 20 grep -q 'request has waited' "$tmp/log" || true
		pkill -USR2 -F "$tmp/badfs"
	) 3>&- &
	with_log -- "${on_small[@]}" "$wait_for_go"' /mnt/busybox cat /data/5 | /mnt/busybox wc -c' "$tmp/go"
	pkill -TERM -F "$tmp/badfs"
	wait
	assert_equal "$status $output" "0 300000"
	assert_match "$log" "<12>ch-server\[[0-9]+\]: a request has waited for 5 s: does the image's file system hang\?"
}

# ---- memory ------------------------------------------------------------------------------

# memory_group BYTES: a control group with that limit: $group
memory_group() {
	if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
		echo +memory >/sys/fs/cgroup/cgroup.subtree_control
		group=/sys/fs/cgroup/charlie-test-$$
		mkdir "$group"
		echo "$1" >"$group/memory.max"
		echo 0 >"$group/memory.swap.max" 2>/dev/null || true
	else
		group=/sys/fs/cgroup/memory/charlie-test-$$
		mkdir "$group"
		echo "$1" >"$group/memory.limit_in_bytes"
	fi
}

# How often the kernel has killed somebody in $group
memory_kills() {
	cat "$group"/memory.{events,oom_control} 2>/dev/null | awk '$1 == "oom_kill" { print $2 }'
}

@test "the kernel kills workers that take too much memory: no error, no mismatch" {
	local reader kills pid

	debian
	read_eight >"$tmp/got" 2>"$tmp/err" 3>&- &
	reader=$!
	await 10 test -e "$tmp/started"
	memory_group 16M
	for pid in $(servers ch-server "$img") $(servers ch-server-w "$img"); do
		echo "$pid" >"$group/cgroup.procs"
	done
	wait "$reader" || fail "status $?: $(<"$tmp/err")"
	assert_equal "$(<"$tmp/err")" ""
	assert_equal "$(<"$tmp/got")" "$want"
	kills=$(memory_kills)
	echo "$kills kills"
	((kills > 0))
}
