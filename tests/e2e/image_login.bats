#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image and registries that want a name and a password: from the environment, from what other
# tools have stored, from their helpers, and from the terminal
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image
load ../lib/registry
load ../lib/image_pull

# All tests share one that anybody may use, $plain; the images are in there.
setup_file() {
	start_registry anonymous "$BATS_FILE_TMPDIR/data"
	plain=$registry
	export plain
}

# login KIND: the registry that wants credentials: "basic", or tokens with options of
# token_server.py; ch-image has a home of its own, and no terminal
login() {
	if [[ $1 == basic ]]; then
		start_registry basic "$BATS_FILE_TMPDIR/data"
	else
		start_token_registry "$plain" "${@:2}"
	fi
	as_test mkdir -p "$tmp/home/.docker" "$tmp/home/bin"
	terminal=(env -u XDG_RUNTIME_DIR "HOME=$tmp/home" "PATH=$tmp/home/bin:$PATH" "CH_IMAGE_STORAGE=$store")
	via=(setsid -w "${terminal[@]}")
}

# stored JSON: what "docker login" has written
stored() {
	as_test tee "$tmp/home/.docker/config.json" >/dev/null <<<"$1"
}

pair() {
	printf '%s' "$1" | base64
}

# pushes_and_pulls [OPTION]...: both work with what there is, and nobody tells the password
pushes_and_pulls() {
	img push tiny "$registry/tiny:$BATS_TEST_NUMBER"
	[[ $status == 0 && $stderr != *secret1* ]] || fail "$stderr"
	pulls --always-download --no-cache "$@" "$registry/tiny:$BATS_TEST_NUMBER" got
	[[ $stderr != *secret1* ]] || fail "$stderr"
	at . 'cmp tiny/bin/busybox got/bin/busybox'
	as_test grep -rl secret1 "$store" && fail "the password is in storage"
	nothing_left
}

@test "login: from the environment, only with --auth" {
	login basic
	fails_to 1 "there is no terminal to ask for a password at" push tiny "$registry/tiny:1"
	via+=(CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=secret1)
	pushes_and_pulls --auth
	fails_to 1 "credentials are needed: see --auth" pull "$registry/tiny:$BATS_TEST_NUMBER" x
	via+=(CH_IMAGE_AUTH=yes)
	pushes_and_pulls
	via+=(CH_IMAGE_PASSWORD=wrong)
	fails_to 1 "'alice' were not accepted" pull "$registry/tiny:$BATS_TEST_NUMBER" x
}

@test "login: as docker or podman have stored it" {
	login basic
	stored "{\"auths\": {\"$registry\": {\"auth\": \"$(pair alice:secret1)\"}}}"
	pushes_and_pulls --auth
	# ... also without being told, when anybody is not enough
	pushes_and_pulls
	stored "{\"auths\": {\"$registry\": {\"auth\": \"$(pair alice:wrong)\"}}}"
	fails_to 1 "'alice' were not accepted" pull "$registry/tiny:$BATS_TEST_NUMBER" x
	stored '{"auths": '
	fails_to 1 "credentials: '.*/config.json': JSON, line" pull "$registry/tiny:$BATS_TEST_NUMBER" x
	as_test tee "$tmp/home/auth.json" >/dev/null <<<"{\"auths\": {\"$registry\": {\"auth\": \"$(pair alice:secret1)\"}}}"
	via+=("REGISTRY_AUTH_FILE=$tmp/home/auth.json")
	pushes_and_pulls
}

