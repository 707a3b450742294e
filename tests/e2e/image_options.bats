#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image: options, of instructions too, and files that are not about one instruction of a build
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image

@test "warnings come again at the end, counted" {
	df Dockerfile <<-'END'
		FROM tiny
		ENV a=b${unset}c
		ENV b=${other}
		RUN false
	END
	fails 'reprinting 2 warnings
ch-image: warning: Dockerfile:2:[0-9]+: variable .unset. is not set
ch-image: warning: Dockerfile:3:[0-9]+: variable .other. is not set
ch-image: error: ' -t x .
	sed -i -e '$d' -e /other/d "$ctx/Dockerfile"
	img build -t x .
	assert_equal "$status" 0
	[[ $stderr == *$'\n'"reprinting 1 warning"$'\n'*"'unset'"* ]] || fail "$stderr"
	img -q build -t x .
	[[ $stderr == "ch-image: warning: "*"'unset'"* && $stderr != *$'\n'* ]] || fail "$stderr"
}

# size: of the cache, in MiB
size()
{
	as_test du -sm "$store/bucache" | cut -f1
}

@test "--cache-max: what was used longest ago goes, what images need stays" {
	printf 'FROM tiny\nARG n\nRUN dd if=/dev/urandom of=/data bs=1M count=6\n' | df Dockerfile
	for i in 1 2 3 4; do
		img build --build-arg "n=$i" -t x .
		assert_equal "$status" 0
	done
	(($(size) > 24)) || fail "$(size) MiB"
	builds '  1* FROM tiny
  2* ARG n
  3* RUN.S dd if=/dev/urandom of=/data bs=1M count=6
copying image from cache ...
grown in 3 instructions: y' --build-arg n=1 -t y .
	img --cache-max 17 build --build-arg n=4 -t x .
	assert_equal "$status" 0
	(($(size) <= 17)) || fail "$(size) MiB"
	for i in 1 4; do
		img build -n --build-arg "n=$i" -t x .
		[[ $stderr == *'  3* RUN'* ]] || fail "$stderr"
	done
	img build -n --build-arg n=2 -t x .
	[[ $stderr == *'  3. RUN'* ]] || fail "$stderr"
	# Images need more than there may be: they stay, nothing else does.
	via+=(CH_IMAGE_CACHE_MAX=1)
	img build --build-arg n=3 -t x .
	assert_equal "$status" 0
	img build-cache --verify
	assert_equal "$status" 0
	[[ $output =~ 'named images:       4' && $output =~ 'disk used:         1'[3-6]' MiB' ]] ||
		fail "$output"
	img delete y
	img undelete y
	assert_equal "$status" 0
	in_image y 'test $(stat -c %s /data) = 6291456'
	img --cache-max x build .
	assert_equal "$status" 64
	[[ $stderr == *"option --cache-max: SIZE 'x'"* ]] || fail "$stderr"
}

@test "modify --interactive: a shell on the terminal; its status says whether it counts" {
	on_terminal=(env -C "$ctx" timeout -k 5 60 "$top/tests/lib/terminal")
	run as_test "${via[@]}" "${on_terminal[@]}" see:'3\. RUN' see:'# ' \
		type:'echo "$TERM" "$(cat /x)" >/y' see:'# ' key:c see:'# ' type:'stty -a >/z' type:exit -- \
		env TERM=vt100 ch-image modify -c 'echo one >/x' -i tiny m
	[[ $status == 0 && $output == *'grown in 3 instructions: m'* ]] || fail "$status" "$output"
	in_image m 'test "$(cat /y)" = "vt100 one" && grep -q "isig icanon" /z'
	# Each is another one; and one that fails is none.
	run as_test "${via[@]}" "${on_terminal[@]}" see:'# ' type:'exit 3' -- ch-image modify -i tiny n
	assert_equal "$status" 1
	[[ $output == *'the command exited with status 3'* ]] || fail "$output"
	img list
	[[ $output != *$'\nn'* ]] || fail "$output"
	# Afterwards the terminal is the caller's again.
	run as_test "${via[@]}" "${on_terminal[@]}" see:'# ' type:exit see:'grown in' at:cat type:word 'see:word\r\nword' key:c -- \
		bash -c 'ch-image modify -i tiny n; cat'
	((status != 99)) || fail "$output"
	img modify -i tiny o
	[[ $status == 1 && $stderr == *'modify: --interactive: standard input is no terminal'* ]] ||
		fail "$stderr"
}

