#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image push: what registries get, what others make of it, and what is not sent again
# shellcheck disable=SC2016,SC2034,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/store
load ../lib/registry

setup_file() {
	start_registry anonymous "$BATS_FILE_TMPDIR/data"
	plain=$registry
	export plain
}
teardown_file() {
	stop_servers
}

setup() {
	ch_setup
	# shellcheck disable=SC2034 # of common.bash
	no_fuse=yes
	unset "${!CH_IMAGE_@}" "${!CH_REGY_@}" REGISTRY_AUTH_FILE DOCKER_CONFIG
	setup_images
	use_store "$tmp/store"
	repo=test$BATS_TEST_NUMBER
}
teardown() {
	stop_servers
	as_test chmod -Rf u+rwx "$tmp" || true
	ch_teardown
}

# make_image NAME: an image with what is hard to transport
make_image() {
	works import "$dir" "$1"
	as_test bash -e -c '
		cd "$1"
		mkdir odd odd/empty odd/closed
		echo text >odd/closed/file
		chmod 0640 odd/closed/file
		echo 1 >odd/first; ln odd/first odd/second
		ln -s ../../../nonexistent odd/link
		mkfifo odd/fifo
		truncate -s 300000 odd/hole; echo end >>odd/hole
		printf "#!/bin/sh\n" >odd/setuid; chmod 4755 odd/setuid
		long=odd/$(printf "x%.0s" {1..200})/$(printf "y%.0s" {1..120})
		mkdir -p "${long%/*}"; echo long >"$long"
		echo bytes >odd/$'"'"'\xff\xfe\xc3\xa4 "'"'"'
		touch -d "2001-02-03 04:05:06.7" odd/first odd/empty
		chmod 0 odd/setuid
		chmod 0711 odd/closed
		chmod 0 odd/closed/file
		chmod 04755 odd/setuid
		touch -d "1999-12-31 23:59:59" odd
	' make "$store/img/${1//:/+}"
}

# describe DIR: all there is to know of the files in it, but for those about the image
describe() {
	(cd "$1" && find . -mindepth 1 ! -path './ch*' -printf '%P %y %m %T@ %l %n\n' | sort &&
		find . -type f ! -path './ch/*' -exec sha256sum {} + | sort)
}

# same DIR1 DIR2 [SED]: the same trees; what is in DIR1 is changed by SED
same() {
	diff <(describe "$1" | sed "${3-}") <(describe "$2") || fail "$1 and $2 differ"
}

# requests: what came through the proxy, without digests and states
requests() {
	sed -E 's/ (\/[^ ?]*)[^ ]* / \1 /; s/sha256:[0-9a-f]*/DIGEST/g; s/(uploads\/)[^ ]+/\1ID/' "$proxy_log" |
		awk '{ print $1, $2, $3 }'
}

digest_line() {
	sed -n 's/^digest: *//p' <<<"$stderr"
}

@test "push: what others pull has the same files" {
	make_image foo:1
	works push foo:1 "$plain/$repo:1"
	as_test skopeo copy -q --insecure-policy --src-tls-verify=false \
		"docker://$plain/$repo:1" "oci:$tmp/oci:x"
	as_test umoci unpack --rootless --image "$tmp/oci:x" "$tmp/bundle"

	same "$store/img/foo+1" "$tmp/bundle/rootfs" '/^odd\/setuid /s/ 4755 / 755 /'
}

@test "push: what we pull has the same files, and says the same" {
	make_image foo:1
	as_test tee "$tmp/Dockerfile" >/dev/null <<-'END'
		FROM foo:1
		ENV A=1 B="two words"
		LABEL who=me
		WORKDIR /odd
		ENTRYPOINT ["/bin/sh", "-c"]
		CMD echo hello
	END
	works build -t bar:1 -f "$tmp/Dockerfile" "$tmp"
	works push bar:1 "$plain/$repo:1"
	works pull "$plain/$repo:1" baz

	# What we pull, its user may read; metadata is written anew.
	same "$store/img/bar+1" "$store/img/baz" \
		'/^odd\/setuid /s/ 4755 / 755 /; /^odd\/closed\/file /s/ 0 / 600 /'
	assert_equal "$(skopeo inspect --config --tls-verify=false "docker://$plain/$repo:1" |
		python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin)["config"], sort_keys=True))')" \
		'{"Cmd": ["/bin/sh", "-c", "echo hello"], "Entrypoint": ["/bin/sh", "-c"], "Env": ["A=1", "B=two words"], "Labels": {"who": "me"}, "WorkingDir": "/odd"}'
}

