#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image pull, and builds that pull
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image
load ../lib/registry
load ../lib/image_pull

# asked: what the proxy was asked for, by method and kind
asked() {
	sed -E 's|^([A-Z]+) /v2/[^ ]*/(manifests\|blobs)/.*|\1 \2|; s|^([A-Z]+) (/v2/) .*|\1 \2|' "$proxy_log" |
		grep -v '/v2/$' | sort | uniq -c | sed 's/^ *//' | tr '\n' ';'
}

# has_part SIZE: more than that of some blob is there, but not all of it
has_part() {
	local part

	part=$(compgen -G "$store/dlcache/*.part") && (($(stat -c %s "$part") > $1))
}

@test "pull: layers, metadata; the image runs" {
	tar -C "$dir" -cf "$tmp/base.tar" .
	mktar more f:opt/more:new f:opt/bin/.wh.only-in-image f:s:x:6755 l:abs:/etc p:fifo c:null f:dev/x
	put_image hello:1 --config '{"Env": ["A=b", "PATH=/bin:/usr/bin"], "Cmd": ["sh", "-c", "echo $A"],
		"WorkingDir": "/opt", "Volumes": {"/vol/a": {}}, "Labels": {"l": "m"}}' gzip:base.tar zstd:more.tar
	pulls "$registry/hello:1" hello
	assert_match "$stderr" "pulling image:    $registry/hello:1"
	assert_match "$stderr" "destination:      hello"
	assert_match "$stderr" "layer 2/2: [0-9a-f]{7}: extracting"
	assert_match "$stderr" "warning: 1 device files or sockets left out"
	assert_match "$stderr" "image arch: amd64"
	run -0 ch hello -- sh -c 'cat /opt/more; test ! -e /opt/bin/only-in-image; readlink /abs'
	assert_equal "$output" "new/etc"
	at hello 'test -d vol/a -a -d mnt/9 -a -p fifo; stat -c %a s; cat ch/environment
		test -e ch/config.pulled.json; cat ch/metadata.json' >"$tmp/out"
	assert_equal "$(head -n 3 "$tmp/out")" "755"$'\nA=b\nPATH=/bin:/usr/bin'
	assert_match "$(cat "$tmp/out")" '"cmd": \["sh", "-c", "echo \$A"\], "cwd": "/opt"'
	nothing_left
	# Nothing new: neither downloaded nor unpacked.
	pulls "$registry/hello:1" hello
	assert_match "$stderr" "the build cache has the image"
	assert_equal "$(grep -c extracting <<<"$stderr")" 0
}

@test "pull: every kind of compression, OCI and Docker" {
	local form layers=()

	for form in none gzip zstd gzips zstds; do
		mktar "$form" "f:$form:1" "f:.wh.none" f:d/x:1 "f:d/$form:2" f:d/.wh..wh..opq
		layers+=("$form:$form.tar")
	done
	put_image forms:oci "${layers[@]}"
	put_image forms:docker --docker "${layers[@]}"
	pulls -q "$registry/forms:oci" oci
	pulls --no-cache -q "$registry/forms:docker" docker
	at . 'diff -r -x ch oci docker; echo oci/g* oci/n* oci/z* oci/d/*' >"$tmp/out"
	assert_equal "$(cat "$tmp/out")" "oci/gzip oci/gzips oci/n* oci/zstd oci/zstds oci/d/x oci/d/zstds"
}

