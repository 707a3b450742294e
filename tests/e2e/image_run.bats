#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# RUN of a build: one command in an image directory (lib/build/run.h)
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run
load ../lib/image_run

setup_file() { make_image_run; }

setup() {
	ch_setup
	image=$tmp/image
	copy_image "$image"
}
teardown() { ch_teardown; }

# state: all that is in the image, with modes and times
state() {
	find "$image" -printf '%P %y %m %s %T@ %l\n' | sort
}

# unchanged ARGS...: runs well, and leaves the image as it was
unchanged() {
	local before

	before=$(state)
	works "$@"
	assert_equal "$(state)" "$before"
}

# killed SIGNAL SECONDS COMMAND: the status of a run that gets SIGNAL as soon as its COMMAND,
# which is to make /tmp/begun, has begun; it may take so long from there
killed() {
	mkdir "$tmp/shared"
	own "$tmp/shared"
	script '
		timeout --foreground "$2" "$4" -t "$3/shared" "$3/image" sh -c "$5" >"$3/out" 2>&1 &
		until [[ -e $3/shared/begun ]]; do sleep 0.02; done
		read -r pid </proc/$!/task/$!/children
		kill "-$1" $pid
		wait $!
		echo "status $?"' "$1" "$2" "$tmp" "$image_run" "$3"
}

# ---- what it is ---------------------------------------------------------------------------

@test "run: as root, in the image, which may be written to" {
	works "$image" sh -c 'id -u; id -g; echo text >/etc/new; pwd'
	assert_equal "$output" $'0\n0\n/'
	assert_equal "$(cat "$image/etc/new")" text
}

@test "run: nothing is left in the image: a command without effect has none" {
	rm -rf "${image:?}"/{dev,proc,sys,tmp,etc/hosts,etc/resolv.conf}
	unchanged "$image" sh -c '[ -e /proc/self/fd/0 ] && [ -c /dev/null ] && cat /etc/hosts >/dev/null'
	unchanged -b "$tmp:/a/b/c" -b "$tmp:/etc/x" -m type=tmpfs,target=/q/r "$image" sh -c '[ -d /a/b/c ]'
	# What the command makes in there stays.
	works -b "$tmp:/a/b/c" "$image" sh -c 'echo >/a/file'
	assert_equal "$(cd "$image" && find a | sort | paste -sd ' ')" 'a a/file'
}

@test "run: the host's resolv.conf, also where the image has none, or a link to nowhere" {
	local link

	for link in ../run/systemd/resolve/stub-resolv.conf /run/x/resolv.conf other; do
		ln -sf "$link" "$image/etc/resolv.conf"
		unchanged "$image" cat /etc/resolv.conf
		assert_equal "$output" "$(cat /etc/resolv.conf)"
	done
	ln -sf ../../../../../tmp/x "$image/etc/resolv.conf"
	ends 1 "$image" cat /etc/resolv.conf
	assert_equal "$(readlink "$image/etc/resolv.conf")" ../../../../../tmp/x
}

@test "run: links of the image lead mount points nowhere else" {
	mkdir "$tmp/outside"
	ln -s "$tmp/outside" "$image/link"
	ln -s ../../../../../../../../../.. "$image/up"
	own "$tmp/outside" "$image"
	unchanged -b "$tmp:/up/a/b" "$image" [ -d /a/b ]
	fails 'mount point' -b "$tmp:/link/a" "$image" true
	assert_equal "$(ls -A "$tmp/outside")" ''
}

@test "run: exit status, signals, and what cannot be executed" {
	ends 7 "$image" sh -c 'exit 7'
	ends 137 "$image" sh -c 'kill -9 $$'
	ends 134 "$image" sh -c 'kill -ABRT $$'
	fails "execute 'missing' in the container: No such file" "$image" missing
	fails "execute '/etc/passwd' in the container: Permission denied" "$image" /etc/passwd
	fails "working directory '/missing' in the image: No such file" -w /missing "$image" true
	fails "image '/missing': No such file" /missing true
}

