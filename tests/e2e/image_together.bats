#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image: builds and others that want what the other one makes, or has
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image

# begin LOG ARGS...: a build in the background
begin() {
	as_test timeout 20 "${via[@]}" env -C "$ctx" ch-image build "${@:2}" >"$tmp/$1" 2>&1 3>&- &
}

# ended LOG...: all that was begun succeeds
ended() {
	local pid

	for pid in $(jobs -p); do wait "$pid" || fail "$(tail -n 20 "${@/#/$tmp/}")"; done
}

@test "two builds of one Dockerfile: what the other one has of it" {
	df Dockerfile <<-'END'
		FROM tiny AS one
		ARG slow
		RUN [ ! "$slow" ] || sleep 0.6; echo one >/one
		FROM tiny
		ARG n
		RUN sleep 0.3; echo $n >/n
		COPY --from=one /one /one
	END
	img -q build --build-arg n=0 -t x .
	# The one has the last stage and wants the first one, the other one that, and wants the last one.
	begin first --build-arg n=1 -t x .
	begin second --rebuild --build-arg slow=y --build-arg n=2 -t x .
	ended first second
	grep -q "waiting: image 'x' is being made" "$tmp/first" "$tmp/second"
	assert_match "$(in_image x 'cat /n /one')" $'^[12]\none$'
}

@test "an image is what it is noted to be, whatever its branch says" {
	printf 'FROM tiny\nARG n\nRUN echo $n >/n\n' | df Dockerfile
	printf 'FROM x\nRUN cat /n >/m\n' | df from
	img -q build --build-arg n=1 -t x .
	# As if a build of another one had set the branch, and been killed then
	as_test git -C "$store/bucache" update-ref refs/heads/x refs/heads/root
	img build -t y -f from .
	[[ $stderr == '1* FROM x'* ]] || fail "$stderr"
	assert_equal "$(in_image y 'cat /n /m')" $'1\n1'
	img -q build --build-arg n=1 -t x .
	assert_match "$(as_test git -C "$store/bucache" log -1 --format=%s x)" 'RUN.* echo .n'
}

@test "two builds: each copies from the image that the other one makes" {
	local n

	for n in x y; do
		printf 'FROM tiny\nRUN echo %s >/%s\n' $n $n | df $n
		img -q build -t $n -f $n .
		# As if the machine had stopped: the cache has it.
		as_test rm -r "$store/img/$n"
	done
	printf 'FROM tiny\nRUN echo x >/x\nRUN sleep 0.5\nCOPY --from=y /y /copy\n' | df x
	printf 'FROM tiny\nRUN echo y >/y\nRUN sleep 0.5\nCOPY --from=x /x /copy\n' | df y
	begin x -t x -f x .
	begin y -t y -f y .
	ended x y
	assert_equal "$(in_image x 'cat /copy')$(in_image y 'cat /copy')" yx
}

# branch NAME: the commit that it leads to; placed NAME: the one that the image is noted to be
branch() { as_test git -C "$store/bucache" rev-parse -q --verify "refs/heads/$1"; }
placed() { as_test readlink "$store/at/$1" | cut -d ' ' -f 1; }

@test "delete: nobody makes the image before its branch is gone" {
	printf 'FROM tiny\nRUN echo x >/x\n' | df Dockerfile
	img -q build -t x .
	cd "$ctx"
	as_test flock "$store/bucache/charlie/refs.lock" \
		sh -c 'touch locked; until [ -e go ]; do sleep 0.05; done' 3>&- &
	await 10 test -e locked
	# (runuser would stop with it.)
	as_test "${via[@]}" sh -c 'ch-image -q delete x & echo $! >pid; wait' 3>&- &
	await 10 test ! -e "$store/img/x"
	sleep 0.2
	kill -STOP "$(cat pid)"
	as_test touch go
	begin build -t x .
	sleep 1
	kill -CONT "$(cat pid)"
	ended build
	assert_equal "$(branch x)" "$(placed x)"
	assert_equal "$(in_image x 'cat /x')" x
}
