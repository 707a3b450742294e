# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables for and of common.bash and bats
# image.bash - builds with ch-image: load after common and run
#
# Each test has a storage directory ($store) with the image "tiny", and a context ($ctx). At its
# end the build cache has to be a sound Git repository.

setup()
{
	ch_setup
	# shellcheck disable=SC2034 # of common.bash
	no_fuse=yes # Images are directories.
	setup_images
	store=$tmp/store
	ctx=$tmp/ctx
	# No build is to go to a registry by mistake.
	via=(env "CH_IMAGE_STORAGE=$store" CH_REGY_DEFAULT_HOST=127.0.0.1 CH_REGY_DEFAULT_PORT=1)
	mkdir "$ctx"
	img -q import "$dir" tiny
	own "$ctx"
}

teardown()
{
	if [[ -d $store/bucache ]]; then
		run as_test git -C "$store/bucache" fsck --full --strict
		[[ $status == 0 ]] || fail "git fsck: $output"
	fi
	! declare -F stop_servers >/dev/null || stop_servers
	! mountpoint -q "$tmp/fs" || umount "$tmp/fs"
	ch_teardown
}

# img ARGS...: ch-image, as CH_TEST_AS says, in the context, by bats' run
img()
{
	run --separate-stderr as_test timeout -k 5 60 "${via[@]}" env -C "$ctx" ch-image "$@"
}

# df NAME: a Dockerfile in the context, from stdin
df()
{
	cat >"$ctx/$1"
	own "$ctx/$1"
}

# put NAME TEXT: a file of the context
put()
{
	# shellcheck disable=SC2016
	as_test bash -c 'mkdir -p "$(dirname "$1")"; printf "%s\n" "$2" >"$1"' put "$ctx/$1" "$2"
}

# builds LINES ARGS...: the build succeeds, and these are its lines on stderr; "..." is any
builds()
{
	local want=$1

	shift
	img build "$@"
	[[ $status == 0 ]] || fail "status: $status" "stdout: $output" "stderr: $stderr"
	# bats takes blanks off the beginning
	[[ $stderr == "${want#"${want%%[! ]*}"}" ]] || fail "stderr: $stderr" "wanted: $want"
}

# fails REGEX ARGS...: the build fails, and says so
fails()
{
	local regex=$1

	shift
	img build "$@"
	[[ $status == 1 && $stderr =~ $regex ]] ||
		fail "status: $status" "stdout: $output" "stderr: $stderr" "wanted: $regex"
}

# in_image NAME COMMANDS: what they print, in the image
in_image()
{
	ch "$1" -- sh -c "$2"
}
