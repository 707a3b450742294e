#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image build: instructions, stages, the build cache
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image

# ---- the build cache ---------------------------------------------------------------------------

@test "cache: a Dockerfile twice, and one that differs in its last line" {
	df a.df <<-'END'
		FROM tiny
		RUN echo foo
		RUN echo bar
	END
	sed 's/bar/qux/' "$ctx/a.df" | df c.df
	builds '  1. FROM tiny
  2. RUN.S echo foo
copying image from cache ...
  3. RUN.S echo bar
grown in 3 instructions: foo' -t foo -f a.df .
	assert_equal "$output" $'foo\nbar'
	builds '  1* FROM tiny
  2* RUN.S echo foo
  3* RUN.S echo bar
grown in 3 instructions: foo' -t foo -f a.df .
	assert_equal "$output" ''
	builds '  1* FROM tiny
  2* RUN.S echo foo
  3. RUN.S echo qux
copying image from cache ...
grown in 3 instructions: c' -t c -f c.df .
	assert_equal "$output" qux
	assert_equal "$(as_test git -C "$store/bucache" log --format=%s refs/heads/c | tr '\n' ,)" \
		'RUN.S echo qux,RUN.S echo foo,IMPORT tiny,ROOT,'
}

@test "cache: a state that is known is an image again when it was deleted" {
	printf 'FROM tiny\nRUN echo x >/x\n' | df Dockerfile
	img build -t one .
	img delete one
	builds '  1* FROM tiny
  2* RUN.S echo x >/x
copying image from cache ...
grown in 2 instructions: one' -t one .
	assert_equal "$(in_image one 'cat /x')" x
}

@test "cache: contents of copied files count, their times do not" {
	put file one
	printf 'FROM tiny\nCOPY file /f\n' | df Dockerfile
	img build -t one .
	as_test touch -d '2001-01-01' "$ctx/file"
	img build -t one .
	[[ $stderr == *'2* COPY'* ]]
	# The same size, and the same time.
	put file two
	as_test touch -d '2001-01-01' "$ctx/file"
	img build -t one .
	[[ $stderr == *'2. COPY'* ]]
	assert_equal "$(in_image one 'cat /f')" two
}

@test "cache: a base image that was imported anew is another one" {
	printf 'FROM tiny\nRUN cat /new || true\n' | df Dockerfile
	img build -t one .
	copy_image "$tmp/new"
	as_test bash -c 'echo new >"$1/new"' - "$tmp/new"
	img import "$tmp/new" tiny
	builds '  1. FROM tiny
  2. RUN.S cat /new || true
copying image from cache ...
grown in 2 instructions: one' -t one .
	assert_equal "$output" new
}

@test "cache: what a mount shows counts, and images are what they are now" {
	put dir/file one
	printf 'FROM tiny\nRUN --mount=type=bind,source=dir,target=/m cat /m/file\n' | df Dockerfile
	img build -t x .
	assert_equal "$output" one
	as_test touch -d 2001-01-01 "$ctx/dir/file"
	put other x
	img build -t x .
	assert_equal "$status$output" 0
	put dir/file two
	img build -t x .
	assert_equal "$output" two
	# An image that the cache does not know, twice
	copy_image "$tmp/new"
	printf 'FROM tiny\nCOPY --from=new /f /\nRUN --mount=type=bind,from=new,target=/m cat /f /m/f\n' | df Dockerfile
	for what in one two; do
		as_test bash -c 'echo "$2" >"$1/f"' x "$tmp/new" "$what"
		img -q --no-cache import "$tmp/new" new
		img build -t x .
		assert_equal "$output" "$what"$'\n'"$what"
	done
	img build -t x .
	assert_equal "$status$output" 0
}

# held NAME ARGS...: as img, while somebody else makes the image NAME
held() {
	run --separate-stderr as_test flock -o "$store/locks/$1" \
		timeout -k 5 20 "${via[@]}" env -C "$ctx" ch-image "${@:2}"
	[[ $status == 0 && $stderr != *waiting* ]] || fail "status: $status" "stderr: $stderr"
}

