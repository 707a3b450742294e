#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# ch-run --join: who meets whom, how long the container lasts, and what is left: nothing
# shellcheck disable=SC2016,SC2154 # shells inside; variables of common.bash and bats

load ../lib/common
load ../lib/run

setup() {
	ch_setup
	setup_images
	tag=t$$.$BATS_TEST_NUMBER
}
teardown() { ch_teardown; }

# script TEXT ARGS...: a script of bash as CH_TEST_AS says. In it: $1 is $sqfs, $2 $tmp,
# $3 a tag; "run OPTION... -- COMMAND" is ch-run of the image with --join-tag.
script() {
	run --separate-stderr as_test env -u TMPDIR timeout -k 5 100 bash -c '
		run() { local o=(); while [[ $1 != -- ]]; do o+=("$1"); shift; done
			exec ch-run --join-tag="$tag" -b "$out:/opt" "${o[@]}" "$image" "$@"; }
		until_exists() { for f; do until [[ -e $f ]]; do sleep 0.02; done; done; }
		ns() { readlink "/proc/$1/ns/mnt"; }
		image=$1 out=$2 tag=$3; shift 3; cd "$out"
		'"$1" script "$sqfs" "$tmp" "$tag" "${@:2}"
}

# ---- meeting ------------------------------------------------------------------------------

@test "join: thirty-two at once share one container, and one image server" {
	script 'for i in {1..32}; do
			run --join-ct=32 -- sh -c "for n in mnt user; do readlink /proc/self/ns/\$n; done >/opt/ns.$i
				sha256sum </bin/busybox >/opt/sum.$i
				touch /opt/in.$i; until [ -e /opt/go ]; do sleep 0.02; done" &
		done
		until_exists in.{1..32}
		pgrep -c -x -u "$(id -u)" ch-server
		pgrep -c -x -u "$(id -u)" ch-keeper
		touch go; rc=0; for job in $(jobs -p); do wait $job || rc=1; done; echo $rc'
	assert_equal "$stderr" ""
	assert_equal "$output" $'1\n1\n0'
	assert_equal "$(cat "$tmp"/ns.* | sort -u | wc -l)" 2
	assert_equal "$(cat "$tmp"/ns.* | wc -l)" 64
	assert_equal "$(cat "$tmp"/sum.* | sort -u)" "$(sha256sum <"$dir/bin/busybox")"
}

@test "join: with directory images, too" {
	script 'image=$1; for i in {1..8}; do run -- readlink /proc/self/ns/mnt & done; wait' "$dir"
	assert_equal "$stderr" ""
	# Without a number nobody waits for others, so there may be several.
	assert_equal "${#lines[@]}" 8
	script 'image=$1; for i in {1..8}; do run --join-ct=8 -- readlink /proc/self/ns/mnt & done; wait' "$dir"
	assert_equal "$stderr$(sort -u <<<"$output" | wc -l)" 1
}

@test "join: peers can read each other's memory; without --join they cannot" {
	local image option

	image=$(image debian)
	cp "$top/tests/lib/peek" "$tmp/peek"
	for option in --join-tag="$tag" --verbose; do
		script 'image=$1 option=$2
			peek() { exec ch-run -b "$out:/opt" $option "$image" -- python3 /opt/peek "$@"; }
			(peek serve /opt/a) & until_exists a; (peek read /opt/a); kill $!; wait; rm a' "$image" "$option"
		assert_equal "$output" "$([[ $option == --verbose ]] && echo EPERM || echo ok)"
	done
}

@test "join: tags keep groups apart; so do jobs, steps, PMIx namespaces" {
	script 'start() { (export "${@:2}"; exec ch-run $1 -b "$out:/opt" "$image" -- sh -c \
			"readlink /proc/self/ns/mnt; until [ -e /opt/go ]; do sleep 0.02; done") >ns.$n & n=$((n + 1)); }
		n=0
		start --join-tag=$tag.1 A=; start --join-tag=$tag.2 A=
		start --join-tag=$tag.1 SLURM_JOB_ID=7; start --join-tag=$tag.1 SLURM_JOB_ID=8
		start --join SLURM_JOB_ID=7 SLURM_STEP_ID=0; start --join SLURM_JOB_ID=8 SLURM_STEP_ID=0
		start --join SLURM_JOB_ID=8 SLURM_STEP_ID=1
		start -j PMIX_NAMESPACE=a.$tag SLURM_JOB_ID=8 SLURM_STEP_ID=1; start -j PMIX_NAMESPACE=b.$tag
		until [[ $(cat ns.* | wc -l) == 9 ]]; do sleep 0.02; done; touch go; wait; cat ns.*'
	assert_equal "$stderr" ""
	assert_equal "$(sort -u <<<"$output" | wc -l)" 9
}

