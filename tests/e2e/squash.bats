#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-convert's SquashFS images, as other programs see them
# shellcheck disable=SC2016,SC2034,SC2154 # shells inside; variables for and of common.bash and bats

load ../lib/common

setup() {
	ch_setup
	no_fuse=yes
	cd "$tmp" || fail "cd"
}
teardown() {
	! mountpoint -q "$tmp/mnt" || umount "$tmp/mnt"
	assert_equal "$(find "$tmp" -maxdepth 2 -name '.*.ch-*')" ""
	ch_teardown
}

# convert ARGS...: it succeeds
convert() {
	as_test timeout -k 5 60 ch-convert -q "$@"
}

# make_tree: a tree "a" with all that is stored in ways of its own, and with what ch-convert makes
make_tree() {
	as_test bash -euc '
		mkdir -p a/{bin,dev,etc,mnt/{0..9},proc,sys,tmp,usr/lib,many,empty}
		mkdir -p "a/$(printf "deep/%.0s" {1..50})"
		cd a
		touch etc/hosts etc/resolv.conf
		seq -f "many/file number %g" 1 1000 | xargs -d "\n" touch
		for i in {1..100}; do seq "$i" $((i * 20)) >"usr/small$i"; done
		head -c 2000000 /dev/urandom >usr/noise
		cp usr/noise usr/again
		cp usr/small77 empty/small
		seq 1 300000 >usr/text
		head -c 262144 usr/text >usr/blocks
		truncate -s 30M usr/hole
		printf middle | dd of=usr/hole bs=1 seek=15000000 conv=notrunc status=none
		ln usr/hole usr/text empty
		ln -s "$(printf "x%.0s" {1..4000})" usr/long
		ln -s usr/lib lib
		mkfifo pipe
		: >"$(printf "bad\xff\nname")"
		python3 -c "
import os
for i in range(100):
    os.setxattr(f\"usr/small{i + 1}\", \"user.n\", b\"%d\" % (i % 10))
os.setxattr(\"usr\", \"user.large\", b\"v\" * 3000)"
		chmod 751 usr/text
		chmod 1777 empty
		find . -print0 | xargs -0 touch -hd "2020-01-01 12:00:00"
		touch -d "2021-02-03 04:05:06" usr
	'
}

# same DIR: it is what make_tree made
same() {
	diff <("$top/tests/lib/listing" a) <("$top/tests/lib/listing" "$1") || fail "a and $1 differ"
}

# mounted COMMAND...: what it mounts at "mnt" is the tree
mounted() {
	"$@" || fail "$*"
	diff <(listing_as_root a) <(listing_as_root mnt) || fail "$*: differs"
	umount mnt
}

# Owners are not compared; holes cannot be seen in all mounts.
listing_as_root() {
	"$top/tests/lib/listing" "$1" | sed 's/ sparse//'
}

@test "squash: other programs read it, of every compression" {
	make_tree
	mkdir mnt
	for alg in zstd gzip lz4 xz none zstd:15 gzip:12; do
		convert --compress "$alg" ./a "$alg.sqfs"
		unsquashfs -q -n -d "un" "$alg.sqfs" >/dev/null || fail "unsquashfs of $alg"
		same un
		rm -rf un
	done
	assert_match "$(unsquashfs -s zstd:15.sqfs)" 'Compression zstd'
	assert_match "$(unsquashfs -s gzip.sqfs)" 'compression-level 6.*exportable'
	assert_match "$(unsquashfs -s zstd.sqfs)" 'Number of ids 1[[:space:]]'
	((EUID == 0)) || return 0
	mounted squashfuse_ll zstd.sqfs mnt
	mounted squashfuse_ll gzip.sqfs mnt
	mounted mount -t squashfs -o loop,ro,nodev,nosuid zstd.sqfs mnt
	mounted mount -t squashfs -o loop,ro,nodev,nosuid gzip.sqfs mnt
}

@test "squash: as small as mksquashfs makes it" {
	make_tree
	for alg in zstd:3 gzip:9; do
		convert --compress "$alg" ./a "$alg.sqfs"
		mksquashfs a "theirs-$alg.sqfs" -comp "${alg%:*}" -Xcompression-level "${alg#*:}" \
			-quiet -no-progress -no-exports >/dev/null
		ours=$(stat -c %s "$alg.sqfs") theirs=$(stat -c %s "theirs-$alg.sqfs")
		((ours * 100 <= theirs * 101)) || fail "$alg: $ours, mksquashfs: $theirs"
	done
}

@test "squash: a full disk is an error, and leaves nothing" {
	make_tree
	for blocks in 0 1 100 2500; do # of 1 KiB
		run as_test bash -c 'ulimit -f "$1"; trap "" XFSZ; ch-convert -q ./a x.sqfs' - "$blocks"
		[[ $status == 1 && $output =~ ^ch-convert:\ error:\ .*:\ File\ too\ large ]] ||
			fail "$blocks: $status: $output"
		assert_equal "$(ls -A)" a
	done
}
