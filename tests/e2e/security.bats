#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run: what other users cannot do to it, hostile images and strings, and the limits of -u 0
# shellcheck disable=SC2016,SC2030,SC2031,SC2154 # shells inside; variables of common.bash, bats

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
	background=()
}

teardown() {
	local pid

	touch "$tmp/end"
	for pid in "${background[@]}"; do kill "$pid" 2>/dev/null || true; done
	wait
	ch_teardown
}

is_there() {
	[[ -e $1 ]]
}

# ---- other users ---------------------------------------------------------------------------

# A command that waits, in $image. Then: $ours are keeper and server, $command the command.
start_waiting() {	# IMAGE
	ch -b "$tmp:/mnt/t" "$1" -- sh -c 'echo $$ >/mnt/t/pid
		while [ ! -e /mnt/t/end ]; do sleep 0.1; done' 3>&- 4>&- &
	await 10 test -s "$tmp/pid"
	command=$(<"$tmp/pid")
	# This user's only; with others, those of this test are the newest.
	ours=$(pgrep -n -x ch-keeper)
	[[ -d $1 ]] || ours+=" $(pgrep -x -g "$(pgrep -n -x ch-server)" ch-server | xargs)" ||
		ours+=" $(pgrep -n -x ch-server)"
}

@test "security: another user cannot look into keeper, server and command, nor disturb them" {
	start_waiting "$sqfs"
	# shellcheck disable=SC2086 # one word each
	run -0 as_user2 /usr/bin/python3 "$top/tests/slurm/poke" --other $ours "$command"
	assert_equal "$output" ""
	[[ -e /proc/$command ]]
	# The test can tell.
	as_user2 sleep 30 3>&- &
	background+=($!)
	await 10 pgrep -u "$test_user2" -x sleep
	run -1 as_user2 /usr/bin/python3 "$top/tests/slurm/poke" --other "$(pgrep -n -u "$test_user2" -x sleep)"
	kill -KILL "$(pgrep -n -u "$test_user2" -x sleep)"
	((${#lines[@]} >= 20)) || fail "$output"
}

@test "security: their owner cannot get into keeper and server, either" {
	[[ $CH_TEST_AS == user ]] || skip "does not apply to root"
	start_waiting "$sqfs"
	# shellcheck disable=SC2086
	run -0 as_user /usr/bin/python3 "$top/tests/slurm/poke" $ours
	assert_equal "$output" ""
}

@test "security: images through /proc: the keeper's view, which is the user's" {
	local path

	[[ $CH_TEST_AS == user ]] || skip "does not apply to root"
	cp "$sqfs" "$tmp/i.sqfs"
	chmod 600 "$tmp/i.sqfs"
	chown root "$tmp/i.sqfs"
	sleep 60 9<"$tmp/i.sqfs" 3>&- 4>&- &
	background+=($!)
	refused 31 'Permission denied' "/proc/$!/fd/9" -- true
	refused 31 'Permission denied' "/proc/1/root$sqfs" -- true
	refused 31 'Permission denied' "$tmp/i.sqfs" -- true
	refused 31 'Permission denied' -b /proc/1/root:/mnt/x "$sqfs" -- true
	as_user sleep 60 9<"$sqfs" 3>&- 4>&- &
	background+=($!)
	await 10 pgrep -n -u "$test_user" -x sleep
	inside "only-in-image tiny" "/proc/$(pgrep -n -u "$test_user" -x sleep)/fd/9" -- /opt/bin/only-in-image
	kill "$(pgrep -n -u "$test_user" -x sleep)"
	for path in /proc/self/fd/{0..6} /dev/fd/{3..5}; do
		refused 31 "image '$path': " "$path" -- true
	done
}

# ---- hostile images --------------------------------------------------------------------------

# What is on the host beside the image, and the mounts there
state() {
	find "$tmp/host" -printf '%p %y %m %s %C@\n' | sort
	cat /proc/self/mountinfo
}

# The host's directory that hostile images point to
make_host() {
	mkdir -p "$tmp/host/dir" "$tmp/bind"
	echo passwd >"$tmp/host/file"
	own "$tmp/host" "$tmp/bind"
}

# ch-run does what is asked, or says why not, in one line and soon; the host stays as it is.
harmless() {	# ARGS...
	run_ch "$@"
	[[ $status == 0 && ! $stderr ]] ||
		[[ $status == 31 && ${#stderr_lines[@]} == 1 && $stderr == "ch-run["* ]] ||
		fail "ch-run $*" "status $status" "$output" "$stderr"
	assert_equal "$(state)" "$before"
}

@test "security: images in which everything we mount on is something else" {
	local point kind start modes=(-w -W --no-passwd) n=0

	make_host
	before=$(state)
	for point in dev tmp etc etc/passwd mnt; do
		copy_image "$tmp/image"
		for kind in link up magic dangling loop file fifo device dir; do
			rm -rf "${tmp:?}/image/$point"
			make_point "$tmp/image/$point" $kind
			start=$SECONDS
			harmless --home -t "${modes[n++ % 3]}" -b "$tmp/bind:/mnt/x/y" -b "$tmp/bind:/tmp/x/y" \
				-b "$tmp/host/file:/etc/new" "$tmp/image" -- true
			((SECONDS - start < 20)) || fail "$point $kind: $((SECONDS - start)) s"
		done
		rm -rf "$tmp/image"
	done
}

make_point() {	# PATH KIND
	case $2 in
	link) ln -s "$tmp/host/dir" "$1" ;;
	up) ln -s "../../../../../../../../../..$tmp/host/dir" "$1" ;;
	magic) ln -s "/proc/self/root$tmp/host/dir" "$1" ;;
	dangling) ln -s "$tmp/host/dir/none" "$1" ;;
	loop) ln -s "/${1#"$tmp/image/"}" "$1" ;;
	file) : >"$1" ;;
	fifo) mkfifo "$1" ;;
	device) mknod -m 666 "$1" c 1 5 2>/dev/null || : >"$1" ;;
	dir) mkdir -m 700 "$1" ;;
	esac
	[[ -L $1 ]] || own "$1"
}