@test "run: the environment is what was given, and a few defaults" {
	SECRET=1 works -e A=b -e 'C=d e' "$image" env
	assert_equal "$(sort <<<"$output" | grep -v '^CH_RUNNING=.')" 'A=b
C=d e
HOME=/root
PATH=/ch/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
	works -e PATH=/bin -e HOME=/etc "$image" sh -c 'echo $PATH $HOME'
	assert_equal "$output" '/bin /etc'
	ends 0 -e PATH=/bin -w /etc "$image" sh -c 'pwd'
	assert_equal "$output" /etc
}

@test "run: stdin is empty, or a text; a script" {
	run --separate-stderr as_image_run "$image" cat <<<'not for the command'
	assert_equal "$status$output" 0
	works -i $'a text\nof two lines' "$image" cat
	assert_equal "$output" $'a text\nof two lines'
	unchanged -s $'#!/bin/sh\necho "$@" from a script\n' "$image" one 'two three'
	assert_equal "$output" 'one two three from a script'
}

@test "run: descriptors of the build are not the command's" {
	run --separate-stderr as_image_run "$image" sh -c 'ls /proc/self/fd | wc -l' 7</etc/passwd
	assert_equal "$status$output" 04 # 0, 1, 2, and that of ls
}

# ---- output ---------------------------------------------------------------------------------

@test "run: output in its order, where both streams are one; apart, where they are not" {
	run -0 as_image_run "$image" sh -c 'for i in 1 2 3 4 5; do echo $i; echo $i$i >&2; done'
	assert_equal "$(tr '\n' ' ' <<<"$output")" '1 11 2 22 3 33 4 44 5 55 '
	run --separate-stderr as_image_run "$image" sh -c 'echo out; echo err >&2'
	assert_equal "$output/$stderr" out/err
}

@test "run: output comes as it is written, and all of it" {
	script '"$1" "$2" sh -c "echo first; while [ ! -e /etc/go ]; do sleep 0.05; done; echo last" |
		{ read -r line; echo "$line"; : >"$2/etc/go"; cat; }' "$image_run" "$image"
	assert_equal "$output" $'first\nlast'
	script '"$1" "$2" sh -c "yes | head -c 3000000" | { sleep 0.2; md5sum; }; yes | head -c 3000000 | md5sum' \
		"$image_run" "$image"
	assert_equal "${lines[0]}" "${lines[1]}"
}

@test "run: silent, and the last lines" {
	works -q "$image" sh -c 'echo out; echo err >&2'
	assert_equal "$output" ''
	works -q -T "$image" sh -c 'i=0; while [ $i -lt 2000 ]; do i=$((i+1)); echo "line $i"; done
		printf "10%%\r20%%\rdone\n\033[31mred\n"'
	assert_equal "$output" "$(echo tail:; seq -f 'line %g' 1993 2000; echo "done"; echo '?[31mred')"
	works -q -T "$image" true
	assert_equal "$output" tail:
}

@test "run: on a terminal, the command has one, too" {
	script 'script -qec "stty cols 77 rows 22; $1 $2 sh -c \"[ -t 1 ] && [ -t 2 ] && stty size <&1; tty <&1; echo lines\"" /dev/null </dev/null' \
		"$image_run" "$image"
	assert_match "$output" $'^22 77\r\n/dev/pts/[0-9]+\r\nlines'
	script 'script -qec "$1 $2 sh -c \"[ -t 1 ] || echo none; [ -t 2 ] && echo some >&2\" >$3/out" /dev/null; cat "$3/out"' \
		"$image_run" "$image" "$tmp"
	assert_equal "${lines[*]//$'\r'/}" 'some none'
	# But not the user's, to type into.
	script 'script -qec "$1 $2 sh -c \": </dev/tty && echo open\"; : </dev/tty && echo ours" /dev/null </dev/null' \
		"$image_run" "$image"
	assert_match "$output" $'/dev/tty[^\n]*No such device[^\n]*\n[^\n]*ours'
}

