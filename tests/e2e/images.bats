#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# contrib/images: as the user who runs the tests and, when that is root, as an
# ordinary user, too.
#
# The stubs' scripts are quoted on purpose; each test is a subshell on purpose; PATH
# is what some tests are about.
# shellcheck disable=SC2016,SC2030,SC2031,SC2123

bats_require_minimum_version 1.5.0

setup_file() {
	# Not in bats' own directory, which other users cannot enter.
	dir=$(mktemp -d "${TMPDIR:-/tmp}/images-test.XXXXXX")
	chmod 755 "$dir"
	mkdir "$dir/out" "$dir/user" "$dir/cache"
	if ((EUID == 0)); then
		chown nobody "$dir/user"
	fi
	export dir real_cache=${CH_IMAGE_CACHE-} CH_IMAGE_CACHE=$dir/cache
	export images=$BATS_TEST_DIRNAME/../../contrib/images
}

teardown_file() {
	rm -rf --one-file-system "$dir"
}

setup() {
	cd "$dir/out" || return
}

need_root() {
	if ((EUID != 0)); then
		skip "needs root"
	fi
}

as_user() {
	setpriv --reuid nobody --regid nogroup --clear-groups \
		env HOME=/nonexistent CH_IMAGE_CACHE="$dir/user/cache" "$@"
}

# refused STATUS TEXT ARGS...: exactly one line, which has TEXT
refused() {
	local status_wanted=$1 text=$2

	shift 2
	run -"$status_wanted" "$images" "$@"
	printf '%s\n' "$output"
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == "images: "*"$text"* ]]
}

# What the cache may hold when nobody is using it.
cache_is_tidy() {
	local left

	left=$(find "$1" -mindepth 1 -maxdepth 1 -printf '%f\n' | grep -vE '^(lock\.[a-z]+|[a-z]+-[0-9a-f]{16}\.(tar\.zst|[a-z0-9]+\.[0-9]+\.sqfs))$' || true)
	printf 'left in the cache: %s\n' "$left"
	[ -z "$left" ]
}

nothing_left_in() {
	local left

	left=$(find "$1" -name '.images.*')
	printf 'left: %s\n' "$left"
	[ -z "$left" ]
}

superblock() {
	unsquashfs -s "$@" | tr '\n' ' '
}

# number FILE OFFSET BYTES
number() {
	od -An -t "u$3" -j "$2" -N "$3" "$1" | tr -d ' '
}

# check_tiny DIR: what its users rely on
check_tiny() {
	local path

	[ -x "$1/bin/busybox" ] && [ "$("$1/bin/sh" -c 'echo hi')" = hi ]
	for path in dev proc sys tmp root usr/bin; do
		[ -d "$1/$path" ]
	done
	for path in passwd group hosts resolv.conf; do
		[ -f "$1/etc/$path" ]
	done
	for path in home var mnt; do
		[ ! -e "$1/$path" ]
	done
	[ "$(stat -c %a "$1")" = 755 ]
	[ "$(sed -n 's/^CH_IMAGE_NAME=//p' "$1/ch/environment")" = tiny ]
	[ "$("$1/opt/bin/entry" "$1/opt/bin/only-in-image")" = \
		"entry: $1/opt/bin/only-in-image"$'\n''only-in-image tiny' ]
	python3 -m json.tool "$1/ch/config.pulled.json" >/dev/null
}

# check_sif FILE: an own reader
check_sif() {
	local table n at=0 i d

	[ "$(head -c 41 "$1" | tail -c 9)" = SIF_MAGIC ]
	[ "$(dd if="$1" bs=1 skip=42 count=2 status=none)" = 01 ]
	n=$(number "$1" 88 8)
	table=$(number "$1" 96 8)
	[ "$(number "$1" 104 8)" -eq $((n * 585)) ]
	for ((i = 0; i < n; i++)); do
		d=$((table + i * 585))
		if (($(number "$1" $((d + 4)) 1) == 1 && $(number "$1" $d 4) == 0x4004)); then
			at=$(number "$1" $((d + 17)) 8)
			[ "$(number "$1" $((d + 201)) 4)" -eq 1 ]
			[ "$(number "$1" $((d + 205)) 4)" -eq 2 ]
			[ $((at % 4096)) -eq 0 ]
			[ "$(stat -c %s "$1")" -eq $((at + $(number "$1" $((d + 25)) 8))) ]
			[ "$(number "$1" 112 8)" -le "$at" ]
			[ "$(stat -c %s "$1")" -eq $(($(number "$1" 112 8) + $(number "$1" 120 8))) ]
		fi
	done
	[ "$(dd if="$1" bs=1 skip="$at" count=4 status=none)" = hsqs ]
	unsquashfs -q -n -o "$at" -d "$1.root" "$1" >/dev/null
	check_tiny "$1.root"
	rm -rf "$1.root"
}

