# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of common.bash, image.bash and bats
# image_kill.bash - builds and pulls that are killed at random moments: load after image
#
# Functions for tests:
#   kill_prepare      a Dockerfile; how long its build takes
#   kill_build N      begin the N-th build, which nobody had before, kill it, and see that
#                     nothing is lost and everything goes on
#   kill_verify N     after the N-th: the cache is sound, and that build goes on
#   pull_kill_prepare, pull_kill N, pull_kill_verify   the same for pulls
#   kills_hit MIN STATE...   fail unless MIN of them, or more, were killed before they were through,
#                     and each STATE was found: the instruction (0: none yet) that a build was at;
#                     "part" (a file half come), "draft" (an image half unpacked) of pulls

hits=0
declare -gA states=()

# ended STATUS STATE...: note how one ended, and what was found
ended()
{
	local state

	(($1 != 137)) || : $((hits++))
	for state in "${@:2}"; do states[$state]=yes; done
}

kills_hit()
{
	local state

	echo "# $hits were killed; found: ${!states[*]}"
	((hits >= $1)) || fail "only $hits were killed"
	for state in "${@:2}"; do
		[[ ${states[$state]-} ]] || fail "not found: $state"
	done
}

kill_prepare()
{
	local i begin

	for i in {1..300}; do echo "$i" >"$ctx/file$i"; done
	own "$ctx"
	df Dockerfile <<-'END'
		FROM tiny AS base
		ARG n
		RUN mkdir /a && for i in $(seq 400); do echo $n $i >/a/$i; done; ln /a/1 /link; mkfifo /fifo
		FROM base
		COPY --from=base /a /b
		COPY file* /c/
		RUN rm -r /a && chmod 0 /b/7 && echo $n >/n && sleep 0.1
		ENV n=$n
		RUN cat /n
	END
	begin=${EPOCHREALTIME/./}
	img build --build-arg n=0 -t kept .
	assert_equal "$status" 0
	build_us=$((${EPOCHREALTIME/./} - begin))
}

# How many of the instructions that the killed build had begun are known now; the last one
# need not be.
known()
{
	img build -n --build-arg "n=$1" -t killed .
	[[ $status == 0 ]] || fail "status $status" "$stderr"
	grep -cE '^ *[0-9]+\*' <<<"$stderr"
}

kill_build()
{
	local n=$1 us job rc=0 begun dropped

	us=$((RANDOM * 32768 + RANDOM))
	us=$((us % build_us))
	rm -f "$ctx/pid" "$ctx/log"
	as_test "${via[@]}" env -C "$ctx" bash -c 'echo $$ >pid; exec "$@" 2>log' x \
		ch-image build --build-arg "n=$n" -t killed . >/dev/null 3>&- &
	job=$!
	until [[ -s $ctx/pid ]]; do sleep 0.002; done
	sleep "$((us / 1000000)).$(printf %06d $((us % 1000000)))"
	kill -KILL "$(cat "$ctx/pid")" || true # it may be through
	wait "$job" || rc=$?
	begun=$(grep -cE '^ *[0-9]+[.*]' "$ctx/log" || true)
	ended "$rc" "$begun"
	echo "# build $n: killed after $us us, at instruction $begun" >&2

	# No command is left running, and the next one clears up, and says so.
	await 10 bash -c '! pgrep -x "ch-(image|keeper)"'
	img list
	dropped=$stderr
	[[ $status == 0 && $output == *kept* && -z $(as_test ls "$store/tmp") ]] ||
		fail "status $status" "$output" "$stderr"
	if [[ $dropped ]]; then
		assert_match "$dropped" "^dropped unfinished image 'killed(_stage0)?': its maker was killed"
	fi
	# What was finished is known, what was an image is one.
	(($(known "$n") >= begun - 1)) || fail "begun: $begun" "$(cat "$ctx/log")" "now: $stderr"
	inside 0 kept -- cat /n
}

# kill_verify: the cache is sound, and the last build goes on
kill_verify()
{
	img build-cache --verify
	[[ $status == 0 ]] || fail "$stderr"
	run as_test git -C "$store/bucache" fsck --full --strict
	[[ $status == 0 ]] || fail "git fsck: $output"
	img build --build-arg "n=$1" -t killed .
	[[ $status == 0 ]] || fail "$stderr"
	inside "$1" killed -- cat /n
	# shellcheck disable=SC2016
	in_image killed 'test "$(ls /b | wc -l),$(ls /c | wc -l),$(stat -c "%a %h" /b/7 /link | tr "\n" ,)" = "400,300,0 1,644 1,"'
}

# ---- pulls: load image_pull, too -----------------------------------------------------------

# pull_new N: an image that nobody had before is in the registry, as "kill:N"; its files, $tmp/tree
pull_new()
{
	local i

	rm -rf "$tmp/tree"
	mkdir "$tmp/tree"
	for i in {1..300}; do echo "$1 $i" >"$tmp/tree/$i"; done
	head -c 2000000 /dev/urandom >"$tmp/tree/random"
	ln "$tmp/tree/1" "$tmp/tree/link"
	tar -C "$tmp" -cf "$tmp/tree.tar" tree
	mktar more "f:more:$1" f:tree/.wh.7
	put_image "kill:$1" gzip:tree.tar none:more.tar
	rm "$tmp/tree/7"
}

pull_kill_prepare()
{
	local begin

	pull_new 0
	pulls "$registry/kill:0" kept
	# The first one makes the cache, too, which takes as long again.
	pull_new again
	begin=${EPOCHREALTIME/./}
	pulls "$registry/kill:again" killed
	pull_us=$((${EPOCHREALTIME/./} - begin))
}

# pull_is_right NAME N: it is the image "kill:N"
pull_is_right()
{
	at "$1" "diff -r tree '$tmp/tree'; grep -qx $2 more; test tree/1 -ef tree/link"
}

# pull_kill N: begin the N-th pull, kill it, and see that nothing is lost or left, and that the next
# one gets the image
pull_kill()
{
	local us rc=0 found

	pull_new "$1"
	us=$(((RANDOM * 32768 + RANDOM) % pull_us))
	begin_pull "$registry/kill:$1" killed
	sleep "$((us / 1000000)).$(printf %06d $((us % 1000000)))"
	kill -KILL "$pid" || true # it may be through
	wait "$job" || rc=$?
	found=$(as_test find "$store"/{tmp,dlcache} -mindepth 1 -maxdepth 1 \
		\( -path "$store/tmp/*" -printf 'draft\n' -o -name '*.part' -printf 'part\n' \) | sort -u | tr '\n' ' ')
	# shellcheck disable=SC2086 # words
	ended "$rc" $found
	echo "# pull $1: killed after $us us of $pull_us, with: $found"

	img list
	[[ $status == 0 && $output == *kept* ]] || fail "status $status" "$output" "$stderr"
	if [[ $stderr ]]; then
		assert_match "$stderr" "^dropped unfinished image 'killed': its maker was killed"
	fi
	# (The lock's file goes with the next one who wants it.)
	assert_equal "$(as_test ls "$store/tmp")" ""
	pulls "$registry/kill:$1" killed
	pull_is_right killed "$1"
	nothing_left
	as_test find "$store/dlcache" -name '*.part' -o -name '.*' | grep . && fail "parts are left"
	return 0
}

pull_kill_verify()
{
	img build-cache --verify
	[[ $status == 0 ]] || fail "$stderr"
	run as_test git -C "$store/bucache" fsck --full --strict
	[[ $status == 0 ]] || fail "git fsck: $output"
}