@test "list --undeletable, and images that are brought back" {
	printf 'FROM tiny\nRUN echo one >/f\n' | df Dockerfile
	for i in b a; do
		img -q build -t "$i" .
		((status == 0))
	done
	img list -u
	assert_equal "$status $output" '0 '
	img delete '[ab]'
	as_test rm -r "$store/img/tiny"
	img list -u
	assert_equal "$status $output" $'0 a\nb\ntiny'
	img list --undeletable --json
	assert_equal "$output" '[{"name": "a"}, {"name": "b"}, {"name": "tiny"}]'
	img undelete a
	assert_equal "$status" 0
	inside one a -- cat /f
	img list -u
	assert_equal "$output" $'b\ntiny'
	img list -u a
	[[ $status == 64 && $stderr == *'list: an image, or --undeletable, but not both'* ]] || fail "$stderr"
	img --no-cache list -u
	[[ $status == 1 && $stderr == *'list: --undeletable: the build cache is off'* ]] || fail "$stderr"
}

@test "messages go to a file, with time and process, if the environment says so" {
	printf 'FROM tiny\nRUN echo out; echo err >&2\nRUN false\n' | df Dockerfile
	via+=("CH_LOG_FILE=$ctx/log")
	img build -t x .
	[[ $status == 1 && $output == out && $stderr == err* && $stderr != *FROM* ]] || fail "$stderr"
	grep -qx '  1\. FROM tiny' "$ctx/log"
	grep -q '^ch-image: error: Dockerfile:3:1: RUN: ' "$ctx/log"
	via+=(CH_LOG_FESTOON=)
	img build -t x .
	grep -qE '^[0-9]+ 20[0-9T:-]+[+-][0-9]{4}    1\* FROM tiny' "$ctx/log" || fail "$(cat "$ctx/log")"
	via+=("CH_LOG_FILE=$ctx/no/log")
	img build -t x .
	[[ $stderr == *'  2* RUN'* ]] || fail "$stderr"
}

# large: how many files are beside the repository
large()
{
	as_test bash -c 'find "$1" -type f 2>/dev/null | wc -l' large "$store/bucache/charlie/large"
}

# big_blobs: of 1 MiB and more, in the repository
big_blobs()
{
	as_test git -C "$store/bucache" cat-file --batch-all-objects --batch-check='%(objectsize)' |
		awk '$1 >= 1048576' | wc -l
}

