# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of common.bash, registry.bash and bats
# registry_tool.bash - tests of the client of registries, by a program of its own: load after common
# and registry
#
# A registry, $plain, has the repository "test" with a manifest "latest", and two blobs: $small and
# $large are their digests, $small_size and $large_size their sizes, $blobs the directory that they
# are in. With sanitizers, for an installation that has them, and in tests/long (each run takes three
# times as long): what they report, fails the test.

setup_file() {
	local sanitize=() sources=(registry/{auth,authfile,base64,blobs,challenge,credentials,digest,download} \
		registry/{exchange,fetch,file,helper,http,http_answer,manifests,proxy,reason,registry,token,trust} \
		registry/{upload,url} oci/{ref,manifest,arch} json/{json,write} hash/hash sys/{msg,write} \
		base/{err,buf,text,words,log,progress,color})

	sources=("${sources[@]/#/$top/lib/}")
	if is_sanitized || [[ $BATS_TEST_DIRNAME == */long ]]; then
		sanitize=("-fsanitize=address,undefined" -fno-sanitize-recover=all)
	fi
	tool=$BATS_FILE_TMPDIR/registry_tool
	"${CC:-cc}" -std=gnu17 -g -D_GNU_SOURCE -I "$top/lib" "${sanitize[@]}" \
		-o "$tool" "$top/tests/lib/registry_tool.c" \
		"${sources[@]/%/.c}" -lcurl -ljansson -lcrypto -lpthread
	start_registry anonymous "$BATS_FILE_TMPDIR/data"
	plain=$registry
	make_blobs
	export tool plain small small_size large large_size blobs
}
teardown_file() {
	stop_servers
}

# A small and a large blob, in the repository "test" with a manifest "latest"
make_blobs() {
	blobs=$BATS_FILE_TMPDIR/blobs
	mkdir "$blobs"
	printf '{"architecture": "amd64", "os": "linux", "rootfs": {"diff_ids": []}}' >"$blobs/small"
	python3 -c 'import random, sys; sys.stdout.buffer.write(random.Random(1).randbytes(3000000))' >"$blobs/large"
	small=$(digest "$blobs/small") small_size=$(stat -c %s "$blobs/small")
	large=$(digest "$blobs/large") large_size=$(stat -c %s "$blobs/large")
	"$tool" "$plain/test" put "$blobs/small" "$small" "$small_size"
	"$tool" "$plain/test" put "$blobs/large" "$large" "$large_size"
	printf '{"schemaVersion": 2, "config": {"mediaType": "%s", "digest": "%s", "size": %d}, "layers": [{"mediaType": "%s", "digest": "%s", "size": %d}]}' \
		application/vnd.oci.image.config.v1+json "$small" "$small_size" \
		application/vnd.oci.image.layer.v1.tar "$large" "$large_size" >"$blobs/manifest"
	"$tool" "$plain/test" tag application/vnd.oci.image.manifest.v1+json "$blobs/manifest"
}

digest() {
	printf 'sha256:%s' "$(sha256sum <"$1" | cut -d ' ' -f 1)"
}

setup() {
	ch_setup
	unset XDG_RUNTIME_DIR
	export HOME=$tmp CH_REGY_TIMEOUT=3
}
teardown() {
	stop_servers
	ch_teardown
}

# works ARGS...: it succeeds
works() {
	run --separate-stderr timeout -k 5 60 "$tool" "$@"
	[[ $status == 0 ]] || fail "$*" "status: $status" "stdout: $output" "stderr: $stderr"
}

# fails REGEX ARGS...: it fails, with one line
fails() {
	local regex=$1

	shift
	run --separate-stderr timeout -k 5 60 "$tool" "$@"
	[[ $status == 1 && $stderr != *$'\n'* && $stderr =~ ^registry_tool:\ error:\ .*$regex ]] ||
		fail "$*" "status: $status" "stdout: $output" "stderr: $stderr" "wanted: $regex"
}

# downloads IMAGE: the large blob comes, and is right
downloads() {
	rm -f "$tmp/got"
	works "$1" get "$large" "$large_size" "$tmp/got"
	cmp "$tmp/got" "$blobs/large"
}

# uploads REGISTRY [OPTION]...: the large blob arrives, from a file; and the small one, from memory
uploads() {
	local to=$1/up$RANDOM

	shift
	works "$@" "$to/a" put "$blobs/large" "$large" "$large_size"
	rm -f "$tmp/sent"
	works "$@" "$to/a" get "$large" "$large_size" "$tmp/sent"
	cmp "$tmp/sent" "$blobs/large"
	works "$@" "$to/b" pipe <"$blobs/small"
	assert_equal "$output" "$small $small_size"
	works "$@" "$to/b" cat "$small" "$small_size"
}

# requests REGEX [LOG]: how many lines of the log match
requests() {
	grep -cE "$1" "${2:-$proxy_log}" || true
}