@test "push: the same image has the same digest, from wherever, and nothing is sent twice" {
	local first

	start_proxy "$plain"
	make_image foo:1
	as_test chmod 600 "$store/img/foo+1/odd/closed/file" # for cp
	works push foo:1 "$proxy/$repo:1"
	first=$(digest_line)
	[[ $first =~ ^sha256:[0-9a-f]{64}$ ]] || fail "$stderr"
	assert_match "$stderr" 'layer 1/1: [0-9a-f]{7}: not present, uploading'

	: >"$proxy_log"
	works push foo:1 "$proxy/$repo:1"
	assert_equal "$(digest_line)" "$first"
	assert_match "$stderr" 'found in upload cache.*already present.*manifest: already present'
	assert_equal "$(requests | grep -Ev '^(GET|HEAD) ')" ""

	# The files only, by other inodes; and packed by one thread.
	as_test mkdir "$tmp/copy"
	as_test cp -a "$store/img/foo+1" "$tmp/copy/foo"
	use_store "$tmp/store2" taskset -c 0
	works push --image "$tmp/copy/foo" foo:1 "$proxy/$repo:other"
	assert_equal "$(digest_line)" "$first"
}

# listed NAME: what list says of its digests
listed() {
	works list --json "$1"
	jq -r '.[] | "\(.digest) \(.config_digest)"' <<<"$output"
}

@test "list: the digests of what was pushed and pulled, until it changes" {
	local digests

	works import "$dir" foo
	assert_equal "$(listed foo)" "null null"
	works push foo "$plain/$repo:1"
	digests="$(digest_line) $(skopeo inspect --raw --tls-verify=false "docker://$plain/$repo:1" | jq -r .config.digest)"
	assert_equal "$(listed foo)" "$digests"
	works list foo
	assert_match "$output" "digest: +${digests% *}.config digest: +${digests#* }"
	works pull "$plain/$repo:1" bar
	works pull --no-cache "$plain/$repo:1" baz
	assert_equal "$(listed bar)" "$digests"
	assert_equal "$(listed baz)" "$digests"
	works list -l
	assert_match "$output" "bar .*${digests:7:12}"
	# What is brought back nobody knows, until it is asked for again.
	works delete bar
	assert_equal "$(as_test ls "$store/digest")" $'baz\nfoo'
	works undelete bar
	assert_equal "$(listed bar)" "null null"
	works pull "$plain/$repo:1" bar
	assert_equal "$(listed bar)" "$digests"
	# Who finds it as it is does not wait for who makes another one.
	as_test flock -o "$store/locks/bar" timeout 20 "${via[@]}" ch-image -q pull "$plain/$repo:1" bar
	works pull --last-layer 1 "$plain/$repo:1" bar
	assert_equal "$(listed bar)" "null null"
	works build -t bar - <<<"FROM $plain/$repo:1"
	assert_equal "$(listed bar)" "null null"
	# The registry has it, even if that cannot be noted.
	as_test bash -c 'rm -r "$1" && touch "$1"' x "$store/digest"
	works push foo "$plain/$repo:1"
	assert_match "$stderr" "warning: .*digest: it is not a directory"
}

@test "push and pull: --no-xattrs" {
	works import "$dir" foo
	as_test python3 -c 'import os, sys; os.setxattr(sys.argv[1], "user.x", b"y")' "$store/img/foo/etc" ||
		skip "no extended attributes here"
	works push foo "$plain/$repo:1"
	works push --no-xattrs foo "$plain/$repo:2"
	for n in 1 2; do
		works pull "$plain/$repo:$n" "is$n"
		works pull --no-xattrs "$plain/$repo:$n" "no$n"
	done

	assert_equal "$(cd "$store/img" && as_test python3 -c '
import os, sys
print([len(os.listxattr(i + "/etc")) for i in sys.argv[1:]])' is1 is2 no1 no2)" "[1, 0, 0, 0]"
}

