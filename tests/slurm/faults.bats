#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What breaks while a step starts, runs, or ends: file systems, processes, users' nerves.
# Steps run or fail with one line, end in time, and leave nothing (slurm_teardown's, too)
# shellcheck disable=SC2016 # variables for shells on the nodes

load ../lib/slurm
load ../lib/slurm_faults

setup_file() {
	slurm_up --cpus 16
	IMG=$(image tiny)
	export IMG
	compiled badfs >/dev/null
	compiled hit >/dev/null
}
teardown_file() { slurm_down; }
setup() { slurm_setup; }
teardown() {
	[[ ! ${bad-} ]] || bad_end
	slurm_teardown
}

# ---- a file system that fails --------------------------------------------------------------

@test "faults: the image's file system says EIO: one line, as user and as root" {
	bad_start
	kill -USR1 "$bad"
	both_fail 1 "charlie: n1: image '$img': Input/output error" -n2 --ch-image="$img"
	kill -USR2 "$bad"
	run -0 user srun -n1 --ch-image="$img" /opt/bin/only-in-image
}

@test "faults: the image's file system hangs: one line after start_timeout, and the node is idle while it still hangs" {
	plugstack required start_timeout=1
	bad_start
	for hang in user root; do
		kill -HUP "$bad"
		begin=$SECONDS
		who=$hang must_fail 1 -n2 --ch-image="$img"
		assert_match "$output" 'charlie: n1: .*(gave no answer in time)'
		assert_idle
		gone 10
		((SECONDS - begin < 15)) || fail "took $((SECONDS - begin)) s"
		kill -USR2 "$bad"
	done
	plugstack required
	run -0 user srun -n1 --ch-image="$img" /opt/bin/only-in-image
}

# A step that reads all of the image again and again, until it cannot: $pid is srun
reading() {
	"$1" srun -w n1 -n2 --job-name=reading --ch-image="$img" --ch-bind="$share:/share" sh -c '
		touch /share/started
		while find / -xdev -type f -size -20000 | while read -r f; do
			cat "$f" >/dev/null || exit 1; done; do :; done
		exit 3' >"$share/log" 2>&1 3>&- &
	pid=$!
	wait_until_empty 30 "not started: $(cat "$share/log")" missing "$share/started"
}

@test "faults: the image's file system hangs under a running step: scancel ends it at once" {
	bad_start debian
	for who in user root; do
		rm -f "$share/started"
		reading $who
		sleep 0.3
		kill -HUP "$bad"
		sleep 1
		begin=$SECONDS
		$who scancel --name=reading
		wait "$pid" || true
		assert_idle
		gone 10
		((SECONDS - begin < 15)) || fail "took $((SECONDS - begin)) s"
		kill -USR2 "$bad"
	done
}

@test "faults: the image's file system hangs, and the application is looking for files: scancel ends it" {
	cancel_while_looking
}

@test "faults: the image's file system says EIO under a running step: so does reading, and later it works again" {
	bad_start debian
	for who in user root; do
		rm -f "$share"/{started,go,failed,end,err}
		$who srun -w n1 -n1 --ch-image="$img" --ch-bind="$share:/share" sh -c '
			cat() { /bin/cat "$@" >/dev/null 2>/share/err; }
			cat /usr/bin/dpkg; cp /bin/true /tmp/true
			touch /share/started; while [ ! -e /share/go ]; do :; done
			cat /usr/lib/x86_64-linux-gnu/libcrypto* /usr/bin/perl /usr/bin/python3.* && exit 1
			touch /share/failed; while [ ! -e /share/end ]; do :; done
			cat /usr/lib/x86_64-linux-gnu/libcrypto* /usr/bin/perl /usr/bin/python3.* || exit 2
			rm /tmp/true; exit 42' >"$share/log" 2>&1 3>&- &
		pid=$!
		wait_until_empty 30 "not started" missing "$share/started"
		kill -USR1 "$bad"
		touch "$share/go"
		wait_until_empty 20 "no error" missing "$share/failed"
		assert_match "$(<"$share/err")" 'Input/output error'
		kill -USR2 "$bad"
		touch "$share/end"
		status=0
		wait "$pid" || status=$?
		((status == 42)) || fail "status $status: $(<"$share/log")"
	done
}

@test "faults: the image's file system begins to hang during the start: in, or one line" {
	plugstack required start_timeout=1
	bad_start
	for delay in 0.02 0.04 0.06 0.08 0.1; do
		(sleep $delay; kill -HUP "$bad"; sleep 2.5; kill -USR2 "$bad") 3>&- &
		stopper=$!
		at_once start_on_bad $delay
		gone 10
		wait "$stopper"
	done
}

