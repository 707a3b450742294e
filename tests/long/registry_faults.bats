#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The client of registries: what networks and servers do to transfers. Each ends well after some
# repetitions, or with one line that says why, in bounded time.
# shellcheck disable=SC2154 # variables of common.bash and bats

load ../lib/common
load ../lib/registry
load ../lib/registry_tool

@test "registry: nothing is there, or something else" {
	fails "registry '127.0.0.1:1': manifest 'latest' of 'a': .*connect" 127.0.0.1:1/a manifest
	fails "registry 'none.invalid:5000': manifest 'latest' of 'a': .*resolve" none.invalid:5000/a manifest
	# A server that breaks off, and one that has nothing behind it
	start_proxy "$plain" '* . - close'
	fails "registry '$proxy': manifest 'latest' of 'test': " "$proxy/test" manifest
	start_proxy 127.0.0.1:1
	fails "registry '$proxy': manifest 'latest' of 'test': " "$proxy/test" manifest
	# A server of files, without any
	mkdir "$tmp/www"
	start_files "$tmp/www"
	fails "registry '$files': manifest 'latest' of 'test': the server answers: 404" "$files/test" manifest
}

@test "registry: an answer that comes drop by drop" {
	start_proxy "$plain" 'GET manifests - flood drip'
	CH_REGY_TIMEOUT=1 fails "manifest 'latest' of 'test': the answer does not end" "$proxy/test" manifest
	assert_equal "$(requests manifests)" 1
}

@test "registry: connections that always break: an error, and what came is kept" {
	start_proxy "$plain" 'GET blobs - cut 1000'
	fails "blob '$large' of 'test': .*" "$proxy/test" get "$large" "$large_size" "$tmp/got"
	assert_equal "$(stat -c %s "$tmp/got")" 6000
	works "$plain/test" get "$large" "$large_size" "$tmp/got"
	cmp "$tmp/got" "$blobs/large"
}

@test "registry: silence ends" {
	start_proxy "$plain" 'GET blobs 1 stall 100000'
	CH_REGY_TIMEOUT=1 downloads "$proxy/test"
}

@test "registry: wrong bytes, once and always" {
	start_proxy "$plain" 'GET blobs 1 flip 1000'
	downloads "$proxy/test"
	start_proxy "$plain" 'GET blobs - flip 1000'
	fails 'what was sent has digest sha256:.*; try again' "$proxy/test" get "$large" "$large_size" "$tmp/bad"
	assert_equal "$(stat -c %s "$tmp/bad")" 0
	fails 'what was sent has digest' "$proxy/test" cat "$large" "$large_size"
}

@test "registry: sizes that are not as promised" {
	start_proxy "$plain" 'GET blobs 1 longer 10'
	downloads "$proxy/test"
	start_proxy "$plain" 'GET blobs 1 nolength 1000'
	downloads "$proxy/test"
	start_proxy "$plain" 'GET blobs - truncate 1000'
	fails 'promised' "$proxy/test" get "$large" "$large_size" "$tmp/short"
	fails "more than the promised 1000 bytes" "$plain/test" cat "$large" 1000
}

@test "registry: servers that are busy, for a while and for ever" {
	start_proxy "$plain" 'GET manifests 1 status 503' 'GET manifests 1 wait 429,1' 'GET manifests 1 status 500' \
		'GET blobs 2 wait 503,1'
	works "$proxy/test" manifest
	downloads "$proxy/test"
	start_proxy "$plain" 'GET manifests - wait 429,3600' 'GET blobs - status 502'
	fails 'too many requests \(429\); try again later, or with --auth' "$proxy/test" manifest
	fails 'the server answers: 502' "$proxy/test" cat "$small" "$small_size"
	assert_equal "$(requests '^GET .*manifests')" 1
	assert_equal "$(requests '^GET .*blobs')" 6
}

@test "registry: uploads that break, and go on" {
	start_proxy "$plain" 'PUT uploads 1 upcut 1000000' 'PUT uploads 1 status 500' 'PUT uploads 1 close -' \
		'PATCH uploads 2 upcut 500000' 'PATCH uploads 1 status 500' 'POST uploads 1 status 503'
	uploads "$proxy"
}

@test "registry: uploads that always break: an error" {
	start_proxy "$plain" 'PUT uploads - upcut 10' 'PATCH uploads - upcut 10'
	fails "send a blob to 'a'" "$proxy/a" put "$blobs/large" "$large" "$large_size"
	fails "send a blob to 'b'" "$proxy/b" pipe <"$blobs/small"
}

@test "registry: sessions that are lost each time: an error" {
	start_proxy "$plain" 'PUT uploads - upcut 1000000' 'PATCH uploads - upcut 1000000' 'GET uploads - status 404'
	fails "send a blob to 'l'" "$proxy/l" put "$blobs/large" "$large" "$large_size"
}

@test "registry: files by URL that always break: an error" {
	start_proxy "$plain" 'GET blobs - cut 500000'
	fails "get 'http://$proxy/v2/test/blobs/$large'" "http://$proxy/v2/test/blobs/$large" fetch "$tmp/got"
	assert_equal "$(requests '^GET .*blobs')" 6
}

@test "registry: where bodies are limited, uploads come in parts" {
	start_proxy "$plain" 'PUT uploads 1 status 413'
	works "$proxy/c" put "$blobs/large" "$large" "$large_size"
	works "$proxy/c" get "$large" "$large_size" "$tmp/got"
	cmp "$tmp/got" "$blobs/large"
	start_proxy "$plain" '* uploads - status 413'
	fails 'the server answers: 413' "$proxy/c" put "$blobs/large" "$large" "$large_size"
}
