#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Registries, and sources of ADD, behind a proxy that the environment names: http_proxy and its kin
# shellcheck disable=SC2016,SC2034,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image
load ../lib/registry
load ../lib/image_pull

setup_file() {
	start_registry anonymous "$BATS_FILE_TMPDIR/data"
	plain=$registry
	export registry plain
}

there=registry.test:5000 # only a proxy knows where that is

# by VARIABLE=VALUE...: the environment of ch-image from now on
by() {
	via=("${via[@]:0:4}" "$@")
}

# pushes ARGS...: ch-image push succeeds
pushes() {
	img push "$@"
	[[ $status == 0 ]] || fail "ch-image push $*" "status: $status" "stderr: $stderr"
}

# An image in the registry
put_small() {
	mktar small f:data:1
	put_image small:1 none:small.tar
}

@test "proxy: pull and push by plain HTTP" {
	put_small
	start_forward "$registry"
	by "http_proxy=http://$forward" "https_proxy=http://$forward"
	pulls --tls-no-verify "$there/small:1" a
	at a 'cat data' | grep -qx 1
	pushes --tls-no-verify a "$there/plain:1"
	assert_match "$(cat "$forward_log")" "PUT http://$there/v2/plain/manifests/1 201 "
	pulls --no-cache "$registry/plain:1" b
	# The other variable; not to this machine; not to those that no_proxy names.
	by "ALL_PROXY=$forward"
	pulls --tls-no-verify --no-cache "$there/small:1" a
	: >"$forward_log"
	pulls --tls-no-verify --no-cache "$registry/small:1" a
	by "ALL_PROXY=$forward" no_proxy=registry.test
	fails_to 1 "pull '$there/small:1': .*registry.test" pull --tls-no-verify "$there/small:1" x
	assert_equal "$(cat "$forward_log")" ""
}

@test "proxy: pull and push by TLS; the proxy learns nothing of it" {
	local log

	put_small
	start_registry tls-basic "$BATS_FILE_TMPDIR/data"
	start_forward "$registry"
	by "https_proxy=http://$forward" "SSL_CERT_FILE=$registry_ca" CH_IMAGE_USERNAME=alice \
		CH_IMAGE_PASSWORD=secret1
	pulls --auth "$there/small:1" a
	pushes a "$there/tls:1"
	log=$(sort -u "$forward_log")
	assert_equal "$log" "CONNECT $there 200 - -"
	by "https_proxy=http://$forward" CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=secret1
	fails_to 1 'certificate.*; see --tls-no-verify' pull --auth --no-cache "$there/small:1" x
	# Encrypted on the way to the proxy, too
	start_forward "$registry" --tls
	by "HTTPS_PROXY=https://$forward" CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=secret1
	fails_to 1 'certificate' pull --auth --no-cache "$there/small:1" x
	by "HTTPS_PROXY=https://$forward" "SSL_CERT_FILE=$registry_ca" CH_IMAGE_USERNAME=alice \
		CH_IMAGE_PASSWORD=secret1
	pulls --auth --no-cache "$there/small:1" a
}

@test "proxy: user and password, which nobody sees" {
	local scheme

	put_small
	start_registry tls "$BATS_FILE_TMPDIR/data"
	make_ca
	start_forward "$registry" --user 'me:p@ss/w'
	by "https_proxy=http://me:p%40ss%2Fw@$forward" "SSL_CERT_FILE=$registry_ca"
	pulls -vv "$there/small:1" a
	[[ $stderr != *ss/w* && $stderr != *ss%2Fw* ]] || fail "$stderr"
	assert_equal "$(sort -u "$forward_log")" "CONNECT $there 200 - Basic_bWU6cEBzcy93"
	for scheme in http https; do
		by "${scheme}_proxy=http://$forward" "SSL_CERT_FILE=$registry_ca"
		df Dockerfile <<<"FROM tiny"$'\n'"ADD $scheme://$there/v2/ /x"
		fails "get '$scheme://$there/v2/': proxy '$forward' wants a user and password: \\\$${scheme}_proxy is to be 'http://USER:PASSWORD@$forward' \(407\)" -t x .
		by "${scheme}_proxy=http://me:other@$forward" "SSL_CERT_FILE=$registry_ca"
		img -vv build -t x .
		assert_match "$stderr" "proxy '$forward' does not accept the user and password of \\\$${scheme}_proxy \(407\)"
		[[ $stderr != *other* ]] || fail "$stderr"
	done
	by "https_proxy=gopher://me:p%40ss@$forward"
	fails_to 1 "pull '$there/small:1': .*\\\$https_proxy names no proxy: it should be like 'http://\[USER:PASSWORD@\]HOST:PORT'" pull "$there/small:1" x
	# What is in an image has none of it.
	by "http_proxy=http://me:hidden1@$forward"
	df Dockerfile <<<'FROM tiny'$'\n''RUN echo "$http_proxy" >/dev/null'
	img build -t x .
	[[ $status == 0 ]] || fail "$stderr"
	! as_test grep -r hidden1 "$store/img/x" || fail "the image has a password"
	pushes x "$plain/x:1"
	! grep -r hidden1 "$BATS_FILE_TMPDIR/data" || fail "the registry has a password"
}

@test "proxy: it is down, refuses, or does not get there" {
	local name="\\\$https_proxy names proxy"

	put_small
	by https_proxy=http://127.0.0.1:1
	fails_to 1 "pull '$there/small:1': .*connect to 127.0.0.1 port 1 .*; $name '127.0.0.1:1'" pull "$there/small:1" x
	by https_proxy=http://nowhere.invalid:3128
	fails_to 1 "resolve proxy: nowhere.invalid; $name 'nowhere.invalid:3128'" pull "$there/small:1" x
	start_forward "$registry" 'CONNECT . - status 403' 'GET /none - status 403'
	by "https_proxy=$forward" "http_proxy=$forward"
	fails_to 1 "pull '$there/small:1': .*proxy '$forward' of \\\$https_proxy does not connect us: it answers 403" pull "$there/small:1" x
	assert_equal "$(wc -l <"$forward_log")" 1
	df Dockerfile <<<"FROM tiny"$'\n'"ADD http://$there/none /x"
	fails "get 'http://$there/none': the server answers: 403; \\\$http_proxy names proxy '$forward'" -t x .
	# Plain HTTP is possible through one that wants only it.
	pulls --tls-no-verify "$there/small:1" a
	start_forward "$registry" 'CONNECT . - status 502'
	by "https_proxy=$forward"
	fails_to 1 "proxy '$forward' of \\\$https_proxy does not connect us: it answers 502" pull "$there/small:1" x
	# A bad moment is not the end.
	start_forward "$registry" 'CONNECT . 1 status 502' 'CONNECT . 1 close'
	by "https_proxy=$forward"
	fails_to 1 "pull '$there/small:1': .*; for plain HTTP, see --tls-no-verify" pull "$there/small:1" x
	assert_match "$(cat "$forward_log")" "502 - -"$'\n'"CONNECT $there 200"
}