@test "--cache-large: such files are beside the repository, and come back" {
	df Dockerfile <<-'END'
		FROM tiny
		RUN mkdir -m 700 d && yes large | head -c 1500000 >d/l && chmod 640 d/l && touch -d @12345 d/l
		RUN cp d/l l2 && ln d/l l3 && yes small | head -c 1000000 >s && dd if=/dev/zero of=z bs=1M seek=2 count=0
	END
	img --cache-large 1 build -t base -f - . <<<'FROM tiny'
	base=$(large)
	img --cache-large 1 build -t x .
	assert_equal "$status" 0
	assert_equal "$(large) $(big_blobs)" "$((base + 2)) 0"
	img build-cache
	assert_match "$output" $'\nlarge files: +'$((base + 2))$'\n'
	# Without the option: what is there is found, and as it was.
	img delete x
	img undelete x
	assert_equal "$status" 0
	in_image x 'set -e; test "$(yes large | head -c 1500000 | cksum)" = "$(cksum </d/l)"
		cmp /d/l /l2; test "$(stat -c "%a %Y %h %i" /d/l)" = "640 12345 2 $(stat -c %i /l3)"
		test "$(stat -c "%s %h" /z /l2 | tr "\n" ,)" = "2097152 1,1500000 1,"'
	img build-cache --verify
	assert_equal "$status" 0
	# One bit, and it is noticed.
	file=$(as_test find "$store/bucache/charlie/large" -type f -size 1465k)
	as_test cp "$file" "$ctx/kept"
	as_test bash -c 'chmod u+w "$1"; printf X | dd of="$1" conv=notrunc status=none seek=70000 bs=1' x "$file"
	img build-cache --verify
	[[ $status == 1 && $stderr == *'the build cache is damaged'* ]] || fail "$status" "$stderr"
	as_test bash -c 'cat "$1" >"$2"' x "$ctx/kept" "$file"
	# Nobody needs them: they go. The environment says the same as the option.
	img delete x
	img build-cache --gc
	assert_equal "$(large)" "$base"
	via+=(CH_IMAGE_CACHE_LARGE=1)
	img build -t x .
	assert_equal "$(large) $(big_blobs)" "$((base + 2)) 0"
	img --cache-large 0 build --rebuild -t x .
	assert_equal "$(big_blobs)" 2
}

# shares FILE: some of its blocks belong to another file, too
shares() { filefrag -v "$1" | grep -q 'shared'; }

@test "--cache-large, COPY: files share their blocks where the file system can" {
	((EUID == 0)) || return 0
	truncate -s 400M "$tmp/xfs"
	mkfs.xfs -q -m reflink=1 "$tmp/xfs"
	mkdir "$tmp/fs"
	mount -o loop,nodev,nosuid "$tmp/xfs" "$tmp/fs"
	store=$tmp/fs/store ctx=$tmp/fs/ctx
	mkdir "$ctx"
	own "$tmp/fs"
	own "$ctx"
	via[1]=CH_IMAGE_STORAGE=$store
	img -q import "$dir" tiny
	as_test bash -c 'head -c 3M /dev/urandom >"$1"' - "$ctx/big"
	printf 'FROM tiny\nCOPY big /big\nRUN cp /big /other\n' | df Dockerfile
	img --cache-large 1 build -t x .
	assert_equal "$status" 0
	shares "$ctx/big"
	shares "$store/img/x/big"
	# From the cache
	img delete x
	img undelete x
	assert_equal "$status" 0
	as_test cmp "$ctx/big" "$store/img/x/other"
	shares "$store/img/x/other"
	as_test git -C "$store/bucache" fsck --full --strict
	umount "$tmp/fs"
}

@test ".dockerignore: what is not of the context, for COPY, keys of the cache, and mounts" {
	put .dockerignore $'# all but one\n*.o\n!keep.o\nsecret\n**/tmp\ndir/*/x\n.dockerignore\nDockerfile'
	for file in a.c a.o keep.o secret/s dir/tmp/f dir/sub/x dir/sub/y tmp/z; do put "$file" "$file"; done
	printf 'FROM tiny\nCOPY . /all/\nRUN find /all -type f | sort\n' | df Dockerfile
	img build -t x .
	assert_equal "$status" 0
	assert_equal "$output" $'/all/a.c\n/all/dir/sub/y\n/all/keep.o'
	# What is ignored makes no difference.
	put a.o changed
	put dir/tmp/new new
	img build -t x .
	[[ $stderr == *'  3* RUN'* ]] || fail "$stderr"
	put a.c changed
	img build -t x .
	[[ $stderr == *'  2. COPY'* ]] || fail "$stderr"
	# Nor for mounts.
	printf 'FROM tiny\nRUN --mount=type=bind,target=/m cat /m/a.c\n' | df mount.df
	img build -t y -f mount.df .
	assert_equal "$output" changed
	put a.o "changed again"
	img build -t y -f mount.df .
	assert_equal "$status$output" 0
	printf 'FROM tiny\nRUN --mount=type=bind,source=a.o,target=/m cat /m\n' | df mount.df
	fails "mount.df:2:13: --mount: source 'a.o' .*: it is one of the files to be ignored" -f mount.df .
	# By name it is not there, nor for a wildcard that finds nothing else.
	printf 'FROM tiny\nCOPY a.o /\n' | df Dockerfile
	fails "Dockerfile:2:1: source 'a.o' .*: it is one of the files to be ignored" .
	printf 'FROM tiny\nCOPY secr* /\n' | df Dockerfile
	fails "Dockerfile:2:1: nothing in context .* matches 'secr.'" .
	# That of the Dockerfile counts, if there is one.
	put other.df.dockerignore $'*\n!secret'
	printf 'FROM tiny\nCOPY . /all/\nRUN find /all -type f\n' | df other.df
	img build -f other.df .
	assert_equal "$output" /all/secret/s
}

