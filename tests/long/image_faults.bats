#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image pull and push, with all that networks and servers do (tests/lib/fault_proxy.py): each
# ends well, maybe after some repetitions, or with one line that says why. No image is another one
# than it should be, nothing hangs, and nothing is left.
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image
load ../lib/registry
load ../lib/image_pull

# ---- pull ------------------------------------------------------------------------------------

# pull_prepare: an image in the registry, as "foo:1"; $manifest, $config and $layer are patterns
# for what the proxy is asked for; and the image as it should be, "good"
pull_prepare()
{
	mkdir "$tmp/tree"
	for i in {1..100}; do echo "$i" >"$tmp/tree/$i"; done
	head -c 1500000 /dev/urandom >"$tmp/tree/random"
	tar -C "$tmp" -cf "$tmp/tree.tar" tree
	mktar more f:more:1 f:tree/.wh.7
	put_image foo:1 gzip:tree.tar gzip:more.tar
	via+=(CH_REGY_TIMEOUT=2)
	pulls "$registry/foo:1" good
	read -r config layer < <(curl -sf -H 'Accept: application/vnd.oci.image.manifest.v1+json' \
		"http://$registry/v2/foo/manifests/1" | python3 -c 'import json, sys
m = json.load(sys.stdin)
print(m["config"]["digest"], m["layers"][0]["digest"])')
	manifest=/manifests/ config=/blobs/$config layer=/blobs/$layer
}

# afresh: nothing is known of the image
afresh()
{
	as_test rm -rf "$store/dlcache"
	! [[ -e $store/img/got ]] || img delete got
}

# is_right: "got" is the image, and nothing else is in storage
is_right()
{
	at . 'diff -r -x ch good got && cmp good/ch/config.pulled.json got/ch/config.pulled.json'
	nothing_left
	as_test find "$store/dlcache" -name '*.part' -o -name '.*' | grep . && fail "parts are left"
	return 0
}

# pull_survives FAULT...: the image comes all the same
pull_survives()
{
	echo "# pull survives: $*"
	afresh
	start_proxy "$registry" "$@"
	pulls --no-cache "$proxy/foo:1" got
	is_right
	stop_servers
}

# pull_ends REGEX FAULT...: an error, of one line; then it comes from where nothing is wrong
pull_ends()
{
	local regex=$1

	shift
	echo "# pull ends, '$regex': $*"
	afresh
	start_proxy "$registry" "$@"
	fails_to 1 "pull '$proxy/foo:1': .*$regex" pull -q --no-cache "$proxy/foo:1" got
	[[ $stderr != *$'\n'* ]] || fail "$stderr"
	[[ ! -e $store/img/got ]] || fail "there is an image"
	nothing_left
	pulls --no-cache "$registry/foo:1" got
	is_right
	stop_servers
}

# busy WHAT: servers that are busy, or broken
busy()
{
	local kind

	for kind in 'status 429' 'status 500' 'status 502' 'status 503' 'status 504' 'wait 429,1' 'wait 503,1'; do
		pull_survives "GET $1 1 $kind"
	done
	pull_survives "GET $1 1 status 503" "GET $1 1 wait 429,1" "GET $1 1 close" "GET $1 1 status 500"
	pull_ends 'the server answers: 503' "GET $1 - status 503"
	pull_ends 'too many requests \(429\)' "GET $1 - status 429"
	pull_ends 'too many requests \(429\)' "GET $1 - wait 429,3600"
	pull_ends 'try again in 3600 seconds' "GET $1 - wait 503,3600"
	pull_ends 'the server answers: 400' "GET $1 1 status 400"
	pull_ends '403' "GET $1 1 status 403"
	pull_ends 'the server answers: 404' "GET $1 1 status 404"
}

@test "pull: servers that are busy: for the manifest" {
	pull_prepare
	busy "$manifest"
}

@test "pull: servers that are busy: for the configuration" {
	pull_prepare
	busy "$config"
}

@test "pull: servers that are busy: for a layer" {
	pull_prepare
	busy "$layer"
}

# broken WHAT: connections that end early, or where nothing more comes; once, and always
broken()
{
	local kind

	for kind in 'cut 10' 'stall 10' close 'cut 0'; do
		pull_survives "GET $1 1 $kind"
		pull_ends '' "GET $1 - $kind"
	done
	pull_survives "GET $1 2 cut 10" "GET $1 1 close"
}

@test "pull: connections that break: for the manifest" {
	pull_prepare
	broken "$manifest"
}

@test "pull: connections that break: for the configuration" {
	pull_prepare
	broken "$config"
}

@test "pull: connections that break: for a layer" {
	pull_prepare
	broken "$layer"
	pull_survives "GET $layer 3 cut 400000"
	pull_survives "GET $layer 1 cut 400000" "GET $layer - norange"
	pull_survives "GET $layer - slow 200000"
}

@test "pull: wrong lengths" {
	local what

	pull_prepare
	for what in "$manifest" "$config" "$layer"; do
		pull_survives "GET $what 1 longer 10"
		pull_ends 'digest|promised' "GET $what - truncate 5"
		pull_ends 'digest|promised' "GET $what - nolength 5"
	done
	pull_survives "GET $config - longer 10"
	pull_survives "GET $layer - longer 10"
	pull_ends '' "GET $manifest - longer 10"
	pull_survives "GET $config 1 truncate 50"
	pull_survives "GET $layer 1 truncate 50"
	pull_survives "GET $layer 1 nolength 50"
}

@test "pull: wrong bytes" {
	local what at

	pull_prepare
	for what in "$manifest" "$config"; do
		pull_ends 'digest (is )?sha256:.*; try again' "GET $what - flip 20"
	done
	# of gzip's header, of the data, of the checksum; whatever unpacking makes of it
	for at in 0 5 20 700000 -6 -1; do
		pull_ends 'layer 1/2: .*what was sent has digest sha256:.*; try again' "GET $layer - flip $at"
	done
}

@test "pull: other hosts" {
	local target

	pull_prepare
	start_proxy "$registry"
	target=${proxy#*:}
	afresh
	start_proxy "$registry" "GET $layer - redirect http://localhost:$target" \
		"GET $config - redirect http://localhost:$target" "GET $manifest - redirect http://localhost:$target"
	pulls --no-cache "$proxy/foo:1" got
	is_right
	for what in "$manifest" "$config" "$layer"; do
		pull_ends 'more than 10 redirects' "GET $what - redirect http://127.0.0.1:{port}"
		pull_ends 'connect' "GET $what - redirect http://127.0.0.1:1"
		pull_ends 'resolve' "GET $what - redirect http://elsewhere.invalid"
	done
}

@test "pull: a build ends the same way, and goes on the same way" {
	pull_prepare
	start_proxy "$registry" "GET $layer 1 cut 400000" "GET $manifest 1 status 503"
	afresh
	df Dockerfile <<<"FROM $proxy/foo:1"
	img build --no-cache -t got .
	[[ $status == 0 ]] || fail "$stderr"
	is_right
	start_proxy "$registry" "GET $layer - flip 700000"
	afresh
	df Dockerfile <<<"FROM $proxy/foo:1"
	img build -q --no-cache -t got .
	[[ $status == 1 && ${stderr_lines[0]} =~ ^ch-image:\ error:\ Dockerfile:1:.*what\ was\ sent\ has\ digest ]] || fail "$stderr"
	[[ ! -e $store/img/got ]] || fail "there is an image"
	nothing_left
}

# ---- push ------------------------------------------------------------------------------------

# push_prepare: an image
push_prepare()
{
	via+=(CH_REGY_TIMEOUT=2)
	as_test bash -c 'cp -a "$1/tiny" "$1/foo" && head -c 1500000 /dev/urandom >"$1/foo/random"' x "$store/img"
	n=0
}

# arrived: what the registry has is the image
arrived()
{
	as_test rm -rf "$store/dlcache"
	pulls --no-cache "$registry/push$BATS_TEST_NUMBER/$n:1" got
	at . 'diff -r -x ch foo got'
	nothing_left
	as_test ls -A "$store/ulcache" | grep '^\.' && fail "drafts are left"
	return 0
}

push_survives()
{
	echo "# push survives: $*"
	: $((n++))
	start_proxy "$registry" "$@"
	img push foo "$proxy/push$BATS_TEST_NUMBER/$n:1"
	[[ $status == 0 ]] || fail "$status" "$stderr"
	arrived
	stop_servers
}

# push_ends REGEX FAULT...: an error, of one line; the registry has no such image; then it has
push_ends()
{
	local regex=$1

	shift
	echo "# push ends, '$regex': $*"
	: $((n++))
	start_proxy "$registry" "$@"
	fails_to 1 "push to '$proxy/push$BATS_TEST_NUMBER/$n:1': .*$regex" push -q foo "$proxy/push$BATS_TEST_NUMBER/$n:1"
	[[ $stderr != *$'\n'* ]] || fail "$stderr"
	nothing_left
	assert_equal "$(curl -s -o /dev/null -w '%{http_code}' "http://$registry/v2/push$BATS_TEST_NUMBER/$n/manifests/1")" 404
	img push foo "$registry/push$BATS_TEST_NUMBER/$n:1"
	[[ $status == 0 ]] || fail "$status" "$stderr"
	arrived
	stop_servers
}

@test "push: servers that are busy" {
	local what

	push_prepare
	for what in 'GET /v2/$' 'HEAD blobs' 'POST uploads' 'PUT uploads' 'PUT manifests'; do
		push_survives "$what 1 status 429" "$what 1 status 500" "$what 1 wait 503,1" "$what 1 wait 429,1"
		push_ends 'the server answers: 503' "$what - status 503"
		push_ends 'too many requests \(429\)' "$what - wait 429,3600"
		# (To plain HTTP, a server of TLS answers so.)
		[[ $what == *v2* ]] || push_ends 'the server answers: 400' "$what - status 400"
		push_ends '403' "$what - status 403"
	done
}

@test "push: connections that break" {
	local what

	push_prepare
	for what in 'HEAD blobs' 'POST uploads' 'PUT uploads' 'PUT manifests'; do
		push_survives "$what 1 close" "$what 1 close"
		push_ends '' "$what - close"
	done
	push_survives 'PUT uploads 1 upcut 10' 'PATCH uploads 1 upcut 400000' 'PATCH uploads 1 upcut 400000' \
		'GET uploads 1 status 503'
	push_survives 'PUT uploads 2 upcut 700000' 'GET uploads 1 status 404'
	push_survives 'PUT manifests 2 upcut 100'
	push_ends '' 'PUT uploads - upcut 100' 'PATCH uploads - upcut 100'
	push_ends '' 'PUT manifests - upcut 100'
}

@test "push: registries that get something else, and say so" {
	push_prepare
	push_ends 'provided digest did not match' 'PUT uploads - upflip 700000'
	push_ends '' 'PUT manifests - upflip 5'
}

@test "push: answers that are cut, or too long" {
	push_prepare
	push_survives 'GET manifests - cut 3'
	push_survives 'GET manifests - longer 10'
	push_survives 'POST uploads 1 longer 10' 'PUT uploads 1 longer 10'
	push_ends 'closed' 'POST uploads - longer 10'
	push_ends '' 'POST uploads - status 202'
}

@test "push: other hosts" {
	local target

	push_prepare
	start_proxy "$registry"
	target=${proxy#*:}
	: $((n++))
	start_proxy "$registry" "POST uploads - location http://localhost:$target"
	img push foo "$proxy/push$BATS_TEST_NUMBER/$n:1"
	[[ $status == 0 ]] || fail "$stderr"
	arrived
	push_ends 'the server answers: 307' 'POST uploads - redirect http://127.0.0.1:{port}'
	push_ends 'connect' 'POST uploads - location http://127.0.0.1:1'
	push_ends 'resolve' 'POST uploads - location http://elsewhere.invalid'
}
