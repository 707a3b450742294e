#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run: whatever fails, there is one line that says what and why, and nothing is left
# shellcheck disable=SC2016,SC2034,SC2154 # shells inside; variables of run.bash, common.bash

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
	mounts=()
	badfs=
}

teardown() {
	local i

	[[ ! $badfs ]] || bad_end
	for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do
		umount --lazy "${mounts[i]}"
	done
	ch_teardown
}

# ---- damaged images --------------------------------------------------------------------

@test "images with flipped bits: they run, are refused, or give errors" {
	local seed

	for seed in {1..20}; do
		cp "$sqfs" "$tmp/flipped"
		chmod 644 "$tmp/flipped"
		flip "$tmp/flipped" "$seed"
		read_all "$tmp/flipped" || fail "seed $seed"
	done
}

# ---- what the machine does not permit ----------------------------------------------------

# mounted_first SCRIPT: in a mount namespace of its own, root runs SCRIPT before ch-run
mounted_first() {
	root_via=(unshare --mount --propagation private bash -ec "$1"' ; exec "$@"' mounted_first)
}

@test "/dev/fuse is absent" {
	mkdir "$tmp/dev"
	mounted_first "mount -t tmpfs -o mode=755 charlie-test '$tmp/dev'; cd '$tmp/dev'
		for i in null zero full tty random urandom; do touch \$i; mount --bind /dev/\$i \$i; done
		mkdir pts shm; mount --move . /dev; cd /"
	refused 31 "open '/dev/fuse': the kernel module fuse is not loaded, or /dev lacks the device" \
		"$sqfs" -- echo no
	inside ok "$dir" -- echo ok
}

@test "/dev/fuse is closed to the user" {
	# Not root's: for root in a user namespace that would be open.
	mounted_first "mount -t tmpfs charlie-test '$tmp'; mknod -m 600 '$tmp/fuse' c 10 229
		chown '$test_user2:' '$tmp/fuse'
		mount --bind '$tmp/fuse' /dev/fuse"
	refused 31 "open '/dev/fuse': permission denied; it should have mode 0666" "$sqfs" -- echo no
	inside ok "$dir" -- echo ok
}

@test "/dev/fuse is something else" {
	local what

	touch "$tmp/file"
	for what in /dev/null "$tmp/file"; do
		chmod 666 "$tmp/file"
		mounted_first "mount --bind '$what' /dev/fuse"
		refused 31 "'/dev/fuse' is not the device of FUSE" "$sqfs" -- echo no
		inside ok "$dir" -- echo ok
	done
}

