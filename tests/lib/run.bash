# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # variables of common.bash and bats
# run.bash - what the tests of ch-run share: load after common
#
# Functions for tests:
#   ch ARGS...            ch-run as CH_TEST_AS says, without TMPDIR, 60 s at most
#   run_ch ARGS...        the same by bats' run: $status, $output (stdout), $stderr
#   inside TEXT ARGS...   ch-run succeeds, says nothing on stderr, and prints TEXT
#   refused STATUS REGEX ARGS...   ch-run fails with STATUS, one error line on stderr that
#                         matches REGEX, and nothing on stdout
#   copy_image DIR        a directory image of one's own, to be changed by the test
#   own PATH...           give to whom as_test means
#   squash DIR FILE       make a SquashFS image
#   program NAME PKG...   compile tests/lib/NAME.c, once for a file, with these packages of
#                         pkg-config; prints the program's path
#   read_all FILE         ch-run reads all of this damaged image: no hang, no crash
#   script TEXT ARGS...   by bats' run, a script of bash as CH_TEST_AS says; 100 s at most
#   servers NAME IMAGE    process ids of image servers for the file IMAGE: those named ch-server
#                         (supervisors), or ch-server-w (workers)
#   await SECONDS CMD...  until CMD succeeds; fails in the end
#   timed CMD...          $took: hundredths of a second that CMD took
#   with_log OPTION... -- CMD...   CMD as CH_TEST_AS says, by bats' run, where /dev/log is that
#                         of tests/slurm/syslogd OPTION; what it got is in $log. OPTION --none:
#                         without a log
#
# Variables for tests:
#   $via                  array, to be set by tests: words in front of ch-run in all these:
#                         (prlimit --nofile=64); $root_via (common.bash) is for root
#   setup_images          $dir and $sqfs: image tiny; $both: both of them

via=()

setup_images()
{
	dir=$(image tiny dir)
	sqfs=$(image tiny)
	# shellcheck disable=SC2034
	both=("$dir" "$sqfs")
}

ch()
{
	as_test env -u TMPDIR timeout -k 5 60 "${via[@]}" ch-run "$@"
}

run_ch()
{
	run --separate-stderr ch "$@"
}

inside()
{
	local text=$1

	shift
	run_ch "$@"
	[[ $status == 0 && ! $stderr && $output == "$text" ]] ||
		fail "ch-run $*" "status: $status" "stdout: $output" "stderr: $stderr" "wanted: $text"
}

refused()
{
	local code=$1 regex=$2

	shift 2
	run_ch "$@"
	[[ $status == "$code" && ! $output && ${#stderr_lines[@]} == 1 &&
		$stderr =~ ^ch-run\[[1-9][0-9]*\]:\ error:\ .*\ \([a-z_-]+\.c:[1-9][0-9]*\ [0-9]+\)$ &&
		$stderr =~ $regex ]] ||
		fail "ch-run $*" "status: $status, wanted $code" "stdout: $output" \
			"stderr: $stderr" "wanted: $regex"
}

own()
{
	if ((EUID == 0)) && [[ $CH_TEST_AS == user ]]; then
		chown -R "$test_user:" "$@"
	fi
}

copy_image()
{
	cp -a "$(image tiny dir)" "$1"
	own "$1"
}

squash()
{
	mksquashfs "$1" "$2" -noappend -no-progress -quiet -comp zstd >/dev/null
	chmod 644 "$2"
}

servers()
{
	local fd

	find /proc/[0-9]*/fd/4 -lname "$2" 2>/dev/null | while read -r fd; do
		[[ $(cat "${fd%/fd/4}/comm" 2>/dev/null) != "$1" ]] || cut -d/ -f3 <<<"$fd"
	done
}

await()
{
	local end=$((SECONDS + $1 + 1))

	shift
	until "$@"; do
		((SECONDS < end)) || fail "in vain: $*" || return
		sleep 0.05
	done
}

program()
{
	local out=$BATS_FILE_TMPDIR/$1 flags=()

	chmod o+x "$BATS_FILE_TMPDIR"
	if [[ ! -e $out ]]; then
		(($# == 1)) || read -ra flags < <(pkg-config --cflags --libs "${@:2}")
		"${CC:-cc}" -D_GNU_SOURCE -O1 -o "$out" "$top/tests/lib/$1.c" "${flags[@]}" >&2 ||
			return
	fi
	printf '%s\n' "$out"
}

script()
{
	run --separate-stderr as_test env -u TMPDIR timeout -k 5 100 bash -c "$1" script "${@:2}"
}

timed()
{
	local start=$EPOCHREALTIME

	"$@"
	took=$((${EPOCHREALTIME/[.,]/} - ${start/[.,]/}))
	# shellcheck disable=SC2034
	took=$((took / 10000))
}

# By an intact program: a damaged one may do anything. Damage may also make a file look very
# long.
read_all()
{
	run_ch -b "$(command -v busybox):/mnt/busybox" "$1" -- /mnt/busybox sh -c \
		'/mnt/busybox find / -xdev -type f -size -20000 -exec /mnt/busybox cat {} + >/dev/null'
	# 137: of timeout
	[[ $status != 124 && $status != 137 && ! $stderr =~ (SIG|[Ss]egmentation|dumped) ]] ||
		fail "status $status: $output$stderr"
}

# shellcheck disable=SC2016 # a shell of its own
with_log()
{
	local options=()

	while [[ $1 != -- ]]; do
		options+=("$1")
		shift
	done
	shift
	rm -f "$tmp/log"
	mkdir -p "$tmp/dev"
	run --separate-stderr unshare --mount --propagation private --pid --fork --kill-child bash -c '
		top=$1 tmp=$2 test_user=$3
		mount -t tmpfs dev "$tmp/dev" && cd /dev && cp -a null zero full random urandom tty ptmx fuse "$tmp/dev" &&
			mkdir "$tmp/dev/pts" "$tmp/dev/shm" && mount --bind pts "$tmp/dev/pts" && cd / &&
			mount --rbind "$tmp/dev" /dev || exit 100
		if [[ $4 != --none ]]; then
			python3 "$top/tests/slurm/syslogd" ${4:+"$4"} "$tmp/log" >/dev/null 2>&1 3>&- &
			while [[ ! -e $tmp/log ]]; do sleep 0.02; done
		fi
		rc=0 as=()
		# runuser and its like write to the log, and wait for it.
		[[ $CH_TEST_AS == root ]] || as=(setpriv --reuid "$test_user" --regid "$test_user" --init-groups)
		"$top/tests/lib/open-fuse" "${as[@]}" env -u TMPDIR timeout -k 5 60 "${@:5}" || rc=$?
		# It is all there when this is there.
		[[ $4 == --* ]] || python3 -c "
import socket
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b\"end\", \"/dev/log\")"
		while [[ ! $4 && $(tail -n 1 "$tmp/log") != end ]]; do sleep 0.02; done
		exit $rc' with_log "$top" "$tmp" "$test_user" "${options[0]-}" "$@"
	# shellcheck disable=SC2034 # for the caller
	log=$(grep -av '^end$' "$tmp/log" 2>/dev/null || true)
}
