#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run: how commands end, signals, pipes, background processes, and what is left behind
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
}
teardown() { ch_teardown; }

# ---- exit status --------------------------------------------------------------------------

@test "the command's exit status is ours" {
	local image code

	for image in "${both[@]}"; do
		for code in 0 1 2 31 49 64 84 125 126 255; do
			run_ch "$image" -- sh -c "exit $code"
			assert_equal "$status $output$stderr" "$code "
		done
	done
}

@test "the command's death by a signal is ours" {
	local image signal

	for image in "${both[@]}"; do
		for signal in TERM KILL SEGV HUP PIPE; do
			script 'python3 -c "
import subprocess, sys
print(subprocess.run(sys.argv[1:]).returncode)" ch-run "$1" -- sh -c "kill -$2 \$\$"' "$image" "$signal"
			assert_equal "$status $output" "0 -$(kill -l "$signal")"
		done
	done
}

@test "a command that cannot be executed: 49, and one line that names it" {
	local image

	copy_image "$tmp/image"
	echo text >"$tmp/image/etc/text"
	printf '#!/missing/interpreter\n' >"$tmp/image/bin/script"
	printf '\177ELFgarbage' >"$tmp/image/bin/garbage"
	chmod 755 "$tmp/image/bin/script" "$tmp/image/bin/garbage"
	squash "$tmp/image" "$tmp/image.sqfs"
	for image in "$tmp/image" "$tmp/image.sqfs"; do
		refused 49 "execute 'missing' in the container: No such file or directory" "$image" -- missing
		refused 49 "execute '/bin/missing' in the container: No such file" "$image" -- /bin/missing
		refused 49 "execute '/etc/text' in the container: Permission denied" "$image" -- /etc/text
		refused 49 "execute '/etc' in the container: Permission denied" "$image" -- /etc
		refused 49 "execute 'script' in the container: No such file" "$image" -- script
		refused 49 "execute '' in the container: No such file" "$image" -- ''
	done
}

# ---- images that are none --------------------------------------------------------------------

@test "an image that is missing, empty, or something else: 31, and one line that says so" {
	cd "$tmp"
	: >empty
	echo 'not an image' >text
	tar -C "$dir" -czf image.tar.gz ch
	tar -C "$dir" -cf image.tar ch
	printf '#!/bin/sh\n' >script
	mkfifo pipe
	ln -s loop loop
	own "$tmp"
	refused 31 "image '$tmp/missing': No such file or directory" missing -- echo no
	refused 31 "image '/missing/x': No such file or directory" /missing/x -- echo no
	refused 31 "image '$tmp/empty': not a directory, SquashFS or SIF file, but empty" empty -- echo no
	refused 31 "image '$tmp/text': not a directory, SquashFS or SIF file, but a text file" text -- echo no
	refused 31 "but a gzip file, perhaps a tar archive; convert it with ch-convert" image.tar.gz -- echo no
	refused 31 "but a tar archive; convert it" image.tar -- echo no
	refused 31 "but a script" script -- echo no
	refused 31 "but a program" "$(command -v bash)" -- echo no
	refused 31 "image '$tmp/pipe': neither a directory nor a regular file" pipe -- echo no
	refused 31 "image '/dev/null': neither a directory nor" /dev/null -- echo no
	refused 31 "image '$tmp/loop': Too many levels of symbolic links" loop -- echo no
	refused 31 "image '$tmp/text/x': Not a directory" text/x -- echo no
}

@test "an image that is truncated or damaged: 31 and one line, at once" {
	local size length

	size=$(od -An -t u8 -j 40 -N 8 "$sqfs") # without padding
	for length in 5 95 96 500 $((size / 2)) $((size - 1)); do
		head -c "$length" "$sqfs" >"$tmp/short"
		timed refused 31 "image '$tmp/short': " "$tmp/short" -- echo no
		((took < 1500)) || fail "it took $took hundredths of a second"
	done
	{ printf hsqs; head -c 100000 /dev/urandom; } >"$tmp/noise"
	refused 31 "image '$tmp/noise': " "$tmp/noise" -- echo no
	{ head -c 96 "$sqfs"; head -c "$size" /dev/zero; } >"$tmp/zeros"
	refused 31 "" "$tmp/zeros" -- echo no
}

