#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2001,SC2016,SC2154 # sed; shells inside; variables of common.bash and bats
# How far long work is, on a terminal; and that nothing of it is left there.
load ../lib/common
load ../lib/run
load ../lib/image

# on_terminal STEP... -- COMMAND...: by bats' run, in the context; see tests/lib/terminal
on_terminal()
{
	run as_test "${via[@]}" TERM=xterm timeout -k 5 60 env -C "$ctx" "$top/tests/lib/terminal" "$@"
}

# Lines of progress came, and each is erased before anything else comes.
assert_wiped()
{
	local line='(cache|unpacking): [0-9]'

	[[ $output =~ $line && ! $(sed $'s/.*\033\\[J//' <<<"$output") =~ $line ]] ||
		fail "${output@Q}"
}

how='[0-9]+ of [0-9]+ files, [0-9]+%, [0-9]+/s'

# Thousands of files; a step more has them checked out.
setup_big()
{
	put pad "$(head -c 3000 /dev/urandom | base64 -w 0)"
	df Dockerfile <<-'END'
		FROM tiny
		COPY pad /
		RUN mkdir /a && cd /a && p=$(cat /pad) && for i in $(seq 3000); do echo $i $p >$i; done && cp -r /a /b
	END
}

one_more()
{
	echo "RUN $1" >>"$ctx/Dockerfile"
	as_test "${via[@]}" ch-image -q delete big
}

@test "progress: a build's commit and check-out; not elsewhere, nor with --quiet; errors" {
	setup_big
	on_terminal slow:"to the cache: $how" -- ch-image build -t big .
	assert_equal "$status" 0
	assert_wiped
	img build --rebuild -t big .
	[[ $status == 0 && $stderr == *'grown in'* && $stderr != *' files'* && $stderr != *$'\033'* ]] ||
		fail "$stderr"

	one_more 'echo 1 >/c'
	on_terminal -- ch-image build -q -t big .
	[[ $status == 0 && ! $output ]] || fail "$output"

	one_more 'false'
	on_terminal slow:"from the cache: $how" -- ch-image build -t big .
	assert_equal "$status" 1
	assert_wiped
}

@test "progress: Ctrl-C leaves none of it; on a narrow terminal there is less" {
	setup_big
	echo 'RUN true' >>"$ctx/Dockerfile"
	on_terminal slow:'to the cache: [0-9]+ of [0-9]+ files' key:c -- \
		sh -c 'stty cols 40; trap : INT; ch-image build -t big .; echo "status $?"'
	assert_wiped
	[[ $output == *'interrupted'*'status 130'* && $output != */s* ]] || fail "${output@Q}"

	# What has nothing else to clean up
	as_test mkfifo "$tmp/fifo"
	as_test bash -c 'while head -c 2M /dev/zero && sleep 0.3; do :; done >"$1"' x "$tmp/fifo" 3>&- &
	on_terminal see:'unpacking: [0-9.]+ MiB, [0-9.]+ .iB/s' key:c -- \
		sh -c 'trap : INT; ch-image import "$1" x; echo "status $?"' x "$tmp/fifo"
	assert_wiped
	[[ $output == *'status 130'* ]] || fail "${output@Q}"
	wait
}
