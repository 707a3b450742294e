#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image: what is written about Charliecloud's program, in its manual and tutorial, works here.
# Base images have the names used there, but are our own. (tests/long: with a package manager, and
# MPI.)
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image

# base NAME: what the examples begin with
base()
{
	img -q import "$dir" "$1"
	((status == 0))
}

@test "manual, build cache: a.df, again, c.df, the tree" {
	base alpine:3.9
	df a.df <<-'END'
		FROM alpine:3.9
		RUN echo foo
		RUN echo bar
	END
	sed 's/bar/qux/' "$ctx/a.df" | df c.df
	builds '  1. FROM alpine:3.9
  2. RUN.S echo foo
copying image from cache ...
  3. RUN.S echo bar
grown in 3 instructions: foo' -t foo -f a.df .
	assert_equal "$output" $'foo\nbar'
	builds '  1* FROM alpine:3.9
  2* RUN.S echo foo
  3* RUN.S echo bar
grown in 3 instructions: foo' -t foo -f a.df .
	sleep 1.1	# newest first, by seconds
	builds '  1* FROM alpine:3.9
  2* RUN.S echo foo
  3. RUN.S echo qux
copying image from cache ...
grown in 3 instructions: c' -t c -f c.df .
	assert_equal "$output" qux
	img build-cache --tree
	assert_equal "${output%files: *}" '*  (c) RUN.S echo qux
| *  (foo) RUN.S echo bar
|/
*  RUN.S echo foo
*  (alpine+3.9) IMPORT alpine:3.9
*  (HEAD -> root) ROOT

named images:       4
state IDs:          5
large files:        0
commits:            5
'
	assert_match "$output" 'files: +[0-9]+
disk used: +[0-9]+ MiB$'
}

@test "tutorial, build cache: reset, a.df, again, b.df, the tree" {
	base almalinux:8
	img build-cache --reset
	((status == 0))
	df a.df <<-'END'
		FROM almalinux:8
		RUN sleep 2 && echo foo
		RUN sleep 2 && echo bar
	END
	sed 's/bar/qux/' "$ctx/a.df" | df b.df
	img build -t a -f a.df .
	assert_equal "$status $output" $'0 foo\nbar'
	begin=$SECONDS
	builds '  1* FROM almalinux:8
  2* RUN.S sleep 2 && echo foo
  3* RUN.S sleep 2 && echo bar
grown in 3 instructions: a' -t a -f a.df .
	assert_equal "$output" ''
	((SECONDS - begin < 4))
	builds '  1* FROM almalinux:8
  2* RUN.S sleep 2 && echo foo
  3. RUN.S sleep 2 && echo qux
copying image from cache ...
grown in 3 instructions: b' -t b -f b.df .
	assert_equal "$output" qux
	img build-cache --tree
	assert_match "$output" '^\*  \(b\) RUN.S sleep 2 && echo qux
\| \*  \(a\) RUN.S sleep 2 && echo bar
\|/
\*  RUN.S sleep 2 && echo foo
\*  \(almalinux\+8\) IMPORT almalinux:8
\*  \(HEAD -> root\) ROOT

named images: +4
state IDs: +5
large files: +0
commits: +5
'
}

@test "manual, build: name and Dockerfile given, and inferred" {
	put foo/bar/Dockerfile $'FROM tiny\nENV a=b\nCOPY x /\nRUN cat /x'
	put foo/bar/x text
	img build -t bar -f ./foo/bar/Dockerfile ./foo/bar
	[[ $status == 0 && $stderr == *'grown in 4 instructions: bar' ]] || fail "$stderr"
	img build ./foo/bar
	[[ $status == 0 && $stderr == 'inferred image name: bar'*'grown in 4 instructions: bar' ]] || fail "$stderr"
}

@test "manual, build: the Dockerfile as standard input, with and without a context" {
	put x text
	img build -f - . <<<$'FROM tiny\nCOPY x /\nRUN cat /x'
	[[ $status == 0 && $output == text && $stderr == *'grown in 3 instructions: ctx' ]] || fail "$stderr"
	img build -f - / <<<'FROM tiny'
	[[ $stderr == *'grown in 1 instruction: root' ]] || fail "$stderr"
	img build -f Dockerfile - <<<'FROM tiny'
	[[ $status == 1 && $stderr == *'--file: the Dockerfile is standard input already'* ]] || fail "$stderr"
	img build -t x - <<<$'FROM tiny\nCOPY x /'
	[[ $status == 1 && $stderr == *"-:2:1: source 'x' in no context: there is no context directory"* ]] || fail "$stderr"
	img build -t x - <<<$'FROM tiny\nRUN --mount=type=bind,target=/x true'
	[[ $status == 1 && $stderr == *"-:2:13: there is no context to mount"* ]] || fail "$stderr"
}

