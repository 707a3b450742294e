#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What cannot work: srun fails, one line a node says why, nodes stay idle, the application
# does not run on the host, and nothing remains (the last three are slurm_teardown's, too)
# shellcheck disable=SC2016 # variables for shells on the nodes

load ../lib/slurm
load ../lib/slurm_faults

setup_file() {
	slurm_up
	IMG=$(image tiny)
	export IMG
}
teardown_file() { slurm_down; }
setup() { slurm_setup; }
teardown() { slurm_teardown; }

# ---- images -------------------------------------------------------------------------

@test "failures: no such image, as user and as root" {
	both_fail 2 "charlie: n1: image '$share/none.sqfs': No such file or directory" \
		--ch-image="$share/none.sqfs"
	assert_match "$output" "charlie: n2: image '$share/none.sqfs': No such file or directory"
}

@test "failures: one line a node, however many ranks" {
	must_fail 2 -n8 --ch-image="$share/none.sqfs"
}

@test "failures: an image that is truncated, anywhere" {
	size=$(stat -c %s "$IMG")
	for n in 4 50 96 4096 $((size / 2)) $((size - 5000)); do
		head -c "$n" "$IMG" >"$share/cut.sqfs"
		both_fail 1 "charlie: n1: image '$share/cut.sqfs': " --ch-image="$share/cut.sqfs" ||
			fail "$n bytes"
	done
}

@test "failures: an empty file, a text file, a program, an archive" {
	: >"$share/i"
	both_fail 2 "charlie: n1: image '$share/i': not a directory, SquashFS or SIF file, but empty" \
		--ch-image="$share/i"
	echo "not an image" >"$share/i"
	must_fail 2 --ch-image="$share/i"
	assert_match "$output" "charlie: n1: image '$share/i': not a directory, SquashFS or SIF file, but a text file"
	cp /bin/true "$share/i"
	must_fail 2 --ch-image="$share/i"
	assert_match "$output" "charlie: n1: image '$share/i': not a directory, SquashFS or SIF file, but a program"
	tar -cf "$share/i" -C / etc/hosts
	must_fail 2 --ch-image="$share/i"
	assert_match "$output" "charlie: n1: image '$share/i': .*tar archive; convert it with ch-convert"
}

@test "failures: neither a file nor a directory, without waiting for it" {
	mkfifo -m 666 "$share/fifo"
	for path in "$share/fifo" /dev/zero; do
		both_fail 1 "charlie: n1: image '$path': neither a directory nor a regular file" \
			--ch-image="$path"
	done
}

@test "failures: an image that root can read, but not the user" {
	cp "$IMG" "$share/i.sqfs"
	chown root "$share/i.sqfs"
	chmod 600 "$share/i.sqfs"
	must_fail 2 --ch-image="$share/i.sqfs"
	assert_match "$output" "charlie: n1: image '$share/i.sqfs': Permission denied"
	chmod 644 "$share/i.sqfs"
	mkdir -m 700 "$share/private"
	mv "$share/i.sqfs" "$share/private"
	must_fail 2 --ch-image="$share/private/i.sqfs"
	assert_match "$output" "charlie: n2: image '$share/private/i.sqfs': Permission denied"
	# root can, and the node is able to
	run -0 timeout 60 srun -N2 -n2 --ch-image="$share/private/i.sqfs" /opt/bin/only-in-image
}

@test "failures: a directory that is no root of a system: its lack of /dev is no problem" {
	mkdir -p "$share/dir/bin"
	cp "$(command -v busybox)" "$share/dir/bin/true"
	run -0 user srun -n1 --ch-image="$share/dir" true
	chmod 700 "$share/dir"
	chown root "$share/dir"
	must_fail 1 --ch-image="$share/dir"
	assert_match "$output" "charlie: n1: image '$share/dir': Permission denied"
}