@test "run: who reads no more is no reason to wait" {
	script '"$1" "$2" sh -c "yes" | head -n 1; echo "${PIPESTATUS[0]}"' "$image_run" "$image"
	assert_equal "$output" $'y\n141'
}

# ---- the end ----------------------------------------------------------------------------------

@test "run: what the command leaves running ends with it" {
	works "$image" sh -c 'sleep 987 & (setsid sleep 986 &); (trap "" TERM HUP; setsid sleep 985 >/dev/null 2>&1 &); true'
	run ! pgrep -f '^sleep 98[765]$'
}

@test "run: it is process 1 of its own that adopts; its memory is not to be read" {
	works "$image" sh -c '(sh -c "sleep 0.1; echo done >/etc/late" &); i=0
		while [ ! -s /etc/late ] && [ $i -lt 100 ]; do i=$((i+1)); sleep 0.02; done; cat /etc/late
		ls /proc | grep -c "^[0-9]*$"; head -c 1 /proc/1/mem; cat /proc/1/environ; true'
	assert_match "$output" $'^done\n[345]$'
	assert_match "$stderr" "/proc/1/environ.*Permission denied"
}

@test "run: a signal ends it; the mount points are gone" {
	rm -r "$image/tmp"
	before=$(state)
	killed TERM 20 'trap "echo trapped; exit" TERM; sleep 984 & echo >/tmp/begun; wait'
	assert_equal "$output" 'status 143'
	assert_equal "$(cat "$tmp/out")" trapped
	assert_equal "$(state)" "$before"
	run ! pgrep -f '^sleep 984$'
}

@test "run: a command that does not listen is killed" {
	timed killed INT 20 'trap "" INT TERM; echo >/tmp/begun; while :; do sleep 983; done'
	assert_equal "$output" 'status 130'
	((took >= 180 && took < 1000)) || fail "it took $took hundredths of a second"
	run ! pgrep -f '^sleep 983$'
}

@test "run: even if the build is killed, nothing runs on" {
	killed KILL 20 'trap "" INT TERM; echo >/tmp/begun; while :; do sleep 982; done'
	assert_equal "$output" 'status 137'
	await 5 bash -c '! pgrep -f "^sleep 982$"'
}

@test "run: Ctrl-C" {
	run as_test python3 "$top/tests/lib/interrupt" "$image_run" "$image" sh -c \
		'trap "echo trapped; exit 3" INT; echo ready; sleep 981 & wait'
	assert_equal "${output//$'\r'/}" $'ready\n^Ctrapped\nsignal 2'
	run ! pgrep -f '^sleep 981$'
}

# ---- mounts -------------------------------------------------------------------------------------

@test "mounts: bind: read-only, from where it is told to be, links inside" {
	mkdir -p "$tmp/stage/data/dir"
	echo content >"$tmp/stage/data/file"
	ln -s /data "$tmp/stage/link"
	ln -s "$tmp/secret" "$tmp/stage/out"
	echo secret >"$tmp/secret"
	own "$tmp"/{stage,secret}
	unchanged -r "$tmp/stage" -m target=/mnt/x,source=/link/file -m type=bind,target=there,ro -w /etc "$image" \
		sh -c 'cat /mnt/x /etc/there/data/file; echo >/etc/there/new'' || ! echo x >/mnt/x'
	assert_equal "$output" $'content\ncontent'
	assert_match "$stderr" 'Read-only file system'
	# Not even root of the container changes that.
	unchanged -r "$tmp/stage" -m target=/mnt/x "$image" \
		sh -c 'mount -o remount,bind,rw /mnt/x; umount /mnt/x; ! echo x >/mnt/x/new'
	[[ ! -e $tmp/stage/new ]]
	fails "source '/out' in 'the context': No such file" -r "$tmp/stage" -m source=/out,target=/mnt/x "$image" true
	fails "source '../../secret' in 'base'" -r "$tmp/stage" -m from=base,source=../../secret,target=/x "$image" true
}

