# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# common.bash - what all bats files share
#
#     load ../lib/common
#     setup() { ch_setup; }
#     teardown() { ch_teardown; }
#
# contrib/check runs the files; by hand, as root, for a build in ./_inst:
#
#     CH_TEST_AS=user bats tests/e2e/run.bats
#
# Environment, all optional:
#   CH_PREFIX       where the software is installed; default: _inst in the source tree, or
#                   else what PATH finds
#   CH_TEST_AS      "user" or "root": whom as_test means; default: user
#   CH_TEST_IMAGES  where made images are kept during a run
#   CH_IMAGE_CACHE  cache of contrib/images, for all runs
#   CH_TEST_ISOLATED  set where nobody else makes files in /tmp and its like
#
# Variables for tests:
#   $top            source tree
#   $prefix         installation; $prefix/bin is in front in PATH
#   $plugin         spank_charlie.so
#   $tmp            directory of this test, owned by whom as_test means, cleaned by bats
#   $test_user, $test_user2   two ordinary users
#   $root_via       array, to be set by tests: words in front of what as_test and its like
#                   run, for root, with an open /dev/fuse: (prlimit --core=0)
#   $no_fuse        to be set to "yes" by tests: as_test and its like need no /dev/fuse, and take
#                   a fraction of the time
#
# Functions for tests:
#   as_test CMD...    run CMD as CH_TEST_AS says: the file is run twice by contrib/check
#   as_user CMD...    run CMD as the ordinary user, with its HOME, and an open /dev/fuse
#   as_user2 CMD...   the same as the second one
#   with_fuse CMD...  run CMD with an open /dev/fuse
#   image NAME [FORM] print the path of an image of contrib/images, making it on first use;
#                     FORM is sqfs (default), sif, or dir; everybody can read it
#   assert_nothing_left   fail if there are processes, mounts or files of ours which were
#                     not there at ch_setup; ch_teardown calls it. Waits up to 5 s for
#                     what is about to end.
#   assert_no_reports   fail if a sanitizer reported something, of an installation with
#                     sanitizers; ch_teardown calls it
#   unsanitized       skip this test if the installation has sanitizers: give the reason
#   is_steady FILE   of pairs of times, without and with a container: are the last as fast as
#                    the first?
#   assert_match TEXT REGEX, assert_equal GOT WANTED   fail with both in the output
#   flip FILE SEED    invert a bit at each of three random places of FILE
#   fail TEXT...      fail with this text
#
# A skipped test fails in contrib/check, unless the reason begins with "does not apply".
# Background processes: give them "3>&-", or bats waits for them.

bats_require_minimum_version 1.5.0

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
prefix=${CH_PREFIX-}
if [[ ! $prefix && -x $top/_inst/bin/ch-run ]]; then
	prefix=$top/_inst
fi
# Names in ps, and types in mountinfo, that are ours alone.
our_processes='^(ch-run|ch-image|ch-keeper|ch-server|ch-server-w)$'
our_mounts=' - fuse[^ ]* (ch-|charlie)| - fuse\.(ch-|charlie)'
root_via=()
no_fuse=
me=$(id -un)
declare -gA homes=()
test_user=chtest
test_user2=chtest2
: "${CH_TEST_AS:=user}"
export CH_TEST_AS

# Debian's apt and ours would otherwise be told apart by the locale.
export LC_ALL=C.UTF-8
# What the caller happens to have set must not decide a test.
unset "${!CH_RUN_@}" "${!CH_SPANK_@}" "${!SLURM_@}" "${!SBATCH_@}" 2>/dev/null || true

if [[ $prefix ]]; then
	PATH=$prefix/bin:$PATH
	# shellcheck disable=SC2034
	plugin=$prefix/lib/slurm/spank_charlie.so
fi
PATH=$PATH:/usr/sbin:/sbin

fail()
{
	printf '%s\n' "$@" >&2
	return 1
}

assert_match()
{
	[[ $1 =~ $2 ]] || fail "got:    $1" "wanted: $2"
}

assert_equal()
{
	[[ $1 == "$2" ]] || fail "got:    $1" "wanted: $2"
}

# ---- users -------------------------------------------------------------------------

need_user()
{
	id "$1" >/dev/null 2>&1 || useradd --create-home --shell /bin/bash "$1"
}

with_fuse()
{
	if [[ $no_fuse ]]; then
		"${root_via[@]}" "$@"
	else
		"$top/tests/lib/open-fuse" "${root_via[@]}" "$@"
	fi
}

# find_home USER: note where that is, for all that follows
find_home()
{
	need_user "$1"
	homes[$1]=$(getent passwd "$1" | cut -d: -f6)
}

# run_as USER CMD...
run_as()
{
	local user=$1

	shift
	if [[ $me == "$user" ]]; then
		"$@"
		return
	fi
	((EUID == 0)) || fail "only root can become $user" || return
	[[ ${homes[$user]-} ]] || find_home "$user"
	with_fuse runuser -u "$user" -- env -u BASH_ENV HOME="${homes[$user]}" USER="$user" \
		LOGNAME="$user" SHELL=/bin/bash "$@"
}

as_user()
{
	if ((EUID)); then "$@"; else run_as "$test_user" "$@"; fi
}

as_user2()
{
	run_as "$test_user2" "$@"
}

as_test()
{
	case $CH_TEST_AS in
	user) as_user "$@" ;;
	root)
		((EUID == 0)) || fail "CH_TEST_AS=root, but not run as root" || return
		with_fuse "$@"
		;;
	*) fail "CH_TEST_AS=$CH_TEST_AS: neither user nor root" ;;
	esac
}