@test "pull: architectures" {
	mktar one f:which:amd64
	mktar two f:which:arm
	put_image multi:amd64 gzip:one.tar
	put_image multi:arm --set '{"architecture": "arm", "variant": "v7"}' gzip:two.tar
	put_image multi:all --index amd64=amd64 arm/v7=arm
	pulls "$registry/multi:all" m
	at m 'grep -q amd64 which'
	pulls --arch arm/v7 "$registry/multi:all" m
	at m 'grep -q arm which'
	assert_match "$stderr" "image arch: arm/v7 \(may not match host"
	img list
	assert_match "$output" "m \(arm/v7\)"
	fails_to 1 "no image for architecture 's390x'.*amd64.*arm/v7" pull -a s390x "$registry/multi:all" m
	fails_to 1 "is for architecture 'arm/v7', not for 'amd64'.*--arch=yolo" pull "$registry/multi:arm" m
	pulls -a yolo "$registry/multi:arm" n
	at n 'grep -q arm which'
	pulls --arch host "$registry/multi:all" n
	at n 'grep -q amd64 which'
	fails_to 1 "'a b' is no architecture" pull --arch 'a b' "$registry/multi:all" n
	# by digest: what is there is not asked for again
	digest=$(put_image multi:amd64 gzip:one.tar)
	pulls "$registry/multi@$digest" d
	pulls --arch=amd64 "$registry/multi@$digest" d
	assert_match "$stderr" "manifest: using existing file"
}

@test "pull: what is wrong is said in a line, and leaves nothing" {
	local member

	mktar good f:a:1
	mktar up f:a f:../evil:x
	mktar long "f:a:$(printf '%06000d' 1)"
	mktar link f:a h:b:nothing
	mktar white f:a f:.wh..
	put_image bad:diff --set '{"rootfs": {"diff_ids": ["sha256:'"$(printf '%064d' 1)"'"]}}' gzip:good.tar
	put_image bad:number --set '{"rootfs": {"diff_ids": []}}' gzip:good.tar
	put_image bad:os --set '{"os": "plan9"}' gzip:good.tar
	put_image bad:cut gzip:good.tar gzipcut:long.tar
	put_image bad:short gzip:good.tar nonecut:long.tar
	for member in up link white; do
		put_image "bad:$member" gzip:good.tar "gzip:$member.tar"
	done
	fails_to 1 "127.0.0.1:[0-9]+/none:latest.*404" pull "$registry/none"
	fails_to 1 "layer 1/1: its contents have the digest 'sha256:.*', and not 'sha256:0*1'" pull "$registry/bad:diff" a
	fails_to 1 "the manifest has 1 layers, but the configuration 0" pull "$registry/bad:number" a
	fails_to 1 "for 'plan9', not for Linux" pull "$registry/bad:os" a
	fails_to 1 "layer 2/2.*[Tt]runcated" pull "$registry/bad:cut" a
	fails_to 1 "layer 2/2.*([Tt]runcated|not a tar)" pull "$registry/bad:short" a
	fails_to 1 "layer 2/2.*'\.\./evil': names with '\.\.'" pull "$registry/bad:up" a
	fails_to 1 "layer 2/2.*hard link to 'nothing': No such file" pull "$registry/bad:link" a
	fails_to 1 "layer 2/2.*'\.wh\.\.': it is a whiteout of no file" pull "$registry/bad:white" a
	fails_to 1 "'127.0.0.1:1/a:latest'.*connect" pull 127.0.0.1:1/a
	fails_to 1 "character 1, 'A'" pull A
	fails_to 64 "too few arguments" pull
	img list
	assert_equal "$output" "tiny (amd64)"
	nothing_left
}