@test "security: links below /tmp of the image do not make mount points in binds of the host" {
	make_host
	copy_image "$tmp/image"
	rm -rf "$tmp/image/tmp"
	mkdir "$tmp/image/place"
	own "$tmp/image/place"
	ln -s place "$tmp/image/tmp"
	before=$(state)
	refused 31 "mount point '/tmp/new/x' in the container: No such file" \
		-t -b "$tmp/host:/place" -b "$tmp/bind:/tmp/new/x" "$tmp/image" -- true
	assert_equal "$(state)" "$before"
	# Where nothing is in the way, they are made.
	inside '' -t -b "$tmp/bind:/tmp/new/x" "$tmp/image" -- ls /place/new/x
}

@test "security: an image that changes under the builder: nothing of it on the host" {
	local i

	make_host
	copy_image "$tmp/image"
	mkdir -p "$tmp/image/mnt/a" "$tmp/image/tmp"
	ln -s "$tmp/host/dir" "$tmp/image/link"
	own "$tmp/image/mnt"
	# Directory and link change places, as fast as possible.
	cat >"$tmp/swapper" <<-'END'
		import ctypes, sys
		libc, path = ctypes.CDLL(None), sys.argv[1].encode()
		while True:
		    libc.renameat2(-100, path + b"/mnt", -100, path + b"/link", 2)
	END
	before=$(state)
	# shellcheck disable=SC2046
	as_test $(command -v timeout) 60 /usr/bin/python3 "$tmp/swapper" "$tmp/image" 3>&- 4>&- &
	background+=($!)
	for i in {1..4}; do
		harmless -w -b "$tmp/bind:/mnt/new$i/x" -b "$tmp/host/file:/mnt/file$i" "$tmp/image" -- true
		harmless -b "$tmp/bind:/mnt/a" -b "$tmp/bind:/mnt/b/c" "$tmp/image" -- true
		harmless -W -b "$tmp/bind:/mnt/a" -b "$tmp/bind:/mnt/b/c" "$tmp/image" -- true
	done
	pkill -KILL -f "$tmp/swapper" || true
}

@test "security: a configuration that is no file, or has no end, is refused at once" {
	local target

	copy_image "$tmp/image"
	mkdir -p "$tmp/image/ch"
	own "$tmp/image/ch"
	for target in /dev/zero /dev/random /proc/kmsg /proc/self/environ; do
		ln -sfn "$target" "$tmp/image/ch/config.pulled.json"
		SECONDS=0
		refused 31 "image configuration '/ch/config.pulled.json': " --set-env "$tmp/image" -- true
		((SECONDS < 20)) || fail "$target: $SECONDS s"
	done
	rm "$tmp/image/ch/config.pulled.json"
	mkfifo -m 666 "$tmp/image/ch/config.pulled.json"
	refused 31 "image configuration '/ch/config.pulled.json': not a regular file" --set-env "$tmp/image" -- true
	rm "$tmp/image/ch/config.pulled.json"
	for target in /dev/zero /dev/tty; do
		ln -sfn "$target" "$tmp/image/ch/environment"
		refused 31 "environment file '/ch/environment': " --set-env "$tmp/image" -- true
	done
}

# ---- hostile strings --------------------------------------------------------------------------