@test "cache: images that somebody makes, or this build, are copied from as they are" {
	local name

	for name in own other; do
		img -q --no-cache import "$dir" $name
	done
	put f x
	df Dockerfile <<-'END'
		FROM tiny
		COPY f /f
		COPY --from=own /bin/busybox /own
		RUN --mount=from=other,target=/mnt test -x /own -a -x /mnt/bin/busybox
	END
	held other build -t own .
	assert_equal "$(in_image own 'cat /f')" x
	# Known to the cache only, it cannot be had before it is made.
	img -q --no-cache delete own
	put f y
	fails "image 'own' is made by this build, and not in storage yet" -t own .
}

@test "cache: what an image is, its maker alone says" {
	local cache=$store/bucache

	printf 'FROM tiny\nLABEL a=b\n' | df Dockerfile
	img build -t one .
	# As if somebody who is about to place another one, and has the lock, had been killed then
	as_test git -C "$cache" update-ref refs/heads/one refs/heads/tiny
	as_test flock "$store/locks/one^" sh -c 'echo >"$1"; sleep 1.5' - "$tmp/ctx/locked" 3>&- &
	await 10 test -e "$ctx/locked"
	img build -t one .
	assert_match "$stderr" "waiting: image 'one' is being read or put in place"
	wait
	assert_equal "$(as_test git -C "$cache" log -1 --format=%s one)" 'LABEL a=b'
}

@test "cache: none, and rebuild" {
	printf 'FROM tiny\nRUN echo $$ >/x; echo ran\n' | df Dockerfile
	builds '  1. FROM tiny
  2. RUN.S echo $$ >/x; echo ran
copying image ...
grown in 2 instructions: one' --no-cache -t one .
	[[ ! -e $store/bucache ]]
	img build -t one .
	img build --rebuild -t one .
	[[ $status == 0 && $output == ran && $stderr == *'1* FROM tiny'*'2. RUN.S'* ]]
	img build -t one .
	[[ $status == 0 && ! $output && $stderr == *'2* RUN.S'* ]]
	via+=(CH_IMAGE_CACHE=rebuild)
	img build -t one .
	[[ $status == 0 && $output == ran && $stderr == *'1* FROM tiny'* ]]
	img build --cache -t one .
	[[ $status == 0 && ! $output ]]
	via+=(CH_IMAGE_CACHE=disabled)
	img build -t one .
	[[ $status == 0 && $output == ran && $stderr == *'1. FROM tiny'* ]]
	img undelete two
	[[ $status == 1 && $stderr == *"undelete: the build cache is off"* ]] || fail "$stderr"
}

@test "cache: how root is emulated is a part of the key" {
	printf 'FROM tiny\nRUN chown 5:5 /etc/passwd\n' | df Dockerfile
	img build -t one .
	((status == 0))
	[[ $CH_TEST_AS != root ]] || return 0
	fails 'RUN failed without root emulation: try --force.*RUN: the command exited with status 1' --force=none -t one .
	img build --force=none --no-force-detect -t one .
	[[ $status == 1 && $stderr != *'try --force'* ]]
	img build --force=some -t one .
	[[ $status == 64 && $stderr == *"error: option --force: 'some' is none of seccomp, fakeroot, none"* ]] || fail "$stderr"
	img build --force-cmd=echo,-n --force=none -t one .
	[[ $status == 0 && $stderr == *'RUN.S chown'* ]] || fail "$stderr"
}