@test "mounts: bind rw: changes are lost" {
	mkdir -p "$tmp/stage"
	echo content >"$tmp/stage/file"
	own "$tmp/stage"
	unchanged -r "$tmp/stage" -m target=/mnt/x,rw "$image" \
		sh -c 'cd /mnt/x && echo more >>file && echo >new && rm file && ls'
	assert_equal "$output/$(ls "$tmp/stage")" new/file
	fails "only directories can be writable" -r "$tmp/stage" -m source=file,target=/x,rw "$image" true
}

@test "mounts: cache: it lasts, by id; read-only" {
	unchanged -c "$tmp/caches" -m type=cache,target=/var/cache "$image" sh -c 'echo 1 >/var/cache/file'
	works -c "$tmp/caches" -m type=cache,id=/var/cache,target=/x "$image" cat /x/file
	assert_equal "$output" 1
	ends 1 -c "$tmp/caches" -m type=cache,id=other,target=/x "$image" cat /x/file
	works -c "$tmp/caches" -m type=cache,target=/var/cache,ro "$image" sh -c '! echo 2 >/var/cache/file'
	fails "there is no place for caches" -m type=cache,target=/x "$image" true
	assert_equal "$(find "$tmp/caches" -mindepth 1 -maxdepth 1 | wc -l)" 2
}

@test "mounts: cache: shared, private, locked" {
	local command='[ -e /c/busy ] && echo both; echo >/c/busy; echo >/tmp/in.$$
		until [ -e /tmp/go ]; do sleep 0.05; done; rm -f /c/busy'
	mkdir "$tmp/shared"
	own "$tmp/shared"
	for sharing in locked private shared; do
		script 'm=(-c "$3/caches" -t "$3/shared" -m "type=cache,id=$4,target=/c,sharing=$4" "$2" sh -c)
			"$1" "${m[@]}" "$5" & until ls "$3"/shared/in.* >/dev/null 2>&1; do sleep 0.02; done
			"$1" "${m[@]}" "[ -e /c/busy ] && echo busy" >"$3/said" 2>&1 & second=$!
			# To the end, or for the first one
			while kill -0 $second 2>/dev/null && ! grep -qs waiting "$3/said"; do sleep 0.02; done
			touch "$3/shared/go"; wait; cat "$3/said"; rm "$3"/shared/{in.*,go}' \
			"$image_run" "$image" "$tmp" "$sharing" "$command"
		case $sharing in
		shared) assert_equal "$output$stderr" busy ;;
		private) assert_equal "$output$stderr" '' ;;
		locked) assert_equal "$output$stderr" "told: waiting for cache 'locked', which is in use" ;;
		esac
	done
}

@test "mounts: cache: several ones, in any order" {
	local m=(-c "$tmp/caches") hold

	works "${m[@]}" -m type=cache,id=a,target=/a,sharing=locked -m type=cache,id=a,target=/b \
		"$image" sh -c 'echo one >/a/f; cat /b/f'
	assert_equal "$output$stderr" one
	# Who waits for "a" does not have "b" locked.
	hold="$tmp/caches/$(printf a | sha256sum | cut -d ' ' -f 1)"
	script 'flock "$4" sleep 1 & until [[ $(flock -n "$4" echo free) != free ]]; do :; done
		"$1" -c "$3/caches" -m type=cache,id=b,target=/b,sharing=locked -m type=cache,id=a,target=/a,sharing=locked \
			"$2" true 2>"$3/caches/err" &
		until grep -qs waiting "$3/caches/err"; do sleep 0.02; done
		"$1" -c "$3/caches" -m type=cache,id=b,target=/b,sharing=locked "$2" echo free; wait' \
		"$image_run" "$image" "$tmp" "$hold"
	assert_equal "$output$stderr" free
}