@test "join: by default, those of one parent and those of one step meet" {
	local group

	script 'one() { ch-run --join-ct=4 "$image" -- readlink /proc/self/ns/mnt; }
		for i in 1 2 3 4; do ch-run --join-ct=4 "$image" -- readlink /proc/self/ns/mnt & done; wait; echo ---
		export SLURM_JOB_ID=9$$ SLURM_STEP_ID=3 SLURM_STEP_TASKS_PER_NODE="9,4(x2)" SLURM_NODEID=1
		for i in 1 2 3 4; do (one) & done; wait; echo ---
		export PMIX_NAMESPACE=$tag; for i in 1 2 3 4; do (one) & done; wait'
	assert_equal "$stderr" ""
	assert_equal "$(grep -c mnt: <<<"$output")" 12
	# Numbers of namespaces that are gone are given again.
	for group in 1 2 3; do
		assert_equal "$(awk -v n="$group" 'BEGIN { RS = "---" } NR == n' <<<"$output" |
			sort | uniq -c | grep -c ' 4 mnt:')" 1
	done
}

@test "join: users with one tag do not meet" {
	((EUID == 0)) || fail "needs root"
	# Numbers of namespaces that are gone are given again.
	mkdir -m 777 "$tmp/open"
	as_user timeout -k 5 60 ch-run --join-tag="$tag" -b "$tmp/open:/opt" "$sqfs" -- sh -c \
		'readlink /proc/self/ns/mnt; until [ -e /opt/go ]; do sleep 0.02; done' >"$BATS_TEST_TMPDIR/a" 3>&- &
	await 20 test -s "$BATS_TEST_TMPDIR/a"
	as_user2 timeout -k 5 60 ch-run --join-tag="$tag" "$sqfs" -- sh -c 'readlink /proc/self/ns/mnt; id -un' >"$BATS_TEST_TMPDIR/b"
	assert_equal "$(sed -n 2p "$BATS_TEST_TMPDIR/b")" "$test_user2"
	touch "$tmp/open/go"
	wait
	[[ $(head -n 1 "$BATS_TEST_TMPDIR/a") != $(head -n 1 "$BATS_TEST_TMPDIR/b") ]]
}

# ---- life ---------------------------------------------------------------------------------

@test "join: the first one may end before the others; late ones still get in" {
	script 'run -- sh -c "touch /opt/first; until [ -e /opt/second ]; do sleep 0.02; done" & until_exists first
		run -- sh -c "readlink /proc/self/ns/mnt; touch /opt/second; until [ -e /opt/third ]; do sleep 0.02; done
			sha256sum </bin/busybox" & wait %1; pgrep -c -x -u "$(id -u)" ch-keeper
		(run -- sh -c "readlink /proc/self/ns/mnt; touch /opt/third; sleep 0.3; /opt/../bin/echo third") ; wait'
	assert_equal "$stderr" ""
	assert_equal "$(grep mnt: <<<"$output" | sort -u | wc -l)" 1
	assert_equal "$(grep -vc mnt: <<<"$output")" 3
	assert_match "$output" "$(sha256sum <"$dir/bin/busybox" | cut -c-64)"
}

@test "join: background children keep the image when all peers have ended" {
	script 'for i in 1 2; do run --join-ct=2 -- sh -c "(until [ -e /opt/go ]; do sleep 0.02; done
			sha256sum </bin/busybox >/opt/sum.$i) </dev/null >/dev/null 2>&1 &" & done; wait
		sleep 0.5; touch go; until_exists sum.1 sum.2; sleep 0.2; cat sum.*'
	assert_equal "$stderr" ""
	assert_equal "$(sort -u <<<"$output")" "$(sha256sum <"$dir/bin/busybox")"
	assert_nothing_left
}

@test "join: a number that is wrong neither hangs nor leaks" {
	local ct begin

	for ct in 1 2 1000; do
		begin=$SECONDS
		script 'for i in 1 2 3; do run --join-ct=$1 -- true & done; wait' "$ct"
		assert_equal "$status$output$stderr" 0
		((SECONDS - begin < 4)) || fail "$ct: $((SECONDS - begin)) s"
	done
	# The keeper waits for those who do not come, but no longer than five seconds.
	assert_nothing_left
}