# ---- images --------------------------------------------------------------------------

image()
{
	local name=$1 form=${2-sqfs} dir=${CH_TEST_IMAGES:-$BATS_RUN_TMPDIR/images} out make

	case $form in
	sqfs | sif) out=$dir/$name.$form make=$out ;;
	dir) out=$dir/$name make=$out/ ;;
	*) fail "image: no form '$form'" || return ;;
	esac
	(
		umask 022
		mkdir -p "$dir"
		# Tests may run side by side; images are renamed into place when done.
		flock 9
		[[ -e $out ]] || "$top/contrib/images" --quiet "$name" "$make" >&2
	) 9>>"$(image_lock "$dir")" </dev/null || return
	printf '%s\n' "$out"
}

image_lock()
{
	mkdir -p "$1"
	printf '%s/.lock\n' "$1"
}

flip()
{
	python3 - "$1" "$2" <<-'END'
		import random
		import sys

		random.seed(int(sys.argv[2]))
		with open(sys.argv[1], "r+b") as f:
		    size = f.seek(0, 2)
		    for _ in range(3):
		        at = random.randrange(size)
		        f.seek(at)
		        byte = f.read(1)[0] ^ 1 << random.randrange(8)
		        f.seek(at)
		        f.write(bytes([byte]))
	END
}

# ---- nothing is left -------------------------------------------------------------------

# Everything of ours that could stay behind, one a line
traces()
{
	local pid comm ns
	local -A seen=()

	traces_sockets
	for pid in /proc/[0-9]*; do
		{ read -r comm <"$pid/comm"; } 2>/dev/null || continue
		[[ ! $comm =~ $our_processes ]] || printf 'process %s %s\n' "${pid#/proc/}" "$comm"
	done
	# Each mount namespace once. Those without a process end by themselves.
	while read -r ns pid; do
		[[ ! ${seen[$ns]-} ]] || continue
		seen[$ns]=1
		{ grep -E "$our_mounts" "${pid%/ns/mnt}/mountinfo" || true; } 2>/dev/null |
			awk -v ns="$ns" '{ print "mount", ns, $1, $3, $5 }'
	done < <(find /proc/[0-9]*/ns/mnt -maxdepth 0 -printf '%l %p\n' 2>/dev/null)
	traces_files
}

# Abstract sockets with names like ours that a process holds which can be seen: others may
# run tests in the same network namespace.
traces_sockets()
{
	local inode name

	awk '$8 ~ /^@.*(charlie|ch-)/ { print $7, $8 }' /proc/net/unix | while read -r inode name; do
		# Processes may end meanwhile.
		find /proc/[0-9]*/fd -lname "socket:\[$inode\]" -printf "socket $name\n" -quit || true
	done 2>/dev/null
}

# On a machine that others use, too, only names that look like ours count.
traces_files()
{
	local only=(-regex '.*\(charlie\|/ch[-.]\|pmix\|ompi\).*')

	[[ ! ${CH_TEST_ISOLATED-} ]] || only=()
	find /tmp /dev/shm /run /var/tmp -mindepth 1 -maxdepth 1 ! -name 'bats-run-*' \
		"${only[@]}" -printf 'file %p\n' 2>/dev/null || true
}

assert_nothing_left()
{
	local end=$((SECONDS + 6)) left

	while :; do
		left=$(comm -13 "$BATS_TEST_TMPDIR/.traces" <(traces | sort))
		[[ $left ]] || return 0
		((SECONDS < end)) || break
		sleep 0.2
	done
	fail "left behind:" "$left"
}

# ---- sanitizers ------------------------------------------------------------------------

# Where reports go (cli/sanitize.c)
reports=$prefix/libexec/sanitizer-reports

is_sanitized()
{
	[[ $prefix && -e $reports ]]
}

# unsanitized REASON
unsanitized()
{
	! is_sanitized || skip "does not apply with sanitizers: $1"
}

assert_no_reports()
{
	local text

	is_sanitized && [[ -s $reports ]] || return 0
	text=$(cat "$reports")
	: >"$reports"
	fail "reports of sanitizers:" "$text"
}

# ---- many times in a row -----------------------------------------------------------------

# Are the last twenty as fast as the first, by the medians of the ratios and of the
# differences in a pair? Prints what was found.
is_steady()
{
	python3 - "$1" <<-'END'
		import statistics
		import sys

		pairs = [tuple(map(int, line.split())) for line in open(sys.argv[1])]
		n = min(20, len(pairs) // 2)
		first = statistics.median(b / a for a, b in pairs[:n])
		last = statistics.median(b / a for a, b in pairs[-n:])
		print(f"{len(pairs)} pairs; with image / without: first {first:.3f}, last {last:.3f}")
		sys.exit(not 0.8 <= last / first <= 1.2)
	END
}

ch_setup()
{
	# bats makes its directories for one user; ours must get at $tmp below.
	chmod o+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/{suite,file,test} 2>/dev/null || true
	chmod 755 "$BATS_TEST_TMPDIR"
	tmp=$BATS_TEST_TMPDIR/tmp
	mkdir "$tmp"
	if ((EUID == 0)); then
		find_home "$test_user"
		find_home "$test_user2"
		[[ $CH_TEST_AS == root ]] || chown "$test_user:" "$tmp"
	fi
	traces | sort >"$BATS_TEST_TMPDIR/.traces"
}

ch_teardown()
{
	local rc=0

	assert_nothing_left || rc=1
	assert_no_reports || rc=1
	return $rc
}