@test "push: a change is a new layer, which replaces the old one in the upload cache" {
	works import "$dir" foo
	works push foo "$plain/$repo:1"
	local first

	first=$(digest_line)
	as_test touch -d 2001-01-01 "$store/img/foo/etc"
	works push foo "$plain/$repo:1"
	assert_match "$stderr" 'layer 1/1: preparing'
	[[ $(digest_line) != "$first" ]] || fail "$stderr"
	assert_equal "$(as_test find "$store/ulcache" -type f | wc -l)" 2
}

@test "push: what another repository has is taken from there" {
	start_proxy "$plain"
	works import "$dir" foo
	works push foo "$proxy/$repo/one:1"
	: >"$proxy_log"
	works push foo "$proxy/$repo/two:1"

	assert_match "$stderr" "layer 1/1: [0-9a-f]{7}: taken from '$proxy/$repo/one'"
	assert_equal "$(grep -c 'POST.*mount=' "$proxy_log")" 1
	as_test skopeo inspect --tls-verify=false "docker://$plain/$repo/two:1" >"$tmp/inspected"
}

@test "push: layers of zstd are OCI's" {
	make_image foo:1
	works push --compress zstd:5 foo:1 "$plain/$repo:1"
	skopeo inspect --raw --tls-verify=false "docker://$plain/$repo:1" >"$tmp/manifest"
	assert_match "$(cat "$tmp/manifest")" 'oci\.image\.layer\.v1\.tar\+zstd'
	assert_match "$(cat "$tmp/manifest")" 'oci\.image\.manifest\.v1\+json'
	works pull "$plain/$repo:1" bar
	inside long bar -- sh -c 'cat /odd/x*/y*'
}

@test "push: what would be something else in a layer is left out, and said" {
	works import "$dir" foo
	as_test bash -c 'mkdir -p "$1/ch/git" "$1/opt/new"; touch "$1/ch/git/x" "$1/opt/new/"{.wh.y,y}' \
		make "$store/img/foo"
	works push foo "$plain/$repo:1"
	assert_match "$stderr" "warning: image 'foo': left out: 1 files called '.wh.\*'"
	works pull "$plain/$repo:1" bar
	assert_equal "$(as_test ls -A "$store/img/bar/opt/new")" y
	[[ ! -e $store/img/bar/ch/git ]] || fail "ch/git was pushed"
}

@test "push: servers that are busy, connections that break, bytes that are wrong" {
	works import "$dir" foo
	start_proxy "$plain" 'POST uploads 1 status 503' 'PUT uploads 1 upcut 100000' 'HEAD blobs 1 wait 429,1' \
		'PUT manifests 1 status 500'
	works push foo "$proxy/$repo:1"
	start_proxy "$plain" 'PUT uploads 1 upflip 1000'
	fails 1 "push to '.*': .*provided digest did not match" push foo "$proxy/other/$repo:1"
	assert_equal "$(as_test ls -A "$store/tmp" "$store/locks" "$store/ulcache" | grep -v :)" ""
	works push foo "$proxy/other/$repo:1"
	works pull "$plain/other/$repo:1" bar
	diff -r -x ch "$store/img/foo" "$store/img/bar"
}

@test "push: with a name and a password" {
	start_registry basic
	works import "$dir" foo
	fails 1 'credentials|password' push foo "$registry/foo:1"
	use_store "$store" CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=wrong
	fails 1 "push to '$registry/foo:1': .*'alice' were not accepted" push foo "$registry/foo:1"
	# That was clear before the work.
	[[ ! -e $store/ulcache ]] || fail "$(ls "$store/ulcache")"
	use_store "$store" CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=secret1
	works push foo "$registry/foo:1"
}

@test "push: what is wrong is said" {
	works import "$dir" foo
	fails 1 "image 'bar' is not in storage" push bar "$plain/$repo:1"
	fails 1 "image '$tmp/nowhere': No such file or directory" push --image "$tmp/nowhere" x "$plain/x"
	fails 1 "'x@sha256:.*' has a digest: images are pushed to a tag" push foo "x@sha256:$(printf '0%.0s' {1..64})"
	fails 64 "option --compress: compression 'lzma' is none of none, gzip, zstd, xz" push --compress lzma foo "$plain/x"
	fails 64 "option --compress: 'xz': layers are compressed by gzip or zstd" push --compress xz foo "$plain/x"
	fails 64 "option --compress: level of compression '13' is not between 1 and 12" push --compress gzip:13 foo "$plain/x"
	fails 64 'too few arguments' push
}

