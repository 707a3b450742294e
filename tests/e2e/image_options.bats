#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image: what options do that are not about the instructions of a build
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image

@test "warnings come again at the end, counted" {
	df Dockerfile <<-'END'
		FROM tiny
		ENV a=b${unset}c
		ENV b=${other}
		RUN false
	END
	fails 'reprinting 2 warnings
ch-image: warning: Dockerfile:2:[0-9]+: variable .unset. is not set
ch-image: warning: Dockerfile:3:[0-9]+: variable .other. is not set
ch-image: error: ' -t x .
	sed -i -e '$d' -e /other/d "$ctx/Dockerfile"
	img build -t x .
	assert_equal "$status" 0
	[[ $stderr == *$'\n'"reprinting 1 warning"$'\n'*"'unset'"* ]] || fail "$stderr"
	img -q build -t x .
	[[ $stderr == "ch-image: warning: "*"'unset'"* && $stderr != *$'\n'* ]] || fail "$stderr"
}

# size: of the cache, in MiB
size()
{
	as_test du -sm "$store/bucache" | cut -f1
}

@test "--cache-max: what was used longest ago goes, what images need stays" {
	printf 'FROM tiny\nARG n\nRUN dd if=/dev/urandom of=/data bs=1M count=6\n' | df Dockerfile
	for i in 1 2 3 4; do
		img build --build-arg "n=$i" -t x .
		assert_equal "$status" 0
	done
	(($(size) > 24)) || fail "$(size) MiB"
	builds '  1* FROM tiny
  2* ARG n
  3* RUN.S dd if=/dev/urandom of=/data bs=1M count=6
copying image from cache ...
grown in 3 instructions: y' --build-arg n=1 -t y .
	# Of x and y, and the one used last.
	as_test touch "$ctx/new"
	img --cache-max 20 build --build-arg n=4 -t x .
	assert_equal "$status" 0
	(($(size) <= 20)) || fail "$(size) MiB"
	for i in 1 4; do
		img build -n --build-arg "n=$i" -t x .
		[[ $stderr == *'  3* RUN'* ]] || fail "$stderr"
	done
	img build -n --build-arg n=2 -t x .
	[[ $stderr == *'  3. RUN'* ]] || fail "$stderr"
	# Images need more than there may be: they stay, nothing else does.
	via+=(CH_IMAGE_CACHE_MAX=1)
	img build --build-arg n=3 -t x .
	assert_equal "$status" 0
	img build-cache --verify
	assert_equal "$status" 0
	[[ $output =~ 'named images:       4' && $output =~ 'disk used:         1'[3-6]' MiB' ]] ||
		fail "$output"
	img delete y
	img undelete y
	assert_equal "$status" 0
	in_image y 'test $(stat -c %s /data) = 6291456'
	img --cache-max x build .
	assert_equal "$status" 64
	[[ $stderr == *"option --cache-max: SIZE 'x'"* ]] || fail "$stderr"
}

@test "modify --interactive: a shell on the terminal; its status says whether it counts" {
	on_terminal=(env -C "$ctx" timeout -k 5 60 "$top/tests/lib/terminal")
	run as_test "${via[@]}" "${on_terminal[@]}" see:'3\. RUN' see:'# ' \
		type:'echo "$TERM" "$(cat /x)" >/y' see:'# ' key:c see:'# ' type:'stty -a >/z' type:exit -- \
		env TERM=vt100 ch-image modify -c 'echo one >/x' -i tiny m
	[[ $status == 0 && $output == *'grown in 3 instructions: m'* ]] || fail "$status" "$output"
	in_image m 'test "$(cat /y)" = "vt100 one" && grep -q "isig icanon" /z'
	# Each is another one; and one that fails is none.
	run as_test "${via[@]}" "${on_terminal[@]}" see:'# ' type:'exit 3' -- ch-image modify -i tiny n
	assert_equal "$status" 1
	[[ $output == *'the command exited with status 3'* ]] || fail "$output"
	img list
	[[ $output != *$'\nn'* ]] || fail "$output"
	# Afterwards the terminal is the caller's again.
	run as_test "${via[@]}" "${on_terminal[@]}" see:'# ' type:exit see:'grown in' at:cat type:word 'see:word\r\nword' key:c -- \
		bash -c 'ch-image modify -i tiny n; cat'
	((status != 99)) || fail "$output"
	img modify -i tiny o
	[[ $status == 1 && $stderr == *'modify: --interactive: standard input is no terminal'* ]] ||
		fail "$stderr"
}

@test "list --undeletable, and images that are brought back" {
	printf 'FROM tiny\nRUN echo one >/f\n' | df Dockerfile
	for i in b a; do
		img -q build -t "$i" .
		((status == 0))
	done
	img list -u
	assert_equal "$status $output" '0 '
	img delete '[ab]'
	as_test rm -r "$store/img/tiny"
	img list -u
	assert_equal "$status $output" $'0 a\nb\ntiny'
	img list --undeletable --json
	assert_equal "$output" '[{"name": "a"}, {"name": "b"}, {"name": "tiny"}]'
	img undelete a
	assert_equal "$status" 0
	inside one a -- cat /f
	img list -u
	assert_equal "$output" $'b\ntiny'
	img list -u a
	[[ $status == 64 && $stderr == *'list: an image, or --undeletable, but not both'* ]] || fail "$stderr"
	img --no-cache list -u
	[[ $status == 1 && $stderr == *'list: --undeletable: the build cache is off'* ]] || fail "$stderr"
}

@test "messages go to a file, with time and process, if the environment says so" {
	printf 'FROM tiny\nRUN echo out; echo err >&2\nRUN false\n' | df Dockerfile
	via+=("CH_LOG_FILE=$ctx/log")
	img build -t x .
	[[ $status == 1 && $output == out && $stderr == err* && $stderr != *FROM* ]] || fail "$stderr"
	grep -qx '  1\. FROM tiny' "$ctx/log"
	grep -q '^ch-image: error: Dockerfile:3:1: RUN: ' "$ctx/log"
	via+=(CH_LOG_FESTOON=)
	img build -t x .
	[[ $(grep -E '^[0-9]+ 20[0-9T:-]+[+-][0-9]{4}    1\* FROM tiny' "$ctx/log") ]] || fail "$(cat "$ctx/log")"
	via+=("CH_LOG_FILE=$ctx/no/log")
	img build -t x .
	[[ $stderr == *'  2* RUN'* ]] || fail "$stderr"
}