@test "pull: a download that breaks off goes on; what is damaged is noticed" {
	head -c 3000000 /dev/urandom >"$tmp/random"
	tar -C "$tmp" -cf "$tmp/big.tar" random
	put_image big:1 none:big.tar
	# The registry stops in the midst of it, for good ...
	start_proxy "$registry" 'GET /blobs/ 2 cut 1000000' 'GET /blobs/ - status 404'
	img pull "$proxy/big:1" a
	assert_equal "$status" 1
	has_part 900000
	nothing_left
	# ... and others have it: only what is missing is asked for. What nobody went on with goes.
	as_test touch -d '8 days ago' "$store/dlcache/$(printf '%064d' 0).part"
	pulls "$registry/big:1" a
	at a 'cat random' | cmp - "$tmp/random"
	as_test ls "$store/dlcache" | grep part && fail "parts are left"
	# damaged on our disk: removed from there, and the next one gets it again
	pulls "$registry/big:1" b
	local blob
	blob=$(as_test find "$store/dlcache" -maxdepth 1 -size +2M)
	as_test bash -c 'printf x | dd of="$1" bs=1 seek=70000 conv=notrunc status=none' x "$blob"
	fails_to 1 "damaged in the download cache, and was removed" pull --no-cache "$registry/big:1" c
	pulls --no-cache "$registry/big:1" c
	at c 'cat random' | cmp - "$tmp/random"
	# damaged on the way
	start_proxy "$registry" 'GET /blobs/ - flip 100000'
	as_test rm -r "$store/dlcache"
	fails_to 1 "digest" pull --no-cache "$proxy/big:1" d
	nothing_left
	# ... though what is in it is right (a time in gzip's header)
	put_image time:1 gzip:big.tar
	pulls "$registry/time:1" e
	as_test find "$store/dlcache" -size +2M -delete
	start_proxy "$registry" 'GET /blobs/ - flip 5'
	fails_to 1 "layer 1/1: .*what was sent has digest sha256:" pull --no-cache "$proxy/time:1" d
	nothing_left
}

