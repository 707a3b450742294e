#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The client of registries: what it can do, all ways to authenticate, and the quicker ones of what
# may go wrong (the others: tests/long/registry_faults.bats).
# shellcheck disable=SC2154 # variables of common.bash and bats

load ../lib/common
load ../lib/registry
load ../lib/registry_tool

# ---- registries ------------------------------------------------------------------------------

@test "registry: anonymous: manifests and blobs, down and up" {
	works "$plain/test" manifest
	assert_equal "${lines[0]}" "application/vnd.oci.image.manifest.v1+json $(digest "$blobs/manifest")"
	works "$plain/test@$(digest "$blobs/manifest")" manifest
	works "$plain/test" check
	downloads "$plain/test"
	uploads "$plain"
	works "$plain/test" has "$large"
	assert_equal "$output" yes
	works "$plain/none" has "$large"
	assert_equal "$output" no
	works "$plain/none" mount "$large" test
	assert_equal "$output" yes
	works "$plain/none" mount "sha256:$(printf '%064d' 0)" test
	assert_equal "$output" no
	fails "manifest 'x' of 'test': the server answers: 404, manifest unknown" "$plain/test:x" manifest
	fails "blob 'sha256:0+' of 'test': the server answers: 404" "$plain/test" cat "sha256:$(printf '%064d' 0)" 1
}

