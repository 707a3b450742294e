# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of common.bash and bats
# store.bash - ch-image with storage of the test's own: load after common and run
#
# For builds, image.bash has more.

# use_store DIR [WORD...]: DIR is the storage; words for env(1) in front of ch-image
use_store()
{
	store=$1
	via=(env "CH_IMAGE_STORAGE=$store" "${@:2}")
}

# img ARGS...: ch-image, as CH_TEST_AS says, by bats' run
img()
{
	run --separate-stderr as_test timeout -k 5 60 "${via[@]}" ch-image "$@"
}

# works ARGS...: it succeeds
works()
{
	img "$@"
	[[ $status == 0 ]] || fail "ch-image $*" "status: $status" "stdout: $output" "stderr: $stderr"
}

# fails STATUS REGEX ARGS...: it fails, and the last line on stderr matches
fails()
{
	local want=$1 regex=$2

	shift 2
	img "$@"
	[[ $status == "$want" && ${stderr##*$'\n'} =~ ^ch-image:\ error:\ .*$regex ]] ||
		fail "ch-image $*" "status: $status" "stdout: $output" "stderr: $stderr" "wanted: $want $regex"
}