@test "pull: what cannot be unpacked ends at once, and is not gone on with" {
	local layer start

	head -c 3000000 /dev/urandom >"$tmp/random"
	mktar bad f:fine:1 f:../evil:1
	tar -C "$tmp" -rf "$tmp/bad.tar" random 2>/dev/null
	tar -C "$tmp" -cf "$tmp/good.tar" random
	put_image hostile:1 none:bad.tar
	put_image good:1 none:good.tar
	# The rest does not come: nobody waits for it.
	start_proxy "$registry" "GET /blobs/sha256:$(sha256sum <"$tmp/bad.tar" | cut -c 1-64) - stall 500000"
	start=$SECONDS
	fails_to 1 "layer 1/1.*'\.\./evil': names with '\.\.'" pull "$proxy/hostile:1" a
	((SECONDS - start < 10)) || fail "it took $((SECONDS - start)) s"
	! has_part 0 || fail "a part is left"
	nothing_left
	# It comes: the same, again and again.
	for _ in 1 2; do
		fails_to 1 "layer 1/1.*'\.\./evil': names with '\.\.'" pull "$registry/hostile:1" a
		nothing_left
	done
	# What an earlier one has left is damaged, and the rest does not come.
	layer=/blobs/sha256:$(sha256sum <"$tmp/good.tar" | cut -c 1-64)
	start_proxy "$registry" "GET $layer 1 cut 1000000" "GET $layer - status 404"
	fails_to 1 "404" pull "$proxy/good:1" b
	has_part 900000
	as_test bash -c 'printf x | dd of="$1" bs=1 seek=2 conv=notrunc status=none' x "$store"/dlcache/*.part
	start_proxy "$registry" "GET $layer - stall 500000"
	start=$SECONDS
	fails_to 1 "layer 1/1.*(damaged|checksum|archive)" pull "$proxy/good:1" b
	((SECONDS - start < 10)) || fail "it took $((SECONDS - start)) s"
	! has_part 0 || fail "a part is left"
	pulls "$registry/good:1" b
	at b 'cat random' | cmp - "$tmp/random"
	nothing_left
}

@test "pull: servers that are busy; bytes that are wrong, or missing" {
	mktar one f:a:1
	put_image faults:1 gzip:one.tar
	start_proxy "$registry" 'GET manifests 1 status 503' 'GET blobs 1 wait 429,1' 'GET blobs 1 close'
	pulls "$proxy/faults:1" a
	at a 'grep -q 1 a'
	as_test rm -r "$store/dlcache"
	start_proxy "$registry" 'GET manifests 1 truncate 20' 'GET blobs 1 truncate 20' 'GET blobs 1 flip 20'
	fails_to 1 "pull '.*': .*manifest '1' of 'faults': its digest is sha256:.*, not sha256:" pull --no-cache "$proxy/faults:1" b
	fails_to 1 "pull '.*': .*what was sent has digest" pull --no-cache "$proxy/faults:1" b
	nothing_left
	pulls --no-cache "$proxy/faults:1" b
	at . 'cmp a/a b/a'
	# Schema 1 has layers under other names, and says nothing of their contents.
	printf '{"schemaVersion": 1, "name": "faults", "tag": "1", "architecture": "amd64",
		"fsLayers": [{"blobSum": "sha256:%064d"}], "history": [{"v1Compatibility": "{}"}],
		"signatures": []}' 1 >"$tmp/schema1"
	for type in v1+prettyjws v1+json; do
		start_proxy "$registry" "GET manifests - document application/vnd.docker.distribution.manifest.$type,$tmp/schema1"
		fails_to 1 "pull '.*': .*it is of schema 1, which Docker gave up in 2017; the image has to be pushed again" \
			pull "$proxy/faults:1" c
	done
	nothing_left
}

@test "pull: what another process downloads is waited for; killed ones leave what can be used" {
	head -c 2000000 /dev/urandom >"$tmp/random"
	tar -C "$tmp" -cf "$tmp/slow.tar" random
	put_image slow:1 none:slow.tar
	start_proxy "$registry" 'GET /blobs/ 2 slow 100000'
	begin_pull "$proxy/slow:1" a
	# It is unpacked while it comes.
	await 10 unpacks
	has_part 0
	pulls "$registry/slow:1" b
	wait "$job"
	at . 'cmp a/random b/random'
	# Killed in the midst of it
	head -c 2000000 /dev/urandom >"$tmp/random"
	tar -C "$tmp" -cf "$tmp/slow.tar" random
	put_image slow:2 none:slow.tar
	start_proxy "$registry" 'GET /blobs/ 2 slow 100000'
	begin_pull "$proxy/slow:2" c
	await 10 has_part 100000
	kill -KILL "$pid"
	wait "$job" || true
	start_proxy "$registry"
	pulls "$proxy/slow:2" c
	assert_match "$(grep bytes= "$proxy_log")" "GET .*blobs.* 206 "
	at c 'cat random' | cmp - "$tmp/random"
	nothing_left
}

@test "build: FROM, COPY --from and RUN --mount pull what is not there, once" {
	tar -C "$dir" -cf "$tmp/base.tar" .
	mktar other f:data:from-other
	put_image base:1 --config '{"Env": ["V=1"]}' gzip:base.tar
	put_image other:1 gzip:other.tar
	start_proxy "$registry"
	df Dockerfile <<-END
		FROM $proxy/base:1
		COPY --from=$proxy/other:1 /data /copied
		RUN --mount=type=bind,from=$proxy/other:1,target=/mnt/0 cat /mnt/0/data; echo \$V >/v
	END
	img build -t built .
	[[ $status == 0 ]] || fail "$stderr"
	assert_match "$stderr" "1\. FROM"
	run -0 ch built -- cat /copied /v
	assert_equal "$output" "from-other1"
	: >"$proxy_log"
	img build -t built2 .
	assert_match "$stderr" "1\* FROM"
	assert_match "$stderr" "3\* RUN"
	img build --rebuild -t built3 .
	assert_match "$stderr" "1\* FROM"
	assert_equal "$(asked)" ""
	img delete "$proxy/base:1"
	img build -t built4 .
	assert_match "$(asked)" "GET manifests"
	[[ $(asked) != *"GET blobs"* ]] || fail "$(asked)"
	# --always-download: the new one
	put_image base:1 --config '{"Env": ["V=2"]}' gzip:base.tar
	img build --always-download -t built5 .
	[[ $status == 0 ]] || fail "$stderr"
	run -0 ch built5 -- cat /v
	assert_equal "$output" "2"
	# That another one of its name is in storage does not matter, nor that the cache has the new one.
	pulls "$registry/base:1" "$proxy/base:1"
	put_image base:1 --config '{"Env": ["V=3"]}' gzip:base.tar
	pulls "$registry/base:1" else
	img build --always-download -t built6 .
	run -0 ch built6 -- cat /v
	assert_equal "$output" "3"
	img delete else "$proxy/base:1"
	# Neither there nor to be had
	df Dockerfile <<<"FROM $proxy/nothing"
	fails "Dockerfile:1.*pull '$proxy/nothing:latest'.*404" -t x .
	df Dockerfile <<<"FROM $proxy/base:2"
	img build --dry-run -t x .
	assert_match "$stderr" "1\. FROM"
	nothing_left
}

@test "build: without a cache; --platform; no registry in reach" {
	mktar one f:which:amd64
	mktar two f:which:arm
	put_image multi:amd64 gzip:one.tar
	put_image multi:arm --set '{"architecture": "arm", "variant": "v7"}' gzip:two.tar
	put_image multi:all --index amd64=amd64 arm/v7=arm
	df Dockerfile <<-END
		FROM --platform=linux/arm/v7 $registry/multi:all
		COPY --from=$registry/multi:amd64 /which /other
	END
	img build --no-cache -t arm .
	[[ $status == 0 ]] || fail "$stderr"
	at arm 'cat which other' >"$tmp/out"
	assert_equal "$(cat "$tmp/out")" "armamd64"
	img build -t arm2 .
	[[ $status == 0 ]] || fail "$stderr"
	df Dockerfile <<<"FROM --platform=linux/amd64 $registry/multi:all"
	img build -t amd .
	[[ $status == 0 ]] || fail "$stderr"
	at amd 'cat which' >"$tmp/out"
	assert_equal "$(cat "$tmp/out")" "amd64"
	df Dockerfile <<<"FROM --platform=windows/amd64 $registry/multi:all"
	fails "platform: 'windows/amd64/.*|no image for architecture" -t x .
	# What was asked for before serves again when nobody answers.
	start_proxy "$registry"
	pulls "$proxy/multi:all" kept
	df Dockerfile <<<"FROM $proxy/multi:all"
	kill "$(tail -n 1 "$servers/pids")"
	sed -i '$d' "$servers/pids"
	img build -t offline .
	[[ $status == 0 ]] || fail "$stderr"
	assert_match "$stderr" "using the image as it was when last asked for"
	fails_to 1 "pull '$proxy/multi:all'" pull "$proxy/multi:all" x
}

@test "pull: the parts of a reference; only some layers; interrupted" {
	mktar one f:a:1
	mktar two f:b:2
	put_image parts:1 gzip:one.tar gzip:two.tar
	img pull --parse-only host:5000/a/b/name:tag
	assert_match "$output" "host: +host.*port: +5000.*path: +a/b.*name: +name.*tag: +tag"
	pulls --last-layer 1 "$registry/parts:1" a
	at a 'test -e a -a ! -e b'
	pulls "$registry/parts:1" a
	at a 'test -e a -a -e b'
	put_image parts:2 none:one.tar
	start_proxy "$registry" "GET /blobs/sha256:$(sha256sum <"$tmp/one.tar" | cut -c 1-64) - stall 10"
	begin_pull "$proxy/parts:2" c
	await 10 compgen -G "$store/dlcache/*.part"
	kill -TERM "$pid"
	wait "$job" && fail "it was not interrupted"
	nothing_left
	img list
	assert_equal "$output" $'a (amd64)\ntiny (amd64)'
}

@test "pull: a registry with passwords; one with a certificate that nobody knows" {
	start_registry basic
	via+=(CH_IMAGE_USERNAME=alice CH_IMAGE_PASSWORD=wrong)
	fails_to 1 "'alice' were not accepted" pull --auth "$registry/x" x
	via+=(CH_IMAGE_PASSWORD=secret1)
	img -q import "$dir" tiny2
	img -q push tiny2 "$registry/tiny:1"
	[[ $status == 0 ]] || fail "$stderr"
	pulls --auth "$registry/tiny:1" a
	pulls --always-download --auth --no-cache "$registry/tiny:1" b
	assert_match "$stderr" "config: downloading.*layer 1/1: [0-9a-f]{7}: downloading"
	df Dockerfile <<<"FROM $registry/tiny:1"
	img --auth --always-download build -t built .
	[[ $status == 0 ]] || fail "$stderr"
	as_test grep -rl secret1 "$store" && fail "the password is in storage"
	start_registry tls
	fails_to 1 "certificate" push tiny2 "$registry/tiny:1"
	img --tls-no-verify push tiny2 "$registry/tiny:1"
	[[ $status == 0 ]] || fail "$stderr"
	fails_to 1 "certificate" pull "$registry/tiny:1" c
	pulls --tls-no-verify "$registry/tiny:1" c
}

@test "pull: killed while it unpacks, it leaves nothing that the next one minds" {
	head -c 30000000 /dev/urandom >"$tmp/random"
	tar -C "$tmp" -cf "$tmp/big.tar" random
	put_image killed:1 none:big.tar
	begin_pull "$registry/killed:1" a
	await 10 unpacks
	kill -KILL "$pid"
	wait "$job" || true
	img list
	assert_equal "$output" "tiny (amd64)"
	pulls "$registry/killed:1" a
	at a 'cat random' | cmp - "$tmp/random"
	nothing_left
}

# unpacks: a file of the layer is in a draft
unpacks() {
	[[ $(as_test find "$store/tmp" -name random) ]]
}

# two_parts: two blobs come at the same time
two_parts() {
	(($(compgen -G "$store/dlcache/*.part" | wc -l) == 2))
}

@test "pull: several layers at a time; on a terminal, each with its progress" {
	local i

	for i in 1 2; do
		head -c 800000 /dev/urandom >"$tmp/r$i"
		tar -C "$tmp" -cf "$tmp/l$i.tar" "r$i"
	done
	put_image bars:1 none:l1.tar none:l2.tar
	start_proxy "$registry" 'GET /blobs/ 1 slow 1000000' 'GET /blobs/ - slow 60000'
	begin_pull "$proxy/bars:1" a
	await 10 two_parts
	wait "$job"
	assert_equal "$(cat "$tmp/err")" ""
	as_test rm -r "$store/dlcache"
	run as_test "${via[@]}" timeout -k 5 60 "$top/tests/lib/terminal" see:'layer 1/2: [0-9.]+ KiB of 7' \
		see:'layer 2/2: [0-9.]+ KiB of 7[0-9.]+ KiB, [0-9]+%, .*/s, 0:0[0-9] left' -- ch-image pull --no-cache "$proxy/bars:1" b
	((status == 0)) || fail "$output"
	# Elsewhere, lines without anything for a terminal.
	as_test rm -r "$store/dlcache"
	pulls --no-cache "$proxy/bars:1" c
	[[ $stderr == *downloading* && $stderr != *[$'\r\e']* ]] || fail "$stderr"
	at . 'cmp a/r2 b/r2; cmp b/r1 c/r1'
}