@test "images: tiny as SquashFS, SIF, and directory" {
	"$images" --quiet tiny a.sqfs
	"$images" --quiet tiny a.sif
	"$images" --quiet tiny a/

	[ "$(stat -c %a a.sqfs) $(stat -c %a a.sif)" = "644 644" ]
	[ "$(stat -c %s a.sqfs)" -lt 3000000 ]
	unsquashfs -q -n -d root a.sqfs >/dev/null
	check_tiny root
	check_sif a.sif
	check_tiny a
	diff -r --no-dereference root a
	cache_is_tidy "$dir/cache"
	nothing_left_in .
}

@test "images: tiny as an ordinary user, the same bytes as root's" {
	need_root

	as_user "$images" --quiet tiny "$dir/user/a.sqfs"
	as_user "$images" --quiet tiny "$dir/user/a.sif"
	as_user "$images" --quiet tiny "$dir/user/a/"

	"$images" --quiet tiny b.sqfs
	cmp b.sqfs "$dir/user/a.sqfs"
	check_sif "$dir/user/a.sif"
	check_tiny "$dir/user/a"
	[ "$(stat -c %U "$dir/user/a")" = nobody ]
	nothing_left_in "$dir/user"
}

@test "images: all compressors and block sizes" {
	local comp

	for comp in zstd gzip lz4 xz; do
		"$images" --quiet --comp "$comp" --block=64K tiny "$comp.sqfs"
		[[ $(superblock "$comp.sqfs") == *"Compression $comp "*"Block size 65536 "* ]]
		unsquashfs -q -n -d "$comp" "$comp.sqfs" >/dev/null
		check_tiny "$comp"
	done
	"$images" --quiet --comp xz tiny xz.sif
	check_sif xz.sif
}

@test "images: what is cached comes quickly, --force makes it again with the same result" {
	"$images" --quiet tiny c1.sqfs
	local start=${EPOCHREALTIME/./}

	run -0 "$images" tiny c2.sqfs

	[ $((${EPOCHREALTIME/./} - start)) -lt 2000000 ]
	[ "$output" = "images: made c2.sqfs" ]
	run -0 "$images" --force tiny c3.sqfs
	[[ $output == *"making the root of 'tiny'"* ]]
	cmp c1.sqfs c2.sqfs
	cmp c1.sqfs c3.sqfs
}

@test "images: a damaged copy does not damage the cache" {
	"$images" --quiet tiny d1.sqfs
	cp d1.sqfs d.orig
	truncate -s 1000 d1.sqfs

	"$images" --quiet tiny d2.sqfs

	cmp d2.sqfs d.orig
}

@test "images: several at once, with an empty cache" {
	local i pids=() pid

	for i in 1 2 3 4; do
		CH_IMAGE_CACHE=$dir/out/cache4 "$images" --quiet tiny "p$i.sqfs" &
		pids+=($!)
	done
	for pid in "${pids[@]}"; do
		wait "$pid"
	done

	cmp p1.sqfs p2.sqfs
	cmp p1.sqfs p4.sqfs
	cache_is_tidy "$dir/out/cache4"
}

@test "images: an image is replaced, other things are not" {
	local inode

	"$images" --quiet tiny e/
	inode=$(stat -c %i e)
	"$images" --quiet tiny e/
	[ "$(stat -c %i e)" != "$inode" ]
	check_tiny e
	mkdir precious empty e.sqfs
	touch precious/file plain
	ln -s e link

	refused 1 "'precious/': not empty and not an image" tiny precious/
	refused 1 "'e.sqfs': is a directory" tiny e.sqfs
	refused 1 "'plain': exists and is not a directory" tiny plain/
	refused 1 "'link/': is a symbolic link" tiny link/
	[ -e precious/file ]
	"$images" --quiet tiny empty/
	check_tiny empty
	nothing_left_in .
}

@test "images: wrong arguments are refused by one line and status 64" {
	refused 64 "'huge': unknown image" huge x.sqfs
	refused 64 "'x.tar': must end in" tiny x.tar
	refused 64 "'.sqfs': must end in" tiny .sqfs
	refused 64 "'x': must end in" tiny x
	refused 64 "'/': will not replace" tiny /
	refused 64 "'../': will not replace" tiny ../
	refused 64 "'--comp rar': not zstd" --comp rar tiny x.sqfs
	refused 64 "'--block 5000': not a power of two" --block 5000 tiny x.sqfs
	refused 64 "'--block 2M': not a power of two" --block 2M tiny x.sqfs
	refused 64 "'--block -1': not a size" --block -1 tiny x.sqfs
	refused 64 "'--block': needs a value" --block
	refused 64 "'--frob': unknown option" --frob tiny x.sqfs
	refused 64 "got 1" tiny
	refused 64 "got 3" tiny x.sqfs y.sqfs
	[ ! -e x.sqfs ]
	run -0 "$images" --help
	[[ ${lines[0]} == "Usage: contrib/images "* ]]
}