# ch-run may do what it likes, if it says one line at most; all of them to $tmp/said.
speaks() {	# [NAME=VALUE] ARGS...
	local env=()

	[[ $1 != *=* || $1 == -* || $1 == /* ]] || { env=("$1"); shift; }
	as_test env -u TMPDIR "${env[@]}" timeout -k 5 60 ch-run "$@" >/dev/null 2>"$tmp/err" </dev/null || true
	grep -av '^sh: ' "$tmp/err" >"$tmp/ours" || true
	(($(wc -l <"$tmp/ours") <= 1)) || fail "$(cat -v "$tmp/ours")"
	cat "$tmp/ours" >>"$tmp/said"
}

@test "security: hostile strings in options: one line, and nothing that a terminal obeys" {
	local text list

	mapfile -d '' list < <("$top/tests/lib/hostile" strings)
	((${#list[@]} == 4))
	for text in "${list[@]}"; do
		# The test can tell.
		run ! "$top/tests/lib/hostile" check 560 < <(printf '%s\n' "$text")
		speaks "/$text" -- true
		speaks -b "$tmp/$text:/x" "$sqfs" -- true
		speaks -b "$tmp:$text" "$sqfs" -- true
		speaks -b "$tmp:/$text:$text" "$sqfs" -- true
		speaks -c "/$text" "$sqfs" -- true
		speaks --set-env="/$text" "$sqfs" -- true
		speaks --set-env="=$text" "$sqfs" -- true
		speaks --uid="$text" "$sqfs" -- true
		speaks -W"$text" "$sqfs" -- true
		speaks "--$text" "$sqfs" -- true
		speaks "$sqfs" -- "$text"
		speaks TMPDIR="/$text" "$sqfs" -- true
		speaks HOME="/$text" --home "$sqfs" -- true
		speaks CH_KEEPER="/$text" "$sqfs" -- true
	done
	run "$top/tests/lib/hostile" check 560 <"$tmp/said"
	assert_equal "$output" ""
	(($(wc -l <"$tmp/said") >= 40)) || fail "$(wc -l <"$tmp/said") messages"
}

# ---- root inside ----------------------------------------------------------------------------

@test "security: with -u 0, files of others stay theirs" {
	local what

	[[ $CH_TEST_AS == user ]] || skip "does not apply to root"
	mkdir "$tmp/d"
	for what in root "$test_user2"; do
		echo secret >"$tmp/d/$what"
		chmod 600 "$tmp/d/$what"
		chown "$what:" "$tmp/d/$what"
	done
	mkdir -m 700 "$tmp/d/private"
	before=$(ls -lnR --time-style=full-iso "$tmp/d")
	run_ch -u 0 -g 0 -b "$tmp/d:/mnt/d" "$sqfs" -- sh -c '
		cd /mnt/d
		for f in root chtest2; do
			cat $f; echo x >>$f; chown 0 $f; chmod 666 $f; rm -f $f; ln $f new; done
		ls private; rmdir private; mknod dev c 1 3; mknod sda b 8 0
		echo 1 >/proc/sys/kernel/printk; echo h >/proc/sysrq-trigger; dmesg -n 1; hostname x
		insmod /opt/bin/only-in-image; reboot -f; swapoff -a
		renice -n -5 $$; kill -STOP 1; cat /proc/1/environ; ls /proc/1/cwd
		chroot /proc/1/root true; cat /dev/mem /dev/kmsg
		exit 0'
	assert_equal "$status $output" "0 "
	assert_match "$stderr" "Permission denied"
	assert_equal "$(ls -lnR --time-style=full-iso "$tmp/d")" "$before"
}

@test "security: with -u 0, mounts made inside stay inside, also where the host shares its own" {
	[[ $CH_TEST_AS == user ]] || skip "does not apply to root"
	mkdir "$tmp/shared" "$tmp/ro"
	echo old >"$tmp/ro/file"
	own "$tmp/shared" "$tmp/ro"
	run -0 unshare --mount --propagation private bash -c '
		set -e
		mount --bind "$1/shared" "$1/shared"
		mount --make-rshared "$1/shared"
		mount --bind "$1/ro" "$1/ro"
		mount -o remount,bind,ro "$1/ro"
		before=$(cat /proc/self/mountinfo)
		. "$2/tests/lib/common.bash" 2>/dev/null || true
		as_user ch-run -u 0 -g 0 -b "$1/shared:/mnt/s" -b "$1/ro:/mnt/ro" "$3" -- sh -c "
			mkdir /mnt/s/m
			mount -t tmpfs tmpfs /mnt/s/m && touch /mnt/s/m/inside && echo mounted
			mount -o remount,bind,rw /mnt/ro && echo writable
			echo new >/mnt/ro/file && echo changed
			umount /mnt/ro; umount -l /mnt/s/m; umount -l /proc; umount -l /sys; exit 0" 2>/dev/null
		[[ "$(cat /proc/self/mountinfo)" == "$before" ]] || diff <(cat /proc/self/mountinfo) - <<<"$before"
		ls -A "$1/shared/m"
		' bash "$tmp" "$top" "$sqfs"
	# It could mount: the test can tell.
	assert_equal "$output" mounted
	assert_equal "$(<"$tmp/ro/file")" old
}