@test "build-cache --dot: for graphviz, and pictures where that is installed" {
	printf 'FROM tiny\nRUN echo "a \\"b\\" <c>"\n' | df Dockerfile
	img -q build -t x .
	# No dot(1) is found in an empty directory.
	as_test mkdir "$ctx/bin"
	run --separate-stderr as_test "${via[@]}" env -C "$ctx" "PATH=$ctx/bin" "$prefix/bin/ch-image" build-cache --dot
	assert_equal "$status" 0
	assert_equal "$stderr" "wrote: build-cache.dot
no 'build-cache.pdf': dot(1) of graphviz cannot be run
no 'build-cache.svg': dot(1) of graphviz cannot be run"
	[[ $(<"$ctx/build-cache.dot") == 'digraph '*'RUN.S echo \"a'* ]] || fail "$(cat "$ctx/build-cache.dot")"
	if type -P dot; then
		img build-cache --dot=-x.dot
		assert_equal "$status" 0
		assert_equal "$stderr" $'wrote: -x.dot\nwrote: -x.pdf\nwrote: -x.svg'
		[[ $(head -c 5 "$ctx/-x.pdf" | tr -d '\0') == %PDF- ]] || fail "no PDF"
		grep -q '<svg' "$ctx/-x.svg"
		grep -q 'IMPORT tiny' "$ctx/-x.svg"
	fi
	img build-cache --dot=no/x
	[[ $status == 1 && $stderr == *"write 'no/x.dot': No such file or directory"* ]] || fail "$stderr"
}

# attributes IMAGE FILE...: the names of their extended attributes, and their modes
attributes()
{
	as_test env -C "$store/img/$1" python3 -c '
import os, sys
print(*("+".join(os.listxattr(f)) + "%o" % (os.stat(f).st_mode & 0o777) for f in sys.argv[1:]))' "${@:2}"
}