@test "failures: an image that is only on one of the nodes" {
	on_node n1 cp "$IMG" /tmp/i.sqfs
	run user srun -N2 -n2 --ch-image=/tmp/i.sqfs sh -c "touch '$marker' 2>/dev/null; /opt/bin/only-in-image"
	((status != 0))
	assert_match "$output" "charlie: n2: image '/tmp/i.sqfs': No such file or directory"
	assert_equal "$(grep -c '^charlie:' <<<"$output")" 1
	[[ ! -e $marker ]]
	on_node n1 rm /tmp/i.sqfs
}

# ---- the request ------------------------------------------------------------------------

@test "failures: a bind source that is missing, or not the user's" {
	both_fail 2 "charlie: n1: bind source '$share/none': No such file or directory" \
		--ch-image="$IMG" --ch-bind="$share/none:/x"
	mkdir -p "$share/private/dir"
	chmod 700 "$share/private"
	must_fail 1 --ch-image="$IMG" --ch-bind="$share/private/dir:/x"
	assert_match "$output" "charlie: n1: bind source '$share/private/dir': Permission denied"
}

@test "failures: a bind destination with '..' is refused; links in the image lead nowhere else" {
	run ! user srun --ch-image="$IMG" --ch-bind="$share:/../x" touch "$marker"
	assert_match "$output" "charlie: .*'/../x'.*'\.\.'"
	both_fail 1 "charlie: n1: .*'/mnt/../../x'.*'\.\.'" --ch-image="$IMG" \
		--ch-env=/dev/null --ch-bind="$share:/mnt/../../x"
	cp -a "$(image tiny dir)" "$share/dir"
	mkdir "$share/host" "$share/host/there"
	ln -s "$share/host" "$share/dir/out"
	ln -s /../../../../../../../../../../../../etc "$share/dir/up"
	chown -hR "$test_user:" "$share/dir" "$share/host"
	for who in user root; do
		run -0 $who srun -n1 --ch-image="$share/dir" \
			--ch-bind="/usr:/out/there,/usr:/up/x" sh -c 'ls -d /out/there/bin /up/x/bin' || fail "$output"
		assert_equal "$(find "$share/host" /etc/x 2>/dev/null)" "$share/host"$'\n'"$share/host/there"
	done
}