@test "mounts: tmpfs: of a size" {
	unchanged -m type=tmpfs,target=/mnt,size=1048576 "$image" sh -c 'dd if=/dev/zero of=/mnt/f bs=64k count=32; stat -c %s /mnt/f'
	assert_equal "$output" 1048576
	assert_match "$stderr" 'No space left'
}

@test "mounts: secret: a file in memory, or a variable; nothing of it is left" {
	unchanged -S 'hunter2' -m type=secret,id=pass "$image" \
		sh -c 'cat /run/secrets/pass; stat -c " %a %h" /run/secrets/pass; df /run/secrets/pass | tail -n 1 | cut -d " " -f 1'
	assert_equal "$output" $'hunter2 400 1\ntmpfs'
	unchanged -S 'hunter2' -m type=secret,id=pass,target=/etc/pass,mode=0444 -m type=secret,id=x,env=PASS "$image" \
		sh -c 'cat /etc/pass; echo " $PASS"; stat -c %a /etc/pass; [ ! -e /run/secrets ]'
	assert_equal "$output" $'hunter2 hunter2\n444'
	run ! grep -rq hunter2 "$image"
	unchanged -m type=secret,id=pass "$image" [ ! -e /run/secrets/pass ]
	fails "required secret 'pass' is not given" -m type=secret,id=pass,required "$image" true
}

@test "mounts: ssh: the socket of an agent" {
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$tmp/agent"
	own "$tmp/agent"
	unchanged -a "$tmp/agent" -m type=ssh "$image" sh -c 'echo $SSH_AUTH_SOCK; [ -S $SSH_AUTH_SOCK ]'
	assert_equal "$output" /run/buildkit/ssh_agent.0
	unchanged -m type=ssh "$image" sh -c '[ ! "$SSH_AUTH_SOCK" ]'
}

@test "mounts: below /tmp: that is not the host's, then" {
	mkdir -p "$tmp/stage" "$tmp/host"
	own "$tmp"/{stage,host}
	works -t "$tmp/host" "$image" sh -c 'echo >/tmp/mine'
	unchanged -t "$tmp/host" -r "$tmp/stage" -m target=/tmp/x "$image" ls /tmp
	assert_equal "$output/$(ls "$tmp/host")" x/mine
}

# ---- root emulation --------------------------------------------------------------------------------

@test "force: modes, and advice when a command fails" {
	local change=(chown 12:34 /etc)
	works "$image" "${change[@]}"
	works -f seccomp "$image" "${change[@]}"
	ends 1 -f none "$image" "${change[@]}"
	assert_match "$stderr" 'told: RUN failed without root emulation: try --force$'
	ends 1 -n -f none "$image" "${change[@]}"
	run ! grep told <<<"$stderr"
	ends 1 -f none "$image" false
	assert_equal "$stderr" ''
	fails "'maybe' is none of seccomp, fakeroot, none" -f maybe "$image" true
	fails 'of no distribution that is known' -f fakeroot "$image" true
}

@test "force: arguments for commands" {
	works -F 'echo,-n,a b' "$image" sh -c 'echo x; echo y'
	assert_equal "$output" 'a b xa b y'
	assert_match "$stderr" "told: --force: RUN: new command: 'sh' '-c'"
	works -F 'echo,-n' "$image" /bin/echo x
	assert_equal "$output" x
	fails "not CMD,ARG" -F echo "$image" true
}

@test "force: apt is told to stay root, by a file that is not in the image" {
	mkdir -p "$image/etc/apt"
	own "$image/etc/apt"
	unchanged "$image" sh -c 'cat "$APT_CONFIG"'
	assert_equal "$output" 'APT::Sandbox::User "root";'
	unchanged -e APT_CONFIG=/mine "$image" sh -c 'echo $APT_CONFIG'
	assert_equal "$output" /mine
	unchanged -F 'x,y' "$image" sh -c 'echo $APT_CONFIG'
	assert_equal "$output" ''
	unchanged -f none "$image" sh -c 'echo $APT_CONFIG'
	assert_equal "$output" ''
}