@test "user namespaces are exhausted, or there may be none" {
	local image

	for image in "${both[@]}"; do
		via=(unshare -U -r bash -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' sh)
		refused 31 "make a user namespace: the limit user.max_user_namespaces is reached or 0" \
			"$image" -- echo no
		via=(unshare -U -r bash -c 'echo 0 >/proc/sys/user/max_mnt_namespaces; exec "$@"' sh)
		refused 31 "make a mount namespace .*max_mnt_namespaces.*: No space left" "$image" -- echo no
		via=("$(program deny)" unshare --)
		refused 31 "make a user namespace: not permitted to make user namespaces; see the sysctls" \
			"$image" -- echo no
		via=("$(program deny)" unshare=ENOSPC --)
		refused 31 "make a user namespace: the limit user.max_user_namespaces" "$image" -- echo no
		via=("$(program deny)" setns --)
		refused 31 "enter the container's user namespace: Operation not permitted" \
			"$image" -- echo no
	done
}

@test "overlay file systems are not permitted: the line names them, where they are needed" {
	local image errno

	for errno in EPERM ENODEV; do
		root_via=("$(program nofs)" "overlay=$errno" --)
		for image in "${both[@]}"; do
			inside ok "$image" -- echo ok
			inside ok -b "$dir:/opt" "$image" -- echo ok
			refused 31 "'/': mount an overlay: this kernel does not let users mount overlay" \
				-b "$dir:/missing" "$image" -- echo no
			refused 31 "writable layer: mount an overlay: this kernel does not let users" \
				-W "$image" -- echo no
		done
	done
}

@test "any system call of a start is refused: it works all the same, or says so" {
	unsanitized "they make system calls of their own"
	local image rule rules=(clone3 close_range memfd_create mount mount_setattr move_mount
		open_tree openat2 pidfd_open pivot_root prctl seccomp setns signalfd4 socketpair
		umount2 unshare {clone3,close_range,mount_setattr,move_mount,open_tree,openat2}"=ENOSYS")

	for image in "${both[@]}"; do
		for rule in "${rules[@]}"; do
			via=("$(program deny)" "$rule" --)
			works_or_tells -b /etc:/new "$image" -- echo ok || fail "$rule"
		done
	done
}

# works_or_tells ARGS...: ch-run prints "ok", or fails with one line
works_or_tells() {
	run_ch "$@"
	if ((status == 0)); then
		assert_equal "$output$stderr" ok
	else
		assert_match "$status $output$stderr" \
			'^(31|49) ch-run\[[0-9]+\]: error: [^'$'\n'']* \([a-z_-]+\.c:[0-9]+ [0-9]+\)$'
	fi
}

# ---- limits --------------------------------------------------------------------------------

# is_loaded LIMIT: can the system execute ch-run at all?
is_loaded() {
	as_test prlimit "$1" ch-run --version >/dev/null 2>&1
}

@test "memory is short: it works, or says so" {
	unsanitized "they reserve terabytes"
	local image kib least worked=0

	# From where ch-run itself can be loaded
	for ((least = 1000; least < 100000; least += 500)); do
		! is_loaded --as=$((least * 1024)) || break
	done
	for image in "${both[@]}"; do
		for ((kib = least; kib < least + 16000; kib += 1300)); do
			via=(prlimit --as=$((kib * 1024)))
			works_or_tells "$image" -- echo ok || fail "$kib KiB"
			((status != 0)) || worked=$kib
		done
		via=(prlimit --as=$((1 << 31)))
		inside ok "$image" -- echo ok
	done
	((worked))
}

@test "descriptors are few: it works, or says so" {
	local image n

	for image in "${both[@]}"; do
		for n in 4 5 6 7 8 9 10 12 14 16 20 30; do
			is_loaded --nofile=$n || continue
			via=(prlimit "--nofile=$n")
			works_or_tells -b /etc:/new "$image" -- echo ok || fail "$n descriptors"
		done
		inside ok -b /etc:/new "$image" -- echo ok
		# A soft limit is the command's, not the helpers'.
		via=(prlimit --nofile=16:1024)
		inside 16 -b /etc:/new "$image" -- sh -c 'ulimit -n'
	done
}

@test "processes are few: it works, or says so" {
	[[ $CH_TEST_AS == user ]] || skip "does not apply to root, who has no such limit"
	local image n base

	for image in "${both[@]}"; do
		base=$(ps -L --no-headers -U "$test_user" | wc -l)
		for n in 1 2 3 4 5 6 8 12 20; do
			via=(prlimit --nproc=$((base + n)))
			works_or_tells --fuse-threads=4 "$image" -- echo ok || fail "$n processes"
		done
		via=()
		inside ok "$image" -- echo ok
	done
}

@test "files may not have any size: one line" {
	local image

	for image in "${both[@]}"; do
		# To a file nothing could be told.
		via=(bash -c 'prlimit --fsize=0 "$@" 2>&1 | cat >&2; exit "${PIPESTATUS[0]}"' sh)
		refused 31 "the limit on the size of files \(ulimit -f\)" "$image" -- echo no
		via=(prlimit --fsize=1000000)
		inside ok "$image" -- echo ok
	done
}

@test "all temporary directories are full: ch-run needs none of them" {
	local image images=/mnt/charlie-test

	# The images, and the programs, may be below one of them.
	mounted_first "mount -t tmpfs charlie-test /mnt
		mkdir -p $images/dir $images/prefix
		mount --bind '$prefix' $images/prefix
		touch $images/sqfs
		mount --bind '$dir' $images/dir
		mount --bind '$sqfs' $images/sqfs
		for place in /tmp /var/tmp /dev/shm /run; do
			mount -t tmpfs -o size=4k,mode=1777 charlie-test \$place
			! head -c 100000 /dev/zero >\$place/fill
		done 2>/dev/null"
	via=(env "PATH=$images/prefix/bin:$PATH" "CH_KEEPER=$images/prefix/libexec/ch-keeper")
	for image in $images/dir $images/sqfs; do
		inside ok "$image" -- echo ok
		inside "1 more" -b /etc:/new "$image" -- \
			sh -c '(echo x >/tmp/x) 2>/dev/null; echo $? more'
		run_ch -W64k "$image" -- sh -c 'dd if=/dev/zero of=/big bs=64k count=9 2>&1; echo $?; echo ok'
		assert_match "$status$stderr $output" $'^0 dd: .*No space left on device\n.*\n1\nok$'
	done
}

# ---- deaths ----------------------------------------------------------------------------------

# hit WHO SIGNAL WHEN WANTED: keeper, builder, server or worker of a container of $image gets
# SIGNAL, for sure, WHEN (tests/lib/hit.c; /running: while the command runs). WANTED: "in", and
# all goes well; or status and text of the error. Nothing is left.
hit() {
	local report=$tmp/report more=: args

	rm -f "$tmp"/{report,running}
	printf '#!/bin/sh\nexec %s %s %s %s %s %s "$@"\n' "$(program hit)" "$1" "$(kill -l "$2")" \
		"${3/#\//"$tmp/"}" "$report" "$prefix/libexec/ch-keeper" >"$tmp/keeper"
	chmod 755 "$tmp/keeper"
	via=(env "CH_KEEPER=$tmp/keeper")
	# The time that is spent on waiting for it, but where all goes well.
	[[ "$1 $2" != "keeper STOP" || $4 == in ]] || via+=(CH_START_TIMEOUT=1)
	[[ $3 != /running ]] || more='until [ -s /mnt/report ]; do :; done'
	args=(-b "$tmp:/mnt" -b /etc:/new "$image" -- sh -c "touch /mnt/running; $more
		sha256sum /bin/busybox >/dev/null && echo ok")
	if [[ $4 == in ]]; then
		inside ok "${args[@]}"
	else
		refused "${4%% *}" "${4#* }" "${args[@]}"
	fi || fail "$*" || return
	await 10 test -s "$report" || fail "$*: nobody was hit" || return
	# Nobody but us wakes a keeper.
	[[ $2 != STOP ]] || kill -CONT "$(<"$report")" 2>/dev/null || true
	assert_nothing_left || fail "$*"
}

# hits: lines of hit's arguments
hits() {
	local who signal when wanted

	while read -r who signal when wanted; do
		hit "$who" "$signal" "$when" "${wanted/IMAGE/image \'$image\'}" </dev/null || return
	done
}

# In these four, the helpers are held at the moment in question (tests/lib/hit.c).

@test "helpers are killed or stopped as soon as they are there" {
	local image

	for image in "${both[@]}"; do
		hits <<-END
			keeper  KILL keeper:execve    31 the keeper of the container ended unexpectedly
			keeper  STOP keeper:execve    31 IMAGE: no container within 1 s;
			builder KILL builder:unshare  31 the builder of the container ended unexpectedly
			builder STOP builder:unshare  in
		END
	done
	hits <<-END
		server  KILL server:prctl  84 IMAGE: the image server ended unexpectedly
		server  STOP server:prctl  in
		worker  KILL worker:prctl  in
		worker  STOP worker:prctl  in
	END
}

# By pivot_root(2), all of them are at work, and nobody has been let in.
@test "helpers are killed or stopped in the middle of the start" {
	local image

	for image in "${both[@]}"; do
		hits <<-END
			keeper  KILL builder:pivot_root  31 the keeper of the container ended unexpectedly
			keeper  STOP builder:pivot_root  31 IMAGE: no container within 1 s;
			builder KILL builder:pivot_root  31 the builder of the container ended unexpectedly
			builder STOP builder:pivot_root  in
		END
	done
	hits <<-END
		server  KILL builder:pivot_root  in
		server  STOP builder:pivot_root  in
		worker  KILL builder:pivot_root  in
		worker  STOP builder:pivot_root  in
	END
}

# The builder has no more than its own end then; of a directory, there is no helper left.
@test "helpers are killed or stopped after the start" {
	local image=$sqfs

	hits <<-END
		builder KILL builder:exit_group  in
		builder STOP builder:exit_group  in
		keeper  KILL /running            in
		keeper  STOP /running            in
		server  KILL /running            in
		server  STOP /running            in
		worker  KILL /running            in
		worker  STOP /running            in
	END
}

# The worker ends when the command has, and the mount with it; then, one after the other,
# the server and the keeper.
@test "helpers are killed or stopped at the end: too late to matter" {
	local image

	for image in "${both[@]}"; do
		hits <<-END
			keeper KILL keeper:exit_group  in
			keeper STOP keeper:exit_group  in
		END
	done
	hits <<-END
		keeper KILL worker:exit_group  in
		keeper STOP worker:exit_group  in
		server KILL worker:exit_group  in
		server STOP worker:exit_group  in
		server KILL server:exit_group  in
		server STOP server:exit_group  in
		worker KILL worker:exit_group  in
		worker STOP worker:exit_group  in
	END
}

# strike ROLE SIGNAL WHEN ROUNDS IMAGE: see tests/lib/strike; a start takes a while
strike() {
	local i options=()

	for i in {1..60}; do
		options+=(-b "/etc:/new/$i")
	done
	run as_test env -u TMPDIR CH_START_TIMEOUT=1 "$top/tests/lib/strike" "$1" "$2" "$3" "$4" 1 -- \
		ch-run "${options[@]}" "$5" -- sh -c \
		'echo ready; read x; sha256sum /bin/busybox >/dev/null && echo done'
	((status == 0)) || fail "$*" "$output"
	hits=${output%% *}
}

@test "the keeper is killed at any moment" {
	local image

	for image in "${both[@]}"; do
		strike keeper KILL start 20 "$image"
		((hits > 10)) || fail "$hits hits"
	done
	strike keeper KILL exit 10 "$sqfs"
}

@test "the builder is killed at any moment" {
	local image

	for image in "${both[@]}"; do
		strike builder KILL start 20 "$image"
		((hits)) || fail "never hit"
	done
}

@test "the image server is killed at any moment" {
	strike server KILL start 20 "$sqfs"
	((hits > 10)) || fail "$hits hits"
	strike server KILL exit 10 "$sqfs"
	strike worker KILL start 20 "$sqfs"
	strike worker KILL exit 10 "$sqfs"
}

@test "helpers are stopped at any moment" {
	local image

	for image in "${both[@]}"; do
		strike keeper STOP start 3 "$image"
		strike builder STOP start 10 "$image"
	done
	strike keeper STOP exit 5 "$sqfs"
	# When the server ends, the search for leaks traces it, and hangs if it is stopped and
	# continued meanwhile.
	if ! is_sanitized; then
		strike server STOP start 10 "$sqfs"
		strike server STOP exit 5 "$sqfs"
	fi
	strike worker STOP start 10 "$sqfs"
	strike worker STOP exit 5 "$sqfs"
}

@test "a keeper that is stopped is waited for as long as CH_START_TIMEOUT says, and woken" {
	cat >"$tmp/keeper" <<-END
		#!/bin/sh
		kill -STOP \$\$
		exec '$prefix/libexec/ch-keeper'
	END
	chmod 755 "$tmp/keeper"
	own "$tmp"
	via=(env CH_START_TIMEOUT=1 "CH_KEEPER=$tmp/keeper")
	timed refused 31 "image '$sqfs': no container within 1 s; .*CH_START_TIMEOUT" "$sqfs" -- echo no
	((took >= 100 && took < 1500)) || fail "it took $took hundredths of a second"
	assert_nothing_left
	for text in 0 x 1x -1 100000; do
		via=(env "CH_START_TIMEOUT=$text")
		refused 64 "CH_START_TIMEOUT: '$text' is not a number of seconds" "$dir" -- echo no
	done
}

# ---- file systems that fail -------------------------------------------------------------------

# An image as directory "dir" and as file "sqfs" in $tmp/good, with data that no cache holds
make_good() {
	mkdir -p "$tmp/good/dir"/{bin,data,dev,etc,mnt,proc,sys,tmp}
	cp "$dir/bin/busybox" "$tmp/good/dir/bin/sh"
	touch "$tmp/good/dir/mnt/busybox"
	for i in {1..6}; do
		head -c 300000 /dev/urandom >"$tmp/good/dir/data/$i"
	done
	squash "$tmp/good/dir" "$tmp/good/sqfs"
	chmod -R go+rX "$tmp/good"
}

# A file system at $tmp/bad that shows them, and fails when told: see tests/lib/badfs.c
bad_start() {
	make_good
	mkdir "$tmp/bad"
	"$(program badfs fuse3)" "$tmp/good" "$tmp/bad" 3>&- &
	badfs=$!
	await 5 test -e "$tmp/bad/sqfs"
}

bad_end() {
	kill -TERM "$badfs"
	wait "$badfs" || true
	badfs=
}

# Run a container of an image in which a program of the host reads a file for each line of
# input. Descriptors 7 and 8 are its input and output; $talker is the test's child, $reader
# the process inside.
talk_to() {
	rm -f "$tmp/in" "$tmp/out"
	mkfifo -m 666 "$tmp/in" "$tmp/out"
	ch -b "$(command -v busybox):/mnt/busybox" "$1" -- /mnt/busybox sh -c 'echo $$
		while read file; do /mnt/busybox cat /data/$file >/dev/null; echo "read: $?"; done' \
		<"$tmp/in" >"$tmp/out" 2>"$tmp/err" 3>&- &
	talker=$!
	exec 7>"$tmp/in" 8<"$tmp/out"
	read -rt 20 reader <&8
}

# read_file NUMBER STATUS: what it has to say
read_file() {
	echo "$1" >&7
	read -rt 20 line <&8
	assert_equal "$line" "read: $2"
}

@test "an image's file system gives EIO before the start" {
	bad_start
	kill -USR1 "$badfs"
	refused 31 "image '$tmp/bad/sqfs': Input/output error" "$tmp/bad/sqfs" -- sh -c 'echo no'
	refused 49 "execute 'sh' in the container: Input/output error" "$tmp/bad/dir" -- sh -c 'echo no'
	kill -USR2 "$badfs"
	inside ok "$tmp/bad/sqfs" -- sh -c 'echo ok'
	inside ok "$tmp/bad/dir" -- sh -c 'echo ok'
}

@test "an image's file system gives EIO for a while: readers are told, and all goes on" {
	local image

	bad_start
	for image in dir sqfs; do
		talk_to "$tmp/bad/$image"
		read_file 1 0
		kill -USR1 "$badfs"
		read_file 3 1
		read_file 5 1
		kill -USR2 "$badfs"
		read_file 3 0
		read_file 6 0
		exec 7>&- 8<&-
		wait "$talker"
		assert_equal "$(grep -c 'Input/output error' "$tmp/err")" 2
		assert_nothing_left
	done
}

@test "an image's file system hangs before the start: bounded, and Ctrl-C works at once" {
	local image

	bad_start
	for image in dir sqfs; do
		kill -HUP "$badfs"
		via=(env CH_START_TIMEOUT=1)
		refused 31 "image '$tmp/bad/$image': no container within 1 s" "$tmp/bad/$image" -- sh
		assert_nothing_left
		via=()
		interrupted "$tmp/bad/$image"
		assert_nothing_left
		kill -USR2 "$badfs"
		inside ok "$tmp/bad/$image" -- sh -c 'echo ok'
	done
}

# interrupted IMAGE: ch-run ends at once when it gets SIGINT while it waits.
interrupted() {
	script 'set -m; ch-run "$1" -- sh & pid=$!; sleep 0.5; kill -INT $pid
		timeout 10 tail --pid $pid -f /dev/null; echo $?; wait $pid; echo $?' "$1"
	assert_equal "$(xargs <<<"$output")" "0 130"
}

@test "an image's file system hangs during the start" {
	local image delay stopper

	bad_start
	via=(env CH_START_TIMEOUT=1)
	for image in dir sqfs; do
		for delay in 0.002 0.01 0.02 0.05; do
			# The command itself may hang, too.
			(sleep "$delay"; kill -HUP "$badfs"; sleep 1.5; kill -USR2 "$badfs") 3>&- &
			stopper=$!
			works_or_tells -b /etc:/new "$tmp/bad/$image" -- sh -c 'echo ok'
			wait "$stopper"
			assert_nothing_left
		done
	done
}

is_gone() {
	[[ ! -e /proc/$1 || $(awk '$1 == "State:" { print $2 }' "/proc/$1/status" 2>/dev/null) == Z ]]
}

@test "an image's file system hangs while the command runs, which is killed meanwhile" {
	local image

	bad_start
	for image in dir sqfs; do
		talk_to "$tmp/bad/$image"
		read_file 1 0
		kill -HUP "$badfs"
		echo 4 >&7
		sleep 0.3
		kill -KILL "$reader" $(pgrep -P "$reader")
		# It ends while the file system still hangs.
		await 20 is_gone "$reader"
		kill -USR2 "$badfs"
		exec 7>&- 8<&-
		wait "$talker" || true
		assert_nothing_left
	done
}

# ---- images that change under it ----------------------------------------------------------------

# A container of a copy of the image, of which file 1 has been read: $img
change_start() {
	[[ -e $tmp/good ]] || make_good
	img=$tmp/changing
	cp "$tmp/good/sqfs" "$img"
	chmod 644 "$img"
	talk_to "$img"
	read_file 1 0
	worker=$(servers ch-server-w "$img")
}

# The reader is still there, and so is the image server.
change_end() {
	read_file 1 0
	[[ -e /proc/$worker ]]
	exec 7>&- 8<&-
	wait "$talker"
	assert_nothing_left
}

@test "an image is truncated while it is in use: readers of what is gone are told" {
	change_start
	truncate -s 1000000 "$img"
	read_file 6 1
	read_file 5 1
	grep -q 'Input/output error' "$tmp/err"
	truncate -s 0 "$img"
	read_file 3 1
	change_end
}

@test "an image is overwritten while it is in use: readers get errors or the new data, and go on" {
	change_start
	tr '\0-\377' '\377\0-\376' <"$tmp/good/sqfs" >"$img"
	for i in {2..6}; do
		echo "$i" >&7
		read -rt 20 line <&8
		assert_match "$line" '^read: [01]$'
	done
	change_end
}

@test "an image is replaced or removed while it is in use: readers notice nothing" {
	change_start
	cp "$sqfs" "$tmp/new"
	mv "$tmp/new" "$img"
	read_file 4 0
	rm "$img"
	read_file 5 0
	read_file 6 0
	change_end
}