start_on_bad() {	# WHAT
	# Both on n1: the other node has no such file system.
	run "$who" srun -w n1 -n2 --ch-image="$img" sh -c "touch '$marker' 2>/dev/null; exit 42"
	outcome "$who: $1"
}

# Two tasks read everything in an image that this was done to after they had begun; they do
# it by a program that is not in the image. What they were told is in $share/err.
changed_under() {	# WHO CMD...
	rm -f "$share"/{started,go,err}*
	chmod 777 "$share"
	cp "$(command -v busybox)" "$share/busybox"
	cp "$IMG" "$share/i.sqfs"
	"$1" srun -w n1 -n2 --ch-image="$share/i.sqfs" --ch-bind="$share:/share" /share/busybox sh -c '
		busybox() { /share/busybox "$@"; }
		busybox touch /share/started$SLURM_PROCID
		while [ ! -e /share/go ]; do busybox sleep 0.1; done
		busybox find / -xdev -type f -size -20000 2>>/share/err | while read f; do
			busybox cat "$f" >/dev/null 2>>/share/err; done
		exit 42' >"$share/log" 2>&1 3>&- &
	pid=$!
	wait_until_empty 30 "not started" missing "$share"/started{0,1}
	"${@:2}"
	touch "$share/go"
	status=0
	wait "$pid" || status=$?
	((status == 42)) || fail "$*: status $status: $(<"$share/log")"
	assert_idle
	gone 10
}

@test "faults: the image is truncated, overwritten, replaced or removed under a running step: errors at most" {
	for who in user root; do
		changed_under $who truncate -s 500000 "$share/i.sqfs"
		grep -q 'Input/output error' "$share/err"
		changed_under $who dd if=/dev/urandom of="$share/i.sqfs" bs=1M count=1 conv=notrunc status=none
		grep -q 'Input/output error' "$share/err"
		changed_under $who cp --remove-destination "$(image debian)" "$share/i.sqfs"
		[[ ! -s $share/err ]]
		changed_under $who rm "$share/i.sqfs"
		[[ ! -s $share/err ]]
	done
}

# ---- no room ----------------------------------------------------------------------------------

@test "faults: /tmp and /dev/shm are full: steps start" {
	# (When its spool directory is, Slurm drains the node.)
	for dir in /tmp /dev/shm; do
		on_node n1 mount -t tmpfs -o size=16k,mode=1777 full "$dir"
		on_node n1 sh -c "cat /dev/zero >$dir/filler" 2>/dev/null || true
		for who in user root; do
			run -0 $who srun -w n1 -n2 --ch-image="$IMG" /opt/bin/only-in-image
			assert_equal "$output" $'only-in-image tiny\nonly-in-image tiny'
			run ! $who srun -w n1 --ch-image="$IMG" --ch-bind="$share/none:/x" true
			assert_lines 1
		done
		assert_idle
		on_node n1 umount "$dir"
	done
}

# ---- processes that are killed or stopped ------------------------------------------------------

@test "faults: keeper, builder, server, worker are killed or stopped at any time: in, or one line, and an end" {
	hit_all 1 1
}

# ---- impatience ---------------------------------------------------------------------------------

@test "faults: a storm of scancel leaves nothing" {
	begin=$SECONDS
	storm 24 7
	assert_idle
	((SECONDS - begin < 60)) || fail "took $((SECONDS - begin)) s"
}

@test "faults: steps of one job are cancelled at random moments; the job goes on" {
	printf '%s\n' '#!/bin/bash' 'for i in {0..9}; do' \
		"srun --overlap -n1 --ch-image=$IMG sleep 100 & done" \
		'for i in {0..9}; do sleep 0.0$((i % 4)); scancel $SLURM_JOB_ID.$i; done' \
		'sleep 1' 'while [[ $(jobs -rp) ]]; do' \
		'for i in {0..9}; do scancel $SLURM_JOB_ID.$i; done; sleep 0.2; done; wait' \
		"srun --overlap -n1 --ch-image=$IMG /opt/bin/only-in-image" >"$share/job"
	at_once cancelled_steps
}

cancelled_steps() {
	local out=$share/out.$who

	batch_by "$who" -w "$node" -n2 -o "$out" "$share/job" &&
		assert_equal "$(tail -n 1 "$out")" "only-in-image tiny" &&
		one_reason_only "$out" && assert_equal "$(job_state "$job")" COMPLETED
}