@test "images: places that cannot be written are refused by one line" {
	refused 1 "'nowhere': no such directory" tiny nowhere/x.sqfs
	touch file
	CH_IMAGE_CACHE=$dir/out/file refused 1 "'$dir/out/file': cannot write there" tiny x.sqfs
	if ((EUID == 0)); then
		run -1 as_user "$images" tiny "$dir/out/x.sqfs"
		[ "$output" = "images: '$dir/out': cannot write there" ]
	fi
}

@test "images: an ordinary user is told that the others need root" {
	if ((EUID == 0)); then
		run -1 as_user "$images" mpi "$dir/user/x.sqfs"
	else
		run -1 "$images" mpi x.sqfs
	fi
	[ "$output" = "images: 'mpi': must be made as root ('tiny' need not)" ]
}

# Its PATH has all commands except one.
without() {
	mkdir "$dir/out/without-$1"
	ln -s /usr/bin/* "$dir/out/without-$1/"
	rm "$dir/out/without-$1/$1"
	PATH=$dir/out/without-$1
}

@test "images: a missing tool is refused, naming its package" {
	without mksquashfs
	refused 1 "'mksquashfs': not found, install the Debian package squashfs-tools" tiny x.sqfs
	PATH=/usr/bin:/bin
	without busybox
	refused 1 "'busybox': not found, install the Debian package busybox-static" tiny x.sqfs
}

# stub COMMAND LINE...: a script of that name comes first in PATH
stub() {
	local command=$1

	shift
	mkdir -p "$dir/out/stubs"
	printf '%s\n' '#!/bin/sh' "$@" >"$dir/out/stubs/$command"
	chmod 755 "$dir/out/stubs/$command"
	PATH=$dir/out/stubs:$PATH
}

@test "images: when mksquashfs fails, one line says why, the old image stays, nothing else" {
	"$images" --quiet tiny f.sqfs
	cp f.sqfs f.orig
	stub mksquashfs 'echo half >"$2"' 'echo "FATAL ERROR: out of everything" >&2' 'exit 1'

	refused 1 "'mksquashfs': FATAL ERROR: out of everything" --quiet --comp lz4 --block 4K tiny f.sqfs

	cmp f.sqfs f.orig
	cache_is_tidy "$dir/cache"
	nothing_left_in .
	"$images" --quiet tiny f2.sqfs
}

# wait_for FILE
wait_for() {
	local i

	for ((i = 0; i < 200; i++)); do
		if [ -e "$1" ]; then
			return
		fi
		sleep 0.05
	done
	return 1
}

# is_gone PID: orphans are reaped by others, a moment later
is_gone() {
	local i

	for ((i = 0; i < 100; i++)); do
		if [ ! -d "/proc/$1" ]; then
			return
		fi
		sleep 0.05
	done
	return 1
}

# interrupted SIGNAL STATUS ARGS...: run and, once a stub has made the file
# "started" (its process number), send SIGNAL
interrupted() {
	local pid status=0

	"$images" --quiet "${@:3}" 3>&- &
	pid=$!
	wait_for started
	kill -s "$1" "$pid"
	wait "$pid" || status=$?
	[ "$status" -eq "$2" ]
}

@test "images: a signal ends it at once, nothing is left" {
	stub mksquashfs "echo \$\$ >$dir/out/started" 'exec sleep 1000'

	interrupted TERM 143 --block 8K tiny g.sqfs

	[ ! -e g.sqfs ]
	is_gone "$(<started)"
	rm started
	cache_is_tidy "$dir/cache"
	nothing_left_in .
}

@test "images: a signal ends debootstrap, its mounts, and its processes" {
	need_root
	export CH_IMAGE_CACHE=$dir/out/cache-boot
	stub debootstrap 'mkdir "$3/proc"' 'mount -t proc proc "$3/proc"' \
		"(setsid sleep 98765 &)" "touch $dir/out/started" 'sleep 98765'

	interrupted TERM 143 debian h.sqfs

	rm started
	cache_is_tidy "$CH_IMAGE_CACHE"
	run -1 grep "$dir" /proc/mounts
	# Its process numbers are those of the namespace: go by the odd argument.
	for i in {1..40}; do
		pgrep -f '^sleep 98765$' || break
		sleep 0.05
	done
	run -1 pgrep -f '^sleep 98765$'
}

@test "images: when debootstrap fails, one line says why, nothing is left" {
	need_root
	export CH_IMAGE_CACHE=$dir/out/cache-boot
	stub debootstrap 'echo "I: Retrieving"' 'echo "E: no such suite"' 'exit 1'

	refused 1 "'debootstrap': E: no such suite" --quiet debian h.sqfs

	cache_is_tidy "$CH_IMAGE_CACHE"
	[ ! -e h.sqfs ]
}

# enter DIR CMD...: in the directory as the root, with the kernel's file systems.
# Not by chroot, in which the kernel refuses to make user namespaces.
enter() {
	unshare --mount --propagation private sh -euc '
		mount --rbind "$1" "$1"
		cd "$1"
		shift
		mount -t proc proc proc
		mount -t sysfs sysfs sys
		mount --rbind /dev dev
		pivot_root . mnt/0
		umount -l /mnt/0
		exec env -i HOME=/root TERM=dumb $(cat ch/environment) "$@"
	' enter "$@"
}

# The big ones come from the user's own cache: making them takes a minute each.
big() {
	if [ -n "$real_cache" ]; then
		CH_IMAGE_CACHE=$real_cache "$images" --quiet "$@"
	else
		env -u CH_IMAGE_CACHE "$images" --quiet "$@"
	fi
}

# check_mpi: the output of mpi-cma with four ranks on one node, and nothing else
check_mpi() {
	printf '%s\n' "$output"
	[ "${#lines[@]}" -eq 8 ]
	local i re='^rank [0-3] of 4 on .+ pid [0-9]+ user:\[[0-9]+\] mnt:\[[0-9]+\]$'
	for i in 0 1 2 3; do
		[[ ${lines[i]} == "rank $i of 4 "* && ${lines[i]} =~ $re ]]
	done
	[ "${lines[4]}" = "size 4 nodes 1" ]
	[ "${lines[5]}" = "cma: ok" ]
	re='^bandwidth: [0-9]+\.[0-9]{2} GB/s between ranks 0 and 1 on .+ \(MPI\)$'
	[[ ${lines[6]} =~ $re ]]
	re='^bandwidth: [0-9]+\.[0-9]{2} GB/s between ranks 0 and 1 on .+ \(process_vm_readv\)$'
	[[ ${lines[7]} =~ $re ]]
}

@test "images: mpi runs under its own mpirun, ranks read each other's memory, no warnings" {
	need_root
	big mpi m/

	run -0 enter m mpirun --allow-run-as-root --oversubscribe -n 4 mpi-cma --require-cma
	check_mpi
	run -0 enter m mpirun --allow-run-as-root -n 1 mpi-cma
	[[ $output == *"size 1 nodes 1"*"cma: not tried"* ]]
	run -0 enter m only-in-image
	[ "$output" = "only-in-image mpi" ]
}

@test "images: mpi reports that ranks in different user namespaces have no CMA, and ends" {
	need_root
	big mpi m/

	run -0 enter m env OMPI_MCA_btl_vader_single_copy_mechanism=none timeout 60 \
		mpirun --allow-run-as-root --oversubscribe -n 2 unshare --user --map-root-user mpi-cma --forbid-cma
	[[ $output == *"cma: failed: Operation not permitted (rank "* ]]
	[[ $output != *bandwidth* ]]
}

@test "images: mpich runs under its own mpiexec, ranks read each other's memory, no warnings" {
	need_root
	big mpich n/

	run -0 enter n mpiexec -n 4 mpi-cma --require-cma
	check_mpi
}

@test "images: debian has numpy, compiled, and empty mount points" {
	need_root
	big debian o/

	for path in dev proc sys run tmp mnt/0 mnt/9; do
		[ -d "o/$path" ]
		[ -z "$(ls -A "o/$path")" ]
	done
	[ -z "$(find o -xdev \( -type b -o -type c \))" ]
	[ -z "$(find o -xdev ! -type l ! -perm -u=r,g=r,o=r)" ]
	[ -z "$(find o -xdev -type f -perm /6000)" ]

	run -0 enter o python3 -c 'import numpy; print(numpy.ones(3).sum())'
	[ "$output" = 3.0 ]
	run -0 enter o python3 -v -c 'import numpy'
	[[ $output != *"wrote "* && $output != *"could not create"* ]]
	[[ $output == *"numpy/__pycache__/__init__.cpython-"* ]]
}
