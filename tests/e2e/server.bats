#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-server by itself, without keeper: what it serves, what it survives, what it refuses.
#
# CH_SERVER: the server to test, if not the installed one (for sanitizer builds).
#
# Scripts are quoted on purpose: they run in the namespace.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2086,SC2154

load ../lib/common

setup_file() {
	local here=$BATS_TEST_DIRNAME

	shared=$(mktemp -d "${TMPDIR:-/var/tmp}/ch-server-test.XXXXXX")
	server=${CH_SERVER:-$(find "$prefix/libexec" "$prefix/lib" -name ch-server -type f | head -n1)}
	harness=$shared/harness
	tree=$here/server_tree
	export shared server harness tree
	"${CC:-cc}" -D_GNU_SOURCE -iquote "$top/lib" -o "$harness" "$here/server_harness.c" \
		"$top/lib/sys/msg.c"
	"${CC:-cc}" -D_GNU_SOURCE -o "$shared/spy" "$here/server_spy.c"
	chmod 755 "$shared"
	mkdir "$shared/mnt" "$shared/small"
	"$tree" make "$shared/tree"
	"$tree" list "$shared/tree" >"$shared/want"
	"$tree" read "$shared/tree" 1 >"$shared/digest"
	pack tree std -comp zstd -Xcompression-level 1
	echo hello >"$shared/small/hello"
	pack small small -comp gzip
}

teardown_file() {
	rm -rf --one-file-system "$shared"
}

setup() {
	ch_setup
	pidfile=$tmp/pid
}

teardown() {
	ch_teardown
}

# pack SOURCE NAME OPTION...: an image of a directory in $shared
pack() {
	mksquashfs "$shared/$1" "$shared/$2.sqfs" -noappend -no-progress -quiet "${@:3}" >/dev/null
	chmod 644 "$shared/$2.sqfs"
}

# serve IMAGE CMD...: CMD with IMAGE at $shared/mnt; $harness_options
serve() {
	local image=$1

	shift
	as_test env mnt="$shared/mnt" pidfile="$pidfile" PATH="$PATH" timeout -k 1 120 "$harness" \
		${harness_options-} -p "$pidfile" "$server" "$image" "$shared/mnt" "$@"
}

same() {
	serve "$1" "$tree" list "$shared/mnt" >"$tmp/got"
	diff "$shared/want" "$tmp/got"
}

# The worker of the supervisor in $pidfile
worker() {
	pgrep -P "$(cat "$pidfile")"
}

# The worker, when there is one that is not BEFORE: a dead one is replaced in a moment.
other_worker() {	# BEFORE
	local try pid

	for ((try = 0; try < 1000; try++)); do
		if pid=$(worker) && [[ $pid != "$1" ]]; then
			echo "$pid"
			return
		fi
		sleep 0.01
	done
	fail "no other worker than '$1'"
}

# Wait until FILE is there, at most 20 s.
wait_for() {
	local try

	for ((try = 0; try < 2000; try++)); do
		[[ -e $1 ]] && return
		sleep 0.01
	done
	fail "no $1"
}

# Are all processes of the server gone, within a few seconds? (Zombies are somebody else's.)
gone() {
	local try

	for ((try = 0; try < 500; try++)); do
		[[ $(ps -o stat= -p "$@") == *[!Z[:space:]]* ]] || return 0
		sleep 0.01
	done
	fail "still there:" "$(ps -p "$@")"
}

# denied RULE: make a server that this is denied (tests/lib/deny.c), and use it
denied() {
	"${CC:-cc}" -D_GNU_SOURCE -o "$shared/deny" "$top/tests/lib/deny.c"
	printf '#!/bin/sh\nexec "%s" %s -- "%s" "$@"\n' "$shared/deny" "$1" "$server" >"$tmp/denied"
	chmod 755 "$tmp/denied"
	server=$tmp/denied
}