@test "cache: the tree, deleted images, garbage" {
	printf 'FROM tiny\nRUN echo foo >/f\nRUN echo bar\n' | df a.df
	printf 'FROM tiny\nRUN echo foo >/f\nRUN echo qux\n' | df c.df
	img build -t a -f a.df .
	img build -t c -f c.df .
	img build-cache --text
	((status == 0))
	assert_equal "${output%files: *}" '*  (c) RUN.S echo qux
| *  (a) RUN.S echo bar
|/
*  RUN.S echo foo >/f
*  (tiny) IMPORT tiny
*  (HEAD -> root) ROOT

named images:       4
state IDs:          5
large files:        0
commits:            5
'
	img undelete a
	[[ $status == 1 && $stderr == *"image 'a' exists"* ]]
	img delete a
	run_ch a -- true
	((status != 0))
	img undelete a
	((status == 0))
	inside foo a -- cat /f
	img undelete a-b
	[[ $status == 1 && $stderr == *"'a-b' is not in the build cache"* ]]
	img delete a
	img build-cache --gc --verify
	[[ $status == 0 && $stderr == '1 states removed'* ]]
	img undelete a
	((status == 1))
	img build-cache -v
	assert_match "$output" $'MiB\nin large files: +0 MiB\nlargest file: +[12] MiB\npacks: +1\nundeletable: +0$'
	img build-cache --dot=tree
	((status == 0))
	[[ $(<"$ctx/tree.dot") == 'digraph '* ]]
	img build-cache --reset
	[[ $status == 0 && $output == *'named images:       0'* ]]
	inside foo c -- cat /f
}

# ---- instructions ---------------------------------------------------------------------------

@test "instructions: metadata" {
	df Dockerfile <<-'END'
		FROM tiny
		ENV A=1 B="two words"
		ENV OLD old form
		LABEL org.x=y
		WORKDIR /new/place
		WORKDIR below
		RUN pwd; echo "$A $B $OLD $HOME"; id -u
		SHELL ["/bin/sh", "-e", "-c"]
		RUN false; echo not reached || true
	END
	fails 'Dockerfile:9:1: RUN: the command exited with status 1.*
  RUN false; echo not reached .. true
  \^' -t one .
	assert_equal "$output" $'/new/place/below\n1 two words old form /root\n0'
	# A failure leaves no image; what was done before is in the cache.
	img list
	assert_equal "$output" 'tiny (amd64)'
	df Dockerfile <<-'END'
		FROM tiny
		USER nobody
		EXPOSE 80 443/udp
		VOLUME /v
		STOPSIGNAL SIGINT
		HEALTHCHECK --interval=5s CMD true
		MAINTAINER me
		ENTRYPOINT ["/bin/echo", "entry"]
		CMD ["cmd"]
	END
	img build -t one .
	((status == 0))
	as_test python3 - "$store/img/one/ch/metadata.json" <<-'END'
		import json, sys
		doc = json.load(open(sys.argv[1]))
		assert doc["user"] == "nobody" and doc["ports"] == ["80", "443/udp"], doc
		assert doc["volumes"] == ["/v"] and doc["stopsignal"] == "SIGINT", doc
		assert doc["health"] == "true" and doc["healthopts"] == {"interval": "5s"}, doc
		assert doc["labels"] == {"maintainer": "me"}, doc
		assert doc["entrypoint"] == ["/bin/echo", "entry"] and doc["cmd"] == ["cmd"], doc
	END
	inside 'entry cmd' one
	printf 'FROM tiny\nARG p=http\nEXPOSE 80 $p\n' | df Dockerfile
	fails "Dockerfile:3:11: 'http' is no port" -t two .
	printf 'FROM tiny\nSTOPSIGNAL SIGNONE\n' | df Dockerfile
	fails 'Dockerfile:2:12: this is no signal' -t two .
	# Another ENTRYPOINT: the base's CMD was not for it.
	printf 'FROM one\nENTRYPOINT ["/bin/echo", "two"]\n' | df Dockerfile
	img build -t two .
	inside two two
}

