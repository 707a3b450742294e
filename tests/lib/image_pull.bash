# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables of common.bash, image.bash, registry.bash and bats
# image_pull.bash - images in registries, as ch-image pulls them: load after image and registry
#
# All tests of a file share a registry, $registry.
#
# Functions for tests:
#   mktar FILE MEMBER...        make a layer, $tmp/FILE.tar: see tests/lib/tar.py
#   put_image NAME:TAG ARGS...  put an image into the registry: see tests/lib/put_image.py
#   pulls ARGS...               ch-image pull succeeds
#   fails_to STATUS REGEX ARGS...   ch-image fails, and its last line matches
#   begin_pull ARGS...          in the background, as $job; sets $pid to ch-image's
#   at NAME COMMANDS            run them in the directory of the image, as it is called in storage
#   nothing_left                no temporary file, no lock is in storage

setup_file()
{
	start_registry
	export registry
}

teardown_file()
{
	stop_servers
}

mktar()
{
	local file=$1

	shift
	"$top/tests/lib/tar.py" "$tmp/$file.tar" "$@"
}

put_image()
{
	(cd "$tmp" && "$top/tests/lib/put_image.py" "$registry" "$@")
}

pulls()
{
	img pull "$@"
	[[ $status == 0 ]] || fail "ch-image pull $*" "status: $status" "stdout: $output" "stderr: $stderr"
}

fails_to()
{
	local want=$1 regex=$2

	shift 2
	img "$@"
	[[ $status == "$want" && ${stderr##*$'\n'} =~ ^ch-image:\ error:\ .*$regex ]] ||
		fail "ch-image $*" "status: $status" "stderr: $stderr" "wanted: $want $regex"
}

begin_pull()
{
	rm -f "$tmp/pid"
	# shellcheck disable=SC2016
	as_test "${via[@]}" bash -c 'echo $$ >"$0"; exec ch-image -q pull "$@"' "$tmp/pid" "$@" \
		2>"$tmp/err" 3>&- &
	job=$!
	until [[ -s $tmp/pid ]]; do
		kill -0 "$job"
		sleep 0.002
	done
	pid=$(cat "$tmp/pid")
}

at()
{
	as_test bash -euc "cd '$store/img/$1' && $2"
}

nothing_left()
{
	assert_equal "$(as_test ls "$store/tmp" "$store/locks" | grep -v :)" ""
}
