# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of common.bash and bats
# image_run.bash - RUN of a build, by itself: load after common and run
#
# Functions for tests:
#   make_image_run        in setup_file: compile tests/e2e/image_run.c with the library's sources
#   as_image_run ARGS...  run it as CH_TEST_AS says, $run_seconds at most
#   works ARGS...         it succeeds: $output, $stderr
#   ends STATUS ARGS...   the command ends with STATUS
#   fails REGEX ARGS...   nothing is run, with one error line that matches REGEX
#
#   debian_image          in setup_file: make $debian, an image that packages are installed into
#   in_debian STATUS OPTION... -- DIR COMMAND   COMMAND of a shell in it ends with STATUS
#
# $image_run: the program

image_run_sources()
{
	local lib=$top/lib

	ls "$lib"/{base,sys,opt,hash,fakeroot}/*.c "$lib"/build/{force,mount,run}*.c \
		"$lib"/rt/{bind,enter,env,environ,exec,hear,image,meta,plan,request,sif,spawn,start,storage}.c
}

make_image_run()
{
	chmod o+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/{suite,file} "$BATS_FILE_TMPDIR" 2>/dev/null || true
	# shellcheck disable=SC2046 # many names
	"${CC:-cc}" -std=gnu17 -D_GNU_SOURCE -DHAVE_SECCOMP -iquote "$top/lib" -O0 -w \
		-o "$BATS_FILE_TMPDIR/image_run" "$top/tests/e2e/image_run.c" $(image_run_sources) \
		-lcrypto -lseccomp
}

image_run=$BATS_FILE_TMPDIR/image_run
run_seconds=60
export CH_KEEPER=$prefix/libexec/ch-keeper

as_image_run()
{
	as_test timeout -k 5 "$run_seconds" "$image_run" "$@"
}

works()
{
	ends 0 "$@"
}

ends()
{
	local wanted=$1

	shift
	run --separate-stderr as_image_run "$@" </dev/null
	[[ $status == "$wanted" ]] ||
		fail "image_run $*" "status: $status, wanted $wanted" "stdout: $output" "stderr: $stderr"
}

fails()
{
	local regex=$1

	shift
	ends 99 "$@"
	[[ ${#stderr_lines[@]} == 1 && $stderr =~ $regex ]] ||
		fail "image_run $*" "stderr: $stderr" "wanted: $regex"
}

# ---- packages of Debian ------------------------------------------------------------------

# debian_image: a fresh image of Debian for this file, $debian, which installs from where this
# machine does
# shellcheck disable=SC2016
debian_image()
{
	local uri home=${debian%/*}

	uri=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Component: main' |
		grep -m 1 -E '/debian/?$')
	((EUID)) || need_user "$test_user"
	mkdir "$home"
	own "$home"
	# What is root's there is the user's here.
	as_test unsquashfs -quiet -no-progress -dest "$debian" "$(image debian)" >/dev/null
	as_test bash -c '
		. /etc/os-release
		echo "deb $2 $VERSION_CODENAME main" >"$1/etc/apt/sources.list"
		apt-config dump | grep -E "^Acquire::(http|https|ftp)::[^\"]*[Pp]roxy" \
			>"$1/etc/apt/apt.conf.d/host-proxy" || true
		echo "Acquire::Languages \"none\"; APT::Install-Recommends \"false\";" \
			>"$1/etc/apt/apt.conf.d/small"' debian_image "$debian" "$uri"
}

debian=$BATS_FILE_TMPDIR/own/debian

# in_debian STATUS OPTION... -- DIR COMMAND: COMMAND of a shell in such an image ends so; it has the
# proxies of this machine
in_debian()
{
	local wanted=$1 options=(-e DEBIAN_FRONTEND=noninteractive) name

	shift
	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	for name in {http,https,ftp,no}_proxy {HTTP,HTTPS,FTP,NO}_PROXY; do
		[[ ! ${!name-} ]] || options+=(-e "$name=${!name}")
	done
	run_seconds=600
	ends "$wanted" "${options[@]}" "$2" sh -c "$3"
}