@test "server: everything in a tree is as it was, for each compressor" {
	for comp in gzip xz lz4 lzo zstd; do
		pack tree t -comp "$comp"
		same "$shared/t.sqfs"
	done
}

@test "server: everything in a tree is as it was, for each block size" {
	for size in 4K 64K 256K 1M; do
		pack tree t -comp lz4 -b "$size"
		same "$shared/t.sqfs"
	done
}

@test "server: everything in a tree is as it was, for odd images" {
	while read -r options; do
		pack tree t $options
		same "$shared/t.sqfs"
	done <<-'OPTIONS'
		-comp lz4 -no-exports
		-comp lz4 -no-fragments
		-comp zstd -always-use-fragments -no-exports
		-comp lz4 -always-use-fragments -no-duplicates -b 8K
		-noI -noD -noF -noX
		-comp lz4 -no-sparse -no-duplicates
	OPTIONS
}

@test "server: an image without attributes" {
	pack small t -no-xattrs
	run -0 serve "$shared/t.sqfs" sh -c 'cat $mnt/hello; python3 -c "
import os
try:
    print(os.listxattr(\"$mnt/hello\"))
except OSError as e:
    print(e.errno)"'
	assert_match "$output" $'^hello\n(\\[\\]|95)$'
}

@test "server: an image inside another file" {
	{ head -c 8192 /dev/urandom; cat "$shared/std.sqfs"; } >"$tmp/t.sif"
	chmod 644 "$tmp/t.sif"
	harness_options="-o 8192" same "$tmp/t.sif"
}

@test "server: one thread, and many" {
	harness_options="-n 1" same "$shared/std.sqfs"
	harness_options="-n 64" same "$shared/std.sqfs"
}

@test "server: a large directory is listed completely from any position" {
	run -0 serve "$shared/std.sqfs" python3 -c '
import os
d = os.environ["mnt"] + "/many"
names = os.listdir(d)
assert len(names) == len(set(names)) == 10002, len(names)
for name in names[::97] + ["zzz"]:
    os.stat(d + "/" + name)
for name in ["", "a", "zzzz", "entry-with-a-somewhat-longer-name-0", "~", "x" * 255]:
    assert not os.path.exists(d + "/_" + name)'
	run -0 serve "$shared/std.sqfs" "$shared/spy" seekdir "$shared/mnt/many"
}

@test "server: reads beyond the end, and of odd sizes" {
	run -0 serve "$shared/std.sqfs" python3 -c '
import os, random
want = open(os.environ["mnt"] + "/files/mixed", "rb").read()
fd = os.open(os.environ["mnt"] + "/files/mixed", os.O_RDONLY)
random.seed(1)
for _ in range(500):
    off, n = random.randrange(len(want) + 5000), random.randrange(1, 300000)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    assert os.pread(fd, n, off) == want[off:off + n], (off, n)'
}

# cached SIZE WANT: bytes of a file of 3 MiB that the kernel has after reading 4 KiB in its
# middle, in an image with blocks of SIZE. That it becomes WANT is waited for, for a while.
cached() {
	mksquashfs "$tmp/large" "$tmp/large.sqfs" -noappend -no-progress -quiet -b "$1" >/dev/null
	chmod 644 "$tmp/large.sqfs"
	want=$2 serve "$tmp/large.sqfs" sh -c '
		dd if=$mnt/file bs=4k skip=383 count=1 status=none | cksum
		for try in 1 2 3 4 5 6 7 8 9 10; do
			sleep 0.1
			have=$(fincore --bytes --noheadings --output RES $mnt/file)
			[ $have -lt $want ] || break
		done
		echo $have
		cksum <$mnt/file'
}

@test "server: the rest of a large block is given to the kernel, and of a small one is not" {
	mkdir "$tmp/large"
	head -c 3M /dev/urandom >"$tmp/large/file"
	part=$(dd if="$tmp/large/file" bs=4k skip=383 count=1 status=none | cksum)
	all=$(cksum <"$tmp/large/file")
	run -0 cached 1M $((1 << 20))
	assert_equal "$output" "$part"$'\n'"$((1 << 20))"$'\n'"$all"
	run -0 cached 128K $((1 << 20))
	assert_equal "${lines[0]}" "$part"
	((lines[1] <= 256 << 10)) || fail "${lines[1]} bytes"
	assert_equal "${lines[2]}" "$all"
}

@test "server: nothing can be written" {
	run -1 serve "$shared/small.sqfs" sh -c 'touch $mnt/new'
	assert_match "$output" 'Read-only file system'
}

@test "server: the worker is killed 50 times under four readers, and nobody notices" {
	serve "$shared/std.sqfs" bash -c '
		for i in 1 2 3 4; do
			( while [[ ! -e $pidfile.stop ]]; do
				got=$('"$tree"' read "$mnt" 1) || exit
				[[ $got == '"$(cat "$shared/digest")"' ]] || exit
			  done ) & pids="$pids $!"
		done
		for pid in $pids; do wait $pid || exit 1; done' 3>&- &
	local reader=$! kills=0
	wait_for "$pidfile"
	while ((kills < 50)); do
		kill -0 $reader
		kill -KILL "$(worker)" 2>/dev/null && ((++kills))
		sleep 0.05
	done
	touch "$pidfile.stop"
	wait $reader
}

@test "server: a stopped worker is continued" {
	serve "$shared/std.sqfs" bash -c 'touch $pidfile.up; sleep 0.3; '"$tree"' read "$mnt" 1' \
		>"$tmp/got" 3>&- &
	wait_for "$pidfile.up"
	kill -STOP "$(worker)"
	wait $!
	cmp "$shared/digest" "$tmp/got"
}

@test "server: a worker that stays stopped is replaced" {
	[[ $CH_TEST_AS == user ]] || skip "does not apply to root: once is enough"
	denied "kill:$(kill -l CONT)=OK"
	serve "$shared/std.sqfs" bash -c 'touch $pidfile.up; sleep 0.5; '"$tree"' read "$mnt" 1' \
		>"$tmp/got" 3>&- &
	local reader=$! before
	wait_for "$pidfile.up"
	before=$(worker)
	kill -STOP "$before"
	wait $reader
	cmp "$shared/digest" "$tmp/got"
	gone "$before"
}

@test "server: who asks a dead worker is answered by the next one within milliseconds" {
	[[ $CH_TEST_AS == user ]] || skip "does not apply to root: once is enough"
	unsanitized "they take their time to start"
	run -0 serve "$shared/std.sqfs" python3 -c '
import os, signal, subprocess, time
supervisor = open(os.environ["pidfile"]).read().strip()
fd = os.open(os.environ["mnt"] + "/files/mixed", os.O_RDONLY)
times = []
for _ in range(15):
    worker = int(subprocess.check_output(["pgrep", "-P", supervisor]))
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    begin = time.monotonic()
    os.kill(worker, signal.SIGKILL)
    os.pread(fd, 4096, 0)
    times.append(time.monotonic() - begin)
print("%.1f ms" % (1000 * sorted(times)[7]))
assert sorted(times)[7] < 0.05, times'
	echo "$output"
}

@test "server: without its supervisor the worker goes on, and ends in time" {
	serve "$shared/std.sqfs" bash -c 'touch $pidfile.up; sleep 0.5; '"$tree"' read "$mnt" 1' \
		>"$tmp/got" 3>&- &
	local reader=$! pid
	wait_for "$pidfile.up"
	pid=$(worker)
	kill -KILL "$(cat "$pidfile")"
	wait $reader
	cmp "$shared/digest" "$tmp/got"
	gone "$pid"
}

@test "server: signals but SIGKILL do nothing" {
	hold
	local before
	before=$(worker)
	for signal in INT HUP TERM QUIT PIPE TSTP TTIN TTOU USR1 USR2 ALRM; do
		kill -$signal "$before" "$pid"
	done
	sleep 0.2
	assert_equal "$(worker)" "$before"
	go
	assert_equal "$(cat "$tmp/out")" hello
}

@test "server: ends with the last process in the namespace, not before" {
	serve "$shared/std.sqfs" bash -c '(
			for ((i = 0; i < 6000; i++)); do [[ ! -e $pidfile.go ]] || break; sleep 0.01; done
			cat $mnt/files/one >$pidfile.late
		) >/dev/null 2>&1 & touch $pidfile.up' 3>&-
	local pids
	pids=$(cat "$pidfile"),$(worker)
	sleep 0.5
	kill -0 "$(cat "$pidfile")"
	touch "$pidfile.go"
	wait_for "$pidfile.late"
	gone "$pids"
	assert_equal "$(cat "$pidfile.late")" x
}

@test "server: ends with its lifeline" {
	harness_options=-l serve "$shared/small.sqfs" bash -c 'echo $$ >$pidfile.cmd
		touch $pidfile.up; exec sleep 20' 3>&- &
	local pids
	wait_for "$pidfile.up"
	pids=$(cat "$pidfile"),$(worker)
	kill -KILL "$(pgrep -f "^$harness -l")"
	gone "$pids"
	kill -KILL "$(cat "$pidfile.cmd")"
	wait || true
}

# A server of $shared/small.sqfs, in the background, whose file is read when "go" is called:
# what is said is in $tmp/out. $reader, $pid: the supervisor's.
hold() {
	serve "$shared/small.sqfs" bash -c 'touch $pidfile.up
		for ((i = 0; i < 6000; i++)); do
			[[ ! -e $pidfile.go ]] || exec cat $mnt/hello
			sleep 0.01
		done' >"$tmp/out" 2>&1 3>&- &
	reader=$!
	wait_for "$pidfile.up"
	pid=$(cat "$pidfile")
}

go() {
	touch "$pidfile.go"
	wait $reader
}

# The server has ended, and readers are told.
has_given_up() {
	gone "$pid"
	if go; then fail "still served"; fi
	assert_match "$(cat "$tmp/out")" 'Transport endpoint is not connected|Software caused'
}

# How often its threads have gone to sleep
sleeps() {
	awk '/^voluntary_ctxt_switches/ { n += $2 } END { print n }' "/proc/$pid/task"/*/status \
		"/proc/$(worker)/task"/*/status
}

@test "server: does nothing while nobody asks" {
	unsanitized "they have threads of their own"
	hold
	sleep 0.2
	local before
	before=$(sleeps)
	sleep 0.4
	# The supervisor looks every 5 s whether a request is stuck.
	(($(sleeps) - before <= 1)) || fail "$before, then $(sleeps)"
	go
	assert_equal "$(cat "$tmp/out")" hello
}

@test "server: an idle worker may die any number of times" {
	hold
	local before=
	for ((i = 0; i < 15; i++)); do # more than would do if they were of no use
		before=$(other_worker "$before")
		sleep 0.15
		kill -KILL "$before"
	done
	go
	assert_equal "$(cat "$tmp/out")" hello
}

@test "server: gives up when workers cannot live" {
	unsanitized "they need more memory than is limited here"
	hold
	as_test prlimit --pid "$pid" --as=4096: # no memory for any worker to come
	local begin=$SECONDS
	kill -KILL "$(worker)"
	for ((i = 0; i < 150; i++)); do
		[[ $(ps -o stat= -p "$pid") == *[!Z[:space:]]* ]] || break
		sleep 0.1
	done
	((SECONDS - begin >= 2)) # not at once
	has_given_up
}

@test "server: memory that is short for a while is waited for" {
	unsanitized "they need more memory than is limited here"
	hold
	as_test prlimit --pid "$pid" --as=4096:
	kill -KILL "$(worker)"
	sleep 1
	as_test prlimit --pid "$pid" --as=unlimited:
	go
	assert_equal "$(cat "$tmp/out")" hello
}

@test "server: processes that are short for a while are waited for" {
	[[ $CH_TEST_AS == user ]] || skip "does not apply to root, who has no such limit"
	hold
	as_test prlimit --pid "$pid" --nproc=1:
	kill -KILL "$(worker)"
	sleep 1
	run -1 worker
	as_test prlimit --pid "$pid" --nproc="$(ulimit -u):"
	go
	assert_equal "$(cat "$tmp/out")" hello
}

@test "server: serves with fewer threads when there can be no more" {
	[[ $CH_TEST_AS == user ]] || skip "does not apply to root, who has no such limit"
	unsanitized "all threads of the user count"
	harness_options="-n 16" hold
	# In a user namespace of its own (Linux 5.14): the supervisor, the worker, and four threads
	as_test prlimit --pid "$pid" --nproc=6:
	local before
	before=$(worker)
	kill -KILL "$before"
	before=$(other_worker "$before")
	sleep 1
	run -0 find "/proc/$before/task" -mindepth 1 -maxdepth 1
	((${#lines[@]} > 1 && ${#lines[@]} < 17))
	go
	assert_equal "$(cat "$tmp/out")" hello
}

@test "server: gives up when workers are killed all the time" {
	hold
	# By builtin commands, or a hundred of them would take too long for it.
	local worker=
	for ((i = 0; i < 1000; i++)); do
		{ read -r worker <"/proc/$pid/task/$pid/children"; } 2>/dev/null || true
		kill -KILL $worker 2>/dev/null || kill -0 "$pid" 2>/dev/null || break
		sleep 0.01
	done
	has_given_up
}

@test "server: a request may cost several killed workers" {
	serve "$shared/std.sqfs" bash -c '
		while [[ ! -e $pidfile.stop ]]; do
			got=$('"$tree"' read "$mnt" 1) || exit
			[[ $got == '"$(cat "$shared/digest")"' ]] || exit
		done' 3>&- &
	local reader=$! i kills
	wait_for "$pidfile"
	sleep 0.3
	for ((i = 0; i < 15; i++)); do
		for ((kills = 0; kills < 5; )); do
			kill -0 $reader
			kill -KILL "$(worker)" 2>/dev/null && ((++kills))
		done
		sleep 0.3
	done
	touch "$pidfile.stop"
	wait $reader
}

# traced STRACE-OPTION...: make a server that runs under strace, and use it
traced() {
	printf '#!/bin/sh\nexec strace -f -qq -o "%s" %s "%s" "$@"\n' "$tmp/trace" "$*" "$server" \
		>"$tmp/traced"
	chmod 755 "$tmp/traced"
	server=$tmp/traced
}

@test "server: makes no system call that its filters do not expect" {
	traced
	run -0 serve "$shared/std.sqfs" "$tree" read "$shared/mnt" 1
	assert_equal "$output" "$(cat "$shared/digest")"
	run -0 serve "$shared/std.sqfs" bash -c "$tree"' list $mnt >/dev/null
		kill -KILL $(pgrep -P $(pgrep -P $(cat $pidfile))); cat $mnt/files/one'
	# The C library tries new calls first.
	# strace writes "<... clone3 resumed>" when another thread was faster.
	run awk '/= -1 ENOSYS/ && !/ (clone3|rseq|statx)(\(| resumed>)/ || /SIGSYS/' "$tmp/trace"
	assert_equal "$output" ""
	refused_shuts_down
}

refused_shuts_down() {
	echo "this is text" >"$tmp/text"
	refused "$tmp/text" '^server: not a SquashFS file system \('
	grep -qE 'shutdown\(3, SHUT_RD( <unf|\) += 0)' "$tmp/trace"
}

@test "server: inherited descriptors are closed, also without close_range" {
	local fd

	for ((fd = 20; fd < 60; fd++)); do
		eval "exec $fd</dev/null"
	done
	traced -e inject=close_range:error=ENOSYS
	hold
	run -0 find "/proc/$(worker)/fd" -mindepth 1
	for ((fd = 20; fd < 60; fd++)); do
		eval "exec $fd<&-"
	done
	assert_match "$output" "/4"
	run -1 grep -E '/[2-5][0-9]$' <<<"$output"
	go
}

@test "server: a start message that is too long is refused" {
	harness_options=-b run -90 serve "$shared/small.sqfs" true
	assert_match "$output" '^server: receive start message: Message too long \('
}

@test "server: a report is never lost" {
	echo "this is text" >"$tmp/text"
	# Not a counter: functions below us change variables of such names.
	for round in {1..20}; do
		refused "$tmp/text" '^server: not a SquashFS file system \(' || return 1
	done
	[[ $round == 20 ]]
}

@test "server: a directory of 100,000 is listed in linear time, from anywhere, by anybody" {
	python3 - "$shared/huge" <<-'PYTHON'
		import os, sys
		os.makedirs(sys.argv[1])
		os.chdir(sys.argv[1])
		for i in range(100000):
		    os.symlink("x", "entry-%06d" % i)
	PYTHON
	pack huge huge -comp lz4
	rm -rf "$shared/huge"
	run -0 serve "$shared/huge.sqfs" python3 -c '
import os, time
def count(n):
    start = time.monotonic()
    names = 0
    with os.scandir(os.environ["mnt"]) as it:
        for e in it:
            names += 1
            if names == n:
                break
    return names, time.monotonic() - start
n, first = count(10000)
n, all = count(0)
assert n == 100000, n
print("%.2f %.2f" % (first, all))
assert all < 40 * first + 2, (first, all)
assert len(set(os.listdir(os.environ["mnt"]))) == n'
	echo "$output"
	rm -f "$shared/huge.sqfs"
	serve "$shared/std.sqfs" "$shared/spy" seekdir "$shared/mnt/many" 3>&- &
	wait_for "$pidfile"
	for ((i = 0; i < 10; i++)); do
		kill -KILL "$(worker)" 2>/dev/null || true
		sleep 0.05
	done
	wait $!
}

@test "server: its own user can neither trace it nor read its memory" {
	[[ $CH_TEST_AS == user ]] || skip "does not apply to root, who may"
	run -0 serve "$shared/small.sqfs" bash -c '
		for pid in $(cat $pidfile) $(pgrep -P $(cat $pidfile)); do
			'"$shared"'/spy trace $pid || exit 1
		done'
}

# What /proc says of a process of the server, and must
assert_confined() {	# PID FILTERS DESCRIPTOR-REGEX
	local of=/proc/$1 text limits

	text=$(<"$of/status") limits=$(<"$of/limits")
	grep -qx $'NoNewPrivs:\t1' <<<"$text"
	assert_equal "$(grep -cE $'^Cap(Inh|Prm|Eff|Amb):\t0*$' <<<"$text")" 4
	assert_match "$limits" "Max core file size +0 +0 "
	assert_match "$limits" "Max open files +32 +32 "
	[[ $CH_TEST_AS == root ]] || assert_equal "$(stat -c %U "$of/environ" "$of/mem")" $'root\nroot'
	assert_equal "$(readlink "$of/cwd")" /
	run -0 find "$of/fd" -mindepth 1 -printf '%l\n'
	assert_equal "$(grep -vxE "/dev/null|$shared/small.sqfs|/dev/fuse|$reports|$3" <<<"$output")" ""
	! is_sanitized || return 0
	grep -qx $'CapBnd:\t0*' <<<"$text"
	assert_match "$text" $'\nSeccomp:\t2\n'
	[[ $text != *Seccomp_filters* ]] || assert_match "$text" $'Seccomp_filters:\t'"$2"$'\n'
	assert_match "$limits" "Max file size +0 +0 "
}

# No file system but an empty one, no network, nothing of the host's
assert_alone() {	# PID
	local ns

	for ns in user mnt net ipc uts; do
		[[ $(readlink "/proc/$1/ns/$ns") != "$(readlink "/proc/self/ns/$ns")" ]] || fail "$ns"
	done
	assert_equal "$(wc -l <"/proc/$1/mountinfo")" 1
	grep -q ' / / ro,.* - tmpfs ' "/proc/$1/mountinfo"
	assert_equal "$(ls -A "/proc/$1/root")" ""
	assert_equal "$(sed '1,2d; s/:.*//' "/proc/$1/net/dev" | xargs)" lo
	assert_equal "$(wc -l <"/proc/$1/net/unix")" 1
}

@test "server: is confined" {
	local log=none

	[[ ! -S /dev/log ]] || log='socket:.*'
	harness_options=-l hold
	assert_confined "$pid" 1 "anon_inode:\[(pidfd|eventfd|signalfd)\]|$log"
	assert_confined "$(worker)" 2 "anon_inode:\[pidfd\]|$log"
	is_sanitized || assert_alone "$pid"
	is_sanitized || assert_alone "$(worker)"
	go
}

@test "server: where namespaces are forbidden, or used up, it serves without its own" {
	local rule plain=$server

	for rule in unshare unshare=ENOSPC mount pivot_root umount2; do
		server=$plain
		denied "$rule"
		run -0 serve "$shared/small.sqfs" bash -c 'cat $mnt/hello
			for pid in $(cat $pidfile) $(pgrep -P $(cat $pidfile)); do
				grep ^CapEff /proc/$pid/status
			done'
		assert_equal "$output" $'hello\nCapEff:\t0000000000000000\nCapEff:\t0000000000000000'
	done
}

# refused IMAGE REGEX
refused() {
	chmod 644 "$1"
	run -90 serve "$1" true
	assert_match "$output" "$2"
}

@test "server: what is no image is refused by name" {
	echo "this is text" >"$tmp/text"
	refused "$tmp/text" '^server: not a SquashFS file system \('
	head -c 200000 /dev/urandom >"$tmp/random"
	refused "$tmp/random" '^server: not a SquashFS file system \('
	: >"$tmp/empty"
	refused "$tmp/empty" '^server: not a SquashFS file system \('
	refused_lzma
}

refused_lzma() {
	pack small t -comp lzma
	refused "$shared/t.sqfs" '^server: compressed with lzma, which this build cannot read \('
}

@test "server: truncated images are refused with both sizes" {
	local size cut

	size=$(stat -c %s "$shared/std.sqfs")
	for cut in 97 5000 "$((size / 2))" "$((size - 4096))"; do
		head -c "$cut" "$shared/std.sqfs" >"$tmp/cut"
		refused "$tmp/cut" "^server: truncated: $cut bytes, superblock says [0-9]+ \("
	done
}

@test "server: damaged images give errors, never a hang or a crash" {
	local i flips=20

	# As root, this file takes part in "contrib/check --long" only.
	[[ $CH_TEST_AS != root ]] || flips=50
	for ((i = 0; i < flips; i++)); do
		cp "$shared/std.sqfs" "$tmp/bad"
		python3 "$BATS_TEST_DIRNAME/server_flip.py" "$tmp/bad" "$i"
		chmod 644 "$tmp/bad"
		run serve "$tmp/bad" bash -c 'before=$(pgrep -P $(cat $pidfile))
			cd $mnt
			find . -ls >/dev/null 2>&1
			find . -type f -exec cat {} + >/dev/null 2>&1
			find . -print0 2>/dev/null | xargs -0 python3 -c "
import os, sys
for p in sys.argv[1:]:
    try: os.listxattr(p, follow_symlinks=False)
    except OSError: pass"
			[[ $(pgrep -P $(cat $pidfile)) == "$before" ]] || exit 77'
		echo "seed $i: status $status"
		[[ $status == 0 || $status == 90 ]]
	done
}
