#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run: what it says, to whom, and how
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
}
teardown() { ch_teardown; }

# ---- system log ---------------------------------------------------------------------------

@test "syslog: how ch-run was called, in one line" {
	local me

	me=$(as_test id -u)
	with_log -- ch-run "$sqfs" -- echo 'a  b' ''
	assert_equal "$status $output$stderr" "0 a  b "
	assert_match "$log" "^<14>ch-run\[[1-9][0-9]*\]: user $me, 6 words: 'ch-run' '$sqfs' '--' 'echo' 'a  b' ''$"
}

@test "syslog: bad calls, too" {
	with_log -- ch-run --nonsense
	assert_equal "$status" 64
	assert_match "$log" "2 words: 'ch-run' '--nonsense'$"
	with_log -- ch-run
	assert_equal "$status" 64
	assert_match "$log" "1 words: 'ch-run'$"
	with_log -- ch-run /nonexistent -- x
	assert_equal "$status" 31
	assert_match "$log" "4 words: 'ch-run' '/nonexistent' '--' 'x'$"
}

@test "syslog: nobody can forge lines, or fill it" {
	with_log -- ch-run "$dir" -- echo $'x\n<10>kernel: \e[31mfake\r\x7f' "it's \\"
	assert_equal "$status" 0
	assert_equal "$(wc -l <<<"$log")" 1
	assert_match "$log" "'x\\\\012<10>kernel: \\\\033\[31mfake\\\\015\\\\177' 'it\\\\047s \\\\134'$"
	with_log -- ch-run "$dir" -- true "$(printf '%050000d' 0)"
	assert_equal "$status" 0
	assert_equal "$(wc -l <<<"$log")" 1
	assert_match "$log" "'true' '00*\.\.\.$"
	((${#log} < 2100)) || fail "${#log} bytes"
}

@test "syslog: a damaged image gives EIO to who reads it, and one line" {
	cp "$sqfs" "$tmp/damaged.sqfs"
	# Data come right behind the superblock.
	head -c 200000 /dev/urandom | dd of="$tmp/damaged.sqfs" bs=96 seek=1 conv=notrunc status=none
	# By an intact program
	with_log -- ch-run -b "$(command -v busybox):/mnt/busybox" "$tmp/damaged.sqfs" -- /mnt/busybox sh -c \
		'/mnt/busybox find / -xdev -type f | while read -r file; do
			/mnt/busybox cat "$file" >/dev/null; done; echo over'
	assert_equal "$status $output" "0 over"
	(($(grep -c 'Input/output error' <<<"$stderr") >= 1)) || fail "$stderr"
	assert_equal "$(grep -c 'ch-server\[' <<<"$log")" 1
	assert_match "$log" '<12>ch-server\[[0-9]+\]: image damaged or unreadable \(inode [0-9a-f]+\)'
}

@test "syslog: without a log, and with one that hangs, everything goes on" {
	local image

	for image in "${both[@]}"; do
		with_log --none -- ch-run "$image" -- echo ok
		assert_equal "$status $output$stderr$log" "0 ok"
		with_log --full -- ch-run "$image" -- echo ok
		assert_equal "$status $output$stderr$log" "0 ok"
	done
}

# ---- colours -------------------------------------------------------------------------------

# on_terminal VARIABLE=VALUE... ARGS...: ch-run ARGS, all of it on a terminal; into $output
on_terminal() {
	local vars=(TERM=xterm)

	while [[ $1 == *=* && $1 != -* ]]; do
		vars+=("$1")
		shift
	done
	run as_test env -u TMPDIR -u NO_COLOR -u TERM "${vars[@]}" timeout -k 5 60 python3 -c '
import os, pty, sys
sys.exit(os.waitstatus_to_exitcode(pty.spawn(["ch-run"] + sys.argv[1:])))' "$@" </dev/null
	output=${output//$'\r'/}
}

# Wanted of an error in red, and of one without colour
red=$'^\e\\[31mch-run\\[[0-9]+\\]: error: .*\\)\e\\[0m$'
plain='^ch-run\[[0-9]+\]: error: [^[:cntrl:]]*\)$'

@test "color: errors are coloured on a terminal, and nowhere else" {
	local bad=/nonexistent

	on_terminal "$bad" -- true
	assert_equal "$status" 31
	assert_match "$output" "$red"
	refused 31 "^[^[:cntrl:]]*$" "$bad" -- true
	on_terminal NO_COLOR=1 "$bad" -- true
	assert_match "$output" "$plain"
	on_terminal NO_COLOR= "$bad" -- true
	assert_match "$output" "$red"
	on_terminal TERM=dumb "$bad" -- true
	assert_match "$output" "$plain"
	# Also what is found in the command line itself.
	on_terminal --nonsense
	assert_equal "$status" 64
	assert_match "$output" "$red"
}

@test "color: always and never, by either name, or without an argument" {
	local when

	for when in --color --color=yes --color=always; do
		run_ch "$when" /nonexistent -- true
		assert_match "$status $stderr" "^31 ${red#^}"
		on_terminal NO_COLOR=1 TERM=dumb "$when" /nonexistent -- true
		assert_match "$output" "$red"
	done
	for when in --color=no --color=never; do
		on_terminal "$when" /nonexistent -- true
		assert_match "$output" "$plain"
	done
	on_terminal --color=never --color=auto /nonexistent -- true
	assert_match "$output" "$red"
	refused 64 "option --color: 'blue' is none of auto, yes, always, no, never" --color=blue "$dir"
}

@test "color: information and the command's output are not touched" {
	on_terminal --color -v "$dir" -- echo x
	assert_equal "$status" 0
	assert_match "$output" $'^ch-run\[[0-9]+\]: info: [^[:cntrl:]]*\nx$'
}

# ---- the image server is gone -----------------------------------------------------------------

@test "an image server that ends before the command: 84, one line" {
	cp -a "$prefix/libexec" "$tmp/libexec"
	printf '#!/bin/sh\nkill -KILL $$\n' >"$tmp/libexec/ch-server"
	chmod -R a+rx "$tmp/libexec"
	export CH_KEEPER=$tmp/libexec/ch-keeper
	refused 84 "image '$sqfs': the image server ended unexpectedly" "$sqfs" -- true
	inside ok "$dir" -- echo ok
}

@test "an image server that ends just before the command is executed: 84, one line" {
	local pid server

	# It waits in execve(2).
	as_test env -u TMPDIR timeout -k 5 60 strace -o "$tmp/trace" -e trace=execve,setns \
		-e inject=execve:delay_enter=4000000 ch-run "$sqfs" -- /bin/true 2>"$tmp/err" 3>&- &
	pid=$!
	await 30 grep -q 'setns(.*CLONE_NEWNS) *= 0' "$tmp/trace"
	server=$(servers_of "$sqfs")
	[[ $server ]] || fail "no server"
	# shellcheck disable=SC2086
	kill -KILL $server
	status=0
	wait "$pid" || status=$?
	assert_equal "$status" 84
	assert_match "$(<"$tmp/err")" "^ch-run\[[0-9]+\]: error: execute '/bin/true' in the container: .*\)$"
}

# Image servers, with their workers, that have this file open
servers_of() {
	local dir pid

	while read -r dir; do
		pid=${dir#/proc/}
		pid=${pid%%/*}
		[[ $(cat "/proc/$pid/comm") != ch-server* ]] || echo "$pid"
	done < <(find /proc/[0-9]*/fd -lname "$1" -printf '%h\n') 2>/dev/null
}
