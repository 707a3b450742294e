#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-convert
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
	via=(env "CH_IMAGE_STORAGE=$tmp/store")
	cd "$tmp" || fail "cd"
}
teardown() {
	# Nothing hidden is left beside what was made.
	assert_equal "$(find "$tmp" -maxdepth 2 -name '.*.ch-*')" ""
	ch_teardown
}

# convert ARGS...: ch-convert, as CH_TEST_AS says, by bats' run
convert() {
	run --separate-stderr as_test timeout -k 5 60 "${via[@]}" ch-convert "$@"
}

# works ARGS...: it succeeds, without warnings
works() {
	convert "$@"
	[[ $status == 0 && ! $output && $stderr != *warning:* && ${stderr##*$'\n'} == "done" ]] ||
		fail "ch-convert $*" "status: $status" "stdout: $output" "stderr: $stderr"
}

# fails STATUS REGEX ARGS...: it fails, and the last line on stderr matches
fails() {
	local want=$1 regex=$2

	shift 2
	convert "$@"
	[[ $status == "$want" && ! $output && ${stderr##*$'\n'} =~ ^ch-convert:\ error:\ .*$regex ]] ||
		fail "ch-convert $*" "status: $status" "stdout: $output" "stderr: $stderr" "wanted: $want $regex"
}

# formats IN OUT ARGS...: with these, it is about these formats
formats() {
	local in=$1 out=$2

	shift 2
	works_dry "$@"
	[[ ${stderr_lines[0]} =~ ^input:\ *$in\  && ${stderr_lines[1]} =~ ^output:\ *$out\  ]] ||
		fail "ch-convert $*" "stderr: $stderr" "wanted: $in $out"
}

works_dry() {
	convert -n "$@"
	[[ $status == 0 && ! $output ]] || fail "ch-convert -n $*" "status: $status" "stderr: $stderr"
}

# make_tree DIR: a tree with everything that is to be kept
make_tree() {
	as_test bash -euc '
		mkdir "$1"
		cd "$1"
		mkdir -p bin dev etc mnt/{0..9} proc sys tmp usr/lib "deep/$(printf "d%.0s/" {1..60})" empty
		chmod 1777 tmp
		: >etc/hosts
		: >etc/resolv.conf
		echo hello >usr/file
		ln usr/file bin/again
		ln usr/file zz
		ln -s ../usr/file bin/link
		ln -s /nowhere usr/dangling
		ln -s usr/lib lib
		mkfifo pipe
		head -c 300000 /dev/urandom >usr/random
		truncate -s 10M sparse
		echo middle | dd of=sparse bs=1 seek=5000000 conv=notrunc status=none
		printf x >"$(printf "n%.0s" {1..255})"
		printf y >"$(printf "bad\xff\nname é")"
		chmod 640 usr/random
		chmod 700 empty
		python3 -c "import os; os.setxattr(\"usr/file\", \"user.note\", b\"a value\"); os.setxattr(\"usr\", \"user.dir\", b\"\")"
		touch -d "2001-02-03 04:05:06" usr/file usr/lib empty
		find . -newer / -print0 | sort -zr | xargs -0 touch -hd "2020-01-01 12:00:00"
	' - "$1"
}

# same A B [FORMAT]: these trees are equal; tar archives have no holes
same() {
	local lost=

	[[ ${3-} != *.t* ]] || lost=' sparse'
	diff <(as_test "$top/tests/lib/listing" "$1" | sed "s/${lost:-^ }//") \
		<(as_test "$top/tests/lib/listing" "$2" | sed "s/${lost:-^ }//") || fail "$1 and $2 differ"
}

# ---- the command line --------------------------------------------------------------------------

@test "convert: formats are told by name, then by content" {
	as_test mkdir d
	as_test touch a.tar b.sqfs
	as_test bash -c 'tar -cf tarball -C "$1" . && cp "$2" squashed' - "$dir" "$sqfs"
	formats squash dir b.sqfs ./x
	formats tar squash a.tar x.sqfs
	formats ch-image squash foo:1 x.squishy
	formats dir ch-image ./d foo/bar:1
	formats dir ch-image "$tmp/d" foo
	formats dir tar d x.tgz
	formats squash tar squashed x.tar.zst
	formats tar dir ./tarball ../x
	formats tar squash -i tar -o squash foo bar
}

@test "convert: what cannot be" {
	as_test bash -c 'mkdir full image && touch full/file file && mkdir image/{bin,dev,usr}'
	fails 64 'too few arguments' one
	fails 64 'too many arguments' one two three
	fails 64 'unknown or ambiguous option .--nope.' --nope
	fails 1 "both have the format dir" ./image ./other
	fails 1 "both have the format squash" a.sqfs b.sqfs
	fails 1 "'zip' is none of ch-image.*tar" -i zip a b
	fails 1 "format 'sif' cannot be written" ./image x.sif
	fails 1 "'x.tar.foo': tar archives to be written are called" ./image x.tar.foo
	fails 1 "'./full' is there, and does not look like an image" "$sqfs" ./full
	fails 1 "'./file' is there, and is not a directory" "$sqfs" ./file
	fails 1 "'image' is there, and is not a file" -o squash "$dir" image
	fails 1 "open directory '/nowhere': No such file" /nowhere x.sqfs
	fails 1 "no directory|No such file" "$dir" /nowhere/x.sqfs
	fails 1 "image 'foo' is not in storage" foo x.sqfs
	fails 1 "--compress: compression 'rar' is unknown" --compress rar "$dir" x.sqfs
	fails 1 "not what the name 'x.tar' says" --compress gzip "$dir" x.tar
	fails 1 'exclude each other' --xattrs --no-xattrs "$dir" x.sqfs
	fails 1 'not absolute' --tmp here "$dir" x.sqfs
	fails 1 "not a tar archive" ./file x.sqfs -i tar
	assert_equal "$(as_test ls -A)" $'file\nfull\nimage\nstore'
	run as_test ch-convert
	[[ $status == 1 && $output == Usage:* ]] || fail "$status $output"
}

# ---- round trips -----------------------------------------------------------------------------

@test "convert: from a directory to each format, and back" {
	make_tree a
	for out in x.sqfs x.tar x.tar.gz x.tar.zst x.tar.xz name:1; do
		works ./a "$out"
		works "$out" ./back
		same a back "$out"
		as_test rm -rf ./back
	done
	# Other tools agree.
	as_test unsquashfs -q -n -user-xattrs -d un x.sqfs
	same a un
	as_test bash -c 'mkdir untar && tar --xattrs -pxf x.tar.gz -C untar'
	same a untar x.tar.gz
}

@test "convert: the results run" {
	works "$dir" x.sqfs
	works x.sqfs x.tar.zst
	works x.tar.zst ./x
	works x.tar.zst x
	inside "only-in-image tiny" ./x.sqfs -- /opt/bin/only-in-image
	inside "only-in-image tiny" ./x -- /opt/bin/only-in-image
	inside "only-in-image tiny" x -- /opt/bin/only-in-image
}

@test "convert: the same bytes, however many threads, by whatever way" {
	make_tree a
	works -j 1 ./a x.sqfs
	works -j 3 ./a y.sqfs
	cmp x.sqfs y.sqfs
	works -j 1 ./a x.tar.gz
	works -j 3 ./a y.tar.gz
	cmp x.tar.gz y.tar.gz
	works x.tar.gz z.sqfs
	cmp x.sqfs z.sqfs
}