@test "join: while peers are missing, the container waits for them" {
	script '(run --join-ct=2 -- readlink /proc/self/ns/mnt); sleep 0.5; (run --join-ct=2 -- readlink /proc/self/ns/mnt)'
	assert_equal "$stderr$(sort -u <<<"$output" | wc -l)" 1
}

@test "join: the first peer is killed at any moment: the others get a container" {
	script 'for i in {0..19}; do
			(run --join-ct=3 -- true) 2>/dev/null & first=$!
			(run --join-ct=3 -- echo in) & (run --join-ct=3 -- echo in) &
			sleep 0.00$((i % 10)); kill -KILL $first; wait; wait
		done 2>/dev/null'
	assert_equal "$(grep -c in <<<"$output")" 40
	assert_nothing_left
}

@test "join: the keeper is killed: who is in goes on, the next one makes a new container" {
	script 'run -- sh -c "readlink /proc/self/ns/mnt; touch /opt/in; until [ -e /opt/go ]; do sleep 0.02; done; sha256sum </bin/busybox" &
		until_exists in; pkill -KILL -x -u "$(id -u)" ch-keeper; (run -- readlink /proc/self/ns/mnt); touch go; wait'
	assert_equal "$status$stderr" 0
	assert_equal "$(grep mnt: <<<"$output" | sort -u | wc -l)" 2
	assert_match "$output" "$(sha256sum <"$dir/bin/busybox" | cut -c-64)"
}

@test "join: peers' commands have no child, and Ctrl-C does not reach the keeper" {
	script 'run -- sh -c "read -r c </proc/\$\$/task/\$\$/children; echo \"<\$c>\"; touch /opt/in; until [ -e /opt/go ]; do sleep 0.02; done" &
		until_exists in; k=$(pgrep -x -u "$(id -u)" ch-keeper)
		[[ $(ps -o sid= -p $k) != $(ps -o sid= -p $$) && $(ps -o ppid= -p $k) != $! ]] && echo apart
		touch go; wait'
	assert_equal "$status$stderr" 0
	assert_equal "$output" $'<>\napart'
}

@test "join: peers have no capabilities, also as uid 0" {
	script '(run -u 0 -- awk "\$1 == \"CapEff:\" { print \$2 }" /proc/self/status)'
	assert_equal "$output$stderr" 0000000000000000
}

# ---- what each peer decides -------------------------------------------------------------------

@test "join: who wants another container is told in one line; environment and directory are its own" {
	script 'run -- sh -c "touch /opt/in; until [ -e /opt/go ]; do sleep 0.02; done" & until_exists in
		(run --set-env=A=own -c /opt -- sh -c "echo \$A; pwd -P")
		(run -u 4321 -b /etc:/mnt/new --set-env=A=own -- sh -c "echo \$A; id -u; test -e /mnt/new || echo none"); touch go; wait'
	assert_equal "$output" "own"$'\n'/opt$'\n'own$'\n'"$(as_test id -u)"$'\n'none
	assert_equal "${#stderr_lines[@]}" 1
	assert_match "$stderr" '^ch-run\[[0-9]+\]: warning: joined a container that was made with other options; '
}

@test "join: a container that cannot be made is an error line for each" {
	script 'for i in 1 2 3 4; do run --join-ct=4 -b /nonexistent -- echo no & done; rc=; for job in $(jobs -p); do wait $job; rc+=" $?"; done; echo $rc'
	assert_equal "$output" "31 31 31 31"
	assert_equal "${#stderr_lines[@]}" 4
	assert_equal "$(grep -c "error: bind source '/nonexistent': No such file or directory" <<<"$stderr")" 4
	assert_nothing_left
}

@test "join: a keeper that cannot be executed, or ends at once" {
	script 'export CH_KEEPER=/nonexistent; (run -- true)'
	assert_match "$stderr" "error: execute the keeper '/nonexistent': No such file or directory"
	script 'export CH_KEEPER=/bin/true; (run -- true); echo $?'
	assert_equal "$output ${#stderr_lines[@]}" "31 1"
	assert_match "$stderr" "error: the keeper of the container ended unexpectedly"
}

@test "join: a name that somebody else has taken is an error that says so" {
	local name

	((EUID == 0)) || fail "needs root"
	name="charlie:$(as_test id -u)::tag:$tag"
	as_user2 python3 -c '
import os, socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.bind("\0" + sys.argv[1]); s.listen(); open(sys.argv[2], "w").close()
while os.path.exists(sys.argv[2]):
    time.sleep(0.05)' \
		"$name" "/tmp/squats.$tag" 3>&- &
	await 10 test -e "/tmp/squats.$tag"
	refused 31 "join: the name '@$name' is taken by user $(id -u "$test_user2"), who is somebody else; another --join-tag may help" \
		--join-tag="$tag" "$sqfs" -- echo no
	rm -f "/tmp/squats.$tag"
	wait
}

