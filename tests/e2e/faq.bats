#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run: what users of Charliecloud rely on, by its FAQ and tutorial
# shellcheck disable=SC2016,SC2034,SC2154 # shells inside; variables of run.bash, common.bash

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
	uid=$(as_test id -u)
	gid=$(as_test id -g)
	mounts=()
	# Programs of the host, in the image of a test: libraries and all
	host=(-b /usr -b "$(readlink -f /lib):/lib" -b "$(readlink -f /lib64):/lib64")
}

teardown() {
	local i

	for ((i = ${#mounts[@]} - 1; i >= 0; i--)); do
		umount --lazy "${mounts[i]}"
	done
	ch_teardown
}

# mounted OPTIONS: a tmpfs with these options, $tmp/mnt, for whom as_test means
mounted() {
	mkdir "$tmp/mnt"
	mount -t tmpfs -o "mode=755,$1" charlie-test "$tmp/mnt"
	mounts+=("$tmp/mnt")
	own "$tmp/mnt"
}

# ---- ids and permissions ---------------------------------------------------------------

@test "with --uid=0 one reads what one could make readable, and nothing else" {
	local image

	mkdir "$tmp/d"
	echo surprise >"$tmp/d/mine"
	echo secret >"$tmp/d/theirs"
	echo secret >"$tmp/d/group"
	own "$tmp/d"
	chown "$test_user2:" "$tmp/d/theirs"
	chgrp "$test_user2" "$tmp/d/group"
	chmod 000 "$tmp/d/mine" "$tmp/d/group"
	chmod 600 "$tmp/d/theirs"
	for image in "${both[@]}"; do
		run_ch -u 1234 -b "$tmp/d:/mnt" "$image" -- cat /mnt/mine
		assert_match "$status $output $stderr" "^1  .*Permission denied"
		inside surprise -u 0 -b "$tmp/d:/mnt" "$image" -- cat /mnt/mine
		# Capabilities count where both owner and group are the container's.
		run_ch -u 0 -b "$tmp/d:/mnt" "$image" -- sh -c 'cat /mnt/theirs; cat /mnt/group'
		assert_equal "$status $output $(grep -c 'Permission denied' <<<"$stderr")" "1  2"
	done
	if [[ $CH_TEST_AS == user ]]; then
		run_ch -b "$tmp/d:/mnt" "$sqfs" -- cat /mnt/mine
		assert_match "$status $output $stderr" "^1  .*Permission denied"
	fi
}

@test "chown and chgrp know the container's own ids only, and change nothing" {
	local image

	mkdir "$tmp/d"
	touch "$tmp/d/f"
	own "$tmp/d"
	for image in "${both[@]}"; do
		run_ch -b "$tmp/d:/mnt" "$image" -- sh -c 'chgrp 903 /mnt/f; chgrp 65534 /mnt/f
			chown 903 /mnt/f; chown 65534 /mnt/f'
		assert_equal "$status $(grep -c 'Invalid argument' <<<"$stderr")" "1 4"
		inside "903 $uid" -g 903 -b "$tmp/d:/mnt" "$image" -- \
			sh -c 'chgrp 903 /mnt/f && chown $(id -u) /mnt/f && stat -c "%g %u" /mnt/f'
		inside "0 0" -u 0 -g 0 -b "$tmp/d:/mnt" "$image" -- \
			sh -c 'chown 0:0 /mnt/f && stat -c "%g %u" /mnt/f'
		assert_equal "$(stat -c '%u %g' "$tmp/d/f")" "$uid $gid"
	done
}

@test "supplementary groups: shown as 65534, but their rights are kept" {
	local image

	mkdir "$tmp/d" "$tmp/setgid"
	echo group >"$tmp/d/f"
	own "$tmp"
	chown "$test_user2:90301" "$tmp/d/f"
	chmod 060 "$tmp/d/f"
	chgrp 90301 "$tmp/setgid"
	chmod 2770 "$tmp/setgid"
	root_via=(setpriv --groups "90301,90302,$gid")
	via=(setpriv --reuid "$uid" --regid "$gid" --keep-groups)
	for image in "${both[@]}"; do
		with_groups inside "$gid 65534 group 65534 65534" -b "$tmp/d:/mnt" "$image" -- \
			sh -c 'echo $(id -G | tr " " "\n" | sort -u) $(cat /mnt/f) $(stat -c "%u %g" /mnt/f)'
		with_groups inside "" -b "$tmp/setgid:/mnt" "$image" -- touch /mnt/f
		assert_equal "$(stat -c '%u %g' "$tmp/setgid/f")" "$uid 90301"
		rm "$tmp/setgid/f"
	done
}

# with_groups CMD...: CMD, with as_test setting the ids itself, as runuser takes the groups
# from the user database.
with_groups() {
	local CH_TEST_AS=root

	"$@"
}

@test "--gid=5 lets one give one's terminal to group 5" {
	local image chown='tty=$(tty); echo $(stat -c %g $tty) $(chown $(id -u):5 $tty 2>&1 &&
		stat -c "%u %g" $tty)'

	for image in "${both[@]}"; do
		on_terminal -g 5 "$image" -- sh -c "$chown"
		assert_match "$status $output" "^0 65534 $uid 5"
		[[ $CH_TEST_AS == root ]] || on_terminal "$image" -- sh -c "$chown"
		[[ $CH_TEST_AS != root ]] || on_terminal -u 1234 "$image" -- sh -c "$chown"
		assert_match "$status $output" "^0 65534 chown: .*Invalid argument"
	done
}

# on_terminal ARGS...: ch-run, on a terminal of its own, which group 5 owns, as it should be
on_terminal() {
	run with_fuse env -u TMPDIR timeout 60 python3 -c '
import os, sys
uid, gid = map(int, sys.argv[1:3])
master, slave = os.openpty()
os.fchown(slave, uid, 5)
if os.fork() == 0:
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    os.login_tty(slave)
    os.execvp("ch-run", ["ch-run"] + sys.argv[3:])
os.close(slave)
try:
    while data := os.read(master, 1000):
        os.write(1, data)
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))' "$uid" "$gid" "$@"
}

