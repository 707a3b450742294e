#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-image: the first image of Charliecloud's tutorial, and the manual's example of compilers, on a base
# with what they call. (The others are in tests/e2e/image_manual.bats and examples.bats.)
# shellcheck disable=SC2154 # variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image

# With the name used there; and instead of its yum, which would need that distribution, one that
# has nothing to do, since Python is there.
base()
{
	as_test unsquashfs -quiet -no-progress -dest "$tmp/base" "$(image debian)" >/dev/null
	# shellcheck disable=SC2016
	as_test bash -c 'printf "#!/bin/sh\necho \"$0 $*\"\n" >"$1"; chmod 755 "$1"' yum "$tmp/base/usr/bin/yum"
	img -q import "$tmp/base" almalinux:8
	((status == 0))
}

@test "tutorial: hello.py, built, listed and run" {
	base
	put hello.py $'#!/usr/bin/python3\n\nprint("Hello World!")'
	df Dockerfile <<-'END'
		FROM almalinux:8
		RUN yum -y install python36
		COPY ./hello.py /
		RUN chmod 755 /hello.py
	END
	img build -t hello -f Dockerfile .
	[[ $status == 0 && $stderr == *'  4. RUN.S chmod 755 /hello.py'*'grown in 4 instructions: hello' ]] ||
		fail "$stderr"
	img list
	assert_equal "$output" $'almalinux:8 (amd64)\nhello (amd64)\ntiny (amd64)'
	inside 'Hello World!' hello -- /hello.py
}

@test "manual, build: compilers of the host's, as written" {
	as_test unsquashfs -quiet -no-progress -dest "$tmp/base" "$(image debian)" >/dev/null
	img -q import "$tmp/base" centos:7
	((status == 0))
	put bigvendor/bin/cc $'#!/bin/sh\necho "compiling $1"'
	put bigvendor/lib/libbig.so elf
	as_test chmod +x "$ctx/bigvendor/bin/cc"
	df Dockerfile <<-'END'
		FROM centos:7

		RUN /opt/bin/cc hello.c
		#COPY /opt/lib/*.so /usr/local/lib   # fail: COPY doesn't bind mount
		RUN cp /opt/lib/*.so /usr/local/lib  # possible workaround
		RUN ldconfig
	END
	img build --bind "$ctx/bigvendor:/opt" .
	[[ $status == 0 && $output == 'compiling hello.c' ]] || fail "$output" "$stderr"
	inside elf ctx -- cat /usr/local/lib/libbig.so
}
