# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of slurm.bash and bats
# slurm_faults.bash - steps that something is done to: load after slurm; $IMG is the image
#
# Functions for tests:
#   outcome WHAT         fail unless $status and $output are those of a step that ran with
#                        exit code 42, or of one that failed, with one line of ours a node
#   hit WHO SIGNAL DELAY    run a step whose keeper, builder, server or worker gets SIGNAL so
#                        many microseconds after it appeared
#   hit_all SEED N       hit all of them N times, as user or root, at moments given by SEED:
#                        during the start, while it runs, at its end
#   storm USER N SEED LOGIN   start N steps by USER (user, root) and cancel them at any time
#   one_reason_only FILE...   fail unless all that we say in FILEs is that the keeper is gone
#   srun_flipped SEED... run images with flipped bits

outcome() {
	[[ ! -e $marker ]] || fail "$1: ran on the host: $output" || return
	((status == 42 || status == 1 || status == 2 || status > 128)) ||
		fail "$1: status $status: $output" || return
	((status != 124 && status != 137)) || [[ $output == *Killed* ]] ||
		fail "$1: took too long: $output" || return
	for node in n1 n2; do
		(($(grep -c "^charlie: $node: " <<<"$output") <= 1)) || fail "$1: $output" || return
	done
	((status > 2)) || grep -q "^charlie: n[12]: " <<<"$output" || fail "$1: no word: $output"
}

hit() {
	printf '%s\n' '#!/bin/sh' "exec $(compiled hit) $1 $(kill -l "$2") $3 $prefix/libexec/ch-keeper \"\$@\"" \
		>"$share/keeper"
	chmod 755 "$share/keeper"
	# So many that the builder has work for a while.
	run "${who-user}" srun -w n1 -n2 --ch-image="$IMG" --ch-bind="$binds" sh -c \
		"touch '$marker' 2>/dev/null; /opt/bin/only-in-image >/dev/null; exit 42"
	outcome "$*"
}

hit_all() {
	local begin delay sig victim who i

	RANDOM=$1
	plugstack required "helper=$share/keeper" start_timeout=2
	binds=$(printf ',/etc:/mnt/%s' {1..60})
	binds=${binds#,}
	for ((i = 0; i < $2; i++)); do
		for victim in keeper builder server worker; do
			for sig in KILL STOP; do
				((RANDOM % 2)) && who=user || who=root
				delay=$((RANDOM % 3 ? RANDOM % 15000 : RANDOM * 2))
				((i)) || delay=0
				begin=$SECONDS
				hit $victim $sig $delay
				((SECONDS - begin < 15)) || fail "$victim $sig $delay: $((SECONDS - begin)) s"
				assert_idle
			done
		done
	done
}

storm() {
	local i pids=()

	RANDOM=$3
	for ((i = 0; i < $2; i++)); do
		"$1" srun -n2 -w "n$((i % 2 + 1))" --job-name="storm$i" --ch-image="$IMG" sleep 100 \
			>"$share/storm$i" 2>&1 3>&- &
		pids+=($!)
		(sleep "0.$((RANDOM % 6))$((RANDOM % 10))"; "$1" scancel --name="storm$i") 3>&- &
		(((i + 1) % 5)) || wait $!
	done
	# Those that were not there when they were cancelled.
	sleep 0.5
	timeout 20 scancel --user="$(id -un "$4")"
	for i in "${pids[@]}"; do
		wait "$i" || true
	done
	run grep -c charlie: "$share"/storm*
	assert_equal "$(grep -v ':[01]$' <<<"$output")" ""
	one_reason_only "$share"/storm*
}

# Slurm has killed the keeper, too, and the tasks notice that first.
one_reason_only() {	# FILE...
	local reason='the keeper of the container ended unexpectedly'

	run grep -h charlie: "$@"
	assert_equal "$(grep -vx "charlie: n[12]: $reason" <<<"$output")" ""
}

srun_flipped() {
	local seed who

	# By an intact program: a damaged one may do anything.
	cp "$(command -v busybox)" "$share/busybox"
	# shellcheck disable=SC2016
	printf '%s\n' '/share/busybox find / -xdev -type f -size -20000 | while read -r file; do' \
		'/share/busybox cat "$file" >/dev/null; done; exit 42' >"$share/read"
	for seed; do
		cp "$IMG" "$share/flipped.sqfs"
		flip "$share/flipped.sqfs" "$seed"
		who=$( ((seed % 2)) && echo user || echo root)
		run "$who" timeout 30 srun -Q -w n1 --ch-image="$share/flipped.sqfs" \
			--ch-bind="$share:/share" /share/busybox sh /share/read
		((status == 42)) || assert_lines 1 || fail "seed $seed: status $status: $output"
	done
}

# ---- a file system that fails --------------------------------------------------------------

# $share/bad on n1 shows $share/good, as badfs (pid $bad) lets it
bad_start() {
	chmod 777 "$share"	# of root inside, too
	mkdir "$share/good" "$share/bad"
	cp "$(image "${1-tiny}")" "$share/good/i.sqfs"
	nsenter --target "$(node_pid n1)" --mount --net --uts --ipc -- \
		"$(compiled badfs)" "$share/good" "$share/bad" >&2 3>&- &
	bad=$!
	img=$share/bad/i.sqfs
	wait_until_empty 10 "badfs: not mounted" not_mounted
}

not_mounted() {
	on_node n1 test -e "$share/bad/i.sqfs" || echo no
}

bad_end() {
	kill -USR2 "$bad"
	kill "$bad"
	wait "$bad" || true
	bad=
}

# Everything but badfs is gone from the node, though it may hang.
gone() {
	wait_until_empty "$1" "still there" others
}

others() {
	node_processes | grep -v " $bad " || true
}

# Two tasks look for files while the image's file system hangs, and are cancelled: the step
# ends, and nothing but badfs is left.
cancel_while_looking() {
	bad_start debian
	for who in user root; do
		rm -f "$share/started" "$share/go"
		$who srun -w n1 -n2 --job-name=looking --ch-image="$img" --ch-bind="$share:/share" \
			sh -c 'echo /etc/* >/dev/null; touch /share/started
				while [ ! -e /share/go ]; do :; done; echo /usr/*/*/*/*' >"$share/log" 2>&1 3>&- &
		pid=$!
		wait_until_empty 30 "not started" missing "$share/started"
		kill -HUP "$bad"
		touch "$share/go"
		sleep 1
		begin=$SECONDS
		$who scancel --name=looking
		wait "$pid" || true
		wait_until_empty 25 "nodes are not idle" busy_nodes
		gone 10
		((SECONDS - begin < 25)) || fail "took $((SECONDS - begin)) s"
		kill -USR2 "$bad"
	done
}