# hostile NAME STATUS REGEX LOWER UPPER: pull an image of two layers, each a list of members
hostile() {
	local name=$1 want=$2 regex=$3

	# shellcheck disable=SC2086 # lists
	mktar lower $4 && mktar upper $5
	put_image "hostile:$name" gzip:lower.tar gzip:upper.tar >"$tmp/digest"
	if [[ $want == 0 ]]; then
		pulls "$registry/hostile:$name" "$name"
	else
		fails_to "$want" "$regex" pull "$registry/hostile:$name" "$name"
	fi
}

@test "hostile layers: nothing outside is touched, and nothing hangs" {
	local out=$tmp/outside up=../../../outside

	as_test bash -c 'mkdir "$1" "$1/dir" && echo kept >"$1/file" && echo 1 >"$1/dir/x"' x "$out"
	# Whiteouts, and files, by links that lead out
	hostile links 0 "" "f:a:1 l:link:$out l:up:$up l:dir:$out/dir l:file:$out/file d:real f:real/x" \
		"f:link/.wh.file f:up/.wh.file f:dir/.wh..wh..opq f:link/.wh..wh..opq f:link/evil:x f:up/evil:x
		f:.wh.file f:dir/new f:$out/.wh.file f:$out/.wh..wh..opq"
	at links "test -f './$out/evil' -a -f outside/evil -a -f './$out/dir/new' -a -f real/x -a ! -L file"
	# A lower layer's link, or hard link, is replaced, not written through.
	hostile through 0 "" "l:l:$out/file f:f:1 h:h:f l:d:$out" "f:l:evil f:h:2 d:d f:d/file:evil"
	at through 'test ! -L l -a ! -L d; grep -q 1 f; grep -q 2 h'
	hostile root 1 "a member that is no directory is the root" "f:a" "l:/:x"
	hostile all 0 "" "f:a/b/c l:l:/a p:p D:deep:1900" "f:.wh..wh..opq"
	at all 'ls' >"$tmp/out"
	assert_equal "$(tr '\n' ' ' <"$tmp/out")" "bin ch dev etc mnt proc sys tmp usr "
	hostile deep 1 "the name is longer than" "f:a" "D:file:10000"
	hostile nested 1 "it is in more than 256 directories" "D:file:1000" "D:other:1000 f:.wh.d"
	# A hole of a terabyte takes no room.
	truncate -s 1T "$tmp/huge"
	tar -C "$tmp" -Scf "$tmp/huge.tar" huge
	rm "$tmp/huge"
	put_image hostile:huge gzip:huge.tar
	pulls "$registry/hostile:huge" huge
	at huge 'test "$(stat -c %s huge)" = 1099511627776 -a "$(stat -c %b huge)" -lt 100'
	assert_equal "$(as_test bash -c 'cd "$1" && find . | sort | tr "\n" " " && cat file dir/x' x "$out")" \
		". ./dir ./dir/x ./file kept"$'\n'"1"
	as_test rm -r "$out"
	nothing_left
}