@test "login: as helpers say, that other tools have stored it with" {
	login basic
	as_test tee "$tmp/home/bin/docker-credential-fake" >/dev/null <<-'END'
		#!/bin/sh
		read -r server
		echo "$* $server" >>"$HOME/asked"
		cat "$HOME/answer"
		exit $(cat "$HOME/status")
	END
	as_test bash -c 'chmod +x "$1/bin/docker-credential-fake"; echo 0 >"$1/status"
		echo "{\"ServerURL\": \"x\", \"Username\": \"alice\", \"Secret\": \"secret1\"}" >"$1/answer"' x "$tmp/home"
	stored "{\"credHelpers\": {\"$registry\": \"fake\"}}"
	pushes_and_pulls --auth
	assert_equal "$(sort -u "$tmp/home/asked")" "get $registry"
	stored '{"credsStore": "fake"}'
	pushes_and_pulls
	# One that knows nothing, and one that cannot say it
	as_test bash -c 'echo 1 >"$1/status"; echo "credentials not found in native keychain" >"$1/answer"' x "$tmp/home"
	fails_to 1 "no terminal to ask" push tiny "$registry/tiny:1"
	as_test bash -c 'echo "the keychain is locked" >"$1/answer"' x "$tmp/home"
	fails_to 1 "credential helper 'docker-credential-fake': exit status 1: the keychain is locked" \
		push tiny "$registry/tiny:1"
	nothing_left
}

# at_terminal STEP... -- ARGS...: ch-image at a terminal, by bats' run; see tests/lib/terminal
at_terminal() {
	local steps=()

	while [[ $1 != -- ]]; do
		steps+=("$1")
		shift
	done
	shift
	run as_test "${terminal[@]}" env -C "$ctx" timeout -k 5 60 "$top/tests/lib/terminal" \
		"${steps[@]}" -- ch-image "$@"
}

# typed STATUS N: so it ended, after N questions, and what was typed was not to be seen
typed() {
	[[ $status == "$1" && $(grep -o 'Password for' <<<"$output" | wc -l) == "$2" &&
		$output != *secret* ]] || fail "wanted status $1, $2 questions" "status $status" "$output"
}

# two_bases: images in the registry, and a Dockerfile that is based on both
two_bases() {
	img push tiny "$plain/one"
	img push tiny "$plain/two"
	printf 'FROM %s/one\nFROM %s/two\nCOPY --from=0 /bin/busybox /copy\n' "$registry" "$registry" | df Dockerfile
}

@test "login: typed at the terminal, once for all that follows" {
	local name=see:"Username for" secret=see:"Password for"

	login basic
	two_bases
	at_terminal "$name" type:alice "$secret" type:wrong -- pull --auth "$registry/one" x
	typed 1 1
	at_terminal "$name" type:alice "$secret" type:secret1 -- pull --auth "$registry/one" x
	typed 0 1
	at_terminal "$name" type:alice "$secret" type:secret1 -- build --auth --no-cache -t y .
	typed 0 1
	at y 'cmp copy bin/busybox'
	img delete "$registry/one" "$registry/two"
	at_terminal "$name" type:alice "$secret" type:secret1 "$name" type:alice "$secret" type:secret1 -- \
		build --auth --password-many --no-cache -t y .
	typed 0 2
	as_test grep -rl secret1 "$store" && fail "the password is in storage"
	nothing_left
}

@test "login: passwords that are good for one use" {
	local first=(see:"Username for" type:alice see:"Password for" type:secret1)
	local second=(see:"Username for" type:alice see:"Password for" type:secret2)

	login tokens --once
	two_bases
	at_terminal "${first[@]}" -- build --auth --no-cache -t y .
	typed 1 1
	assert_match "$output" 'incorrect username or password'
	login tokens --once
	two_bases
	at_terminal "${first[@]}" "${second[@]}" -- build --auth --password-many --no-cache -t y .
	typed 0 2
	# The right to read another repository is one more.
	login tokens --once
	img push tiny "$plain/from"
	sed -i "s|$plain/from|$registry/from|" "$store"/ulcache/*.json
	at_terminal "${first[@]}" "${second[@]}" -- push --password-many tiny "$registry/new"
	typed 0 2
	assert_match "$output" "taken from '$registry/from'"
	# A password that was good a moment ago is not wrong: it is used up.
	login basic
	start_proxy "$registry" 'GET blobs 1 deny'
	first[3]=type:secret1 second[3]=type:secret1
	at_terminal "${first[@]}" -- pull --auth --always-download "$proxy/one" z
	typed 1 1
	start_proxy "$registry" 'GET blobs 1 deny'
	at_terminal "${first[@]}" "${second[@]}" -- pull --auth --always-download --password-many "$proxy/one" z
	typed 0 2
	nothing_left
}