@test "failures: what users write is escaped, and cut to a bearable length" {
	must_fail 1 --ch-image="$share/"$'a\nb\e[31mc'
	[[ $output != *$'\e'* ]]
	assert_match "$output" "charlie: n1: image '$share/a"
	long=$(printf 'x%.0s' {1..200})
	must_fail 1 --ch-image="$share/$long/$long/$long"
	line=$(grep '^charlie: n1' <<<"$output")
	((${#line} <= 430)) || fail "${#line} characters"
	assert_match "$line" "image '$share/xxx"
}

# ---- the helper --------------------------------------------------------------------------

# The keeper is this script.
helper() {	# LINE...
	printf '%s\n' '#!/bin/sh' "$@" >"$share/keeper"
	chmod 755 "$share/keeper"
	plugstack "${word-required}" "helper=$share/keeper" "start_timeout=${patience-2}"
}

@test "failures: the helper is missing, or not executable" {
	for word in required optional; do
		plugstack $word "helper=$share/none"
		must_fail 2 --ch-image="$IMG"
		assert_match "$output" "charlie: n1: execute the helper '$share/none': No such file or directory"
	done
	helper
	chmod 644 "$share/keeper"
	must_fail 2 -n8 --ch-image="$IMG"
	assert_match "$output" "charlie: n2: execute the helper '$share/keeper': Permission denied"
}

@test "failures: the keeper is killed before anybody has entered" {
	for word in required optional; do
		helper 'kill -KILL $$'
		both_fail 2 'charlie: n1: the keeper of the container ended unexpectedly' \
			-n8 --ch-image="$IMG"
	done
	helper 'exit 0'
	must_fail 2 -n8 --ch-image="$IMG"
	assert_match "$output" 'charlie: n1: the keeper of the container ended unexpectedly'
}

@test "failures: the keeper is stopped before anybody has entered" {
	patience=1
	start=$SECONDS
	for word in required optional; do
		helper 'kill -STOP $$'
		both_fail 2 'charlie: n1: the keeper of the container gave no answer in time' \
			-n8 --ch-image="$IMG"
	done
	((SECONDS - start < 50)) || fail "took $((SECONDS - start)) s"
}

@test "failures: a keeper that fails in a task's way does not let a batch script out" {
	helper 'kill -KILL $$'
	printf '%s\n' '#!/bin/sh' "touch $marker" >"$share/job"
	batch -o "$share/out" --ch-script=yes --ch-image="$IMG" "$share/job"
	assert_equal "$(job_state "$job")" FAILED
	[[ ! -e $marker ]]
	assert_match "$(<"$share/out")" 'charlie: n1: the keeper of the container ended unexpectedly'
}

# A keeper that answers each question with these bytes: python expressions
answering() {	# CODE
	printf '%s\n' '#!/usr/bin/python3' 'import socket, struct' \
		's = socket.socket(fileno=3)' \
		'def answer(version, code, msg=b"", more=b"", fds=[]):' \
		'    head = struct.pack("=IiI5IQ488s", version, code, 0, 0, 0, 0, 0, 0, 0, msg)' \
		'    socket.send_fds(s, [head + more], fds)' \
		'while s.recv(100):' "    $1" >"$share/keeper"
	chmod 755 "$share/keeper"
	plugstack required "helper=$share/keeper" start_timeout=5
}

@test "failures: a keeper of another version, or one that talks nonsense" {
	answering 'answer(99, 0)'
	must_fail 2 -n8 --ch-image="$IMG"
	assert_match "$output" 'charlie: n1: the keeper is not of our version'
	answering 's.send(b"hi")'
	must_fail 2 -n8 --ch-image="$IMG"
	assert_match "$output" 'charlie: n1: the keeper is not of our version'
	answering 'answer(2, 0)'
	must_fail 2 -n8 --ch-image="$IMG"
	assert_match "$output" "charlie: n1: the keeper's answer is incomplete"
	answering 'answer(2, 0, fds=[0, 0])'
	must_fail 2 -n8 --ch-image="$IMG"
	assert_match "$output" "charlie: n1: enter the container's user namespace: Invalid argument"
	answering 'answer(2, 77, b"positive")'
	must_fail 2 -n8 --ch-image="$IMG"
	answering 'answer(2, -2, b"x" * 488, b"y" * 60000)'
	must_fail 2 -n8 --ch-image="$IMG"
}

@test "failures: what the keeper says is escaped before it is printed" {
	answering 'answer(2, -2, b"one\ntwo\x1b[31mcharlie: n7: three\r")'
	must_fail_escaped
	answering 'answer(2, -2, b"%s%s%n%d")'
	must_fail 1 --ch-image="$IMG"
	assert_match "$output" 'charlie: n1: %s%s%n%d'
}

must_fail_escaped() {
	run user srun -n4 --ch-image="$IMG" touch "$marker"
	((status != 0))
	[[ ! -e $marker && $output != *$'\e'* && $output != *$'\r'* ]]
	assert_equal "$(grep -c '^charlie: n1: one' <<<"$output")" 1
	assert_equal "$(grep -c '^two' <<<"$output")" 0
}

@test "failures: the real keeper is killed or stopped at any time: in, or one line, and an end" {
	patience=1
	# The killer must not keep the keeper's socket.
	for signal in KILL STOP; do
		for delay in 0 0.002 0.005 0.01 0.02; do
			helper "(sleep $delay; exec kill -$signal \$\$) 3>&- 4>&- &" \
				"exec $prefix/libexec/ch-keeper"
			start=$SECONDS
			at_once start_on_both "$signal $delay"
			((SECONDS - start < 15)) || fail "$signal $delay: took $((SECONDS - start)) s"
		done
	done
}

start_on_both() {	# WHAT
	run "$who" srun -N2 -n4 --ch-image="$IMG" sh -c "touch '$marker' 2>/dev/null; exit 42"
	outcome "$who: $1"
}

# ---- later ---------------------------------------------------------------------------------

# One task inside, of $who, which reads the image until it cannot, or share/end is made
start() {
	rm -f "$share"/{started,end}
	chmod 777 "$share"
	$who srun -n1 --ch-image="$IMG" --ch-bind="$share:/share" sh -c '
		touch /share/started
		while [ ! -e /share/end ]; do /opt/bin/only-in-image >/dev/null || exit 3; sleep 0.1; done' \
		>"$share/log" 2>&1 3>&- &
	pid=$!
	wait_until_empty 20 "not started" missing "$share/started"
	keepers_are 1
}

@test "failures: the keeper is killed while the application runs: it goes on, nothing is left" {
	for who in user root; do
		start
		kill -KILL "$(pids_of ch-keeper)"
		sleep 0.5
		touch "$share/end"
		begin=$SECONDS
		wait "$pid" || fail "status $?: $(cat "$share/log")"
		assert_idle
		((SECONDS - begin < 10)) || fail "took $((SECONDS - begin)) s"
	done
}

@test "failures: the image server is killed while the application runs: no hang, nothing left" {
	for who in user root; do
		rm -f "$share"/{started,go}
		chmod 777 "$share"
		$who srun -n1 --ch-image="$IMG" --ch-bind="$share:/share" sh -c '
			touch /share/started; while [ ! -e /share/go ]; do sleep 0.1; done
			cat /ch/environment >/dev/null || exit 3' >"$share/log" 2>&1 3>&- &
		pid=$!
		wait_until_empty 20 "not started" missing "$share/started"
		# At once: a worker may live on without its supervisor.
		kill -KILL -- "-$(pids_of ch-server | xargs -n 1 ps -o pgid= -p | sort -u | xargs)"
		# What the kernel has kept can still be read; this it has not.
		touch "$share/go"
		status=0
		wait "$pid" || status=$?
		assert_equal "$status" 3
	done
}

@test "failures: keeper and server are stopped while the application runs: scancel still ends it" {
	for who in user root; do
		start
		# shellcheck disable=SC2046 # one word each
		kill -STOP $(pids_of ch-keeper) $(pids_of ch-server)
		begin=$SECONDS
		$who scancel --user="$($who id -un)"
		wait "$pid" || true
		assert_idle
		((SECONDS - begin < 20)) || fail "took $((SECONDS - begin)) s"
	done
}

@test "failures: a stopped keeper does not hold up the end of a step" {
	for who in user root; do
		start
		kill -STOP "$(pids_of ch-keeper)"
		begin=$SECONDS
		touch "$share/end"
		wait "$pid"
		assert_idle
		((SECONDS - begin < 10)) || fail "took $((SECONDS - begin)) s"
	done
}

@test "failures: slurmstepd is killed: keeper and server end by themselves" {
	for who in user root; do
		start
		kill -KILL "$(node_processes | awk '$4 == "slurmstepd:" { print $3 }')"
		wait_until_empty 10 "still there" pids_of ch-keeper
		wait_until_empty 10 "still there" pids_of ch-server
		# Slurm leaves the application of a dead slurmstepd alone.
		touch "$share/end"
		$who scancel --user="$($who id -un)"
		wait "$pid" || true
	done
}

# ---- the node -------------------------------------------------------------------------------

# hide_fuse COMMAND: a /dev of n1's own, without fuse, for as long as COMMAND runs
hide_fuse() {
	on_node n1 sh -c 'mkdir /tmp/dev && mount -t tmpfs -o mode=755 dev /tmp/dev && cd /dev &&
		cp -a null zero full random urandom tty ptmx fd stdin stdout stderr /tmp/dev &&
		mkdir /tmp/dev/pts /tmp/dev/shm && mount --bind pts /tmp/dev/pts &&
		mount --bind shm /tmp/dev/shm && mount --rbind /tmp/dev /dev &&
		umount -R /tmp/dev && rmdir /tmp/dev'
	"$@" || hidden=$?
	on_node n1 umount --recursive --lazy /dev
	return "${hidden-0}"
}

@test "failures: /dev/fuse is not there, not open to users, not what it seems" {
	local fuse="charlie: n1: open '/dev/fuse'"

	hide_fuse both_fail 1 "$fuse: the kernel module fuse is not loaded, or /dev lacks the device" \
		--ch-image="$IMG"
	on_node n1 sh -c 'mknod -m 600 /tmp/fuse c 10 229 && mount --bind /tmp/fuse /dev/fuse'
	must_fail 1 --ch-image="$IMG"
	assert_match "$output" "$fuse: permission denied; it should have mode 0666"
	# Root may open it, and a directory needs no FUSE.
	run -0 root srun -w n1 -n1 --ch-image="$IMG" /opt/bin/only-in-image
	run -0 user srun -w n1 -n1 --ch-image="$(image tiny dir)" /opt/bin/only-in-image
	on_node n1 sh -c 'umount /dev/fuse && rm /tmp/fuse && mount --bind /dev/null /dev/fuse'
	both_fail 1 "charlie: n1: '/dev/fuse' is not the device of FUSE, character device 10:229" \
		--ch-image="$IMG"
	on_node n1 umount /dev/fuse
}

# What the kernel refuses, by a filter: rules of tests/lib/deny.c
denying() {	# RULE...
	helper "exec '$(compiled deny)' $* -- $prefix/libexec/ch-keeper \"\$@\""
}

@test "failures: user namespaces are exhausted, or forbidden, as user and as root" {
	# The limit of a user namespace between: as sysctl user.max_user_namespaces=0
	helper "exec unshare -r sh -c 'echo 0 >/proc/sys/user/max_user_namespaces
		exec $prefix/libexec/ch-keeper'"
	both_fail 2 'charlie: n1: make a user namespace: the limit user.max_user_namespaces' \
		--ch-image="$IMG"
	denying unshare
	both_fail 2 'charlie: n1: make a user namespace: not permitted to make user namespaces' \
		--ch-image="$IMG"
	denying unshare=ENOSPC
	both_fail 2 'charlie: n1: make a user namespace: the limit user.max_user_namespaces' \
		--ch-image="$IMG"
}

@test "failures: overlays are forbidden, FUSE is, and all other mounts" {
	local dir

	dir=$(image tiny dir)
	# Flags of overlays and of FUSE, but not of tmpfs.
	denying mount:7
	both_fail 2 "charlie: n1: .*mount an overlay: this kernel does not let users mount overlay" \
		--ch-image="$dir" --ch-bind=/usr:/not/there
	both_fail 2 "charlie: n1: image '$IMG': mount a FUSE file system.*: Operation not permitted" \
		--ch-image="$IMG"
	denying mount=ENODEV
	both_fail 2 "charlie: n1: .*: No such device" --ch-image="$IMG"
	for call in open_tree openat2=ENOSYS move_mount pivot_root umount2 setns socketpair; do
		denying "$call"
		run user srun -N2 --ch-image="$dir" sh -c "touch '$marker' 2>/dev/null; exit 42"
		[[ ! -e $marker ]]
		((status == 42)) || assert_lines 2 || fail "$call"
	done
}

@test "failures: memory for the keeper is short: in, or one line" {
	for kb in 500 2000 3000 4000 10000 100000; do
		helper "ulimit -v $kb" "exec $prefix/libexec/ch-keeper \"\$@\""
		for who in user root; do
			run "$who" srun -Q -w n1 -n2 --ch-image="$IMG" sh -c "touch '$marker' 2>/dev/null; exit 42"
			[[ ! -e $marker ]]
			((status == 42)) || assert_lines 1 || fail "$kb kB"
			assert_idle
		done
	done
	((status == 42)) || fail "$output"
}

@test "failures: images with flipped bits: they run, or not, but do not hang" {
	srun_flipped {1..20}
}