# ---- commands --------------------------------------------------------------------------

@test "wildcards are the host's shell's, unless a shell inside sees them" {
	local image

	cd "$tmp"
	touch name1 name2
	for image in "${both[@]}"; do
		script 'ch-run "$1" -- ls /opt/bin/only-*' "$image"
		assert_match "$status $output $stderr" '^1  .*/opt/bin/only-\*: No such file'
		script 'ch-run "$1" -- sh -c "ls /opt/bin/only-*"' "$image"
		assert_equal "$status $output$stderr" "0 /opt/bin/only-in-image"
		script 'ch-run "$1" -- echo name*' "$image"
		assert_equal "$status $output$stderr" "0 name1 name2"
	done
}

@test "relative paths of commands begin at the working directory inside" {
	local image

	cd "$tmp"
	for image in "${both[@]}"; do
		inside ok "$image" -- bin/echo ok
		inside ok "$image" -- ./bin/echo ok
		inside ok -c /opt "$image" -- ../bin/echo ok
		refused 49 "execute 'bin/echo' in the container: No such file" -c /opt "$image" -- bin/echo no
	done
}

# ---- images ----------------------------------------------------------------------------

@test "images on noexec: a directory does not run, SquashFS does" {
	mounted noexec
	copy_image "$tmp/mnt/image"
	cp "$sqfs" "$tmp/mnt/image.sqfs"
	own "$tmp/mnt"
	refused 49 "execute 'echo' in the container: .*mounted noexec.*SquashFS" \
		"$tmp/mnt/image" -- echo no
	refused 49 "execute '/bin/sh' in the container: .*mounted noexec" \
		"$tmp/mnt/image" -- /bin/sh -c 'echo no'
	refused 49 "execute '/bin/sh' in the container: .*mounted noexec" \
		-w "$tmp/mnt/image" -- /bin/sh -c 'echo no'
	inside ok "$tmp/mnt/image.sqfs" -- echo ok
	inside ok -W "$tmp/mnt/image.sqfs" -- echo ok
}

@test "images on nosuid,nodev: they run, also read-only, and the flags stay" {
	local image deny options

	mounted nosuid,nodev,noatime
	copy_image "$tmp/mnt/image"
	cp "$sqfs" "$tmp/mnt/image.sqfs"
	mkdir "$tmp/mnt/d"
	own "$tmp/mnt"
	deny=$(program deny)
	# Kernels before 5.12 have no mount_setattr(2).
	for via in "" "$deny mount_setattr=ENOSYS --"; do
		# shellcheck disable=SC2206 # words
		via=($via)
		inside ok "$tmp/mnt/image.sqfs" -- echo ok
		inside ok -w "$tmp/mnt/image" -- echo ok
		run_ch -b "$tmp/mnt/d:/opt:ro" "$tmp/mnt/image" -- \
			awk '$5 == "/" || $5 == "/opt" { print $6 }' /proc/self/mountinfo
		assert_equal "$status$stderr ${#lines[@]}" "0 2"
		for options in "${lines[@]}"; do
			assert_equal "$options" ro,nosuid,nodev,noatime
		done
	done
}