@test "push: interrupted, it leaves nothing that the next one does not remove" {
	works import "$dir" foo
	as_test bash -c 'head -c 40000000 /dev/urandom >"$1"' fill "$store/img/foo/big"
	as_test "${via[@]}" bash -c 'echo $$ >"$0"; exec ch-image -q push "$@"' "$tmp/pid" foo "$plain/$repo:1" 3>&- &
	await 20 has_draft
	kill -KILL "$(cat "$tmp/pid")"
	wait $! || true
	has_draft || fail "nothing was left"
	works push foo "$plain/$repo:1"
	! has_draft || fail "$(ls -A "$store/ulcache")"
}

# on_terminal STEP... -- COMMAND...: by bats' run; see tests/lib/terminal
on_terminal() {
	run as_test "${via[@]}" timeout -k 5 60 "$top/tests/lib/terminal" "$@"
}

@test "push: Ctrl-C leaves the image and the terminal as they were" {
	works import "$dir" foo
	as_test bash -c 'mkdir "$1/closed" && yes | head -c 300000000 >"$1/closed/big" &&
		chmod 0 "$1/closed/big" "$1/closed"' fill "$store/img/foo"
	on_terminal see:preparing see:"packing: [0-9.]+ [KM]iB of 2[0-9.]+ MiB, [0-9]+%" key:c -- bash -c 'trap : INT; ch-image push "$@"; echo "status $?"' x \
		foo "$plain/$repo:1"
	[[ $output =~ 'status 130' ]] || fail "$output"
	assert_equal "$(stat -c %a "$store/img/foo/closed")" 0
	! has_draft || fail "$(ls -A "$store/ulcache")"
	# while it waits for a password, which is not shown
	start_registry basic
	on_terminal see:Username type:alice see:Password key:c see:130 -- \
		bash -c 'trap : INT; ch-image push "$@"; echo "status $?"; stty -a' x foo "$registry/foo:1"
	[[ $status == 0 && $output =~ ' echo ' ]] || fail "$output"
	on_terminal see:Username type:alice see:Password type:secret1 -- \
		ch-image push --image "$dir" foo "$registry/foo:1"
	[[ $status == 0 && $output != *secret1* ]] || fail "$output"
}

@test "push: a tag that was an index becomes the image" {
	local body
	works import "$dir" foo
	works push foo "$plain/$repo:1"
	body=$(printf '{"schemaVersion": 2, "mediaType": "%s", "manifests": [{"mediaType": "%s", "digest": "%s",
		"size": %d, "platform": {"os": "linux", "architecture": "amd64"}}]}' \
		application/vnd.docker.distribution.manifest.list.v2+json \
		application/vnd.docker.distribution.manifest.v2+json "$(digest_line)" \
		"$(skopeo inspect --raw --tls-verify=false "docker://$plain/$repo:1" | wc -c)")
	curl -sf -X PUT -H 'Content-Type: application/vnd.docker.distribution.manifest.list.v2+json' \
		-d "$body" "http://$plain/v2/$repo/manifests/all"
	works push foo "$plain/$repo:all"
	assert_match "$stderr" 'manifest: uploading'
	# What is there, and cannot be had, is replaced.
	start_proxy "$plain" 'GET /manifests/ - status 400'
	works push foo "$proxy/$repo:all"
	assert_match "$(skopeo inspect --raw --tls-verify=false "docker://$plain/$repo:all")" '"layers"'
}

has_draft() {
	compgen -G "$store/ulcache/.new-*" >/dev/null
}

@test "push: a full disk is an error, and nothing is left" {
	works import "$dir" foo
	as_test bash -c 'head -c 3000000 /dev/urandom >"$1"' fill "$store/img/foo/big"
	via=(env --ignore-signal=XFSZ "CH_IMAGE_STORAGE=$store" prlimit --fsize=1000000)
	fails 1 "image 'foo': write 'layer': File too large" push foo "$plain/$repo:1"
	! has_draft || fail "$(ls -A "$store/ulcache")"
	use_store "$store"
	works push foo "$plain/$repo:1"
}