@test "an image out of the user's reach: 31 and one line" {
	cp "$sqfs" "$tmp/secret.sqfs"
	cp -a "$dir" "$tmp/secret"
	mkdir "$tmp/closed"
	cp "$sqfs" "$tmp/closed"
	chmod 600 "$tmp/secret.sqfs"
	chmod 700 "$tmp/secret" "$tmp/closed"
	if [[ $CH_TEST_AS == root ]]; then
		inside ok "$tmp/secret.sqfs" -- echo ok
		inside ok "$tmp/secret" -- echo ok
	else
		chown root "$tmp"/*
		refused 31 "image '$tmp/secret.sqfs': Permission denied" "$tmp/secret.sqfs" -- echo no
		refused 31 "image '$tmp/secret': Permission denied" "$tmp/secret" -- echo no
		refused 31 "image '$tmp/closed/tiny.sqfs': Permission denied" "$tmp/closed/tiny.sqfs" -- echo no
		# May be listed, but not entered.
		chmod 744 "$tmp/secret"
		refused 31 "Permission denied" "$tmp/secret" -- echo no
	fi
}

@test "an image that changes under the container does no harm to others" {
	cp "$sqfs" "$tmp/image.sqfs"
	own "$tmp"
	script 'ch-run -b "$2:/opt" "$1" -- sh -c "touch /opt/in; until [ -e /opt/go ]; do sleep 0.02; done
			sha256sum </bin/busybox >/dev/null; echo done" & until [[ -e $2/in ]]; do sleep 0.02; done
		rm "$1"; touch "$2/go"; wait $!' "$tmp/image.sqfs" "$tmp"
	assert_equal "$status $output" "0 done"
}

# ---- input and output ---------------------------------------------------------------------------

@test "standard input, output and error are the caller's" {
	local image

	for image in "${both[@]}"; do
		script 'printf "a\nb\n" | ch-run "$1" -- sh -c "cat; echo err >&2; cat /bin/busybox" | sha256sum' "$image"
		assert_equal "$status $stderr" "0 err"
		assert_equal "$output" "$({ printf 'a\nb\n'; cat "$dir/bin/busybox"; } | sha256sum)"
		script 'ch-run "$1" -- sh -c "read x && echo <\$x> || echo eof" <&-' "$image"
		script 'ch-run "$1" -- true <&- >&- 2>&-' "$image"
		assert_equal "$status" 0
		script 'ch-run "$1" -- cat </dev/null' "$image"
		assert_equal "$status $output" "0 "
	done
}

@test "nobody but the command holds pipes: they close with it" {
	local image

	for image in "${both[@]}"; do
		timed script 'x=$(ch-run "$1" -- echo hi); echo "$x"' "$image"
		assert_equal "$status $output" "0 hi"
		((took < 3000)) || fail "it took $took hundredths of a second"
		# A background child that does not hold the pipe: neither does the image server.
		timed script 'x=$(ch-run -b "$2:/out" "$1" -- sh -c \
			"echo hi; until [ -e /out/end ]; do sleep 0.05; done >/dev/null 2>&1 &"); echo "$x"' "$image" "$tmp"
		touch "$tmp/end"
		assert_equal "$status $output" "0 hi"
		((took < 3000)) || fail "it took $took hundredths of a second"
		assert_nothing_left
		rm "$tmp/end"
		script 'ch-run "$1" -- yes | head -n 1; echo "${PIPESTATUS[0]}"' "$image"
		assert_equal "$output" $'y\n141'
	done
}

# ---- signals ------------------------------------------------------------------------------------

@test "signals reach the command, and it may handle them" {
	local image signal

	for image in "${both[@]}"; do
		for signal in TERM INT USR1; do
			script 'exec 3< <(exec ch-run "$1" -- sh -c "trap \"echo got; exit 7\" $2; echo ready; while :; do sleep 0.05; done")
				pid=$!; read -r line <&3; kill -$2 $pid; read -r line <&3; wait $pid; echo "$line $?"' "$image" "$signal"
			assert_equal "$output" "got 7"
		done
	done
}

@test "Ctrl-C at a terminal ends the command" {
	local image

	for image in "${both[@]}"; do
		script 'timeout 20 python3 - "$1" <<-"END"
			import os, pty, sys
			pid, fd = pty.fork()
			if pid == 0:
			    os.execvp("ch-run", ["ch-run", sys.argv[1], "--", "sh", "-c", "echo ready; exec sleep 30"])
			text = b""
			while b"ready" not in text:
			    text += os.read(fd, 100)
			os.write(fd, b"\x03")
			print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
		END' "$image"
		assert_equal "$status $output" "0 -2"
		assert_nothing_left
	done
}

@test "the command stops and goes on like any other" {
	script 'ch-run "$1" -- sh -c "kill -STOP \$\$; exit 5" & pid=$!
		until [[ $(ps -o state= $pid) == T ]]; do sleep 0.05; done
		kill -CONT $pid; wait $pid; echo $?' "$sqfs"
	assert_equal "$output" 5
}

# ---- life of the image -----------------------------------------------------------------------------

@test "background children keep their image, then everything goes" {
	local image

	mkdir "$tmp/out"
	own "$tmp/out"
	for image in "${both[@]}"; do
		run_ch -b "$tmp/out:/out" "$image" -- sh -c '
			(until [ -e /out/go ]; do sleep 0.05; done
			sha256sum </bin/busybox >/out/sum; only=$(/opt/bin/only-in-image); echo "$only" >/out/only
			touch /out/done) </dev/null >/dev/null 2>&1 & echo parent'
		assert_equal "$status $output$stderr" "0 parent"
		touch "$tmp/out/go"
		await 10 test -e "$tmp/out/done"
		assert_equal "$(<"$tmp/out/sum")" "$(sha256sum <"$dir/bin/busybox")"
		assert_match "$(<"$tmp/out/only")" "only-in-image"
		assert_nothing_left
		rm "$tmp/out"/*
	done
}

@test "an orphan in a session of its own keeps its image, too" {
	script 'ch-run -b "$2:/opt" "$1" -- sh -c "setsid sh -c \"echo \\\$\\\$ >/opt/pid; exec sleep 1000\" </dev/null >/dev/null 2>&1 &"
		until [[ -s $2/pid ]]; do sleep 0.02; done; pid=$(<"$2/pid"); sleep 0.3
		grep -c " / / .*fuse.charlie" /proc/$pid/mountinfo; kill "$pid"' "$sqfs" "$tmp"
	assert_equal "$output" 1
	assert_nothing_left
}

@test "the server goes when the command is killed" {
	script 'ch-run "$1" -- sleep 1000 & pid=$!; until [[ $(</proc/$pid/comm) == sleep ]]; do sleep 0.02; done
		kill -KILL $pid; wait $pid; echo $?' "$sqfs"
	assert_match "$output" 137
	assert_nothing_left
}

@test "a shell inside a shell: containers one after the other, quickly" {
	local image start=$SECONDS

	for image in "${both[@]}"; do
		script 'for i in {1..20}; do ch-run "$1" -- true || exit 1; done; echo ok' "$image"
		assert_equal "$status $output$stderr" "0 ok"
	done
	((SECONDS - start < 40)) || fail "it took $((SECONDS - start)) s"
}

@test "a container inside a container" {
	inside ok -b "$prefix:$prefix" -b "$dir:/opt" --set-env="PATH=$prefix/bin:/bin" \
		-b /lib -b /usr -b "$(readlink -f /lib64):/lib64" "$dir" -- \
		"$prefix/bin/ch-run" /opt -- echo ok
}

@test "eight at once, each with its own image server" {
	local image

	for image in "${both[@]}"; do
		script 'for i in {1..8}; do
				ch-run -b "$2:/opt" -u "$i" "$1" -- sh -c "cat /bin/busybox >/dev/null; readlink /proc/self/ns/user; id -u
					touch /opt/in.$i; until [ -e /opt/go ]; do sleep 0.02; done" >"$2/$i" 2>&1 &
			done
			# Numbers of namespaces that are gone are given again.
			for i in {1..8}; do until [[ -e $2/in.$i ]]; do sleep 0.02; done; done; touch "$2/go"; rc=0; for job in $(jobs -p); do wait $job || rc=1; done; echo $rc' "$image" "$tmp"
		[[ $CH_TEST_AS == root || -w $tmp ]]
		assert_equal "$output$stderr" 0
		assert_equal "$(cat "$tmp"/[1-8] | grep ^user: | sort -u | wc -l)" 8
		assert_equal "$(cat "$tmp"/[1-8] | grep -v ^user: | sort | xargs)" "1 2 3 4 5 6 7 8"
		rm -f "$tmp"/{[1-8],in.*,go}
	done
}

# ---- nothing is left ------------------------------------------------------------------------------

@test "killed at any moment of its start, ch-run leaves nothing" {
	local image

	for image in "${both[@]}"; do
		script 'for i in {0..59}; do
				ch-run -b /etc:/new/x "$1" -- sleep 0.01 2>/dev/null & pid=$!
				sleep "0.00$((i % 10))$((RANDOM % 10))"
				((i % 3)) || sleep 0.0$((RANDOM % 2))
				kill -KILL $pid; wait $pid
			done 2>/dev/null; echo over' "$image"
		assert_equal "$status $output" "0 over"
		assert_nothing_left
	done
}

@test "interrupted at any moment of its start, ch-run leaves nothing" {
	script 'set -m; for i in {0..29}; do
			ch-run -W -b /etc:/new/x "$1" -- sleep 0.01 2>/dev/null & pid=$!
			sleep "0.00$((i % 10))$((RANDOM % 10))"
			kill -INT -$pid; wait $pid
		done 2>/dev/null; echo over' "$sqfs"
	assert_equal "$status $output" "0 over"
	assert_nothing_left
}

@test "failures late in the start leave nothing" {
	local image

	for image in "${both[@]}"; do
		run_ch -b /nonexistent "$image" -- true
		assert_equal "$status" 31
		run_ch -c /nonexistent "$image" -- true
		assert_equal "$status" 31
		run_ch --set-env=/nonexistent "$image" -- true
		assert_equal "$status" 31
		run_ch "$image" -- /nonexistent
		assert_equal "$status" 49
	done
	assert_nothing_left
}

@test "a dead keeper does not harm the command" {
	# It has done its work; the server has to stay as long as the command.
	script 'ch-run "$1" -- sh -c "sleep 0.5; sha256sum </bin/busybox" & pid=$!
		until [[ $(</proc/$pid/comm) == sh ]]; do sleep 0.02; done
		pkill -KILL -x ch-keeper; wait $pid; echo $?' "$sqfs"
	assert_equal "${lines[-1]}" 0
	assert_equal "${lines[0]}" "$(sha256sum <"$dir/bin/busybox")"
	assert_nothing_left
}
