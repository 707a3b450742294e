# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of common.bash and bats
# hostile.bash - images that do harm, if they can: load after common
#
#   make_hostile            make them in $tmp/images, and what they aim at; see hostile_images.py
#   all_hostile TREE COMMAND...   what becomes of them by COMMAND, with "{name}" in it; see
#                           hostile_run.py. What an image becomes is in $tmp/TREE.

make_hostile()
{
	# shellcheck disable=SC2016 # for the shell there
	as_test bash -euc 'umask 022; cd "$1"; mkdir images outside outside/dir; chmod 700 outside
		echo kept | tee outside/file >outside/dir/file' - "$tmp"
	as_test python3 "$top/tests/lib/hostile_images.py" "$tmp/images" "$tmp/outside"
}

all_hostile()
{
	local memory=(--memory 256)

	# Sanitizers need more.
	! is_sanitized || memory=()
	run as_test env "CH_IMAGE_STORAGE=$tmp/store" "$top/tests/lib/hostile_run.py" "${memory[@]}" \
		"$tmp/images" "$tmp/outside" "$tmp/$1" "${@:2}"
	((status == 0)) || fail "$output"
}
