# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # variables for and of common.bash and bats
# convert.bash - for tests of ch-convert, together with common and run
#
#     load ../lib/convert
#     setup() { convert_setup; }
#     teardown() { convert_teardown; }
#
# The working directory is $tmp, storage of ch-image is $tmp/store, and commands of as_test have no
# /dev/fuse: no_fuse= for those that need it.
#
#   convert ARGS...       ch-convert, as CH_TEST_AS says, by bats' run
#   works ARGS...         it succeeds, without warnings
#   fails STATUS REGEX ARGS...   it fails, and the last line on stderr matches
#   to FORM DIR, from FORM DIR   DIR becomes an image of that form, called by its name; it becomes a
#                         directory. Forms: see $forms
#   same A B              these trees are equal
#   round_trips DIR       DIR, a random tree, comes back from each of $forms as what it was
#   mktar FILE MEMBER..., layout FORM OUT ...   see tests/lib/tar.py, tests/lib/layout.py

# What can be written and read
forms=(squash tar tar.zst ch-image oci oci-archive docker-archive)

convert_setup()
{
	ch_setup
	setup_images
	via=(env "CH_IMAGE_STORAGE=$tmp/store")
	no_fuse=yes
	cd "$tmp" || fail "cd"
}

convert_teardown()
{
	! mountpoint -q "$tmp/small" || umount "$tmp/small"
	# Nothing hidden is left beside what was made.
	assert_equal "$(find "$tmp" -maxdepth 2 -name '.*.ch-*')" ""
	ch_teardown
}

convert()
{
	run --separate-stderr as_test timeout -k 5 60 "${via[@]}" ch-convert "$@"
}

works()
{
	convert "$@"
	[[ $status == 0 && ! $output && $stderr != *warning:* && ${stderr##*$'\n'} == "done" ]] ||
		fail "ch-convert $*" "status: $status" "stdout: $output" "stderr: $stderr"
}

fails()
{
	local want=$1 regex=$2

	shift 2
	convert "$@"
	[[ $status == "$want" && ! $output && ${stderr##*$'\n'} =~ ^ch-convert:\ error:\ .*$regex ]] ||
		fail "ch-convert $*" "status: $status" "stdout: $output" "stderr: $stderr" "wanted: $want $regex"
}

# operand FORM: the format, and the name of the image
operand()
{
	case $1 in
	tar*) echo "tar x.$1" ;;
	ch-image) echo "ch-image x" ;;
	*) echo "$1 ./x.$1" ;;
	esac
}

to()
{
	local words

	read -ra words < <(operand "$1")
	works -o "${words[@]:0:1}" "$2" "${words[1]}"
}

from()
{
	local words

	read -ra words < <(operand "$1")
	works -i "${words[@]:0:1}" "${words[1]}" "$2"
}

same()
{
	as_test "$top/tests/lib/listing" "$1" >listed
	diff listed <(as_test "$top/tests/lib/listing" "$2") || fail "$1 and $2 differ"
}

round_trips()
{
	local form

	as_test "$top/tests/lib/listing" --kept "$1" >want
	for form in "${forms[@]}"; do
		to "$form" "./$1"
		from "$form" ./back
		diff want <(as_test "$top/tests/lib/listing" --kept ./back) || fail "$form"
	done
}

mktar()
{
	as_test python3 "$top/tests/lib/tar.py" "$@"
}

layout()
{
	as_test python3 "$top/tests/lib/layout.py" "$@"
}