@test "pull: a full disk is an error, and then there is room again" {
	((EUID == 0)) || skip "does not apply without root: mounts"
	head -c 3000000 /dev/urandom >"$tmp/random"
	tar -C "$tmp" -cf "$tmp/big.tar" random
	mkdir "$tmp/dev"
	cat "$tmp/random" "$tmp/random" >"$tmp/dev/left-out"
	tar -C "$tmp" -cf "$tmp/bigger.tar" dev/left-out
	mktar small f:a:1
	put_image full:big gzip:big.tar
	put_image full:bigger none:bigger.tar
	put_image full:small gzip:small.tar
	put_image full:stalls none:big.tar
	mkdir "$tmp/small"
	mount -t tmpfs -o size=5m,mode=1777 small "$tmp/small"
	store=$tmp/small/store via=(env "CH_IMAGE_STORAGE=$tmp/small/store" timeout 15)
	# ... while it is unpacked, and while it comes: that is not kept
	fails_to 1 "No space left on device" pull "$registry/full:big" a
	as_test rm -r "$store/dlcache"
	# ... also while the rest does not come
	start_proxy "$registry" "GET /blobs/sha256:$(sha256sum <"$tmp/big.tar" | cut -c 1-64) - stall 2900000"
	fails_to 1 "No space left on device" pull "$proxy/full:stalls" a
	as_test rm -r "$store/dlcache"
	fails_to 1 "layer 1/1: .*No space left on device" pull "$registry/full:bigger" a
	as_test ls "$store/dlcache" | grep part && fail "a part is left"
	nothing_left
	pulls "$registry/full:small" b
	at b 'grep -q 1 a'
	img list
	assert_equal "$output" "b (amd64)"
	umount "$tmp/small"
}