@test "--no-xattrs: neither what is imported, nor what is built; the cache keeps them apart" {
	as_test cp -a "$dir" "$ctx/base"
	put base/read-only text
	put copied text
	as_test env -C "$ctx" python3 -c '
import os
for f in "base/read-only", "copied":
    os.setxattr(f, "user." + f[:4], b"x")
os.chmod("base/read-only", 0o444)
os.chmod("copied", 0o640)' || skip "no extended attributes here"
	img -q import base with
	img -q --no-xattrs import base without
	assert_equal "$(attributes with read-only) $(attributes without read-only)" "user.base444 444"
	printf 'FROM with\nCOPY copied /\nRUN echo made >made\n' | df Dockerfile
	for i in 1 2; do
		img build -t x .
		assert_equal "$status $(attributes x read-only copied)" "0 user.base444 user.copi640"
		img build --no-xattrs -t y .
		assert_equal "$status $(attributes y read-only copied)" "0 444 640"
	done
	[[ $stderr == *'  2* COPY'*'  3* RUN'* ]] || fail "$stderr"
	assert_equal "$(attributes with read-only)" "user.base444"
	# From the cache alone; and without it; nothing to begin with
	img delete y
	img undelete y
	assert_equal "$(attributes y read-only copied)" "444 640"
	via+=(CH_XATTRS=no)
	img build --no-cache -t z .
	assert_equal "$status $(attributes z read-only copied)" "0 444 640"
	img --xattrs build -t z .
	assert_equal "$(attributes z read-only copied)" "user.base444 user.copi640"
	printf 'FROM scratch\nCOPY copied /\n' | df Dockerfile
	img build -t z .
	assert_equal "$(attributes z copied)" 640
	img --xattrs build --no-xattrs .
	[[ $status == 64 && $stderr == *'--xattrs and --no-xattrs exclude each other'* ]] || fail "$status" "$stderr"
}

@test "the build cache: who waits for it says so, and can be interrupted" {
	img build -t x - <<<'FROM tiny'
	run as_test flock "$store/bucache/charlie/lock" "$top/tests/lib/when" 'tidies the build cache up' INT \
		"${via[@]}" ch-image build -t x - <<<'FROM tiny'
	assert_equal "$status" 130
	assert_match "$output" 'waiting: somebody tidies the build cache up.*error: .*build cache: interrupted'
}

@test "downloads that were not used for long go with the garbage" {
	img build -t x - <<<'FROM tiny'
	as_test bash -euc 'mkdir -p "$1/ref"; cd "$1"
		old=$(printf "a%.0s" {1..64}) new=$(printf "b%.0s" {1..64})
		head -c 3000000 /dev/zero | tee "$new" >"$old"
		ln -s sha256:$old ref/old; ln -s sha256:$new ref/new
		touch -hd "31 days ago" "$old" ref/old; touch -hd "29 days ago" "$new" ref/new' x "$store/dlcache"
	img build-cache
	assert_match "$output" $'\ndownloads: +6 MiB$'
	img build-cache --gc
	assert_match "$stderr" '1 downloads removed; 2 MiB of 5 MiB are left'
	assert_match "$output" $'\ndownloads: +3 MiB$'
	assert_equal "$(as_test ls "$store/dlcache" "$store/dlcache/ref" | grep -c 'bb\|new')" 2
	assert_equal "$(as_test ls "$store/dlcache" "$store/dlcache/ref" | grep -c 'aa\|old')" 0
}

@test "COPY: --chmod, --exclude, --parents, --link, --chown" {
	for file in a/b/file a/b/file.o a/other; do put "$file" x; done
	df Dockerfile <<-'END'
		FROM tiny AS one
		FROM tiny
		COPY --chmod=u=rw,go= --exclude=**/*.o --parents --link --chown=5:6 a/./b a/other /d/
		COPY --chown=5:6 --from="one" /bin/busybox /d/
	END
	img build -t x .
	[[ $status == 0 && $stderr == *--chown\ is\ ignored:* && $stderr != *ignored:*ignored:* ]] || fail "$stderr"
	assert_equal "$(in_image x 'cd /d; find . -type f | sort | xargs stat -c "%n %a"')" \
		$'./a/other 600\n./b/file 600\n./busybox 755'
}

@test "RUN: what nobody can have is refused" {
	while IFS='|' read -r flag why; do
		printf 'FROM tiny\nRUN %s true\n' "$flag" | df Dockerfile
		fails "Dockerfile:2:[0-9]+: $why" -t x .
	done <<-'END'
		--network=none|--network=none: containers have the network of the host
		--network=other|--network=other: containers have the network of the host
		--security=insecure|--security=insecure: nobody gets privileges
		--device=vendor.com/x|--device=vendor.com/x: bind devices: ch-image build --bind
	END
}