@test "manual, build: a compiler of the host's" {
	base centos:7
	as_test mkdir -p "$ctx/bigvendor"/{bin,lib}
	put bigvendor/bin/cc $'#!/bin/sh\necho "compiling $1"'
	put bigvendor/lib/libbig.so elf
	as_test chmod +x "$ctx/bigvendor/bin/cc"
	# With a ldconfig, which this base does not have.
	df Dockerfile <<-'END'
		FROM centos:7

		RUN /opt/bin/cc hello.c
		#COPY /opt/lib/*.so /usr/local/lib   # fail: COPY doesn't bind mount
		RUN mkdir -p /usr/local/lib
		RUN cp /opt/lib/*.so /usr/local/lib  # possible workaround
	END
	img build --bind "$ctx/bigvendor:/opt" -t x .
	[[ $status == 0 && $output == 'compiling hello.c' ]] || fail "$stderr"
	in_image x 'test -e /usr/local/lib/libbig.so && test ! -e /opt/bin/cc'
	printf 'FROM centos:7\nCOPY /opt/lib/*.so /usr/local/lib\n' | df Dockerfile
	fails "nothing in context .* matches '/opt/lib/\*\.so'" --bind "$ctx/bigvendor:/opt" -t x .
}

@test "manual, ARG: it holds from there to the end; of stages that are not built, it is known" {
	df Dockerfile <<-'END'
		ARG first=1
		FROM --arg=second=2 tiny AS base
		ARG third=$first$second
		FROM base AS unneeded
		ARG unneeded
		FROM base
		ARG fourth
		RUN echo "$first $second $third $fourth"
	END
	via+=(fourth=environment)
	img build --build-arg fourth --build-arg unneeded=x -t one .
	assert_equal "$status $output" '0 1 2 12 environment'
	img build --build-arg nowhere -t one .
	[[ $status == 64 && $stderr == *"option --build-arg: no variable 'nowhere' is in the environment"* ]] || fail "$stderr"
	# Values that are used differ.
	img build --build-arg fourth=4 --build-arg first=0 -t one .
	assert_equal "$status $output" '0 0 2 02 4'
}

# files DIR: what is below it, and of what type
files()
{
	in_image x "cd $1 && find . -mindepth 1 | sort | while read -r f; do stat -c '%n %F' \"\$f\"; done"
}

@test "manual, COPY: contents of directories; rules 1 to 5" {
	put dir/file file
	put dir/sub/deep deep
	put one 1
	as_test ln -s file "$ctx/dir/to-file"
	as_test ln -s dir "$ctx/to-dir"
	as_test ln -s one "$ctx/to-one"
	as_test chmod 700 "$ctx/dir/sub"
	df Dockerfile <<-'END'
		FROM tiny
		# The contents, not the directory
		COPY dir /r0/
		# 1: absolute sources begin at the context
		COPY /one /r1
		# 2: directories are made if the name ends in a slash, for more than one source, and for
		# a source that is a directory
		COPY one /r2a/b/
		COPY one to-one /r2b
		COPY on[e] dir/fil* /r2c
		COPY dir /r2d/e
		# 3: links are followed at the top, and kept below
		COPY to-dir /r3a
		COPY to-one /r3b
		RUN mkdir /real && ln -s /real /link
		COPY one dir/file /link
		# 4: at the second level and deeper, metadata of directories is copied
		RUN mkdir -p -m 755 /r4/sub
		COPY dir /r4
		# 5: and a file replaces a directory
		RUN mkdir -p /foo/file && touch /foo/file/baz
		COPY dir /foo
	END
	img build -t x .
	((status == 0)) || fail "$stderr"
	tree='./file regular file
./sub directory
./sub/deep regular file
./to-file symbolic link'
	for where in /r0 /r2d/e /r3a /r4 /foo; do assert_equal "$(files "$where")" "$tree"; done
	in_image x 'set -e; test "$(cat /r1 /r2a/b/one /r2b/one /r2b/to-one /r2c/one | tr -d "\n")" = 11111
		test "$(cat /r2c/file /real/file)" = "file
file"
		test -f /r3b -a ! -L /r3b -a -L /link
		test "$(stat -c %a /r4/sub)" = 700'
}
