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
