# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154,SC2016 # variables of slurm.bash and bats; shells on the nodes
# slurm_faults.bash - steps that something is done to: load after slurm; $IMG is the image
#
# Functions for tests; what they do is done as the user and as root, at the same time:
#   hit_cell WHO SIGNAL WHEN WANTED   a step whose keeper, builder, server or worker gets
#                        SIGNAL, for sure, WHEN (tests/lib/hit.c; /running: while the
#                        application runs; /over: when it has ended, and slurmstepd has told
#                        nobody). It has to end as WANTED says: "in", or by one line that
#                        matches it; and nothing is left
#   hit_all SEED N       hit all of them N times, at moments given by SEED: during the start,
#                        while it runs, at its end
#   storm N SEED         start N steps, and cancel them at any time
#   srun_flipped SEED... run images with flipped bits; $share/found has a line for each step:
#                        "whole", or "damaged" if not all could be read
#   outcome WHAT         fail unless $status and $output are those of a step that ran with
#                        exit code 42, or of one that failed, with one line of ours a node
#   one_reason_only FILE...   fail unless all that we say in FILEs is that a helper is gone

outcome() {
	local node

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

# $output has one line of ours; it is of NODE and matches REGEX.
assert_line() {	# NODE REGEX
	local lines

	lines=$(grep charlie: <<<"$output") || true
	[[ $lines != *$'\n'* && $lines =~ ^"charlie: $1: "$2$ ]] || fail "$output"
}

# ---- processes that are hit ----------------------------------------------------------------

# hitting WHO SIGNAL WHEN [WANTED]: from now on, keepers are those of tests/lib/hit.c, which make
# share/hit.user, share/hit.root when somebody was hit
hitting() {
	local when=$3 timeout=5 whose='who=user; [ "$(id -u)" != 0 ] || who=root'

	[[ $when != /* ]] || when="$share$when.\$who"
	# Spent on waiting for it, but where all goes well
	[[ "$1 $2" != "keeper STOP" || ${4-} == in ]] || timeout=1
	chmod 777 "$share"	# of root inside, too
	rm -f "$share"/{hit,running,over}.*
	printf '%s\n' '#!/bin/sh' "$whose" \
		"exec $(compiled hit) $1 $(kill -l "$2") $when $share/hit.\$who $prefix/libexec/ch-keeper \"\$@\"" \
		>"$share/keeper"
	printf '%s\n' '#!/bin/sh' "$whose" "cd '$share'" \
		'touch over.$who; until [ -s hit.$who ]; do sleep 0.01; done' >"$share/epilog"
	chmod 755 "$share/keeper" "$share/epilog"
	plugstack required "helper=$share/keeper" start_timeout=$timeout
}

# A step of $who on $node, whose application touches /share/running.$who, and then does MORE
hit_step() {	# MORE SRUN-OPTION...
	local binds

	# So many that the builder has work for a while.
	binds=$(printf ',/etc:/mnt/%s' {1..60})
	run "$who" srun -w "$node" "${@:2}" --ch-image="$IMG" --ch-bind="$share:/share$binds" \
		sh -c "touch '$marker' 2>/dev/null; /opt/bin/only-in-image >/dev/null
			touch /share/running.$who; $1
			cat /bin/busybox >/dev/null && exit 42"
}

hit_as_wanted() {	# WHEN WANTED
	local more=: options=(-n2)

	case $1 in
	/running) more="until [ -s /share/hit.$who ]; do sleep 0.02; done" ;;
	/over) options=(-n1 --task-epilog="$share/epilog") ;;
	esac
	hit_step "$more" "${options[@]}"
	[[ ! -e $marker ]] || fail "$who ran on the host: $output" || return
	[[ -s $share/hit.$who ]] || fail "$who: nobody was hit: $output" || return
	if [[ $2 == in ]]; then
		[[ $status == 42 && $output != *charlie:* ]] || fail "$who: status $status: $output"
	else
		((status == 1)) || fail "$who: status $status: $output" || return
		assert_line "$node" "$2"
	fi
}

# Slurm 22.05 tries once to remove the cpuset group of a step. Where a process was still ending at
# that moment, since the keeper could not wait for it, it stays: empty, or rmdir would not do it.
remove_empty_groups() {
	groups_left | grep /cpuset/ | sort -r | xargs -r -d '\n' rmdir
}

hit_cell() {
	local begin=$SECONDS

	hitting "$1" "$2" "$3" "$4"
	{ at_once hit_as_wanted "$3" "$4" && assert_idle; } || fail "$*" || return
	[[ $1 != keeper ]] || (wait_until_empty 2 left groups_left) 2>/dev/null >&2 ||
		remove_empty_groups
	assert_clean || fail "$*" || return
	((SECONDS - begin < 15)) || fail "$*: $((SECONDS - begin)) s"
}

hit_at_random() {	# WHAT
	hit_step : -n2
	outcome "$who: $1"
}

hit_all() {
	local begin delay sig victim i hits=0

	RANDOM=$1
	for ((i = 0; i < $2; i++)); do
		for victim in keeper builder server worker; do
			for sig in KILL STOP; do
				delay=$((RANDOM % 3 ? RANDOM % 15000 : RANDOM * 2))
				begin=$SECONDS
				hitting $victim $sig $delay
				at_once hit_at_random "$victim $sig $delay"
				((SECONDS - begin < 15)) || fail "$victim $sig $delay: $((SECONDS - begin)) s"
				assert_idle
				hits=$((hits + $(find "$share" -name 'hit.*' | wc -l)))
			done
		done
	done
	# A builder, say, may have gone by then.
	((hits >= 8 * $2)) || fail "only $hits hits"
}

# ---- steps that are cancelled ----------------------------------------------------------------

storm() {
	local i who pid pids=()

	RANDOM=$2
	for ((i = 0; i < $1; i++)); do
		for who in user root; do
			$who srun -n2 -w "n$((i % 2 + 1))" --job-name="storm$i.$who" --ch-image="$IMG" \
				sleep 100 >"$share/storm$i.$who" 2>&1 3>&- &
			pids+=($!)
			(sleep "0.$((RANDOM % 6))$((RANDOM % 10))"; $who scancel --name="storm$i.$who") 3>&- &
		done
		(((i + 1) % 5)) || wait $!
	done
	wait $!
	# Those that were not there when they were cancelled, and may not be yet
	wait_until_empty 40 "steps go on" cancel_rest "${pids[@]}"
	for pid in "${pids[@]}"; do
		wait "$pid" || true
	done
	run grep -c charlie: "$share"/storm*
	assert_equal "$(grep -v ':[01]$' <<<"$output")" ""
	one_reason_only "$share"/storm*
}

# Prints those that have not ended yet.
cancel_rest() {	# SRUN-PID...
	timeout 20 scancel --user="$test_user"
	timeout 20 scancel --user=root
	ps -o pid= -p "$*" || true
}

# Slurm kills the processes of a step one after the other. The tasks may notice that the keeper
# is gone, or the keeper, before its turn comes, that one of its children is; and whoever looks into
# the image, that the image server is.
one_reason_only() {	# FILE...
	local gone='the (keeper|builder) of the container ended unexpectedly'

	gone+="|image '.*': the image server (ended unexpectedly|has ended)"
	gone+='|.*: (Transport endpoint is not connected|Software caused connection abort)'
	run grep -h charlie: "$@"
	assert_equal "$(grep -vxE "charlie: n[12]: ($gone)" <<<"$output")" ""
}

# ---- images that are damaged ---------------------------------------------------------------

srun_flipped() {
	local seed

	# By an intact program: a damaged one may do anything.
	cp "$(command -v busybox)" "$share/busybox"
	printf '%s\n' '/share/busybox find / -xdev -type f -size -20000 | while read -r file; do' \
		'/share/busybox cat "$file" >/dev/null; done; exit 42' >"$share/read"
	for seed; do
		cp "$IMG" "$share/flipped.sqfs"
		flip "$share/flipped.sqfs" "$seed"
		at_once read_flipped "$seed"
	done
}

read_flipped() {	# SEED
	run "$who" timeout -k 5 30 srun -Q -w "$node" -n1 --ch-image="$share/flipped.sqfs" \
		--ch-bind="$share:/share" /share/busybox sh /share/read
	if [[ $output =~ (cat|find|charlie):\  ]]; then echo damaged; else echo whole; fi >>"$share/found"
	((status == 42)) || assert_line "$node" '.*' || fail "$who: seed $1: status $status"
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
		wait_until_empty 40 "nodes are not idle" busy_nodes
		gone 10
		((SECONDS - begin < 45)) || fail "took $((SECONDS - begin)) s"
		kill -USR2 "$bad"
	done
}