@test "join: strangers who connect to the keeper get nothing" {
	((EUID == 0)) || fail "needs root"
	script 'run -- sh -c "touch /opt/in; until [ -e /opt/go ]; do sleep 0.02; done" & until_exists in
		until_exists go; wait' &
	await 10 test -e "$tmp/in"
	run as_user2 python3 -c '
import socket, struct, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.settimeout(5)
s.connect("\0" + sys.argv[1])
try:
    s.send(struct.pack("=II", 2, 0))
    print(s.recv(1000), s.recvmsg(1, 100))
except OSError as e:
    print(e.strerror)' "charlie:$(as_test id -u)::tag:$tag"
	assert_match "$output" 'Broken pipe|Connection reset by peer'
	inside ok --join-tag="$tag" -b "$tmp:/opt" "$sqfs" -- echo ok
	as_test touch "$tmp/go"
	wait
}

# ---- --join-pid ---------------------------------------------------------------------------------

@test "join-pid: into the container of a running process" {
	script '(ch-run -b "$out:/opt" "$image" -- sh -c "readlink /proc/self/ns/mnt; echo \$\$ >/opt/pid.new; mv /opt/pid.new /opt/pid
			until [ -e /opt/go ]; do sleep 0.02; done") & until_exists pid
		ch-run --join-pid=$(<pid) "$image" -- sh -c "readlink /proc/self/ns/mnt; ls /opt/pid; id -u; grep CapEff /proc/self/status | tr -dc 0-9a-f"
		touch go; wait'
	assert_equal "$status$stderr" 0
	assert_equal "$(grep mnt: <<<"$output" | sort -u | wc -l)" 1
	assert_match "$output" "/opt/pid"$'\n'"$(as_test id -u)"$'\n'.*0000000000000000
}

@test "join-pid: into a container of which only orphans live" {
	script '(ch-run -b "$out:/opt" "$image" -- sh -c "(echo ready >/opt/ready; until [ -e /opt/go ]; do sleep 0.02; done; :) </dev/null >/dev/null 2>&1 & echo \$!" >pid)
		until_exists ready; ch-run --join-pid=$(<pid) "$image" -- sh -c "sha256sum </bin/busybox"; touch go'
	assert_equal "$stderr" ""
	assert_equal "$output" "$(sha256sum <"$dir/bin/busybox")"
}

@test "join-pid: what cannot be joined is told" {
	refused 31 "join: there is no process 2147483647" --join-pid=2147483647 "$sqfs" -- echo no
	local sleeper

	sleep 30 3>&- &
	sleeper=$!
	if [[ $CH_TEST_AS == user ]]; then
		refused 31 "join: process $sleeper is another user's, or may not be looked at" --join-pid=$sleeper "$sqfs" -- echo no
	fi
	# Nor does root get into the container of somebody else.
	if [[ $CH_TEST_AS == root ]]; then
		as_user timeout -k 5 60 ch-run "$sqfs" -- sh -c 'echo $$; exec sleep 30' >"$BATS_TEST_TMPDIR/pid" 3>&- &
		await 10 test -s "$BATS_TEST_TMPDIR/pid"
		refused 31 "join: process [0-9]+ is in a container of user $(id -u "$test_user")" \
			--join-pid="$(<"$BATS_TEST_TMPDIR/pid")" "$sqfs" -- echo no
		kill "$(<"$BATS_TEST_TMPDIR/pid")"
	fi
	script 'ch-run --join-pid=$$ "$image" -- echo no'
	assert_match "$stderr" "join: process [0-9]+ is not in a container"
	kill "$sleeper"
}

@test "join: usage errors" {
	refused 64 "option --join-ct: number of processes '0' is not" --join-ct=0 "$sqfs" -- echo no
	refused 64 "option --join-ct: number of processes '3x'" --join-ct=3x "$sqfs" -- echo no
	refused 64 "option --join-tag: the tag is empty" --join-tag= "$sqfs" -- echo no
	refused 64 "option --join-pid: process id '0'" --join-pid=0 "$sqfs" -- echo no
	refused 64 "join-pid: name a command" --join-pid=1 "$sqfs"
	refused 64 "excludes the other ways to join" --join-pid=1 --join "$sqfs" -- echo no
	refused 64 "excludes the other ways to join" --join-tag=x --join-pid=1 "$sqfs" -- echo no
}