@test "registry: plain HTTP to this machine only, if nobody asks for it" {
	local other=2130706433:${plain#*:} # the same number, written in another way

	works "localhost:${plain#*:}/test" manifest
	works "127.0.0.1:${plain#*:}/test" manifest
	fails '; for plain HTTP, see --tls-no-verify' "$other/test" manifest
	works -k "$other/test" manifest
}

@test "registry: empty blobs, and those with another digest" {
	: >"$tmp/empty"
	works "$plain/e" put "$tmp/empty" "$(digest "$tmp/empty")" 0
	works "$plain/e" cat "$(digest "$tmp/empty")" 0
	works "$plain/e2" pipe </dev/null
	assert_equal "$output" "$(digest "$tmp/empty") 0"
	fails "send a blob to 'e3': the server answers: 400, provided digest did not match.* \(74\)" \
		"$plain/e3" put "$blobs/small" "$large" "$small_size"
	fails "send a blob to 'e3': the file became shorter" "$plain/e3" put "$blobs/small" "$large" "$large_size"
}

@test "registry: HTTPS with an authority of its own, or unverified" {
	start_registry tls "$BATS_FILE_TMPDIR/data"
	fails 'certificate.*; see --tls-no-verify' "$registry/test" manifest
	works -k "$registry/test" manifest
	SSL_CERT_FILE=$registry_ca works "$registry/test" manifest
	REQUESTS_CA_BUNDLE=$registry_ca works "localhost:${registry#*:}/test" manifest
	mkdir -p "$tmp/.config/containers/certs.d/$registry"
	cp "$registry_ca" "$tmp/.config/containers/certs.d/$registry/own.crt"
	works "$registry/test" manifest
	# What is there does not replace the others.
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=other \
		-keyout "$tmp/key" -out "$tmp/.config/containers/certs.d/$registry/own.crt" 2>"$tmp/log"
	fails 'certificate' "$registry/test" manifest
	SSL_CERT_FILE=$registry_ca works "$registry/test" manifest
	mkdir -p "$tmp/.config/containers/certs.d/localhost:${registry#*:}"
	echo rubbish >"$tmp/.config/containers/certs.d/localhost:${registry#*:}/own.crt"
	fails 'certificate' "localhost:${registry#*:}/test" manifest
}

@test "registry: the default one is another one" {
	local library

	library=$(CH_REGY_DEFAULT_HOST=${plain%:*} CH_REGY_DEFAULT_PORT=${plain#*:} "$tool" test manifest | head -n 1)
	assert_match "$library" "$(digest "$blobs/manifest")"
	CH_REGY_DEFAULT_HOST=127.0.0.1 CH_REGY_DEFAULT_PORT=${plain#*:} CH_REGY_DEFAULT_PATH_PREFIX=a/b \
		fails "of 'a/b/test'" test manifest
	CH_REGY_DEFAULT_HOST=127.0.0.1 CH_REGY_DEFAULT_PORT=x fails 'CH_REGY_DEFAULT_PORT' test manifest
}

# ---- authentication --------------------------------------------------------------------------

@test "registry: basic authentication: environment, files, helpers" {
	local auth bad

	auth=$(printf alice:secret1 | base64) bad=$(printf alice:wrong | base64)
	start_registry basic "$BATS_FILE_TMPDIR/data"
	export REGISTRY_AUTH_FILE=$tmp/none
	fails 'not there, or credentials are needed: see --auth' "$registry/test" manifest
	CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=secret1 fails 'credentials are needed' "$registry/test" manifest
	CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=secret1 works -a "$registry/test" manifest
	CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=wrong fails "credentials of 'alice' were not accepted" -a "$registry/test" manifest
	CH_IMAGE_USERNAME=alice fails 'CH_IMAGE_USERNAME is set, but not CH_IMAGE_PASSWORD' -a "$registry/test" manifest
	echo "{\"auths\": {\"$registry\": {\"auth\": \"$auth\"}}}" >"$tmp/none"
	works "$registry/test" manifest
	uploads "$registry" -p
	echo "{\"auths\": {\"$registry\": {\"auth\": \"$bad\"}, \"$registry/test\": {\"auth\": \"$auth\"}}}" >"$tmp/none"
	works "$registry/test" manifest
	echo "{\"auths\": {\"$registry\": {\"auth\": \"$bad\"}}}" >"$tmp/none"
	fails "credentials of 'alice' were not accepted" "$registry/test" manifest
	echo '{"auths": ' >"$tmp/none"
	fails "credentials: '.*/none': JSON, line" "$registry/test" manifest
	echo "{\"auths\": {\"$registry\": {\"auth\": \"===\"}}}" >"$tmp/none"
	fails "'auth' is not 'USER:PASSWORD' in Base64" "$registry/test" manifest

	unset REGISTRY_AUTH_FILE
	mkdir "$tmp/.docker"
	echo "{\"auths\": {\"https://$registry/v2/\": {\"auth\": \"$auth\"}}}" >"$tmp/.docker/config.json"
	works "$registry/test" manifest
}

@test "registry: credential helpers" {
	start_registry basic "$BATS_FILE_TMPDIR/data"
	mkdir "$tmp/.docker" "$tmp/bin"
	cat >"$tmp/bin/docker-credential-test" <<-'END'
		#!/bin/sh
		read -r server || true
		echo "$0 $* $server" >>"$HOME/asked"
		case $(cat "$HOME/mode") in
		good) echo '{"ServerURL": "x", "Username": "alice", "Secret": "secret1"}' ;;
		none) echo 'credentials not found in native keychain'; exit 1 ;;
		bad) echo 'the keychain is locked'; exit 1 ;;
		odd) echo '{"Username": 1}' ;;
		long) yes ;;
		stuck) exec sleep 1000 >&- <&- ;;
		cut) printf '{"Username": "alice", "Secret": "x", hunter2' ;;
		esac
		grep SigBlk /proc/self/status >>"$HOME/asked"
	END
	printf '#!/bin/sh\nexec env --block-signal=INT --block-signal=TERM "%s" "$@"\n' "$tool" >"$tmp/bin/blocking"
	chmod +x "$tmp/bin"/*
	PATH=$tmp/bin:$PATH
	echo "{\"credHelpers\": {\"$registry\": \"test\"}}" >"$tmp/.docker/config.json"
	echo good >"$tmp/mode"
	works "$registry/test" manifest
	assert_match "$(cat "$tmp/asked")" "docker-credential-test get $registry"
	: >"$tmp/asked"
	tool=$tmp/bin/blocking works "$registry/test" manifest
	assert_match "$(cat "$tmp/asked")" 'SigBlk:\s+0+$'
	echo none >"$tmp/mode"
	fails 'credentials are needed' "$registry/test" manifest
	echo bad >"$tmp/mode"
	fails "credential helper 'docker-credential-test': exit status 1: the keychain is locked" "$registry/test" manifest
	echo odd >"$tmp/mode"
	fails "its answer lacks 'Username' or 'Secret'" "$registry/test" manifest
	echo long >"$tmp/mode"
	fails 'File too large' "$registry/test" manifest
	echo stuck >"$tmp/mode"
	fails "credential helper 'docker-credential-test': exit status -1" "$registry/test" manifest
	echo cut >"$tmp/mode"
	fails "credential helper 'docker-credential-test': JSON, line 1, column [0-9]+: " "$registry/test" manifest
	[[ $stderr != *hunter* ]] || fail "$stderr"
	echo good >"$tmp/mode"
	echo '{"credsStore": "test"}' >"$tmp/.docker/config.json"
	works "$registry/test" manifest
	echo '{"credsStore": "../../bin/sh"}' >"$tmp/.docker/config.json"
	fails 'is no name of a credential helper' "$registry/test" manifest
	echo '{"credsStore": "missing"}' >"$tmp/.docker/config.json"
	fails "credential helper 'docker-credential-missing': run it: No such file" "$registry/test" manifest
}

@test "registry: tokens for anybody, and for the user" {
	start_token_registry "$plain"
	works "$registry/test" manifest
	downloads "$registry/test"
	assert_equal "$(requests '^TOKEN alice' "$registry_log")" 0
	fails 'credentials are needed' "$registry/x" pipe <"$blobs/small"
	CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=wrong fails 'token server: the server answers: 401, incorrect username' -a "$registry/test" manifest
	export CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=secret1
	uploads "$registry" -p
	works -p "$registry/m" mount "$large" test
	assert_equal "$output" yes
	# With --auth, nobody is asked for a token as anybody.
	: >"$registry_log"
	works -a "$registry/test" manifest
	assert_equal "$(requests '^TOKEN -' "$registry_log")" 0
}

@test "registry: private ones: stored credentials are used when they are needed" {
	start_token_registry "$plain" --private --refresh identity-token
	fails 'credentials are needed' "$registry/test" manifest
	echo "{\"auths\": {\"$registry\": {\"auth\": \"$(printf alice:secret1 | base64)\"}}}" >"$tmp/auth"
	export REGISTRY_AUTH_FILE=$tmp/auth
	downloads "$registry/test"
	echo "{\"auths\": {\"$registry\": {\"identitytoken\": \"identity-token\"}}}" >"$tmp/auth"
	downloads "$registry/test"
	echo "{\"auths\": {\"$registry\": {\"identitytoken\": \"other\"}}}" >"$tmp/auth"
	fails '401' "$registry/test" manifest
}

@test "registry: tokens that expire, also in the middle" {
	start_token_registry "$plain" --life 0.5 -- 'GET blobs 4 cut 500000'
	downloads "$registry/test"
	[[ $(requests '^TOKEN' "$registry_log") -ge 2 ]] || fail "$(cat "$registry_log")"
	export CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=secret1
	uploads "$registry" -p
}

@test "registry: a token server that is not encrypted is not believed" {
	start_proxy "$plain" --tls
	SSL_CERT_FILE=$registry_ca works "$proxy/test" manifest
	start_token_registry "$plain"
	start_proxy "$registry" --tls
	SSL_CERT_FILE=$registry_ca fails "token server: 'http://.*' is not encrypted" "$proxy/test" manifest
}

@test "registry: a token server on another machine that is not encrypted is not believed" {
	start_token_registry "$plain" --realm http://elsewhere.invalid/token
	fails "token server: 'http://elsewhere.invalid/token' is not encrypted" "$registry/test" manifest
	CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=secret1 \
		fails "token server: 'http://elsewhere.invalid/token' is not encrypted" -a "$registry/test" manifest
}

# Tokens are for less than what is asked for, or not given then, or for something else.
@test "registry: blobs of repositories that are not ours to read: an upload is still possible" {
	local options

	export CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=secret1
	for options in '--hidden test' '--hidden test --strict' --narrow; do
		# shellcheck disable=SC2086 # words
		start_token_registry "$plain" $options
		works -p "$registry/m" mount "$large" test "$blobs/large" "$large_size"
		assert_equal "$output" no
		[[ $(tail -n 1 <<<"$(grep '^TOKEN' "$registry_log")") != *:test:* ]] || fail "$(cat "$registry_log")"
	done
}

# ---- faults ------------------------------------------------------------------------------------

@test "registry: connections that break: the download goes on where it was" {
	start_proxy "$plain" 'GET blobs 3 cut 700000'
	downloads "$proxy/test"
	assert_match "$(grep -o 'bytes=[0-9]*-' "$proxy_log" | tr '\n' ' ')" '^bytes=[0-9]+- bytes=[0-9]+- bytes=[0-9]+- $'
}

@test "registry: a server that ignores ranges" {
	start_proxy "$plain" 'GET blobs 1 cut 700000' 'GET blobs - norange'
	downloads "$proxy/test"
}

@test "registry: a begin that is wrong, or too long, is got again" {
	start_proxy "$plain"
	head -c 5000 /dev/zero >"$tmp/got"
	works "$proxy/test" get "$large" "$large_size" "$tmp/got"
	cmp "$tmp/got" "$blobs/large"
	cat "$blobs/large" "$blobs/small" >"$tmp/got"
	works "$proxy/test" get "$large" "$large_size" "$tmp/got"
	cmp "$tmp/got" "$blobs/large"
	# All is there: nothing is sent.
	: >"$proxy_log"
	works "$proxy/test" get "$large" "$large_size" "$tmp/got"
	assert_equal "$(requests '^GET .*blobs')" 0
}

@test "registry: a manifest that is cut, or another one" {
	start_proxy "$plain" 'GET manifests 1 cut 20'
	works "$proxy/test" manifest
	start_proxy "$plain" 'GET manifests 1 truncate 20' 'GET manifests 1 flip 20'
	fails 'its digest is sha256:.*, not sha256:' "$proxy/test" manifest
	fails 'its digest is sha256:.*, not sha256:' "$proxy/test@$(digest "$blobs/manifest")" manifest
}

@test "registry: manifests by digest are compared, whatever they are said to be" {
	start_proxy "$plain" 'GET manifests - signed 20'
	fails 'its digest is sha256:.*, not sha256:' "$proxy/test@$(digest "$blobs/manifest")" manifest
}

@test "registry: redirects do not carry credentials to others" {
	local target

	start_registry basic "$BATS_FILE_TMPDIR/data"
	start_proxy "$plain"
	target=$proxy_log
	start_proxy "$registry" "GET blobs - redirect http://localhost:${proxy#*:}"
	export CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=secret1
	works -a "$proxy/test" get "$large" "$large_size" "$tmp/got"
	cmp "$tmp/got" "$blobs/large"
	assert_match "$(grep blobs "$proxy_log" | tail -n 1)" ' Basic_'
	assert_match "$(grep blobs "$target")" '^GET [^ ]* 200 - - localhost:'
}

@test "registry: answers that do not end are broken off" {
	local what

	for what in headers interim; do
		start_proxy "$plain" "GET manifests - flood $what"
		fails "manifest 'latest' of 'test': the answer has more than 262144 bytes of headers" "$proxy/test" manifest
		assert_equal "$(requests manifests)" 1
	done
	start_proxy "$plain" 'GET manifests - flood body' 'GET /token - flood body' 'GET blobs - flood body'
	fails "manifest 'latest' of 'test': the answer is longer than 4194304 bytes" "$proxy/test" manifest
	fails "blob '$small' of 'test': more than the promised $small_size bytes" "$proxy/test" cat "$small" "$small_size"
	start_token_registry "$plain" --realm "http://$proxy/token"
	fails "token server: the answer is longer than 65536 bytes" "$registry/test" manifest
}

@test "registry: lies about ranges and digests" {
	local what

	for what in 'bytes 5-9/10' 'bytes -1-9/10' 'rubbish'; do
		start_proxy "$plain" "GET blobs - range $what"
		fails 'other bytes were sent than those from 0 on' "$proxy/test" get "$large" "$large_size" "$tmp/got"
	done
	start_proxy "$plain" 'GET blobs 1 cut 700000' 'GET blobs - range bytes 0-2999999/3000000'
	fails 'other bytes were sent than those from [1-9]' "$proxy/test" get "$large" "$large_size" "$tmp/got"
	# The same bytes have other digests, too; what is no digest is none of them.
	start_proxy "$plain" "GET manifests 1 header Docker-Content-Digest=sha512:$(sha512sum <"$blobs/manifest" | cut -c 1-128)" \
		"GET manifests 1 header Docker-Content-Digest=SHA256:$(sha256sum <"$blobs/manifest" | cut -c 1-64)" \
		"GET manifests 1 header Docker-Content-Digest=sha256:$(printf '%064d' 0 | tr 0 A)"
	works "$proxy/test" manifest
	works "$proxy/test" manifest
	fails 'its digest is sha256:.*, not sha256:AAAA' "$proxy/test" manifest
}

@test "registry: neither redirects nor token servers lead to what is no web server" {
	local url

	for url in file:///etc/passwd gopher://127.0.0.1:1; do
		start_proxy "$plain" "GET manifests - redirect $url" "POST uploads - location $url"
		fails "redirect: URL '$url.*': it is neither of http nor of https" "$proxy/test" manifest
		fails "location: URL '$url.*': it is neither of http nor of https" "$proxy/s" put "$blobs/small" "$small" "$small_size"
		start_token_registry "$plain" --realm "$url"
		fails "token server: URL '$url': it is neither of http nor of https" "$registry/test" manifest
	done
	start_token_registry "$plain" --realm http://169.254.169.254/latest
	fails "token server: 'http://169.254.169.254/latest' is not encrypted" "$registry/test" manifest
	start_token_registry "$plain" --realm "http://u:p@$plain/"
	fails 'token server: URL' "$registry/test" manifest
}

@test "registry: redirects in a circle, or to where nothing is encrypted" {
	start_proxy "$plain" 'GET manifests - redirect http://127.0.0.1:{port}'
	fails 'more than 10 redirects' "$proxy/test" manifest
	start_proxy "$plain" --tls "GET manifests - redirect http://$plain"
	SSL_CERT_FILE=$registry_ca fails "redirect: 'http://.*', which is not encrypted, is refused" "$proxy/test" manifest
}

@test "registry: uploads are not continued where nothing is encrypted" {
	export SSL_CERT_FILE
	start_proxy "$plain" --tls 'POST uploads - location http://elsewhere.invalid'
	SSL_CERT_FILE=$registry_ca
	fails "location: 'http://elsewhere.invalid/v2/.*', which is not encrypted, is refused" \
		"$proxy/s" put "$blobs/large" "$large" "$large_size"
	# The registry does not know of the encryption in front of it.
	start_proxy "$plain" --tls 'POST uploads - location http://127.0.0.1:1'
	works "$proxy/s" put "$blobs/large" "$large" "$large_size"
}

@test "registry: uploads end, also if the registry never says so" {
	start_proxy "$plain" 'PUT uploads - status 202'
	fails "send a blob to 'n': it has all, but does not end" "$proxy/n" put "$blobs/small" "$small" "$small_size"
	start_token_registry "$plain" --no-data
	CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=secret1 \
		fails 'the authorization is refused each time' -p "$registry/n" put "$blobs/large" "$large" "$large_size"
}

@test "registry: connections that are dropped before they are encrypted" {
	start_proxy "$plain" --tls --drop 1
	SSL_CERT_FILE=$registry_ca works "$proxy/test" manifest
	start_proxy "$plain" --tls --drop 1
	works -k "$proxy/test" manifest
}

# ---- files of web servers ----------------------------------------------------------------------

@test "registry: files by URL" {
	start_proxy "$plain" 'GET blobs 1 cut 500000' 'GET blobs 1 status 503'
	works "http://$proxy/v2/test/blobs/$large" fetch "$tmp/got" "$large"
	cmp "$tmp/got" "$blobs/large"
	fails "its digest is $large, not $small" "http://$proxy/v2/test/blobs/$large" fetch "$tmp/got" "$small"
	fails "get 'http://$proxy/v2/x': the server answers: 404" "http://$proxy/v2/x?key=secret" fetch "$tmp/got"
	[[ $stderr != *secret* ]]
	fails 'get' "http://u:p@$proxy/" fetch "$tmp/got"
}