@test "all you need is Bash" {
	local lib

	cd "$tmp"
	mkdir alluneed
	(
		cd alluneed
		mkdir bin dev proc sys tmp
		cp -pL /bin/bash bin
		# Lines are "NAME => PATH (ADDRESS)" or "PATH (ADDRESS)".
		ldd /bin/bash | grep -o '/[^ ]*' | while read -r lib; do
			mkdir -p ".${lib%/*}"
			cp -pL "$lib" ".$lib"
		done
	)
	own alluneed
	run --separate-stderr as_test env -u TMPDIR ch-run --no-passwd ./alluneed -- /bin/bash <<-'END'
		pwd
		echo "hello world"
		ls /
		echo *
	END
	assert_equal "$status" 0
	assert_equal "${lines[0]} ${lines[1]}" "/ hello world"
	assert_equal "${lines[2]}" "$(cd alluneed && echo *)"
	assert_match "$stderr" "line 3: ls: command not found"
}

@test "an unpacked base system runs from a relative path" {
	mkdir "$tmp/base"
	cp -a "$dir"/{bin,etc,opt,usr} "$tmp/base"
	mkdir -p "$tmp/base"/{dev,home,lib,media,mnt,proc,root,run,sbin,srv,sys,tmp,var}
	echo 3.16.3 >"$tmp/base/etc/alpine-release"
	tar -C "$tmp/base" -czf "$tmp/base.tar.gz" .
	[[ $(tar -tf "$tmp/base.tar.gz" | head -n 1) == ./ ]]
	own "$tmp"
	cd "$tmp"
	as_test mkdir alpine
	as_test tar -C alpine -xf base.tar.gz
	run --separate-stderr as_test env -u TMPDIR ch-run ./alpine -- /bin/sh <<-'END'
		pwd
		ls | xargs
		cat /etc/alpine-release
	END
	assert_equal "$status$stderr" 0
	assert_equal "$output" $'/\nbin dev etc home lib media mnt opt proc root run sbin srv sys tmp usr var\n3.16.3'
}

@test "a link in the image leads to where one may write" {
	local image

	copy_image "$tmp/image"
	mkdir -p "$tmp/image/var" "$tmp/logs"
	rm -rf "$tmp/image/var/log"
	ln -s /mnt/0 "$tmp/image/var/log"
	squash "$tmp/image" "$tmp/image.sqfs"
	own "$tmp"
	for image in "$tmp/image" "$tmp/image.sqfs"; do
		inside "" -b "$tmp/logs:/mnt/0" "$image" -- sh -c 'echo entry >>/var/log/app'
	done
	assert_equal "$(<"$tmp/logs/app")" $'entry\nentry'
}

# ---- the host's services -----------------------------------------------------------------

@test "an X11 server is reached by its socket, with the cookie of ~/.Xauthority" {
	local image server display=$((10000 + RANDOM)) made=

	mkdir "$tmp/home"
	echo "cookie $display" >"$tmp/home/.Xauthority"
	chmod 600 "$tmp/home/.Xauthority"
	own "$tmp/home"
	[[ -d /tmp/.X11-unix ]] || made=yes
	mkdir -p /tmp/.X11-unix
	[[ ! $made ]] || chmod 1777 /tmp/.X11-unix
	as_test timeout 60 python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen()
while True:
    c, _ = s.accept()
    c.sendall(b"welcome, " + c.recv(100))
    c.close()' "/tmp/.X11-unix/X$display" 3>&- &
	server=$!
	await 5 test -S "/tmp/.X11-unix/X$display"
	via=(env "HOME=$tmp/home" "DISPLAY=:$display")
	for image in "${both[@]}"; do
		inside "welcome, cookie $display" --home "${host[@]}" "$image" -- /usr/bin/python3 -c '
import os, socket
s = socket.socket(socket.AF_UNIX)
s.connect("/tmp/.X11-unix/X" + os.environ["DISPLAY"][1:])
s.sendall(open(os.environ["HOME"] + "/.Xauthority", "rb").read())
print(s.recv(100).decode().strip())'
	done
	kill "$server"
	wait "$server" || true
	pkill -f "/tmp/.X11-unix/X$display" || true
	rm -f "/tmp/.X11-unix/X$display"
	[[ ! $made ]] || rmdir /tmp/.X11-unix
}

@test "an SSH agent in /tmp answers inside" {
	local image

	as_test ssh-keygen -q -t ed25519 -N '' -C charlie-test -f "$tmp/key"
	for image in "${both[@]}"; do
		script 'eval "$(ssh-agent -s)" >/dev/null; trap "ssh-agent -k >/dev/null" EXIT
			ssh-add -q "$1"; [[ $SSH_AUTH_SOCK == /tmp/* ]] || echo "$SSH_AUTH_SOCK"
			ch-run "${@:2}" -- /usr/bin/ssh-add -l' "$tmp/key" "${host[@]}" "$image"
		assert_equal "$status $stderr" "0 "
		assert_match "$output" "^256 SHA256:[^ ]+ charlie-test \(ED25519\)$"
	done
}
