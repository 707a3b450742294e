#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run: what IMAGE may be: SIF files
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
}
teardown() { ch_teardown; }

# sif FILE [KEY=NUMBER]...: make one of the SquashFS image
sif() {
	python3 "$top/tests/lib/sif.py" "$1" "$sqfs" "${@:2}"
	chmod 644 "$1"
}

# ---- SIF files --------------------------------------------------------------------------

@test "SIF: runs like a SquashFS file, without a copy" {
	local sif sum

	sif=$(image tiny sif)
	sum=$(sha256sum <"$dir/bin/busybox")
	inside "hello  world" "$sif" -- echo "hello  world"
	inside "$sum" "$sif" -- sh -c 'sha256sum </bin/busybox'
	inside "only-in-image tiny" "$sif" -- /opt/bin/only-in-image
	inside changed -W "$sif" -- sh -c 'echo changed >/etc/new; cat /etc/new'
	inside ok -b /etc:/new/place "$sif" -- sh -c 'test -e /new/place/passwd && echo ok'
	# The name does not matter.
	cp "$sif" "$tmp/image"
	inside ok "$tmp/image" -- echo ok
}

@test "SIF: the partition is found at any place in table and file" {
	local pad

	sif "$tmp/a.sif" slot=47
	inside ok "$tmp/a.sif" -- echo ok
	for pad in 1 4097 1048576; do
		sif "$tmp/a.sif" pad="$pad" slot=5
		inside ok "$tmp/a.sif" -- echo ok
	done
}

@test "SIF: --dry-run tells the partition" {
	sif "$tmp/a.sif"
	run_ch --dry-run "$tmp/a.sif" -- true
	assert_equal "$status$stderr" 0
	assert_match "$output" "^root: SquashFS at byte 32768 of SIF file '$tmp/a.sif' read-only"
}

@test "SIF: other partitions are refused by their names" {
	local row fs what rows=("2:an ext3 file system; build it again" "3:an archive; build"
		"4:raw data; build" "5:encrypted; build" "9:a file system of unknown type")

	for row in "${rows[@]}"; do
		fs=${row%%:*} what=${row#*:}
		sif "$tmp/a.sif" fs="$fs"
		refused 31 "image '$tmp/a.sif': a SIF image whose system partition is $what" \
			"$tmp/a.sif" -- true
		refused 31 "partition is $what" --dry-run "$tmp/a.sif" -- true
	done
	sif "$tmp/a.sif" part=3
	refused 31 "image '$tmp/a.sif': a SIF file without a primary system partition" \
		"$tmp/a.sif" -- true
	sif "$tmp/a.sif" type=0x400a
	refused 31 "a SIF image that holds OCI layers" "$tmp/a.sif" -- true
}

@test "SIF: truncated and damaged files are refused" {
	local size=$((32768 + $(stat -c %s "$sqfs")))

	sif "$tmp/a.sif"
	for size in 100 4096 5000 32768 40000 $((size - 1)); do
		head -c "$size" "$tmp/a.sif" >"$tmp/cut.sif"
		refused 31 "image '$tmp/cut.sif': .*truncated" "$tmp/cut.sif" -- true
	done
	sif "$tmp/a.sif" size=-1
	refused 31 "damaged SIF image: impossible position" "$tmp/a.sif" -- true
	# The file system has to fit into its partition.
	sif "$tmp/a.sif" size=40000
	refused 31 "image '$tmp/a.sif': truncated: its partition has 40000 bytes, superblock says" \
		"$tmp/a.sif" -- true
	sif "$tmp/a.sif" offset=4096
	refused 31 "image '$tmp/a.sif': not a SquashFS file system" "$tmp/a.sif" -- true
}

@test "SIF: cannot be written to" {
	refused 31 "is a SIF file and cannot be written to.*--write-fake" -w "$(image tiny sif)" -- true
}