@test "instructions: ARG, --build-arg, and what is not set" {
	df Dockerfile <<-'END'
		ARG base=none
		FROM ${base}
		ARG a=default
		ARG b
		RUN echo "$a ${b-unset} $TARGETARCH"
		ENV c=$nothing
	END
	img build --build-arg base=tiny --build-arg b=given -t one .
	((status == 0))
	[[ $output == 'default given '* ]]
	[[ $stderr =~ warning:\ Dockerfile:6:[0-9]+:\ variable\ \'nothing\'\ is\ not\ set ]]
	fails "Dockerfile:2:1: pull '127.0.0.1:1/none:latest': " -t one .
	fails "'Dockerfile' has no ARG 'z'" --build-arg base=tiny --build-arg z=1 -t one .
	# Proxies are there without ARG, and are no reason to build anew.
	printf 'FROM tiny\nRUN echo "$http_proxy $SSH_AUTH_SOCK $TAR_OPTIONS"\n' | df Dockerfile
	via+=(http_proxy=one SSH_AUTH_SOCK=/a)
	img build -t one .
	assert_equal "$output" 'one /a --no-same-owner'
	via+=(http_proxy=two SSH_AUTH_SOCK=/b)
	img build -t one .
	assert_equal "$status$output" 0
	img build --rebuild --build-arg http_proxy=three -t one .
	assert_equal "$output" 'three /b --no-same-owner'
}

@test "instructions: variables of the platform; what is made of nothing is for it" {
	printf 'FROM tiny\nARG TARGETPLATFORM\nARG TARGETARCH TARGETVARIANT BUILDPLATFORM=mine TARGETOS\n%s\n' \
		'RUN echo "$TARGETPLATFORM $TARGETARCH ${TARGETVARIANT-unset} $BUILDPLATFORM $TARGETOS"' | df Dockerfile
	img build -t one .
	assert_match "$output" '^linux/([^/ ]+) [^/ ]+  mine linux$'
	img --arch arm/v7 build -t one .
	img --arch arm/v7 build -t one .
	assert_match "$stderr" '4\* RUN'
	img --arch arm/v7 build --rebuild -t one .
	assert_equal "$output" "linux/arm/v7 arm v7 mine linux"
	# It is what one builds for that counts, not what a stage runs on.
	df Dockerfile <<-'END'
		FROM --platform=$BUILDPLATFORM tiny AS cross
		RUN echo "for $TARGETARCH" >/a
		ENV arch=$TARGETARCH
		RUN echo $arch
		FROM scratch
		COPY --from=cross /a /
	END
	img --arch arm64/v8 build -t two .
	assert_equal "$output" arm64
	img list
	assert_match "$output" 'two \(arm64\)'
	img build -t two .
	img list
	assert_equal "$(grep -c 'arm64' <<<"$output")" 0
	printf 'FROM --platform=linux/riscv64 scratch\nCOPY Dockerfile /\n' | df Dockerfile
	img build -t two .
	img list
	assert_match "$output" 'two \(riscv64\)'
	fails "'a b' is no architecture" --arch 'a b' -t two .
}

@test "instructions: here-documents and exec form" {
	df Dockerfile <<-'END'
		FROM tiny
		ENV who=me
		COPY <<-one <<'two' /d/
			hello $who
		one
		hello $who
		two
		RUN <<EOF
		cat /d/one
		cat /d/two
		EOF
		RUN ["/bin/echo", "$who", "'"]
	END
	img build -t one .
	((status == 0))
	assert_equal "$output" $'hello me\nhello $who\n$who \''
}

@test "instructions: ONBUILD" {
	printf 'FROM tiny\nONBUILD RUN echo triggered $x\nENV x=1\n' | df Dockerfile
	img build -t base .
	assert_equal "$output" ''
	printf 'FROM base\n' | df Dockerfile
	img build -t one .
	assert_equal "$output" 'triggered 1'
	printf 'FROM one\n' | df Dockerfile
	img build -t two .
	assert_equal "$output" ''
	# With here-documents, whose variables are those of who triggers.
	printf 'FROM tiny\nONBUILD COPY <<-one <<"two" /d/\n\t$x\n\tone\n$x\ntwo\nONBUILD RUN cat /d/one /d/two - <<E\n\tlast\nE\n' |
		df Dockerfile
	img build -t base .
	assert_equal "$status$output" 0
	printf 'FROM --arg=x=value base\n' | df Dockerfile
	img build -t one .
	assert_equal "$output" $'value\n$x\n\tlast'
}

@test "instructions: ONBUILD of a base image that wants more" {
	copy_image "$tmp/new"
	as_test bash -c 'mkdir -p "$1/ch"; cat >"$1/ch/metadata.json"' x "$tmp/new" <<-'END'
		{"onbuild": ["RUN true\nFROM scratch AS a\nFROM scratch AS b\nFROM scratch AS c\nFROM c\nRUN true"]}
	END
	img -q import "$tmp/new" base
	printf 'FROM base\n' | df Dockerfile
	fails 'Dockerfile:1:1: ONBUILD of the base image: FROM cannot be behind ONBUILD' -t x .
}

@test "instructions: RUN --mount" {
	put file context
	df Dockerfile <<-'END'
		FROM tiny AS first
		RUN mkdir /made; echo stage >/made/file
		FROM tiny
		RUN --mount=type=bind,target=/m,source=file cat /m
		RUN --mount=type=bind,from=first,source=/made,target=/m cat /m/file
		RUN --mount=type=cache,target=/c cat /c/n; echo more >>/c/n
		RUN --mount=type=secret,id=s cat /run/secrets/s; echo
		RUN --mount=type=tmpfs,target=/t echo x >/t/x
		RUN ls -d /m /c /t /run/secrets 2>/dev/null; true
	END
	via+=(s=hidden-words)
	img build --secret id=s -t one .
	((status == 0))
	assert_equal "$output" $'context\nstage\nhidden-words'
	run ! as_test grep -rqs hidden-words "$store/img" "$store/stat" "$store/at"
	img build --rebuild --secret id=s -t one .
	assert_equal "$output" $'context\nstage\nmore\nhidden-words'
	# Another source of the secret; one that is not there; what is nobody's.
	put secret other-words
	printf 'FROM tiny\nRUN --mount=type=secret,id=s,required cat /run/secrets/s\n' | df Dockerfile
	img build --secret id=s,src=secret -t two .
	assert_equal "$output" other-words
	fails "required secret 's' is not given; see option --secret" --rebuild -t two .
	fails "secret 'nowhere': No such file" --rebuild --secret id=s,src=nowhere -t two .
	img build --secret id=s,env=nowhere -t two .
	[[ $status == 64 && $stderr == *"option --secret: no variable 'nowhere' is in the environment"* ]] || fail "$stderr"
	printf 'FROM tiny\nRUN --mount=type=ssh,required true\n' | df Dockerfile
	fails "required ssh 'default' is not given; see SSH_AUTH_SOCK" -t two .
	printf 'FROM tiny\nRUN --mount=type=cache,target=/c,from=tiny true\n' | df Dockerfile
	fails "Dockerfile:2:13: --mount: caches begin empty: 'from' is not possible" -t two .
}

@test "instructions: a compiler that is bound" {
	as_test mkdir -p "$tmp/vendor/bin"
	as_test bash -c 'printf "#!/bin/sh\necho compiled\n" >"$1"; chmod 755 "$1"' - "$tmp/vendor/bin/cc"
	printf 'FROM tiny\nRUN /opt/vendor/bin/cc hello.c\n' | df Dockerfile
	img build --bind "$tmp/vendor:/opt/vendor" -t one .
	((status == 0))
	assert_equal "$output" compiled
	[[ ! -e $store/img/one/opt/vendor ]]
}

# ---- stages ------------------------------------------------------------------------------------

@test "stages: copies between them, and those that nobody needs" {
	df Dockerfile <<-'END'
		FROM tiny AS made
		RUN echo made >/made
		FROM tiny AS unneeded
		RUN echo not run; false
		FROM made AS next
		RUN echo next >>/made
		FROM scratch
		COPY --from=next /made /made
		COPY --from=tiny /bin/busybox /bin/sh
	END
	img build -t one .
	((status == 0))
	[[ $stderr != *unneeded* ]]
	assert_equal "$(in_image one 'while read -r x; do echo $x; done </made' | tr '\n' ,)" made,next,
	img build -t one .
	[[ $stderr != *'. '[A-Z]* ]]
	img build --target made -t two .
	((status == 0))
	assert_equal "$(in_image two 'cat /made')" made
	fails "has no stage 'other'" --target other -t two .
}

@test "stages: what nobody may read is copied, too, and stays as it is" {
	df Dockerfile <<-'END'
		FROM tiny AS one
		RUN mkdir -p /d/e && echo s >/d/shadow && echo t >/d/e/f && mkdir /other && echo x >/other/x && \
			ln /d/shadow /d/link && chmod 0 /d/shadow /d/e/f /d/e && touch -d @1 /d/shadow
		FROM tiny
		COPY --from=one /d /copied
		COPY --from=one /other /d/shadow /flat/
	END
	printf 'FROM one\nRUN true\n' | df two.df
	for option in --cache --no-cache; do
		img "$option" build -t x .
		[[ $status == 0 ]] || fail "$option" "$stderr"
		img "$option" build -t one --target one .
		img "$option" build -t y -f two.df .
		[[ $status == 0 ]] || fail "$option" "$stderr"
		in_image x 'stat -c "%n %a %h" /copied/* /flat/*' >"$tmp/x"
		assert_equal "$(<"$tmp/x")" '/copied/e 0 2
/copied/link 0 2
/copied/shadow 0 2
/flat/shadow 0 1
/flat/x 644 1'
		assert_equal "$(in_image y 'stat -c "%n %a %h %Y" /d/shadow /d/link')" $'/d/shadow 0 2 1\n/d/link 0 2 1'
		[[ $(as_test stat -c %a "$store/img/one/d/e" "$store/img/one/d/shadow") == $'0\n0' ]]
		img delete x one y
	done
}

@test "modify: by commands, a script, and standard input" {
	img modify -c "echo 'one \"x\"' >/f" -c 'echo two >>/f' tiny m
	((status == 0))
	inside $'one "x"\ntwo' m -- cat /f
	printf '#!/bin/cat\nEND\nlast' | df script
	img modify tiny m2 script
	[[ $status == 0 && $output == $'#!/bin/cat\nEND\nlast' ]]
	run --separate-stderr as_test "${via[@]}" bash -c 'echo "echo \$0; echo by \$1" | ch-image -q modify tiny m3'
	[[ $status == 0 && $output == *'by'* ]]
	img modify -c 'exit 4' tiny m4
	[[ $status == 1 && $stderr == *'RUN: the command exited with status 4'* ]]
	img modify tiny m5 nowhere
	[[ $status == 1 && $stderr == *"script 'nowhere': No such file"* ]]
}

# ---- the command line -----------------------------------------------------------------------

@test "names: of Dockerfile, context, and stdin" {
	printf 'FROM tiny\n' | df Dockerfile
	printf 'FROM tiny\n' | df 'Dockerfile.@FOO.bar'
	printf 'FROM tiny\n' | df 'baz.@QUX.dockerfile'
	img build .
	[[ $status == 0 && $stderr == *'grown in 1 instruction: ctx' ]]
	img build -f 'Dockerfile.@FOO.bar' .
	[[ $stderr == *'grown in 1 instruction: foo.bar' ]]
	img build -f 'baz.@QUX.dockerfile'
	[[ $stderr == *'grown in 1 instruction: baz.qux' ]]
	run --separate-stderr as_test "${via[@]}" bash -c 'echo "FROM tiny" | ch-image build -t three -'
	[[ $status == 0 && $stderr == *'grown in 1 instruction: three' ]]
}

@test "errors have a place, a line and a caret" {
	printf 'FROM tiny\nCOPI a b\n' | df Dockerfile
	fails "^ch-image: error: Dockerfile:2:1: unknown instruction 'COPI'.*
  COPI a b
  \^" -t one .
	printf 'FROM tiny\nENV a=${b:?none}\n' | df Dockerfile
	fails 'Dockerfile:2:[0-9]+: .*none' -t one .
	printf 'FROM tiny\nCOPY nothing /\n' | df Dockerfile
	fails "Dockerfile:2:1: source 'nothing'" -t one .
	as_test ln -s /etc "$ctx/out"
	printf 'FROM tiny\nCOPY out/passwd /\n' | df Dockerfile
	fails 'Dockerfile:2:1: .*out' -t one .
	fails 'nowhere' -f nowhere .
	fails "context 'https://x/y'" https://x/y
	printf 'FROM one\n' | df Dockerfile
	fails 'cannot be its own base' -t one .
	img build --parse-only .
	[[ $status == 0 && $output == *FROM* && ! $stderr ]]
}

@test "dry run: nothing is executed, nothing is made" {
	printf 'FROM tiny\nRUN echo x\nWORKDIR /new\nADD http://127.0.0.1:1/x /x\n' | df Dockerfile
	builds '  1. FROM tiny
  2. RUN.S echo x
  3. WORKDIR /new
  4. ADD http://127.0.0.1:1/x /x
would be grown in 4 instructions: one' --dry-run -t one .
	assert_equal "$output" ''
	img list
	assert_equal "$output" 'tiny (amd64)'
}

@test "two builds at a time, and one that is killed" {
	printf 'FROM tiny\nARG n\nRUN echo $n >/n; if [ $n != 4 ]; then sleep 0.5; else until [ -e /go ]; do sleep 0.05; done; fi\n' |
		df Dockerfile
	as_test "${via[@]}" env -C "$ctx" bash -c '
		for n in 1 2 3; do ch-image -q build --build-arg n=$n -t "image$n" . & pids+=($!); done
		for pid in "${pids[@]}"; do wait $pid || exit 1; done'
	for n in 1 2 3; do assert_equal "$(in_image "image$n" 'cat /n')" $n; done
	# The same image: the last one's, in storage and in the cache.
	as_test "${via[@]}" env -C "$ctx" ch-image -q build --build-arg n=4 -t image1 . &
	await 10 test -e "$store/tmp/image1~0/n"
	as_test "${via[@]}" env -C "$ctx" timeout 60 ch-image build --build-arg n=2 -t image1 . 2>"$tmp/log" 3>&- &
	await 20 grep -q "waiting: image 'image1' is being made" "$tmp/log"
	as_test touch "$store/tmp/image1~0/go"
	wait $! || fail "$(cat "$tmp/log")"
	wait
	assert_equal "$(in_image image1 'cat /n')" 2
	printf 'FROM image1\n' | df from.df
	img build -n -t x -f from.df .
	[[ $stderr == '1* FROM image1'* ]] || fail "$stderr"
	# By a signal, at once and with nothing left; by SIGKILL, the next one clears up.
	printf 'FROM tiny\nRUN echo begun >/b; sleep 100\n' | df Dockerfile
	as_test "${via[@]}" env -C "$ctx" setsid ch-image -q build -t killed . &
	await 10 test -e "$store/tmp/killed~0/b"
	as_test pkill -TERM -x ch-image
	run wait $!
	assert_equal "$(as_test ls "$store/tmp")" ''
	as_test "${via[@]}" env -C "$ctx" setsid ch-image -q build -t killed . &
	await 10 test -e "$store/tmp/killed~0/b"
	as_test pkill -KILL -x ch-image
	wait || true
	await 10 bash -c '! pgrep -x sleep'
	img list
	[[ $status == 0 && $output != *killed* ]]
	assert_equal "$(as_test ls "$store/tmp")" ''
}

@test "no other program is executed: git, archivers, compressors, rsync, python" {
	local name

	as_test mkdir "$tmp/bin"
	for name in git tar bsdtar gzip pigz zstd xz bzip2 rsync python python3 curl wget unsquashfs \
		newuidmap newgidmap fusermount fusermount3 sudo fakeroot; do
		as_test sh -c 'printf "#!/bin/sh\necho %s >>%s\nexit 1\n" "$1" "$2/ran" >"$2/bin/$1"
			chmod 755 "$2/bin/$1"' fake "$name" "$tmp"
	done
	put d/file text
	as_test tar -C "$ctx" -czf "$ctx/a.tar.gz" d
	printf 'FROM tiny\nCOPY d /copied\nADD a.tar.gz /added\nRSYNC +m /d /\nRUN true\n' | df Dockerfile
	via+=("PATH=$tmp/bin:$PATH")
	img build -t x .
	[[ $status == 0 ]] || fail "$stderr"
	img build -t x .
	img import "$ctx/a.tar.gz" y
	img delete x
	img undelete x
	[[ $status == 0 ]] || fail "$stderr"
	assert_equal "$(in_image x 'cat /copied/file /added/d/file /d/file')" $'text\ntext\ntext'
	img build-cache --gc --verify --tree
	[[ $status == 0 ]] || fail "$stderr"
	[[ ! -e $tmp/ran ]] || fail "$(cat "$tmp/ran")"
}
